"""Intervals of statistics that are no means, such as kappa, from what they are without each persona and each item.

Personas and items are both drawn, so both are left out one at a time. With V_persona, V_item and V_cell the usual
jackknife variances of leaving out a persona, an item, or a single pair of both [1]_,

    V = V_persona + V_item - V_cell,

because what a cell adds of its own is counted in both of the others, as in errors clustered two ways [2]_. With few
clusters the difference can be too small; V is then the larger of V_persona and V_item. Where a statistic is made of
pairs of personas, V_persona alone counts twice what a pair adds of its own, and the floor is taken without it [1]_.
The quantile is that of t with the smaller number of clusters minus one. Coverage is measured in
`benchmarks/recovery.py` and `benchmarks/coverage.py`.

References
----------
.. [1] B. Efron, C. Stein (1981). The jackknife estimate of variance. Annals of Statistics 9, 586-596.
.. [2] A. C. Cameron, J. B. Gelbach, D. L. Miller (2011). Robust inference with multiway clustering. Journal of
   Business & Economic Statistics 29, 238-249.
.. [3] R. A. Fisher (1925). Statistical Methods for Research Workers, chapter 7: intraclass correlations.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from persona_lib.estimating.resample import ANYWHERE, LEVEL, MIN_CLUSTERS, TOO_FEW, Estimate, wilson

SCALES = ("fisher", "logit", "plain")  # on which the interval is symmetric
METHOD = "two-way jackknife over personas and items, t quantile"


def left_out(features: np.ndarray, codes: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Sums of the features without each persona, without each item, and without each cell.

    Parameters
    ----------
    features : rows x features
    codes : for each way of clustering, the number of each row's cluster, 0, 1, ...; one way or two

    Returns
    -------
    For each way, clusters x features; with two ways also cells x features.

    Examples
    --------
    >>> [sums.tolist() for sums in left_out(np.array([[1.0], [2.0], [4.0]]), [np.array([0, 0, 1])])]
    [[[4.0], [3.0]]]
    """
    ways = [pd.factorize(code)[0] for code in codes]
    if len(ways) == 2:
        ways.append(pd.factorize(ways[0].astype(np.int64) * (ways[1].max(initial=0) + 1) + ways[1])[0])
    total = features.sum(axis=0)
    found = []
    for way in ways:
        sums = np.zeros((int(way.max(initial=-1)) + 1, features.shape[1]))
        np.add.at(sums, way, features)
        found.append(total - sums)
    return found


def variance(left: np.ndarray) -> float:
    """The jackknife's variance of a statistic from its values without each of m clusters: (m - 1) / m of the squares.

    NaN where one of the values is undefined: then the statistic stands on that cluster alone.

    Examples
    --------
    Of a mean it is its usual squared error: that of 1, 2, 3 is 1/3.

    >>> round(variance(np.array([2.5, 2.0, 1.5])), 6)
    0.333333
    """
    m = len(left)
    return float((m - 1) / m * ((left - left.mean()) ** 2).sum()) if m > 1 else float("nan")


def counted_twice(value: float, left: np.ndarray, without: np.ndarray) -> float:
    """What V_persona counts twice in a statistic of pairs: the variance of what two personas add only together.

    With S the statistic, S_i without one of n personas and S_ij without two,

        Q_ij = n S - (n - 1) (S_i + S_j) + (n - 2) S_ij,    sum over i < j of (Q_ij - mean Q)^2 / (n (n - 1))     [1]_.

    0 where one of the values is undefined, or with fewer than four personas.

    Parameters
    ----------
    left : values without each persona
    without : values without each two, in the order of `numpy.triu_indices(n, 1)`

    Examples
    --------
    A mean of 1, 2, 3, 6 holds nothing of pairs.

    >>> x = np.array([1.0, 2.0, 3.0, 6.0])
    >>> i, j = np.triu_indices(4, 1)
    >>> round(counted_twice(3.0, (12 - x) / 3, (12 - x[i] - x[j]) / 2), 9)
    0.0
    """
    n = len(left)
    if n < 4 or np.isnan(value) or np.isnan(left).any() or np.isnan(without).any():
        return 0.0
    i, j = np.triu_indices(n, 1)
    together = n * value - (n - 1) * (left[i] + left[j]) + (n - 2) * without
    return float(((together - together.mean()) ** 2).sum() / (n * (n - 1)))


