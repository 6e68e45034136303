"""What is asked and what comes back, as small values; and their two tables.

A request's hash covers everything that can change the answer: endpoint alias, model with its
version, messages, parameters, sample index, response schema and where it is said, what is repaired.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import pandas as pd

from persona_lib.messages import json_replies
from persona_lib.messages.endpoint import Endpoint, RequestError
from persona_lib.messages.templates import Template, TemplateError, correction, instruction, render
from persona_lib.messages.templates import schema as schema_of

STATUSES = ("ok", "refused", "unparsed", "failed")
COLUMNS = ("endpoint", "template", "slots")
_MANY = 1 << 53  # tokens: no count
_SAID = ("text", "detail", "model", "finish_reason")


class ReplyError(ValueError):
    """A body that is no chat completion; shows its beginning."""


@dataclass(frozen=True)
class Request:
    """One question to one model; `sample` tells repetitions of the same question apart.

    `schema_in_prompt` says that the messages hold the response schema, because the endpoint takes no
    response format; `repairs` is the hash of the request whose reply could not be used.
    """

    endpoint: str
    model: str
    messages: tuple[Mapping[str, str], ...]
    parameters: Mapping[str, Any]
    sample: int = 0
    response_schema: Mapping | None = None
    schema_in_prompt: bool = False
    repairs: str | None = None

    def to_dict(self) -> dict:
        """The request as plain values, in the order of its fields; the last two only where they say something."""
        found = {
            "endpoint": self.endpoint,
            "model": self.model,
            "messages": [dict(message) for message in self.messages],
            "parameters": self.parameters,
            "sample": self.sample,
            "response_schema": self.response_schema,
        }
        if self.schema_in_prompt:
            found["schema_in_prompt"] = True
        if self.repairs is not None:
            found["repairs"] = self.repairs
        return found

    @staticmethod
    def from_dict(values: Mapping) -> Request:
        """The inverse of `to_dict`."""
        return Request(**{**values, "messages": tuple(values["messages"])})

    @cached_property
    def hash(self) -> str:
        """SHA-256 over the request as canonical JSON: keys sorted, no spaces, ASCII.

        Examples
        --------
        >>> one = Request("large", "m", ({"role": "user", "content": "Why?"},), {"a": 1, "b": 2})
        >>> two = Request("large", "m", ({"content": "Why?", "role": "user"},), {"b": 2, "a": 1})
        >>> one.hash == two.hash, one.hash == Request("large", "m", one.messages, one.parameters, sample=1).hash
        (True, False)
        """
        return hashlib.sha256(canonical(self.to_dict()).encode()).hexdigest()


@dataclass(frozen=True)
class Reply:
    """What became of a request: `text` is '' unless `status` is ok; `detail` says why it is not.

    `latency_s` is the time from sending the try that was answered to its last byte; None where not measured.
    Half characters (lone surrogates), which no file can hold, become U+FFFD.

    Examples
    --------
    >>> Reply("refused", detail="no " + chr(0xD83D)).detail == "no " + chr(0xFFFD)
    True
    """

    status: str
    text: str = ""
    detail: str = ""
    model: str = ""
    finish_reason: str = ""
    tokens_in: int | None = None
    tokens_out: int | None = None
    latency_s: float | None = None

    def __post_init__(self) -> None:
        for name in _SAID:
            object.__setattr__(self, name, json_replies.whole(getattr(self, name)))

    def to_dict(self) -> dict:
        """The reply as plain values."""
        return dict(self.__dict__)


def cleaned(reply: Reply, clean: Callable[[str], str]) -> Reply:
    """The reply with whatever `clean` takes out of a text."""
    return replace(
        reply,
        text=clean(reply.text),
        detail=clean(reply.detail),
        model=clean(reply.model),
        finish_reason=clean(reply.finish_reason),
    )


def canonical(value: Any) -> str:
    """JSON of one form only: equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def build(rows: pd.DataFrame, *, endpoints: Mapping[str, Endpoint], templates: Mapping[str, Template]) -> list[Request]:
    """One request per row; columns endpoint (alias), template (name), slots (dict of texts), sample (0 if absent).

    Raises
    ------
    RequestError
        A missing column, an unknown endpoint or template, slots that do not fit; names the row.
    """
    if missing := [name for name in COLUMNS if name not in rows]:
        raise RequestError(f"requests: column {', '.join(missing)} is missing")
    samples = rows["sample"] if "sample" in rows else [0] * len(rows)
    built = []
    columns = (rows.index, rows["endpoint"], rows["template"], rows["slots"], samples)
    for row, alias, name, slots, sample in zip(*columns, strict=True):
        if alias not in endpoints:
            raise RequestError(f"requests: row {row}: no endpoint {alias!r}; there are {', '.join(endpoints)}")
        if name not in templates:
            raise RequestError(f"requests: row {row}: no template {name!r}; there are {', '.join(templates)}")
        if sample != int(sample) or sample < 0:
            raise RequestError(f"requests: row {row}: sample is {sample!r}, not 0, 1, 2, ...")
        try:
            messages: tuple[Mapping[str, str], ...] = render(templates[name], slots)
        except TemplateError as error:
            raise RequestError(f"requests: row {row}: {error}") from error
        endpoint, schema = endpoints[alias], schema_of(templates[name], slots)
        in_prompt = schema is not None and not endpoint.json_schema
        if in_prompt:
            messages = _longer(messages, instruction(canonical(schema)))
        built.append(Request(alias, endpoint.model, messages, endpoint.parameters, int(sample), schema, in_prompt))
    return built


