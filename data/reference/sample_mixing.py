"""New people out of similar ones: work, health and ancestry are swapped between people who are otherwise alike.

Swapping keeps each block of columns as it is, with every association inside it; what it loosens is the tie between
a block and the rest of a person, and it does so as little as an optimal assignment can.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

N_NEIGHBOURS = 25
FORBIDDEN = 1e4  # distance to oneself, to one's household and to who already lent something
# Nobody borrows across a bound at which a question begins or ends.
AGE_CLASSES = [3, 5, 10, 15, 16, 17, 18, 22, 25, 35, 51, 65, 75]
# How much a difference counts in the distance between two people; everything else counts 1.
IMPORTANT = {
    **{"race": 3, "hispanic_origin": 2, "nativity": 2, "ancestry": 1.5, "household_language": 1.5, "fertility": 3},
    **{"employment_status": 3, "class_of_worker": 2, "industry": 2.5, "occupation": 2, "education": 2},
    **{"veteran_status": 3, "health_insurance": 3, "marital_status": 1.5, "english_ability": 1.5},
    **{"disability": 3, "cognitive_difficulty": 3, "vision_difficulty": 3, "hearing_difficulty": 3},
    **{"age_years": 0},  # age counts in years, below
}
# Who lends an ancestry should be of the same origin before anything else.
ORIGIN = {
    "race": 9,
    "hispanic_origin": 9,
    "ancestry": 6,
    "place_of_birth": 4,
    "citizenship": 4,
    "household_language": 4,
}
BLOCKS = {
    "ancestry": ["ANC1P"],
    "work": ["ESR", "COW", "INDP", "OCCP", "PINCP", "MIL"],
    "health": ["DIS", "DREM", "DEYE", "DEAR"],
}


def points(groups: pd.DataFrame, rows: pd.DataFrame, important: dict[str, float]) -> np.ndarray:
    """Points whose squared distance counts in how many grouped attributes two people differ.

    `groups` has a category of every attribute, `rows` the PUMS columns; age counts 1 for a sixth of it.
    """
    parts = []
    for attribute, values in groups.items():
        dummies = pd.get_dummies(values.fillna("nothing"), dtype="float32")
        parts.append(dummies.to_numpy() * np.float32(important.get(str(attribute), 1) / 2) ** 0.5)
    parts.append(pd.get_dummies(rows["RELP"], dtype="float32").to_numpy() * np.float32(0.5) ** 0.5)
    age = rows["AGEP"].astype("float32").to_numpy()
    income = pd.to_numeric(rows["PINCP"], errors="coerce").fillna(0).to_numpy()
    school = pd.to_numeric(rows["SCHL"], errors="coerce").fillna(0).to_numpy()
    dollars = np.sign(income) * np.log1p(np.abs(income) / 10_000)
    parts += [(6 * np.log1p(age))[:, None], dollars[:, None], (school / 4)[:, None]]
    return np.hstack(parts).astype("float32")


def cells(rows: pd.DataFrame) -> pd.Series:
    """Within whom one looks for neighbours: age class, sex, kind of group quarters."""
    age = np.digitize(rows["AGEP"].astype(int), AGE_CLASSES)
    quarters = rows["RELP"].where(rows["RELP"].isin(["16", "17"]), "")
    return pd.Series(age.astype(str), index=rows.index) + "|" + rows["SEX"] + "|" + quarters


def swapped(chosen: np.ndarray, source: pd.DataFrame, groups: pd.DataFrame) -> np.ndarray:
    """For each chosen source row the source row that lends each block; every row lends each block once.

    Within a cell the assignment has the least sum of distances; nobody borrows from their own household, or two
    blocks from the same person. -1 where nobody is left.
    """
    picked = np.full((len(chosen), len(BLOCKS)), -1)
    home = pd.factorize(source["SERIALNO"])[0][chosen]
    rows, found = source.iloc[chosen], groups.iloc[chosen]
    by_origin, at = points(found, rows, IMPORTANT | ORIGIN), points(found, rows, IMPORTANT)
    for _, members in pd.Series(np.arange(len(chosen))).groupby(cells(rows).to_numpy()):
        row = members.to_numpy()
        is_barred = home[row][:, None] == home[row]
        for block, here in enumerate((by_origin[row], at[row], at[row])):
            distance = np.where(is_barred, FORBIDDEN, distances(here, here))
            mine, theirs = linear_sum_assignment(distance)
            is_free = ~is_barred[mine, theirs]
            picked[row[mine], block] = np.where(is_free, chosen[row[theirs]], -1)
            is_barred[mine, theirs] = True
    return picked


def distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Squared distances of every point of `a` to every point of `b`."""
    return (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T


def neighbours(chosen: np.ndarray, source: pd.DataFrame, at: np.ndarray) -> np.ndarray:
    """For each chosen source row its `N_NEIGHBOURS` nearest ones of other households; -1 where there are fewer."""
    found = np.full((len(chosen), N_NEIGHBOURS), -1)
    home = pd.factorize(source["SERIALNO"])[0]
    pools = source.groupby(cells(source)).indices
    mine = cells(source).to_numpy()[chosen]
    for cell in np.unique(mine):
        pool, asking = pools[cell], np.flatnonzero(mine == cell)
        for part in np.array_split(asking, len(asking) // 400 + 1):
            distance = distances(at[chosen[part]], at[pool])
            distance[home[chosen[part]][:, None] == home[pool]] = np.inf
            n = min(N_NEIGHBOURS, len(pool) - 1)
            nearest = np.argpartition(distance, n, axis=1)[:, :n]
            is_other = np.isfinite(np.take_along_axis(distance, nearest, axis=1))
            found[part, :n] = np.where(is_other, pool[nearest], -1)
    return found


def lenders(near: np.ndarray, weight: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One neighbour per block and row, with chance proportional to weight; different ones where there are enough."""
    chance = np.where(near >= 0, weight[near], 0.0) + 1e-9
    keys = rng.exponential(size=near.shape) / chance
    order = np.argsort(keys, axis=1)[:, : len(BLOCKS)]
    picked = np.take_along_axis(near, order, axis=1)
    return np.where(picked >= 0, picked, picked[:, :1])


def mixed(rows: pd.DataFrame, source: pd.DataFrame, picked: np.ndarray) -> pd.DataFrame:
    """`rows` with each block of columns taken from the source row that was picked for it; -1 keeps the own."""
    out = rows.copy()
    for place, columns in enumerate(BLOCKS.values()):
        lender = picked[:, place]
        for column in columns:
            out[column] = np.where(lender >= 0, source[column].to_numpy()[lender], rows[column].to_numpy())
    return out


def of_same_origin(
    source: pd.DataFrame, chosen: np.ndarray, weight: np.ndarray, rng: np.random.Generator, *, least: int
) -> list[int]:
    """For each chosen source row another of its race, origin, nativity and tongue, with chance by weight.

    Where fewer than `least` are so alike, anybody.
    """
    alike = ["RAC1P", "HISP", "NATIVITY", "LANX"]
    pools, everybody = source.groupby(alike).indices, np.arange(len(source))
    found = []
    for key in source[alike].iloc[chosen].itertuples(index=False, name=None):
        pool = pools[key] if len(pools[key]) >= least else everybody
        found.append(rng.choice(pool, p=weight[pool] / weight[pool].sum()))
    return found
