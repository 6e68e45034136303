"""Requests and replies: the hash, rows that make no request, bodies that are no reply."""

import pytest

from persona_lib.messages.request import ReplyError, Request, read


class TestRead:
    @pytest.mark.parametrize("body", ["", "[]", "{}", '{"choices": []}', '{"choices": [{"message": {"content": 5}}]}'])
    def test_what_is_no_chat_completion(self, body):
        with pytest.raises(ReplyError, match="no chat completion came back"):
            read(Request("large", "m", (), {}), body)

    def test_a_body_nested_deeper_than_python_reads(self):
        with pytest.raises(ReplyError, match="no chat completion came back"):
            read(Request("large", "m", (), {}), "[" * 200_000)
