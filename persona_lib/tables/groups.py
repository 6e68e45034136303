"""The groups of personas that are compared: by sex, age, race and ideology. The age groups are those of people, too."""

from __future__ import annotations

import numpy as np
import pandas as pd

from persona_lib.tables import schema

AGES = {"18-34": (18, 35), "35-54": (35, 55), "55-69": (55, 70), "70+": (70, 200)}
GROUPS = ["sex", "age_group", "race", "ideology"]
AT_MOST = {"sex": 2, "age_group": len(AGES), "race": 9, "ideology": 6}  # values of an attribute
MIN_GROUP = 5  # personas; a smaller group is counted, and nothing is said of it


def age_group(years: pd.Series) -> pd.Series:
    """The group of each age in years; missing below 18 and where the age is missing.

    Examples
    --------
    >>> age_group(pd.Series([34, 35.0, 17])).tolist()
    ['18-34', '35-54', nan]
    """
    found = pd.Series(np.nan, index=years.index, dtype="str")
    for label, (low, high) in AGES.items():
        found = found.mask(years.between(low, high, inclusive="left").fillna(False), label)
    return found


def persona_groups(personas: pd.DataFrame) -> pd.DataFrame:
    """The groups that are compared: persona_id, attribute, value; one row per persona and attribute.

    Examples
    --------
    >>> persona = {"persona_id": ["p"], "sex": ["Female"], "age_years": [35], "race": ["R"], "ideology": ["I"]}
    >>> persona_groups(pd.DataFrame(persona))["value"].tolist()
    ['Female', '35-54', 'R', 'I']
    """
    ages = age_group(personas["age_years"]).fillna(schema.UNKNOWN)
    return personas.assign(age_group=ages).melt("persona_id", GROUPS, var_name="attribute")


def large_groups(personas: pd.DataFrame, attributes: list[str]) -> pd.DataFrame:
    """The groups of these attributes that hold at least five personas: attribute, value, n; sorted.

    Examples
    --------
    >>> persona = {"sex": ["Female"] * 5 + ["Male"], "age_years": 35, "race": "R", "ideology": "I"}
    >>> large_groups(pd.DataFrame(persona).assign(persona_id=list("uvwxyz")), ["sex"]).values.tolist()
    [['sex', 'Female', 5]]
    """
    groups = persona_groups(personas)
    groups = groups[groups["attribute"].isin(attributes) & (groups["value"] != schema.UNKNOWN)]
    sizes = groups.groupby(["attribute", "value"], as_index=False).size().rename(columns={"size": "n"})
    return sizes[sizes["n"] >= MIN_GROUP].reset_index(drop=True)
