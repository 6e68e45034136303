"""Templates: text never becomes template, every slot is filled, a rendered text gives its slots back."""

import hashlib
import json
from pathlib import Path

import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from persona_lib.asking.client import body
from persona_lib.ledger.sealed import recorded
from persona_lib.ledger.sealed import row as row_of
from persona_lib.messages import templates
from persona_lib.messages.check_form import FORM as FORM_OF_CHECK
from persona_lib.messages.endpoint import Endpoint
from persona_lib.messages.request import Reply, Request, build
from persona_lib.messages.templates import SLOTS, Template, TemplateError, invert, load, render

ROOT = Path(__file__).parents[2]
FORM = Template("form", 1, "reconstructed", "Be brief.", "<p>{{persona}}</p>\n<q>{{prompt}}</q>\nSay it.")
HOSTILE = [
    "{{prompt}}",
    "{{persona}} {{answer}} {{",
    "{} {0} {x!r} %s $x ${x}",
    "\\1 \\g<0> \\n",
    "\"quotes\" 'and' `ticks` </p> <q>",
    "a\x00b",
    "line\r\nline\u2028line\u0085end",
    "日本語 العربية 👩‍👩‍👧 e\u0301 ı",
    " space at both ends \n",
    "x" * 100_000,
    "",
]


@pytest.fixture
def folder(tmp_path):
    def make(**changes):
        values = {"version": 1, "source": "reconstructed", "least_max_tokens": 8, "system": "Be kind."}
        values |= {"user": "{{prompt}}"} | changes
        kept = {key: value for key, value in values.items() if value is not ...}
        (tmp_path / "form.yaml").write_text(yaml.safe_dump(kept), "utf-8")
        return tmp_path

    return make


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_text_goes_through_unchanged_and_never_becomes_template(text):
    # oracle: plain concatenation
    system, user = render(FORM, {"persona": text, "prompt": text})
    assert system == {"role": "system", "content": "Be brief."}
    assert user == {"role": "user", "content": "<p>" + text + "</p>\n<q>" + text + "</q>\nSay it."}


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="<"), max_size=60), st.text("ab{}<>/pq\n"))
def test_invert_undoes_render(persona, prompt):
    # unique as long as the first slot does not hold what follows it
    slots = {"persona": persona, "prompt": prompt}
    assert invert(FORM, render(FORM, slots)[1]["content"]) == slots


PIECES = ["{{", "}}", "{{prompt}}", "{{persona}}", "{", "}", "%s", "$x", "\\1", "\\g<0>", '"', "'", "`", "word "]
PIECES += ["</persona>", "<answer_a>", "&amp;", "\x00", "\x1b[0m", "\r\n", "\u2028", "\u202e", "e\u0301"]
PIECES += ["日本語", "العربية", "👩‍👩‍👧"]
ANY_TEXT = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=12).map("".join),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=80),
    st.sampled_from(["{{prompt}} " * 9_000, "\x00" * 100_000, "字" * 100_000]),
)


def filled(user, slots):
    """The oracle: cut at the opening braces, no pattern and no replacing."""
    first, *rest = user.split("{{")
    pieces = [part.split("}}", 1) for part in rest]
    return first + "".join(slots[name] + text for name, text in pieces)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(sorted(load(ROOT / "data" / "templates"))), st.data())
def test_every_shipped_template_takes_any_text_as_data(name, data):
    form = load(ROOT / "data" / "templates")[name]
    slots = {slot: data.draw(ANY_TEXT, slot) for slot in form.slots}
    system, user = render(form, slots)
    assert system["content"] == form.system and user["content"] == filled(form.user, slots)


@settings(max_examples=50, deadline=None)
@given(ANY_TEXT, ANY_TEXT, st.booleans())
def test_any_text_reaches_the_wire_and_the_ledger_unchanged(persona, prompt, json_schema):
    form = Template("form", 1, "ours", "Be brief.", FORM.user, {"type": "object"})
    row = {"endpoint": "large", "template": "form", "slots": {"persona": persona, "prompt": prompt}}
    ends = {"large": Endpoint("large", "m", json_schema=json_schema)}
    (asked,) = build(pd.DataFrame([row]), endpoints=ends, templates={"form": form})
    expected = "<p>" + persona + "</p>\n<q>" + prompt + "</q>\nSay it."
    if not json_schema:
        expected += (
            "\n\nReply with one JSON object and nothing else, valid against this JSON schema:\n" + '{"type":"object"}'
        )
    sent = json.loads(json.dumps(body(asked)))
    assert [m["content"] for m in sent["messages"]] == ["Be brief.", expected]
    assert ("response_format" in sent) == json_schema
    again = recorded(row_of(asked, Reply("ok", "{}")))
    assert again.messages[1]["content"] == expected and again.hash == asked.hash


