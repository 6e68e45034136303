"""Which attribute moves a choice: leave one out, against asking the same question twice.

In the arm *without* a persona is a few attributes; in the arm *with* one attribute is added; the
arm *repeat* asks the arm without again. A choice can change between arms by the attribute or by
the judge's own noise, so the flips of the repeat are taken off.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from persona_lib.measuring import resample
from persona_lib.measuring.coefficients import coefficients
from persona_lib.measuring.corrections import adjusted_p_values
from persona_lib.tables import schema, streams
from persona_lib.tables.values import PLACEBO

CLUSTERS = ["persona_id", "item_id"]
FALSE_DISCOVERY_RATE = 0.05


def flips(judgements: pd.DataFrame, items: pd.DataFrame) -> pd.DataFrame:
    """The three arms of each question side by side.

    Parameters
    ----------
    judgements : table `ablation_judgements`
    items : table `pool_items`, which names answer a and answer b

    Returns
    -------
    One row per attribute, persona and item. without, with, repeat: 1.0 for answer b, 0.0 for a, NaN
    unless ok. flipped and retest_flipped: whether `with` and `repeat` differ from `without`. excess:
    flipped minus retest_flipped: 1, 0 or -1.

    Raises
    ------
    SchemaError
        If an item is unknown, a chosen answer is not the item's, or an arm is missing.

    Examples
    --------
    >>> items = pd.DataFrame({"item_id": ["i"], "answer_a_id": ["a"], "answer_b_id": ["b"]})
    >>> asked = pd.DataFrame({"attribute": "sex", "persona_id": "p", "item_id": "i", "status": "ok",
    ...                       "arm": ["without", "with", "repeat"], "chosen_answer_id": ["a", "b", "a"]})
    >>> flips(asked, items)[["flipped", "retest_flipped", "excess"]].values.tolist()
    [[1.0, 0.0, 1.0]]
    """
    rows = judgements.merge(items[["item_id", "answer_a_id", "answer_b_id"]], on="item_id", how="left", validate="m:1")
    ok, chosen = rows["status"] == "ok", rows["chosen_answer_id"]
    strange = ok & (chosen != rows["answer_a_id"]) & (chosen != rows["answer_b_id"])
    if strange.any():
        row = rows[strange].iloc[0]
        raise schema.SchemaError(
            f"ablation_judgements: {row['attribute']} {row['item_id']} chose {row['chosen_answer_id']!r},"
            " which is neither of the item's two answers"
        )
    rows["choice"] = (chosen == rows["answer_b_id"]).astype(float).where(ok)
    keys = ["attribute", *CLUSTERS]
    sizes = rows.groupby(keys)["arm"].nunique()
    if (sizes < 3).any():
        raise schema.SchemaError(f"ablation_judgements: {sizes.index[sizes < 3][0]} lacks an arm; collect again")
    wide = rows.pivot(index=keys, columns="arm", values="choice").reset_index()
    wide.columns.name = None
    for name, arm in (("flipped", "with"), ("retest_flipped", "repeat")):
        known = wide["without"].notna() & wide[arm].notna()
        wide[name] = (wide["without"] != wide[arm]).astype(float).where(known)
    wide["excess"] = wide["flipped"] - wide["retest_flipped"]
    return wide[[*keys, "without", "with", "repeat", "flipped", "retest_flipped", "excess"]]


def arm_kappa(compared: pd.DataFrame, *, arm: str, n_bootstrap: int, rng: np.random.Generator) -> resample.Estimate:
    """Cohen's kappa between the arm without and another arm, coded by content.

    1: the attribute changes no choice. 0: the two arms agree by chance only. NaN where both arms
    always choose the same answer.
    """
    both = compared.dropna(subset=["without", arm])
    cells = {f"{x}{y}": (both["without"] == x) & (both[arm] == y) for x in (0, 1) for y in (0, 1)}
    table = both[CLUSTERS].assign(**cells)
    sums = resample.bootstrap_sums(table, features=list(cells), clusters=CLUSTERS, n_bootstrap=n_bootstrap, rng=rng)
    replicates = coefficients(sums.reshape(-1, 2, 2))["kappa"]
    value = float(coefficients(table[list(cells)].sum().to_numpy().reshape(2, 2))["kappa"])
    low, high = resample.percentile_interval(replicates) if not np.isnan(value) else (np.nan, np.nan)
    method = "pooled over personas and items, coded by content; percentiles of a two-factor bootstrap"
    return resample.Estimate(value, low, high, len(both), len(compared) - len(both), method)


def influence_statistics(compared: pd.DataFrame, *, n_bootstrap: int, seed: int) -> pd.DataFrame:
    """Influence of every attribute on the choices, with intervals and corrected tests.

    The excess flip rate is a paired risk difference with errors clustered by persona and item and
    a t quantile; its p-values are corrected by Benjamini-Hochberg over the attributes, the placebo
    apart.

    Parameters
    ----------
    compared : the result of `flips`

    Returns
    -------
    Table `influences`: kappa, kappa_retest, flip_rate, retest_flip_rate, excess_flip and p_value of
    each attribute, the placebo and `all` (the attributes pooled); p_adjusted of each attribute;
    n_significant, largest_share and kappa_range of `all`, and kappa_range of the retest, which noise alone makes.
    """
    rows, p_values = [], {}
    real = compared[compared["attribute"] != PLACEBO]
    groups = {**dict(iter(compared.groupby("attribute"))), "all": real}
    for attribute, part in groups.items():
        for statistic, arm in (("kappa", "with"), ("kappa_retest", "repeat")):
            rng = streams.generator(seed, "ablation.bootstrap", statistic, attribute)
            rows.append(arm_kappa(part, arm=arm, n_bootstrap=n_bootstrap, rng=rng).row(statistic, attribute))
        for statistic, value in (("flip_rate", "flipped"), ("retest_flip_rate", "retest_flipped")):
            rows.append(resample.clustered_rate(part, value=value, clusters=CLUSTERS).row(statistic, attribute))
        excess = resample.clustered_mean(part, value="excess", clusters=CLUSTERS)
        rows.append(excess.row("excess_flip", attribute))
        p_values[attribute] = excess.p_value
        rows.append(_plain("p_value", attribute, excess.p_value, excess.n, excess.n_excluded, "two-sided t test"))
    family = pd.Series({key: value for key, value in p_values.items() if key not in (PLACEBO, "all")}, dtype="float64")
    adjusted = adjusted_p_values(family, method="fdr_bh")
    method = f"Benjamini-Hochberg over {len(family)} attributes"
    rows += [_plain("p_adjusted", name, value, len(family), 0, method) for name, value in adjusted.items()]
    return pd.DataFrame(rows + _overall(pd.DataFrame(rows), adjusted))


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
