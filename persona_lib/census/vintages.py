"""Years of PUMS, 2015 to 2024: which column, code list, serial number and file name is whose.

The differences are declared in `vintages.yaml` beside this file; no other module compares years.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pandas as pd

from persona_lib.tables.files import read_yaml


@cache
def _declared() -> dict:
    return read_yaml(Path(__file__).with_name("vintages.yaml"))


def first_year() -> int:
    """The first year that can be read."""
    return _declared()["years"][0]


def last_year() -> int:
    """The last year that is known; a later one is read like it."""
    return _declared()["years"][1]


def names(quantity: str) -> tuple[str, ...]:
    """Every name that the column of a quantity has had.

    Examples
    --------
    >>> names("state")
    ('ST', 'STATE')
    """
    return tuple(_declared()["columns"][quantity])


def name(quantity: str, *, year: int) -> str:
    """The column's name in one year; years beyond the table take the last name.

    Examples
    --------
    >>> name("state", year=2022), name("state", year=2023), name("relationship", year=2030)
    ('ST', 'STATE', 'RELSHIPP')
    """
    spans = _declared()["columns"][quantity]
    return next((column for column, (_, last) in spans.items() if year <= last), list(spans)[-1])


def same_codes(variable: str, year: int, other: int) -> bool:
    """Whether a code of one year means the same in the other.

    Examples
    --------
    >>> same_codes("OCCP", 2017, 2018), same_codes("OCCP", 2018, 2024), same_codes("SCHL", 2015, 2024)
    (False, True, True)
    """
    low, high = sorted((year, other))
    return not any(low < first <= high for first in _declared()["recoded"].get(variable, []))


def code_years(variable: str, year: int) -> str:
    """The years that share the code list of one year, as words; 'its year' where the list never changed.

    Examples
    --------
    >>> code_years("OCCP", 2016), code_years("INDP", 2019), code_years("INDP", 2024)
    ('2017 or earlier', '2018 to 2022', '2023 or later')
    """
    starts = _declared()["recoded"].get(variable, [])
    low = max((start for start in starts if start <= year), default=None)
    high = min((start - 1 for start in starts if start > year), default=None)
    if low and high:
        return f"{low} to {high}"
    return f"{high} or earlier" if high else f"{low} or later" if low else "its year"


def year_of_name(file: str) -> int | None:
    """The year in a member's name as the Census Bureau gave them until 2016; None for any other digits in a name.

    Examples
    --------
    >>> year_of_name("csv_pri.zip/ss15pri.csv"), year_of_name("mine_2016.csv")
    (2015, None)
    """
    member = file.rsplit("/", 1)[-1].removesuffix(".gz")
    for form in _declared()["names_with_year"]:
        if match := re.fullmatch(form, member, re.IGNORECASE):
            return 2000 + int(match["short"])
    return None


def full_serials(serials: pd.Series, *, year: int | None) -> pd.Series:
    """Serial numbers with their year in front, whatever the year; missing where the form is unknown.

    The seven digits of 2015 and 2016 take the form of the five-year files: year and nine digits. They
    stay missing if `year` is None.

    Examples
    --------
    >>> full_serials(pd.Series(["12", "2018HU0000001", "X"]), year=2015).tolist()
    ['2015000000012', '2018HU0000001', nan]
    """
    text = serials.str.strip().str.replace(r"\.0+$", "", regex=True)  # as a program wrote it that read numbers
    whole = pd.Series(pd.NA, index=serials.index, dtype="str")
    for serial in _declared()["serials"]:
        matches = text.str.fullmatch(serial["form"])
        if serial["has_year"]:
            whole = whole.mask(matches, text)
        elif year is not None:
            whole = whole.mask(matches, f"{year}" + text.str.zfill(9))
    return whole


def languages(*, year: int) -> dict[str, tuple[int, int]]:
    """First and last LANP code of `spanish`, `indo_european` and `asian` in a year; Spanish goes first.

    Examples
    --------
    >>> languages(year=2015)["spanish"], languages(year=2016)["spanish"]
    ((625, 625), (1200, 1200))
    """
    row = _of_year(_declared()["languages"], year)
    return {group: tuple(row[group]) for group in ("spanish", "indo_european", "asian")}


def _of_year(rows: list[dict], year: int) -> dict:
    """The row whose years hold `year`; the last one for years to come."""
    return next((row for row in rows if year <= row["years"][1]), rows[-1])


def member_form(kind: str, state: str, fips: str, *, year: int) -> str:
    """Regular expression of the names that the members of an official zip have.

    Examples
    --------
    >>> member_form("p", "ri", "44", year=2015), member_form("h", "us", "us", year=2023)
    ('ss15pri\\\\.csv', 'psam_hus[a-d]\\\\.csv')
    """
    form = _of_year(_declared()["members"], year)["nation" if state == "us" else "state"]
    for word, value in {"yy": f"{year % 100:02d}", "kind": kind, "state": state, "fips": fips}.items():
        form = form.replace(f"{{{word}}}", value)
    return form


def has_one_year(year: int) -> bool:
    """Whether a standard one-year release exists.

    Examples
    --------
    >>> has_one_year(2020), has_one_year(2021)
    (False, True)
    """
    return year not in _declared()["releases"]["no_one_year"]


def first_year_of_csv_dictionaries() -> int:
    """The first year whose data dictionary is published as CSV; those before are text."""
    return _declared()["releases"]["csv_dictionaries"]


def flags() -> dict[str, list[list[str]]]:
    """Groups of allocation flags by attribute, the one to be preferred first (see `vintages.yaml`)."""
    return _declared()["flags"]


def flag_columns(year: int) -> list[str]:
    """The allocation flags of a year's file, one group for each attribute, each column once."""
    has_sums = year >= _declared()["sums_of_flags"]
    chosen = [groups[0 if has_sums else -1] for groups in flags().values()]
    return list(dict.fromkeys(column for group in chosen for column in group))


def split_columns() -> dict[str, list[str]]:
    """Quantities whose values stand in two columns of 2015's five-year file: for the later and the earlier cases."""
    return _declared()["split"]


def not_in_this_column() -> list[str]:
    """What such a column holds of a case whose value is in the other one."""
    return _declared()["not_in_this_column"]
