"""Reading survey files in their public layouts (`layouts.yaml`) as respondents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from persona_lib.people.respondents import ATTRIBUTES, check
from persona_lib.tables.files import read_yaml
from persona_lib.tables.groups import age_group
from persona_lib.tables.schema import SchemaError


@cache
def layouts() -> dict[str, dict]:
    """What `layouts.yaml` declares, by the name of the layout."""
    return read_yaml(Path(__file__).with_name("layouts.yaml"))["layouts"]


def read_people(
    path: str | Path, layout: str, *, items: Mapping[str, Sequence] | None = None, year: int | None = None
) -> pd.DataFrame:
    """The respondents of a file: .csv, .csv.gz or .dta, as its publisher lays it out.

    Parameters
    ----------
    path, layout : the file, and its name in `layouts.yaml`
    items : of each item column its codes in the order of the answers; those of the layout that the file has if none
    year : of the answers to keep, in a file of several years; needed too where ages are told by the year of birth

    Returns
    -------
    Respondents (`respondents.py`): who answers none of the items is left out. An attribute that the layout does not
    have, and a code that it puts in no group, is missing.

    Raises
    ------
    SchemaError
        No such file or layout; a column, an item or a year that the file does not have. Names the file.
    """
    if layout not in layouts():
        raise SchemaError(f"{layout!r} is no layout; there are {', '.join(layouts())}")
    if not Path(path).is_file():
        raise SchemaError(f"{path}: no such file")
    read = pd.read_stata if str(path).endswith(".dta") else pd.read_csv
    rest: dict[str, Any] = {"convert_categoricals": False} if str(path).endswith(".dta") else {"low_memory": False}
    try:
        return respondents(read(path, **rest), layout, items=items, year=year)
    except SchemaError as error:
        raise SchemaError(f"{path}: {error}") from None


def respondents(
    table: pd.DataFrame, layout: str, *, items: Mapping[str, Sequence] | None = None, year: int | None = None
) -> pd.DataFrame:
    """`read_people` of a table that was read already."""
    told = layouts()[layout]
    table = _of_year(table, told, year)
    wanted = {item: codes for item, codes in told["items"].items() if item in table} if items is None else dict(items)
    if not wanted:
        raise SchemaError(f"layout {layout}: name the items and their codes, such as ITEM=1,2,3")
    found = pd.DataFrame({"person_id": _ids(table, told)}, index=table.index)
    found["weight"] = _weights(table, told["weight"])
    for name in ATTRIBUTES:
        found[name] = _attribute(table, told, name, year)
    for item, codes in wanted.items():
        order = {_code(code): float(number) for number, code in enumerate(codes)}
        found[item] = table[_column(table, item)].map(_code).map(order).astype(float)
    found = found[found[list(wanted)].notna().any(axis=1) & (found["weight"] > 0)].reset_index(drop=True)
    if found.empty:
        raise SchemaError(f"layout {layout}: nobody answered any of {', '.join(wanted)} with one of its codes")
    return check(found, {item: len(codes) for item, codes in wanted.items()})


def _of_year(table: pd.DataFrame, told: Mapping, year: int | None) -> pd.DataFrame:
    for column, code in told.get("only", {}).items():
        table = table[table[_column(table, column)].map(_code) == _code(code)]
    if isinstance(told["year"], str) and told["year"] in table and year is not None:
        table = table[table[told["year"]].map(_code) == _code(year)]
        if table.empty:
            raise SchemaError(f"no row of the year {year}")
    return table.reset_index(drop=True)


def _ids(table: pd.DataFrame, told: Mapping) -> pd.Series:
    if told["id"] and told["id"] in table:
        return table[told["id"]].map(_code)
    return pd.Series(range(1, len(table) + 1), index=table.index).astype(str)


def _weights(table: pd.DataFrame, names: Sequence[str]) -> pd.Series:
    """The first of the columns that the file has, 0 where it is missing; 1 for everybody where none is meant."""
    if not names:
        return pd.Series(1.0, index=table.index)
    for name in names:
        there = [column for column in table if fnmatchcase(str(column), name) and table[column].notna().any()]
        if there:
            return pd.to_numeric(table[there[0]], errors="coerce").fillna(0.0).clip(lower=0)
    raise SchemaError(f"none of the weights {', '.join(names)} is a column")


def _attribute(table: pd.DataFrame, told: Mapping, name: str, year: int | None) -> pd.Series:
    block = told.get("age" if name == "age_group" else name)
    if block is None:
        return pd.Series(np.nan, index=table.index, dtype="str")
    if "born" in block:
        if year is None:
            raise SchemaError("ages are told by the year of birth: give the year of the survey")
        return age_group(year - pd.to_numeric(table[_column(table, block["born"])], errors="coerce"))
    values = table[_column(table, block["column"])]
    if "values" in block:
        group = {_code(code): label for label, codes in block["values"].items() for code in codes}
        return values.map(_code).map(group).astype("str")
    numbers = pd.to_numeric(values, errors="coerce")
    if "bins" not in block:
        return age_group(numbers)
    found = pd.Series(np.nan, index=table.index, dtype="str")
    for label, (low, high) in block["bins"].items():
        found = found.mask(numbers.between(low, high, inclusive="left").fillna(False), label)
    return found


def _column(table: pd.DataFrame, name: str) -> str:
    """The one column of this name, in whatever case; a name may end in a star."""
    there = [str(c) for c in table if fnmatchcase(str(c).casefold(), str(name).casefold())]
    if not there:
        raise SchemaError(f"column {name} is missing")
    return there[0]


def _code(value: Any) -> str:
    """A code as text: 1, 1.0 and '1' are one; '' for a missing one."""
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return ""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return str(value).strip()
    return str(int(number)) if number.is_integer() else str(number)
