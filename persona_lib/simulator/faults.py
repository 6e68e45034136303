"""Faults on demand: the server misbehaves as a file, or a request's own header, says.

    persona simulate --faults faults.yaml

A file holds a seed, rules for single requests, and what happens to batches:

    seed: 1
    rules:
      - {fault: limited, share: 0.1, retry_after_s: 0.5}    # 429; without retry_after_s it does not say how long
      - {fault: broken, share: 0.1, status: 502, times: 2}  # 500, 502, 503; the first two tries of such a request
      - {fault: slow, share: 0.1, seconds: 3}               # the right answer, late
      - {fault: dropped, share: 0.1}                        # the connection is closed, no byte is sent
      - {fault: torn, share: 0.1}                           # the connection is closed within the body
      - {fault: truncated, share: 0.1}                      # status 200 and half of the JSON
      - {fault: html, share: 0.1}                           # status 200 and a page
      - {fault: foreign, share: 0.1}                        # the answer that another request was given before
      - {fault: doubled, share: 0.1}                        # the answer twice in one body
      - {fault: broken, share: 1, path: /v1/batches}        # where; /v1/chat/completions if absent
    batches:                                                # of the first batch made, of the second, ...
      - {ends: expired, after: 10, seconds: 1}              # or cancelled, failed (with code); after so many answers
      - {errors: 0.2, doubled: 0.1, strangers: 2}           # shares of lines refused and repeated; lines of nobody

`share` is the share of requests that a rule meets; the shares of one place add up to 1 at most. Which requests
those are depends on the seed and the request alone, so a storm is the same on every machine; only the first
`times` tries (1 if absent) of such a request fail. A single request is told what befalls it by a header,
`X-Simulator-Fault: broken status=503 times=2`, whatever the file says.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

KINDS = ("limited", "broken", "slow", "dropped", "torn", "truncated", "html", "foreign", "doubled")
CHAT = "/v1/chat/completions"
HEADER = b"x-simulator-fault"


class FaultError(ValueError):
    """A file or header of faults that cannot be used; names the place and the rule."""


@dataclass(frozen=True)
class Rule:
    """One fault, and which requests meet it."""

    fault: str
    share: float = 1.0
    path: str = CHAT
    times: int = 1
    status: int = 500
    retry_after_s: float | None = None
    seconds: float = 1.0


_NOTHING = Rule("")


@dataclass(frozen=True)
class BatchFault:
    """What happens to one batch; see the module."""

    ends: str = "completed"
    after: int | None = None
    seconds: float = 0.0
    code: str = "invalid_request"
    errors: float = 0.0
    doubled: float = 0.0
    strangers: int = 0


@dataclass(frozen=True)
class Plan:
    """The faults of one server."""

    seed: int = 0
    rules: tuple[Rule, ...] = ()
    batches: tuple[BatchFault, ...] = ()


_SHARE = {"type": "number", "minimum": 0, "maximum": 1}
_SECONDS = {"type": "number", "minimum": 0, "maximum": 1e9}
_COUNT = {"type": "integer", "minimum": 0}
_NUMBER_OF = {"type": "integer", "minimum": 1}
_FORM = {
    Rule: {
        "fault": {"enum": [*KINDS]},
        "share": _SHARE,
        "path": {"type": "string", "pattern": "^/"},
        "times": _NUMBER_OF,
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "retry_after_s": {**_SECONDS, "type": ["number", "null"]},
        "seconds": _SECONDS,
    },
    BatchFault: {
        "ends": {"enum": ["completed", "expired", "cancelled", "failed"]},
        "after": {**_COUNT, "type": ["integer", "null"]},
        "seconds": _SECONDS,
        "code": {"type": "string"},
        "errors": _SHARE,
        "doubled": _SHARE,
        "strangers": _COUNT,
    },
}
_LISTS = {"rules": Rule, "batches": BatchFault}


def _objects(kind: type) -> dict:
    required = ["fault"] if "fault" in _FORM[kind] else []
    return {"type": "object", "properties": _FORM[kind], "required": required, "additionalProperties": False}


_FILE = {
    "type": "object",
    "properties": {
        "seed": {"type": "integer"},
        **{name: {"type": "array", "items": _objects(kind)} for name, kind in _LISTS.items()},
    },
    "additionalProperties": False,
}


def _check(values: object, form: Mapping, where: str) -> None:
    try:
        json.dumps(values, allow_nan=False)  # NaN would lie within every bound
    except (ValueError, TypeError) as error:
        raise FaultError(f"{where}: {error}") from error
    if (worst := best_match(Draft202012Validator(form).iter_errors(values))) is not None:
        raise FaultError(": ".join(filter(None, (where, worst.json_path[2:], worst.message))))


def read(path: str | os.PathLike) -> Plan:
    """The faults of a file.

    Raises
    ------
    FaultError
        No such file, not YAML, an unknown key or fault, a value out of its range, shares of one place above 1; names
        file and place.
    """
    try:
        values = yaml.safe_load(Path(path).read_text("utf-8")) or {}
    except FileNotFoundError as error:
        raise FaultError(f"{path}: no such file; name a YAML file of faults, or leave --faults out") from error
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise FaultError(f"{path}: not a YAML file: {' '.join(str(error).split())}") from error
    _check(values, _FILE, str(path))
    lists = {name: tuple(kind(**one) for one in values.get(name, ())) for name, kind in _LISTS.items()}
    for place in {rule.path for rule in lists["rules"]}:
        if sum(rule.share for rule in lists["rules"] if rule.path == place) > 1 + 1e-9:
            raise FaultError(f"{path}: the shares on {place} add up to more than 1")
    return Plan(values.get("seed", 0), **lists)


def chance(*parts: object) -> float:
    """A number in [0, 1) that depends on its arguments alone.

    Examples
    --------
    >>> chance(1, "a") == chance(1, "a") != chance(2, "a")
    True
    """
    digest = hashlib.sha256("\0".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


class Faults:
    """ASGI middleware around the whole server; outermost, so that it can close the connection itself."""

    def __init__(self, app: Callable, plan: Plan) -> None:
        self._app, self._plan = app, plan
        self._tries: Counter[str] = Counter()
        self._first: tuple[str, bytes] | None = None

    async def __call__(self, scope: Mapping, receive: Callable, send: Callable) -> None:
        header = dict(scope["headers"]).get(HEADER) if scope["type"] == "http" else None
        if scope["type"] != "http" or not (header or self._plan.rules):
            await self._app(scope, receive, send)
            return
        parts, more = [], True
        while more:
            message = await receive()
            more = message.get("more_body", False)
            parts.append(message.get("body", b""))
        body = b"".join(parts)
        digest = hashlib.sha256(scope["path"].encode() + b"\0" + _lasting(scope, body)).hexdigest()
        try:
            rule = of_header(header.decode("latin-1")) if header else self._rule(scope["path"], digest)
        except FaultError as error:
            await _say(send, 400, _error(str(error), "invalid_fault"))
            return
        if rule is not None:
            self._tries[digest] += 1
            rule = rule if self._tries[digest] <= rule.times else None
        await self._act(rule or _NOTHING, digest, scope, _again(body, receive), receive, send)

    def _rule(self, path: str, digest: str) -> Rule | None:
        at = chance(self._plan.seed, digest)
        for rule in self._plan.rules:
            if path.startswith(rule.path):
                if at < rule.share:
                    return rule
                at -= rule.share
        return None

    async def _act(self, rule: Rule, digest: str, scope: Mapping, again: Callable, receive: Callable, send):
        kind = rule.fault
        if kind == "limited":
            wait = [] if rule.retry_after_s is None else [(b"retry-after", f"{rule.retry_after_s:g}".encode())]
            await _say(send, 429, _error("Rate limit reached", "rate_limit_exceeded"), headers=wait)
        elif kind == "broken":
            await _say(send, rule.status, _error("The server had an error", None))
        elif kind == "html":
            await _say(send, 200, b"<html><body>Request rejected</body></html>", kind=b"text/html")
        elif kind == "dropped":
            await _hang_up(receive, send)
        else:
            await asyncio.sleep(rule.seconds if kind == "slow" else 0)
            status, found, answer = await self._answer(scope, again)
            first = self._first if kind == "foreign" else None
            is_own = first is None or first[0] == digest
            answer = answer if first is None or is_own else first[1]
            if kind in ("truncated", "doubled"):
                answer = answer[: len(answer) // 2] if kind == "truncated" else answer * 2
            if kind == "torn":
                await _start(send, status, found, len(answer))
                await send({"type": "http.response.body", "body": answer[: len(answer) // 2], "more_body": True})
                await _hang_up(receive, send)
                return
            await _start(send, status, found, len(answer))
            await send({"type": "http.response.body", "body": answer})
            is_whole = is_own and status == 200 and kind not in ("truncated", "doubled")
            if is_whole and self._first is None and scope["path"].startswith(CHAT):
                self._first = digest, answer  # its own asker has it, so given to another it is foreign

    async def _answer(self, scope: Mapping, receive: Callable) -> tuple[int, bytes, bytes]:
        """What the server itself says: status, content type, body."""
        status, kind, parts = 500, b"application/json", []

        async def keep(message: Mapping) -> None:
            nonlocal status, kind
            if message["type"] == "http.response.start":
                status, kind = message["status"], dict(message["headers"]).get(b"content-type", kind)
            else:
                parts.append(message.get("body", b""))

        await self._app(scope, receive, keep)
        return status, kind, b"".join(parts)


def of_header(text: str) -> Rule:
    """The rule of a header such as `broken status=503 times=2`."""
    fault, *rest = text.split() or [""]
    values: dict[str, Any] = {}
    for part in rest:
        name, _, value = part.partition("=")
        try:
            values[name] = float(value) if name in ("retry_after_s", "seconds", "share") else int(value)
        except ValueError as error:
            raise FaultError(f"header {HEADER.decode()}: {part!r} is not NAME=NUMBER") from error
    values["fault"] = fault
    _check(values, _objects(Rule), f"header {HEADER.decode()}")
    return Rule(**values)


def _lasting(scope: Mapping, body: bytes) -> bytes:
    """The body as it is at every try; an upload's has a new boundary each time, so the path must do."""
    kind = dict(scope["headers"]).get(b"content-type", b"")
    return b"" if kind.startswith(b"multipart/") else body


def _again(body: bytes, receive: Callable) -> Callable:
    sent = False

    async def replay() -> Mapping:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def _error(message: str, code: str | None) -> bytes:
    return json.dumps({"error": {"message": message, "type": "server_error", "param": None, "code": code}}).encode()


async def _start(send: Callable, status: int, kind: bytes, length: int, headers: Sequence = ()) -> None:
    told = [(b"content-type", kind), (b"content-length", str(length).encode()), *headers]
    await send({"type": "http.response.start", "status": status, "headers": told})


async def _say(send: Callable, status: int, body: bytes, *, kind: bytes = b"application/json", headers: Sequence = ()):
    await _start(send, status, kind, len(body), headers)
    await send({"type": "http.response.body", "body": body})


async def _hang_up(receive: Callable, send: Callable) -> None:
    """Close the connection under the server; inside one process, where there is none, the call itself fails."""
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is None:
        raise ConnectionResetError("the connection was dropped")
    transport.close()
    while (await receive())["type"] != "http.disconnect":
        pass