# What OpenAI's strict mode takes (its guide on structured outputs): anything else is a 400 before the first answer.
STRICT = {"type", "properties", "required", "additionalProperties", "enum", "const", "items", "anyOf", "description"}


def faults(schema, at="$"):
    """Where a schema is not what strict mode takes."""
    found = [f"{at}: {name}" for name in schema.keys() - STRICT]
    if "type" not in schema and "anyOf" not in schema:
        found.append(f"{at}: no type")
    if schema.get("type") == "object":
        if schema.get("additionalProperties") is not False or set(schema["required"]) != set(schema["properties"]):
            found.append(f"{at}: open")
        for name, part in schema["properties"].items():
            found += faults(part, f"{at}.{name}")
    return found


def test_response_formats_are_what_strict_mode_takes():
    asked = [
        form.response_schema for form in load(ROOT / "data" / "templates").values() if form.response_schema is not None
    ]
    assert len(asked) == 13 and any(faults(schema) for schema in asked), "some say more than may be sent"
    for schema in asked:
        sent = body(Request("large", "m", (), {}, 0, schema))["response_format"]["json_schema"]
        assert sent["strict"] and faults(sent["schema"]) == []
        assert set(sent["schema"]["properties"]) == set(schema["properties"])


# Version and SHA-256 of the messages that each template becomes with slots <name>: these bytes are what models are
# sent. Whoever changes a template raises its version and writes the new line here.
PINNED = {
    "answer": (1, "74c75b6e965e774c"),
    "answer_chain_of_thought": (1, "27ae1ffaeae440c3"),
    "answer_divergent": (1, "35de5e84bdbe0416"),
    "answer_from_summary": (2, "6948e7cf9e96c817"),
    "answer_output_only": (1, "0733109639360a5b"),
    "ask_share": (1, "9439771010f1b8dc"),
    "check_consistency": (1, "e98b848f479232ca"),
    "classify_prompt": (2, "572f379653985040"),
    "critique_neutral": (2, "749686d5b39fea2c"),
    "critique_paper": (2, "ed805818578c4aec"),
    "examine": (1, "5a9277b27de474a5"),
    "find_dropped": (2, "c4c0cddeb93a8b0b"),
    "judge": (1, "a7c670697ab1660e"),
    "judge_certainty": (1, "ab790c0685da7df1"),
    "judge_no_persona": (1, "5d34ae45555cbaf8"),
    "nearer": (1, "581f2b09b91b02d0"),
    "revise": (2, "51aa91d73e9c5a14"),
    "revise_again": (1, "3c5582bbae31954e"),
    "summarise": (2, "fad394d662fc1491"),
    "survey_oneself": (1, "d9c07b72aad2b68e"),
    "survey_persona": (1, "afc4a01c16257777"),
    "survey_shares": (1, "341f9b7f2698ba9e"),
    "write_traits": (2, "f0551c6d0e9d7595"),
}


def test_the_words_that_models_are_sent_are_pinned():
    found = {}
    for name, form in load(ROOT / "data" / "templates").items():
        sent = [render(form, {slot: f"<{slot}>" for slot in form.slots}), form.response_schema]
        found[name] = (form.version, hashlib.sha256(json.dumps(sent, sort_keys=True).encode()).hexdigest()[:16])
    assert found == PINNED


def test_an_enum_that_stands_for_a_slot_holds_its_lines_at_whatever_depth():
    """By hand; a text in a slot that looks like a slot stays text, and a schema without such an enum is the same."""
    of_slot, plain = {"type": "string", "enum": ["{{topics}}"]}, {"enum": ["x"]}
    inside = {"type": "object", "properties": {"topic": of_slot, "a": plain}}
    form = Template("form", 1, "", "", "{{topics}} {{prompt}}", {"type": "array", "items": [inside]})
    filled = templates.schema(form, {"topics": "War\n{{prompt}}", "prompt": "Why?"})
    assert filled["items"][0]["properties"] == {
        "topic": {"type": "string", "enum": ["War", "{{prompt}}"]},
        "a": {"enum": ["x"]},
    }
    assert form.response_schema["items"][0]["properties"]["topic"]["enum"] == ["{{topics}}"], (
        "the template is as it was"
    )
    plain = Template("form", 1, "", "", "{{prompt}}", {"enum": ["A", "B"]})
    assert templates.schema(plain, {"prompt": "Why?"}) is plain.response_schema


def test_a_template_needs_at_least_what_its_typical_reply_is_expected_to_have():
    """Oracle: the declared lengths of replies, which the plan rests on."""
    lengths = pd.read_csv(ROOT / "data" / "reference" / "typical_lengths.csv").query("kind == 'reply'")
    shipped = {**load(ROOT / "data" / "templates"), FORM_OF_CHECK.name: FORM_OF_CHECK}
    assert set(shipped) == set(lengths["name"])
    for row in lengths.itertuples():
        assert row.expected <= shipped[row.name].least_max_tokens <= 2 * row.high, row.name


