"""The sealed ledger: what a finished stage asked and was answered, as one Parquet file.

Sorted by request hash and sample, without times, written whole or not at all: the same answers
give the same bytes whatever the speed, the order or the number of shards. Its metadata hold all
that a replay needs: stage, roles, endpoints, templates, and whether the answers are simulated.
"""

from __future__ import annotations

import heapq
import itertools
import json
import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from persona_lib.messages import request as words
from persona_lib.messages.request import Endpoint, Reply, Request
from persona_lib.messages.templates import Template

FORMAT = 1
_KEY = b"persona_ledger"
_TEXTS = ("endpoint", "model", "messages", "parameters", "response_schema")
_REPLY = ("status", "text", "detail", "reply_model", "finish_reason")
_COLUMNS = pa.schema(
    [("request_hash", pa.string()), ("sample", pa.int64())]
    + [(name, pa.string()) for name in (*_TEXTS, *_REPLY)]
    + [("tokens_in", pa.int64()), ("tokens_out", pa.int64())]
    + [("schema_in_prompt", pa.bool_()), ("repairs", pa.string())]
)
_LATER = {"schema_in_prompt": False, "repairs": None}  # columns that the first sealed ledgers did not have
_REPETITIVE = ["endpoint", "model", "parameters", "response_schema", "status", "reply_model", "finish_reason"]
_ROWS = 20_000
_PAGE_BYTES = 1 << 30
_log = logging.getLogger(__name__)


class LedgerError(ValueError):
    """A ledger that cannot be read, written or trusted; names the file, the line or the request."""


class ReplayMiss(LedgerError):
    """A request that the ledger holds no answer to; names the nearest recorded one and the first difference."""


def about(
    stage: str, *, roles: Mapping, endpoints: Mapping[str, Endpoint], simulated: bool, templates: Iterable[Template]
) -> dict:
    """What a sealed ledger says of itself; no key is among it."""
    return {
        "format": FORMAT,
        "stage": stage,
        "roles": dict(roles),
        "endpoints": {alias: endpoint.recorded() for alias, endpoint in endpoints.items()},
        "simulated": simulated,
        "templates": {template.name: template.to_dict() for template in templates},
    }


def row(request: Request, reply: Reply) -> dict:
    """One row of a sealed ledger."""
    schema = request.response_schema
    return {
        "request_hash": request.hash,
        "sample": request.sample,
        "endpoint": request.endpoint,
        "model": request.model,
        "messages": json.dumps([dict(m) for m in request.messages], ensure_ascii=False),
        "parameters": words.canonical(request.parameters),
        "response_schema": None if schema is None else words.canonical(schema),
        "status": reply.status,
        "text": reply.text,
        "detail": reply.detail,
        "reply_model": reply.model,
        "finish_reason": reply.finish_reason,
        "tokens_in": reply.tokens_in,
        "tokens_out": reply.tokens_out,
        "schema_in_prompt": request.schema_in_prompt,
        "repairs": request.repairs,
    }


