"""The live ledger: every answer on disk before it counts, so none is lost and none is paid for twice.

One shard of one stage writes one file of JSON Lines, `{stage}-{shard}-of-{of}.jsonl`; the first
line is a header. Each later line is a request with its reply, under a checksum. Lines are only
ever added. A last line without its end was cut off by a crash; it never counted and is cut.

Which replies are final: ok, refused and unparsed are answers, and are never asked for again. A
failed call (network, 429 or 5xx after all retries) is no answer: it is recorded, and sealed as
`failed` if the run ends with it, but the next run of the stage asks again.

A run resumes from all shards of its stage in the folder, so the number of shards may change.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from persona_lib import sealed
from persona_lib.request import STATUSES, Reply, Request
from persona_lib.sealed import LedgerError, Replay, ReplayMiss, replay

__all__ = ["FORMAT", "Ledger", "LedgerError", "Replay", "ReplayMiss", "check", "lines", "replay"]
FORMAT = 1
_FINAL = ("ok", "refused", "unparsed")


class Ledger:
    """The live ledger of one shard: `find` what is answered, `append` what came back, `seal` at the end.

    Use it as a context manager. While it is open no other process can write to it.

    Parameters
    ----------
    folder : where the ledgers of a run are; made if it is not there
    stage, shard, of : whose ledger it is; shard is 0 to of - 1

    Raises
    ------
    LedgerError
        Another process writes to it, a line before the last is damaged, or another version wrote it.
    """

    def __init__(self, folder: str | Path, stage: str, *, shard: int, of: int) -> None:
        if not 0 <= shard < of:
            raise LedgerError(f"shard {shard} of {of}: shards are numbered 0 to {of - 1}")
        self.path = Path(folder) / f"{stage}-{shard}-of-{of}.jsonl"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.stage = stage
        self.n_cut_bytes = 0
        self._failed: dict[str, tuple[Path, int, int]] = {}
        self._final: dict[str, tuple[Path, int, int]] = {}
        self._readers: dict[Path, int] = {}
        self._file = -1
        self._lock = _lock(self.path.with_suffix(".lock"))
        try:
            for path in self.path.parent.glob(f"{stage}-*-of-*.lock"):
                if not path.name.endswith(f"-of-{of}.lock"):
                    os.close(_lock(path, shared=True))
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
            self._cut_torn_tail()
            if os.fstat(self._file).st_size == 0:
                self._write(_line({"format": FORMAT, "stage": stage, "shard": shard, "of": of}))
                _sync_folder(self.path.parent)
            for path in sorted(self.path.parent.glob(f"{stage}-*-of-*.jsonl"), key=lambda p: (p != self.path, p)):
                for place, record in lines(path):
                    if record["reply"]["status"] in _FINAL:
                        self._final.setdefault(record["hash"], (path, *place))
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the files and the lock; everything appended is on disk already."""
        for number in (*self._readers.values(), self._file):
            if number >= 0:
                os.close(number)
        self._readers, self._file = {}, -1
        if self._lock >= 0:
            os.ftruncate(self._lock, 0)
            os.close(self._lock)
            self._lock = -1

    def find(self, request: Request) -> Reply | None:
        """The final answer to a request from whichever shard asked it, or its failure in this run; None if neither."""
        place = self._final.get(request.hash) or self._failed.get(request.hash)
        return None if place is None else Reply(**self._record(place)["reply"])

    def __contains__(self, request: Request) -> bool:
        return request.hash in self._final or request.hash in self._failed

    def requests(self) -> Iterator[Request]:
        """Every request with a final answer, one in memory at a time."""
        return (Request.from_dict(self._record(place)["request"]) for place in self._final.values())

    def append(self, answers: Iterable[tuple[Request, Reply]]) -> None:
        """Write answers and return when the disk has them: from then on they count.

        Raises
        ------
        LedgerError
            The disk refused (full, read-only, gone). None of these answers counts; those before do.
            The ledger is closed for writing.
        """
        written, parts, at = [], [], os.fstat(self._file).st_size
        for request, reply in answers:
            line = _line({"hash": request.hash, "request": request.to_dict(), "reply": reply.to_dict()})
            written.append((request.hash, reply.status, (self.path, at, len(line))))
            parts.append(line)
            at += len(line)
        self._write(b"".join(parts))
        for digest, status, place in written:
            (self._final if status in _FINAL else self._failed)[digest] = place

    def seal(self, path: str | Path, hashes: Iterable[str], *, facts: Mapping) -> dict[str, int]:
        """Write the sealed copy of the requests with these hashes; return how many have each status.

        Raises
        ------
        LedgerError
            A request among them has no reply in this run.
        """
        count = dict.fromkeys(STATUSES, 0)
        sealed.write(self._counted(sorted(set(hashes)), count), path, facts=facts)
        return count

    def _counted(self, digests: Iterable[str], count: dict[str, int]) -> Iterator[dict]:
        for digest in digests:
            row = self._row(digest)
            count[row["status"]] += 1
            yield row

    def _row(self, digest: str) -> dict:
        place = self._final.get(digest) or self._failed.get(digest)
        if place is None:
            raise LedgerError(f"{self.path}: no reply to request {digest}, so the stage cannot be sealed")
        record = self._record(place)
        return sealed.row(Request.from_dict(record["request"]), Reply(**record["reply"]))

    def _record(self, place: tuple[Path, int, int]) -> dict:
        path, start, size = place
        if path not in self._readers:
            self._readers[path] = os.open(path, os.O_RDONLY)
        return _parsed(os.pread(self._readers[path], size, start), f"{path}: byte {start}")

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
            raise LedgerError(f"{self.path}: {os.strerror(error.errno)}; the answers before are safe") from error

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
    start = 0
    with open(path, "rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return
            record = _parsed(line, f"{path}: line {number}")
            if number > 1:
                yield (start, len(line)), record
            elif record.get("format") != FORMAT:
                raise LedgerError(f"{path}: format {record.get('format')}; this version reads format {FORMAT}")
            start += len(line)


def check(paths: Iterable[str | Path]) -> dict:
    """What live ledgers hold, counted: records, each status, requests answered more than once.

    Raises
    ------
    LedgerError
        A damaged line, a record whose hash is not its request's, or two different final answers to
        one request; names file and line, or the files.
    """
    count = dict.fromkeys(("records", *STATUSES, "repeated", "torn_tails"), 0)
    seen: dict[str, tuple[str, dict]] = {}
    for path in paths:
        for number, (_, record) in enumerate(lines(path), start=2):
            digest, reply = record["hash"], record["reply"]
            if Request.from_dict(record["request"]).hash != digest:
                raise LedgerError(f"{path}: line {number}: the hash is not that of the request")
            count["records"] += 1
            count[reply["status"]] += 1
            if reply["status"] in _FINAL:
                where, earlier = seen.setdefault(digest, (f"{path}: line {number}", reply))
                if earlier != reply:
                    raise LedgerError(f"{where} and {path}: line {number}: two answers to request {digest}")
                count["repeated"] += earlier is not reply
        count["torn_tails"] += not Path(path).read_bytes().endswith(b"\n")
    return count


def _line(record: Mapping) -> bytes:
    body = json.dumps(record, separators=(",", ":"))[1:].encode()
    return b'{"crc":"%08x",%s\n' % (zlib.crc32(body), body)


def _parsed(line: bytes, where: str) -> dict:
    try:
        record = json.loads(line)
    except ValueError:
        record = None
    if not isinstance(record, dict) or line[:18] != b'{"crc":"%08x",' % zlib.crc32(line[18:-1]):
        raise LedgerError(f"{where} is damaged; restore the file from a copy, or remove that line to ask it again")
    return record


def _lock(path: Path, *, shared: bool = False) -> int:
    """Take the lock of one ledger; the kernel frees it when its holder ends, however it ends.

    Shared, it only says that nobody writes: a run cut into another number of shards may ask the same.
    """
    number = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(number, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError as error:
        holder = os.pread(number, 1000, 0).decode("utf-8", "replace").strip() or "another process"
        os.close(number)
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            raise LedgerError(f"{path.with_suffix('.jsonl')}: {holder} writes to it; wait for it or stop it") from error
        raise LedgerError(f"{path}: this file system cannot lock ({os.strerror(error.errno)}); use another") from error
    if shared:
        return number
    os.ftruncate(number, 0)
    os.pwrite(number, f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)
    return number


def _sync_folder(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
