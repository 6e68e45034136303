"""How far draws are from their census, one attribute at a time, and how far they would be by chance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from persona_lib.census import published
from persona_lib.estimating.association import chi_square, total_variation
from persona_lib.estimating.corrections import adjusted_p_values
from persona_lib.sampling import coding
from persona_lib.sampling.population import Frame
from persona_lib.tables.schema import SchemaError, statistic
from persona_lib.tables.streams import generator

ATTRIBUTES = (*published.GROUPS, *published.PLAIN_ATTRIBUTES)
ALPHA = 0.05
RANGE = (0.025, 0.975)
ENOUGH = 5  # draws that a category must expect for the normal range of its share


def correlation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Pearson's correlation along the last axis; NaN where one side does not vary.

    Examples
    --------
    >>> round(float(correlation(np.array([0.0, 1.0, 2.0]), np.array([0.0, 1.0, 1.0]))), 4)
    0.866
    """
    a, b = a - a.mean(axis=-1, keepdims=True), b - b.mean(axis=-1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (a * b).sum(axis=-1) / np.sqrt((a**2).sum(axis=-1) * (b**2).sum(axis=-1))


def categories(persons: pd.DataFrame, attributes: Sequence[str] = ATTRIBUTES) -> pd.DataFrame:
    """The category of every person in every attribute, as `published.category` groups them."""
    return pd.DataFrame({attribute: published.category(persons, attribute) for attribute in attributes}, copy=False)


def locate(frame: Frame, draws: pd.DataFrame) -> np.ndarray:
    """The rows of the frame's pool that were drawn, in the order of the draws.

    Raises
    ------
    SchemaError
        Somebody was drawn who is not in the frame.
    """
    among = np.flatnonzero(frame.pool["person_id"].isin(draws["person_id"].unique()))
    place = pd.Index(frame.pool["person_id"].iloc[among]).get_indexer(draws["person_id"])
    rows = np.where(place < 0, -1, among[place] if len(among) else -1)
    if (rows < 0).any():
        stranger = draws["person_id"][rows < 0].iloc[0]
        raise SchemaError(f"draws: person_id {stranger} is not among those who may be drawn; draw from this census")
    return rows


def against_source(frame: Frame, draws: pd.DataFrame, *, seed: int, n_redraws: int = 1_000) -> pd.DataFrame:
    """Draws against the weighted persons that they were drawn from, as rows of shape `statistics`.

    The census shares are what an endless draw would give, so the only error is that of drawing; what is
    by chance comes from as many persons drawn again from the same census, by the same design,
    `n_redraws` times. Whole persons are redrawn, so attributes vary together as they do in a draw.

    - `total_variation` (group: attribute); `total_variation_by_chance`, its mean and 95 % range over redraws;
    - `chi_square`: no design effect, since draws are independent; p by redraws, Holm-adjusted over the
      attributes, with a verdict, since many categories expect fewer than five draws;
    - `share_correlation` (group `all`): over all categories of all attributes; its interval is the 95 %
      range over redraws;
    - `shares_outside`: part of the shares (of categories that expect five draws) outside their own 95 %
      range, +- 1.96 sqrt(p (1 - p) / n); interval as before; by chance it is about 0.05;
    - `largest_gap`: largest absolute difference of a share.

    An attribute whose universe nobody drawn is in is NaN with its reason.

    Raises
    ------
    SchemaError
        As `locate`.
    """
    rows, rng = locate(frame, draws), generator(seed, "population.fidelity")
    coded = coding.code(categories(frame.pool))
    target = coded.shares(coded.tally(weights=frame.pool["weight_persons"].to_numpy(dtype="float64")))
    counts = coded.tally(rows)
    again = np.stack([coded.tally(redrawn) for redrawn in frame.again(rows, rng, n_redraws)])
    share, chance = coded.shares(counts), coded.shares(again)
    asked, asked_again = coded.asked(counts), coded.asked(again)
    found, p_values = [], {}
    for place, attribute in enumerate(dict.fromkeys(coded.labels["attribute"])):
        here = coded.owner == place
        n, aim = int(asked[here][0]), target[here]
        if n == 0:
            nothing = "no draw is in its universe"
            found.append(statistic("total_variation", attribute, float("nan"), n=0, method=nothing))
            continue
        how = "draws against census, both known; compare total_variation_by_chance"
        found.append(statistic("total_variation", attribute, float(total_variation(share[here], aim)), n=n, method=how))
        by_chance = total_variation(chance[:, here], aim)
        how = f"mean and 95 % range of {n_redraws} redraws"
        found.append(ranged("total_variation_by_chance", attribute, by_chance, n=n, method=how))
        chi = float(chi_square(share[here], aim, n))
        chi_again = chi_square(chance[:, here], aim, asked_again[:, here][:, 0])
        p_values[attribute] = beyond(chi, chi_again)
        found.append(statistic("chi_square", attribute, chi, n=n, method=f"{here.sum() - 1} df"))
    found = with_verdicts(found, "chi_square", p_values, "by redraws")
    whole = {"n": len(rows), "n_excluded": 0}
    known = ~np.isnan(share)
    r, r_again = correlation(share[known], target[known]), correlation(np.nan_to_num(chance[:, known]), target[known])
    how = f"Pearson, {known.sum()} categories of {len(p_values)} attributes, draws against census; range of redraws"
    found.append(statistic("share_correlation", "all", float(r), **limits(r_again), **whole, method=how))
    outside = shares_outside(share, target, asked)
    how = "share of the categories that expect five draws and more; range of redraws"
    ends = limits(shares_outside(chance, target, asked_again))
    found.append(statistic("shares_outside", "all", float(outside), **ends, **whole, method=how))
    how = "largest absolute difference of a share, draws against census"
    gap = float(np.nanmax(np.abs(share - target)))
    found.append(statistic("largest_gap", "all", gap, **whole, method=how))
    return pd.DataFrame(found)


def shares_outside(share: np.ndarray, target: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Part of the shares further than 1.96 drawing errors from their target, along the last axis.

    The drawing error of a share is sqrt(p (1 - p) / n). Only categories that expect five draws count,
    and only such as not everybody is in. NaN where there is none.

    Examples
    --------
    Of 100 draws, 60 where 50 are expected is two errors off; 21 where 20 are is a quarter of one.

    >>> float(shares_outside(np.array([0.6, 0.21]), np.array([0.5, 0.2]), np.array([100, 100])))
    0.5
    """
    counts = (n * target >= ENOUGH) & (target < 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        far = np.abs(share - target) > stats.norm.ppf(RANGE[1]) * np.sqrt(target * (1 - target) / n)
        return (far & counts).sum(axis=-1) / counts.sum(axis=-1)


def limits(chance: np.ndarray) -> dict[str, float]:
    """The 95 % range of values by chance, as low and high of a statistics row; NaN where there is no value."""
    known = chance[~np.isnan(chance)]
    low, high = np.quantile(known, RANGE) if len(known) else (np.nan, np.nan)
    return {"low": float(low), "high": float(high)}


def ranged(name: str, group: str, chance: np.ndarray, **rest) -> dict:
    """A statistics row of what chance gives: mean and 95 % range."""
    known = chance[~np.isnan(chance)]
    mean = float(known.mean()) if len(known) else float("nan")
    return statistic(name, group, mean, **limits(chance), **rest)


def beyond(value: float, chance: np.ndarray) -> float:
    """One-sided p of a value among values by chance, the value itself counted in; never 0.

    Examples
    --------
    >>> beyond(5.0, np.array([1.0, 2.0, 7.0]))
    0.5
    """
    return float(((chance >= value - 1e-9).sum() + 1) / (len(chance) + 1))


SAME, DIFFERS, NOT_COMPARABLE = "no more than chance", "differs by more than chance", "not comparable"


def verdict(p: float) -> str:
    """The plain words for a p-value: one of three outcomes. A p that is none is no verdict.

    Examples
    --------
    >>> verdict(0.3), verdict(0.01), verdict(float("nan"))
    ('no more than chance', 'differs by more than chance', 'not comparable')
    """
    if np.isnan(p):
        return NOT_COMPARABLE
    return DIFFERS if p < ALPHA else SAME


def with_verdicts(rows: list[dict], name: str, p_values: dict[str, float], how: str) -> list[dict]:
    """Add the Holm-adjusted p and a plain verdict to the method of one statistic's rows; a NaN is not adjusted."""
    given = pd.Series(p_values, dtype="float64")
    adjusted = adjusted_p_values(given.dropna(), method="holm").reindex(given.index)
    done = []
    for row in rows:
        p = adjusted.get(row["group"]) if row["statistic"] == name else None
        if p is not None:
            row = {**row, "method": f"{row['method']}; p {how}, Holm-adjusted: {p:.3g}; {verdict(p)}"}
        done.append(row)
    return done
