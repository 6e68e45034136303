"""Answers from a sealed ledger and from nothing else: strict, without a network, in any order."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from persona_lib.ledger.errors import ReplayMiss
from persona_lib.ledger.sealed import REPLY, opened, recorded, rows
from persona_lib.messages import request as words
from persona_lib.messages.ask import Roles
from persona_lib.messages.endpoint import read_recorded
from persona_lib.messages.request import LATER, Reply, Request
from persona_lib.messages.templates import Template


class Replay:
    """Answers from a sealed ledger, and from nothing else; `replay` opens one.

    Attributes: `roles`, `by_batch` (never: its answers are at hand), `simulated`, `stage`, `endpoints`, `templates`.
    """

    roles: Roles
    by_batch: bool = False

    def __init__(self, path: str | Path) -> None:
        with opened(path) as (file, found):
            held = file.schema_arrow.names
            names = [*REPLY, *(name for name in LATER if name in held)]
            frame = file.read(columns=["request_hash", *names])
        self._path, self._names = path, names
        self._columns = {name: frame[name] for name in frame.column_names}
        self._place = {digest: i for i, digest in enumerate(frame["request_hash"].to_pylist())}
        self.stage, self.roles, self.simulated = found["stage"], found["roles"], found["simulated"]
        self.endpoints = read_recorded(found["endpoints"])
        self.templates = {name: Template.from_dict(values) for name, values in found["templates"].items()}

    def __call__(self, requests: pd.DataFrame) -> pd.DataFrame:
        """Replies on the requests' index; see `request.table`.

        Raises
        ------
        ReplayMiss
            The ledger holds no answer to a request.
        """
        if "template" in requests and (unknown := set(requests["template"]) - set(self.templates)):
            raise ReplayMiss(f"{self._path}: nothing was asked with template {', '.join(sorted(unknown))}")
        asked = words.build(requests, endpoints=self.endpoints, templates=self.templates)
        return words.table(asked, [self._settled(request) for request in asked], index=requests.index)

    def _settled(self, request: Request) -> Reply:
        reply = self._reply(request)
        repair = words.repair(request, reply, self.endpoints[request.endpoint])
        return reply if repair is None else words.settled(reply, self._reply(repair))

    def _reply(self, request: Request) -> Reply:
        place = self._place.get(request.hash)
        if place is None:
            raise ReplayMiss(miss(request, (recorded(found) for found in rows(self._path)), where=self._path))
        values = {name: self._columns[name][place].as_py() for name in self._names}
        return Reply(**{("model" if name == "reply_model" else name): value for name, value in values.items()})


def replay(path: str | Path) -> Replay:
    """Open a sealed ledger as the `ask` of a stage: strict, without network, in any order.

    Raises
    ------
    LedgerError
        No such file, or not a sealed ledger that this version reads.
    """
    return Replay(path)


def miss(request: Request, others: Iterable[Request], *, where: str | Path) -> str:
    """The sentence that says which request is missing, which recorded one is nearest, where they part first."""
    said = f"{where}: no answer to request {request.hash[:12]} (endpoint {request.endpoint}, sample {request.sample})"
    nearest = max(others, key=lambda other: _likeness(request, other), default=None)
    if nearest is None:
        return f"{said}; the ledger is empty"
    return f"{said}; the nearest recorded, {nearest.hash[:12]}, {_first_difference(request, nearest)}"


def _likeness(one: Request, other: Request) -> float:
    """Same messages count most, then the same endpoint, then the share of text in common at both ends."""
    pairs = list(zip(_contents(one), _contents(other), strict=False))
    common = sum(_shared(a, b) + (_shared(a[::-1], b[::-1]) if a != b else 0) for a, b in pairs)
    longest = max(sum(map(len, _contents(one))), sum(map(len, _contents(other))), 1)
    same = (one.endpoint == other.endpoint) + (one.sample == other.sample) / 2
    return 4 * min(common / longest, 1) + same + (one.messages[0] == other.messages[0])


def _contents(request: Request) -> list[str]:
    return [message["content"] for message in request.messages]


def _shared(a: str, b: str) -> int:
    """How many characters two texts share at their beginning."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        if a.startswith(b[:middle]):
            low = middle
        else:
            high = middle - 1
    return low


def _first_difference(asked: Request, found: Request) -> str:
    for name in ("endpoint", "model", "sample", "parameters", "response_schema"):
        a, b = getattr(asked, name), getattr(found, name)
        if a != b:
            return f"differs first in {name}: asked {a!r}, recorded {b!r}"
    for number, (a, b) in enumerate(zip(_contents(asked), _contents(found), strict=False)):
        if a != b:
            at = _shared(a, b)
            start = max(at - 20, 0)
            return (
                f"differs first in message {number} at character {at}: "
                f"asked {a[start : at + 40]!r}, recorded {b[start : at + 40]!r}"
            )
    return "differs in its number or roles of messages"
