"""Every table's grain, key, columns and check; the only way tables are read and written.

The declarations stand in `tables.yaml` beside this file.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from persona_lib.tables.files import read_yaml, whole

NOT_IN_UNIVERSE = "not in universe"
UNKNOWN = "unknown"
TOLD = {NOT_IN_UNIVERSE: "Not applicable", UNKNOWN: "Unknown"}  # as descriptions say it

_ARROW = {"text": pa.string(), "integer": pa.int64(), "number": pa.float64(), "boolean": pa.bool_()}


class SchemaError(ValueError):
    """A table that is not what its declaration says; names table, column and row."""


@dataclass(frozen=True)
class Column:
    """One declared column; the fields are described at the top of `tables.yaml`."""

    type: str
    about: str
    unit: str = ""
    nullable: bool = False
    values: tuple | None = None
    low: float | None = None
    high: float | None = None
    label: str = ""
    origin: str = ""
    derived: bool = False


@dataclass(frozen=True)
class Table:
    """One declared table."""

    name: str
    grain: str
    key: tuple[str, ...]
    written_by: str
    columns: dict[str, Column]


@cache
def tables() -> dict[str, Table]:
    """Every declared table by name, in reading order.

    Examples
    --------
    >>> tables()["pool_judgements"].key == tables()["judgements"].key
    True
    """
    written = read_yaml(Path(__file__).with_name("tables.yaml"))
    shapes = written["shapes"]
    found: dict[str, Table] = {}
    for name, spec in written["tables"].items():
        like = spec.get("like")
        if like == "statistics":
            columns, key = shapes["statistics"], ("statistic", "group")
            grain = "one statistic of one group"
        elif like:
            found[name] = Table(name, found[like].grain, found[like].key, spec["written_by"], found[like].columns)
            continue
        else:
            columns, key, grain = spec["columns"], tuple(spec["key"]), spec["grain"]
        built = {
            column: Column(**{**fields, "values": tuple(fields["values"]) if "values" in fields else None})
            for column, fields in columns.items()
        }
        found[name] = Table(name, grain, key, spec["written_by"], built)
    return found


def attributes() -> pd.DataFrame:
    """The paper's 33 attributes in order: `attribute`, the `label` that a model reads, `origin`, `can_be_derived`.

    Each call gives a table of its own: whoever changes it changes nobody else's.

    Examples
    --------
    >>> len(attributes()), attributes().label.iloc[0]
    (33, 'Age')
    """
    return _attributes().copy()


@cache
def _attributes() -> pd.DataFrame:
    rows = [
        {"attribute": name, "label": column.label, "origin": column.origin, "can_be_derived": column.derived}
        for name, column in tables()["personas"].columns.items()
        if column.label
    ]
    return pd.DataFrame(rows)


def codebook(name: str) -> pd.DataFrame:
    """One row per column of a table: column, type, unit, nullable, about."""
    return pd.DataFrame(
        [
            {"column": key, "type": c.type, "unit": c.unit, "nullable": c.nullable, "about": c.about}
            for key, c in tables()[name].columns.items()
        ]
    )


def check(table: pd.DataFrame, name: str, *, without: Collection[str] = ()) -> pd.DataFrame:
    """Return `table` with its declared columns in order, typed and sorted by key, or say what is wrong.

    It need not have the columns `without`, none of them of the key.

    Raises
    ------
    SchemaError
        Unknown table; a missing or undeclared column; a value of the wrong type, missing,
        outside its bounds or not among its values; a repeated key.

    Examples
    --------
    >>> check(pd.DataFrame({"draw": [1, 1], "person_id": ["a", "b"]}), "draws")
    Traceback (most recent call last):
    persona_lib.tables.schema.SchemaError: draws: key draw = (1,) stands in 2 rows
    """
    if name not in tables():
        raise SchemaError(f"{name}: no such table; declared are {', '.join(tables())}")
    declared = tables()[name]
    columns = {key: column for key, column in declared.columns.items() if key not in without}
    if missing := [c for c in columns if c not in table.columns]:
        raise SchemaError(f"{name}: column {', '.join(missing)} is missing")
    if extra := [str(c) for c in table.columns if c not in columns]:
        raise SchemaError(f"{name}: column {', '.join(extra)} is not declared in tables.yaml")
    typed = pd.DataFrame({key: _typed(table[key], column, f"{name}.{key}") for key, column in columns.items()})
    typed = typed.reset_index(drop=True)
    for key, column in columns.items():
        _check_column(typed[key], column, f"{name}.{key}")
    keys = list(declared.key)
    if len(keys) == 1 and _rises(typed[keys[0]]):
        return typed
    repeated = typed.duplicated(keys, keep=False)
    if repeated.any():
        first = tuple(typed.loc[repeated, keys].iloc[0].tolist())
        n_rows = int((typed[keys] == pd.Series(first, index=keys)).all(axis=1).sum())
        raise SchemaError(f"{name}: key {', '.join(keys)} = {first} stands in {n_rows} rows")
    if len(keys) == 1 and typed[keys[0]].is_monotonic_increasing:  # as nearly every file is: spare the copy
        return typed
    return typed.sort_values(keys, kind="stable").reset_index(drop=True)


def _rises(key: pd.Series) -> bool:
    """Whether every key is beyond the one before: nothing is repeated then, and nothing to be sorted."""
    if isinstance(key.dtype, pd.CategoricalDtype):
        return False
    return bool((key.array[1:] > key.array[:-1]).all())


def _typed(values: pd.Series, column: Column, where: str) -> pd.Series:
    kinds = {
        "text": "str",
        "integer": "Int64" if column.nullable else "int64",
        "number": "float64",
        "boolean": "boolean" if column.nullable else "bool",
    }
    missing = values.isna()
    if missing.any() and not column.nullable:
        raise SchemaError(f"{where}: row {values.index[missing][0]} has no value")
    if column.type == "text" and (values.dtype == "str" or isinstance(values.dtype, pd.CategoricalDtype)):
        return values
    if column.type == "text" and not values[~missing].map(lambda v: isinstance(v, str)).all():
        wrong = values[~missing][~values[~missing].map(lambda v: isinstance(v, str))]
        raise SchemaError(f"{where}: row {wrong.index[0]} is {wrong.iloc[0]!r}, not text")
    if column.type == "integer" and pd.api.types.is_float_dtype(values) and (cut := values.dropna() % 1 != 0).any():
        row = cut.index[cut][0]
        raise SchemaError(f"{where}: row {row} is {values[row]!r}, not integer")
    try:
        return values.astype(kinds[column.type])
    except (TypeError, ValueError) as error:
        raise SchemaError(f"{where}: not {column.type}: {error}") from error


def _check_column(values: pd.Series, column: Column, where: str) -> None:
    present = values.dropna()
    bad = pd.Series(False, index=present.index)
    if column.values is not None:
        bad |= ~present.isin(column.values)
    if column.low is not None:
        bad |= present < column.low
    if column.high is not None:
        bad |= present > column.high
    if bad.any():
        allowed = f"one of {list(column.values)}" if column.values else f"in [{column.low}, {column.high}]"
        raise SchemaError(f"{where}: row {present.index[bad][0]} is {present[bad].iloc[0]!r}, not {allowed}")


def read(path: str | os.PathLike, name: str, *, compact: bool = False, without: Collection[str] = ()) -> pd.DataFrame:
    """Read and check one table from Parquet.

    `compact` gives text columns, but for those of the key, as categories: a tenth of the memory. Columns `without`
    are not read: long texts of which only a few are wanted, for instance.

    Raises
    ------
    SchemaError
        The file is missing or not Parquet, or `check` objects; the message names the file.
    """
    declared = tables()[name]
    texts = [c for c, column in declared.columns.items() if column.type == "text" and c not in declared.key]
    with _named(path, name):
        file = pq.ParquetFile(path, read_dictionary=texts if compact else [])
        read = file.read([c for c in file.schema_arrow.names if c not in without])
        frame = read.to_pandas(self_destruct=True)  # each column's memory is given back once it is taken over
        del read
        return check(frame, name, without=without)


def read_parts(path: str | os.PathLike, name: str, *, n_rows: int = 1 << 16) -> Iterator[pd.DataFrame]:
    """One table from Parquet in parts of at most `n_rows` rows, each checked, so that only one is held in memory.

    That the parts are in the order of the key, as `write_parts` leaves them, is for the reader to see.

    Raises
    ------
    SchemaError
        As `read`.
    """
    with _named(path, name):
        for batch in pq.ParquetFile(path).iter_batches(n_rows):
            yield check(batch.to_pandas(), name)


@contextmanager
def _named(path: str | os.PathLike, name: str) -> Iterator[None]:
    """Errors of reading a table's file name the file."""
    if not Path(path).is_file():
        raise SchemaError(f"{path}: no such file; table {name} is written by {tables()[name].written_by}")
    try:
        yield
    except (pa.ArrowInvalid, OSError) as error:
        raise SchemaError(f"{path}: not a Parquet file of table {name}: {error}") from error
    except SchemaError as error:
        raise SchemaError(f"{path}: {error}") from error


