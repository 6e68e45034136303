"""Coefficients of agreement between raters beyond chance, from tables of counts or columns of labels.

Every coefficient is 1 for perfect agreement and 0 for the agreement that chance would make; they
differ in what they take chance to be. NaN where the data cannot say.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.polynomial import Polynomial
from scipy.stats import chi2

from persona_lib.estimating.resample import LEVEL
from persona_lib.tables import schema


def coefficients(counts: np.ndarray) -> dict[str, np.ndarray]:
    """Agreement coefficients of k x k tables of two raters' choices; any leading axes.

    With p_o the share on the diagonal and r, c the two raters' shares of each category:
    kappa = (p_o - sum r c) / (1 - sum r c); AC1 replaces the chance term by
    sum m (1 - m) / (k - 1) with m = (r + c) / 2 [1]_; PABAK by 1 / k, as if all categories were
    equally frequent [2]_; alpha is Krippendorff's for nominal data.
    1: always agree; 0: as often as chance would; below 0: less. Undefined (NaN) without items,
    kappa and alpha also where both raters only ever use one and the same category.

    References
    ----------
    .. [1] K. L. Gwet (2008). Computing inter-rater reliability and its variance in the presence of
       high agreement. British Journal of Mathematical and Statistical Psychology 61, 29-48.
    .. [2] T. Byrt, J. Bishop, J. B. Carlin (1993). Bias, prevalence and kappa. Journal of Clinical
       Epidemiology 46, 423-429.

    Examples
    --------
    Cohen's (1960) kind of table: 20 + 15 agreements of 50, chance 0.5.

    >>> {name: round(float(value), 4) for name, value in coefficients(np.array([[20, 5], [10, 15]])).items()}
    {'kappa': 0.4, 'raw_agreement': 0.7, 'pabak': 0.4, 'ac1': 0.4059, 'alpha': 0.4}
    """
    counts = np.asarray(counts, dtype="float64")
    n = counts.sum(axis=(-1, -2))
    with np.errstate(divide="ignore", invalid="ignore"):
        observed = np.trace(counts, axis1=-2, axis2=-1) / n
        first, second = counts.sum(axis=-1) / n[..., None], counts.sum(axis=-2) / n[..., None]
        mean = (first + second) / 2
        same = (first * second).sum(axis=-1)
        above = np.where(np.abs(observed - same) > 1e-12, observed - same, 0)
        kappa = np.where(1 - same > 1e-12, above / (1 - same), np.nan)
        by_chance = (mean * (1 - mean)).sum(axis=-1) / (counts.shape[-1] - 1)
        mixed = 1 - (mean**2).sum(axis=-1)
        alpha = np.where(mixed > 1e-12, 1 - (1 - observed) * (2 * n - 1) / (2 * n * mixed), np.nan)
        return {
            "kappa": kappa,
            "raw_agreement": observed,
            "pabak": (counts.shape[-1] * observed - 1) / (counts.shape[-1] - 1),
            "ac1": (observed - by_chance) / (1 - by_chance),
            "alpha": alpha,
        }


def kappa_of_varied(counts: np.ndarray) -> np.ndarray:
    """Cohen's kappa of k x k tables of two raters' choices, undefined where one of them is constant.

    Where a rater always makes one choice, chance agreement is all there can be: kappa is 0 whatever the other
    rater says, so it tells nothing of how alike the two are, and is NaN here. Any leading axes.

    Examples
    --------
    The second rater always makes the first choice.

    >>> kappa_of_varied(np.array([[[20, 5], [10, 15]], [[7, 0], [3, 0]]])).round(2).tolist()
    [0.4, nan]
    """
    counts = np.asarray(counts, dtype="float64")
    varied = [(counts.sum(axis=axis) > 0).sum(axis=-1) > 1 for axis in (-1, -2)]
    return np.where(varied[0] & varied[1], coefficients(counts)["kappa"], np.nan)


def contingency(table: pd.DataFrame, *, first: str, second: str) -> np.ndarray:
    """Counts of the pairs of labels in two columns, rows without both labels left out; at least 2 x 2.

    Raises
    ------
    SchemaError
        If a column is missing.
    """
    if missing := [column for column in (first, second) if column not in table.columns]:
        raise schema.SchemaError(f"agreement: column {', '.join(missing)} is missing; there are {list(table.columns)}")
    both = table[[first, second]].dropna()
    codes, categories = pd.factorize(pd.concat([both[first], both[second]]), sort=True)
    counts = np.zeros((max(len(categories), 2),) * 2)
    np.add.at(counts, (codes[: len(both)], codes[len(both) :]), 1)
    return counts


def cohen_kappa(table: pd.DataFrame, *, first: str, second: str) -> float:
    """Cohen's kappa of two columns of labels, one row per item [1]_.

    1: always the same label; 0: as often as two independent raters with these habits; negative:
    less often. NaN where no row has both labels, or both raters give one and the same label to all.

    References
    ----------
    .. [1] J. Cohen (1960). A coefficient of agreement for nominal scales. Educational and
       Psychological Measurement 20, 37-46.

    Examples
    --------
    >>> cohen_kappa(pd.DataFrame({"ann": list("xxyy"), "bob": list("xyyy")}), first="ann", second="bob")
    0.5
    """
    return float(coefficients(contingency(table, first=first, second=second))["kappa"])


def alpha_terms(per_unit: np.ndarray) -> np.ndarray:
    """Each unit's part of Krippendorff's nominal alpha: its labels per category, then its disagreement.

    0 for units with one label, which say nothing.

    Parameters
    ----------
    per_unit : units x categories: how many raters gave each label
    """
    size = per_unit.sum(axis=-1, keepdims=True)
    paired = size >= 2
    disagreement = (size**2 - (per_unit**2).sum(axis=-1, keepdims=True)) / np.where(paired, size - 1, 1)
    return np.where(paired, np.concatenate([per_unit, disagreement], axis=-1), 0).astype("float64")


def alpha_of_sums(sums: np.ndarray) -> np.ndarray:
    """Krippendorff's alpha, nominal, from the (weighted) sums of `alpha_terms` over units; any leading axes.

    1: no disagreement; 0: as much as chance would make. NaN where only one label was ever used [1]_.

    References
    ----------
    .. [1] K. Krippendorff (2011). Computing Krippendorff's alpha-reliability. University of Pennsylvania.

    Examples
    --------
    One unit of four is in dispute (x, y): D_o = 2; expected (11^2 - 4^2 - 7^2) / 10 = 5.6.

    >>> labels = np.array([[3, 0], [1, 1], [0, 3], [0, 3]])
    >>> round(float(alpha_of_sums(alpha_terms(labels).sum(axis=0))), 4), round(1 - 2 / 5.6, 4)
    (0.6429, 0.6429)
    """
    totals, disagreement = sums[..., :-1], sums[..., -1]
    n = totals.sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = (n**2 - (totals**2).sum(axis=-1)) / (n - 1)
        return np.where(expected > 1e-12, 1 - disagreement / expected, np.nan)


def kappa_interval(counts: np.ndarray) -> tuple[float, float]:
    """Goodness-of-fit 95 % interval of the kappa of two like judges of independent items, for a rare answer [1]_.

    With p the share of the first answer over both judges, q = p (1 - p), a kappa gives the chances p^2 + kappa q of
    both choosing it, 2 q (1 - kappa) of two choices that differ, and (1 - p)^2 + kappa q. The interval holds the kappas
    that Pearson's chi-squared, of one degree of freedom, does not reject. Scott's pi is always among them.

    Parameters
    ----------
    counts : 2 x 2, choices of the first judge by choices of the second

    Returns
    -------
    Lower and upper ends, in [-1, 1]; NaN where only one answer was ever chosen, or on no items.

    References
    ----------
    .. [1] A. Donner, M. Eliasziw (1992). A goodness-of-fit approach to inference procedures for the kappa statistic.
       Statistics in Medicine 11, 1511-1519.

    Examples
    --------
    Two of twenty items were chosen by one judge each, none by both: kappa is -0.05, but it may be 0.68.

    >>> [round(end, 2) for end in kappa_interval(np.array([[0, 1], [1, 18]]))]
    [-0.05, 0.68]
    """
    counts = np.asarray(counts, dtype="float64")
    n, differ = counts.sum(), counts[0, 1] + counts[1, 0]
    p = (counts[0, 0] + differ / 2) / n if n else 0.0
    q = p * (1 - p)
    if not q > 0:
        return float("nan"), float("nan")
    kappa = Polynomial([0.0, 1.0])
    chances = p**2 + kappa * q, 2 * q * (1 - kappa), (1 - p) ** 2 + kappa * q
    scotts = 1 - differ / (2 * n * q)
    misfit = chances[1] * chances[2] + 4 * chances[0] * chances[2] + chances[0] * chances[1]
    rejected = n * q**2 * (scotts - kappa) ** 2 * misfit - chi2.ppf(LEVEL, 1) * chances[0] * chances[1] * chances[2]
    roots = rejected.trim(1e-12).roots()
    ends = roots.real[np.abs(roots.imag) < 1e-6]
    lowest = max(-p / (1 - p), -(1 - p) / p)  # where nobody agrees on the rarer answer
    low, high = ends[ends < scotts - 1e-6].max(initial=lowest), ends[ends > scotts + 1e-6].min(initial=1.0)
    return float(low), float(high)


def kappa_error(counts: np.ndarray) -> np.ndarray:
    """Standard error of Cohen's kappa over independent items, large samples [1]_; any leading axes.

    On few items it is rough. NaN where `kappa_of_varied` is.

    References
    ----------
    .. [1] J. L. Fleiss, J. Cohen, B. S. Everitt (1969). Large sample standard errors of kappa and weighted kappa.
       Psychological Bulletin 72, 323-327.

    Examples
    --------
    >>> round(float(kappa_error(np.array([[20, 5], [10, 15]]))), 4)
    0.127
    """
    counts = np.asarray(counts, dtype="float64")
    n = counts.sum(axis=(-1, -2))
    with np.errstate(divide="ignore", invalid="ignore"):
        share = counts / n[..., None, None]
        first, second = share.sum(axis=-1), share.sum(axis=-2)
        chance, kappa = (first * second).sum(axis=-1), kappa_of_varied(counts)
        off = share * (second[..., :, None] + first[..., None, :]) ** 2
        same = np.diagonal(share, axis1=-2, axis2=-1)
        agreed = (same * (1 - (first + second) * (1 - kappa)[..., None]) ** 2).sum(axis=-1)
        differed = off.sum(axis=(-1, -2)) - np.diagonal(off, axis1=-2, axis2=-1).sum(axis=-1)
        total = agreed + (1 - kappa) ** 2 * differed - (kappa - chance * (1 - kappa)) ** 2
        return np.sqrt(np.maximum(total, 0) / n) / (1 - chance)


def shrinkage(values: np.ndarray, errors: np.ndarray, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How much of its distance from the mean each value keeps, tau^2 / (tau^2 + v), and v, its sampling variance.

    v is that of a value of its size, from the mean of size x error^2; tau^2 the variance of the values less the mean v,
    no less than 0 [1]_. With fewer than two known values all is kept, and v is NaN.

    References
    ----------
    .. [1] B. Efron, C. Morris (1975). Data analysis using Stein's estimator and its generalizations. Journal of the
       American Statistical Association 70, 311-319.

    Examples
    --------
    Sampling alone has the variance 0.01, the values 0.02.

    >>> shrinkage(np.array([0.4, 0.6]), np.array([0.1, 0.1]), np.array([9, 9]))[0].round(2).tolist()
    [0.5, 0.5]
    """
    known = ~np.isnan(values)
    if known.sum() < 2:
        return np.ones(len(values)), np.full(len(values), np.nan)
    noise = np.nanmean(sizes[known] * errors[known] ** 2) / np.where(sizes > 0, sizes, 1)
    between = max(0.0, float(values[known].var(ddof=1) - noise[known].mean()))
    return between / np.where(between + noise > 0, between + noise, 1), noise


