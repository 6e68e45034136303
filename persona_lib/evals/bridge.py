"""Inspect's models as an `Ask`: our requests go out by Inspect, so that its logs, limits and caches see each call.

A stage runs in a thread of its own and asks from there; the calls themselves run in Inspect's event loop.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial

import anyio.from_thread
import pandas as pd
from inspect_ai.model import (
    ChatMessage,
    ChatMessageSystem,
    ChatMessageUser,
    GenerateConfig,
    Model,
    ModelOutput,
    ResponseSchema,
)
from inspect_ai.util import JSONSchema

from persona_lib.messages import json_replies, reply
from persona_lib.messages import request as words
from persona_lib.messages.ask import Roles
from persona_lib.messages.endpoint import Endpoint
from persona_lib.messages.request import Reply, Request
from persona_lib.messages.templates import Template


class ModelAsk:
    """`ask(requests) -> replies` over Inspect's models; call it from a thread that Inspect's loop has started.

    A reply that is not the JSON asked for is asked for once more. What fails for good raises, and Inspect counts it as
    an error of the sample.

    Parameters
    ----------
    models : Inspect's model of each endpoint's alias
    roles : who plays what, by alias
    templates : by name
    """

    by_batch = False

    def __init__(self, models: Mapping[str, Model], roles: Roles, templates: Mapping[str, Template]) -> None:
        self.roles, self._models, self._templates = roles, models, templates
        self.endpoints = {alias: Endpoint(alias, str(model)) for alias, model in models.items()}

    def __call__(self, requests: pd.DataFrame) -> pd.DataFrame:
        """Replies on the requests' index, as `request.table` has them."""
        built = words.build(requests, endpoints=self.endpoints, templates=self._templates)
        return words.table(built, [self._settled(request) for request in built], index=requests.index)

    def _settled(self, request: Request) -> Reply:
        first = self._reply(request)
        again = words.repair(request, first, self.endpoints[request.endpoint])
        return first if again is None else words.settled(first, self._reply(again))

    def _reply(self, request: Request) -> Reply:
        generate = partial(self._models[request.endpoint].generate, messages(request), config=config(request))
        return reply.read(request, body(anyio.from_thread.run(generate)))


def messages(request: Request) -> list[ChatMessage]:
    """The messages of a request."""
    kinds = {"system": ChatMessageSystem, "user": ChatMessageUser}
    return [kinds[one["role"]](content=one["content"]) for one in request.messages]


def config(request: Request) -> GenerateConfig:
    """The seed is the sample's number; a response format stands where a reply is to be JSON."""
    if request.response_schema is None:
        return GenerateConfig(seed=request.sample)
    schema = JSONSchema.model_validate(json_replies.sent(request.response_schema))
    form = ResponseSchema(name="reply", json_schema=schema, strict=True)
    return GenerateConfig(seed=request.sample, response_schema=form)


def body(output: ModelOutput) -> str:
    """Inspect's output as the body of a chat completion, for `reply.read`.

    Raises
    ------
    RuntimeError
        The model gave nothing but an error.
    """
    if output.error:
        raise RuntimeError(output.error)
    content = output.message.content if output.choices else ""
    refused = not isinstance(content, str) and any(getattr(part, "refusal", None) for part in content)
    said = {"refusal": output.completion or "refused"} if refused else {"content": output.completion}
    finish = "" if not output.choices or output.stop_reason == "unknown" else output.stop_reason
    usage = output.usage
    counted = {"prompt_tokens": usage.input_tokens, "completion_tokens": usage.output_tokens} if usage else {}
    choice = {"message": {"role": "assistant", **said}, "finish_reason": finish}
    return json.dumps({"model": output.model, "choices": [choice], "usage": counted})
