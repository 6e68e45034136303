"""How strongly two attributes hang together: Cramer's V without its small-sample bias, on weighted tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats


def cramers_v(table: np.ndarray | pd.DataFrame, *, n: float | None = None) -> float:
    """Bias-corrected Cramer's V of a two-way table of (weighted) counts.

    With phi2 the chi-square over n of a table of r rows and c columns [1]_::

        phi2' = max(0, phi2 - (r - 1)(c - 1) / (n - 1))
        r' = r - (r - 1)^2 / (n - 1),  c' likewise
        V = sqrt(phi2' / (min(r', c') - 1))

    0 is no association beyond what n independent pairs show by chance, 1 that one attribute tells the
    other. Rows and columns without any count are left out. NaN where fewer than two rows or columns are
    left, or where n is too small for its categories.

    Parameters
    ----------
    table : rows x columns of counts or weights, none negative
    n : how many independent observations the table is worth; its total by default. For a weighted table
        give the effective size (see `effective_size`), or sampling noise passes for association.

    Raises
    ------
    ValueError
        A negative or missing count.

    References
    ----------
    .. [1] W. Bergsma (2013). A bias-correction for Cramer's V and Tschuprow's T. Journal of the Korean
       Statistical Society 42, 323-328.

    Examples
    --------
    phi2 is 1/4; less 1/79 it is 0.2373, over 1 - 1/79 = 0.9873 it is 0.2404; the root is 0.4903.

    >>> round(cramers_v([[30, 10], [10, 30]]), 4)
    0.4903
    """
    counts = np.asarray(table, dtype="float64")
    if not (counts >= 0).all():
        raise ValueError("a table of counts has a negative or missing count")
    counts = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0]
    n = float(counts.sum()) if n is None else float(n)
    if min(counts.shape) < 2 or n <= 1:
        return float("nan")
    shares = counts / counts.sum()
    expected = shares.sum(axis=1, keepdims=True) * shares.sum(axis=0)
    degrees = np.array(counts.shape) - 1
    phi2 = ((shares - expected) ** 2 / expected).sum() - degrees.prod() / (n - 1)
    most = (degrees - degrees**2 / (n - 1)).min()
    return float(np.sqrt(max(0.0, phi2) / most)) if most > 0 else float("nan")


def effective_size(weights: np.ndarray | pd.Series) -> float:
    """Kish's effective sample size, (sum of weights)^2 / sum of squared weights; NaN if all are 0.

    Equal weights give their number; it falls as they become unequal [1]_.

    References
    ----------
    .. [1] L. Kish (1965). Survey Sampling, section 11.7.

    Examples
    --------
    >>> effective_size([5, 5, 5]), effective_size([3, 1])
    (3.0, 1.6)
    """
    weights = np.asarray(weights, dtype="float64")
    squares = (weights**2).sum()
    return float(weights.sum() ** 2 / squares) if squares > 0 else float("nan")


def cross_table(a: pd.Series, b: pd.Series, weights: np.ndarray | pd.Series) -> tuple[np.ndarray, float]:
    """Weighted two-way table of two categorical columns and its effective size.

    A row where either has no category (missing) is left out of both.

    Returns
    -------
    Weights by category of `a` (rows) and of `b` (columns), both in alphabetical order; `effective_size`
    of the rows counted.

    Examples
    --------
    >>> table, n = cross_table(pd.Series(["x", "y", "y", None]), pd.Series(["u", "u", "v", "v"]), np.full(4, 2.0))
    >>> table.tolist(), n
    ([[2.0, 0.0], [2.0, 2.0]], 3.0)
    """
    both = (a.notna() & b.notna()).to_numpy()
    weights = np.asarray(weights, dtype="float64")[both]
    row, rows = pd.factorize(a[both], sort=True)
    column, columns = pd.factorize(b[both], sort=True)
    cells = np.bincount(row * len(columns) + column, weights, minlength=len(rows) * len(columns))
    return cells.reshape(len(rows), len(columns)), effective_size(weights)


def lumped(categories: pd.Series, weights: np.ndarray | pd.Series, *, most: int = 12) -> pd.Series:
    """At most `most` categories: the heaviest stay, the rest become "all other"; missing stays missing.

    Of dtype category, whatever the dtype given, with only what occurs as categories.

    Ties go by name. Give every file that is compared the same grouping: lump one and map the others.

    Examples
    --------
    >>> lumped(pd.Series(["a", "b", "c", "c"]), np.ones(4), most=2).tolist()
    ['all other', 'all other', 'c', 'c']
    """
    kinds = categories.astype("category").cat.remove_unused_categories()
    names = kinds.cat.categories.astype("str")
    total = pd.Series(np.asarray(weights, dtype="float64")).groupby(kinds.array, observed=True).sum().set_axis(names)
    if len(total) > most:
        heaviest = total.sort_index().sort_values(ascending=False, kind="stable").index[: most - 1]
        names = names.where(names.isin(heaviest), "all other")
    place, distinct = pd.factorize(names, sort=True)
    return pd.Series(pd.Categorical.from_codes(np.append(place, -1)[kinds.cat.codes], distinct), index=categories.index)


def total_variation(a: np.ndarray, b: np.ndarray | float) -> np.ndarray:
    """Half the sum of absolute differences of two sets of shares.

    0 where they are the same, 1 where they have no category in common: the share of persons that would
    have to change category. Shares of a finite sample are never 0 away, so a value says little without
    its mean by chance.

    Examples
    --------
    >>> round(float(total_variation(np.array([0.5, 0.5]), np.array([0.6, 0.4]))), 3)
    0.1
    """
    return np.abs(np.asarray(a, dtype="float64") - np.asarray(b, dtype="float64")).sum(axis=-1) / 2


def chi_square(observed: np.ndarray, expected: np.ndarray, n: np.ndarray | float) -> np.ndarray:
    """Pearson's n x sum of (observed - expected)^2 / expected over shares; 0 where they are the same.

    Infinite where something is observed that is not expected at all.
    """
    observed, expected = np.asarray(observed, dtype="float64"), np.asarray(expected, dtype="float64")
    gap = (observed - expected) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(gap == 0, 0.0, gap / expected)
    return n * terms.sum(axis=-1)


def rao_scott(observed: np.ndarray, expected: np.ndarray, covariance: np.ndarray, *, n: float) -> dict:
    """Chi-square of shares whose covariance is not that of a simple random sample, second-order corrected.

    Pearson's X2 is a weighted sum of squared normals; its mean n tr(A) and variance 2 n^2 tr(A^2), A being
    covariance / expected, are matched by a scaled chi-square [1]_. With the covariance of a simple random
    sample, (diag(p) - p p') / n, the correction does nothing.

    Parameters
    ----------
    observed, expected : shares of k categories
    covariance : k x k, of observed - expected
    n : records behind `observed`; it moves neither df nor p, only X2 and the design effect

    Returns
    -------
    chi_square (corrected), df, p, design_effect (mean generalised design effect). All NaN where the
    covariance is 0.

    References
    ----------
    .. [1] J. N. K. Rao, A. J. Scott (1984). On chi-squared tests for multiway contingency tables with cell
       proportions estimated from survey data. Annals of Statistics 12, 46-60.

    Examples
    --------
    60 of 100 against an even split, but with four times the variance: 4 is corrected to 1 on 1 df.

    >>> simple = np.array([[0.25, -0.25], [-0.25, 0.25]]) / 100
    >>> found = rao_scott(np.array([0.6, 0.4]), np.array([0.5, 0.5]), 4 * simple, n=100)
    >>> [round(float(found[name]), 3) for name in ("chi_square", "df", "design_effect")]
    [1.0, 1.0, 4.0]
    """
    within = covariance / np.asarray(expected, dtype="float64")[:, None]
    mean, square = np.trace(within), np.trace(within @ within)
    if not mean > 0:
        return dict.fromkeys(("chi_square", "df", "p", "design_effect"), float("nan"))
    df = mean**2 / square
    corrected = float(chi_square(observed, expected, 1.0)) * df / mean
    effect = n * mean / (len(expected) - 1)
    return {"chi_square": corrected, "df": df, "p": float(stats.chi2.sf(corrected, df)), "design_effect": effect}
