"""The group that is served worst, the gap between groups, and people who belong to two groups at once."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
from scipy import stats

from persona_lib.estimating import resample
from persona_lib.estimating.coefficients import shrinkage
from persona_lib.tables import schema
from persona_lib.tables.groups import GROUPS, MIN_GROUP

CLUSTERS = ["persona_id", "item_id"]


def _rates(judged: pd.DataFrame, group_of: pd.Series) -> pd.DataFrame:
    """Share with the majority of every group of five personas and more: value, estimate, error, df, n, personas."""
    rows = []
    for value, part in judged.groupby(judged["persona_id"].map(group_of)):
        n_personas = part.loc[part["is_majority"].notna(), "persona_id"].nunique()
        if value != schema.UNKNOWN and n_personas >= MIN_GROUP:
            found = resample.clustered_mean(part, value="is_majority", clusters=CLUSTERS)
            rows.append((value, found.estimate, found.standard_error, found.df, found.n, n_personas))
    return pd.DataFrame(rows, columns=["value", "estimate", "error", "df", "n", "personas"])


def worst_group_statistics(judged: pd.DataFrame, groups: pd.DataFrame) -> list[dict]:
    """worst_group and group_gap of every attribute: the smallest share with the majority, and largest less smallest.

    Which group is the worst is not known beforehand, so the intervals hold for all groups at once (Bonferroni): the
    smallest share lies between the smallest of the lower ends and the smallest of the upper ones; the gap follows from
    both ends. Wide where groups are small, and the estimates themselves too extreme. NaN with fewer than two groups.

    Parameters
    ----------
    judged : persona_id, item_id, is_majority
    groups : the result of `persona_groups`
    """
    rows = []
    for attribute in GROUPS:
        members = groups[groups["attribute"] == attribute].set_index("persona_id")["value"]
        found = _rates(judged, members)
        n, k = int(found["n"].sum()), len(found)
        counts = {"n": n, "n_excluded": len(judged) - n}
        if k < 2:
            why = f"fewer than two groups of {MIN_GROUP} personas and more"
            rows += [
                schema.statistic(name, attribute, np.nan, **counts, method=why) for name in ("worst_group", "group_gap")
            ]
            continue
        half = stats.t.ppf(1 - (1 - resample.LEVEL) / 2 / k, found["df"]) * found["error"]
        low, high = (found["estimate"] - half).clip(0, 1), (found["estimate"] + half).clip(0, 1)
        worst = found.loc[found["estimate"].idxmin()]
        method = f"smallest of {k} groups, {worst['value']}; t intervals of all at once (Bonferroni)"
        ends = {"low": low.min(skipna=False), "high": high.min(skipna=False)}
        rows.append(schema.statistic("worst_group", attribute, worst["estimate"], **ends, **counts, method=method))
        gap = found["estimate"].max() - worst["estimate"]
        ends = {
            "low": max(0.0, low.max(skipna=False) - high.min(skipna=False)),
            "high": high.max(skipna=False) - low.min(skipna=False),
        }
        method = f"largest less smallest of {k} groups; t intervals of all at once (Bonferroni)"
        rows.append(schema.statistic("group_gap", attribute, gap, **ends, **counts, method=method))
    return rows


def intersection_statistics(judged: pd.DataFrame, groups: pd.DataFrame) -> list[dict]:
    """Share with the majority of people of two groups at once, shrunk, and the size of the smallest such cell.

    Each cell of five personas and more is pulled towards the mean of the cells of its two attributes, as far as they
    spread by chance alone; its interval is the empirical Bayes one [1]_, which holds on average over the cells.

    Returns
    -------
    Rows of table `pluralism`: intersection of `attribute|value|attribute|value`, and smallest_cell of
    `attribute|attribute`, in personas; there n counts the cells and n_excluded those of fewer than five.

    References
    ----------
    .. [1] C. N. Morris (1983). Parametric empirical Bayes inference: theory and applications. Journal of the American
       Statistical Association 78, 47-55.
    """
    wide = groups.pivot(index="persona_id", columns="attribute", values="value")
    rows = []
    for one, other in combinations(GROUPS, 2):
        cell = wide[one] + "|" + wide[other]
        cell = cell[(wide[one] != schema.UNKNOWN) & (wide[other] != schema.UNKNOWN)]
        sizes = cell[cell.index.isin(judged["persona_id"])].value_counts()
        small = {"n": len(sizes), "n_excluded": int((sizes < MIN_GROUP).sum()), "method": "counted"}
        smallest = float(sizes.min()) if len(sizes) else np.nan
        rows.append(schema.statistic("smallest_cell", f"{one}|{other}", smallest, **small))
        found = _rates(judged, cell)
        values, errors, n = (found[name].to_numpy("float64") for name in ("estimate", "error", "personas"))
        if len(found) < 2:
            continue
        kept, noise = shrinkage(values, errors, n)
        mean = values.mean()
        spread = np.sqrt(kept * noise + (1 - kept) ** 2 * noise.mean() / len(found))
        for row, share, error in zip(found.itertuples(), mean + kept * (values - mean), spread, strict=True):
            first, second = row.value.split("|", 1)
            ends = np.clip([share - resample.Z_95 * error, share + resample.Z_95 * error], 0, 1)
            ends = ends if error > 0 else [np.nan, np.nan]
            method = f"share, shrunk towards the mean of {len(found)} cells; empirical Bayes"
            rows.append(
                schema.statistic(
                    "intersection",
                    f"{one}|{first}|{other}|{second}",
                    share,
                    low=ends[0],
                    high=ends[1],
                    n=row.n,
                    method=method,
                )
            )
    return rows
