"""The live ledger: every answer on disk before it counts, so none is lost and none is paid for twice.

One shard of one stage writes one file of JSON Lines, `{stage}-{shard}-of-{of}.jsonl`; the first
line is a header. Each later line is a request, what it cost (`usd`, outside the hash; null where that
is not known, absent in the first ledgers) and its reply, under a checksum. Lines are only ever
added. A last line without its end was cut off by a crash; it never counted and is cut.

Which replies are final: ok, refused, cut_off, unparsed and not_taken, which are never asked for again. A
failed call (network, 429 or 5xx after all retries) is no answer: it is recorded, and sealed as
`failed` if the run ends with it, but the next run of the stage asks again. A run may be told to ask again for
final replies of some statuses. What comes then is marked `again` and counts from then on; the old lines stay.

A run resumes from all shards of its stage in the folder, so the number of shards may change.

Why JSON Lines and no database (figures in benchmarks/README.md): one append and one fsync a batch cost no more
processor time than SQLite and are as soon durable; the file is half the size; a crash can only tear its end,
which is seen and cut; it needs no shared memory and no second file, so it is safe on a network file system,
where SQLite's log is not and LMDB's map must not be; `less`, DuckDB and pandas read it. A database opens
faster, by 4 s for a million answers. LMDB appends with less processor time still, but its files hold one
machine's byte order and compress badly.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import repeat
from pathlib import Path
from types import TracebackType

from persona_lib.ledger import locks, packs, sealed
from persona_lib.ledger.errors import LedgerError, said
from persona_lib.ledger.index import Index
from persona_lib.ledger.lines import FORMAT, check_sum, hash_of, is_again, line_of, read_line, status_of, whole_lines
from persona_lib.ledger.packs import Pack
from persona_lib.ledger.summary import Summary
from persona_lib.messages.request import LATER, STATUSES, Reply, Request
from persona_lib.tables.files import whole

FINAL = ("ok", "refused", "cut_off", "unparsed", "not_taken")
_REPAIRS = b'"repairs":"'


class Ledger:
    """The live ledger of one shard: `find` what is answered, `append` what came back, `seal` at the end.

    Use it as a context manager. While it is open no other process can write to it. Its memory does not
    grow: where each answer is stands in an index on disk (`index`).

    Attributes: `summary`, what became of all that was used so far, and who answered.

    Parameters
    ----------
    folder : where the ledgers of a run are; made if it is not there
    stage, shard, of : whose ledger it is; shard is 0 to of - 1
    ask_again : statuses of final replies that this run takes for none, so that it asks anew

    Raises
    ------
    LedgerError
        Another process writes to it, a line before the last is damaged, or another version wrote it.
    """

    def __init__(self, folder: str | Path, stage: str, *, shard: int, of: int, ask_again: Collection[str] = ()) -> None:
        if not 0 <= shard < of:
            raise LedgerError(f"shard {shard} of {of}: shards are numbered 0 to {of - 1}")
        self._of = of
        self.path = Path(folder) / f"{stage}-{shard}-of-{of}.jsonl"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.stage = stage
        self.n_cut_bytes = 0
        self.summary = Summary()
        self._ask_again = ask_again
        self._said: set[str] = set()
        self._index = Index()
        self._paths: list[Path] = []
        self._readers: dict[int, int] = {}
        self._packs: list[Pack] = []
        self._file = -1
        self._lock = locks.take(self.path.with_suffix(".lock"))
        try:
            for path in self.path.parent.glob(f"{stage}-*-of-*.lock"):
                if not path.name.endswith(f"-of-{of}.lock"):
                    os.close(locks.take(path, shared=True))
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            self._cut_torn_tail()
            if os.fstat(self._file).st_size == 0:
                self._write(line_of({"format": FORMAT, "stage": stage, "shard": shard, "of": of}))
                _sync_folder(self.path.parent)
            self._paths = sorted(self.path.parent.glob(f"{stage}-*-of-*.jsonl"), key=lambda p: (p != self.path, p))
            # Opened now, the live ones first: a shard that ends meanwhile packs its own and begins a new file.
            self._readers = {number: os.open(path, os.O_RDONLY) for number, path in enumerate(self._paths)}
            self._packs = [Pack(path) for path in packs.of_stage(self.path.parent, stage)]
            self._read(_repaired(self._every_line()) if ask_again else set())
        except BaseException:
            self.close()
            raise

    def _read(self, repaired: Collection[str]) -> None:
        """Note where each final reply is; of those to be asked again only what a repair has made good."""
        for number, start, line in self._every_line():
            digest, status = hash_of(line), status_of(line)
            is_kept = status not in self._ask_again or digest in repaired
            if status in FINAL and is_kept:
                self._index.add(digest, file=number, byte=start, replace=is_again(line))
            elif not is_kept and is_again(line):
                self._index.remove(digest)  # an older reply of another status does not come back

    def _every_line(self) -> Iterator[tuple[int, int, bytes]]:
        """Number of the file, place and bytes of each line of the stage, what is packed first, for it is older.

        Packs are numbered from -1 downwards.
        """
        for number, pack in enumerate(self._packs, start=1):
            for place, line in pack.lines():
                check_sum(line, str(pack.path))
                yield -number, place, line
        for number, path in enumerate(self._paths):
            for _, start, line in whole_lines(path, self._readers[number]):
                yield number, start, line

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the files and the lock; everything appended is on disk already."""
        for number in (*self._readers.values(), self._file):
            if number >= 0:
                os.close(number)
        for pack in self._packs:
            pack.close()
        self._readers, self._packs, self._file = {}, [], -1
        if self._lock >= 0:
            locks.release(self._lock)
            self._lock = -1
        self._index.close()

    def __contains__(self, request: Request) -> bool:
        return self._index.find(request.hash) is not None

    def find(self, request: Request) -> Reply | None:
        """The final answer to a request from whichever shard asked it, or its failure in this run; None if neither."""
        place = self._index.find(request.hash)
        return None if place is None else Reply(**self._record(place)["reply"])

    def use(self, request: Request) -> Reply:
        """The reply to a request that this run needs: the sealed copy will hold it.

        Raises
        ------
        LedgerError
            There is none.
        """
        reply = self.find(request)
        if reply is None:
            raise LedgerError(f"{self.path}: no reply to request {request.hash}, so the stage cannot be sealed")
        if self._index.mark(request.hash):
            self.summary.add(sealed.counted(request, reply))
            self._said |= {name for name, nothing in LATER.items() if getattr(reply, name) != nothing}
        return reply

    def requests(self) -> Iterator[Request]:
        """Every request that has a reply, one in memory at a time."""
        return (Request.from_dict(self._record(place)["request"]) for place in self._index)

    def append(
        self,
        answers: Iterable[tuple[Request, Reply]],
        *,
        usd: Iterable[float | None] | None = None,
    ) -> None:
        """Write answers and return when the disk has them: from then on they count.

        `usd` is what each of them costs; what is written is never priced again.

        Raises
        ------
        LedgerError
            The disk refused (full, read-only, gone). None of these answers counts; those before do.
            The ledger is closed for writing.
        """
        parts, written, at = [], [], os.fstat(self._file).st_size
        costs = repeat({}) if usd is None else ({"usd": one} for one in usd)
        for (request, reply), paid in zip(answers, costs, strict=usd is not None):
            again = {"again": True} if self._ask_again else {}
            record = {"hash": request.hash, **again, "request": request.to_dict(), **paid, "reply": reply.to_dict()}
            parts.append(line_of(record))
            written.append((request.hash, at))
            at += len(parts[-1])
        self._write(b"".join(parts))
        for digest, start in written:
            self._index.add(digest, file=0, byte=start)

    def seal(self, path: str | Path, *, facts: Mapping) -> None:
        """Write the sealed copy of all that was used."""
        level = sealed.WHOLE if self._of == 1 else sealed.PART
        sealed.write(self._used(), path, facts=facts, said=self._said, level=level)

    def pack(self) -> None:
        """Compress this shard's file, at the end of a simulated stage: what is packed is found as before."""
        if os.fstat(self._file).st_size == 0 or not next(whole_lines(self.path), None):
            return
        packs.write((line for _, _, line in whole_lines(self.path)), packs.following(self.path))
        # A new file in the old one's place, which other shards may be reading.
        with self.path.open("rb") as file, whole(self.path, private=True) as half:
            half.write_bytes(file.readline())
        self.close()

    def _used(self) -> Iterator[dict]:
        for place in self._index.marked():
            record = self._record(place)
            yield sealed.row(Request.from_dict(record["request"]), Reply(**record["reply"]))

    def _record(self, place: tuple[int, int]) -> dict:
        number, start = place
        if number >= 0:
            return read_line(self._readers[number], start, self._paths[number])
        pack = self._packs[-number - 1]
        line = pack.line(start)
        check_sum(line, str(pack.path))
        return json.loads(line)

    def _write(self, block: bytes) -> None:
        start = os.fstat(self._file).st_size
        try:
            rest = memoryview(block)
            while rest:
                rest = rest[os.write(self._file, rest) :]
            os.fsync(self._file)
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(self._file, start)
            os.close(self._file)
            self._file = -1
            raise LedgerError(f"{self.path}: {said(error)}; the answers before are safe") from error

    def _cut_torn_tail(self) -> None:
        size = os.fstat(self._file).st_size
        end, step = size, 1 << 16
        while end > 0:
            start = max(end - step, 0)
            at = os.pread(self._file, end - start, start).rfind(b"\n")
            if at >= 0:
                end = start + at + 1
                break
            end = start
        if end < size:
            os.ftruncate(self._file, end)
            os.fsync(self._file)
            self.n_cut_bytes = size - end


