"""Shares of every category of every attribute: of the census, of the draws and in published tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from persona_lib.census import published
from persona_lib.sampling.population import eligible, weight_matrix, weighted_shares
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


def _labels(pool: pd.DataFrame, drawn: pd.DataFrame, attribute: str, *, adults_only: bool) -> pd.DataFrame:
    """Weighted shares of the labels of one attribute among all who may be drawn: of labels that a draw has."""
    here, once = _worded(pool, attribute, adults_only), _worded(drawn, attribute, adults_only)
    weight = pool["weight_persons"].groupby(here, observed=True).agg(["sum", "size"])
    weight = weight.loc[weight.index.isin(once.unique())]
    return pd.DataFrame(
        {
            "category": weight.index.astype("str"),
            "share": (weight["sum"] / pool["weight_persons"].sum()).to_numpy(),
            "standard_error": np.nan,
            "n": weight["size"].to_numpy(),
            "source": "labels",
            "attribute": attribute,
        }
    )


def tabulate(
    census: pd.DataFrame,
    draws: pd.DataFrame,
    replicates: pd.DataFrame,
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
    totals : rows of `published.read_published`
    """
    attributes = (*published.GROUPS, *published.PLAIN_ATTRIBUTES)
    who: dict[str, Any] = {
        "adults_only": adults_only,
        "group_quarters": group_quarters,
        "without_allocated": without_allocated,
    }
    pool = eligible(census, **who)
    drawn = draws[["person_id"]].merge(census, on="person_id", validate="many_to_one")
    if len(drawn) < len(draws):
        raise SchemaError("draws: a person_id is not in the census; draw from this census")
    areas = published.areas(census, totals)
    totals = published.of_years(totals, census)
    pool_weights, file_weights = weight_matrix(pool, replicates), weight_matrix(census, replicates)
    parts = []
    for attribute in attributes:
        here = weighted_shares(_categories(pool, attribute, adults_only), pool_weights)
        once = weighted_shares(_categories(drawn, attribute, adults_only), np.ones((len(drawn), 1)))
        error = np.sqrt(once["share"] * (1 - once["share"]) / once["n"].sum())
        parts.append(here.assign(source="census", attribute=attribute))
        parts.append(once.assign(source="draws", attribute=attribute, standard_error=error))
        official = published.shares(totals, attribute, areas=areas)
        if len(official):
            labels = published.category(census, attribute).where(published.universe(census, attribute))
            labels = labels.where(labels.isin(official["category"]))
            if labels.notna().any():
                parts.append(weighted_shares(labels, file_weights).assign(source="file", attribute=attribute))
            parts.append(official.assign(source="published", attribute=attribute, n=pd.NA))
    observed = schema.attributes().query("origin == 'observed'")["attribute"]
    parts += [_labels(pool, drawn, name, adults_only=adults_only) for name in observed]
    found = pd.concat([part.astype({"n": "Int64"}) for part in parts], ignore_index=True)
    return found.astype({"category": "str"})