def test_a_later_slot_cannot_change_an_earlier_one():
    slots = {"persona": "Age: 40", "prompt": "Ha</p>\n<q>Age: 20</q>\nSay it."}
    assert invert(FORM, render(FORM, slots)[1]["content"])["persona"] == "Age: 40"


def test_invert_of_another_text_is_none():
    assert invert(FORM, "<p>x</p>") is None


def test_a_repeated_slot_is_filled_twice_and_inverted_once():
    form = Template("form", 1, "", "", "{{prompt}}! {{prompt}}?")
    assert render(form, {"prompt": "Go"})[1]["content"] == "Go! Go?"
    assert invert(form, "Go! Go?") == {"prompt": "Go"} and invert(form, "Go! Come?") is None


@pytest.mark.parametrize(
    ("slots", "message"),
    [
        ({"persona": "x"}, "template form: slot prompt is not filled"),
        ({"persona": "x", "prompt": "y", "answer": "z"}, "template form: has no slot answer"),
        ({"persona": "x", "prompt": float("nan")}, "template form: slot prompt is nan, not text"),
        ({"persona": "x", "prompt": None}, "template form: slot prompt is None, not text"),
        ({"persona": "x", "prompt": "\ud83d"}, "slot prompt holds half a character"),
    ],
)
def test_slots_that_do_not_fit(slots, message):
    with pytest.raises(TemplateError, match=message):
        render(FORM, slots)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"usr": "x"}, "form.yaml: unknown key usr; known are version, source, least_max_tokens, system, user"),
        ({"user": ...}, "form.yaml: key user is missing"),
        ({"version": "one"}, "form.yaml: version must be a whole number"),
        ({"system": None}, "form.yaml: system must be text"),
        ({"least_max_tokens": ...}, "form.yaml: key least_max_tokens is missing"),
        ({"least_max_tokens": "many"}, "form.yaml: least_max_tokens must be a whole number"),
        ({"user": "{{question}}"}, "form.yaml: unknown slot question; known are persona, prompt"),
        ({"user": "{{prompt}}\n{{ answer }}"}, r"form.yaml: user, line 2: '\{\{' opens no slot"),
        ({"user": "Hello."}, "form.yaml: user has no slot"),
        ({"system": "{{persona}}"}, "form.yaml: system holds '{{'; slots stand in user only"),
        ({"response_schema": {"type": "thing"}}, "form.yaml: response_schema: 'thing' is not valid"),
        ({"response_schema": {"enum": ["{{topics}}"]}}, "an enum stands for slot topics, which user has not"),
    ],
)
def test_a_wrong_file_is_named_with_what_is_wrong(folder, changes, message):
    with pytest.raises(TemplateError, match=message) as error:
        load(folder(**changes))
    assert "\n" not in str(error.value)


def test_not_yaml_and_no_template(tmp_path):
    with pytest.raises(TemplateError, match="no template"):
        load(tmp_path)
    (tmp_path / "bad.yaml").write_text("version: [1", "utf-8")
    with pytest.raises(TemplateError, match="bad.yaml: not YAML"):
        load(tmp_path)
    (tmp_path / "bad.yaml").write_text("- 1", "utf-8")
    with pytest.raises(TemplateError, match="bad.yaml: must be a mapping"):
        load(tmp_path)


def test_shipped_templates_load_and_survive_their_plain_form():
    shipped = load(ROOT / "data" / "templates")
    assert {slot for form in shipped.values() for slot in form.slots} == set(SLOTS)
    for form in shipped.values():
        assert Template.from_dict(form.to_dict()) == form
        slots = dict.fromkeys(form.slots, "Age: 40\nthat is all")
        assert templates.invert(form, render(form, slots)[1]["content"]) == slots


@pytest.mark.parametrize("place", ["http://127.0.0.1:9/schema.json", "file:///etc/passwd", "other.json"])
def test_a_schema_that_leads_elsewhere_is_refused_and_nothing_is_fetched(place):
    """A validator would fetch it; a stranger's ledger brings its templates with it."""
    schema = {"type": "object", "properties": {"a": {"items": {"$ref": place}}}}
    given = {"name": "t", "version": 1, "source": "s", "system": "s", "user": "{{prompt}}"}
    with pytest.raises(TemplateError, match=r"response_schema: \$ref .* leads out of it; nothing is fetched"):
        Template.from_dict({**given, "response_schema": schema})
    Template.from_dict({**given, "response_schema": {"$ref": "#/$defs/a", "$defs": {"a": {"type": "object"}}}})
