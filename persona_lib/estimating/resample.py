"""How sure is a number: intervals and clustered errors.

Every judgement of the study belongs to a persona and to a question, and both are drawn: a
persona's answers resemble one another, and so do the answers to a question. Errors that take the
rows as independent are too small, so the functions here take the columns that name the clusters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from persona_lib.tables import schema

LEVEL = 0.95
Z_95 = float(stats.norm.ppf(0.5 + LEVEL / 2))
MIN_CLUSTERS = 5  # with fewer a t interval says nothing but its own width
TOO_FEW = f"fewer than {MIN_CLUSTERS} clusters: too few to say"


@dataclass(frozen=True)
class Estimate:
    """A number with its interval, its counts and how it was made; NaN where undefined."""

    estimate: float
    low: float
    high: float
    n: int
    n_excluded: int
    method: str
    standard_error: float = float("nan")
    df: float = float("nan")
    n_effective: float = float("nan")  # of a share: as many independent rows have its error

    def row(self, statistic: str, group: str) -> dict:
        """The row of a statistics table under this name."""
        return schema.statistic(
            statistic,
            group,
            self.estimate,
            low=self.low,
            high=self.high,
            n=self.n,
            n_excluded=self.n_excluded,
            method=self.method,
        )

    @property
    def p_value(self) -> float:
        """Two-sided t test of the value 0; 1 where every row is 0, NaN without an error or with too few clusters."""
        if not self.df + 1 >= MIN_CLUSTERS:
            return float("nan")
        if self.estimate == 0 and self.standard_error == 0:
            return 1.0
        if not self.standard_error > 0:
            return float("nan")
        return float(2 * stats.t.sf(abs(self.estimate) / self.standard_error, self.df))


def wilson(n_successes: Any, n: Any, *, level: float = LEVEL, critical: float | None = None) -> tuple[Any, Any]:
    """Wilson's interval of a share of independent trials; NaN for no trials.

    Never leaves [0, 1] and is not empty at a share of 0 or 1.

    Parameters
    ----------
    n_successes, n : numbers, or arrays of one shape; `n` may be an effective number of trials
    level : of the interval, in (0, 1)
    critical : in place of the level, the quantile itself, such as that of a t distribution

    Returns
    -------
    Lower and upper ends, in [0, 1].

    Raises
    ------
    ValueError
        More successes than trials, or less than none.

    References
    ----------
    E. B. Wilson (1927). Probable inference, the law of succession, and statistical inference.
    Journal of the American Statistical Association 22, 209-212.

    Examples
    --------
    >>> [round(end, 4) for end in wilson(0, 10)]
    [0.0, 0.2775]
    >>> wilson(0, 0)
    (nan, nan)
    """
    hits, trials = np.asarray(n_successes, dtype="float64"), np.asarray(n, dtype="float64")
    if not ((hits >= 0) & (hits <= trials)).all():
        raise ValueError(f"wilson: {n_successes} successes in {n} trials; give 0 <= n_successes <= n")
    alpha = 1 - level if critical is None else 2 * stats.norm.sf(critical)
    known = np.where(trials > 0, trials, 1.0)
    low, high = proportion_confint(hits, known, alpha=alpha, method="wilson")
    # none and all are ends of their own interval; rounding must not put them inside
    low = np.where(trials > 0, np.where(hits == 0, 0.0, low), np.nan)
    high = np.where(trials > 0, np.where(hits == trials, 1.0, high), np.nan)
    return (float(low), float(high)) if low.ndim == 0 else (low, high)


def clustered_error(scores: np.ndarray, clusters: pd.DataFrame) -> tuple[float, float]:
    """Standard error of a sum of score contributions, clustered one or two ways, and its degrees of freedom.

    With one column of clusters, V = G / (G - 1) x sum over the G clusters of their summed scores
    squared. With two columns, V = V1 + V2 - V12, V12 clustering on the pair [1]_; see `two_way`.
    Degrees of freedom: the smaller number of clusters minus 1. NaN with fewer than two clusters.

    References
    ----------
    .. [1] A. C. Cameron, J. B. Gelbach, D. L. Miller (2011). Robust inference with multiway
       clustering. Journal of Business & Economic Statistics 29, 238-249.

    Examples
    --------
    Two clusters whose summed scores are 0.5 and -0.5: V = 2 x (0.25 + 0.25) = 1.

    >>> clustered_error(np.array([0.25, 0.25, -0.5]), pd.DataFrame({"persona_id": ["a", "a", "b"]}))
    (1.0, 1)
    """
    if not 1 <= clusters.shape[1] <= 2:
        raise ValueError(f"clustered_error: clusters has {clusters.shape[1]} columns, not one or two")
    n_clusters = int(clusters.nunique().min()) if len(clusters) else 0
    if n_clusters < 2:
        return float("nan"), float(n_clusters - 1)
    variances = _cluster_variances(scores, clusters)
    variance = two_way(*variances) if len(variances) == 3 else variances[0]
    return float(np.sqrt(variance)), n_clusters - 1


def two_way(first: float, second: float, both: float) -> float:
    """The variance of errors that are clustered two ways, V1 + V2 - V12, and no less than the larger of V1 and V2.

    With few clusters the difference can fall below either part, even below zero, by chance alone.

    Examples
    --------
    >>> two_way(3.0, 2.0, 1.0), two_way(3.0, 0.5, 1.0)
    (4.0, 3.0)
    """
    return max(first + second - both, first, second)


def _cluster_variances(scores: np.ndarray, clusters: pd.DataFrame) -> list[float]:
    """The variance of a sum by each column of clusters; of two columns also by their pairs."""
    codes = [pd.factorize(clusters[column])[0] for column in clusters]
    if len(codes) == 2:
        codes.append(pd.factorize(codes[0].astype(np.int64) * (codes[1].max() + 1) + codes[1])[0])
    return [_cluster_variance(scores, code) for code in codes]


def _cluster_variance(scores: np.ndarray, code: np.ndarray) -> float:
    sums = np.bincount(code, weights=scores)
    return float(len(sums) / (len(sums) - 1) * (sums**2).sum())


def complete(table: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """These columns of the rows that have a value in each.

    Raises
    ------
    SchemaError
        If a column is missing.
    """
    if missing := [column for column in columns if column not in table.columns]:
        raise schema.SchemaError(f"resample: column {', '.join(missing)} is missing; there are {list(table.columns)}")
    return table[list(columns)].dropna()


def _numbers(values: pd.Series) -> np.ndarray:
    return values.astype("float64").to_numpy()


def unskewed(quantile: float, skewness: float) -> float:
    """The quantile of an estimate's t statistic, where that of an estimate without skewness has `quantile`.

    With a the skewness of the estimate, of a mean of n numbers theirs over sqrt(n), the transformed
    T + a T^2 / 3 + a^2 T^3 / 27 + a / 6 is symmetric to the order of 1 / n; this solves it for T (P. Hall, 1992, On the
    removal of skewness by transformation, Journal of the Royal Statistical Society B 54, 221-228).

    Examples
    --------
    >>> unskewed(2.0, 0.0), round(unskewed(2.0, 0.25), 4), round(unskewed(-2.0, 0.25), 4)
    (2.0, 1.7047, -2.5422)
    """
    a = skewness
    return quantile if abs(a) < 1e-6 else float(3 / a * (np.cbrt(1 + a * (quantile - a / 6)) - 1))


def t_estimate(
    value: float, error: tuple[float, ...], n: int, n_excluded: int, method: str, within: tuple[float, float]
) -> Estimate:
    """A number with the t interval of its error, degrees of freedom and, if any, skewness, kept within its range.

    No interval with fewer than `MIN_CLUSTERS` clusters, or without variation.
    """
    standard_error, df, skewness = (*error, 0.0)[:3]
    low = high = float("nan")
    if df + 1 < MIN_CLUSTERS:
        method = f"{method}; {TOO_FEW}"
    elif standard_error > 0 and not np.isnan(value):
        critical = stats.t.ppf(0.5 + LEVEL / 2, df)
        ends = (value - standard_error * unskewed(side * critical, skewness) for side in (1, -1))
        low, high = (float(np.clip(end, *within)) for end in ends)
    return Estimate(value, low, high, n, n_excluded, method, standard_error, df)


ANYWHERE = (-np.inf, np.inf)


def clustered_mean(
    table: pd.DataFrame,
    *,
    value: str,
    clusters: Sequence[str],
    within: tuple[float, float] = ANYWHERE,
    is_skewed: bool = False,
) -> Estimate:
    """Mean of a column with an error clustered one or two ways and a t quantile.

    Of a column of paired differences it is the paired risk difference. Rows without a value are left out and counted.
    The interval is undefined (NaN) with fewer than `MIN_CLUSTERS` clusters or without variation.

    Parameters
    ----------
    table : one row per unit; a missing value is a unit that was not scored
    value : the column to average, numbers or booleans
    clusters : one or two columns, for example persona_id and item_id
    within : the range of the mean, which the interval does not leave
    is_skewed : whether the interval allows for the skewness of the sums by the first column of clusters

    Examples
    --------
    >>> pairs = pd.DataFrame({"persona_id": list("aabbccddee"), "difference": [1, 1, 0, 0, 0, 0, 1, 0, 0, 1]})
    >>> found = clustered_mean(pairs, value="difference", clusters=["persona_id"])
    >>> found.estimate, round(found.standard_error, 4), found.df
    (0.4, 0.1871, 4)
    """
    rows = complete(table, [value, *clusters])
    numbers = _numbers(rows[value])
    method = f"mean; error clustered by {' and '.join(clusters)}, t quantile"
    if not len(rows):
        return Estimate(np.nan, np.nan, np.nan, 0, len(table), method)
    mean = float(numbers.mean())
    error: tuple[float, ...] = clustered_error((numbers - mean) / len(rows), rows[list(clusters)])
    if is_skewed and error[1] > 1 and error[0] > 0:
        method += ", Hall's transformation of skewness"
        sums = (rows[value] - mean).groupby(rows[clusters[0]]).sum()
        error = (*error, float(stats.skew(sums, bias=False) / np.sqrt(len(sums))))
    return t_estimate(mean, error, len(rows), len(table) - len(rows), method, within)


def clustered_rate(table: pd.DataFrame, *, value: str, clusters: Sequence[str]) -> Estimate:
    """Share of true rows with Wilson's interval at the effective number of rows.

    The effective number is p (1 - p) / SE^2 with the clustered SE [1]_, which is no less than that of independent
    cells, pairs of both clusters, or with one way of independent rows. So rows that balance each other within a cell,
    such as both orders of one pair, may be worth more than as many independent ones; no more than the square of the
    number of cells, as if one had strayed. Where all rows are equal the effective number is the smaller number of
    clusters. The quantile is the t of the clustered error. Undefined (NaN) without rows; the interval also with fewer
    than `MIN_CLUSTERS` clusters.

    References
    ----------
    .. [1] N. Dean, M. Pagano (2015). Evaluating confidence interval methods for binomial
       proportions in clustered surveys. Journal of Survey Statistics and Methodology 3, 484-503.

    Examples
    --------
    >>> rows = pd.DataFrame({"persona_id": list("abcdef"), "holds": [True, True, True, None, True, True]})
    >>> found = clustered_rate(rows, value="holds", clusters=["persona_id"])
    >>> found.estimate, found.high, found.n, found.n_excluded
    (1.0, 1.0, 5, 1)
    """
    mean = clustered_mean(table, value=value, clusters=clusters)
    method = f"share; Wilson at the effective n of errors clustered by {' and '.join(clusters)}, t quantile"
    low = high = n_effective = float("nan")
    if mean.n and mean.df + 1 < MIN_CLUSTERS:
        method = f"{method}; {TOO_FEW}"
    elif mean.n:
        spread = mean.estimate * (1 - mean.estimate)
        rows = complete(table, [value, *clusters])
        scores = (_numbers(rows[value]) - mean.estimate) / len(rows)
        n_cells = len(rows.drop_duplicates(list(clusters))) if len(clusters) == 2 else len(rows)
        floor = _cluster_variances(scores, rows[list(clusters)])[2] if len(clusters) == 2 else spread / len(rows)
        variance = max(mean.standard_error**2, floor, spread / n_cells**2)
        n_effective = spread / variance if spread else mean.df + 1
        critical = float(stats.t.ppf(0.5 + LEVEL / 2, mean.df))
        low, high = wilson(mean.estimate * n_effective, n_effective, critical=critical)
    error = (mean.standard_error, mean.df, float(n_effective))
    return Estimate(mean.estimate, low, high, mean.n, mean.n_excluded, method, *error)


def clustered_difference(table: pd.DataFrame, *, value: str, group: str, clusters: Sequence[str]) -> Estimate:
    """Share of the rows where `group` is true minus that of the others, with a clustered error, in [-1, 1].

    The estimate and its error are those of a least-squares line on the 0/1 column; the degrees of freedom are the
    clusters of the smaller side minus one. Undefined (NaN) if one side is empty, the interval also where one side has
    fewer than `MIN_CLUSTERS` clusters. Rows without a value or a group are left out and counted.

    Examples
    --------
    >>> rows = pd.DataFrame({"persona_id": list("abcd"), "agrees": [1, 1, 0, 1], "is_young": [True] * 2 + [False] * 2})
    >>> clustered_difference(rows, value="agrees", group="is_young", clusters=["persona_id"]).estimate
    0.5
    """
    found = clustered_slope(table, value=value, on=group, clusters=clusters)
    rows = complete(table, [value, group, *clusters])
    sides = rows.groupby(rows[group].astype(bool))[list(clusters)].nunique().to_numpy()
    df = float(sides.min()) - 1 if len(sides) == 2 else found.df
    method = f"difference of means; error clustered by {' and '.join(clusters)}, t quantile"
    error = (found.standard_error, df)
    return t_estimate(found.estimate, error, found.n, found.n_excluded, method, (-1.0, 1.0))


def clustered_slope(
    table: pd.DataFrame, *, value: str, on: str, clusters: Sequence[str], within: tuple[float, float] = ANYWHERE
) -> Estimate:
    """Slope of the least-squares line of `value` on the column `on`, with a clustered error.

    Undefined (NaN) if `on` does not vary or there are fewer than three rows.

    Examples
    --------
    >>> rows = pd.DataFrame({"persona_id": list("abcd"), "passed": [0, 0, 1, 1], "likeness": [0.0, 0.2, 0.4, 0.6]})
    >>> round(clustered_slope(rows, value="passed", on="likeness", clusters=["persona_id"]).estimate, 6)
    2.0
    """
    rows = complete(table, list(dict.fromkeys([value, on, *clusters])))
    n, n_excluded = len(rows), len(table) - len(rows)
    method = f"least-squares slope; error clustered by {' and '.join(clusters)}, t quantile"
    outcome, predictor = _numbers(rows[value]), _numbers(rows[on])
    if n < 3 or np.ptp(predictor) == 0:
        return Estimate(np.nan, np.nan, np.nan, n, n_excluded, method)
    centred = predictor - predictor.mean()
    slope = float(centred @ outcome / (centred @ centred))
    residual = outcome - outcome.mean() - slope * centred
    standard_error, df = clustered_error(centred * residual / (centred @ centred), rows[list(clusters)])
    error = (standard_error * np.sqrt((n - 1) / (n - 2)), df)
    return t_estimate(slope, error, n, n_excluded, method, within)