def _longer(messages: Sequence[Mapping[str, str]], addition: str) -> tuple[Mapping[str, str], ...]:
    *before, last = messages
    return *before, {**last, "content": last["content"] + addition}


def repair(request: Request, reply: Reply | None) -> Request | None:
    """The one request that follows a reply that is not the JSON asked for; None where none does.

    Only where the schema stands in the prompt, and only once: a repair is not repaired.

    Examples
    --------
    >>> asked = Request("large", "m", ({"role": "user", "content": "A or B?"},), {}, 0, {"type": "object"}, True)
    >>> again = repair(asked, Reply("unparsed", detail="no JSON object in it: A."))
    >>> again.repairs == asked.hash, repair(again, Reply("unparsed")), repair(asked, Reply("ok", "{}"))
    (True, None, None)
    """
    if not request.schema_in_prompt or request.repairs is not None or reply is None or reply.status != "unparsed":
        return None
    messages = _longer(request.messages, correction(reply.detail))
    return replace(request, messages=messages, repairs=request.hash)


def settled(first: Reply, second: Reply) -> Reply:
    """What became of a request that was repaired: the second reply, with the tokens of both."""
    tokens = [
        a if b is None else b if a is None else a + b
        for a, b in ((first.tokens_in, second.tokens_in), (first.tokens_out, second.tokens_out))
    ]
    return replace(second, tokens_in=tokens[0], tokens_out=tokens[1])


def table(requests: Sequence[Request], replies: Sequence[Reply], *, index: pd.Index) -> pd.DataFrame:
    """The replies on the requests' index: text, data, status, detail, request_hash, tokens_in, tokens_out.

    `data` is the parsed reply of a request with a response schema, None otherwise and unless
    status is ok. Tokens are missing where the endpoint did not count them.
    """
    data = [
        _data(request, reply.text) if request.response_schema is not None and reply.status == "ok" else None
        for request, reply in zip(requests, replies, strict=True)
    ]
    return pd.DataFrame(
        {
            "text": pd.Series([r.text for r in replies], index=index, dtype="str"),
            "data": pd.Series(data, index=index, dtype=object),
            "status": pd.Series([r.status for r in replies], index=index, dtype="str"),
            "detail": pd.Series([r.detail for r in replies], index=index, dtype="str"),
            "request_hash": pd.Series([r.hash for r in requests], index=index, dtype="str"),
            "tokens_in": pd.Series([r.tokens_in for r in replies], index=index, dtype="Int64"),
            "tokens_out": pd.Series([r.tokens_out for r in replies], index=index, dtype="Int64"),
        },
        index=index,
    )


def read(request: Request, body: str) -> Reply:
    """The reply in the body of a chat completion.

    A refusal or a content filter gives `refused`; no text, or one that is not the JSON asked for,
    `unparsed`, with the text in `detail`.

    Raises
    ------
    ReplyError
        The body is no chat completion.

    Examples
    --------
    >>> asked = Request("large", "m", (), {}, 0, {"type": "object"})
    >>> read(asked, '{"choices": [{"message": {"content": "Yes."}}]}').status
    'unparsed'
    """
    try:
        found = json.loads(body)
        choice, usage = found["choices"][0], found.get("usage") or {}
        message, finish = choice["message"], choice.get("finish_reason") or ""
        text, refusal = message.get("content") or "", message.get("refusal") or ""
        said = Reply(
            "ok",
            model=str(found.get("model") or ""),
            finish_reason=str(finish),
            tokens_in=_count(usage.get("prompt_tokens")),
            tokens_out=_count(usage.get("completion_tokens")),
        )
        if not isinstance(text, str) or not isinstance(refusal, str):
            raise TypeError("no text")
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ReplyError(f"no chat completion came back, but {body[:80]!r}") from error
    if refusal or finish == "content_filter":
        return replace(said, status="refused", detail=refusal or "content filter")
    if not text:
        return replace(said, status="unparsed", detail="empty reply")
    if request.response_schema is not None and (wrong := _parsed(request, text)[1]):
        return replace(said, status="unparsed", detail=f"{wrong}: {text}")
    return replace(said, text=text)


def _count(value: Any) -> int | None:
    """A number of tokens; None for anything that is none."""
    return value if type(value) is int and 0 <= value < _MANY else None


def _data(request: Request, text: str) -> Any:
    """The JSON of a text that is known to hold it."""
    return _parsed(request, text)[0] if request.schema_in_prompt else json_replies.loaded(text)


def _parsed(request: Request, text: str) -> tuple[Any, str]:
    return json_replies.parsed(text, canonical(request.response_schema), lenient=request.schema_in_prompt)