def rows_of(path: str | os.PathLike, name: str, keys: Collection[str]) -> pd.DataFrame:
    """The rows of one written table whose key, of one column, is among `keys`; the others are passed over unread.

    Raises
    ------
    SchemaError
        As `read`.
    """
    (key,) = tables()[name].key
    try:
        frame = pq.read_table(path, filters=[(key, "in", list(keys))]).to_pandas()
    except (pa.ArrowInvalid, OSError) as error:
        raise SchemaError(f"{path}: not a Parquet file of table {name}: {error}") from error
    return check(frame, name)


def write(table: pd.DataFrame, path: str | os.PathLike, name: str) -> pd.DataFrame:
    """Check one table and write it to Parquet, whole or not at all; return it as written."""
    checked = check(table, name)
    write_parts([checked], path, name)
    return checked


def write_parts(parts: Iterable[pd.DataFrame], path: str | os.PathLike, name: str) -> int:
    """Check and write a table that comes in parts, each beyond the keys of the one before; return its rows.

    Only one part at a time is held in memory. The file is whole or not there.

    Raises
    ------
    SchemaError
        As `check`; a part that does not begin after the last key of the one before.
    """
    with writing(path, name) as put:
        return sum(put(part) for part in parts)


@contextmanager
def writing(path: str | os.PathLike, name: str) -> Iterator[Callable[[pd.DataFrame], int]]:
    """What checks and writes one part of a table, and returns its rows; see `write_parts`."""
    declared = tables()[name]
    fields = pa.schema([(key, _ARROW[column.type]) for key, column in declared.columns.items()])
    last: tuple | None = None
    with whole(path) as half, pq.ParquetWriter(half, fields, compression="zstd", compression_level=9) as writer:

        def put(part: pd.DataFrame) -> int:
            nonlocal last
            checked = check(part, name)
            if last is not None and len(checked):
                first = tuple(checked[list(declared.key)].iloc[0])
                if first <= last:
                    raise SchemaError(f"{name}: key {', '.join(declared.key)} = {first} comes after {last}")
            if len(checked):
                last = tuple(checked[list(declared.key)].iloc[-1])
            arrow = pa.Table.from_pandas(checked, schema=fields, preserve_index=False)
            writer.write_table(arrow.replace_schema_metadata(None))
            return len(checked)

        yield put


def statistic(name: str, group: str, estimate: float, **rest: Any) -> dict:
    """One row of a statistics table; low and high default to NaN, n_excluded to 0.

    Examples
    --------
    >>> statistic("win_rate", "all", 0.5, n=10, method="share")["n_excluded"]
    0
    """
    row = {"statistic": name, "group": group, "estimate": estimate, "low": float("nan"), "high": float("nan")}
    return {**row, "n_excluded": 0, **rest}
