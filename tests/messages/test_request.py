"""Requests and replies: the hash, rows that make no request, bodies that are no reply."""

import json
from dataclasses import replace

import pandas as pd
import pytest

from persona_lib.messages.endpoint import Endpoint
from persona_lib.messages.request import ReplyError, Request, build, read, table
from persona_lib.messages.templates import Template


class TestRead:
    @pytest.mark.parametrize("body", ["", "[]", "{}", '{"choices": []}', '{"choices": [{"message": {"content": 5}}]}'])
    def test_what_is_no_chat_completion(self, body):
        with pytest.raises(ReplyError, match="no chat completion came back"):
            read(Request("large", "m", (), {}), body)

    def test_a_body_nested_deeper_than_python_reads(self):
        with pytest.raises(ReplyError, match="no chat completion came back"):
            read(Request("large", "m", (), {}), "[" * 200_000)


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
        assert (filtered.status, filtered.detail, filtered.finish_reason) == (
            "refused",
            "content filter",
            "content_filter",
        )

    def test_json_within_a_text_is_data_only_where_the_schema_stood_in_the_prompt(self):
        said = self.body('Sure: {"choice": "A"}')
        found = table([self.ASKED], [read(self.ASKED, said)], index=[7])
        assert found.loc[7, "status"] == "ok" and found.loc[7, "data"] == {"choice": "A"}
        assert read(replace(self.ASKED, schema_in_prompt=False), said).status == "unparsed"


def test_a_request_without_a_sample_is_the_first():
    rows = pd.DataFrame({"endpoint": ["large"], "template": "answer", "slots": [{"prompt": "Why?"}]})
    forms = {"answer": Template("answer", 1, "", "Be kind.", "{{prompt}}")}
    ends = {"large": Endpoint("large", "m", base_url="simulator")}
    (plain,) = build(rows, endpoints=ends, templates=forms)
    (first,) = build(rows.assign(sample=0), endpoints=ends, templates=forms)
    assert plain.sample == 0 and plain.hash == first.hash
