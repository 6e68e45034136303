"""Which store for the live ledger: JSON Lines, SQLite or LMDB; records made durable, size, opening again.

    python benchmarks/ledger_store.py --records 20000 --folder .
    python benchmarks/ledger_store.py --memory 1000000          of the ledger, by number of answers

The same records, a request of 2,000 characters with its reply, are appended in batches, each batch durable before
the next; then the store is opened again and every hash with its place or value is read. LMDB needs `pip install
lmdb`. The disk is that of `--folder`: a memory file system would make all three look alike.
"""

import argparse
import gzip
import json
import resource
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from persona_lib.ledger.live import Ledger
from persona_lib.messages.request import Reply, Request

Record = tuple[Request, Reply]


def records(n: int) -> list[Record]:
    """Requests as the paper's: most of a prompt is the persona, which thousands of requests share."""
    persona = "\n".join(f"Attribute {k}: value {k * 7919 % 1000}" for k in range(60))
    made = []
    for number in range(n):
        user = f"{persona}\nHousehold {number % 100}\nQuestion {number}: should a town tax sugar?"
        messages = ({"role": "system", "content": "Answer as this person would."}, {"role": "user", "content": user})
        request = Request("large", "m@1", messages, {"temperature": 1.0})
        made.append((request, Reply("ok", f"Answer {number}. " + "It depends on whom one asks. " * 20, tokens_in=500)))
    return made


def plain(record: Record) -> str:
    """A record as one JSON text, as the ledger writes it."""
    request, reply = record
    return json.dumps({"request": request.to_dict(), "reply": reply.to_dict()}, separators=(",", ":"))


class Lines:
    """The ledger itself: one append and one fsync a batch."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.ledger = folder, Ledger(folder, "toy", shard=0, of=1)

    def append(self, batch: list[Record]) -> None:
        self.ledger.append(batch)

    def close(self) -> None:
        self.ledger.close()

    def reopen(self) -> int:
        with Ledger(self.folder, "toy", shard=0, of=1) as ledger:
            return len(ledger._places)


class Sqlite:
    """One table by hash, one transaction a batch; `synchronous` FULL, in either journal mode."""

    journal = "delete"

    def __init__(self, folder: Path) -> None:
        self.path = folder / "ledger.sqlite"
        self.base = sqlite3.connect(self.path)
        self.base.execute(f"pragma journal_mode={self.journal}")
        self.base.execute("pragma synchronous=full")
        self.base.execute("create table answers (hash text primary key, record text) without rowid")

    def append(self, batch: list[Record]) -> None:
        with self.base:
            rows = [(record[0].hash, plain(record)) for record in batch]
            self.base.executemany("insert or ignore into answers values (?, ?)", rows)

    def close(self) -> None:
        self.base.close()

    def reopen(self) -> int:
        base = sqlite3.connect(self.path)
        try:
            return sum(1 for _ in base.execute("select hash from answers"))
        finally:
            base.close()


class SqliteWal(Sqlite):
    """The same with a write-ahead log, which SQLite does not support on network file systems."""

    journal = "wal"


class Lmdb:
    """A memory-mapped tree by hash, one transaction a batch."""

    def __init__(self, folder: Path) -> None:
        import lmdb

        self.open = lambda: lmdb.open(str(folder / "ledger.lmdb"), map_size=1 << 36)
        self.base = self.open()

    def append(self, batch: list[Record]) -> None:
        with self.base.begin(write=True) as transaction:
            for record in batch:
                transaction.put(record[0].hash.encode(), plain(record).encode())

    def close(self) -> None:
        self.base.close()

    def reopen(self) -> int:
        base = self.open()
        try:
            with base.begin() as transaction:
                return sum(1 for _ in transaction.cursor().iternext(values=False))
        finally:
            base.close()


STORES = {"JSON Lines": Lines, "SQLite": Sqlite, "SQLite WAL": SqliteWal, "LMDB": Lmdb}


def size(folder: Path) -> Iterator[tuple[Path, int]]:
    """Files of a store and the bytes that each takes on the disk."""
    for path in folder.rglob("*"):
        if path.is_file():
            yield path, path.stat().st_blocks * 512


def memory(n: int, folder: Path) -> None:
    """How much larger the process is when its ledger holds so many short answers, and what opening it costs."""
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        with Ledger(scratch, "toy", shard=0, of=1) as ledger:
            before = resident_mb()
            for first in range(0, n, 2000):
                texts = ({"role": "user", "content": f"Question {k}"} for k in range(first, first + 2000))
                ledger.append((Request("large", "m", (text,), {}), Reply("ok", "Yes.")) for text in texts)
            grown = resident_mb() - before
        processor = time.process_time()
        with Ledger(scratch, "toy", shard=0, of=1):
            opened = time.process_time() - processor
    print(f"{n} answers: {grown:.0f} MB more, {grown / n * 1e6:.0f} bytes each; opened in {opened:.1f} CPU-s")


def resident_mb() -> float:
    """Memory of this process (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


def main() -> None:
    """One line per batch size and store."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 16, 256])
    parser.add_argument("--folder", type=Path, default=Path())
    parser.add_argument("--memory", type=int, metavar="ANSWERS", help="only the memory of the ledger")
    args = parser.parse_args()
    if args.memory:
        memory(args.memory, args.folder)
        return
    head = ("batch", "store", "records", "records/s", "CPU-ms each", "MB", "MB gzip", "open again s")
    print("{:>5} {:<11} {:>8} {:>10} {:>12} {:>7} {:>8} {:>13}".format(*head))
    for batch in args.batches:
        made = records(min(args.records, 1000 * batch))
        for name, store in STORES.items():
            if name == "LMDB" and find_spec("lmdb") is None:
                continue
            with tempfile.TemporaryDirectory(dir=args.folder) as scratch:
                folder = Path(scratch)
                kept = store(folder)
                start, processor = time.monotonic(), time.process_time()
                for first in range(0, len(made), batch):
                    kept.append(made[first : first + batch])
                wall_s, processor_s = time.monotonic() - start, time.process_time() - processor
                kept.close()
                start = time.monotonic()
                assert kept.reopen() == len(made)
                opened_s = time.monotonic() - start
                files = dict(size(folder))
                largest = max(files, key=files.get)
                with largest.open("rb") as plain_file, gzip.open(folder / "z", "wb", 6) as packed:
                    shutil.copyfileobj(plain_file, packed)
                rate, each_ms = len(made) / wall_s, processor_s / len(made) * 1000
                sizes = sum(files.values()) / 1e6, (folder / "z").stat().st_size / 1e6
                row = (batch, name, len(made), rate, each_ms, *sizes, opened_s)
                print("{:>5} {:<11} {:>8} {:>10.0f} {:>12.3f} {:>7.1f} {:>8.2f} {:>13.2f}".format(*row), flush=True)


if __name__ == "__main__":
    main()
