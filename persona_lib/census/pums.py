"""PUMS files to typed Parquet: the needed columns, one file per member, and those files as tables.

A blank cell stays the empty text (a missing number); a column that a file does not have is missing (NaN)
in its rows.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from persona_lib.census import vintages
from persona_lib.census.archives import PumsError, first_line, members, reading

N_REPLICATES = 80
REQUIRED = ("SERIALNO", "SPORDER", "PWGTP", "AGEP", "SEX")
OPTIONAL = (
    *("ST", "STATE", "RELP", "RELSHIPP", "ADJINC", "PINCP", "RAC1P", "HISP", "ANC1P", "NATIVITY", "CIT", "POBP"),
    *("LANX", "LANP", "ENG", "SCHL", "ESR", "COW", "INDP", "OCCP", "MAR", "MIL", "DIS", "HICOV"),
    *("DREM", "DEYE", "DEAR", "FER"),
)
REPLICATES = tuple(f"PWGTP{number}" for number in range(1, N_REPLICATES + 1))
HOUSEHOLD = ("SERIALNO", "WGTP", "HHT", "HUPAOC", "HHL")
JOINED = HOUSEHOLD[2:]  # in person rows too, where the Census API joined them
NUMBERS = ("PWGTP", "AGEP", "ADJINC", "PINCP", *REPLICATES)
MAY_BE_BLANK = ("PINCP",)
ROW_GROUP = 1 << 17
_BLOCK_BYTES = 4 << 20
_AT_ONCE = 4  # members; each holds a row group of a hundred megabytes and more


def extract(
    paths: str | os.PathLike | Iterable[str | os.PathLike],
    folder: str | os.PathLike,
    *,
    numbers: tuple[str, ...] = NUMBERS,
) -> list[Path]:
    """Read PUMS zips, .csv or .csv.gz files, person and household files mixed, into typed Parquet files.

    The members stream straight from their zips, several at a time, so memory does not grow with them.
    `numbers` become whole numbers (int32); every other value stays the text of the file: no NA parsing,
    leading zeros kept.

    Parameters
    ----------
    paths : one path or several; a zip may hold several members (`psam_pusa.csv`, `psam_pusb.csv`)
    folder : where the Parquet files go; those of an earlier call are removed

    Returns
    -------
    One Parquet file per member, in the order of the files: `REQUIRED`, those of `OPTIONAL`, `JOINED` and
    `REPLICATES` that the member has; or `HOUSEHOLD`. Their metadata name the member.

    Raises
    ------
    PumsError
        No such file; an HTML page saved as a zip; a truncated archive; no PUMS member; a broken line; a
        required column missing; a number that is none; no person file at all.
    """
    paths = [paths] if isinstance(paths, (str, os.PathLike)) else list(paths)
    found = [member for path in map(Path, paths) for member in members(path)]
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    _clear(folder)
    try:
        with ThreadPoolExecutor(min(_AT_ONCE, os.cpu_count() or 1)) as pool:
            jobs = [pool.submit(_extract, *member, folder, k, numbers) for k, member in enumerate(found)]
            stored = [job.result() for job in jobs]
        if not any(path.stem.endswith("persons") for path in stored):
            named = ", ".join(Path(path).name for path in paths) or "no file"
            raise PumsError(f"{named}: no person records; give a csv_p file")
    except BaseException:
        _clear(folder)
        raise
    return stored


def _clear(folder: Path) -> None:
    for path in folder.glob("*.parquet"):
        path.unlink()


def _extract(label: str, opened: Callable[[], IO[bytes]], folder: Path, number: int, numbers: tuple[str, ...]) -> Path:
    with reading(label):
        try:
            with opened() as file:
                header = first_line(file, label).decode("utf-8-sig").strip()
            named = {column.strip().strip('"').upper(): column.strip().strip('"') for column in header.split(",")}
            wanted = _wanted(label, named)
            path = folder / f"{number:03d}_{'persons' if 'PWGTP' in wanted else 'households'}.parquet"
            types = {named[c]: pa.int32() if c in numbers else pa.string() for c in wanted}
            filled = [k for k, c in enumerate(wanted) if c in numbers and c not in MAY_BE_BLANK]
            schema = pa.schema([(c, types[named[c]]) for c in wanted], {"file": label})
            with opened() as file, pq.ParquetWriter(path, schema, compression="snappy") as writer:
                n_rows = _copy(_streamed(file, types), writer, schema, filled)
        except _BlankNumberError:
            raise _first_bad_cell(label, opened, named, wanted, numbers) from None
        except (pa.ArrowInvalid, pa.ArrowKeyError, UnicodeDecodeError) as error:
            if "conversion error" in str(error):
                raise _first_bad_cell(label, opened, named, wanted, numbers) from error
            raise PumsError(f"{label}: not a PUMS table: {str(error).splitlines()[0][:160]}") from error
    if not n_rows:
        raise PumsError(f"{label}: a header without a single record; download it again")
    return path


class _BlankNumberError(Exception):
    """A number is blank that never may be."""


def _copy(batches: Iterable[pa.RecordBatch], writer: pq.ParquetWriter, schema: pa.Schema, filled: list[int]) -> int:
    """Write the batches in row groups of a good size; return the number of rows."""
    waiting: list[pa.RecordBatch] = []
    n_waiting = n_rows = 0
    for batch in batches:
        if any(batch.column(k).null_count for k in filled):
            raise _BlankNumberError
        waiting.append(pa.RecordBatch.from_arrays(batch.columns, schema=schema))
        n_waiting += len(batch)
        n_rows += len(batch)
        if n_waiting >= ROW_GROUP:
            writer.write_table(pa.Table.from_batches(waiting))
            waiting, n_waiting = [], 0
    if waiting:
        writer.write_table(pa.Table.from_batches(waiting))
    return n_rows


def _streamed(file: IO[bytes], types: dict[str, pa.DataType]) -> pacsv.CSVStreamingReader:
    return pacsv.open_csv(
        file,
        read_options=pacsv.ReadOptions(block_size=_BLOCK_BYTES),
        convert_options=pacsv.ConvertOptions(
            include_columns=list(types), column_types=types, strings_can_be_null=False, null_values=[""]
        ),
    )


def _first_bad_cell(label: str, opened: Callable, named: dict, wanted: list[str], numbers: tuple) -> PumsError:
    """The first cell that should be a whole number and is none, as an error; only a failed read looks for it."""
    columns = [c for c in wanted if c in numbers]
    with opened() as file:
        line = 2
        for batch in _streamed(file, {named[c]: pa.string() for c in columns}):
            frame = batch.to_pandas()
            for column in columns:
                values = frame[named[column]]
                form = r"\s*-?\d+\s*|\s*" if column in MAY_BE_BLANK else r"\s*-?\d+\s*"
                wrong = np.flatnonzero(~values.str.fullmatch(form))
                if len(wrong):
                    cell = f"line {line + wrong[0]}: {column} is {values[wrong[0]]!r}"
                    return PumsError(f"{label}: {cell}: not a whole number")
            line += len(frame)
    return PumsError(f"{label}: a number that is too large")


def _wanted(name: str, named: dict[str, str]) -> list[str]:
    """The needed columns that the member has, or a sentence about the required one that it has not."""
    is_household = "WGTP" in named and "PWGTP" not in named
    required = HOUSEHOLD[:2] if is_household else REQUIRED
    if missing := [column for column in required if column not in named]:
        raise PumsError(f"{name}: column {', '.join(missing)} is missing; a PUMS person file has {', '.join(REQUIRED)}")
    if is_household:
        return [column for column in HOUSEHOLD if column in named]
    replicates = [column for column in REPLICATES if column in named]
    if replicates and len(replicates) < N_REPLICATES:
        lacking = next(column for column in REPLICATES if column not in named)
        raise PumsError(f"{name}: column {lacking} is missing; a file has all {N_REPLICATES} replicate weights or none")
    return [*REQUIRED, *(column for column in (*OPTIONAL, *JOINED) if column in named), *replicates]


def load(stored: Iterable[Path], *, replicates: bool = False) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Person and household rows of `extract`'s files, in their order.

    Texts are categories, so that the nation's 3.4 million persons take about half a gigabyte; the
    replicate weights stay on disk unless asked for. SERIALNO has its year in front, whatever the year.
    Columns `file` (file and member name, without folders) and `line` (line of the member, its header being
    1) say where a row comes from.

    Raises
    ------
    PumsError
        A person or household that stands in two places; a SERIALNO of unknown form, or without a year
        that the name of its file could give.
    """
    tables: dict[str, list[pa.Table]] = {"persons": [], "households": []}
    for path in stored:
        tables[path.stem.split("_")[1]].append(_stored(path, replicates))
    persons = _full(_frame(tables["persons"]))
    homes = _frame(tables["households"]) if tables["households"] else pd.DataFrame(columns=["SERIALNO"], dtype="str")
    joined = [column for column in JOINED if column in persons]
    homes = _full(homes)
    if joined:
        has = persons[joined].notna().any(axis=1)
        own = persons.loc[has, ["SERIALNO", *joined, "file", "line"]].drop_duplicates("SERIALNO")
        homes = pd.concat([homes, own[~own["SERIALNO"].isin(homes["SERIALNO"])]], ignore_index=True)
        persons = persons.drop(columns=joined)
    _refuse_repeated(persons, ["SERIALNO", "SPORDER"], "person")
    _refuse_repeated(homes, ["SERIALNO"], "household")
    return persons, homes


