"""PUMS files to typed Parquet: the needed columns, one file per member, and those files as tables.

A blank cell stays the empty text (a missing number); a column that a file does not have is missing (NaN)
in its rows.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
from pandas.api.types import is_numeric_dtype

from persona_lib.census import vintages
from persona_lib.census.archives import PumsError, first_line, members, reading
from persona_lib.census.columns import (
    ALLOCATED,
    JOINED,
    MAY_BE_BLANK,
    NUMBERS,
    REPLICATES,
    WHOLE,
    Layout,
    layout,
)
from persona_lib.census.households import of_persons

LARGEST_AGE = 99
ROW_GROUP = 1 << 17
_BLOCK_BYTES = 1 << 20  # a block and its columns fit a cache: a fifth faster than four times as much
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
    One Parquet file per member, in the order of the files: the columns `REQUIRED`, those of `OPTIONAL`, `JOINED`
    and `REPLICATES` (see `columns`) that the member has, and `ALLOCATED` where it has allocation flags; or
    `HOUSEHOLD`. Their metadata name the member, and the attributes that have a flag.

    Raises
    ------
    PumsError
        No such file; a file of another kind (see `sniffing`); a truncated archive; no PUMS member; a broken line;
        a required column missing; a number that is none; no person file at all.
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
                plan = layout(label, first_line(file, label).decode("utf-8-sig").strip())
            path = folder / f"{number:03d}_{'households' if plan.is_household else 'persons'}.parquet"
            try:
                n_rows = _store(label, opened, path, plan, numbers)
            except pa.ArrowInvalid as error:
                if "conversion error" not in str(error):
                    raise
                n_rows = _store(label, opened, path, plan, numbers, as_text=True)
        except (_BlankNumberError, _NoNumberError):
            raise _first_bad_cell(label, opened, plan, numbers) from None
        except (pa.ArrowInvalid, pa.ArrowKeyError, UnicodeDecodeError) as error:
            raise PumsError(f"{label}: not a PUMS table: {str(error).splitlines()[0][:160]}") from error
    if not n_rows:
        raise PumsError(f"{label}: a header without a single record; download it again")
    return path


class _BlankNumberError(Exception):
    """A number is blank that never may be."""


class _NoNumberError(Exception):
    """What should be a whole number is none."""


def _store(
    label: str,
    opened: Callable[[], IO[bytes]],
    path: Path,
    plan: Layout,
    numbers: tuple[str, ...],
    *,
    as_text: bool = False,
) -> int:
    """Copy the member into a Parquet file; return its rows. `as_text` reads the numbers as text first: 21.0 is 21."""
    integers = [c for c in plan.kept if c in numbers]
    types = {plan.named[c]: pa.int32() if c in integers and not as_text else pa.string() for c in plan.read()}
    filled = [k for k, c in enumerate(plan.kept) if c in integers and c not in MAY_BE_BLANK]
    fields = [(c, pa.int32() if c in integers else pa.string()) for c in plan.kept]
    fields += [(ALLOCATED, pa.int32())] if plan.flags else []
    schema = pa.schema(fields, {"file": label, "flags": "+".join(plan.flags)})
    n_rows = 0
    with opened() as file, pq.ParquetWriter(path, schema, compression="snappy", write_statistics=False) as writer:
        for rows in _row_groups(_streamed(file, types, plan.delimiter)):
            try:
                columns = plan.stored(rows, of_text=integers if as_text else ())
            except pa.ArrowInvalid as error:
                raise _NoNumberError from error
            if any(columns[k].null_count for k in filled):
                raise _BlankNumberError
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))
            n_rows += len(rows)
    return n_rows


def _row_groups(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Batches, which are as small as a processor's cache wants them, in tables of `ROW_GROUP` rows or a few more."""
    waiting: list[pa.RecordBatch] = []
    for batch in batches:
        waiting.append(batch)
        if sum(map(len, waiting)) >= ROW_GROUP:
            yield pa.Table.from_batches(waiting)
            waiting = []
    if waiting:
        yield pa.Table.from_batches(waiting)


def _streamed(file: IO[bytes], types: dict[str, pa.DataType], delimiter: str) -> pacsv.CSVStreamingReader:
    return pacsv.open_csv(
        file,
        read_options=pacsv.ReadOptions(block_size=_BLOCK_BYTES),
        parse_options=pacsv.ParseOptions(delimiter=delimiter),
        convert_options=pacsv.ConvertOptions(
            include_columns=list(types), column_types=types, strings_can_be_null=False, null_values=[""]
        ),
    )


def _first_bad_cell(label: str, opened: Callable, plan: Layout, numbers: tuple) -> PumsError:
    """The first cell that should be a whole number and is none, as an error; only a failed read looks for it."""
    columns = [c for c in plan.kept if c in numbers]
    with opened() as file:
        line = 2
        for batch in _streamed(file, {plan.named[c]: pa.string() for c in columns}, plan.delimiter):
            frame = batch.to_pandas()
            for column in columns:
                values = frame[plan.named[column]]
                form = rf"{WHOLE}|\s*" if column in MAY_BE_BLANK else WHOLE
                wrong = np.flatnonzero(~values.str.fullmatch(form))
                if len(wrong):
                    cell = f"line {line + wrong[0]}: {column} is {values[wrong[0]]!r}"
                    return PumsError(f"{label}: {cell}: not a whole number")
            line += len(frame)
    return PumsError(f"{label}: a number that is too large")


