"""The anatomy of a reply: bodies that are none, the thinking that is taken off, endings, the tokens that are billed.

What real endpoints send is tried case by case in tests/asking/test_endpoints.py; here what cases do not show.
"""

import json
import time
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persona_lib.messages.errors import EndpointError
from persona_lib.messages.reply import ReplyError, ending, read, without_thinking
from persona_lib.messages.request import STATUSES, Request

PLAIN = Request("large", "m", (), {})
MARKS = st.sampled_from(
    ["<think>", "</think>", "[THINK]", "[/THINK]", "<|im_end|>", "</s>", "{", "}", "\ufeff", "a ", "\n"]
)


def body(content, **usage):
    found = {"choices": [{"message": {"content": content}, "finish_reason": "stop"}], "usage": usage}
    return json.dumps(found)


class TestNoReply:
    @pytest.mark.parametrize(
        "text",
        ["", "[]", "{}", "7", '"x"', '{"choices": []}', '{"choices": [{"message": {"content": 5}}]}', '{"choices": 3}']
        + ['{"choices": [{"message": {"content": [3]}}]}', '{"choices": [{"message": null}]}', "[" * 200_000],
    )
    def test_what_is_no_chat_completion(self, text):
        with pytest.raises(ReplyError, match="no chat completion came back"):
            read(PLAIN, text)

    @pytest.mark.parametrize("error", [{"message": "x"}, "x", [{"error": {"message": "x"}}]])
    def test_an_error_is_one_however_it_is_written(self, error):
        found = error if isinstance(error, list) else {"error": error}
        with pytest.raises(EndpointError, match="x"):
            read(PLAIN, json.dumps(found))

    def test_a_usage_that_is_none_does_not_cost_the_reply(self):
        found = json.loads(body("Yes."))
        for usage in ([], "7", {"prompt_tokens": "7", "completion_tokens_details": 3}):
            reply = read(PLAIN, json.dumps(found | {"usage": usage}))
            assert (reply.status, reply.tokens_in, reply.tokens_out) == ("ok", None, None)


class TestThinking:
    # by hand
    @pytest.mark.parametrize(
        ("text", "rest", "thought", "is_open"),
        [
            ("Yes.", "Yes.", "", False),
            ("  Yes.\n", "  Yes.\n", "", False),
            ("a <b> c</s>", "a <b> c", "", False),
            ("a </s> b", "a </s> b", "", False),
            ("<think></think>Yes.", "Yes.", "", False),
            ("<thinking>a</thinking>b", "b", "a", False),
            ("b <think>a", "", "b a", True),
            ("<think>a</think>b<think>c", "", "ab c".replace(" ", ""), True),
            ("\ufeffYes.<|eot_id|></s>\n", "Yes.", "", False),
            ("<|channel|>final<|message|>Yes.", "Yes.", "", False),
            ("analysis of the question", "analysis of the question", "", False),
        ],
    )
    def test_by_hand(self, text, rest, thought, is_open):
        assert without_thinking(text) == (rest, thought, is_open)

    @settings(max_examples=200, deadline=None)
    @given(st.lists(MARKS, max_size=12).map("".join))
    def test_no_mark_of_thinking_is_left_in_an_answer_and_what_is_open_has_none(self, text):
        rest, _, is_open = without_thinking(text)
        assert not (rest and is_open)
        assert not any(mark in rest for mark in ("<think>", "</think>", "[THINK]", "[/THINK]"))

    @settings(max_examples=100, deadline=None)
    @given(st.text(max_size=200))
    def test_a_text_without_marks_is_left_alone(self, text):
        # oracle: the text itself, but for a byte order mark
        if not set("<[\u25c1") & set(text) and "analysis" not in text:
            assert without_thinking(text) == (text.removeprefix("\ufeff"), "", False)

    @pytest.mark.parametrize(
        "text", [" " * 200_000, "<think>" * 30_000, "<|channel|>" * 20_000, "</s> " * 40_000 + "x"]
    )
    def test_no_text_takes_long(self, text):
        start = time.process_time()
        without_thinking(text)
        assert time.process_time() - start < 2


class TestEnding:
    @pytest.mark.parametrize("name", ["STOP", "FinishReason.STOP", "", "eos_token", "end_turn"])
    def test_stop_like(self, name):
        assert ending(name) == "ok"

    @pytest.mark.parametrize("name", ["PROHIBITED_CONTENT", "content_filter: RECITATION", "FinishReason.SAFETY"])
    def test_filter_like(self, name):
        assert ending(name) == "refused"

    def test_what_is_not_known(self):
        assert ending("tool_calls") is None is ending("rainy")


class TestTokens:
    @pytest.mark.parametrize(
        ("usage", "expected"),
        [
            ({"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12}, (10, 2)),
            ({"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 5}, (10, 2)),
            ({"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 112}, (10, 102)),
            ({"prompt_tokens": 10, "total_tokens": 112}, (10, 102)),
            ({"completion_tokens": 2, "completion_tokens_details": {"reasoning_tokens": 100}}, (None, 102)),
            ({"prompt_tokens": 0, "completion_tokens": 2}, (None, 2)),
            ({"prompt_tokens": 10, "completion_tokens": 0}, (10, None)),
        ],
    )
    def test_what_is_billed(self, usage, expected):
        reply = read(PLAIN, body("Yes.", **usage))
        assert (reply.tokens_in, reply.tokens_out) == expected

    def test_nothing_written_is_nothing_billed(self):
        assert read(PLAIN, body("", prompt_tokens=10, completion_tokens=0)).tokens_out == 0


@settings(max_examples=200, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["choices", "message", "content", "error", "usage", "text", "finish_reason", "code", "type"]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_any_json_is_a_reply_an_error_or_none(found):
    with suppress(ReplyError, EndpointError):
        assert read(PLAIN, json.dumps(found)).status in STATUSES
