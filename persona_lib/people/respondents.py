"""Respondents of a survey in one form: who answered (six attributes, a weight) and what (ordered answers).

A table of respondents has one row per person: `person_id`, `weight` (1 where the file carries none), the
attributes of `ATTRIBUTES` as text (missing where not told), and one column per item: the number of the answer in the
item's order from 0, NaN where not asked or not answered. Simulated personas that answer the same items stand in the
same form, so that one function measures both.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from persona_lib.tables.schema import SchemaError

ATTRIBUTES = ["party", "ideology", "race", "sex", "age_group", "schooling"]
DEMOGRAPHICS = ["race", "sex", "age_group", "schooling"]
POLITICS = ["party", "ideology"]
LABELS = {"party": "Political views", "ideology": "Ideology", "race": "Race", "sex": "Sex", "age_group": "Age"}
LABELS |= {"schooling": "Education"}
LEAST_N = 10  # people in a cell that is shown
SCHOOLING = ("High school or less", "Some college", "Bachelor's or more")
PARTIES = ("Democrat", "Independent", "Republican")
IDEOLOGIES = ("Liberal", "Moderate", "Conservative")


def items_of(respondents: pd.DataFrame) -> list[str]:
    """The item columns of a table of respondents."""
    return [name for name in respondents if name not in ("person_id", "weight", *ATTRIBUTES)]


def check(respondents: pd.DataFrame, n_answers: dict[str, int]) -> pd.DataFrame:
    """Return the respondents if they have the form that the module describes.

    Raises
    ------
    SchemaError
        A column is missing, a person stands twice, a weight is missing or negative, an item is not declared, or an
        answer is none of the item's. Names the column.
    """
    if missing := [name for name in ("person_id", "weight", *ATTRIBUTES) if name not in respondents]:
        raise SchemaError(f"respondents: column {', '.join(missing)} is missing")
    if respondents["person_id"].duplicated().any():
        raise SchemaError("respondents: a person_id stands twice")
    if not (respondents["weight"] >= 0).all():
        raise SchemaError("respondents: weight: a value is missing or negative")
    for item in items_of(respondents):
        if item not in n_answers:
            raise SchemaError(f"respondents: item {item} is not declared; declared are {', '.join(n_answers)}")
        known = respondents[item].dropna()
        if not known.isin(range(n_answers[item])).all():
            raise SchemaError(f"respondents: item {item}: an answer is none of 0 to {n_answers[item] - 1}")
    return respondents


def counts(answers: np.ndarray | pd.Series, weights: np.ndarray | pd.Series, n_answers: int) -> np.ndarray:
    """Summed weights of each answer; who gave none is left out.

    Examples
    --------
    >>> counts(np.array([0.0, 2.0, np.nan]), np.array([1.0, 2.0, 5.0]), 3).tolist()
    [1.0, 0.0, 2.0]
    """
    answers, weights = np.asarray(answers, dtype="float64"), np.asarray(weights, dtype="float64")
    there = ~np.isnan(answers)
    return np.bincount(answers[there].astype(int), weights[there], minlength=n_answers)


def cells(respondents: pd.DataFrame, by: Sequence[str]) -> pd.Series:
    """The cell of each respondent: all who are alike in these attributes; -1 where one of them is missing.

    Examples
    --------
    >>> cells(pd.DataFrame({"sex": ["Female", "Male", "Female", None]}), ["sex"]).tolist()
    [0, 1, 0, -1]
    """
    known = respondents[list(by)].notna().all(axis=1)
    numbers = respondents[list(by)].groupby(list(by), dropna=True, sort=True).ngroup()
    return numbers.where(known, -1).fillna(-1).astype(int)


def described(respondents: pd.DataFrame) -> pd.DataFrame:
    """What a model is shown of each respondent: person_id, description, one line per attribute that is told.

    Examples
    --------
    >>> table = pd.DataFrame({"person_id": ["1"], "party": ["Democrat"], "age_group": ["18-34"]})
    >>> described(table.reindex(columns=["person_id", *ATTRIBUTES]))["description"].tolist()
    ['Political views: Democrat\\nAge: 18-34']
    """
    lines = [
        "\n".join(f"{LABELS[name]}: {value}" for name, value in row.items() if isinstance(value, str))
        for row in respondents[ATTRIBUTES].to_dict("records")
    ]
    return pd.DataFrame({"person_id": respondents["person_id"].astype(str), "description": lines})
