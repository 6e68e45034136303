"""Which attribute moves a choice: leave one out, against asking the same question twice.

In the arm *without* a persona is a few attributes; in the arm *with* one attribute is added. Each arm is asked
twice, because a choice can change between arms by the attribute or by the judge's own noise.

Two kinds of pairs are judged. On *revised* pairs, an answer and its revision for the short persona, stands the
paper's measure: one kappa per persona over its questions. On the *pool*'s pairs, whose two answers please different
readers, stands ours: how many more choices flip between the arms than within them.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from persona_lib.estimating import jackknife, resample
from persona_lib.estimating.coefficients import coefficients, contingency, kappa_interval, kappa_of_varied
from persona_lib.estimating.corrections import adjusted_p_values
from persona_lib.tables import schema
from persona_lib.tables.values import ARMS, PARTS, PLACEBO

CLUSTERS = ["persona_id", "item_id"]
FALSE_DISCOVERY_RATE = 0.05


def flips(judgements: pd.DataFrame, items: pd.DataFrame) -> pd.DataFrame:
    """The arms of each question side by side.

    Parameters
    ----------
    judgements : table `ablation_judgements`
    items : table `pool_items`, which names answer a, and answer b of the pool

    Returns
    -------
    One row per kind of pairs, attribute, persona and item. without, without_again, with, with_again: 1.0 for answer b
    (of revised pairs the revision), 0.0 for a, NaN unless ok. flipped: the share of the four pairs of choices, one
    from each arm, that differ. retest_flipped: the share of the two arms whose own two choices differ. excess: flipped
    minus retest_flipped. With chances p and q of b in the two arms its expectation is (q - p)^2, which is zero only
    where the attribute changes nothing; it is 1, 0.5, 0 or -0.5. NaN unless all four are ok.

    Raises
    ------
    SchemaError
        If an item is unknown, a chosen answer is not one of the two, or an arm is missing.

    Examples
    --------
    >>> items = pd.DataFrame({"item_id": ["i"], "answer_a_id": ["a"], "answer_b_id": ["b"]})
    >>> asked = pd.DataFrame({"attribute": "sex", "persona_id": "p", "item_id": "i", "pairs": "pool", "status": "ok",
    ...                       "arm": ARMS, "chosen_answer_id": ["a", "a", "b", "a"]})
    >>> flips(asked, items)[["flipped", "retest_flipped", "excess"]].values.tolist()
    [[0.5, 0.5, 0.0]]
    """
    rows = judgements.merge(items[["item_id", "answer_a_id", "answer_b_id"]], on="item_id", how="left", validate="m:1")
    ok, chosen, is_pool = rows["status"] == "ok", rows["chosen_answer_id"], rows["pairs"] == "pool"
    is_b = (chosen == rows["answer_b_id"]).where(is_pool, chosen.str.startswith("revision."))
    strange = ok & (chosen != rows["answer_a_id"]) & ~is_b
    if strange.any():
        row = rows[strange].iloc[0]
        raise schema.SchemaError(
            f"ablation_judgements: {row['attribute']} {row['item_id']} chose {row['chosen_answer_id']!r},"
            " which is neither of the two answers"
        )
    rows["choice"] = is_b.astype(float).where(ok)
    keys = ["pairs", "attribute", *CLUSTERS]
    sizes = rows.groupby(keys)["arm"].nunique()
    if (sizes < len(ARMS)).any():
        raise schema.SchemaError(
            f"ablation_judgements: {sizes.index[sizes < len(ARMS)][0]} lacks an arm; collect again"
        )
    wide = rows.pivot(index=keys, columns="arm", values="choice").reindex(columns=ARMS).reset_index()
    wide.columns.name = None
    known = wide[ARMS].notna().all(axis=1)
    cross = [(wide[x] != wide[y]).astype(float) for x in ARMS[:2] for y in ARMS[2:]]
    retest = [(wide[x] != wide[f"{x}_again"]).astype(float) for x in ("without", "with")]
    wide["flipped"] = (sum(cross) / len(cross)).where(known)
    wide["retest_flipped"] = (sum(retest) / len(retest)).where(known)
    return wide.assign(excess=wide["flipped"] - wide["retest_flipped"])


def persona_kappas(compared: pd.DataFrame) -> pd.DataFrame:
    """Cohen's kappa of each persona over its questions, between the arms and within the arm without.

    Returns
    -------
    One row per attribute and persona: kappa, kappa_retest, and n and n_retest, the questions that were answered on both
    sides. NaN where one side always chose the same answer: kappa would be 0 whatever the other chose.
    """
    rows = []
    for (attribute, persona_id), part in compared.groupby(["attribute", "persona_id"]):
        row = {"attribute": attribute, "persona_id": persona_id}
        for suffix, arm in (("", "with"), ("_retest", "without_again")):
            both = part[["without", arm]].dropna()
            row[f"kappa{suffix}"] = float(kappa_of_varied(contingency(both, first="without", second=arm)))
            row[f"n{suffix}"] = len(both)
        rows.append(row)
    return pd.DataFrame(rows, columns=["attribute", "persona_id", "kappa", "n", "kappa_retest", "n_retest"])


def arm_kappa(compared: pd.DataFrame, *, arm: str) -> resample.Estimate:
    """Cohen's kappa between the arm without and another arm, coded by content, over all personas and questions.

    1: the attribute changes no choice. 0: the two arms agree by chance only. NaN where both arms
    always choose the same answer.

    The interval is that of the two-way jackknife in Fisher's z, and no end is nearer than that of independent pairs
    (`kappa_interval`). Where few pairs agree on the rare answer, kappa and the jackknife's error are small together,
    and the jackknife's interval alone lies too low in up to 13 % (`benchmarks/README.md`).
    """
    both = compared.dropna(subset=["without", arm])
    cells = [(both["without"] == x) & (both[arm] == y) for x in (0, 1) for y in (0, 1)]
    pairs = np.stack(cells, axis=-1).astype("float64")
    found = jackknife.of_sums(
        pairs,
        [pd.factorize(both[column])[0] for column in CLUSTERS],
        lambda sums: coefficients(sums.reshape(*sums.shape[:-1], 2, 2))["kappa"],
        scale="fisher",
        n=len(both),
        n_excluded=len(compared) - len(both),
        what="pooled over personas and items, coded by content; no nearer than independent pairs",
    )
    low, high = kappa_interval(pairs.sum(axis=0).reshape(2, 2))
    if np.isnan([found.low, low]).any():
        return found
    return replace(found, low=min(found.low, low), high=max(found.high, high))


def influence_statistics(compared: pd.DataFrame) -> pd.DataFrame:
    """Influence of every attribute on the choices, with intervals and corrected tests.

    On revised pairs the kappas: of every persona, their mean with a t interval over personas, and pooled. On the
    pool's pairs the flips: the excess flip rate is a paired risk difference with errors clustered by persona and item
    and a t quantile; its p-values are corrected by Benjamini-Hochberg over the attributes, the placebo apart.

    Parameters
    ----------
    compared : the result of `flips`

    Returns
    -------
    Rows of table `influences`: kappa, kappa_retest, mean_kappa, mean_kappa_retest, flip_rate, retest_flip_rate,
    excess_flip and p_value of each attribute, the placebo and `all` (the attributes pooled); persona_kappa and
    persona_kappa_retest of `attribute|persona`; p_adjusted and dominance of each attribute; n_significant,
    largest_share and kappa_range of `all`, and kappa_range of the retest, which noise alone makes.
    """
    by_pairs = {name: compared[compared["pairs"] == name] for name in ("revised", "pool")}
    rows = _kappa_rows(by_pairs["revised"])
    p_values = {}
    for attribute, part in _groups(by_pairs["pool"]).items():
        for statistic, value in (("flip_rate", "flipped"), ("retest_flip_rate", "retest_flipped")):
            rows.append(resample.clustered_rate(part, value=value, clusters=CLUSTERS).row(statistic, attribute))
        excess = resample.clustered_mean(part, value="excess", clusters=CLUSTERS, within=(-0.5, 1))
        rows.append(excess.row("excess_flip", attribute))
        p_values[attribute] = excess.p_value
        rows.append(_plain("p_value", attribute, excess.p_value, excess.n, excess.n_excluded, "two-sided t test"))
    rows += dominance(by_pairs["pool"])
    family = pd.Series({key: value for key, value in p_values.items() if key not in (PLACEBO, "all")}, dtype="float64")
    adjusted = adjusted_p_values(family, method="fdr_bh")
    method = f"Benjamini-Hochberg over {len(family)} attributes"
    rows += [_plain("p_adjusted", name, value, len(family), 0, method) for name, value in adjusted.items()]
    return pd.DataFrame(rows + _overall(pd.DataFrame(rows), adjusted))


def dominance(compared: pd.DataFrame) -> list[dict]:
    """Each attribute's excess less the sum of all others': above 0 it changes more than they do together.

    Parameters
    ----------
    compared : rows of `flips` on the pool's pairs

    Returns
    -------
    Rows `dominance` of each attribute but the placebo, with errors clustered by persona and question over all
    attributes together; NaN where one attribute has no scored question.
    """
    known = compared[compared["attribute"] != PLACEBO].dropna(subset=["excess"])
    n_excluded = int((compared["attribute"] != PLACEBO).sum()) - len(known)
    by = known.groupby("attribute")["excess"]
    names = sorted(compared.loc[compared["attribute"] != PLACEBO, "attribute"].unique())
    means = by.mean().reindex(names)
    scores = (known["excess"] - by.transform("mean")) / by.transform("size")
    rows = []
    for name in names:
        sign = np.where(known["attribute"] == name, 1.0, -1.0)
        value = float(2 * means[name] - means.sum(skipna=False))
        error = resample.clustered_error((sign * scores).to_numpy(), known[CLUSTERS])
        what = "excess less the sum of the other attributes'; error clustered by persona_id and item_id, t quantile"
        bounds = (-float(len(names)), float(len(names)))
        rows.append(resample.t_estimate(value, error, len(known), n_excluded, what, bounds).row("dominance", name))
    return rows


def _groups(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    return {**dict(iter(table.groupby("attribute"))), "all": table[table["attribute"] != PLACEBO]}


def _kappa_rows(compared: pd.DataFrame) -> list[dict]:
    rows = []
    for attribute, part in _groups(compared).items():
        for statistic, arm in (("kappa", "with"), ("kappa_retest", "without_again")):
            rows.append(arm_kappa(part, arm=arm).row(statistic, attribute))
    each = persona_kappas(compared)
    what = "over the questions of one persona, coded by content; undefined where a side never varies"
    for suffix in ("", "_retest"):
        for row in each.to_dict("records"):
            group, n = f"{row['attribute']}|{row['persona_id']}", row[f"n{suffix}"]
            rows.append(_plain(f"persona_kappa{suffix}", group, row[f"kappa{suffix}"], n, 0, what))
        for attribute, part in _groups(each).items():
            mean = resample.clustered_mean(
                part, value=f"kappa{suffix}", clusters=["persona_id"], within=(-1, 1), is_skewed=True
            )
            rows.append(mean.row(f"mean_kappa{suffix}", attribute))
    return rows


def with_whole(judgements: pd.DataFrame, items: pd.DataFrame) -> pd.DataFrame:
    """Choices by some lines of a description beside those by all of them, on the pool.

    Parameters
    ----------
    judgements : table `pool_judgements`; only who judged by some lines, or again, counts
    items : table `pool_items`

    Returns
    -------
    One row per persona and item: whole, and retest, demographic, idiosyncratic, values: 1.0 for answer b, 0.0 for a,
    NaN unless ok; and for each but whole, with `same_` before its name, whether it is that of the whole.
    """
    part = judgements[judgements["lines_shown"].isin(PARTS) | (judgements["repeat"] > 0)]
    mine = judgements[judgements["rater_id"].isin(part["rater_id"])]
    mine = mine.merge(items[["item_id", "answer_b_id"]], on="item_id", how="left", validate="m:1")
    mine["choice"] = (mine["chosen_answer_id"] == mine["answer_b_id"]).astype(float).where(mine["status"] == "ok")
    mine["shown"] = mine["lines_shown"].mask(mine["lines_shown"] == "all", "whole").mask(mine["repeat"] > 0, "retest")
    keys = ["persona_shown_id", "item_id"]
    wide = mine.pivot(index=keys, columns="shown", values="choice").reindex(columns=["whole", "retest", *PARTS])
    wide = wide.dropna(how="all", subset=["retest", *PARTS]).reset_index().rename(columns={keys[0]: "persona_id"})
    wide.columns.name = None
    for name in ("retest", *PARTS):
        known = wide["whole"].notna() & wide[name].notna()
        wide[f"same_{name}"] = (wide["whole"] == wide[name]).astype(float).where(known)
    return wide


def lines_statistics(beside: pd.DataFrame) -> pd.DataFrame:
    """How far some lines of a description lead to the choices of the whole.

    Parameters
    ----------
    beside : the result of `with_whole`

    Returns
    -------
    Rows of table `influences`: agreement_with_whole and kappa_with_whole of demographic, idiosyncratic, values and
    retest (the whole asked again, which nothing can exceed but by chance); lines_difference of
    idiosyncratic-demographic, paired.
    """
    rows = []
    for name in (*PARTS, "retest"):
        rate = resample.clustered_rate(beside, value=f"same_{name}", clusters=CLUSTERS)
        rows.append(rate.row("agreement_with_whole", name))
        renamed = beside.rename(columns={"whole": "without"})
        rows.append(arm_kappa(renamed, arm=name).row("kappa_with_whole", name))
    apart = beside.assign(difference=beside["same_idiosyncratic"] - beside["same_demographic"])
    found = resample.clustered_mean(apart, value="difference", clusters=CLUSTERS, within=(-1, 1))
    return pd.DataFrame([*rows, found.row("lines_difference", "idiosyncratic-demographic")])


def _overall(rows: pd.DataFrame, adjusted: pd.Series) -> list[dict]:
    one_each = rows.set_index(["statistic", "group"])["estimate"]
    excess = one_each["excess_flip"].reindex(adjusted.index).dropna().clip(lower=0)
    n = len(adjusted)
    share = excess.max() / excess.sum() if excess.sum() > 0 else np.nan
    n_significant = int((adjusted < FALSE_DISCOVERY_RATE).sum())
    what = "largest excess flip rate over the sum of the positive ones"
    found = [
        _plain("n_significant", "all", n_significant, n, int(adjusted.isna().sum()), "p_adjusted below 0.05"),
        _plain("largest_share", "all", share, len(excess), n - len(excess), what),
    ]
    for group, statistic in (("all", "kappa"), ("retest", "kappa_retest")):
        kappas = one_each[statistic].reindex(adjusted.index).dropna()
        spread = kappas.max() - kappas.min() if len(kappas) else np.nan
        what = f"largest minus smallest {statistic} over the attributes, sampling noise included"
        found.append(_plain("kappa_range", group, spread, len(kappas), n - len(kappas), what))
    return found


def _plain(statistic: str, group: str, value: float, n: int, n_excluded: int, method: str) -> dict:
    return schema.statistic(statistic, group, float(value), n=n, n_excluded=n_excluded, method=method)
