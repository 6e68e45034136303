"""How many values of a census file the Census Bureau filled in, by its allocation flags."""

from __future__ import annotations

import numpy as np
import pandas as pd

from persona_lib.census import vintages

_WITH_OTHERS = "job_description"  # of occupation and industry, which have flags of their own


def allocated_shares(census: pd.DataFrame) -> pd.DataFrame:
    """Of each attribute, the share of people whose value was filled in; weighted, out of all people.

    Parameters
    ----------
    census : columns allocated, unflagged, weight_persons; some or all persons of the table of this name

    Returns
    -------
    One row per attribute that PUMS has a flag of, and last "any of these": attribute, share (NaN where a file lacks the
    flag), n (records filled in). By share, the largest first.

    Examples
    --------
    >>> some = {"allocated": ["sex", ""], "unflagged": "age_years", "weight_persons": [1, 3]}
    >>> allocated_shares(pd.DataFrame(some)).set_index("attribute").share[["sex", "race", "age_years"]].tolist()
    [0.25, 0.0, nan]
    """
    names = [name for name in vintages.flags() if name != _WITH_OTHERS]
    patterns = census["allocated"].astype("category").cat
    each = patterns.codes.to_numpy()
    weight = np.bincount(each, census["weight_persons"].to_numpy(dtype="float64"), minlength=len(patterns.categories))
    records = np.bincount(each, minlength=len(patterns.categories))
    is_set = np.array([[name in pattern.split("+") for pattern in patterns.categories] for name in names], dtype=bool)
    lacking = {name for words in census["unflagged"].unique() for name in words.split("+")}
    is_set = np.vstack([is_set, is_set.any(axis=0)])
    table = pd.DataFrame(
        {"attribute": [*names, "any of these"], "share": is_set @ weight / weight.sum(), "n": is_set @ records}
    )
    unknown = [name in lacking for name in names]
    table["share"] = table["share"].mask([*unknown, all(unknown)])
    first, last = table.iloc[:-1], table.iloc[-1:]
    ordered = first.sort_values("share", ascending=False, kind="stable")
    return pd.concat([ordered, last], ignore_index=True)
