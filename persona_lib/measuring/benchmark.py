"""PERSONA Bench: how often does an examiner, reading as the persona, find nothing to revise?

An attempt *passes* if the examiner finds that the answer needs no revision. Modes, models and
numbers of attempts are compared on the same persona x prompt items.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd

from persona_lib.measuring import resample
from persona_lib.measuring.coefficients import cohen_kappa
from persona_lib.measuring.corrections import adjusted_p_values
from persona_lib.tables import schema, streams
from persona_lib.tables.values import MODES

CLUSTERS = ["persona_id", "prompt_id"]


def own_attempts(attempts: pd.DataFrame) -> pd.DataFrame:
    """The attempts that the examiner judged for the persona they were written for, `passed` as 1.0, 0.0 or NaN."""
    own = attempts[attempts["critic_persona_id"] == attempts["persona_id"]]
    return _scored(own)


def calibration_attempts(attempts: pd.DataFrame) -> pd.DataFrame:
    """What the examiner should tell apart, side by side: one row per item and model.

    own: an output_only answer examined for its persona. other: the same answer examined for another
    persona. generic: the no-persona answer examined for the persona. 1.0 passed, 0.0 not, NaN.
    """
    scored = _scored(attempts[attempts["mode"].isin(["output_only", "baseline"])])
    is_own = scored["critic_persona_id"] == scored["persona_id"]
    scored["kind"] = np.select([~is_own, scored["mode"] == "baseline"], ["other", "generic"], "own")
    keys = ["item_id", *CLUSTERS, "model"]
    wide = scored.pivot(index=keys, columns="kind", values="passed")
    wide = wide.reindex(columns=["own", "other", "generic"]).reset_index()
    wide.columns.name = None
    return wide


def _scored(attempts: pd.DataFrame) -> pd.DataFrame:
    return attempts.assign(passed=_numbers(attempts["passed"]).where(attempts["status"] == "ok"))


def _numbers(booleans: pd.Series) -> pd.Series:
    return booleans.astype("boolean").astype("Float64").astype("float64")


def _rate(table: pd.DataFrame, value: str) -> resample.Estimate:
    return resample.clustered_rate(table, value=value, clusters=CLUSTERS)


def mode_difference(own: pd.DataFrame, *, mode: str, reference: str) -> pd.DataFrame:
    """One mode against another on the same items: passed in each, and their difference (1, 0 or -1).

    Parameters
    ----------
    own : the result of `own_attempts`

    Returns
    -------
    One row per item, model and attempt that both modes tried; NaN where one of the two was not scored.
    """
    keys = ["item_id", *CLUSTERS, "model", "attempt"]
    first, second = (own[own["mode"] == name].set_index(keys)["passed"] for name in (mode, reference))
    both = pd.concat([first.rename("passed"), second.rename("passed_reference")], axis=1, join="inner").reset_index()
    return both.assign(difference=both["passed"] - both["passed_reference"])


def mcnemar_p_value(both: pd.DataFrame) -> float:
    """Exact McNemar test that two modes pass equally often on paired items; NaN without a discordant pair.

    It takes pairs as independent, which items of one persona are not: read it beside the clustered test.

    References
    ----------
    Q. McNemar (1947). Note on the sampling error of the difference between correlated proportions
    or percentages. Psychometrika 12, 153-157.

    Examples
    --------
    Five items passed only in the first mode, none only in the second: 2 x 0.5^5.

    >>> mcnemar_p_value(pd.DataFrame({"passed": [1.0] * 5, "passed_reference": [0.0] * 5}))
    0.0625
    """
    from statsmodels.stats.contingency_tables import mcnemar

    pairs = both[["passed", "passed_reference"]].dropna()
    only_first = int((pairs["passed"] > pairs["passed_reference"]).sum())
    only_second = int((pairs["passed"] < pairs["passed_reference"]).sum())
    if only_first + only_second == 0:
        return float("nan")
    return float(mcnemar([[0, only_first], [only_second, 0]], exact=True).pvalue)


def benchmark_statistics(attempts: pd.DataFrame, dropped: pd.DataFrame) -> pd.DataFrame:
    """Pass rates, paired differences between modes, calibration of the examiner, and what summaries drop.

    Returns
    -------
    Table `benchmark`; groups are `model|mode`, `model|mode-mode`, attributes, with model `all` for
    the contestants pooled. Holm's correction runs over the pairs of modes within a model.
    """
    own = own_attempts(attempts)
    rows: list[dict] = []
    for model, part in {**dict(iter(own.groupby("model"))), "all": own}.items():
        modes = [mode for mode in MODES if (part["mode"] == mode).any()]
        for mode in modes:
            cell = part[part["mode"] == mode]
            rows.append(_rate(cell, "passed").row("pass_rate", f"{model}|{mode}"))
            rows.append(_rate(cell.assign(ok=cell["status"] == "ok"), "ok").row("scored", f"{model}|{mode}"))
        rows += _difference_rows(part, model, modes)
    return pd.DataFrame(rows + _calibration_rows(attempts) + dropped_rows(dropped))


def _difference_rows(part: pd.DataFrame, model: str, modes: list[str]) -> list[dict]:
    rows, p_values = [], {}
    for reference, mode in combinations(modes, 2):
        group = f"{model}|{mode}-{reference}"
        both = mode_difference(part, mode=mode, reference=reference)
        found = resample.clustered_mean(both, value="difference", clusters=CLUSTERS)
        p_values[group] = found.p_value
        counts = {"n": found.n, "n_excluded": found.n_excluded}
        rows.append(found.row("difference", group))
        rows.append(schema.statistic("p_value", group, found.p_value, **counts, method="two-sided t test, clustered"))
        if model != "all":
            p_value = mcnemar_p_value(both)
            rows.append(schema.statistic("mcnemar", group, p_value, **counts, method="exact McNemar test"))
    adjusted = adjusted_p_values(pd.Series(p_values, dtype="float64"), method="holm")
    method = f"Holm over {len(adjusted)} pairs of modes"
    for group, p_value in adjusted.items():
        rows.append(schema.statistic("p_adjusted", group, p_value, n=len(adjusted), method=method))
    return rows


def _calibration_rows(attempts: pd.DataFrame) -> list[dict]:
    wide = calibration_attempts(attempts)
    rows = [_rate(wide, kind).row("calibration", kind) for kind in ("own", "other", "generic")]
    for kind in ("other", "generic"):
        paired = wide.assign(difference=wide["own"] - wide[kind])
        found = resample.clustered_mean(paired, value="difference", clusters=CLUSTERS)
        rows.append(found.row("calibration", f"own-{kind}"))
    return rows


def dropped_rows(dropped: pd.DataFrame) -> list[dict]:
    """Statistics of what persona summaries leave out, by the examiner and by rule; errors clustered by persona."""
    scored = dropped.assign(
        by_model=_numbers(dropped["is_dropped"]).where(dropped["status"] == "ok"),
        by_rule=dropped["is_dropped_by_rule"].astype("float64"),
    )
    rows = []
    groups = {"all": scored, **dict(iter(scored.groupby("attribute")))}
    for group, part in groups.items():
        for statistic, value in (("drop_rate", "by_model"), ("drop_rate_by_rule", "by_rule")):
            rows.append(resample.clustered_rate(part, value=value, clusters=["persona_id"]).row(statistic, group))
    for (model, attribute), part in scored.groupby(["model", "attribute"]):
        found = resample.clustered_rate(part, value="by_model", clusters=["persona_id"])
        rows.append(found.row("drop_rate", f"{model}|{attribute}"))
    both = scored.dropna(subset=["by_model"])
    rows.append(
        schema.statistic(
            "drop_agreement",
            "examiner-rule",
            cohen_kappa(both, first="by_model", second="by_rule"),
            n=len(both),
            n_excluded=len(scored) - len(both),
            method="Cohen's kappa of examiner and rule",
        )
    )
    return rows + _correlation_rows(scored) + _summary_rows(scored)


def _correlation_rows(scored: pd.DataFrame) -> list[dict]:
    rates = scored.pivot_table(index="attribute", columns="model", values="by_model", aggfunc="mean").dropna()
    rows = []
    for one, other in combinations(rates.columns, 2):
        ranks = rates[[one, other]].rank()
        varies = len(ranks) > 2 and (ranks.nunique() > 1).all()
        value = ranks[one].corr(ranks[other]) if varies else np.nan
        method = "Spearman correlation of the attributes' drop rates"
        rows.append(schema.statistic("drop_correlation", f"{one}|{other}", value, n=len(rates), method=method))
    return rows


def _summary_rows(scored: pd.DataFrame) -> list[dict]:
    """Per summary: how many attributes it drops, and whether it drops none; undefined if one was not answered."""
    summaries = scored.groupby(["persona_id", "model"])["by_model"].agg(n_dropped=lambda v: v.sum(skipna=False))
    summaries = summaries.reset_index()
    summaries["equivalent"] = (summaries["n_dropped"] == 0).astype(float).where(summaries["n_dropped"].notna())
    rows = []
    for group, part in {"all": summaries, **dict(iter(summaries.groupby("model")))}.items():
        rows.append(resample.clustered_mean(part, value="n_dropped", clusters=["persona_id"]).row("n_dropped", group))
        rows.append(resample.clustered_rate(part, value="equivalent", clusters=["persona_id"]).row("equivalent", group))
    return rows


def pass_at_k(attempts: pd.DataFrame, *, k: int) -> pd.DataFrame:
    """Chance that at least one of k independent attempts passes.

    For an item with n scored attempts of which c passed, the unbiased estimate is
    1 - C(n - c, k) / C(n, k) [1]_. It is 0 where no attempt passed, 1 where fewer than k failed,
    and undefined (NaN, counted) where n < k.

    Parameters
    ----------
    attempts : one row per (item_id, attempt); columns item_id, attempt, passed (bool, missing if
        not scored)
    k : attempts allowed, 1 <= k

    Returns
    -------
    One row per item, sorted by item_id: n, c, pass_at_k in [0, 1].

    Raises
    ------
    SchemaError
        If an item repeats an attempt, or a column is missing.

    References
    ----------
    .. [1] M. Chen et al. (2021). Evaluating large language models trained on code.
       arXiv:2107.03374, section 2.1.

    Examples
    --------
    Two of four attempts passed; a random pair misses both with chance 1/6.

    >>> four = pd.DataFrame({"item_id": "x", "attempt": range(4), "passed": [True, True, False, False]})
    >>> pass_at_k(four, k=2).pass_at_k.round(3).tolist()
    [0.833]
    """
    if k < 1:
        raise ValueError(f"pass_at_k: k = {k}; give at least 1")
    if missing := [column for column in ("item_id", "attempt", "passed") if column not in attempts.columns]:
        there = list(attempts.columns)
        raise schema.SchemaError(f"pass_at_k: column {', '.join(missing)} is missing; there are {there}")
    if (twice := attempts.duplicated(["item_id", "attempt"])).any():
        row = attempts[twice].iloc[0]
        raise schema.SchemaError(f"pass_at_k: item {row['item_id']} repeats attempt {row['attempt']}")
    items = attempts.groupby("item_id")["passed"].agg(n="count", c="sum").astype(int).reset_index()
    items["pass_at_k"] = _at_k(items["n"].to_numpy(), items["c"].to_numpy(), k)
    return items


def _at_k(n: np.ndarray, c: np.ndarray, k: int) -> np.ndarray:
    misses = np.ones(len(n))
    for drawn in range(k):
        misses *= np.clip(n - c - drawn, 0, None) / np.where(n > drawn, n - drawn, 1)
    return np.where(n >= k, 1 - misses, np.nan)


def ks(n_attempts: int) -> list[int]:
    """Powers of two up to the number of attempts, and that number.

    Examples
    --------
    >>> ks(12)
    [1, 2, 4, 8, 12]
    """
    return sorted({2**power for power in range(n_attempts.bit_length()) if 2**power <= n_attempts} | {n_attempts})


def pass_at_k_statistics(attempts: pd.DataFrame, *, n_attempts: int, n_bootstrap: int, seed: int) -> pd.DataFrame:
    """pass@k of every model and mode, what more attempts gain, and differences on the same items.

    A curve rests on the same items at every k, those whose attempts were all scored, so it cannot
    fall; the others are counted as excluded. Intervals are percentiles of a bootstrap that resamples
    personas, the same samples for every model and mode, so that differences are paired. Where no two
    items differ the bootstrap is blind: pass@k then has Wilson's interval at the number of personas,
    a difference has none.

    Returns
    -------
    Table `pass_at_k`: pass_at_k and gain of `model|mode|k`, persona_gain of `model|k`,
    model_difference of `model-model|mode|k`, scored of `model|mode`.
    """
    own = own_attempts(attempts)
    items = own[["item_id", "persona_id"]].drop_duplicates().sort_values("item_id").reset_index(drop=True)
    codes, personas = pd.factorize(items["persona_id"])
    rng = streams.generator(seed, "benchmark.pass_at_k")
    draws = resample.multiplicities(len(personas), n_bootstrap=n_bootstrap, rng=rng)
    weights = np.concatenate([np.ones((1, len(items))), draws[:, codes]])
    values, rows = {}, []
    for (model, mode), part in own.groupby(["model", "mode"]):
        n_scored = part.groupby("item_id")["passed"].transform("count")
        complete = part[n_scored >= n_attempts]
        for k in ks(n_attempts):
            found = pass_at_k(complete, k=k).set_index("item_id")["pass_at_k"]
            values[model, mode, k] = found.reindex(items["item_id"]).to_numpy()
            rows.append(_weighted_row("pass_at_k", f"{model}|{mode}|{k}", values[model, mode, k], weights, codes))
        part = part.assign(ok=part["status"] == "ok")
        rows.append(resample.clustered_rate(part, value="ok", clusters=["persona_id"]).row("scored", f"{model}|{mode}"))
    for (model, mode, k), value in values.items():
        if k > 1:
            rows.append(_weighted_row("gain", f"{model}|{mode}|{k}", value - values[model, mode, 1], weights, codes))
        if mode == "output_only" and (model, "baseline", k) in values:
            paired = value - values[model, "baseline", k]
            rows.append(_weighted_row("persona_gain", f"{model}|{k}", paired, weights, codes))
        for other in sorted({name for name, *_ in values if name > model and (name, mode, k) in values}):
            paired = value - values[other, mode, k]
            rows.append(_weighted_row("model_difference", f"{model}-{other}|{mode}|{k}", paired, weights, codes))
    return pd.DataFrame(rows)


def _weighted_row(statistic: str, group: str, values: np.ndarray, weights: np.ndarray, personas: np.ndarray) -> dict:
    defined = ~np.isnan(values)
    total = weights[:, defined].sum(axis=1)
    means = (weights[:, defined] @ values[defined]) / np.where(total > 0, total, np.nan)
    low, high = resample.percentile_interval(means[1:])
    method = "mean over items of the unbiased estimate; percentiles of a persona bootstrap"
    if low == high:
        low = high = np.nan
        method = "mean over items of the unbiased estimate; no item differs, so a bootstrap has no interval"
        if statistic == "pass_at_k" and means[0] in (0, 1):
            n_personas = len(np.unique(personas[defined]))
            low, high = resample.wilson(means[0] * n_personas, n_personas)
            method = "mean over items of the unbiased estimate; no item differs: Wilson at the number of personas"
    counts = {"n": int(defined.sum()), "n_excluded": int((~defined).sum())}
    return schema.statistic(statistic, group, float(means[0]), low=low, high=high, **counts, method=method)
