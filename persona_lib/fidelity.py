"""How far a draw is from its census, and the census file from published totals."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from persona_lib.schema import SchemaError, statistic
from persona_lib.streams import generator

_ALPHA = 0.05


def total_variation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Half the sum of absolute differences of two sets of shares.

    0 where they are the same, 1 where they have no category in common: the share of persons that would
    have to change category.

    Examples
    --------
    >>> round(float(total_variation(np.array([0.5, 0.5]), np.array([0.6, 0.4]))), 3)
    0.1
    """
    return np.abs(np.asarray(a, dtype="float64") - np.asarray(b, dtype="float64")).sum(axis=-1) / 2


def design_effect(share: np.ndarray, standard_error: np.ndarray, n: int) -> float:
    """How many times larger the variance of weighted shares is than that of a simple random sample of n.

    The mean over categories, weighted by 1 - share (Rao and Scott's first-order correction [1]_). 1 is a
    simple random sample, 2 means that half the records carry the information; NaN without errors.

    References
    ----------
    .. [1] J. N. K. Rao, A. J. Scott (1981). JASA 76, 221-230.

    Examples
    --------
    Two even categories of 100 records, standard error 0.1 where a simple sample has 0.05:

    >>> round(design_effect(np.array([0.5, 0.5]), np.array([0.1, 0.1]), 100), 6)
    4.0
    """
    share, error = np.asarray(share, dtype="float64"), np.asarray(standard_error, dtype="float64")
    inside = (share > 0) & (share < 1)
    if not inside.any():
        return float("nan")
    effect = error[inside] ** 2 * n / (share[inside] * (1 - share[inside]))
    return float(np.average(effect, weights=1 - share[inside]))


def chi_square(observed: np.ndarray, expected: np.ndarray, n: float) -> np.ndarray:
    """Pearson's n x sum of (observed - expected)^2 / expected over shares; 0 where they are the same.

    Infinite where something is observed that is not expected at all.
    """
    observed, expected = np.asarray(observed, dtype="float64"), np.asarray(expected, dtype="float64")
    gap = (observed - expected) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(gap == 0, 0.0, gap / expected)
    return n * terms.sum(axis=-1)


def fidelity(margins: pd.DataFrame, *, seed: int, n_resamples: int = 2_000) -> pd.DataFrame:
    """The table `fidelity`: draws against census, and file against published, attribute by attribute.

    Statistics of the draws (source `draws` against `census`; group: attribute, or `all`):

    - `total_variation`: without an interval, as draws and census are both known;
    - `total_variation_by_chance`: its mean and 95 % range if the draws came from the census shares;
    - `chi_square`: draws are independent, so no design effect; p by simulation from the census shares,
      since many categories expect fewer than five draws;
    - `share_correlation`, `largest_gap` (in share): over all categories of all attributes; the interval of
      the correlation is the 95 % range of new draws of this size from the census.

    Statistics of the file (source `file` against `published`) have the prefix `published_`; their
    chi-square is divided by the design effect from the replicate weights. p-values are Holm-adjusted over
    the attributes of the comparison. An attribute without comparable shares is NaN with its reason.

    Raises
    ------
    SchemaError
        A draw falls into a category that the census does not have.
    """
    rows: list[dict] = []
    margins = margins.sort_values(["source", "attribute", "category"])  # row order must not move a random number
    wide = {source: part.set_index(["attribute", "category"]) for source, part in margins.groupby("source")}
    attributes = list(dict.fromkeys(margins["attribute"]))
    rows += _of_draws(wide["census"], wide["draws"], attributes, generator(seed, "population.fidelity"), n_resamples)
    if "published" in wide and "file" in wide:
        rows += _of_file(wide["file"], wide["published"], attributes)
    else:
        nothing = "the file's area has no published totals at hand"
        rows.append(statistic("published_share_correlation", "all", float("nan"), n=0, method=nothing))
    return pd.DataFrame(rows)


def _of_draws(census: pd.DataFrame, draws: pd.DataFrame, attributes: list[str], rng, n_resamples: int) -> list[dict]:
    found, pairs, p_values = [], [], {}
    again = []
    for attribute in attributes:
        expected = census.loc[attribute, "share"]
        counts = draws.loc[attribute, "n"] if attribute in draws.index else pd.Series(dtype="int64")
        if stray := sorted(set(counts.index) - set(expected.index)):
            raise SchemaError(f"margins: draws fall into {attribute} {stray[0]!r}, which the census does not have")
        counts = counts.reindex(expected.index, fill_value=0).to_numpy(dtype="int64")
        n, target = int(counts.sum()), expected.to_numpy(dtype="float64")
        target = target / target.sum()
        if n == 0:
            nothing = "no draw is in its universe"
            found.append(statistic("total_variation", attribute, float("nan"), n=0, method=nothing))
            continue
        share = counts / n
        chance = rng.multinomial(n, target, n_resamples) / n
        value, by_chance = float(total_variation(share, target)), total_variation(chance, target)
        how = "draws against census, both known; compare total_variation_by_chance"
        found.append(statistic("total_variation", attribute, value, n=n, method=how))
        low, high = np.quantile(by_chance, [0.025, 0.975])
        how = f"mean and 95 % range of {n_resamples} samples of the census"
        name = "total_variation_by_chance"
        found.append(statistic(name, attribute, float(by_chance.mean()), low=low, high=high, n=n, method=how))
        chi = float(chi_square(share, target, n))
        p_values[attribute] = ((chi_square(chance, target, n) >= chi - 1e-9).sum() + 1) / (n_resamples + 1)
        found.append(statistic("chi_square", attribute, chi, n=n, method=f"{len(target) - 1} df"))
        pairs.append((share, target))
        again.append(chance)
    found = _with_verdicts(found, "chi_square", p_values, "by simulation")
    share, target = (np.concatenate(part) for part in zip(*pairs, strict=True))
    r = _correlation(share, target)
    low, high = np.quantile([_correlation(row, target) for row in np.hstack(again)], [0.025, 0.975])
    n_draws = max(row["n"] for row in found)
    how = f"Pearson, {len(share)} categories of {len(pairs)} attributes, draws against census; range of new draws"
    found.append(statistic("share_correlation", "all", r, low=low, high=high, n=n_draws, method=how))
    gaps = np.abs(share - target)
    how = "largest absolute difference of a share, draws against census"
    found.append(statistic("largest_gap", "all", float(gaps.max()), n=n_draws, method=how))
    return found


