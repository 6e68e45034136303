"""pass@k: how often does at least one of k attempts pass, and how much of that is the examiner's noise?"""

from __future__ import annotations

import numpy as np
import pandas as pd

from persona_lib.measuring import resample
from persona_lib.measuring.benchmark import own_attempts, reexamined_attempts
from persona_lib.tables import schema, streams


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
    """pass@k of every model and mode, what more attempts gain, what of it is noise, and differences on the same items.

    Beside the curve of fresh answers stands that of one answer, examined again and again: what it gains is the noise
    of the examiner. What fresh answers gain beyond it, on the same items, is their variety.

    A curve rests on the same items at every k, those whose attempts were all scored, so it cannot
    fall; the others are counted as excluded. Intervals are percentiles of a bootstrap that resamples
    personas, the same samples for every model and mode, so that differences are paired. Where no two
    items differ the bootstrap is blind: pass@k then has Wilson's interval at the number of personas,
    a difference has none.

    Returns
    -------
    Table `pass_at_k`: pass_at_k and gain of `model|mode|k`, reexamined and variety of the modes whose answers were
    examined again, persona_gain of `model|mode|k` over the mode baseline, model_difference of `model-model|mode|k`,
    scored of `model|mode`.
    """
    own = own_attempts(attempts)
    again = {key: part for key, part in reexamined_attempts(attempts).groupby(["model", "mode"])}
    items = own[["item_id", "persona_id"]].drop_duplicates().sort_values("item_id").reset_index(drop=True)
    codes, personas = pd.factorize(items["persona_id"])
    rng = streams.generator(seed, "benchmark.pass_at_k")
    draws = resample.multiplicities(len(personas), n_bootstrap=n_bootstrap, rng=rng)
    weights = np.concatenate([np.ones((1, len(items))), draws[:, codes]])
    values, rows = {}, []
    for (model, mode), part in own.groupby(["model", "mode"]):
        for k in ks(n_attempts):
            group = f"{model}|{mode}|{k}"
            values[model, mode, k] = _curve_point(part, items, k=k, n_attempts=n_attempts)
            rows.append(_weighted_row("pass_at_k", group, values[model, mode, k], weights, codes))
            if (model, mode) in again:
                noise = _curve_point(again[model, mode], items, k=k, n_attempts=n_attempts)
                rows.append(_weighted_row("reexamined", group, noise, weights, codes))
                rows.append(_weighted_row("variety", group, values[model, mode, k] - noise, weights, codes))
        part = part.assign(ok=part["status"] == "ok")
        rows.append(resample.clustered_rate(part, value="ok", clusters=["persona_id"]).row("scored", f"{model}|{mode}"))
    for (model, mode, k), value in values.items():
        if k > 1:
            rows.append(_weighted_row("gain", f"{model}|{mode}|{k}", value - values[model, mode, 1], weights, codes))
        if mode != "baseline" and (model, "baseline", k) in values:
            paired = value - values[model, "baseline", k]
            rows.append(_weighted_row("persona_gain", f"{model}|{mode}|{k}", paired, weights, codes))
        for other in sorted({name for name, *_ in values if name > model and (name, mode, k) in values}):
            paired = value - values[other, mode, k]
            rows.append(_weighted_row("model_difference", f"{model}-{other}|{mode}|{k}", paired, weights, codes))
    return pd.DataFrame(rows)


def _curve_point(attempts: pd.DataFrame, items: pd.DataFrame, *, k: int, n_attempts: int) -> np.ndarray:
    """pass@k of the items whose attempts were all scored, NaN for the others, in the order of `items`."""
    n_scored = attempts.groupby("item_id")["passed"].transform("count")
    found = pass_at_k(attempts[n_scored >= n_attempts], k=k).set_index("item_id")["pass_at_k"]
    return found.reindex(items["item_id"]).to_numpy()


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
