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

STATUSES = ("ok", "refused", "cut_off", "unparsed", "not_taken", "failed")
COLUMNS = ("endpoint", "template", "slots")
LATER = {"thinking": "", "tokens_reasoning": None, "tokens_cached": None, "provider": "", "fingerprint": ""}
_TOKENS = ("tokens_in", "tokens_out", "tokens_reasoning", "tokens_cached")
_SAID = ("text", "detail", "model", "finish_reason", "thinking", "provider", "fingerprint")


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

    Statuses: ok; refused, by the model or a filter; cut_off, at the limit of tokens; unparsed, no answer in it or not
    the JSON asked for; not_taken, a request that the endpoint will never answer, such as one too long for the model;
    failed, a call that got no reply. `tokens_out` are all that are billed, `tokens_reasoning` among them, as
    `tokens_cached` are among `tokens_in`; None where nobody counted. `provider` and `fingerprint` are what a gateway
    and a server say of who answered.

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
    thinking: str = ""
    tokens_reasoning: int | None = None
    tokens_cached: int | None = None
    provider: str = ""
    fingerprint: str = ""

    def __post_init__(self) -> None:
        for name in _SAID:
            if not (said := self.__dict__[name]).isascii():
                object.__setattr__(self, name, json_replies.whole(said))

    def to_dict(self) -> dict:
        """The reply as plain values, in the order of its fields; the last five only where they say something."""
        return {name: value for name, value in self.__dict__.items() if name not in LATER or value != LATER[name]}


def cleaned(reply: Reply, clean: Callable[[str], str]) -> Reply:
    """The reply with whatever `clean` takes out of a text."""
    said = {name: text for name in _SAID if (text := getattr(reply, name))}
    changes: dict[str, Any] = {name: new for name, text in said.items() if (new := clean(text)) != text}
    return replace(reply, **changes) if changes else reply


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


def repair(request: Request, reply: Reply | None, endpoint: Endpoint) -> Request | None:
    """The one request that follows a reply that is not the JSON asked for; None where none does.

    Only where the endpoint repairs, and only once: a repair is not repaired.

    Examples
    --------
    >>> large = Endpoint("large", "m")
    >>> asked = Request("large", "m", ({"role": "user", "content": "A or B?"},), {}, 0, {"type": "object"})
    >>> again = repair(asked, Reply("unparsed", detail="not JSON: A."), large)
    >>> again.repairs == asked.hash, repair(again, Reply("unparsed"), large), repair(asked, Reply("ok", "{}"), large)
    (True, None, None)
    """
    if reply is None or reply.status != "unparsed" or request.repairs is not None:
        return None
    if request.response_schema is None or not endpoint.repairs:
        return None
    messages = _longer(request.messages, correction(reply.detail))
    return replace(request, messages=messages, repairs=request.hash)


def settled(first: Reply, second: Reply) -> Reply:
    """What became of a request that was repaired: the second reply, with the tokens of both."""
    tokens: dict[str, Any] = {name: _sum(getattr(first, name), getattr(second, name)) for name in _TOKENS}
    return replace(second, **tokens)


def _sum(a: int | None, b: int | None) -> int | None:
    return a if b is None else b if a is None else a + b


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


def _data(request: Request, text: str) -> Any:
    """The JSON of a text that is known to hold it."""
    return json_replies.parsed(text, canonical(request.response_schema))[0]
