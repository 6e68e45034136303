"""Coefficients of agreement between raters beyond chance, from tables of counts or columns of labels.

Every coefficient is 1 for perfect agreement and 0 for the agreement that chance would make; they
differ in what they take chance to be. NaN where the data cannot say.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from persona_lib.tables import schema


def coefficients(counts: np.ndarray) -> dict[str, np.ndarray]:
    """Agreement coefficients of k x k tables of two raters' choices; any leading axes.

    With p_o the share on the diagonal and r, c the two raters' shares of each category:
    kappa = (p_o - sum r c) / (1 - sum r c); AC1 replaces the chance term by
    sum m (1 - m) / (k - 1) with m = (r + c) / 2 [1]_; alpha is Krippendorff's for nominal data.
    1: always agree; 0: as often as chance would; below 0: less. Undefined (NaN) without items,
    kappa and alpha also where both raters only ever use one and the same category.

    References
    ----------
    .. [1] K. L. Gwet (2008). Computing inter-rater reliability and its variance in the presence of
       high agreement. British Journal of Mathematical and Statistical Psychology 61, 29-48.

    Examples
    --------
    Cohen's (1960) kind of table: 20 + 15 agreements of 50, chance 0.5.

    >>> {name: round(float(value), 4) for name, value in coefficients(np.array([[20, 5], [10, 15]])).items()}
    {'kappa': 0.4, 'raw_agreement': 0.7, 'ac1': 0.4059, 'alpha': 0.4}
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
    categories = sorted(pd.unique(pd.concat([both[first], both[second]])))
    categories = categories if len(categories) > 1 else [*categories, "another category"]
    counts = pd.crosstab(both[first], both[second])
    return counts.reindex(index=categories, columns=categories, fill_value=0).to_numpy(dtype="float64")


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
