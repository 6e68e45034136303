"""Make pums_labels.csv.gz and published_acs2018_1yr.csv.gz from the long label table and the published tables.

    python data/reference/make_reference.py LABELS_LONG.csv PUBLISHED_DP02_DP03_DP05.csv.gz FOLDER

FOLDER holds the official dictionaries of the five-year files (PUMS_Data_Dictionary_2013-2017.csv to 2019-2023, and
PUMS_Data_Dictionary_2011-2015.txt). The same input gives the same bytes.
"""

from __future__ import annotations

import gzip
import sys
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from persona_lib.census.codebook import read_dictionary  # noqa: E402
from persona_lib.census.published import variables  # noqa: E402

VARIABLES = (
    *("ST", "STATE", "RELP", "RELSHIPP", "SEX", "RAC1P", "HISP", "ANC1P", "NATIVITY", "CIT", "POBP", "LANX", "LANP"),
    *("ENG", "SCHL", "ESR", "COW", "INDP", "OCCP", "MAR", "MIL", "DIS", "HICOV", "DREM", "DEYE", "DEAR", "FER"),
    *("HHT", "HUPAOC", "HHL"),
)
AREAS = (
    *("United States", "Idaho", "Nebraska", "New Mexico", "Rhode Island", "South Dakota", "Vermont", "West Virginia"),
)
ORIGINS = ("DP05_0001", "DP05_0071", "DP05_0077", "DP05_0078", "DP05_0080")  # population by race and origin
# The published tables' marks: not applicable is blank here; controlled to an official count has no sampling error.
MARKS = {"-888888888": "", "-888888888.0": "", "-555555555": "0", "-555555555.0": "0"}


def labels(path: str) -> pd.DataFrame:
    """Labels of the variables that the compendium reads, for every dictionary year at hand."""
    long = pd.read_csv(path, dtype=str, keep_default_na=False)
    kept = long[long["variable"].isin(VARIABLES)]
    return kept[["dictionary_year", "variable", "code_from", "code_to", "label"]]


def five_year_labels(folder: str) -> pd.DataFrame:
    """Labels of the same variables in the five-year files.

    The codes are without their leading zeros, as `read_dictionary` gives them.
    """
    found = []
    for path in sorted(Path(folder).glob("PUMS_Data_Dictionary_20??-20??.*")):
        rows = read_dictionary(path)
        years = rows["first_year"].astype("str") + "-" + rows["dictionary_year"].astype("str")
        found.append(rows.assign(dictionary_year=years, code_from=rows["code"], code_to=rows["code"]))
    rows = pd.concat(found)
    return rows.loc[rows["variable"].isin(VARIABLES), ["dictionary_year", "variable", "code_from", "code_to", "label"]]


def published(path: str) -> pd.DataFrame:
    """Every estimate for the nation and seven states; for the other areas those that the compendium uses."""
    long = pd.read_csv(path, dtype=str, keep_default_na=False)
    kept = long[long["name"].isin(AREAS) | long["var"].isin([*variables(), *ORIGINS])]
    kept = kept.replace(MARKS)
    return kept.rename(columns={"name": "area", "var": "variable"}).drop(columns=["percent", "percent_moe"])


def write(table: pd.DataFrame, path: Path) -> None:
    """CSV, gzipped without a time."""
    path.write_bytes(gzip.compress(table.to_csv(index=False, lineterminator="\n").encode(), 9, mtime=0))


if __name__ == "__main__":
    here = Path(__file__).parent
    write(pd.concat([labels(sys.argv[1]), five_year_labels(sys.argv[3])]), here / "pums_labels.csv.gz")
    write(published(sys.argv[2]), here / "published_acs2018_1yr.csv.gz")
