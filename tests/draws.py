"""Draws made by hand, and one value of a table of statistics."""

import pandas as pd

from persona_lib.census import published
from persona_lib.sampling import population


def value(found: pd.DataFrame, statistic: str, group: str = "all") -> pd.Series:
    return found.set_index(["statistic", "group"]).loc[(statistic, group)]


def two_persons(census: pd.DataFrame) -> population.Frame:
    """A woman and a man of equal weight: every difference of draws is one of sex."""
    adults = census[census["age_years"] >= 25]
    rows = pd.concat([adults[adults["sex"] == sex].head(1) for sex in ("Female", "Male")])
    return population.frame(rows.assign(weight_persons=5))


def drawn(frame: population.Frame, rows: list[int]) -> pd.DataFrame:
    ids = frame.pool["person_id"].iloc[rows].to_numpy()
    return pd.DataFrame({"draw": range(len(rows)), "person_id": pd.Series(ids, dtype="str")})


def no_totals() -> pd.DataFrame:
    return pd.DataFrame({name: [] for name in published.COLUMNS})
