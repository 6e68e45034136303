"""The files of a batch: the lines that ask, and what the lines that come back mean."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any

from persona_lib.messages import errors
from persona_lib.messages import request as words
from persona_lib.messages.reply import ReplyError, read
from persona_lib.messages.request import Reply, Request

PATH = "/v1/chat/completions"


@dataclass(frozen=True)
class NoAnswer:
    """A line that answers nothing; `is_ours` if that will not change before the settings of the endpoint do."""

    reason: str
    is_ours: bool = False


def asking(request: Request, body: Mapping) -> bytes:
    """The line that asks; its `custom_id` is the request's hash."""
    return json.dumps({"custom_id": request.hash, "method": "POST", "url": PATH, "body": body}).encode() + b"\n"


def rows(file: IO[bytes]) -> Iterator[dict]:
    """The lines of an output or error file, from its beginning.

    Raises
    ------
    ValueError
        A line is no JSON object with a custom_id: the file is not what it should be, or not whole.
    """
    file.seek(0)
    for line in file:
        row = json.loads(line)
        if not isinstance(row, dict) or "custom_id" not in row:
            raise ValueError("a line that is none of a batch")
        yield row


def doubtful(file: IO[bytes], hashes: Collection[str]) -> tuple[set[str], int]:
    """Requests that come with two different answers, and how many lines answer none of these requests."""
    first: dict[str, bytes] = {}
    found, n_strangers = set(), 0
    for row in rows(file):
        digest = row["custom_id"]
        if digest not in hashes:
            n_strangers += 1
            continue
        said = hashlib.sha256(words.canonical(row.get("response")).encode()).digest()
        if first.setdefault(digest, said) != said:
            found.add(digest)
    return found, n_strangers


def outcome(request: Request, row: Mapping[str, Any], *, clean: Callable[[str], str]) -> Reply | NoAnswer:
    """What a line says of its request; `clean` takes the key out of a text.

    Examples
    --------
    >>> error = {"code": "batch_expired", "message": "out of time"}
    >>> outcome(Request("m", "m", (), {}), {"response": None, "error": error}, clean=str)
    NoAnswer(reason='batch_expired: out of time', is_ours=False)
    """
    response, error = row.get("response") or {}, row.get("error")
    body, status = response.get("body"), response.get("status_code")
    try:
        if status == 200 and not error:
            return words.cleaned(read(request, json.dumps(body)), clean)
        fault = errors.read(error or body, status)
    except ReplyError as problem:
        return NoAnswer(clean(str(problem)))
    except errors.EndpointError as told:
        fault = told.fault
    fault = errors.cleaned(fault, clean)
    return fault.reply or NoAnswer(fault.said, is_ours=not fault.passes)
