"""The census file, and the draws from it, against the published tables of the whole survey."""

from __future__ import annotations

import numpy as np
import pandas as pd

from persona_lib.census import published
from persona_lib.estimating.association import total_variation
from persona_lib.sampling import coding
from persona_lib.sampling.fidelity import (
    ATTRIBUTES,
    DIFFERS,
    NOT_COMPARABLE,
    SAME,
    correlation,
    limits,
    locate,
    ranged,
    with_verdicts,
)
from persona_lib.sampling.population import Frame
from persona_lib.sampling.survey_error import Beside, compared, effective_households, rao_scott_f
from persona_lib.tables.schema import statistic
from persona_lib.tables.streams import generator
from persona_lib.tables.values import ADULT_YEARS

_MAY_NOT = "those whom the table counts may not be drawn"


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
    areas, official, labels = published.areas(census, totals), [], {}
    totals = published.of_years(totals, census)
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
    coded = coding.code(pd.DataFrame(labels, copy=False))
    del labels  # 60 MB of the nation
    known = coded.labels.merge(pd.concat(official), on=["attribute", "category"], how="left", validate="1:1")
    shares = coded.shares(coded.tally_all(weights).T)
    freedom = effective_households(census, coded, shares[0])
    official_share = (known["share"] / known["share"].groupby(known["attribute"]).transform("sum")).to_numpy()
    return compared(
        coded, shares, official_share, known["standard_error"].to_numpy(), coded.asked(coded.tally()), freedom
    )


def against_published(
    census: pd.DataFrame,
    frame: Frame,
    draws: pd.DataFrame,
    weights: np.ndarray,
    totals: pd.DataFrame,
    *,
    seed: int,
    n_redraws: int = 1_000,
) -> pd.DataFrame:
    """The weighted file, and the draws, against published ACS shares, as rows of shape `statistics`.

    Two sets, told apart by their prefix:

    - `published_`: the whole file, minors too where the table counts them. Its error is that of the survey,
      from the replicate weights, less what it shares with the table (see `survey_error`);
    - `drawn_`: the draws. Their error is that of drawing plus that of the file. Where only adults may be
      drawn, just the attributes that are published for adults can be compared, and only as long as everybody whom the
      table counts can be drawn: draws without group quarters are not comparable with tables that count them.

    Of each attribute: `variation` (total variation), `variation_by_chance` (its mean and 95 % range if only
    these errors were at work), `gap` (the largest difference of a share; its interval allows for its being
    the largest of the attribute's categories), and `chi_square` (Rao and Scott's second-order correction, F by
    `survey_error.rao_scott_f`, Holm-adjusted p, and one of three outcomes). Over all of them, group `all`:
    `share_correlation` (its interval: the 95 % range by chance), `mean_gap`, `largest_gap`. `published_overlap` is
    `survey_error.overlap`. An attribute that cannot be compared is NaN with its reason: "not comparable: ...".

    Raises
    ------
    SchemaError
        A drawn person is not in the frame; some persons have replicate weights and some have none.
    """
    rng = generator(seed, "population.published")
    file = beside(census, totals, weights)
    if file is None:
        nothing = f"{NOT_COMPARABLE}: no published totals of the file's area and year are at hand"
        return pd.DataFrame([statistic("published_share_correlation", "all", float("nan"), n=0, method=nothing)])
    n = file.coded.asked(file.coded.tally())
    normal = rng.standard_normal((n_redraws, file.spread.shape[1])) @ file.spread.T
    reasons = _reasons(census, totals)
    rows = _rows("published", file, file.file, n, normal, reasons)
    how = "variance of the table over variance of the file, median of the categories tested"
    rows.append(statistic("published_overlap", "all", file.overlap, n=len(census), method=how))
    minors = bool((frame.pool["age_years"] < ADULT_YEARS).any())
    fair = file if minors else beside(census, totals, weights, adults=True)
    reasons = _reasons(census, totals, adults=not minors)
    if fair is None:
        rows += _not_comparable("drawn", reasons)
    else:
        at = frame.at
        drawn = locate(frame, draws)
        counts = fair.coded.tally(at[drawn])
        again = np.stack([fair.coded.tally(at[redrawn]) for redrawn in frame.again(drawn, rng, n_redraws)])
        aim = fair.coded.shares(fair.coded.tally(at, weights=frame.pool["weight_persons"].to_numpy(dtype="float64")))
        by_chance = np.nan_to_num(fair.coded.shares(again) - aim)
        by_chance += rng.standard_normal((n_redraws, fair.spread.shape[1])) @ fair.spread.T
        asked = fair.coded.asked(counts)
        left_out = _left_out(census, at, fair, adults=not minors)
        rows += _rows("drawn", fair, fair.coded.shares(counts), asked, by_chance, {**reasons, **left_out})
    return pd.DataFrame(rows)


