"""Weighted draws from the census, and how far they and the file are from what is published."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from persona_lib.census import vintages
from persona_lib.census.columns import N_REPLICATES
from persona_lib.tables.schema import SchemaError, read_parts
from persona_lib.tables.streams import generator
from persona_lib.tables.values import ADULT_YEARS

BLOCK = 1 << 16  # persons
GOLDEN = (1 + 5**0.5) / 2
ANY = "any"  # in place of names of attributes: every one of which the files have an allocation flag


def eligible(
    census: pd.DataFrame,
    *,
    adults_only: bool = True,
    group_quarters: bool = True,
    without_allocated: Sequence[str] = (),
) -> pd.DataFrame:
    """The census persons that may be drawn: adults (18 and over) unless minors are switched on.

    `without_allocated` names attributes, or `ANY`: persons for whom the Census Bureau filled one of them in are left
    out. Nobody else's weight changes, so the rest stands for those who answer, who are not like those who do not.

    Raises
    ------
    SchemaError
        Nobody is left, or everybody left has weight 0; an attribute of which a file has no allocation flag.
    """
    kept = census
    if adults_only:
        kept = kept[kept["age_years"] >= ADULT_YEARS]
        if kept.empty:
            raise SchemaError("census: no person of 18 or over; check the files or set population.adults_only to false")
    if not group_quarters:
        kept = kept[~kept["is_group_quarters"]]
    if without_allocated:
        kept = kept[~is_allocated(kept, without_allocated)]
        if kept.empty:
            raise SchemaError("census: everybody has an allocated value; name fewer under population.without_allocated")
    if kept["weight_persons"].sum() <= 0:
        raise SchemaError(f"census: the {len(kept)} persons that may be drawn have no weight; check the files")
    return kept


def is_eligible(census: pd.DataFrame, **who: Any) -> np.ndarray:
    """Of each person of the census whether `eligible` keeps them, without a copy of the records."""
    places = eligible(census[_TELLING].reset_index(drop=True), **who).index
    found = np.zeros(len(census), dtype=bool)
    found[places] = True
    return found


_TELLING = ["age_years", "is_group_quarters", "weight_persons", "allocated", "unflagged"]  # what `eligible` reads


def is_allocated(census: pd.DataFrame, attributes: Sequence[str]) -> pd.Series:
    """Whether the Census Bureau filled in one of these attributes of each person; same index.

    `ANY` stands for every attribute that has a flag in the person's file.

    Raises
    ------
    SchemaError
        No such attribute, or a file of the census has no allocation flag of it (of any, for `ANY`).
    """
    known = list(vintages.flags())
    wanted = known if list(attributes) == [ANY] else list(attributes)
    if strange := [name for name in wanted if name not in known]:
        one_of = f"[{ANY}] or some of {', '.join(known)}"
        raise SchemaError(f"population.without_allocated: {strange[0]!r} has no allocation flag in PUMS; give {one_of}")
    for names in census["unflagged"].unique():
        lacking = [name for name in wanted if name in names.split("+")]
        if len(lacking) == len(wanted) or (lacking and wanted is not known):
            raise SchemaError(f"population.without_allocated: {lacking[0]}: {_NO_FLAGS}")
    patterns = census["allocated"].astype("category").cat
    is_hit = np.array([not set(names.split("+")).isdisjoint(wanted) for names in patterns.categories], dtype=bool)
    return pd.Series(is_hit[patterns.codes], index=census.index)


_NO_FLAGS = "a census file has no allocation flags (F...); leave the key empty, or read files that have them"


@dataclass(frozen=True)
class Frame:
    """Who may be drawn, in a fixed order, and where on the line of their summed weights each stratum lies."""

    pool: pd.DataFrame
    at: np.ndarray  # the row of the census that each row of the pool is
    upto: np.ndarray  # weights summed up to and with each person of the pool
    start: np.ndarray  # of each stratum on that line
    size: np.ndarray  # its summed weight

    def find(self, points: np.ndarray) -> np.ndarray:
        """The rows of the pool on which points of the line fall."""
        return np.searchsorted(self.upto, points, side="right")

    def again(self, rows: np.ndarray, rng: np.random.Generator, n: int) -> Iterator[np.ndarray]:
        """`n` times as many persons as `rows` has, drawn anew, each from the stratum of the person it replaces."""
        stratum = np.searchsorted(self.start, self.upto[rows] - 0.5, side="right") - 1
        start, size = self.start[stratum], self.size[stratum]
        for _ in range(n):
            yield self.find(start + rng.random(len(rows)) * size)


def frame(
    census: pd.DataFrame,
    *,
    adults_only: bool = True,
    group_quarters: bool = True,
    without_allocated: Sequence[str] = (),
    strata: Sequence[str] = (),
) -> Frame:
    """The frame that `draw` draws from: persons of some weight, ordered by stratum and person_id.

    Raises
    ------
    SchemaError
        As `eligible`; a stratum column that the census does not have.
    """
    if missing := [column for column in strata if column not in census or column in ("person_id", "household_id")]:
        raise SchemaError(f"population.strata: {missing[0]!r} is no column of the census that groups persons")
    who: dict[str, Any] = {
        "adults_only": adults_only,
        "group_quarters": group_quarters,
        "without_allocated": without_allocated,
    }
    may_be_drawn = is_eligible(census, **who) & (census["weight_persons"] > 0).to_numpy()
    places = pd.RangeIndex(len(census))[may_be_drawn]
    at = census[[*strata, "person_id"]][may_be_drawn].set_axis(places).sort_values([*strata, "person_id"]).index
    at = at.to_numpy()
    pool = census.iloc[at].reset_index(drop=True)
    weight = pool["weight_persons"].to_numpy(dtype="float64")
    number = pool.groupby(list(strata), dropna=False).ngroup().to_numpy() if strata else np.zeros(len(pool), int)
    size = np.bincount(number, weight)
    return Frame(pool, at, np.cumsum(weight), np.cumsum(size) - size, size)


def stratum_order(shares: np.ndarray, *, n_draws: int, start: float) -> np.ndarray:
    """Which stratum each draw is taken from, so that every first part of the draws is allocated in proportion.

    Strata lie on a line of length one, each as long as its share; draw k falls on the point start + k / 1.618..., less
    whole numbers. With a random start every single draw is uniform on the line, so that after n draws a stratum of
    share p has n p of them on average, for every n, far fewer draws than strata too: one that is worth a third of a
    draw is drawn from in every third run. Points at steps of the golden ratio lie evenly, so the number is never far
    from that: within four of it in the runs that we tried (up to 3,000 draws and 2,000 strata).

    Parameters
    ----------
    shares : of the strata, summing to 1
    start : in [0, 1), random

    Examples
    --------
    Points 0.25, 0.868, 0.486, 0.104 on a line of two halves:

    >>> stratum_order(np.array([0.5, 0.5]), n_draws=4, start=0.25).tolist()
    [0, 1, 0, 0]
    """
    points = (start + np.arange(n_draws) / GOLDEN) % 1
    return np.minimum(np.searchsorted(np.cumsum(shares), points, side="right"), len(shares) - 1)


def draw(
    census: pd.DataFrame,
    *,
    n_draws: int,
    seed: int,
    adults_only: bool = True,
    group_quarters: bool = True,
    without_allocated: Sequence[str] = (),
    strata: Sequence[str] = (),
) -> pd.DataFrame:
    """Persons drawn in order, with replacement, with probability proportional to their weight.

    A longer run of draws with the same seed starts with the shorter one. With `strata`, columns of the
    census whose combinations are the strata, the draws are spread over them by `stratum_order`; a person's
    chance stays proportional to the weight.

    Returns
    -------
    The table `draws`: draw (0, 1, ...) and person_id.

    Raises
    ------
    SchemaError
        As `frame`.
    """
    who: dict[str, Any] = {
        "adults_only": adults_only,
        "group_quarters": group_quarters,
        "without_allocated": without_allocated,
    }
    whole = frame(census, **who, strata=strata)
    start = float(generator(seed, "population.strata").random())
    stratum = stratum_order(whole.size / whole.size.sum(), n_draws=n_draws, start=start)
    points = whole.start[stratum] + generator(seed, "population.draw").random(n_draws) * whole.size[stratum]
    chosen = whole.pool["person_id"].to_numpy()[whole.find(points)]
    return pd.DataFrame({"draw": range(n_draws), "person_id": pd.Series(chosen, dtype="str")})


def replicate_error(estimate: np.ndarray | float, replicates: np.ndarray) -> np.ndarray:
    """Standard error of an estimate by its 80 replicate estimates: sqrt(4/80 x sum of squared deviations).

    Deviations are from the estimate, not from the replicates' mean [1]_. It is 0 where every replicate
    gives the estimate itself (a total that the weights are controlled to).

    Parameters
    ----------
    estimate : one value, or one per row
    replicates : last axis of 80 replicate estimates

    Raises
    ------
    ValueError
        There are not 80 replicates.

    References
    ----------
    .. [1] U.S. Census Bureau, PUMS Accuracy of the Data (2018), section on replicate weights.

    Examples
    --------
    Half of the replicates are one above, half one below: sqrt(4/80 x 80 x 1) = 2.

    >>> float(replicate_error(10.0, np.array([9.0, 11.0] * 40)))
    2.0
    """
    replicates = np.asarray(replicates, dtype="float64")
    if replicates.shape[-1] != N_REPLICATES:
        raise ValueError(f"{replicates.shape[-1]} replicate estimates; there must be {N_REPLICATES}")
    deviations = replicates - np.asarray(estimate, dtype="float64")[..., None]
    return np.sqrt(4 / N_REPLICATES * (deviations**2).sum(axis=-1))


def read_weights(path: str | os.PathLike, census: pd.DataFrame) -> np.ndarray:
    """`weight_matrix` of the table `replicates` as its file has it, read in parts: two bytes a weight, or four.

    Parameters
    ----------
    path : of the table `replicates`
    census : persons in the order of person_id, as the table of this name has them

    Returns
    -------
    Whole numbers, of four bytes where one is beyond 32,767.

    Raises
    ------
    SchemaError
        As `schema.read`; it is about other persons than the census, or about some of them only.
    """
    own = census["weight_persons"].to_numpy(dtype="int64")
    weights, at = own[:, None], 0
    for part in read_parts(path, "replicates", n_rows=BLOCK):
        here = slice(at, at + len(part))
        at += len(part)
        if not np.array_equal(part["person_id"], census["person_id"].iloc[here]):
            raise SchemaError(f"{path}: it is about other persons than the census; read both from the same files")
        values = part.iloc[:, 1:].to_numpy()
        if weights.shape[1] == 1:
            weights = np.empty((len(census), 1 + N_REPLICATES), dtype="int16")
        if np.abs(values).max() > np.iinfo(weights.dtype).max or np.abs(own[here]).max() > np.iinfo(weights.dtype).max:
            weights = weights.astype("int32")
        weights[here, 0], weights[here, 1:] = own[here], values
    if 0 < at < len(census):
        raise SchemaError(f"{path}: person {census['person_id'].iloc[at]} has no row; give files of one kind")
    return weights


def weight_matrix(census: pd.DataFrame, replicates: pd.DataFrame) -> np.ndarray:
    """Persons x 81: the weight and its replicates, in the order of `census`; persons x 1 without replicates.

    Raises
    ------
    SchemaError
        Some persons have replicate weights and some have none.
    """
    weight = census[["weight_persons"]].to_numpy(dtype="float64")
    if replicates.empty:
        return weight
    found = replicates.set_index("person_id").reindex(census["person_id"])
    lacking = found.iloc[:, 0].isna().to_numpy()
    if lacking.any():
        person_id = census["person_id"][lacking].iloc[0]
        raise SchemaError(f"replicates: person {person_id} has no row; give files of one kind")
    return np.hstack([weight, found.to_numpy(dtype="float64")])
