"""Inspect's models as an ask, with the real package: `make test-system` runs this in an environment of its own."""

import json

import pytest

pytest.importorskip("inspect_ai", reason="make test-system installs Inspect apart from all else")

from inspect_ai.model import ChatCompletionChoice, ChatMessageAssistant, ContentText, ModelOutput  # noqa: E402

from persona_lib.evals import bridge  # noqa: E402
from persona_lib.messages import reply  # noqa: E402
from persona_lib.messages.request import Request  # noqa: E402

ASKED = Request("contestant", "m", ({"role": "system", "content": "s"}, {"role": "user", "content": "u"}), {}, 3)


def said(content, stop_reason="stop"):
    choice = ChatCompletionChoice(message=ChatMessageAssistant(content=content), stop_reason=stop_reason)
    return reply.read(ASKED, bridge.body(ModelOutput(model="m", choices=[choice])))


def test_the_words_go_out_as_they_are():
    assert [(m.role, m.content) for m in bridge.messages(ASKED)] == [("system", "s"), ("user", "u")]
    assert bridge.config(ASKED).seed == 3 and bridge.config(ASKED).response_schema is None
    schema = {"type": "object", "properties": {"choice": {"type": "string", "enum": ["A", "B"]}}}
    form = bridge.config(Request("c", "m", ASKED.messages, {}, 0, schema)).response_schema
    assert form.strict and json.loads(form.json_schema.model_dump_json(exclude_none=True)) == schema


@pytest.mark.parametrize(
    ("content", "stop_reason", "status"),
    [
        ("Yes.", "stop", "ok"),
        ("Ye", "max_tokens", "cut_off"),
        ("", "content_filter", "refused"),
        ([ContentText(text="I cannot.", refusal=True)], "stop", "refused"),
        ("", "stop", "unparsed"),
        ("Yes.", "unknown", "ok"),
    ],
)
def test_each_end_of_a_reply_has_its_status(content, stop_reason, status):
    assert said(content, stop_reason).status == status
