"""How far a public file may be from the tables of the survey that it is a part of: the error of the difference."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from persona_lib.census.columns import N_REPLICATES
from persona_lib.estimating.association import rao_scott
from persona_lib.sampling import coding

FITTED = 0.05  # a design effect below this comes of weights fitted to the table; official files had 0.07 and more
MANY_RECORDS = 50 * N_REPLICATES  # in and outside a category: its error is then known as well as 80 replicates tell


@dataclass(frozen=True)
class Beside:
    """Shares of a file beside the published ones, one number per row of `coded.labels`."""

    coded: coding.Coded
    published: np.ndarray
    file: np.ndarray
    spread: np.ndarray  # categories x replicates; times standard normals it varies as file - published does
    freedom: np.ndarray  # degrees of freedom of that variance
    overlap: float
    untested: dict[str, str]  # attribute -> why file - published has no known error

    def attributes(self) -> Iterator[tuple[str, np.ndarray]]:
        """Every attribute with a mask of its categories."""
        for place, attribute in enumerate(dict.fromkeys(self.coded.labels["attribute"])):
            yield attribute, self.coded.owner == place


def overlap(published_variance: np.ndarray, file_variance: np.ndarray) -> float:
    """How much of the survey behind a table is in the file, judged by their variances: the median ratio.

    The public file is a part of the sample that the table counts, so the two do not err independently.
    If it is a random part f of that sample, the table's variance is f times the file's, and their difference
    has the variance (1 - f) times the file's: the difference of the two variances, not their sum. At most 1;
    NaN without variances.

    Examples
    --------
    >>> overlap(np.array([1.0, 2.0, 9.0]), np.array([2.0, 4.0, 10.0]))
    0.5
    """
    known = (file_variance > 0) & (published_variance > 0)
    return min(1.0, float(np.median(published_variance[known] / file_variance[known]))) if known.any() else float("nan")


def effective_number(squares: np.ndarray) -> np.ndarray:
    """(sum of squares)^2 / sum of their squares along the first axis, from 1 to the 80 replicates; 1 if all are 0."""
    total, of_squares = squares.sum(axis=0) ** 2, (squares**2).sum(axis=0)
    return np.clip(np.divide(total, of_squares, out=np.ones_like(total), where=of_squares > 0), 1, N_REPLICATES)


def effective_households(census: pd.DataFrame, coded: coding.Coded, shares: np.ndarray) -> np.ndarray:
    """How many equal households would tell each category's share as well as its own do, at most the 80 replicates.

    `effective_number` of the squares of u over households, u being the weight of their members in the category less the
    category's share of their members who were asked. A variance that rests on the squares of few households is itself
    uncertain, and the test takes these as its degrees of freedom.

    Parameters
    ----------
    census : columns household_id, weight_persons; in the order of `coded.codes`
    shares : weighted, one per row of `coded.labels`
    """
    homes = pd.factorize(census["household_id"])[0]
    weight = census["weight_persons"].to_numpy(dtype="float64")
    counts, found = coded.tally(), np.full(len(shares), float(N_REPLICATES))
    for place in np.flatnonzero(np.minimum(counts, coded.asked(counts) - counts) < MANY_RECORDS):
        column = coded.codes[:, coded.owner[place]]
        inside = np.where(column == place, 1.0, 0.0) - np.where(column < len(shares), shares[place], 0.0)
        squares = np.bincount(homes, inside * weight) ** 2
        found[place] = effective_number(squares)
    return found


def compared(
    coded: coding.Coded,
    shares: np.ndarray,
    official: np.ndarray,
    errors: np.ndarray,
    asked: np.ndarray,
    freedom: np.ndarray,
) -> Beside:
    """The error of file - published, from the replicates and the published errors.

    Parameters
    ----------
    shares : 81 x categories, the file's and its replicates' (1 x categories without replicates)
    official, errors : published share of each category and its standard error, NaN where none is published
    asked : records in the universe of each category's attribute
    freedom : see `effective_households`
    """
    deviations = (shares[1:] - shares[0]).T
    variance, table = 4 / N_REPLICATES * (deviations**2).sum(axis=1), errors**2
    simple = shares[0] * (1 - shares[0]) / asked
    names = list(dict.fromkeys(coded.labels["attribute"]))
    untested = {}
    for place, attribute in enumerate(names):
        here = coded.owner == place
        if len(shares) == 1:
            untested[attribute] = "no replicate weights, so no error of the file is known"
        elif np.isnan(errors[here]).any():
            untested[attribute] = "no margin of error is published"
        elif variance[here].sum() < FITTED * simple[here].sum():
            untested[attribute] = "the file's weights were fitted to this table"
    is_tested = ~coded.labels["attribute"].isin(untested).to_numpy()
    part = overlap(table[is_tested], variance[is_tested])
    spread = np.where(is_tested, np.sqrt(4 / N_REPLICATES * (1 - np.nan_to_num(part))), 0.0)[:, None] * deviations
    return Beside(coded, official, shares[0], spread, freedom, part, untested)


def rao_scott_f(
    both: Beside, here: np.ndarray, share: np.ndarray, *, n: int, drawing: np.ndarray | float = 0.0
) -> dict:
    """Rao and Scott's chi-square of one attribute's shares against the published ones, by an F distribution.

    Its denominator has the degrees of freedom of the variance that the statistic is made of: few where rare categories
    stand on few households, at most the 80 replicates'. The categories' variances are taken to err together.

    Parameters
    ----------
    here : mask of the attribute's categories
    share : of these categories, the file's or the draws'
    n : records behind `share`
    drawing : covariance that comes of drawing, which is known and has no degrees of freedom to lose

    Returns
    -------
    As `association.rao_scott`, with `freedom` of the denominator; p is NaN where the covariance is 0.
    """
    target = both.published[here]
    of_file = both.spread[here] @ both.spread[here].T
    found = rao_scott(share, target, of_file + drawing, n=n)
    parts, total = np.diag(of_file) / target, np.diag(of_file + drawing) / target
    if not parts.sum() > 0:
        return {**found, "freedom": np.inf}
    freedom = float((total.sum() / (parts / np.sqrt(both.freedom[here])).sum()) ** 2)
    p = float(stats.f.sf(found["chi_square"] / found["df"], found["df"], freedom))
    return {**found, "freedom": freedom, "p": p}
