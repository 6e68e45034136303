"""How fast, and in how much memory, are the needed columns of a national PUMS file read from its zip?

    python benchmarks/read_pums.py                     3.4 million rows x 286 columns, two members, one zip
    python benchmarks/read_pums.py --rows 200000       a quick look
    python benchmarks/read_pums.py --pipeline          notebook 01's way to the tables census and replicates, too

The zip is made here from the shipped sample. Each engine runs in a process of its own and reads the same columns
to typed Parquet; pandas, the yardstick, reads them as text, both members in turn. Times are wall and CPU seconds,
memory is the largest resident set. DuckDB and Polars are measured where they are installed; nothing else needs them.
"""

import argparse
import csv
import gzip
import io
import itertools
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from persona_lib.census import codebook, pums, records, vintages  # noqa: E402
from persona_lib.census import columns as pums_columns  # noqa: E402
from persona_lib.tables import schema  # noqa: E402

SAMPLE = ROOT / "data/reference/census_sample.csv.gz"
LABELS = ROOT / "data/reference/pums_labels.csv.gz"
MEMBERS = ("psam_pusa.csv", "psam_pusb.csv")
N_COLUMNS = 286
FILLING = ("", "0", "1", "2", "", "0", "", "12", "0", "", "450", "0", "1", "", "0", "2")  # about 690 bytes a row


