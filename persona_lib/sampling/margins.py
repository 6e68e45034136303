"""Shares of every category of every attribute: of the census, of the draws and in published tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from persona_lib.census import published
from persona_lib.sampling.coding import code, weighted_shares
from persona_lib.sampling.population import is_eligible
from persona_lib.tables import schema
from persona_lib.tables.schema import SchemaError
from persona_lib.tables.values import adult_label, income_band


def _categories(persons: pd.DataFrame, attribute: str, adults_only: bool) -> pd.Series:
    """Grouped labels, a band of ages by what is in it."""
    found = published.category(persons, attribute)
    return found.map(adult_label) if attribute == "age_years" and adults_only else found


def _worded(persons: pd.DataFrame, attribute: str, adults_only: bool) -> pd.Series:
    """The labels of the table, numbers in bands."""
    if attribute == "age_years":
        return _categories(persons, attribute, adults_only)
    if attribute == "income_usd":
        return income_band(persons["income_usd"], persons["age_years"])
    return persons[attribute]


def _labels(
    census: pd.DataFrame, may_be_drawn: np.ndarray, drawn: pd.DataFrame, attribute: str, *, adults_only: bool
) -> pd.DataFrame:
    """Weighted shares of the labels of one attribute among all who may be drawn: of labels that a draw has."""
    here = _worded(census, attribute, adults_only).where(may_be_drawn)
    once = _worded(drawn, attribute, adults_only)
    weight = census["weight_persons"].groupby(here, observed=True).agg(["sum", "size"])
    weight = weight.loc[weight.index.isin(once.unique())]
    return pd.DataFrame(
        {
            "category": weight.index.astype("str"),
            "share": (weight["sum"] / census["weight_persons"][may_be_drawn].sum()).to_numpy(),
            "standard_error": np.nan,
            "n": weight["size"].to_numpy(),
            "source": "labels",
            "attribute": attribute,
        }
    )


def tabulate(
    census: pd.DataFrame,
    draws: pd.DataFrame,
    weights: np.ndarray,
    totals: pd.DataFrame,
    *,
    adults_only: bool = True,
    group_quarters: bool = True,
    without_allocated: Sequence[str] = (),
) -> pd.DataFrame:
    """Shares of every category of every attribute in five sources, as the table `margins`.

    `census` is the weighted persons that may be drawn, `draws` the draws: these two are comparable. `file`
    is the weighted persons whom the published table counts (minors and everybody else), `published` that
    table: these two are comparable. Not every attribute is published. `labels` is the census again, by the labels of
    the table itself and of all who may be drawn, "not in universe" too: of those labels that somebody drawn has.

    Parameters
    ----------
    weights : persons x 81, or x 1 without replicates, in the order of the census (see `population.weight_matrix`)
    totals : rows of `published.read_published`
    """
    attributes = (*published.GROUPS, *published.PLAIN_ATTRIBUTES)
    who: dict[str, Any] = {
        "adults_only": adults_only,
        "group_quarters": group_quarters,
        "without_allocated": without_allocated,
    }
    may_be_drawn = is_eligible(census, **who)
    met = census[census["person_id"].isin(draws["person_id"])]
    drawn = draws[["person_id"]].merge(met, on="person_id", validate="many_to_one")
    if len(drawn) < len(draws):
        raise SchemaError("draws: a person_id is not in the census; draw from this census")
    areas = published.areas(census, totals)
    totals = published.of_years(totals, census)
    here = code(
        pd.DataFrame({a: _categories(census, a, adults_only).where(may_be_drawn) for a in attributes}, copy=False)
    )
    once = weighted_shares(
        code(pd.DataFrame({name: _categories(drawn, name, adults_only) for name in attributes})),
        np.ones((len(drawn), 1)),
    )
    error = np.sqrt(once["share"] * (1 - once["share"]) / once.groupby("attribute")["n"].transform("sum"))
    parts = [
        weighted_shares(here, weights).assign(source="census"),
        once.assign(source="draws", standard_error=error),
    ]
    del here  # 200 MB of the nation
    counted = {}
    for attribute in attributes:
        official = published.shares(totals, attribute, areas=areas)
        if len(official):
            labels = published.category(census, attribute).where(published.universe(census, attribute))
            counted[attribute] = labels.where(labels.isin(official["category"]))
            parts.append(official.assign(source="published", attribute=attribute, n=pd.NA))
    if counted and len((file := code(pd.DataFrame(counted, copy=False))).labels):
        parts.append(weighted_shares(file, weights).assign(source="file"))
        del file
    counted.clear()
    observed = schema.attributes().query("origin == 'observed'")["attribute"]
    parts += [_labels(census, may_be_drawn, drawn, name, adults_only=adults_only) for name in observed]
    found = pd.concat([part.astype({"n": "Int64"}) for part in parts], ignore_index=True)
    return found.astype({"category": "str"})
