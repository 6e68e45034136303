"""Values that several packages share, each declared once: traits, modes, arms, the placebo, bands, words of sources."""

from __future__ import annotations

import numpy as np
import pandas as pd

from persona_lib.tables.schema import NOT_IN_UNIVERSE, UNKNOWN, tables

ADULT_YEARS = 18
ASKED_INCOME_YEARS = 15  # the census asks nobody younger for an income
BIG_FIVE = ("openness", "conscientiousness", "extraversion", "agreeableness", "neuroticism")
FILLED_IN = "; filled in by the Census Bureau (allocation flag)"  # how the source of an allocated value ends
UNFLAGGED = "; the file has no allocation flag of it"
OF_HOUSEHOLDS = ("household_type", "family_presence")  # published tables count households by them, not persons
PLACEBO = "placebo"  # an attribute that says nothing of substance, beside the 33
DESCRIPTION = "description"  # how a person is given of whom no past answers are shown, beside k=0, k=1, ...
OVERTON_WINDOW = 0.2  # share of the people from which on an answer belongs to what a model must give
PARTS = ("demographic", "idiosyncratic", "values")  # of a description, judged by alone: see `descriptions.part`
MODES = list(tables()["attempts"].columns["mode"].values or ())  # in the order of the paper's Figure 10
ARMS = list(tables()["ablation_judgements"].columns["arm"].values or ())  # an attribute left out and shown, each twice

# The bands of the published ACS tables DP05 and DP03: the first year, or dollar, of each.
AGE_STARTS = (0, 5, 10, 15, 20, 25, 35, 45, 55, 60, 65, 75, 85)
INCOME_STARTS = (10_000, 25_000, 50_000, 75_000, 100_000, 150_000)


def _ranges(starts: tuple[int, ...], form: str) -> list[str]:
    return [form.format(low, high - 1) for low, high in zip(starts, starts[1:], strict=False)]


AGE_BANDS = ("Under 5", *_ranges(AGE_STARTS[1:], "{} to {}"), "85 and over")
INCOME_BANDS = ("Loss", "None", "Under $10,000", *_ranges(INCOME_STARTS, "${:,} to ${:,}"), "$150,000 and over")


def age_band(age_years: pd.Series) -> pd.Series:
    """The band of each age, one of `AGE_BANDS`; same index.

    Examples
    --------
    >>> age_band(pd.Series([4, 34, 90])).tolist()
    ['Under 5', '25 to 34', '85 and over']
    """
    return _named(np.digitize(age_years, AGE_STARTS) - 1, AGE_BANDS, age_years.index)


def _named(places: np.ndarray, names: tuple[str, ...], index: pd.Index) -> pd.Series:
    """Names by their place, as text."""
    return pd.Series(pd.Categorical.from_codes(places, list(names)), index=index).astype("str")


def adult_label(band: str) -> str:
    """What a band of ages is called where there are only adults in it: 15 to 19 is then 18 to 19.

    Examples
    --------
    >>> adult_label("15 to 19"), adult_label("20 to 24")
    ('18 to 19', '20 to 24')
    """
    return f"{ADULT_YEARS} to {AGE_STARTS[4] - 1}" if band == AGE_BANDS[3] else band


def income_band(income_usd: pd.Series, age_years: pd.Series) -> pd.Series:
    """The band of each income in dollars, one of `INCOME_BANDS`; same index.

    No income is "not in universe" for those whom the census does not ask, and "unknown" for the others.

    Examples
    --------
    >>> incomes = pd.Series([-5.0, 0.0, 9_999.0, 10_000.0, np.nan, np.nan])
    >>> income_band(incomes, pd.Series([30, 30, 30, 30, 30, 9])).tolist()
    ['Loss', 'None', 'Under $10,000', '$10,000 to $24,999', 'unknown', 'not in universe']
    """
    income = income_usd.to_numpy()
    place = np.where(income < 0, 0, np.where(income == 0, 1, np.digitize(np.nan_to_num(income), INCOME_STARTS) + 2))
    nothing = len(INCOME_BANDS) + (age_years.to_numpy() >= ASKED_INCOME_YEARS)
    names = (*INCOME_BANDS, NOT_IN_UNIVERSE, UNKNOWN)
    return _named(np.where(np.isnan(income), nothing, place), names, income_usd.index)


def is_synthetic(person_ids: pd.Series) -> bool:
    """Whether any person is of the shipped synthetic census sample, whose serial numbers start with 9.

    No file of the Census Bureau reaches them: it numbers the addresses of a year from 1, and interviews fewer than four
    million.

    Examples
    --------
    >>> is_synthetic(pd.Series(["2018-2018HU9005523-01"])), is_synthetic(pd.Series(["2018-2018HU0012345-01"]))
    (True, False)
    """
    return bool(person_ids.str.contains(r"^\d{4}-\d{4}(?:HU|GQ)9\d{6}-", regex=True).any())
