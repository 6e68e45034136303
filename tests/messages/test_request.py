"""Requests and replies: the hash, what is written of a reply, which reply is asked for once more."""

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from persona_lib.messages.endpoint import Endpoint
from persona_lib.messages.reply import read
from persona_lib.messages.request import Reply, Request, build, repair, settled, table
from persona_lib.messages.templates import Template, load


class TestReply:
    def test_the_later_fields_are_written_only_where_they_say_something(self):
        """Oracle: the fields that the first ledgers had, in their order."""
        first = ["status", "text", "detail", "model", "finish_reason", "tokens_in", "tokens_out", "latency_s"]
        assert list(Reply("ok", "x").to_dict()) == first
        assert list(Reply("ok", "x", thinking="hm", tokens_cached=3).to_dict()) == [*first, "thinking", "tokens_cached"]

    def test_survives_its_plain_values(self):
        reply = Reply("ok", "x", thinking="hm", tokens_reasoning=5, provider="p", fingerprint="fp_1")
        assert Reply(**reply.to_dict()) == reply


class TestRepair:
    ASKED = Request("large", "m", ({"role": "user", "content": "A or B?"},), {}, 0, {"type": "object"})
    BAD = Reply("unparsed", detail="not JSON: A.", tokens_in=3, tokens_out=4)

    @pytest.mark.parametrize("in_prompt", [False, True])
    def test_is_sent_whether_the_schema_is_in_the_prompt_or_not(self, in_prompt):
        again = repair(replace(self.ASKED, schema_in_prompt=in_prompt), self.BAD, Endpoint("large", "m"))
        assert "not JSON: A." in again.messages[-1]["content"] and again.schema_in_prompt == in_prompt

    def test_is_not_sent_where_the_endpoint_has_none_nor_for_another_status_nor_for_plain_text(self):
        assert repair(self.ASKED, self.BAD, Endpoint("large", "m", repairs=False)) is None
        for status in ("ok", "refused", "cut_off", "not_taken", "failed"):
            assert repair(self.ASKED, Reply(status), Endpoint("large", "m")) is None
        assert repair(replace(self.ASKED, response_schema=None), self.BAD, Endpoint("large", "m")) is None

    def test_the_tokens_of_both_replies_count(self):
        found = settled(self.BAD, Reply("ok", "{}", tokens_in=10, tokens_out=1, tokens_reasoning=7))
        assert (found.tokens_in, found.tokens_out, found.tokens_reasoning, found.tokens_cached) == (13, 5, 7, None)


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


class TestStatus:
    # oracle: the protocol's own fields
    ASKED = Request("large", "m", (), {}, 0, {"type": "object", "required": ["choice"]}, True)

    @staticmethod
    def body(text, finish="stop", **message):
        return json.dumps({"choices": [{"message": {"content": text, **message}, "finish_reason": finish}]})

    def test_a_refusal_and_a_content_filter(self):
        asked = Request("large", "m", (), {})
        no, filtered = read(asked, self.body(None, refusal="No.")), read(asked, self.body("half", "content_filter"))
        assert (no.status, no.detail, no.text) == ("refused", "No.", "")
        assert (filtered.status, filtered.text, filtered.finish_reason) == ("refused", "", "content_filter")

    def test_json_within_a_text_is_data(self):
        said = self.body('Sure: {"choice": "A"}')
        found = table([self.ASKED], [read(self.ASKED, said)], index=[7])
        assert found.loc[7, "status"] == "ok" and found.loc[7, "data"] == {"choice": "A"}


def test_a_request_without_a_sample_is_the_first():
    rows = pd.DataFrame({"endpoint": ["large"], "template": "answer", "slots": [{"prompt": "Why?"}]})
    forms = {"answer": Template("answer", 1, "", "Be kind.", "{{prompt}}")}
    ends = {"large": Endpoint("large", "m", base_url="simulator")}
    (plain,) = build(rows, endpoints=ends, templates=forms)
    (first,) = build(rows.assign(sample=0), endpoints=ends, templates=forms)
    assert plain.sample == 0 and plain.hash == first.hash