def _of_file(file: pd.DataFrame, published: pd.DataFrame, attributes: list[str]) -> list[dict]:
    found, pairs, errors, p_values = [], [], [], {}
    for attribute in attributes:
        comparable = attribute in file.index and attribute in published.index
        if not comparable:
            reason = "not published, or not in this file"
            found.append(statistic("published_variation", attribute, float("nan"), n=0, method=reason))
            continue
        target = published.loc[attribute, "share"]
        part = file.loc[attribute].reindex(target.index)
        share, error = part["share"].fillna(0).to_numpy(), part["standard_error"].astype("float64").to_numpy()
        n, goal = int(part["n"].fillna(0).sum()), target.to_numpy(dtype="float64")
        both = np.sqrt(np.nan_to_num(error) ** 2 + published.loc[attribute, "standard_error"].fillna(0).to_numpy() ** 2)
        how = "weighted file against published ACS"
        value = float(total_variation(share, goal))
        found.append(statistic("published_variation", attribute, value, n=n, method=how))
        worst = int(np.abs(share - goal).argmax())
        gap, half = float(share[worst] - goal[worst]), 1.96 * both[worst]
        found.append(
            statistic(
                "published_gap", attribute, gap, low=gap - half, high=gap + half, n=n,
                method=f"largest difference of a share, at {target.index[worst]!r}; replicate and published errors",
            )
        )  # fmt: skip
        effect = design_effect(share, error, n)
        chi = float(chi_square(share, goal, n)) / effect if effect > 0 else float("nan")
        words = f"{len(goal) - 1} df, divided by the design effect {effect:.3g}"
        found.append(statistic("published_chi_square", attribute, chi, n=n, method=words))
        if np.isfinite(chi):
            p_values[attribute] = float(stats.chi2.sf(chi, len(goal) - 1))
        pairs.append((share, goal))
        errors.append(both)
    if not pairs:
        return found
    found = _with_verdicts(found, "published_chi_square", p_values, "Rao-Scott")
    share, goal = (np.concatenate(part) for part in zip(*pairs, strict=True))
    r = _correlation(share, goal)
    spread = np.abs(share - goal)
    how = f"Pearson, {len(share)} published categories of {len(pairs)} attributes; Fisher's z, categories as units"
    low, high = np.tanh(np.arctanh(min(r, 1 - 1e-12)) + np.array([-1.96, 1.96]) / np.sqrt(len(share) - 3))
    n = max(row["n"] for row in found)
    found.append(statistic("published_share_correlation", "all", r, low=low, high=high, n=n, method=how))
    how = "mean and largest absolute difference of a share, weighted file against published ACS"
    found.append(statistic("published_mean_gap", "all", float(spread.mean()), n=n, method=how))
    found.append(statistic("published_largest_gap", "all", float(spread.max()), n=n, method=how))
    return found


def _with_verdicts(rows: list[dict], name: str, p_values: dict[str, float], how: str) -> list[dict]:
    """Add the Holm-adjusted p and a plain verdict to the method of one statistic's rows."""
    adjusted = _holm(p_values)
    done = []
    for row in rows:
        p = adjusted.get(row["group"]) if row["statistic"] == name else None
        if p is not None:
            verdict = "differs by more than chance" if p < _ALPHA else "no more than chance"
            row = {**row, "method": f"{row['method']}; p {how}, Holm-adjusted: {p:.3g}; {verdict}"}
        done.append(row)
    return done


def _holm(p_values: dict[str, float]) -> dict[str, float]:
    """Holm's step-down adjustment.

    Examples
    --------
    >>> _holm({"a": 0.01, "b": 0.04, "c": 0.03})
    {'a': 0.03, 'c': 0.06, 'b': 0.06}
    """
    adjusted, largest = {}, 0.0
    for rank, (key, p) in enumerate(sorted(p_values.items(), key=lambda item: item[1])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p))
        adjusted[key] = largest
    return adjusted


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson's correlation; NaN where one side does not vary."""
    return float(np.corrcoef(a, b)[0, 1]) if np.ptp(a) > 0 and np.ptp(b) > 0 else float("nan")