def make(path: Path, n_rows: int) -> None:
    """A zip with the shape of the national file: the sample's households again and again, each under a new number."""
    with gzip.open(SAMPLE, "rt", encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    kept = [c for c in header if c not in pums_columns.REPLICATES]
    flags = vintages.flag_columns(2018)
    fillers = [*flags, *(f"F{k:03d}" for k in range(N_COLUMNS - len(header) - len(flags)))]
    mixed = [c for pair in itertools.zip_longest(kept, *[iter(fillers)] * 5) for c in pair if c is not None]
    columns = [c for c in (*mixed, *pums_columns.REPLICATES) if c != "SERIALNO"]
    place = {c: k for k, c in enumerate(header)}
    filled = itertools.cycle(FILLING)
    texts = [",".join(row[place[c]] if c in place else next(filled) for c in columns) for row in rows]
    homes = [row[place["SERIALNO"]] for row in rows]
    number = {home: k for k, home in enumerate(dict.fromkeys(homes))}
    kinds = [home[4:6] for home in homes]

    def lines(first: int, stop: int):
        for k in range(first, stop):
            turn, row = divmod(k, len(rows))
            yield f"2018{kinds[row]}{turn * len(number) + number[homes[row]]:07d},{texts[row]}\n"

    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name, (first, stop) in zip(MEMBERS, ((0, n_rows // 2), (n_rows // 2, n_rows)), strict=True):
            with archive.open(name, "w", force_zip64=True) as member:
                member.write((",".join(["SERIALNO", *columns]) + "\n").encode())
                made = lines(first, stop)
                while block := "".join(itertools.islice(made, 5_000)):
                    member.write(block.encode())


def needed(path: Path) -> list[str]:
    """The columns that the pipeline reads, as the file has them."""
    with zipfile.ZipFile(path).open(MEMBERS[0]) as file:
        names = file.readline().decode().strip().split(",")
    return [
        c
        for c in (
            *pums_columns.REQUIRED,
            *pums_columns.OPTIONAL,
            *vintages.flag_columns(2018),
            *pums_columns.REPLICATES,
        )
        if c in names
    ]


def by_pandas(path: Path, out: Path) -> None:
    """The yardstick."""
    import pandas as pd

    for name in MEMBERS:
        with zipfile.ZipFile(path).open(name) as file:
            pd.read_csv(file, usecols=needed(path), dtype=str, keep_default_na=False)


def by_arrow(path: Path, out: Path) -> None:
    """What the pipeline uses."""
    pums.extract(path, out)


def by_duckdb(path: Path, out: Path) -> None:
    """DuckDB reads no zip: each member comes through a pipe, single-threaded, the members side by side."""
    import duckdb

    with zipfile.ZipFile(path).open(MEMBERS[0]) as file:
        names = file.readline().decode().strip().split(",")
    types = {c: "INTEGER" if c in pums_columns.NUMBERS else "VARCHAR" for c in names}

    def member(name: str) -> None:
        pipe = out / f"{name}.pipe"
        os.mkfifo(pipe)
        feeder = threading.Thread(target=feed, args=(name, pipe))
        feeder.start()
        with duckdb.connect(config={"threads": 1, "memory_limit": "800MB"}) as connection:
            connection.execute(
                f"copy (select {', '.join(needed(path))} from read_csv('{pipe}', header=true, delim=',', quote='',"
                f" escape='', auto_detect=false, columns={types})) to '{out / name}.parquet' (format parquet)"
            )
        feeder.join()

    def feed(name: str, pipe: Path) -> None:
        with pipe.open("wb") as sink, zipfile.ZipFile(path).open(name) as file:
            while piece := file.read(1 << 20):
                sink.write(piece)

    with ThreadPoolExecutor(len(MEMBERS)) as pool:
        list(pool.map(member, MEMBERS))


def by_polars(path: Path, out: Path) -> None:
    """Polars reads no zip: it is handed each inflated member whole, one after the other, on all cores."""
    import polars

    for name in MEMBERS:
        inflated = io.BytesIO(zipfile.ZipFile(path).read(name))
        with zipfile.ZipFile(path).open(name) as file:
            names = file.readline().decode().strip().split(",")
        types = {c: polars.Int32 if c in pums_columns.NUMBERS else polars.String for c in names}
        rows = polars.scan_csv(inflated, schema=types).select(needed(path))
        rows.sink_parquet(out / f"{name}.parquet")


def pipeline(path: Path, out: Path) -> None:
    """Notebook 01's way: typed Parquet, rows as categories, the tables census and replicates in parts."""
    stored = pums.extract(path, out / "records")
    persons, homes = pums.load(stored)
    labels = codebook.read_dictionary(LABELS)
    parts = records.describe_parts(persons, households=homes, dictionary=labels, most_unlabelled=0.01)
    schema.write_parts(parts, out / "census.parquet", "census")
    schema.write_parts(records.replicate_parts(stored, persons), out / "replicates.parquet", "replicates")
    schema.read(out / "census.parquet", "census", compact=True)


ENGINES = {"pandas": by_pandas, "arrow": by_arrow, "duckdb": by_duckdb, "polars": by_polars, "pipeline": pipeline}


def measured(engine: str, path: Path) -> dict:
    """One engine in a process of its own."""
    with tempfile.TemporaryDirectory(dir=path.parent) as out:
        command = [sys.executable, __file__, "--engine", engine, "--file", str(path), "--out", out]
        done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        return {"failed": (done.stderr.strip().splitlines() or ["?"])[-1][:120]}
    return json.loads(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=3_400_000)
    parser.add_argument("--file", type=Path, help="a zip made earlier; made here if it is not there")
    parser.add_argument("--pipeline", action="store_true")
    parser.add_argument("--engine", choices=ENGINES, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.engine:
        start, used = time.perf_counter(), time.process_time()
        ENGINES[args.engine](args.file, args.out)
        took = {"wall_s": time.perf_counter() - start, "cpu_s": time.process_time() - used}
        print(json.dumps({**took, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = args.file or Path(folder) / "csv_pus.zip"
        if not path.exists():
            make(path, args.rows)
        print(f"{path.stat().st_size / 1e6:.0f} MB, {len(needed(path))} of {N_COLUMNS} columns, {os.cpu_count()} cores")
        engines = ["pandas", "arrow", *(e for e in ("duckdb", "polars") if find_spec(e))]
        found = {engine: measured(engine, path) for engine in [*engines, *(["pipeline"] if args.pipeline else [])]}
        print(f"{'engine':10}{'wall s':>10}{'x pandas':>10}{'CPU s':>10}{'x pandas':>10}{'peak MB':>10}")
        for engine, took in found.items():
            if "failed" in took:
                print(f"{engine:10} failed: {took['failed']}")
                continue
            wall, cpu = found["pandas"]["wall_s"] / took["wall_s"], found["pandas"]["cpu_s"] / took["cpu_s"]
            print(
                f"{engine:10}{took['wall_s']:10.1f}{wall:10.2f}{took['cpu_s']:10.1f}{cpu:10.2f}{took['peak_mb']:10.0f}"
            )


if __name__ == "__main__":
    main()
