"""Make pums_labels.csv.gz, published_acs2018_1yr.csv.gz and published_acs2020_2024_5yr.csv from what is published.

    python data/reference/make_reference.py LABELS_LONG.csv PUBLISHED_DP02_DP03_DP05.csv.gz FOLDER COUNTY_SUMS.csv

FOLDER holds the official dictionaries of the five-year files (PUMS_Data_Dictionary_2013-2017.csv to 2019-2023,
PUMS_Data_Dictionary_2011-2015.txt and 2012-2016.txt) and that of 2016 (PUMSDataDict16.txt); COUNTY_SUMS.csv the
national sums of county tables of 2020-2024. The same input gives the same bytes.

The text of 2012-2016 is that of the Word file of January 18, 2018 which the Census Bureau's own text was made from
(measiala/PUMS_Data_Dictionary on GitHub, commit 6a8392d, folder input): a paragraph a line, the name of OCCP at the
left edge. Its codes are those of 2013-2017, but for ten birthplaces, ten ancestries and two languages that are later.
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
SUMS = {
    ("B23025", "Employed (civilian)"): "DP03_0004",
    ("B23025", "Unemployed (civilian)"): "DP03_0005",
    ("B23025", "Armed Forces"): "DP03_0006",
    ("B23025", "Not in labor force"): "DP03_0007",
}
# The published tables' marks: not applicable is blank here; controlled to an official count has no sampling error.
MARKS = {"-888888888": "", "-888888888.0": "", "-555555555": "0", "-555555555.0": "0"}


def labels(path: str) -> pd.DataFrame:
    """Labels of the variables that the compendium reads, for every dictionary year at hand."""
    long = pd.read_csv(path, dtype=str, keep_default_na=False)
    kept = long[long["variable"].isin(VARIABLES)]
    return kept[["dictionary_year", "variable", "code_from", "code_to", "label"]]


def other_labels(folder: str) -> pd.DataFrame:
    """Labels of the same variables in the file of 2016, whose dictionary is text, and in the five-year files.

    The codes are without their leading zeros, as `read_dictionary` gives them. In the dictionary of 2016 one value
    (OCCP 7630) has run into the next (7700); they are parted here.
    """
    found = []
    for path in sorted(Path(folder).glob("PUMS*")):
        rows = read_dictionary(path)
        last = rows["dictionary_year"].astype("str")
        years = last.where(rows["first_year"] == rows["dictionary_year"], rows["first_year"].astype("str") + "-" + last)
        found.append(rows.assign(dictionary_year=years, code_from=rows["code"], code_to=rows["code"]))
    rows = pd.concat(found, ignore_index=True)
    run_in = rows["label"].str.extract(r"^(?P<label>.+?)(?P<code>\d{4}) \.(?P<next>[A-Z]{3}-.+)$").dropna()
    rows.loc[run_in.index, "label"] = run_in["label"]
    parted = rows.loc[run_in.index].assign(code_from=run_in["code"], code_to=run_in["code"], label=run_in["next"])
    rows = pd.concat([rows, parted]).sort_index(kind="stable")
    return rows.loc[rows["variable"].isin(VARIABLES), ["dictionary_year", "variable", "code_from", "code_to", "label"]]


def published(path: str) -> pd.DataFrame:
    """Every estimate for the nation and seven states; for the other areas those that the compendium uses."""
    long = pd.read_csv(path, dtype=str, keep_default_na=False)
    kept = long[long["name"].isin(AREAS) | long["var"].isin([*variables(), *ORIGINS])]
    kept = kept.replace(MARKS)
    kept = kept.rename(columns={"name": "area", "var": "variable"}).drop(columns=["percent", "percent_moe"])
    kept.insert(0, "years", "2018")
    return kept


def county_sums(path: str) -> pd.DataFrame:
    """The sums whose categories are those of an attribute, under the variable of 2018's profile that says the same.

    Without a margin of error: margins of sums of counties are not published.
    """
    sums = pd.read_csv(path, dtype=str, keep_default_na=False)
    rows = sums[sums["table"].isin([table for table, _ in SUMS]) & sums["label"].isin([label for _, label in SUMS])]
    variables_of = [SUMS[table, label] for table, label in zip(rows["table"], rows["label"], strict=True)]
    return pd.DataFrame(
        {
            "years": "2020-2024",
            "geo_id": "0100000US",
            "area": "United States",
            "table": rows["table"],
            "variable": variables_of,
            "label": rows["label"],
            "estimate": rows["estimate_sum"],
            "moe": "",
        }
    )


def write(table: pd.DataFrame, path: Path) -> None:
    """CSV, gzipped without a time."""
    path.write_bytes(gzip.compress(table.to_csv(index=False, lineterminator="\n").encode(), 9, mtime=0))


if __name__ == "__main__":
    here = Path(__file__).parent
    write(pd.concat([labels(sys.argv[1]), other_labels(sys.argv[3])]), here / "pums_labels.csv.gz")
    write(published(sys.argv[2]), here / "published_acs2018_1yr.csv.gz")
    county_sums(sys.argv[4]).to_csv(here / "published_acs2020_2024_5yr.csv", index=False, lineterminator="\n")
