"""Requests and replies: the hash, rows that make no request, bodies that are no reply."""

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from persona_lib.messages.endpoint import Endpoint
from persona_lib.messages.request import ReplyError, Request, build, read
from persona_lib.messages.templates import load


class TestRead:
    @pytest.mark.parametrize("body", ["", "[]", "{}", '{"choices": []}', '{"choices": [{"message": {"content": 5}}]}'])
    def test_what_is_no_chat_completion(self, body):
        with pytest.raises(ReplyError, match="no chat completion came back"):
            read(Request("large", "m", (), {}), body)

    def test_a_body_nested_deeper_than_python_reads(self):
        with pytest.raises(ReplyError, match="no chat completion came back"):
            read(Request("large", "m", (), {}), "[" * 200_000)


@pytest.mark.parametrize("json_schema", [True, False])
def test_a_topic_that_is_not_listed_is_no_reply(json_schema):
    """Of the shipped classifier: the topics of its request are the only ones that its reply may name."""
    forms = load(Path(__file__).parents[2] / "data" / "templates")
    slots = {"topics": "Animals\nWar, and peace", "prompt": "Is it right to eat meat?"}
    rows = pd.DataFrame({"endpoint": ["a"], "template": ["classify_prompt"], "slots": [slots]})
    (asked,) = build(rows, endpoints={"a": Endpoint("a", "m", json_schema=json_schema)}, templates=forms)
    assert asked.response_schema["properties"]["topic"]["enum"] == ["Animals", "War, and peace"]
    assert asked.schema_in_prompt == ('["Animals","War, and peace"]' in asked.messages[1]["content"])
    status = {}
    for topic in ("Animals", "animals", "Gardening", ""):
        said = json.dumps({"is_controversial": True, "topic": topic})
        status[topic] = read(asked, json.dumps({"choices": [{"message": {"content": said}}]})).status
    assert status == {"Animals": "ok", "animals": "unparsed", "Gardening": "unparsed", "": "unparsed"}


class TestHash:
    # oracle: each field alone must change it; field order must not
    BASE = Request("large", "m", ({"role": "user", "content": "x"},), {"t": 1.0}, 0, {"type": "object"})

    @pytest.mark.parametrize(
        "change",
        [
            {"endpoint": "small"},
            {"model": "m@2"},
            {"messages": ({"role": "user", "content": "y"},)},
            {"messages": ({"role": "system", "content": "x"},)},
            {"parameters": {"t": 0.9}},
            {"parameters": {}},
            {"sample": 1},
            {"response_schema": None},
        ],
    )
    def test_every_field_counts(self, change):
        assert replace(self.BASE, **change).hash != self.BASE.hash

    def test_survives_json(self):
        again = Request.from_dict(json.loads(json.dumps(self.BASE.to_dict())))
        assert again.hash == self.BASE.hash == Request.from_dict(again.to_dict()).hash

    def test_is_pinned(self):
        # a change here makes every published ledger miss: raise sealed.FORMAT with it
        assert self.BASE.hash == "81b61e840899ee98018308aa4398a4e7580e0780e9cf725c123c9b5944ae0ef2"