def load(stored: Iterable[Path], *, replicates: bool = False) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Person and household rows of `extract`'s files, in their order.

    Texts are categories, so that the nation's 3.4 million persons take about half a gigabyte; the
    replicate weights stay on disk unless asked for. SERIALNO has its year in front, whatever the year.
    Columns `file` (file and member name, without folders) and `line` (line of the member, its header being
    1) say where a row comes from. `ALLOCATED` has a bit for each attribute of `vintages.flags`, `flags` names those
    of which the file has a flag, joined by '+'. A code or number that was saved as 21.0 is 21.

    Raises
    ------
    PumsError
        A person or household that stands in two places; a SERIALNO of unknown form, in scientific notation, or
        without a year that the Census Bureau's name of the file could give; a negative weight; an age that is none.
    """
    tables: dict[str, list[pa.Table]] = {"persons": [], "households": []}
    for path in stored:
        tables[path.stem.split("_")[1]].append(_stored(path, replicates))
    persons = _full(_frame(tables["persons"]))
    _refuse_outside(persons, "PWGTP", 0, None, "a weight is never negative; download the file again")
    _refuse_outside(persons, "AGEP", 0, LARGEST_AGE, f"an age is 0 to {LARGEST_AGE} years; download the file again")
    homes = _frame(tables["households"]) if tables["households"] else pd.DataFrame(columns=["SERIALNO"], dtype="str")
    joined = [column for column in JOINED if column in persons]
    homes = _full(homes)
    if joined:
        has = persons[joined].notna().any(axis=1)
        own = persons.loc[has, ["SERIALNO", *joined, "file", "line"]].drop_duplicates("SERIALNO")
        has_record = own.index.isin(of_persons(own, homes).index)
        homes = pd.concat([homes, own[~has_record]], ignore_index=True)
        persons = persons.drop(columns=joined)
    _refuse_repeated(persons, ["SERIALNO", "SPORDER"], "person")
    _refuse_repeated(homes, ["SERIALNO"], "household")
    return persons, homes


def _stored(path: Path, replicates: bool) -> pa.Table:
    schema = pq.read_schema(path)
    kept = [c for c in schema.names if replicates or c not in REPLICATES]
    texts = [c for c in kept if c != "SERIALNO" and pa.types.is_string(schema.field(c).type)]
    table = pq.ParquetFile(path, read_dictionary=texts).read(kept)
    for column in ("file", "flags") if "PWGTP" in kept else ("file",):
        word = schema.metadata[column.encode()].decode()
        same = pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int32()), len(table)), [word])
        table = table.append_column(column, same)
    return table.append_column("line", pa.array(np.arange(2, len(table) + 2, dtype="int32")))


def _frame(tables: list[pa.Table]) -> pd.DataFrame:
    rows = pa.concat_tables(tables, promote_options="default").unify_dictionaries().to_pandas(self_destruct=True)
    if ALLOCATED in rows:
        rows[ALLOCATED] = rows[ALLOCATED].fillna(0).astype("int32")
    for column in rows.select_dtypes("category").columns.difference(["file", "flags"]):
        words = rows[column].cat.categories
        short = words.str.replace(r"^(\s*-?\d+)\.0+\s*$", r"\1", regex=True)
        if not short.equals(words):
            rows[column] = rows[column].map(dict(zip(words, short, strict=True))).astype("category")
    return rows


def _full(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with a year in front of every serial number."""
    for file in rows["file"].unique() if len(rows) else []:
        mine = rows["file"] == file
        year = vintages.year_of_name(file)
        serials = vintages.full_serials(rows.loc[mine, "SERIALNO"], year=year)
        if serials.isna().any():
            row = rows.loc[serials.index[serials.isna()][0]]
            where = f"{file}: line {row['line']}: SERIALNO is {row['SERIALNO']!r}"
            raise PumsError(f"{where}: {_wrong_serial(row['SERIALNO'], year)}")
        if (last := int(serials.str[:4].astype("int64").max())) < vintages.first_year():
            raise PumsError(f"{file}: a file of {last}; {vintages.first_year()} and later can be read")
        rows.loc[mine, "SERIALNO"] = serials
    return rows


def _wrong_serial(serial: str, year: int | None) -> str:
    """What is wrong with a serial number, and what to do."""
    if re.fullmatch(r"\s*\d+(\.\d+)?[eE]\+?\d+\s*", serial):
        lost = "a spreadsheet wrote it in scientific notation and its last digits are lost"
        return f"{lost}; take the file as the Census Bureau publishes it"
    if year or not re.fullmatch(r"\s*\d+(\.0+)?\s*", serial):
        return "no serial number; take the file as the Census Bureau publishes it"
    named = "name the file as the Census Bureau does (ss15pri.csv)"
    return (
        f"a serial number without a year; {named}, or write it with the year and nine digits in front (2015000000012)"
    )


def _refuse_outside(rows: pd.DataFrame, column: str, low: int, high: int | None, what: str) -> None:
    """Stop at the first number beyond its bounds; what is no number at all is told when it is described."""
    values = rows[column]
    if not is_numeric_dtype(values):
        numbers = pd.to_numeric(pd.Series(values.cat.categories), errors="coerce")
        values = pd.Series(numbers.to_numpy()[values.cat.codes], index=rows.index)
    wrong = (values < low) | (values > (np.inf if high is None else high))
    if wrong.any():
        row = rows[wrong].iloc[0]
        raise PumsError(f"{row['file']}: line {row['line']}: {column} is {row[column]}: {what}")


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
