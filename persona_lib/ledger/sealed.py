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
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from persona_lib.ledger.errors import LedgerError
from persona_lib.messages import request as words
from persona_lib.messages.endpoint import Endpoint
from persona_lib.messages.request import LATER, Reply, Request
from persona_lib.messages.templates import Template
from persona_lib.tables.files import whole

FORMAT = 1
_KEY = b"persona_ledger"
_TEXTS = ("endpoint", "model", "messages", "parameters", "response_schema")
REPLY = ("status", "text", "detail", "reply_model", "finish_reason", "tokens_in", "tokens_out")
_COLUMNS = pa.schema(
    [("request_hash", pa.string()), ("sample", pa.int64())]
    + [(name, pa.string()) for name in (*_TEXTS, *REPLY[:5])]
    + [(name, pa.int64()) for name in REPLY[5:]]
    + [("schema_in_prompt", pa.bool_()), ("repairs", pa.string())]
)
_LATER = {"schema_in_prompt": False, "repairs": None, **LATER}  # columns that the first sealed ledgers did not have
REPETITIVE = ["endpoint", "model", "parameters", "response_schema", "status", "reply_model", "finish_reason"]
REPETITIVE += ["provider", "fingerprint"]
_ROWS = 20_000
_PAGE_BYTES = 1 << 30
WHOLE, PART = 9, 3  # zstd's levels: of what is kept, and of a shard that is soon gathered, in a fifth of the time
_log = logging.getLogger(__name__)


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


def counted(request: Request, reply: Reply) -> dict:
    """What a summary counts of one row."""
    return {
        "endpoint": request.endpoint,
        "model": request.model,
        "status": reply.status,
        "detail": reply.detail,
        "reply_model": reply.model,
        "finish_reason": reply.finish_reason,
        "tokens_in": reply.tokens_in,
        "tokens_out": reply.tokens_out,
        "repairs": request.repairs,
        **{name: getattr(reply, name) for name in LATER},
    }


def row(request: Request, reply: Reply) -> dict:
    """One row of a sealed ledger."""
    schema = request.response_schema
    return counted(request, reply) | {
        "request_hash": request.hash,
        "sample": request.sample,
        "messages": json.dumps([dict(m) for m in request.messages], ensure_ascii=False),
        "parameters": words.canonical(request.parameters),
        "response_schema": None if schema is None else words.canonical(schema),
        "text": reply.text,
        "schema_in_prompt": request.schema_in_prompt,
    }


def write(
    rows: Iterable[Mapping], path: str | Path, *, facts: Mapping, said: Iterable[str] = (), level: int = WHOLE
) -> int:
    """Write sorted rows to a sealed ledger, whole or not at all; return how many there were.

    `said` names those of the later columns of a reply that say something in some row; the others are left out.
    `level` is the compressor's: `WHOLE`, or `PART` for one shard of several.
    Rows are held 20,000 at a time. One large page per column lets the compressor see the persona
    that thousands of requests repeat.
    """
    rows, count, schema = iter(rows), 0, _schema(said)
    with (
        whole(path, private=True) as half,
        pq.ParquetWriter(
            half,
            schema,
            compression="zstd",
            compression_level=level,
            use_dictionary=[name for name in REPETITIVE if name in schema.names],
            write_statistics=False,
            data_page_size=_PAGE_BYTES,
            max_rows_per_page=_ROWS,
            store_schema=False,
        ) as file,
    ):
        file.add_key_value_metadata({_KEY: words.canonical(facts).encode()})
        while part := list(itertools.islice(rows, _ROWS)):
            file.write_table(pa.Table.from_pylist(part, schema=schema), row_group_size=_ROWS)
            count += len(part)
    return count


def _schema(said: Iterable[str]) -> pa.Schema:
    schema, wanted = _COLUMNS, set(said)
    for name, nothing in LATER.items():
        if name in wanted:
            schema = schema.append(pa.field(name, pa.string() if nothing == "" else pa.int64()))
    return schema


@contextmanager
def opened(path: str | Path) -> Iterator[tuple[pq.ParquetFile, dict]]:
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
    with opened(path) as (_, found):
        return found


def rows(path: str | Path) -> Iterator[dict]:
    """The rows of a sealed ledger in their order, a few thousand in memory at a time."""
    with opened(path) as (file, _):
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
    if len(shards) == 1:
        with whole(out, private=True) as half:
            shutil.copyfile(shards[0], half)
        with opened(out) as (file, _):
            return file.metadata.num_rows
    for path in shards[1:]:
        other = facts(path)
        for key in ("stage", "roles", "endpoints", "simulated"):
            if other[key] != common[key]:
                raise LedgerError(f"{path}: {key} is {other[key]!r}, but {shards[0]} has {common[key]!r}")
        for name, template in other["templates"].items():
            if common["templates"].setdefault(name, template) != template:
                raise LedgerError(f"{path}: template {name} is not the one that another shard was asked with")
    merged = heapq.merge(*map(rows, shards), key=itemgetter("request_hash"))
    said = {name for path in shards for name in _held(path)} & set(LATER)
    return write(_distinct(merged), out, facts=common, said=said)


def _held(path: str | Path) -> list[str]:
    with opened(path) as (file, _):
        return file.schema_arrow.names


def _distinct(merged: Iterable[dict]) -> Iterator[dict]:
    for digest, same in itertools.groupby(merged, key=itemgetter("request_hash")):
        asked = list(same)
        kept, *others = [row for row in asked if row["status"] != "failed"] or asked[:1]
        if any(row != kept for row in others):
            _log.warning("request %s has different answers in two shards; the first one's counts", digest)
        yield kept


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
