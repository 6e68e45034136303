"""Steps of a chain: equal requests are asked once, what cannot be asked keeps its status. Oracles: hand-made rows."""

import pandas as pd
import pytest

from persona_lib.stages.steps import REPLY, first, following, requests, unparsed_unless
from persona_lib.tables.schema import SchemaError


class Echo:
    """Answers each request by its prompt and sample; remembers what it was asked."""

    def __init__(self, status="ok"):
        self.status, self.asked = status, []

    def __call__(self, asked):
        texts = [f"{row.slots['prompt']} {row.sample}" for row in asked.itertuples()]
        self.asked += texts
        hashes = [f"h {text}" for text in texts]
        said = texts if self.status == "ok" else [""] * len(texts)
        return pd.DataFrame({"text": said, "data": None, "status": self.status, "request_hash": hashes, "more": 1})


def rows(prompts, index=None, **more):
    return pd.DataFrame({"prompt": prompts, **more}, index=index)


def asked(table, template="answer"):
    return requests(table, endpoint="large", template=template, prompt=table["prompt"])


class TestRequests:
    def test_slots_are_columns_or_one_text_and_the_sample_is_zero_where_none_is_named(self):
        table = rows(["a", "b"], index=[5, "x"])
        found = requests(table, endpoint=pd.Series(["m", "n"], index=table.index), template="t", prompt="p", who="q")
        assert found.index.tolist() == [5, "x"] and found["endpoint"].tolist() == ["m", "n"]
        assert found["slots"].tolist() == [{"prompt": "p", "who": "q"}] * 2 and found["sample"].tolist() == [0, 0]
        assert asked(table.assign(sample=[3, 4]))["sample"].tolist() == [3, 4]


class TestFirst:
    def test_equal_requests_are_sent_once_and_answered_each(self):
        table = rows(["a", "b", "a", "a"], index=[9, 3, 1, "x"], sample=[0, 0, 0, 1])
        ask = Echo()
        found = first(asked(table), ask=ask)
        assert ask.asked == ["a 0", "b 0", "a 1"]
        assert found.index.tolist() == [9, 3, 1, "x"] and found["text"].tolist() == ["a 0", "b 0", "a 0", "a 1"]
        assert list(found) == REPLY

    def test_another_endpoint_or_template_is_another_request(self):
        ask = Echo()
        first(pd.concat([asked(rows(["a"])), asked(rows(["a"]), "judge")], ignore_index=True), ask=ask)
        assert ask.asked == ["a 0", "a 0"]

    def test_nothing_asks_nobody(self):
        found = first(asked(rows([])), ask=None)
        assert found.empty and list(found) == REPLY

    def test_a_reply_too_few_stops(self):
        with pytest.raises(SchemaError, match="2 requests were asked, 1 replies came back"):
            first(asked(rows(["a", "b"])), ask=lambda table: Echo()(table).head(1))

    def test_a_text_beside_a_failure_stops(self):
        with pytest.raises(SchemaError, match="reply to request h a 0 is refused, yet has a text"):
            first(asked(rows(["a"])), ask=lambda table: Echo()(table).assign(status="refused"))


class TestFollowing:
    BEFORE = pd.DataFrame(
        {"text": ["one", "", ""], "data": None, "status": ["ok", "refused", "failed"], "request_hash": ["1", "2", "3"]},
        index=["p", "q", "r"],
    )

    def test_only_what_is_ok_is_asked_and_the_rest_says_where_it_ended(self):
        ask = Echo()
        found = following(self.BEFORE, asked(rows(["a", "b", "c"], index=["p", "q", "r"])), ask=ask)
        assert ask.asked == ["a 0"] and found.index.tolist() == ["p", "q", "r"]
        assert found["status"].tolist() == ["ok", "refused", "failed"] and found["text"].tolist() == ["a 0", "", ""]
        assert found["request_hash"].tolist() == ["h a 0", "2", "3"]

    def test_where_nothing_is_ok_nobody_is_asked(self):
        before = self.BEFORE.assign(status="refused", text="")
        found = following(before, asked(rows(["a", "b", "c"], index=["p", "q", "r"])), ask=None)
        assert found["request_hash"].tolist() == ["1", "2", "3"]


def test_what_is_out_of_form_is_unparsed_and_has_no_text():
    replies = TestFollowing.BEFORE.assign(text=["one", "", ""])
    found = unparsed_unless(replies, pd.Series([False, False, True], index=replies.index))
    assert found["status"].tolist() == ["unparsed", "refused", "failed"] and found["text"].tolist() == ["", "", ""]
    kept = unparsed_unless(replies, pd.Series(True, index=replies.index))
    pd.testing.assert_frame_equal(kept, replies)
