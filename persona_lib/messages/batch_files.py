"""The files of a batch: the lines that ask, and what the lines that come back mean."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any

from persona_lib.messages import request as words
from persona_lib.messages.request import Reply, Request

PATH = "/v1/chat/completions"


@dataclass(frozen=True)
class NoAnswer:
    """A line that answers nothing; `is_refused` if asking the same again would not help."""

    reason: str
    is_refused: bool = False


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


def outcome(
    request: Request, row: Mapping[str, Any], *, clean: Callable[[str], str], filtered: Collection[str]
) -> Reply | NoAnswer:
    """What a line says of its request; `clean` takes the key out of a text, `filtered` are codes of a filter.

    Examples
    --------
    >>> error = {"code": "batch_expired", "message": "out of time"}
    >>> outcome(Request("m", "m", (), {}), {"response": None, "error": error}, clean=str, filtered=())
    NoAnswer(reason='batch_expired: out of time', is_refused=False)
    """
    response, error = row.get("response") or {}, row.get("error") or {}
    body, status = response.get("body"), response.get("status_code")
    if status == 200:
        try:
            return words.cleaned(words.read(request, json.dumps(body)), clean)
        except words.ReplyError as problem:
            return NoAnswer(clean(str(problem)))
    told = body.get("error") or {} if isinstance(body, dict) else {}
    code, message = error.get("code") or told.get("code"), error.get("message") or told.get("message")
    said = clean(f"{status or code}: {message}")[:300]
    if code in filtered:
        return Reply("refused", detail=said, finish_reason="content_filter")
    is_refused = isinstance(status, int) and 400 <= status < 500 and status not in (408, 409, 429)
    return NoAnswer(said, is_refused)