def write(rows: Iterable[Mapping], path: str | Path, *, facts: Mapping) -> int:
    """Write sorted rows to a sealed ledger, whole or not at all; return how many there were.

    Rows are held 20,000 at a time. One large page per column lets the compressor see the persona
    that thousands of requests repeat.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f".{path.name}.half")
    rows, count = iter(rows), 0
    try:
        with pq.ParquetWriter(
            half,
            _COLUMNS,
            compression="zstd",
            compression_level=12,
            use_dictionary=_REPETITIVE,
            write_statistics=False,
            data_page_size=_PAGE_BYTES,
            max_rows_per_page=_ROWS,
            store_schema=False,
        ) as file:
            file.add_key_value_metadata({_KEY: words.canonical(facts).encode()})
            while part := list(itertools.islice(rows, _ROWS)):
                file.write_table(pa.Table.from_pylist(part, schema=_COLUMNS), row_group_size=_ROWS)
                count += len(part)
        with half.open("rb") as written:
            os.fsync(written.fileno())
        os.replace(half, path)
    finally:
        half.unlink(missing_ok=True)
    return count


@contextmanager
def _opened(path: str | Path) -> Iterator[tuple[pq.ParquetFile, dict]]:
    if not Path(path).is_file():
        raise LedgerError(f"{path}: no such file; a sealed ledger is written by persona collect and persona seal")
    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise LedgerError(f"{path}: not a Parquet file: {error}") from error
    with file:
        facts = (file.metadata.metadata or {}).get(_KEY)
        if facts is None:
            raise LedgerError(f"{path}: a Parquet file, but no sealed ledger: its metadata lack {_KEY.decode()}")
        facts = json.loads(facts)
        if facts["format"] != FORMAT:
            raise LedgerError(f"{path}: format {facts['format']}; this version reads format {FORMAT}")
        yield file, facts


def facts(path: str | Path) -> dict:
    """What a sealed ledger says of itself: format, stage, roles, endpoints, simulated, templates."""
    with _opened(path) as (_, found):
        return found


def rows(path: str | Path) -> Iterator[dict]:
    """The rows of a sealed ledger in their order, a few thousand in memory at a time."""
    with _opened(path) as (file, _):
        for batch in file.iter_batches(batch_size=2_000):
            for found in batch.to_pylist():
                yield _LATER | found


def check(path: str | Path) -> dict[str, int]:
    """How many rows a sealed ledger has with each status.

    Raises
    ------
    LedgerError
        A row whose hash is not its request's, or that is out of order.
    """
    count, before = dict.fromkeys(words.STATUSES, 0), ""
    for number, found in enumerate(rows(path)):
        digest = found["request_hash"]
        if recorded(found).hash != digest:
            raise LedgerError(f"{path}: row {number}: the hash is not that of the request")
        if digest <= before:
            raise LedgerError(f"{path}: row {number}: the rows are not sorted by request hash, each once")
        count[found["status"]] += 1
        before = digest
    return count


def gather(shards: Sequence[str | Path], out: str | Path) -> int:
    """Merge the sealed shards of one stage into one file; return its number of rows.

    The shards stream: memory does not grow with their size. A request that two shards asked at the same
    time counts once: an answer before a failure, else the first shard's, and a warning where their answers
    differ. `persona check-ledger` names both.

    Raises
    ------
    LedgerError
        No shard; shards of different stages, roles, endpoints or templates. Names the files.
    """
    if not shards:
        raise LedgerError(f"{out}: no sealed shard to gather")
    common = facts(shards[0])
    for path in shards[1:]:
        other = facts(path)
        for key in ("stage", "roles", "endpoints", "simulated"):
            if other[key] != common[key]:
                raise LedgerError(f"{path}: {key} is {other[key]!r}, but {shards[0]} has {common[key]!r}")
        for name, template in other["templates"].items():
            if common["templates"].setdefault(name, template) != template:
                raise LedgerError(f"{path}: template {name} is not the one that another shard was asked with")
    merged = heapq.merge(*map(rows, shards), key=itemgetter("request_hash"))
    return write(_distinct(merged), out, facts=common)


def _distinct(merged: Iterable[dict]) -> Iterator[dict]:
    for digest, same in itertools.groupby(merged, key=itemgetter("request_hash")):
        asked = list(same)
        kept, *others = [row for row in asked if row["status"] != "failed"] or asked[:1]
        if any(row != kept for row in others):
            _log.warning("request %s has different answers in two shards; the first one's counts", digest)
        yield kept


class Replay:
    """Answers from a sealed ledger, and from nothing else; `replay` opens one.

    Attributes: `roles`, `simulated`, `stage`, `endpoints`, `templates`.
    """

    def __init__(self, path: str | Path) -> None:
        with _opened(path) as (file, found):
            frame = file.read(columns=["request_hash", *_REPLY, "tokens_in", "tokens_out"])
        self._path = path
        self._columns = {name: frame[name] for name in frame.column_names}
        self._place = {digest: i for i, digest in enumerate(frame["request_hash"].to_pylist())}
        self.stage, self.roles, self.simulated = found["stage"], found["roles"], found["simulated"]
        self.endpoints = words.endpoints(found["endpoints"])
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
        repair = words.repair(request, reply)
        return reply if repair is None else words.settled(reply, self._reply(repair))

    def _reply(self, request: Request) -> Reply:
        place = self._place.get(request.hash)
        if place is None:
            raise ReplayMiss(miss(request, (recorded(found) for found in rows(self._path)), where=self._path))
        values = {name: self._columns[name][place].as_py() for name in (*_REPLY, "tokens_in", "tokens_out")}
        return Reply(**{("model" if name == "reply_model" else name): value for name, value in values.items()})


def replay(path: str | Path) -> Replay:
    """Open a sealed ledger as the `ask` of a stage: strict, without network, in any order.

    Raises
    ------
    LedgerError
        No such file, or not a sealed ledger that this version reads.
    """
    return Replay(path)


def recorded(found: Mapping) -> Request:
    """The request in a row of a sealed ledger."""
    schema = found["response_schema"]
    return Request(
        found["endpoint"],
        found["model"],
        tuple(json.loads(found["messages"])),
        json.loads(found["parameters"]),
        found["sample"],
        None if schema is None else json.loads(schema),
        found["schema_in_prompt"],
        found["repairs"],
    )


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