def outcomes(found: pd.DataFrame) -> pd.DataFrame:
    """One of three outcomes for every attribute, of the file and of the draws.

    Parameters
    ----------
    found : rows of `against_published`

    Returns
    -------
    One row per attribute: `file` and `draws`, each `SAME`, `DIFFERS` or `NOT_COMPARABLE` with its reason.
    """
    sets = {}
    for prefix, name in (("published_", "file"), ("drawn_", "draws")):
        rows = found[found["statistic"].str.startswith(prefix) & (found["group"] != "all")]
        last = rows["method"].str.split("; ").str[-1]
        is_told = last.isin([SAME, DIFFERS]) | last.str.startswith(NOT_COMPARABLE)
        sets[name] = last[is_told].set_axis(rows.loc[is_told, "group"])
    return pd.DataFrame(sets).rename_axis("attribute")


def _reasons(census: pd.DataFrame, totals: pd.DataFrame, *, adults: bool = False) -> dict[str, str]:
    """Of every attribute why it cannot be compared, or that nobody in the file is in its table's universe."""
    areas, release = published.areas(census, totals), published.of_years(totals, census)
    nobody = "nobody in the file is among whom the table counts"
    return {a: published.lacking(release, a, areas=areas, adults=adults) or nobody for a in ATTRIBUTES}


def _left_out(census: pd.DataFrame, at: np.ndarray, both: Beside, *, adults: bool) -> dict[str, str]:
    """Attributes whose tables count persons who cannot be drawn, with their share of those counted."""
    weight = census["weight_persons"].copy()
    weight.iloc[at] = 0
    found = {}
    for attribute, _ in both.attributes():
        counted = published.universe(census, attribute, adults=adults)
        share = weight[counted].sum() / census.loc[counted, "weight_persons"].sum()
        if share > 0:
            found[attribute] = f"{share:.1%} of {_MAY_NOT}"
    return found


def _not_comparable(prefix: str, reasons: dict[str, str]) -> list[dict]:
    return [
        statistic(f"{prefix}_variation", attribute, float("nan"), n=0, method=f"{NOT_COMPARABLE}: {reason}")
        for attribute, reason in reasons.items()
    ]


def _rows(
    prefix: str, both: Beside, share: np.ndarray, n: np.ndarray, by_chance: np.ndarray, reasons: dict[str, str]
) -> list[dict]:
    """The statistics of one set of shares; `by_chance` are redraws x categories of share - published.

    `reasons` tell of attributes that are not in `both`, and of draws those that are, why they are not compared.
    """
    of_draws = prefix == "drawn"
    what = "draws" if of_draws else "weighted file"
    inside = {attribute: here for attribute, here in both.attributes()}
    skipped = [a for a in ATTRIBUTES if a not in inside or (of_draws and reasons[a].endswith(_MAY_NOT))]
    found, p_values = _not_comparable(prefix, {a: reasons[a] for a in skipped}), {}
    compared = {a: here for a, here in inside.items() if a not in skipped}
    for attribute, here in compared.items():
        n_here, target, seen = int(n[here][0]), both.published[here], share[here]
        if n_here == 0:
            nothing = f"{NOT_COMPARABLE}: no draw is in its universe"
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
            words = f"{words}; {NOT_COMPARABLE}: {both.untested[attribute]}"
            found.append(statistic(f"{prefix}_gap", attribute, gap, **rest, method=words))
            continue
        drawing = (np.diag(target) - np.outer(target, target)) / n_here if of_draws else 0.0
        error = np.sqrt(np.diag(both.spread[here] @ both.spread[here].T + drawing))
        furthest = np.nanmax(np.abs(by_chance[:, here]) / np.where(error > 0, error, np.nan), axis=1)
        half = float(np.quantile(furthest, 0.95) * error[worst])
        words = f"{words}; error of {'drawing and of ' if of_draws else ''}the file less what it shares with the table"
        found.append(statistic(f"{prefix}_gap", attribute, gap, low=gap - half, high=gap + half, **rest, method=words))
        how = f"mean and 95 % range of {len(by_chance)} samples of these errors"
        chance = total_variation(by_chance[:, here], 0.0)
        found.append(ranged(f"{prefix}_variation_by_chance", attribute, chance, **rest, method=how))
        test = rao_scott_f(both, here, seen, n=n_here, drawing=drawing)
        words = f"{test['df']:.3g} df, Rao-Scott second order, mean design effect {test['design_effect']:.3g}"
        words = f"{words}; F over {test['freedom']:.3g} df"
        found.append(statistic(f"{prefix}_chi_square", attribute, test["chi_square"], **rest, method=words))
        p_values[attribute] = test["p"]
    found = with_verdicts(found, f"{prefix}_chi_square", p_values, "by F")
    known = ~np.isnan(share) & np.isin(both.coded.labels["attribute"], list(compared))
    rest = {"n": int(n.max()), "n_excluded": 0}
    if not known.any():
        return found
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
