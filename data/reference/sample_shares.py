"""Race and ethnicity x age x nativity x language: the joint shares that no published profile has.

    python data/reference/sample_shares.py national_person_2024_sample10_49areas.csv.gz

writes national_shares_2024.csv from a tenth of the 2024 public-use records (all but California and Texas). The
sample takes from it how the four hang together; how many there are of each comes from the tables of 2018.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).parent
KEYS = ["origin", "age", "nativity", "language"]
MIN_RECORDS = 10  # of the 2024 file behind a committed share
_RACES = {"1": "white", "2": "black", "3": "native", "4": "native", "5": "native", "6": "asian"}


def classes(rows: pd.DataFrame) -> pd.DataFrame:
    """The four keys of every person, from PUMS columns as text; below 5 years language is not asked."""
    age = rows["AGEP"].astype(int)
    bands = np.array(["under 5", "5 to 17", "adult"])[np.digitize(age, [5, 18])]
    hispanic = rows["HISP"].astype(int) != 1
    english = rows["ENG"].map({"1": "very well", "2": "less", "3": "less", "4": "less"})
    spoken = english.where(rows["LANX"] == "1", "English only").where(age >= 5, "not asked")
    return pd.DataFrame(
        {
            "origin": rows["RAC1P"].map(_RACES).fillna("other or several").mask(hispanic, "hispanic"),
            "age": pd.Series(bands, index=rows.index),
            "nativity": rows["NATIVITY"].map({"1": "native-born", "2": "foreign-born"}),
            "language": spoken,
        }
    )


def shares(rows: pd.DataFrame) -> pd.DataFrame:
    """Weighted share of every class with at least `MIN_RECORDS` records, and how many these are."""
    weight = rows["PWGTP"].astype(float).groupby([column for _, column in classes(rows).items()])
    found = pd.DataFrame({"share": weight.sum() / weight.sum().sum(), "n_records": weight.size()})
    return found[found["n_records"] >= MIN_RECORDS].round({"share": 7}).rename_axis(KEYS).reset_index()


def margins(published: pd.Series) -> dict[str, dict[str, float]]:
    """Published persons of 2018 by each key, from the estimates of the United States."""
    dp5, dp2 = (lambda n, t=t: published[f"{t}_{n:04d}"] for t in ("DP05", "DP02"))
    total, young, adult, foreign, asked, less = dp5(1), dp5(5), dp5(21), dp2(92), dp2(110), dp2(113)
    several = dp5(81) + dp5(82) + dp5(83)
    named = {"hispanic": dp5(71), "white": dp5(77), "black": dp5(78), "native": dp5(79), "asian": dp5(80)}
    return {
        "origin": {**named, "other or several": several},
        "age": {"under 5": young, "5 to 17": total - young - adult, "adult": adult},
        "nativity": {"native-born": total - foreign, "foreign-born": foreign},
        "language": {
            "English only": dp2(111),
            "very well": asked - dp2(111) - less,
            "less": less,
            "not asked": total - asked,
        },
    }


def joint_targets(shares_2024: pd.DataFrame, published: pd.Series) -> pd.Series:
    """Persons of 2018 in every class: odds ratios of 2024, margins of 2018 (iterative proportional fitting)."""
    counts = shares_2024.set_index(KEYS)["share"].astype(float)
    wanted = margins(published)
    for _ in range(500):
        before = counts
        for key, totals in wanted.items():
            place = counts.index.get_level_values(key)
            counts = counts * (pd.Series(totals) / counts.groupby(level=key).sum()).loc[place].to_numpy()
        if np.allclose(before, counts, rtol=1e-9):
            break
    return counts.set_axis(["|".join(key) for key in counts.index])


def main(path: str) -> None:
    """Read the 2024 person file, write the shares."""
    rows = pd.read_csv(path, dtype=str, keep_default_na=False)
    shares(rows).to_csv(HERE / "national_shares_2024.csv", index=False, lineterminator="\n")


if __name__ == "__main__":
    main(sys.argv[1])