def lines(path: str | Path) -> Iterator[tuple[tuple[int, int], dict]]:
    """The records of one live ledger, each with its place (first byte, bytes); a torn last line is left out.

    Raises
    ------
    LedgerError
        A damaged line or header; names file and line.
    """
    for _, start, line in whole_lines(path):
        yield (start, len(line)), json.loads(line)


def check(paths: Iterable[str | Path]) -> dict:
    """What live ledgers hold, with their packs, counted: records, each status, requests answered more than once.

    Raises
    ------
    LedgerError
        A damaged line, a record whose hash is not its request's, or two different final answers to
        one request; names file and line, or the files.
    """
    count = dict.fromkeys(("records", *STATUSES, "asked_again", "repeated", "torn_tails"), 0)
    files, index = [file for path in map(Path, paths) for file in (*packs.of_ledger(path), path)], Index()
    for file, path in enumerate(files):
        for number, start, line in _lines_of(path):
            record = json.loads(line)
            digest, status = record["hash"], record["reply"]["status"]
            if Request.from_dict(record["request"]).hash != digest:
                raise LedgerError(f"{path}: line {number}: the hash is not that of the request")
            count["records"] += 1
            count[status] += 1
            if is_again(line):
                count["asked_again"] += 1
            elif status in FINAL and not index.add(digest, file=file, byte=start):
                count["repeated"] += 1
                if (place := index.find(digest)) is not None:
                    _same_or_raise(record, f"{path}: line {number}", *place, files)
        count["torn_tails"] += _is_torn(path)
    return count


def _lines_of(path: Path) -> Iterator[tuple[int, int, bytes]]:
    """Number, place and bytes of each line of a live ledger or of a pack."""
    return packs.whole_lines(path) if path.name.endswith(packs.SUFFIX) else whole_lines(path)


def _same_or_raise(record: dict, where: str, file: int, start: int, paths: list[Path]) -> None:
    number, line = next((number, line) for number, place, line in _lines_of(paths[file]) if place == start)
    if {**json.loads(line)["reply"], "latency_s": None} != {**record["reply"], "latency_s": None}:
        raise LedgerError(f"{paths[file]}: line {number} and {where}: two answers to request {record['hash']}")


def _is_torn(path: Path) -> bool:
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - 1, 0))
        return file.read() != b"\n"


def _repaired(lines: Iterable[tuple[int, int, bytes]]) -> set[str]:
    """Requests whose reply could not be used, but that of their repair can."""
    records = (json.loads(line) for _, _, line in lines if _REPAIRS in line)
    return {
        one["request"]["repairs"] for one in records if "repairs" in one["request"] and one["reply"]["status"] == "ok"
    }


def _sync_folder(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
