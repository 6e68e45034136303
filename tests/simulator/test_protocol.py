"""The simulated models over the wire: the OpenAI protocol, read by the official client."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import openai
import pytest
from server_process import JUDGE, QUESTION, post

from persona_lib.messages.json_replies import sent
from persona_lib.messages.templates import load as load_templates
from persona_lib.simulator import VERSION, formats, roles
from persona_lib.simulator.forms import TEMPLATES, Forms
from persona_lib.simulator.protocol import EMBEDDER, tokens
from persona_lib.simulator.world import load

REPO = Path(__file__).resolve().parents[2]
WORDS = load_templates(TEMPLATES)


def test_models_are_listed_with_the_worlds_version(client):
    listed = [model.id for model in client.models.list()]
    assert listed == [f"{name}@{VERSION}" for name in (*load().models, EMBEDDER)]
    assert [client.models.retrieve(name).id for name in ("sim-large", listed[-1])] == [listed[0], listed[-1]]
    for name in ("gpt-9", "sim-large@000000000000"):
        with pytest.raises(openai.NotFoundError) as error:
            client.models.retrieve(name)
        assert error.value.code == "model_not_found"


def test_embeddings_are_of_length_one_and_texts_that_share_words_lie_close(client):
    texts = ["Should zoos be closed?", "Should zoos be kept open?", "The tax on sugar."]
    got = client.embeddings.create(model="sim-embedding", input=texts, dimensions=128)
    vectors = [item.embedding for item in got.data]
    assert [len(v) for v in vectors] == [128] * 3 and got.usage.prompt_tokens == sum(tokens(t) for t in texts)
    assert [sum(x * x for x in v) for v in vectors] == pytest.approx([1, 1, 1], abs=1e-5)
    dot = [sum(a * b for a, b in zip(vectors[0], v, strict=True)) for v in vectors]
    assert dot[1] > 0.4 > dot[2]
    plain = client.embeddings.create(model="sim-embedding", input=texts[2], dimensions=128, encoding_format="float")
    assert plain.data[0].embedding == pytest.approx(vectors[2], abs=1e-6)
    with pytest.raises(openai.NotFoundError, match="does not embed"):
        client.embeddings.create(model="sim-large", input="x")
    with pytest.raises(openai.NotFoundError, match="sim-embedding does not chat"):
        client.chat.completions.create(model="sim-embedding", messages=QUESTION)
    with pytest.raises(openai.NotFoundError, match=f"version {VERSION}, not 000"):
        client.embeddings.create(model="sim-embedding@000", input="x")
    with pytest.raises(openai.BadRequestError, match="'input' must be a text"):
        client.embeddings.create(model="sim-embedding", input="")


def test_a_completion_is_what_the_client_and_the_role_say(client):
    schema = {"type": "json_schema", "json_schema": {"name": "judge", "schema": WORDS["judge"].response_schema}}
    name = f"sim-large@{VERSION}"
    for sample in range(20):
        got = client.chat.completions.create(model=name, messages=JUDGE, seed=sample, response_format=schema)
        expected = roles.reply(Forms(), load().models["sim-large"], JUDGE, sample=sample)
        choice = got.choices[0]
        said = choice.message.refusal if expected.refused else choice.message.content
        assert (said, choice.finish_reason, got.object, got.model) == (expected.text, "stop", "chat.completion", name)
        assert got.usage.completion_tokens == tokens(expected.text)
        assert got.usage.total_tokens == got.usage.prompt_tokens + got.usage.completion_tokens
    again = client.chat.completions.create(model="sim-large", messages=JUDGE, seed=19, response_format=schema)
    assert again == got


def test_a_refusal_has_no_content(client):
    """sim-rater refuses one request in a hundred; some of 600 samples are refusals."""
    who, forms = load().models["sim-rater"], Forms()
    sample = next(i for i in range(600) if roles.reply(forms, who, JUDGE, sample=i).refused)
    message = client.chat.completions.create(model="sim-rater", messages=JUDGE, seed=sample).choices[0].message
    assert message.content is None and message.refusal


def test_plain_questions_and_foreign_schemas_are_answered(client):
    plain = client.chat.completions.create(model="sim-large", messages=QUESTION)
    assert "zoos" in plain.choices[0].message.content
    schema = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer", "minimum": 3}}}
    shape = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    got = client.chat.completions.create(model="sim-judge", messages=QUESTION, response_format=shape)
    assert json.loads(got.choices[0].message.content) == {"n": 3}


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
@pytest.mark.parametrize("most", [1, 5, 40, 10_000])
def test_a_reply_ends_where_its_tokens_end(client, name, most):
    """Oracle: the whole reply, four characters a token; it says so, and counts what was said."""
    asked = {"model": "sim-large", "messages": QUESTION}
    whole = client.chat.completions.create(**asked).choices[0]
    got = client.chat.completions.create(**asked, **{name: most})
    assert whole.finish_reason == "stop" and 160 < len(whole.message.content) < 40_000
    assert got.choices[0].message.content == whole.message.content[: 4 * most]
    assert got.choices[0].finish_reason == ("stop" if most == 10_000 else "length")
    assert most == 10_000 or got.usage.completion_tokens == most


def test_a_reply_of_just_so_many_tokens_is_whole(client):
    asked = {"model": "sim-large", "messages": QUESTION}
    whole = client.chat.completions.create(**asked)
    n, text = whole.usage.completion_tokens, whole.choices[0].message.content
    for most, reason in ((n, "stop"), (n - 1, "length")):
        got = client.chat.completions.create(**asked, max_tokens=most).choices[0]
        assert got.finish_reason == reason and (got.message.content == text) == (reason == "stop")


def test_a_reply_ends_before_the_first_stop(client):
    asked = {"model": "sim-large", "messages": QUESTION}
    text = client.chat.completions.create(**asked).choices[0].message.content
    first, second = text.split()[4], text.split()[2]
    got = client.chat.completions.create(**asked, stop=[first, second, "@@"])
    assert got.choices[0].finish_reason == "stop"
    assert got.choices[0].message.content == text[: min(text.find(first), text.find(second))]
    assert client.chat.completions.create(**asked, stop="@@").choices[0].message.content == text
    cut = client.chat.completions.create(**asked, stop="@@", max_tokens=3).choices[0]
    assert (cut.finish_reason, cut.message.content) == ("length", text[:12])


def closed(**properties) -> dict:
    """A schema that strict mode takes, of these properties."""
    return {"type": "object", "additionalProperties": False, "required": [*properties], "properties": properties}


def strict(schema: dict) -> dict:
    return {"type": "json_schema", "json_schema": {"name": "reply", "strict": True, "schema": schema}}


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        (closed(a={"type": "string", "minLength": 1}), "In context=('properties', 'a'), 'minLength' is not permitted."),
        (
            closed(a={"type": "array", "items": closed(b={"type": "number", "minimum": 0})}),
            "In context=('properties', 'a', 'items', 'properties', 'b'), 'minimum' is not permitted.",
        ),
        ({**closed(), "oneOf": [{"required": []}]}, "In context=(), 'oneOf' is not permitted."),
        (
            {"type": "object", "required": [], "properties": {}},
            "In context=(), 'additionalProperties' is required to be supplied and to be false.",
        ),
        (
            {**closed(a={"type": "null"}), "required": []},
            "In context=(), 'required' is required to be supplied and to be an array including every key in properties."
            " Missing 'a'.",
        ),
        ({"type": "array", "items": {}}, "schema must be a JSON Schema of 'type: \"object\"', got 'type: \"array\"'."),
    ],
)
def test_strict_mode_refuses_as_the_real_endpoint_does(client, schema, said):
    """Oracle: messages of the real endpoint, as bug reports of other projects quote them."""
    with pytest.raises(openai.BadRequestError) as error:
        client.chat.completions.create(model="sim-large", messages=QUESTION, response_format=strict(schema))
    assert error.value.body["message"] == f"Invalid schema for response_format 'reply': {said}"
    assert (error.value.code, error.value.type, error.value.param) == (None, "invalid_request_error", "response_format")


def test_strict_mode_takes_what_the_engine_sends(client):
    """Every structured template, and a schema of each keyword that strict mode knows."""
    every = closed(
        a={"anyOf": [{"$ref": "#/$defs/word"}, {"type": "null"}], "description": "a word"},
        b={"type": ["integer", "null"], "enum": [3, None]},
        c={"type": "array", "items": closed(d={"const": "d"})},
    )
    every |= {"$defs": {"word": {"type": "string", "title": "word"}}}
    for schema in (every, *(sent(form.response_schema) for form in WORDS.values() if form.response_schema)):
        got = client.chat.completions.create(model="sim-large", messages=QUESTION, response_format=strict(schema))
        jsonschema.validate(json.loads(got.choices[0].message.content), schema)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "integer", "maximum": -3},
        {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 0.5},
        {"type": "integer", "minimum": 8, "multipleOf": 7},
        {
            "$ref": "#/$defs/node",
            "$defs": {"node": closed(next={"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]})},
        },
        {"type": "array", "minItems": 2, "items": {"type": "string", "minLength": 3}},
        {"anyOf": [{"type": "string", "minLength": 4}, {"type": "string", "minLength": 2}]},
        {"type": ["string", "null"], "minLength": 9},
    ],
)
def test_a_foreign_schema_is_answered_by_what_fits_it(schema):
    jsonschema.validate(formats.smallest(schema), schema)
    assert not formats.fault(json.dumps(schema), strict=False)


@pytest.mark.parametrize(
    "schema", [{"type": "string", "pattern": "^a$"}, {"not": {}}, {"minLength": 1e9, "type": "string"}]
)
def test_a_schema_that_nothing_found_fits_is_refused(client, schema):
    shape = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    with pytest.raises(openai.BadRequestError, match="no value that fits"):
        client.chat.completions.create(model="sim-large", messages=QUESTION, response_format=shape)


def test_an_unknown_model_and_an_old_version_are_not_found(client):
    with pytest.raises(openai.NotFoundError, match="'gpt-9' does not exist; there are sim-large"):
        client.chat.completions.create(model="gpt-9", messages=QUESTION)
    with pytest.raises(openai.NotFoundError, match=f"version {VERSION}, not 000000000000") as error:
        client.chat.completions.create(model="sim-large@000000000000", messages=QUESTION)
    assert error.value.code == "model_not_found"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"{not json", None),
        (b"\xff\xfe", None),
        (b"[]", None),
        (b'{"messages": []}', "model"),
        (b'{"model": "sim-large"}', "messages"),
        (b"[" * 100_000, None),
        (b'{"model": "sim-large", "messages": [{"role": "user", "content": "\\ud800"}]}', "messages.[0]"),
        (b'{"model": "sim-large", "messages": [{"role": "user"}]}', "messages.[0]"),
        (b'{"model": "sim-large", "messages": [{"role": "user", "content": "x"}], "seed": "1"}', "seed"),
        (b'{"model": "sim-large", "messages": [{"role": "user", "content": "x"}], "stream": true}', "stream"),
        (b'{"model": "sim-large", "messages": [{"role": "user", "content": "x"}], "n": 2}', "n"),
    ],
)
def test_a_bad_body_is_an_error_of_the_protocol(port, body, param):
    status, answer = post(port, body)
    assert status == 400
    assert answer["error"]["type"] == "invalid_request_error" and answer["error"]["param"] == param


def shaped(schema: object, **more) -> dict:
    return {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": schema, **more}}}


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"max_completion_tokens": "a"}, "max_completion_tokens"),
        ({"max_tokens": 1, "max_completion_tokens": 1}, "max_tokens"),
        ({"stop": 3}, "stop"),
        ({"stop": [*"abcde"]}, "stop"),
        ({"stop": [""]}, "stop"),
        ({"tools": [{"type": "function"}]}, "tools"),
        ({"logprobs": True}, "logprobs"),
        ({"temperature": 3}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"top_p": "a"}, "top_p"),
        ({"seed": 10**20}, "seed"),
        ({"response_format": [1]}, "response_format"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"response_format": {"type": "json_schema", "json_schema": [1]}}, "response_format.json_schema.schema"),
        (shaped([1]), "response_format.json_schema.schema"),
        (shaped({}, name=None), "response_format.json_schema.name"),
        (shaped({}, name="a b"), "response_format.json_schema.name"),
        (shaped({}, strict="yes"), "response_format.json_schema.strict"),
        (shaped({"properties": ["a"]}), "response_format"),
        (shaped({"type": []}), "response_format"),
        (shaped({"type": "object", "required": [["a"]]}), "response_format"),
        (shaped({"$ref": "http://localhost/x"}), "response_format"),
        (shaped({"$ref": "#/nowhere"}), "response_format"),
        (shaped({"type": "number", "minimum": float("inf")}), "response_format"),
        (shaped(json.loads('{"items": ' * 400 + "{}" + "}" * 400)), "response_format"),
    ],
)
def test_what_is_asked_beyond_the_messages_is_checked(port, more, param):
    status, answer = post(port, json.dumps({"model": "sim-large", "messages": QUESTION, **more}).encode())
    assert status == 400
    assert answer["error"]["type"] == "invalid_request_error" and answer["error"]["param"] == param


def test_a_seed_is_any_integer_of_64_bits(port):
    """Oracle: the two ends of the range, and the two numbers beyond."""
    for seed, is_taken in ((-(2**63), True), (2**63 - 1, True), (2**63, False), (-(2**63) - 1, False)):
        status, _ = post(port, json.dumps({"model": "sim-large", "messages": QUESTION, "seed": seed}).encode())
        assert (status == 200) == is_taken, seed
