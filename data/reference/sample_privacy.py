"""Which synthetic people equal a real record, or live in a household that equals a real one."""

from __future__ import annotations

import numpy as np
import pandas as pd

from persona_lib.census import published
from persona_lib.tables.schema import tables

# Everything that the pipeline reads of a person; the state is left out, since it was drawn anew.
ATTRIBUTES = [
    name
    for name, column in tables()["census"].columns.items()
    if column.label or name in ("hispanic_origin", "nativity")
]


def fingerprints(census: pd.DataFrame) -> pd.Series:
    """One number per person: the same for two people who agree in every attribute.

    The birthplace of those born in a state counts as "this state" or "another one": birthplaces were drawn
    anew with the states, and would make everybody differ.
    """
    near = published.category(census, "place_of_birth")
    is_state = near.isin(["State of residence", "Another state"])
    values = census[ATTRIBUTES].assign(place_of_birth=census["place_of_birth"].mask(is_state, near))
    return pd.Series(pd.util.hash_pandas_object(values, index=False).to_numpy(), index=census.index)


def households(census: pd.DataFrame, people: pd.Series) -> pd.Series:
    """One number per household: the same for two whose members are the same, in any order."""
    spread = people.to_numpy() * np.uint64(0x9E3779B97F4A7C15) ^ (people.to_numpy() >> np.uint64(29))
    return pd.Series(spread, index=census.index).groupby(census["household_id"]).sum()


def copied(census: pd.DataFrame, source: pd.DataFrame) -> np.ndarray:
    """Who equals a source record that is unique on every attribute, or lives in a copied household."""
    real, made = fingerprints(source), fingerprints(census)
    unique = set(real[~real.duplicated(keep=False)])
    homes = households(census, made)
    is_copy = homes.isin(set(households(source, real)))
    return (made.isin(unique) | census["household_id"].map(is_copy)).to_numpy(dtype=bool)
