"""JSON replies: the last object of the form that was asked for, whatever stands around it."""

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
        '{"choice": "B"}, one could say; I choose {"choice": "A"}',
        'I choose {"choice": "A"}, not {"choice": "C"}',
        '{"why": {"choice": "B"}, "choice": "A"}',
        "{" * 300 + 'x {"choice": "A"}',
    ],
)
def test_the_last_object_of_the_form(text):
    data, wrong = parsed(text, SCHEMA)
    assert (data["choice"], wrong) == ("A", "")


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("A", "not JSON"),
        ('["A"]', "not the JSON asked for"),
        ('"A"', "not the JSON asked for"),
        ('{"choice": "A"', "not JSON"),
        ('{"choice": "C"}', "not the JSON asked for"),
        ('first {"choice": "C"}', "not the JSON asked for ($.choice"),
        ('x {"choice": NaN}', "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('{"a":' * 100_000, "not JSON"),
    ],
)
def test_anything_else_says_what_is_wrong(text, wrong):
    assert parsed(text, SCHEMA)[1].startswith(wrong)


def test_a_long_text_of_beginnings_is_read_in_no_time():
    start = time.process_time()
    parsed('{"' + "x" * 100 * 1000 + '{"' * 50_000, SCHEMA)
    assert time.process_time() - start < 2


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.text(max_size=5), st.text(max_size=20)), st.text("ab \n`", max_size=20), st.text("ab \n`"))
def test_an_object_is_found_whatever_text_without_a_brace_stands_around_it(values, before, after):
    # oracle: the JSON that was put in
    data = {**values, "choice": "B"}
    assert parsed(before + json.dumps(data) + after, SCHEMA) == (data, "")


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=300))
def test_reading_any_reply_gives_a_status(text):
    for in_prompt in (False, True):
        asked = Request("large", "m", (), {}, 0, json.loads(SCHEMA), in_prompt)
        reply = read(asked, json.dumps({"choices": [{"message": {"content": text}}]}))
        assert reply.status == "unparsed" and reply.detail.endswith(text or "empty reply")
