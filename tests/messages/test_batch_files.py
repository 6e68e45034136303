"""Files of batches: what a line asks, which lines are none, and what each line that comes back means."""

import io
import json

import pytest

from persona_lib.messages.batch_files import NoAnswer, asking, doubtful, outcome, rows
from persona_lib.messages.request import Reply, Request

ASKED = Request("large", "m", ({"role": "user", "content": "Why?\u2028é"},), {}, 0)
SAID = {"model": "m@1", "choices": [{"message": {"content": "Because sk-1."}, "finish_reason": "stop"}]}
SAID |= {"usage": {"prompt_tokens": 7, "completion_tokens": 2}}


def line(digest, **response):
    return json.dumps({"custom_id": digest, "response": response or None}).encode() + b"\n"


def test_a_line_that_asks_is_that_of_the_protocol():
    """Oracle: the form that the documentation of the Batch API shows."""
    (found,) = asking(ASKED, {"model": "m", "messages": list(ASKED.messages)}).splitlines()
    assert json.loads(found) == {
        "custom_id": ASKED.hash,
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {"model": "m", "messages": [{"role": "user", "content": "Why?\u2028é"}]},
    }
    assert found.isascii(), "a separator of Unicode in it would end the line for others"


class TestRows:
    def test_are_read_from_the_beginning_wherever_the_file_stands(self):
        file = io.BytesIO(line("a", status_code=200) + line("b"))
        file.read()
        assert [row["custom_id"] for row in rows(file)] == ["a", "b"]

    @pytest.mark.parametrize("bad", [b"x\n", b"[]\n", b"{}\n", b'"custom_id"\n', b'{"custom_id": \n'])
    def test_a_line_that_is_none(self, bad):
        with pytest.raises(ValueError):
            list(rows(io.BytesIO(line("a") + bad)))


def test_two_answers_to_one_request_are_doubtful_and_strangers_counted():
    """By hand: a twice alike but for the order of keys, b twice different, c once; x is nobody's."""
    file = [line("a", status_code=200, body={"p": 1, "q": 2}), line("a", body={"q": 2, "p": 1}, status_code=200)]
    file += [line("b", body=1), line("c", body=1), line("x", body=1), line("b", body=2), line("x", body=2)]
    assert doubtful(io.BytesIO(b"".join(file)), {"a", "b", "c", "d"}) == ({"b"}, 2)


class TestOutcome:
    def of(self, row):
        return outcome(ASKED, row, clean=lambda text: text.replace("sk-1", "[key]"))

    def test_an_answer_is_a_reply_without_the_key(self):
        found = self.of({"response": {"status_code": 200, "body": SAID}})
        assert found == Reply("ok", "Because [key].", model="m@1", finish_reason="stop", tokens_in=7, tokens_out=2)

    @pytest.mark.parametrize(
        ("row", "reason", "is_ours"),
        [
            ({"response": {"status_code": 200, "body": {"sk-1": 1}}}, "no chat completion came back, but", False),
            ({"response": None, "error": {"code": "batch_expired", "message": "sk-1"}}, "batch_expired: [key]", False),
            ({"response": {"status_code": 401, "body": {"error": {"message": "no"}}}}, "401: no", True),
            ({"response": {"status_code": 404, "body": None}}, "404", True),
            ({"response": {"status_code": 408, "body": {"error": {"message": "no"}}}}, "408: no", False),
            ({"response": {"status_code": 409, "body": {"error": {"message": "no"}}}}, "409: no", False),
            ({"response": {"status_code": 429, "body": {"error": {"message": "no"}}}}, "429: no", False),
            ({"response": {"status_code": 500, "body": "<html>"}}, "500: <html>", False),
            ({}, "an error without a word", False),
        ],
    )
    def test_what_answers_nothing_says_why_and_whether_to_ask_again(self, row, reason, is_ours):
        found = self.of(row)
        assert isinstance(found, NoAnswer) and found.is_ours == is_ours
        assert found.reason.startswith(reason) and "sk-1" not in found.reason and len(found.reason) <= 300

    @pytest.mark.parametrize("where", ["line", "body"])
    def test_a_filter_refuses(self, where):
        error = {"code": "content_filter", "message": "not this"}
        row = {"error": error} if where == "line" else {"response": {"status_code": 400, "body": {"error": error}}}
        found = self.of(row)
        assert (found.status, found.finish_reason, found.text) == ("refused", "content_filter", "")
        assert found.detail.endswith("not this")

    def test_a_request_that_is_not_taken_is_told_by_its_own_status(self):
        error = {"message": "sk-1 is odd"}
        found = self.of({"response": {"status_code": 400, "body": {"error": error}}})
        assert (found.status, found.detail) == ("not_taken", "400: [key] is odd")
