"""How sure is a number: intervals, clustered errors, bootstraps and corrections for many tests.

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
CHUNK_CELLS = 4_000_000


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
        """Two-sided t test of the value 0; 1 where every row is 0, NaN where no error can be computed."""
        if self.estimate == 0 and self.standard_error == 0:
            return 1.0
        if not (self.standard_error > 0 and self.df >= 1):
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
    squared. With two columns, V = V1 + V2 - V12, V12 clustering on the pair [1]_. Where that
    difference is not positive, which happens with few clusters, the larger of V1 and V2 stands in.
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
    codes = [pd.factorize(clusters[column])[0] for column in clusters]
    counts = [int(code.max()) + 1 if len(code) else 0 for code in codes]
    if not 1 <= len(codes) <= 2:
        raise ValueError(f"clustered_error: clusters has {len(codes)} columns, not one or two")
    if min(counts) < 2:
        return float("nan"), float(min(counts) - 1)
    variances = [_cluster_variance(scores, code) for code in codes]
    variance = variances[0]
    if len(codes) == 2:
        both = pd.factorize(codes[0].astype(np.int64) * counts[1] + codes[1])[0]
        variance = sum(variances) - _cluster_variance(scores, both)
        if variance <= 1e-12 * max(variances):
            variance = max(variances)
    return float(np.sqrt(variance)), min(counts) - 1


def _cluster_variance(scores: np.ndarray, code: np.ndarray) -> float:
    sums = np.bincount(code, weights=scores)
    return float(len(sums) / (len(sums) - 1) * (sums**2).sum())


def _complete(table: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    if missing := [column for column in columns if column not in table.columns]:
        raise schema.SchemaError(f"resample: column {', '.join(missing)} is missing; there are {list(table.columns)}")
    return table[list(columns)].dropna()


def _numbers(values: pd.Series) -> np.ndarray:
    return values.astype("float64").to_numpy()


def _t_estimate(value: float, error: tuple[float, float], n: int, n_excluded: int, method: str) -> Estimate:
    standard_error, df = error
    half = stats.t.ppf(0.5 + LEVEL / 2, df) * standard_error if standard_error > 0 and df >= 1 else float("nan")
    return Estimate(value, value - half, value + half, n, n_excluded, method, standard_error, df)


def clustered_mean(table: pd.DataFrame, *, value: str, clusters: Sequence[str]) -> Estimate:
    """Mean of a column with an error clustered one or two ways and a t quantile.

    Of a column of paired differences it is the paired risk difference. Rows without a value are
    left out and counted. The interval is undefined (NaN) with one cluster or without variation.

    Parameters
    ----------
    table : one row per unit; a missing value is a unit that was not scored
    value : the column to average, numbers or booleans
    clusters : one or two columns, for example persona_id and item_id

    Examples
    --------
    >>> pairs = pd.DataFrame({"persona_id": ["a", "a", "b", "b"], "item_id": list("xyxy"), "difference": [1, 1, 0, 0]})
    >>> found = clustered_mean(pairs, value="difference", clusters=["persona_id"])
    >>> found.estimate, found.standard_error, found.df
    (0.5, 0.5, 1)
    """
    rows = _complete(table, [value, *clusters])
    numbers = _numbers(rows[value])
    method = f"mean; error clustered by {' and '.join(clusters)}, t quantile"
    if not len(rows):
        return Estimate(np.nan, np.nan, np.nan, 0, len(table), method)
    mean = float(numbers.mean())
    error = clustered_error((numbers - mean) / len(rows), rows[list(clusters)])
    return _t_estimate(mean, error, len(rows), len(table) - len(rows), method)


def clustered_rate(table: pd.DataFrame, *, value: str, clusters: Sequence[str]) -> Estimate:
    """Share of true rows with Wilson's interval at the effective number of rows.

    The effective number is p (1 - p) / SE^2 with the clustered SE, at most n [1]_; where all rows
    are equal it is the smaller number of clusters. The quantile is the t of the clustered error.
    Undefined (NaN) without rows; the interval also with a single cluster.

    References
    ----------
    .. [1] N. Dean, M. Pagano (2015). Evaluating confidence interval methods for binomial
       proportions in clustered surveys. Journal of Survey Statistics and Methodology 3, 484-503.

    Examples
    --------
    >>> rows = pd.DataFrame({"persona_id": list("abcd"), "holds": [True, True, True, None]})
    >>> found = clustered_rate(rows, value="holds", clusters=["persona_id"])
    >>> found.estimate, found.high, found.n, found.n_excluded
    (1.0, 1.0, 3, 1)
    """
    mean = clustered_mean(table, value=value, clusters=clusters)
    method = f"share; Wilson at the effective n of errors clustered by {' and '.join(clusters)}, t quantile"
    low = high = float("nan")
    if mean.n and mean.df >= 1:
        spread = mean.estimate * (1 - mean.estimate)
        variance = max(mean.standard_error**2, spread / mean.n)
        n_effective = spread / variance if spread else mean.df + 1
        critical = float(stats.t.ppf(0.5 + LEVEL / 2, mean.df))
        low, high = wilson(mean.estimate * n_effective, n_effective, critical=critical)
    return Estimate(mean.estimate, low, high, mean.n, mean.n_excluded, method, mean.standard_error, mean.df)


def clustered_difference(table: pd.DataFrame, *, value: str, group: str, clusters: Sequence[str]) -> Estimate:
    """Mean of the rows where `group` is true minus the mean of the others, with a clustered error.

    The estimate and its error are those of a least-squares line on the 0/1 column. Undefined
    (NaN) if one side is empty. Rows without a value or a group are left out and counted.

    Examples
    --------
    >>> rows = pd.DataFrame({"persona_id": list("abcd"), "agrees": [1, 1, 0, 1], "is_young": [True] * 2 + [False] * 2})
    >>> clustered_difference(rows, value="agrees", group="is_young", clusters=["persona_id"]).estimate
    0.5
    """
    found = clustered_slope(table, value=value, on=group, clusters=clusters)
    method = f"difference of means; error clustered by {' and '.join(clusters)}, t quantile"
    return Estimate(
        found.estimate, found.low, found.high, found.n, found.n_excluded, method, found.standard_error, found.df
    )


def clustered_slope(table: pd.DataFrame, *, value: str, on: str, clusters: Sequence[str]) -> Estimate:
    """Slope of the least-squares line of `value` on the column `on`, with a clustered error.

    Undefined (NaN) if `on` does not vary or there are fewer than three rows.

    Examples
    --------
    >>> rows = pd.DataFrame({"persona_id": list("abcd"), "passed": [0, 0, 1, 1], "likeness": [0.0, 0.2, 0.4, 0.6]})
    >>> round(clustered_slope(rows, value="passed", on="likeness", clusters=["persona_id"]).estimate, 6)
    2.0
    """
    rows = _complete(table, list(dict.fromkeys([value, on, *clusters])))
    n, n_excluded = len(rows), len(table) - len(rows)
    method = f"least-squares slope; error clustered by {' and '.join(clusters)}, t quantile"
    outcome, predictor = _numbers(rows[value]), _numbers(rows[on])
    if n < 3 or np.ptp(predictor) == 0:
        return Estimate(np.nan, np.nan, np.nan, n, n_excluded, method)
    centred = predictor - predictor.mean()
    slope = float(centred @ outcome / (centred @ centred))
    residual = outcome - outcome.mean() - slope * centred
    standard_error, df = clustered_error(centred * residual / (centred @ centred), rows[list(clusters)])
    return _t_estimate(slope, (standard_error * np.sqrt((n - 1) / (n - 2)), df), n, n_excluded, method)


def multiplicities(n_units: int, *, n_bootstrap: int, rng: np.random.Generator) -> np.ndarray:
    """How often each of n units is drawn in each bootstrap sample: n_bootstrap rows that sum to n_units."""
    if n_units < 1 or n_bootstrap < 1:
        raise ValueError(f"multiplicities: {n_units} units and {n_bootstrap} samples; give at least one of each")
    return rng.multinomial(n_units, np.full(n_units, 1 / n_units), size=n_bootstrap).astype("float64")


def bootstrap_sums(
    table: pd.DataFrame, *, features: Sequence[str], clusters: Sequence[str], n_bootstrap: int, rng: np.random.Generator
) -> np.ndarray:
    """Sums of the feature columns in bootstrap samples of whole clusters.

    With one cluster column, clusters are drawn with replacement. With two, both are drawn
    independently and a row counts as often as its persona times its item: Owen's pigeonhole
    bootstrap [1]_, which is a little conservative. Statistics that are functions of sums (a mean,
    a kappa) then need one line of arithmetic.

    Returns
    -------
    Array of n_bootstrap rows, one column per feature.

    References
    ----------
    .. [1] A. B. Owen (2007). The pigeonhole bootstrap. Annals of Applied Statistics 1, 386-411.

    Examples
    --------
    One cluster of two rows can only be drawn as it is.

    >>> rows = pd.DataFrame({"persona_id": ["a", "a"], "passed": [1, 0], "n": [1, 1]})
    >>> bootstrap_sums(rows, features=["passed", "n"], clusters=["persona_id"], n_bootstrap=2,
    ...                rng=np.random.default_rng(1)).tolist()
    [[1.0, 2.0], [1.0, 2.0]]
    """
    rows = _complete(table, list(dict.fromkeys([*features, *clusters])))
    if not 1 <= len(clusters) <= 2:
        raise ValueError(f"bootstrap_sums: clusters names {len(clusters)} columns, not one or two")
    if rows.empty:
        return np.zeros((n_bootstrap, len(features)))
    codes = [pd.factorize(rows[column])[0] for column in clusters]
    draws = [multiplicities(code.max() + 1, n_bootstrap=n_bootstrap, rng=rng) for code in codes]
    numbers = rows[list(features)].astype("float64").to_numpy()
    step = max(1, CHUNK_CELLS // len(rows))
    parts = []
    for start in range(0, n_bootstrap, step):
        weights = np.ones((1, len(rows)))
        for code, draw in zip(codes, draws, strict=True):
            weights = weights * draw[start : start + step][:, code]
        parts.append(weights @ numbers)
    return np.concatenate(parts)


def percentile_interval(replicates: np.ndarray) -> tuple[float, float]:
    """The middle 95 % of the replicates; undefined replicates are left out, all undefined gives NaN.

    Examples
    --------
    >>> [round(end, 6) for end in percentile_interval(np.arange(101.0))]
    [2.5, 97.5]
    """
    defined = replicates[~np.isnan(replicates)]
    if not len(defined):
        return float("nan"), float("nan")
    low, high = np.quantile(defined, [0.5 - LEVEL / 2, 0.5 + LEVEL / 2])
    return float(low), float(high)


def in_words(statistics: pd.DataFrame) -> pd.Series:
    """Every estimate with its interval as text, by (statistic, group); and its counts if undefined or half is left out.

    Examples
    --------
    >>> row = schema.statistic("win_rate", "all", 0.51234, low=0.4, high=0.625, n=10, method="share")
    >>> unscored = row | {"estimate": np.nan, "n": 0, "n_excluded": 8}
    >>> in_words(pd.DataFrame([row, row | {"n_excluded": 30}, unscored])).tolist()
    ['0.5123 (95 % 0.4000 to 0.6250)', '0.5123 (95 % 0.4000 to 0.6250; n = 10, 30 left out)',
     'an undefined value (n = 0, 8 left out)']
    """
    value, low, high = (statistics[name].map("{:#.4g}".format) for name in ("estimate", "low", "high"))
    counts = "n = " + statistics["n"].map("{:,}".format) + ", " + statistics["n_excluded"].map("{:,} left out".format)
    is_thin = statistics["n_excluded"].ge(statistics["n"]) & statistics["n_excluded"].gt(0)
    interval = ("95 % " + low + " to " + high).mask(statistics["low"].isna(), "no interval")
    text = value + " (" + interval + ("; " + counts).where(is_thin, "") + ")"
    text = text.mask(statistics["estimate"].isna(), "an undefined value (" + counts + ")")
    return text.set_axis(pd.MultiIndex.from_frame(statistics[["statistic", "group"]]))
