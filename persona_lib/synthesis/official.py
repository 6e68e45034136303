"""The census file, and the draws from it, against the published tables of the whole survey."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from persona_lib.census import published
from persona_lib.census.columns import N_REPLICATES
from persona_lib.measuring.association import rao_scott, total_variation
from persona_lib.synthesis import coding, population
from persona_lib.synthesis.fidelity import ATTRIBUTES, correlation, limits, locate, ranged, with_verdicts
from persona_lib.synthesis.population import Frame
from persona_lib.tables.schema import statistic
from persona_lib.tables.streams import generator
from persona_lib.tables.values import ADULT_YEARS

FITTED = 0.05  # a design effect below this comes of weights fitted to the table; official files had 0.07 and more


@dataclass(frozen=True)
class Beside:
    """Shares of a file beside the published ones, one number per row of `coded.labels`."""

    coded: coding.Coded
    published: np.ndarray
    file: np.ndarray
    spread: np.ndarray  # categories x replicates; times standard normals it varies as file - published does
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


def beside(census: pd.DataFrame, totals: pd.DataFrame, weights: np.ndarray, *, adults: bool = False) -> Beside | None:
    """The file's shares beside the published ones; None where no attribute is published for its area.

    Only persons whom the table counts; with `adults`, only its part on adults. An attribute of which the
    file's variance is less than a twentieth of a simple random sample's had its weights fitted to the table:
    its error is taken as none, since file and table agree by construction. A published category that nobody
    in the file has is left out; the others' shares sum to one.

    Parameters
    ----------
    weights : persons x 81 as `population.weight_matrix` gives them, or x 1 where there are no replicates
    """
    areas, official, labels = published.areas(census), [], {}
    for attribute in published.GROUPS:
        shares = published.shares(totals, attribute, areas=areas, adults=adults)
        if shares.empty:
            continue
        here = published.category(census, attribute).where(published.universe(census, attribute, adults=adults))
        here = here.where(here.isin(shares["category"]))
        if here.notna().any():
            labels[attribute] = here
            official.append(shares.assign(attribute=attribute))
    if not labels:
        return None
    coded = coding.code(pd.DataFrame(labels))
    known = coded.labels.merge(pd.concat(official), on=["attribute", "category"], how="left", validate="1:1")
    shares = np.stack([coded.shares(coded.tally(weights=column)) for column in weights.T])
    deviations = (shares[1:] - shares[0]).T
    variance = 4 / N_REPLICATES * (deviations**2).sum(axis=1)
    table = known["standard_error"].fillna(0).to_numpy() ** 2
    simple = shares[0] * (1 - shares[0]) / coded.asked(coded.tally())
    untested = {}
    for place, attribute in enumerate(labels):
        here = coded.owner == place
        if weights.shape[1] == 1:
            untested[attribute] = "no replicate weights, so no error of the file is known: no test"
        elif variance[here].sum() < FITTED * simple[here].sum():
            untested[attribute] = "the file's weights were fitted to this table: no test"
    tested = ~coded.labels["attribute"].isin(untested).to_numpy()
    part = overlap(table[tested], variance[tested])
    spread = np.where(tested, np.sqrt(4 / N_REPLICATES * (1 - np.nan_to_num(part))), 0.0)[:, None] * deviations
    official_share = (known["share"] / known["share"].groupby(known["attribute"]).transform("sum")).to_numpy()
    return Beside(coded, official_share, shares[0], spread, part, untested)


def against_published(
    census: pd.DataFrame,
    frame: Frame,
    draws: pd.DataFrame,
    replicates: pd.DataFrame,
    totals: pd.DataFrame,
    *,
    seed: int,
    n_redraws: int = 1_000,
) -> pd.DataFrame:
    """The weighted file, and the draws, against published ACS shares, as rows of shape `statistics`.

    Two sets, told apart by their prefix:

    - `published_`: the whole file, minors too where the table counts them. Its error is that of the survey,
      from the replicate weights, less what it shares with the table (see `overlap`);
    - `drawn_`: the draws. Their error is that of drawing plus that of the file. Where only adults may be
      drawn, just the attributes that are published for adults can be compared.

    Of each attribute: `variation` (total variation), `variation_by_chance` (its mean and 95 % range if only
    these errors were at work), `gap` (the largest difference of a share; its interval allows for its being
    the largest of the attribute's categories), and `chi_square` (Rao and Scott's second-order correction,
    Holm-adjusted p, verdict). Over all of them, group `all`: `share_correlation` (its interval: the 95 % range
    by chance), `mean_gap`, `largest_gap`. `published_overlap` is `overlap`. An attribute that cannot be compared
    is NaN with its reason.

    Raises
    ------
    SchemaError
        A drawn person is not in the frame; some persons have replicate weights and some have none.
    """
    rng = generator(seed, "population.published")
    weights = population.weight_matrix(census, replicates)
    file = beside(census, totals, weights)
    if file is None:
        nothing = "the file's area has no published totals at hand"
        return pd.DataFrame([statistic("published_share_correlation", "all", float("nan"), n=0, method=nothing)])
    n = file.coded.asked(file.coded.tally())
    normal = rng.standard_normal((n_redraws, file.spread.shape[1])) @ file.spread.T
    rows = _rows("published", file, file.file, n, normal)
    how = "variance of the table over variance of the file, median of the categories tested"
    rows.append(statistic("published_overlap", "all", file.overlap, n=len(census), method=how))
    minors = bool((frame.pool["age_years"] < ADULT_YEARS).any())
    fair = file if minors else beside(census, totals, weights, adults=True)
    if fair is not None:
        at = pd.Series(np.arange(len(census)), index=census["person_id"])[frame.pool["person_id"]].to_numpy()
        drawn = locate(frame, draws)
        counts = fair.coded.tally(at[drawn])
        again = np.stack([fair.coded.tally(at[redrawn]) for redrawn in frame.again(drawn, rng, n_redraws)])
        aim = fair.coded.shares(fair.coded.tally(at, weights=frame.pool["weight_persons"].to_numpy(dtype="float64")))
        by_chance = np.nan_to_num(fair.coded.shares(again) - aim)
        by_chance += rng.standard_normal((n_redraws, fair.spread.shape[1])) @ fair.spread.T
        asked = fair.coded.asked(counts)
        rows += _rows("drawn", fair, fair.coded.shares(counts), asked, by_chance)
    return pd.DataFrame(rows)


def _rows(prefix: str, both: Beside, share: np.ndarray, n: np.ndarray, by_chance: np.ndarray) -> list[dict]:
    """The statistics of one set of shares; `by_chance` are redraws x categories of share - published."""
    of_draws = prefix == "drawn"
    what = "draws" if of_draws else "weighted file"
    found, p_values, compared = [], {}, {attribute for attribute, _ in both.attributes()}
    for attribute in (a for a in ATTRIBUTES if a not in compared):
        reason = "not published for adults" if of_draws else "not published, or not in this file"
        found.append(statistic(f"{prefix}_variation", attribute, float("nan"), n=0, method=reason))
    for attribute, here in both.attributes():
        n_here, target, seen = int(n[here][0]), both.published[here], share[here]
        if n_here == 0:
            nothing = "no draw is in its universe"
            found.append(statistic(f"{prefix}_variation", attribute, float("nan"), n=0, method=nothing))
            continue
        rest: dict[str, float] = {"n": n_here, "n_excluded": 0}
        how = f"{what} against published ACS; compare {prefix}_variation_by_chance"
        far = float(total_variation(seen, target))
        found.append(statistic(f"{prefix}_variation", attribute, far, **rest, method=how))
        worst = int(np.abs(seen - target).argmax())
        gap, name = float(seen[worst] - target[worst]), both.coded.labels["category"][here].iloc[worst]
        words = f"largest difference of a share, at {name!r}"
        if not of_draws and attribute in both.untested:
            words = f"{words}; {both.untested[attribute]}"
            found.append(statistic(f"{prefix}_gap", attribute, gap, **rest, method=words))
            continue
        covariance = both.spread[here] @ both.spread[here].T
        if of_draws:
            covariance = covariance + (np.diag(target) - np.outer(target, target)) / n_here
        error = np.sqrt(np.diag(covariance))
        furthest = np.nanmax(np.abs(by_chance[:, here]) / np.where(error > 0, error, np.nan), axis=1)
        half = float(np.quantile(furthest, 0.95) * error[worst])
        words = f"{words}; error of {'drawing and of ' if of_draws else ''}the file less what it shares with the table"
        found.append(statistic(f"{prefix}_gap", attribute, gap, low=gap - half, high=gap + half, **rest, method=words))
        how = f"mean and 95 % range of {len(by_chance)} samples of these errors"
        chance = total_variation(by_chance[:, here], 0.0)
        found.append(ranged(f"{prefix}_variation_by_chance", attribute, chance, **rest, method=how))
        test = rao_scott(seen, target, covariance, n=n_here)
        words = f"{test['df']:.3g} df, Rao-Scott second order, mean design effect {test['design_effect']:.3g}"
        found.append(statistic(f"{prefix}_chi_square", attribute, test["chi_square"], **rest, method=words))
        p_values[attribute] = test["p"]
    found = with_verdicts(found, f"{prefix}_chi_square", p_values, "by chi-square")
    known = ~np.isnan(share)
    rest = {"n": int(n.max()), "n_excluded": 0}
    r = float(correlation(share[known], both.published[known]))
    how = f"Pearson, {known.sum()} categories of {len(compared)} attributes, {what} against table"
    if p_values:
        rest |= limits(correlation(both.published[known] + by_chance[:, known], both.published[known]))
        how = f"{how}; range by chance"
    found.append(statistic(f"{prefix}_share_correlation", "all", r, **rest, method=how))
    rest = {"n": int(n.max()), "n_excluded": 0}
    gaps = np.abs(share - both.published)[known]
    how = f"mean and largest absolute difference of a share, {what} against published ACS"
    found.append(statistic(f"{prefix}_mean_gap", "all", float(gaps.mean()), **rest, method=how))
    found.append(statistic(f"{prefix}_largest_gap", "all", float(gaps.max()), **rest, method=how))
    return found
