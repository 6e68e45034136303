"""JSON replies: strict where the endpoint takes a schema; else the one object that is meant, and never a guess."""

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persona_lib.messages.json_replies import parsed
from persona_lib.messages.reply import read
from persona_lib.messages.request import Request, canonical

SCHEMA = canonical(
    {
        "type": "object",
        "required": ["choice"],
        "properties": {"choice": {"enum": ["A", "B"]}},
        "additionalProperties": True,
    }
)


@pytest.mark.parametrize(
    "text",
    [
        '{"choice": "A"}',
        ' \n{"choice": "A"}\n',
        '```json\n{"choice": "A"}\n```',
        'I choose {"choice": "A"}, since it is kinder.',
        'A set {x, y} and {"not": "it"}; my reply: {"choice": "A"}',
        '{"choice": "A"} To repeat: {"choice": "A"}',
        '{"choice": "A", "why": "it says {\\"choice\\": \\"B\\"}"}',
        '{"choice": "C"} no, {"choice": "A"}',
    ],
)
def test_the_one_object_that_is_meant(text):
    data, wrong = parsed(text, SCHEMA, lenient=True)
    assert (data["choice"], wrong) == ("A", "")


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("A", "no JSON object in it"),
        ('["A"]', "not the JSON asked for"),
        ('"A"', "not the JSON asked for"),
        ('{"choice": "A"', "no JSON object in it"),
        ('{"choice": "C"}', "not the JSON asked for"),
        ('first {"choice": "C"}', "not the JSON asked for ($.choice"),
        ('{"choice": "A"} {"choice": "B"}', "two different JSON objects"),
        ('x {"choice": NaN}', "no JSON object in it"),
        ("[" * 100_000, "no JSON object in it"),
        ('{"a":' * 100_000, "no JSON object in it"),
    ],
)
def test_anything_else_says_what_is_wrong(text, wrong):
    assert parsed(text, SCHEMA, lenient=True)[1].startswith(wrong)


def test_strict_takes_nothing_around_it():
    assert parsed('{"choice": "A"}.', SCHEMA)[1].startswith("not JSON")
    assert parsed("[" * 100_000, SCHEMA)[1].startswith("not JSON")


def test_a_long_text_of_beginnings_is_read_in_no_time():
    start = time.process_time()
    parsed('{"' + "x" * 100 * 1000 + '{"' * 50_000, SCHEMA, lenient=True)
    assert time.process_time() - start < 2


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.text(max_size=5), st.text(max_size=20)), st.text("ab \n`", max_size=20), st.text("ab \n`"))
def test_an_object_is_found_whatever_text_without_a_brace_stands_around_it(values, before, after):
    # oracle: the JSON that was put in
    data = {**values, "choice": "B"}
    assert parsed(before + json.dumps(data) + after, SCHEMA, lenient=True) == (data, "")


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=300))
def test_reading_any_reply_gives_a_status(text):
    for in_prompt in (False, True):
        asked = Request("large", "m", (), {}, 0, json.loads(SCHEMA), in_prompt)
        reply = read(asked, json.dumps({"choices": [{"message": {"content": text}}]}))
        assert reply.status == "unparsed" and reply.detail.endswith(text or "empty reply")