def estimate(
    value: float,
    left: Sequence[np.ndarray],
    *,
    scale: str,
    n: int,
    n_excluded: int,
    what: str,
    within: tuple[float, float] = ANYWHERE,
    n_like: int = 2,
    twice: float = 0.0,
) -> Estimate:
    """A statistic with its interval, from its values without each cluster.

    On the scale `fisher` the interval is symmetric in atanh and lies in (-1, 1). With `n_like` = k above 2 it is
    symmetric in Fisher's transformation of an intraclass correlation, log((1 + (k - 1) r) / (1 - r)) / 2 [3]_, and lies
    in (-1 / (k - 1), 1); an estimate below that range keeps k = 2. On `logit` in the log-odds and lies
    in (0, 1), on `plain` in the statistic itself. At an end of the range these have no error: a share of 0 or 1 then
    has Wilson's interval at the smaller number of clusters, a coefficient of 1 or -1 has none. No interval either
    with fewer than `MIN_CLUSTERS` personas or items, or where the statistic is undefined without one of them.

    Parameters
    ----------
    value : the statistic
    left : its values without each persona, without each item, and without each cell; or without each cluster of the
        only way
    what : how the statistic is made, for the column `method`
    within : the range of the statistic, which the interval does not leave
    n_like : of the scale `fisher`, how many choices on one item are compared each with each
    twice : the result of `counted_twice`, of a statistic of pairs of personas

    Raises
    ------
    ValueError
        Another scale.
    """
    if scale not in SCALES:
        raise ValueError(f"jackknife: scale {scale!r} is none of {', '.join(SCALES)}")
    n_clusters = min(len(each) for each in left[:2])
    method = f"{what}; {METHOD}"
    if n_clusters < MIN_CLUSTERS:
        return Estimate(value, np.nan, np.nan, n, n_excluded, f"{method}; {TOO_FEW}", np.nan, n_clusters - 1)
    variances = [variance(each) for each in left]
    summed = variances[0] + variances[1] - variances[2] if len(left) == 3 else variances[0]
    error = float(np.sqrt(np.max([summed, variances[0] - twice, *variances[1:2]])))
    half = float(stats.t.ppf(0.5 + LEVEL / 2, n_clusters - 1)) * error
    low, high = (float(np.clip(end, *within)) for end in _ends(value, half, scale, n_like))
    if scale == "logit" and value in (0, 1):
        critical = float(stats.t.ppf(0.5 + LEVEL / 2, n_clusters - 1))
        low, high = wilson(value * n_clusters, n_clusters, critical=critical)
    return Estimate(value, low, high, n, n_excluded, method, error, n_clusters - 1)


def _ends(value: float, half: float, scale: str, n_like: int) -> tuple[float, float]:
    """The ends of the interval, moved to the scale by the slope of its transformation."""
    if scale == "plain":
        low, high = value - half, value + half
    elif scale == "fisher" and abs(value) < 1:
        k = n_like if 1 + (n_like - 1) * value > 0 else 2
        middle, reach = 1 + (k - 1) * value, half * k / (1 + (k - 1) * value) / (1 - value)
        low, high = 1 - k / (middle / (1 - value) * np.exp(np.clip([-reach, reach], -500, 500)) + k - 1)
    elif scale == "logit" and 0 < value < 1:
        middle, reach = np.log(value / (1 - value)), min(half / (value * (1 - value)), 500.0)
        low, high = 1 / (1 + np.exp(reach - middle)), 1 / (1 + np.exp(-reach - middle))
    else:
        return float("nan"), float("nan")
    return (float(low), float(high)) if half > 0 else (float("nan"), float("nan"))


def of_sums(
    features: np.ndarray,
    codes: Sequence[np.ndarray],
    statistic: Callable[[np.ndarray], np.ndarray],
    *,
    scale: str,
    n: int,
    n_excluded: int,
    what: str,
) -> Estimate:
    """A statistic that is a function of sums over rows, such as a kappa of its counts, with its interval.

    Parameters
    ----------
    features : rows x features, what is summed
    codes : each row's persona and item, as numbers; or one way of clustering alone
    statistic : from sums (leading axes x features) to values (leading axes), NaN where undefined

    Examples
    --------
    The share of 1 among six rows of six personas: the jackknife's error is the usual one of a mean.

    >>> rows = np.array([[1.0, 1], [1, 1], [1, 1], [0, 1], [0, 1], [1, 1]])
    >>> share = of_sums(rows, [np.arange(6)], lambda sums: sums[..., 0] / sums[..., 1], scale="logit", n=6,
    ...                 n_excluded=0, what="share")
    >>> round(share.estimate, 4), round(share.standard_error, 4)  # the root of 2/3 x 1/3 / 5
    (0.6667, 0.2108)
    """
    value = float(statistic(features.sum(axis=0)))
    left = [statistic(sums) for sums in left_out(features, codes)]
    return estimate(value, left, scale=scale, n=n, n_excluded=n_excluded, what=what)