def _stored(path: Path, replicates: bool) -> pa.Table:
    schema = pq.read_schema(path)
    kept = [c for c in schema.names if replicates or c not in REPLICATES]
    texts = [c for c in kept if c != "SERIALNO" and pa.types.is_string(schema.field(c).type)]
    table = pq.ParquetFile(path, read_dictionary=texts).read(kept)
    label = schema.metadata[b"file"].decode()
    file = pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int32()), len(table)), [label])
    table = table.append_column("file", file)
    return table.append_column("line", pa.array(np.arange(2, len(table) + 2, dtype="int32")))


def _frame(tables: list[pa.Table]) -> pd.DataFrame:
    return pa.concat_tables(tables, promote_options="default").unify_dictionaries().to_pandas(self_destruct=True)


def _full(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with a year in front of every serial number."""
    for file in rows["file"].unique() if len(rows) else []:
        mine = rows["file"] == file
        year = vintages.year_of_name(file)
        serials = vintages.full_serials(rows.loc[mine, "SERIALNO"], year=year)
        if serials.isna().any():
            row = rows.loc[serials.index[serials.isna()][0]]
            what = "no serial number" if year or not row["SERIALNO"].isdigit() else "a serial number without a year"
            advice = "keep the Census Bureau's file name (ss15pri.csv), or put the year into the name"
            raise PumsError(f"{file}: line {row['line']}: SERIALNO is {row['SERIALNO']!r}: {what}; {advice}")
        if (last := int(serials.str[:4].astype("int64").max())) < vintages.first_year():
            raise PumsError(f"{file}: a file of {last}; {vintages.first_year()} and later can be read")
        rows.loc[mine, "SERIALNO"] = serials
    return rows


def _refuse_repeated(rows: pd.DataFrame, key: list[str], noun: str) -> None:
    repeated = rows.duplicated(key)
    if repeated.any():
        row = rows[repeated].iloc[0]
        raise PumsError(
            f"{row['file']}: line {row['line']}: {noun} {' '.join(row[key])} was already read; is a file given twice?"
        )


def read_files(paths: str | os.PathLike | Iterable[str | os.PathLike]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`extract` and `load` in one, with every value as text and all replicate weights: for files of a few states.

    Returns
    -------
    Person rows and household rows, in the order of the files; a blank is '', a column that one file lacks
    is NaN in its rows.

    Raises
    ------
    PumsError
        As `extract` and `load`.
    """
    with TemporaryDirectory() as folder:
        found = load(extract(paths, folder, numbers=()), replicates=True)
    persons, homes = (frame.astype({column: "str" for column in frame.select_dtypes("category")}) for frame in found)
    return persons, homes
