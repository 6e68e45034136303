"""Weighted draws from the census, and how far they and the file are from what is published."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from persona_lib.census import published
from persona_lib.census.pums import N_REPLICATES
from persona_lib.tables.schema import SchemaError
from persona_lib.tables.streams import generator
from persona_lib.tables.values import ADULT_YEARS


def eligible(census: pd.DataFrame, *, adults_only: bool = True, group_quarters: bool = True) -> pd.DataFrame:
    """The census persons that may be drawn: adults (18 and over) unless minors are switched on.

    Raises
    ------
    SchemaError
        Nobody is left, or everybody left has weight 0.
    """
    kept = census
    if adults_only:
        kept = kept[kept["age_years"] >= ADULT_YEARS]
        if kept.empty:
            raise SchemaError("census: no person of 18 or over; check the files or set population.adults_only to false")
    if not group_quarters:
        kept = kept[~kept["is_group_quarters"]]
    if kept["weight_persons"].sum() <= 0:
        raise SchemaError(f"census: the {len(kept)} persons that may be drawn have no weight; check the files")
    return kept


@dataclass(frozen=True)
class Frame:
    """Who may be drawn, in a fixed order, and where on the line of their summed weights each stratum lies."""

    pool: pd.DataFrame
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
    census: pd.DataFrame, *, adults_only: bool = True, group_quarters: bool = True, strata: Sequence[str] = ()
) -> Frame:
    """The frame that `draw` draws from: persons of some weight, ordered by stratum and person_id.

    Raises
    ------
    SchemaError
        As `eligible`; a stratum column that the census does not have.
    """
    if missing := [column for column in strata if column not in census or column in ("person_id", "household_id")]:
        raise SchemaError(f"population.strata: {missing[0]!r} is no column of the census that groups persons")
    pool = eligible(census, adults_only=adults_only, group_quarters=group_quarters)
    pool = pool[pool["weight_persons"] > 0].sort_values([*strata, "person_id"]).reset_index(drop=True)
    weight = pool["weight_persons"].to_numpy(dtype="float64")
    number = pool.groupby(list(strata), dropna=False).ngroup().to_numpy() if strata else np.zeros(len(pool), int)
    size = np.bincount(number, weight)
    return Frame(pool, np.cumsum(weight), np.cumsum(size) - size, size)


def stratum_order(shares: np.ndarray, *, n_draws: int, phases: np.ndarray) -> np.ndarray:
    """Which stratum each draw is taken from, so that every first part of the draws is allocated in proportion.

    Stratum h, a share p of the whole, is due at the moments (0 + u) / p, (1 + u) / p, (2 + u) / p, ... with one
    random phase u in [0, 1); draws follow these moments. After n draws it has n p of them, rounded up or
    down at random: on average its share, and within two of it in the runs that we tried, so that a stratum
    worth a third of a draw is drawn from in every third run instead of never.

    Examples
    --------
    Moments 1, 3, 5, ... and 0.5, 2.5, 4.5, ... of two even strata:

    >>> stratum_order(np.array([0.5, 0.5]), n_draws=4, phases=np.array([0.5, 0.25])).tolist()
    [1, 0, 1, 0]
    """
    n_due = np.ceil(shares * (n_draws + len(shares))).astype(int) + 1
    due = np.repeat(np.arange(len(shares)), n_due)
    turn = np.arange(len(due)) - np.repeat(np.cumsum(n_due) - n_due, n_due)
    return due[np.argsort((turn + phases[due]) / shares[due], kind="stable")[:n_draws]]


def draw(
    census: pd.DataFrame,
    *,
    n_draws: int,
    seed: int,
    adults_only: bool = True,
    group_quarters: bool = True,
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
    whole = frame(census, adults_only=adults_only, group_quarters=group_quarters, strata=strata)
    phases = generator(seed, "population.strata").random(len(whole.size))
    stratum = stratum_order(whole.size / whole.size.sum(), n_draws=n_draws, phases=phases)
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


def weighted_shares(categories: pd.Series, weights: np.ndarray) -> pd.DataFrame:
    """Shares of categories with standard errors; persons without a category are not in the universe.

    Parameters
    ----------
    categories : one per person
    weights : persons x 81, the weight and its 80 replicates; or persons x 1 where there are none

    Returns
    -------
    One row per category in alphabetical order: category, share, standard_error (NaN without replicates),
    n (unweighted persons).

    Examples
    --------
    >>> weighted_shares(pd.Series(["a", "b", None]), np.array([[3.0], [1.0], [9.0]])).share.tolist()
    [0.75, 0.25]
    """
    place, names = pd.factorize(categories, sort=True)
    inside = np.flatnonzero(place >= 0)
    member = sparse.csr_array((np.ones(len(inside)), (place[inside], inside)), shape=(len(names), len(place)))
    counts = member @ weights
    shares = counts / counts.sum(axis=0)
    error = replicate_error(shares[:, 0], shares[:, 1:]) if weights.shape[1] > 1 else np.full(len(names), np.nan)
    n = np.bincount(place[inside], minlength=len(names))
    return pd.DataFrame({"category": names.astype(object), "share": shares[:, 0], "standard_error": error, "n": n})


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


def tabulate(
    census: pd.DataFrame,
    draws: pd.DataFrame,
    replicates: pd.DataFrame,
    totals: pd.DataFrame,
    *,
    adults_only: bool = True,
    group_quarters: bool = True,
) -> pd.DataFrame:
    """Shares of every category of every attribute in four sources, as the table `margins`.

    `census` is the weighted persons that may be drawn, `draws` the draws: these two are comparable. `file`
    is the weighted persons whom the published table counts (minors and everybody else), `published` that
    table: these two are comparable. Not every attribute is published.

    Parameters
    ----------
    totals : rows of `published.read_published`
    """
    attributes = (*published.GROUPS, *published.PLAIN_ATTRIBUTES)
    pool = eligible(census, adults_only=adults_only, group_quarters=group_quarters)
    drawn = draws[["person_id"]].merge(census, on="person_id", validate="many_to_one")
    if len(drawn) < len(draws):
        raise SchemaError("draws: a person_id is not in the census; draw from this census")
    areas = published.areas(census)
    pool_weights, file_weights = weight_matrix(pool, replicates), weight_matrix(census, replicates)
    parts = []
    for attribute in attributes:
        here = weighted_shares(published.category(pool, attribute), pool_weights)
        once = weighted_shares(published.category(drawn, attribute), np.ones((len(drawn), 1)))
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
    found = pd.concat([part.astype({"n": "Int64"}) for part in parts], ignore_index=True)
    return found.astype({"category": "str"})
