"""Answers from a sealed ledger and from nothing else: strict, without a network, in any order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import SpooledTemporaryFile

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from persona_lib.ledger.errors import LedgerError, ReplayMiss
from persona_lib.ledger.sealed import REPETITIVE, REPLY, opened, recorded, rows
from persona_lib.messages import request as words
from persona_lib.messages.ask import Roles
from persona_lib.messages.endpoint import read_recorded
from persona_lib.messages.request import LATER, Reply, Request
from persona_lib.messages.templates import Template

_HEX = 64  # digits of a hash


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
            self._texts = _Texts(file)
            frame = file.read(columns=["request_hash", *(name for name in names if name != "text")])
        hashes = frame.column("request_hash").cast(pa.binary()).cast(pa.binary(_HEX)).combine_chunks()
        self._hashes = np.frombuffer(hashes.buffers()[1], dtype=f"S{_HEX}")[: len(hashes)]
        if (self._hashes[1:] <= self._hashes[:-1]).any():
            raise LedgerError(f"{path}: the rows are not sorted by request hash, each once")
        repeated = {name: frame[name].dictionary_encode() for name in names if name in REPETITIVE}
        self._rest = pa.table({name: repeated.get(name, frame[name]) for name in names if name != "text"})
        self._path = path
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
        replies = self._replies(asked)
        repairs = {
            i: repair
            for i, request in enumerate(asked)
            if (repair := words.repair(request, replies[i], self.endpoints[request.endpoint])) is not None
        }
        for i, reply in zip(repairs, self._replies(list(repairs.values())), strict=True):
            replies[i] = words.settled(replies[i], reply)
        return words.table(asked, replies, index=requests.index)

    def _replies(self, asked: Sequence[Request]) -> list[Reply]:
        """The reply to each request, in their order."""
        hashes = np.array([request.hash for request in asked], dtype=f"S{_HEX}")
        place = np.searchsorted(self._hashes, hashes)
        is_there = place < len(self._hashes)
        is_there[is_there] = self._hashes[place[is_there]] == hashes[is_there]
        if not is_there.all():
            request = asked[int(np.argmin(is_there))]
            raise ReplayMiss(miss(request, (recorded(found) for found in rows(self._path)), where=self._path))
        found = self._rest.take(place).rename_columns({"reply_model": "model"}).to_pylist()
        return [Reply(text=self._texts[i], **values) for i, values in zip(place.tolist(), found, strict=True)]


class _Texts:
    """The column `text` of a sealed ledger, by row, in a file without a name in the machine's temporary folder.

    Up to 64 MB of it are in memory, and beyond that none: the texts of the paper's size take 0.8 GB.
    """

    def __init__(self, ledger: pq.ParquetFile) -> None:
        self._file = SpooledTemporaryFile(max_size=64 << 20)  # noqa: SIM115  # open as long as the replay
        ends = [0]
        for batch in ledger.iter_batches(batch_size=2_000, columns=["text"]):
            for text in batch.column(0).to_pylist():
                ends.append(ends[-1] + self._file.write(text.encode()))
        self._ends = np.array(ends)

    def __getitem__(self, row: int) -> str:
        start, end = self._ends[row : row + 2].tolist()
        self._file.seek(start)
        return self._file.read(end - start).decode()


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
