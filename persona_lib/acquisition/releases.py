"""What the Census Bureau publishes, and where: PUMS zips, questions to its API, the API's answers as PUMS rows."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from persona_lib.census import codebook, vintages
from persona_lib.census.archives import PumsError
from persona_lib.census.columns import JOINED, NUMBERS, OPTIONAL, REPLICATES, REQUIRED
from persona_lib.tables.files import whole

_AREAS = """
al01 ak02 az04 ar05 ca06 co08 ct09 de10 dc11 fl12 ga13 hi15 id16 il17 in18 ia19 ks20 ky21 la22 me23 md24 ma25 mi26
mn27 ms28 mo29 mt30 ne31 nv32 nh33 nj34 nm35 ny36 nc37 nd38 oh39 ok40 or41 pa42 ri44 sc45 sd46 tn47 tx48 ut49 vt50
va51 wa53 wv54 wi55 wy56 pr72
"""
AREAS = {pair[:2]: pair[2:] for pair in _AREAS.split()}  # postal code: number of the state
NATION = "us"
LARGEST_QUERY = 50  # variables that the API answers at once
KEY = ("SERIALNO", "SPORDER")


def area(name: str) -> str:
    """The postal code of a state, DC or PR in lower case, or `us`.

    Raises
    ------
    PumsError
        No such area.
    """
    found = name.strip().lower()
    if found not in AREAS and found != NATION:
        raise PumsError(f"{name}: no area; give a postal code such as VT, DC or PR, or us for the nation")
    return found


def release(year: int, span: int) -> str:
    """The folder of a release: `1-Year` or `5-Year`.

    Raises
    ------
    PumsError
        A year or span that is not published or not known here.
    """
    first, last = vintages.first_year(), vintages.last_year()
    if not first <= year <= last:
        raise PumsError(f"{year}: PUMS of {first} to {last} can be had")
    if span == 1 and not vintages.has_one_year(year):
        raise PumsError(f"{year}: there is no standard 1-year file; take the 5-year file (--span 5)")
    return f"{span}-Year"


def zip_path(year: int, span: int, kind: str, state: str) -> str:
    """Where a zip of persons (`p`) or households (`h`) lies below the root of the PUMS files.

    Examples
    --------
    >>> zip_path(2018, 1, "p", "VT")
    '2018/1-Year/csv_pvt.zip'
    """
    return f"{year}/{release(year, span)}/csv_{kind}{area(state)}.zip"


def dictionary_name(year: int, span: int) -> str:
    """The name of the official data dictionary of a release; of a 5-year file, its last year is asked for.

    Examples
    --------
    >>> dictionary_name(2018, 1), dictionary_name(2021, 5), dictionary_name(2015, 1), dictionary_name(2016, 5)
    ('PUMS_Data_Dictionary_2018.csv', 'PUMS_Data_Dictionary_2017-2021.csv', 'PUMSDataDict15.txt', \
'PUMS_Data_Dictionary_2012-2016.txt')
    """
    release(year, span)
    ending = "csv" if year >= vintages.first_year_of_csv_dictionaries() else "txt"
    if span == 5:
        return f"PUMS_Data_Dictionary_{year - 4}-{year}.{ending}"
    return f"PUMS_Data_Dictionary_{year}.csv" if ending == "csv" else f"PUMSDataDict{year % 100}.txt"


def zip_member(year: int, kind: str, state: str) -> str:
    """Regular expression of the names that its members have.

    Examples
    --------
    >>> zip_member(2018, "p", "vt")
    'psam_p50\\\\.csv'
    """
    return vintages.member_form(kind, area(state), AREAS.get(area(state), NATION), year=year)


def api_path(year: int, span: int, state: str) -> str:
    """The data set of a state below the root of the API; Puerto Rico has its own.

    Examples
    --------
    >>> api_path(2022, 1, "vt"), api_path(2022, 5, "pr")
    ('2022/acs/acs1/pums', '2022/acs/acs5/pumspr')
    """
    release(year, span)
    return f"{year}/acs/acs{span}/pums{'pr' if area(state) == 'pr' else ''}"


def api_queries(year: int, state: str, *, replicates: bool = True) -> list[dict[str, str]]:
    """The questions that together give what the pipeline reads: each at most 50 variables, the key in all.

    Household variables (`HHT`, `HUPAOC`, `HHL`) are asked for with the persons: the API joins them.

    Raises
    ------
    PumsError
        The nation, which the API does not give at once.
    """
    if area(state) == NATION:
        raise PumsError("us: the API gives one state at a time; name states, or download the nation's zip")
    renamed = {old for quantity in ("relationship", "state") for old in vintages.names(quantity)}
    renamed -= {vintages.name(quantity, year=year) for quantity in ("relationship", "state")}
    wanted = [c for c in (*REQUIRED, *OPTIONAL, *JOINED) if c not in (*renamed, *KEY)]
    wanted += vintages.flag_columns(year)
    wanted += REPLICATES if replicates else ()
    size = LARGEST_QUERY - len(KEY)
    parts = [wanted[start : start + size] for start in range(0, len(wanted), size)]
    return [{"get": ",".join([*KEY, *part]), "for": f"state:{AREAS[area(state)]}"} for part in parts]


def api_rows(answers: Sequence[list[list[str]]], *, year: int, dictionary: pd.DataFrame) -> pd.DataFrame:
    """The answers to `api_queries`, joined by person, as rows of an official file with household columns.

    The API writes codes without leading zeros and a blank as 0, -1 or N; here a blank is blank again:
    such a value of a coded variable that is no code of it. Income is blank below 15 years, ADJINC has six
    implied decimals. Vacant dwellings (no SPORDER) are left out.

    Raises
    ------
    PumsError
        An answer without a column that was asked for, or for other persons than the first.
    """
    frames: list[pd.DataFrame] = []
    for answer in answers:
        frame = pd.DataFrame(answer[1:], columns=answer[0]).astype("str")
        frame = frame.loc[:, ~frame.columns.duplicated()]
        if missing := [c for c in KEY if c not in frame]:
            raise PumsError(f"the API's answer lacks column {', '.join(missing)}")
        frame = frame[~frame["SPORDER"].isin(["", "0", "N"])].set_index(list(KEY))
        if frames and (len(frame) != len(frames[0]) or not frame.index.isin(frames[0].index).all()):
            raise PumsError("the API's answers are about different persons; ask again")
        frames.append(frame)
    rows = pd.concat(frames, axis=1)
    rows = rows.loc[:, ~rows.columns.duplicated()].reset_index()
    known = codebook.codes(dictionary, year=year)
    for column in rows.columns.intersection([*REQUIRED, *OPTIONAL, *JOINED]).difference([*KEY, *NUMBERS]):
        rows[column] = _blanked(rows[column], set(known.get(column, {})))
    rows["PINCP"] = rows["PINCP"].where(rows["AGEP"].astype("int64") >= 15, "")
    rows["ADJINC"] = rows["ADJINC"].map(_six_decimals)
    rows["SERIALNO"] = vintages.full_serials(rows["SERIALNO"], year=year)
    return rows[[c for c in (*REQUIRED, *OPTIONAL, *JOINED, *vintages.flag_columns(year), *REPLICATES) if c in rows]]


def _blanked(values: pd.Series, codes: set[str]) -> pd.Series:
    normal = {value: codebook.normal_code(value.strip()) for value in values.unique()}
    blank = {v for v, code in normal.items() if code in ("", "0", "-1") or not code.strip("N")}
    return values.mask(values.isin([v for v in blank if normal[v] not in codes]), "")


def _six_decimals(factor: str) -> str:
    """'1.019518' or '1019518' as '1019518'."""
    return str(round(float(factor) * 1_000_000)) if "." in factor else factor


def write_rows(rows: pd.DataFrame, path: Path) -> None:
    """PUMS rows as .csv.gz, whole or not at all; the same rows give the same bytes."""
    with whole(path) as half:
        half.write_bytes(gzip.compress(rows.to_csv(index=False, lineterminator="\n").encode(), 6, mtime=0))
