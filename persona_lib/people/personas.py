"""Simulated personas in the form of respondents: the same six attributes in the same groups."""

from __future__ import annotations

import numpy as np
import pandas as pd

from persona_lib.tables.groups import age_group
from persona_lib.tables.schema import SchemaError

# Which group of the reference tables a persona's own value belongs to; a value that is none of these is missing.
PARTY = {
    "Democrat": ["Strong Democrat", "Not very strong Democrat", "Leans Democrat"],
    "Independent": ["Independent"],
    "Republican": ["Leans Republican", "Not very strong Republican", "Strong Republican"],
}
IDEOLOGY = {
    "Liberal": ["Very liberal", "Liberal"],
    "Moderate": ["Moderate"],
    "Conservative": ["Conservative", "Very conservative"],
}
RACE = {"White": ["White"], "Black": ["Black or African American"]}
COLLEGE = ("Bachelor", "Master", "Professional", "Doctorate")
SOME = ("Some college", "1 or more years of college", "Associate")


def attributes_of(personas: pd.DataFrame) -> pd.DataFrame:
    """The attributes of personas as a survey's respondents have them: person_id, weight 1, `ATTRIBUTES`.

    A race that is neither White nor Black is `Another race`, as in the surveys; who is not sure of a party or an
    ideology has none.
    """
    schooling = pd.Series("High school or less", index=personas.index, dtype="str")
    schooling = schooling.mask(personas["education"].str.startswith(SOME), "Some college")
    schooling = schooling.mask(personas["education"].str.startswith(COLLEGE), "Bachelor's or more")
    return pd.DataFrame(
        {
            "person_id": personas["persona_id"],
            "weight": 1.0,
            "party": personas["political_views"].map(_group_of(PARTY)).astype("str"),
            "ideology": personas["ideology"].map(_group_of(IDEOLOGY)).astype("str"),
            "race": personas["race"].map(_group_of(RACE)).fillna("Another race").astype("str"),
            "sex": personas["sex"],
            "age_group": age_group(personas["age_years"]),
            "schooling": schooling,
        }
    )


def _group_of(groups: dict[str, list[str]]) -> dict[str, str]:
    return {value: group for group, values in groups.items() for value in values}


def respondents_of(answers: pd.DataFrame, personas: pd.DataFrame, *, rater: str, sample: int = 0) -> pd.DataFrame:
    """One model's answers to survey items as each persona, as a table of respondents.

    Parameters
    ----------
    answers : table `survey_answers`
    personas : table `personas`
    rater, sample : which model, and which of its repeats

    Returns
    -------
    One row per persona that was asked; an item by its variable's name; NaN where the reply was not ok.

    Raises
    ------
    SchemaError
        The model answered as no persona.
    """
    rows = answers[(answers["rater_id"] == rater) & (answers["asked_as"] == "persona") & (answers["sample"] == sample)]
    if rows.empty:
        raise SchemaError(f"survey_answers: {rater} answered as no persona in sample {sample}")
    given = rows.assign(answer=rows["answer"].where(rows["status"] == "ok").astype("float64"))
    given = given.assign(item=given["item_id"].str.split(".").str[1])
    wide = given.pivot(index="persona_shown_id", columns="item", values="answer")
    known = attributes_of(personas).set_index("person_id")
    return known.loc[wide.index].join(wide).rename_axis("person_id").reset_index()


def pool_respondents(chosen: pd.DataFrame, personas: pd.DataFrame) -> pd.DataFrame:
    """Choices on the common pool (persona_id, item_id, choice 0 or 1) as a table of respondents."""
    wide = chosen.pivot(index="persona_id", columns="item_id", values="choice").astype("float64")
    known = attributes_of(personas).set_index("person_id")
    return known.loc[wide.index].join(wide).rename_axis("person_id").rename_axis(None, axis=1).reset_index()


def within_variance(given: np.ndarray, group: np.ndarray) -> float:
    """Variance of the answers' numbers within groups, pooled: sum of squares over people less groups; NaN if none left.

    Examples
    --------
    >>> within_variance(np.array([0.0, 2, 1, 1]), np.array(["a", "a", "b", "b"]))
    1.0
    """
    there = ~np.isnan(given)
    table = pd.DataFrame({"given": given[there], "group": group[there]}).dropna()
    free = len(table) - table["group"].nunique()
    squares = ((table["given"] - table.groupby("group")["given"].transform("mean")) ** 2).sum()
    return float(squares / free) if free > 0 else float("nan")