def shrunk(values: np.ndarray, errors: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Values pulled towards their mean, the more the less each is sure of, as far as they spread by chance alone.

    value' = mean + kept x (value - mean), with `shrinkage`. Single values then err less on average than the raw ones;
    where the spread is that of chance all are the mean. Undefined values stay NaN.

    Examples
    --------
    Half of each distance is left.

    >>> shrunk(np.array([0.4, 0.6]), np.array([0.1, 0.1]), np.array([9, 9])).round(2).tolist()
    [0.45, 0.55]
    """
    if np.isnan(values).all():
        return values.copy()
    mean = np.nanmean(values)
    return mean + shrinkage(values, errors, sizes)[0] * (values - mean)


def fleiss_terms(per_unit: np.ndarray) -> np.ndarray:
    """Each unit's part of Fleiss' kappa: its shares of the categories, the share of its pairs of raters that agree, 1.

    0 for units with fewer than two labels.

    Parameters
    ----------
    per_unit : units x categories: how many raters gave each label
    """
    size = per_unit.sum(axis=-1, keepdims=True)
    paired = size >= 2
    whole = np.where(paired, size, 2)
    agreed = ((per_unit**2).sum(axis=-1, keepdims=True) - size) / (whole * (whole - 1))
    found = np.concatenate([per_unit / whole, agreed, np.ones_like(agreed)], axis=-1)
    return np.where(paired, found, 0).astype("float64")


def fleiss_of_sums(sums: np.ndarray) -> np.ndarray:
    """Fleiss' kappa of several raters from the sums of `fleiss_terms` over units; any leading axes.

    1: all agree; 0: as often as the shares of the categories make. NaN where only one label was ever used [1]_.

    References
    ----------
    .. [1] J. L. Fleiss (1971). Measuring nominal scale agreement among many raters. Psychological Bulletin 76,
       378-382.

    Examples
    --------
    Two units of three raters, 3-0 and 1-2: they agree in 1 and 1/3 of their pairs, by chance in 5/9.

    >>> round(float(fleiss_of_sums(fleiss_terms(np.array([[3, 0], [1, 2]])).sum(axis=0))), 4)  # (6/9 - 5/9) / (4/9)
    0.25
    """
    n = sums[..., -1]
    with np.errstate(divide="ignore", invalid="ignore"):
        observed, chance = sums[..., -2] / n, ((sums[..., :-2] / n[..., None]) ** 2).sum(axis=-1)
        return np.where(1 - chance > 1e-12, (observed - chance) / (1 - chance), np.nan)
