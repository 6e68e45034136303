"""pass@k: how often does at least one of k attempts pass, and how much of that is the examiner's noise?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from scipy import stats

from persona_lib.estimating import jackknife, resample
from persona_lib.measuring.benchmark import CLUSTERS, own_attempts, reexamined_attempts
from persona_lib.tables import schema


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
    items["pass_at_k"] = at_k(items["n"].to_numpy(), items["c"].to_numpy(), k)
    return items


def at_k(n: np.ndarray, c: np.ndarray, k: int) -> np.ndarray:
    """The unbiased estimate for n scored attempts of which c passed; NaN where n < k."""
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


def pass_at_k_statistics(attempts: pd.DataFrame, *, n_attempts: int) -> pd.DataFrame:
    """pass@k of every model and mode, what more attempts gain, what of it is noise, and differences on the same items.

    Beside the curve of fresh answers stands that of one answer, examined again and again: what it gains is the noise
    of the examiner. What fresh answers gain beyond it, on the same items, is their variety.

    An item whose attempts were not all scored stays in the curve as far as it goes (see `curve`). A difference rests
    on the items that have a scored attempt on both sides. Errors are those of the two-way jackknife over personas and
    prompts; differences have t intervals, shares Wilson's at the effective number of items m (1 - m) / SE^2, where the
    SE is at least that of as many items that all pass with the same chance.

    Returns
    -------
    Table `pass_at_k`: pass_at_k and gain of `model|mode|k`, reexamined and variety of the modes whose answers were
    examined again, persona_gain of `model|mode|k` over the mode baseline, model_difference of `model-model|mode|k`,
    scored of `model|mode`.
    """
    own = own_attempts(attempts)
    items = own[["item_id", *CLUSTERS]].drop_duplicates("item_id").sort_values("item_id").reset_index(drop=True)
    fresh = {key: _counted(part, items) for key, part in own.groupby(["model", "mode"])}
    again = {key: _counted(part, items) for key, part in reexamined_attempts(attempts).groupby(["model", "mode"])}
    rows = []
    for (model, mode), counted in fresh.items():
        group = f"{model}|{mode}"
        rows += _shares("pass_at_k", group, counted, items, n_attempts)
        rows += _differences("gain", group, counted, None, items, n_attempts)
        if (model, mode) in again:
            rows += _shares("reexamined", group, again[model, mode], items, n_attempts)
            rows += _differences("variety", group, counted, again[model, mode], items, n_attempts)
        if mode != "baseline" and (model, "baseline") in fresh:
            rows += _differences("persona_gain", group, counted, fresh[model, "baseline"], items, n_attempts)
        for other in sorted(name for name, of_mode in fresh if name > model and of_mode == mode):
            both = f"{model}-{other}|{mode}"
            rows += _differences("model_difference", both, counted, fresh[other, mode], items, n_attempts)
        part = own[(own["model"] == model) & (own["mode"] == mode)]
        part = part.assign(ok=part["status"] == "ok")
        rows.append(resample.clustered_rate(part, value="ok", clusters=CLUSTERS).row("scored", group))
    return pd.DataFrame(rows)


def curve(sums: np.ndarray) -> np.ndarray:
    """pass@k for k = 1, 2, ... from sums over items of `terms`.

    The chance that k attempts all fail is the product over j <= k of

        (sum of fail_j) / (sum of fail_{j-1}), both over the items with at least j scored attempts,

    where fail_j is the unbiased C(n - c, j) / C(n, j) of an item. With all attempts scored the product is the mean of
    fail_k and so pass@k the mean of the unbiased estimates [1]_; an item that lacks some attempts leaves where they
    end, as one who is lost to follow-up leaves a life table [2]_. It cannot fall as k rises. NaN where no item has k
    scored attempts. That an attempt is not scored must not depend on whether it would have passed.

    Parameters
    ----------
    sums : leading axes x k x 3

    References
    ----------
    .. [1] M. Chen et al. (2021). Evaluating large language models trained on code. arXiv:2107.03374, section 2.1.
    .. [2] E. L. Kaplan, P. Meier (1958). Nonparametric estimation from incomplete observations. Journal of the
       American Statistical Association 53, 457-481.

    Examples
    --------
    Of two items one failed one of two attempts, the other its only scored one: 3/4 x (0 / 0.5).

    >>> curve(terms(np.array([2, 1]), np.array([1, 0]), 2).sum(axis=0)).tolist()
    [0.25, 1.0]
    """
    fail, before, n_items = np.moveaxis(sums, -1, 0)
    ratio = np.where(before > 0, fail / np.where(before > 0, before, 1), 0.0)
    return np.where(n_items > 0, 1 - np.cumprod(ratio, axis=-1), np.nan)


def terms(n: np.ndarray, c: np.ndarray, n_attempts: int) -> np.ndarray:
    """fail_j, fail_{j-1} and 1 of each item for j = 1, ..., n_attempts; 0 beyond its scored attempts.

    Parameters
    ----------
    n, c : scored and passed attempts of each item

    Returns
    -------
    items x n_attempts x 3.
    """
    fails = np.stack([np.ones(len(n)), *(1 - at_k(n, c, k) for k in range(1, n_attempts + 1))], axis=-1)
    there = (n[:, None] >= np.arange(1, n_attempts + 1)).astype("float64")
    return np.stack([np.nan_to_num(fails[:, 1:]), np.nan_to_num(fails[:, :-1]) * there, there], axis=-1)


def _counted(attempts: pd.DataFrame, items: pd.DataFrame) -> pd.DataFrame:
    """Scored and passed attempts of each item, 0 for items without a row, in the order of `items`."""
    found = attempts.groupby("item_id")["passed"].agg(n="count", c="sum")
    return found.reindex(items["item_id"], fill_value=0).astype(int)


def _shares(statistic: str, group: str, counted: pd.DataFrame, items: pd.DataFrame, n_attempts: int) -> list[dict]:
    """A curve, with Wilson's interval at the effective number of items."""
    known = (counted["n"] > 0).to_numpy()
    n, c = (counted.loc[known, name].to_numpy() for name in ("n", "c"))
    n_known = int(known.sum())
    features, codes = terms(n, c, n_attempts), _codes(items[known])
    what = "unbiased over items, unscored attempts left out; Wilson at the effective number of items"
    whole = curve(features.sum(axis=0))
    left = [curve(sums.reshape(len(sums), n_attempts, 3)) for sums in jackknife.left_out(_flat(features), codes)]
    rows = []
    for k in ks(n_attempts):
        value, of_k = float(whole[k - 1]), [each[:, k - 1] for each in left]
        found = jackknife.estimate(value, of_k, scale="plain", n=n_known, n_excluded=len(known) - n_known, what=what)
        low, high = _wilson(found, _least_error(n, c, k))
        rows.append(replace(found, low=low, high=high).row(statistic, f"{group}|{k}"))
    return rows


def _differences(
    statistic: str,
    group: str,
    one: pd.DataFrame,
    other: pd.DataFrame | None,
    items: pd.DataFrame,
    n_attempts: int,
) -> list[dict]:
    """One curve less another on the same items, or a curve less its own value at one attempt."""
    known = (one["n"] > 0).to_numpy() & (True if other is None else (other["n"] > 0).to_numpy())
    sides = [one] if other is None else [one, other]
    numbers = [(side.loc[known, "n"].to_numpy(), side.loc[known, "c"].to_numpy()) for side in sides]
    features = np.concatenate([terms(n, c, n_attempts) for n, c in numbers], axis=1)

    def difference(sums: np.ndarray) -> np.ndarray:
        curves = curve(sums.reshape(*sums.shape[:-1], len(sides), n_attempts, 3))
        return curves[..., 0, :] - (curves[..., 0, :1] if other is None else curves[..., 1, :])

    flat = _flat(features)
    whole = difference(flat.sum(axis=0))
    left = [difference(sums) for sums in jackknife.left_out(flat, _codes(items[known]))]
    n_known = int(known.sum())
    what = "paired difference of the unbiased estimates"
    rows = []
    for k in [k for k in ks(n_attempts) if k > 1 or other is not None]:
        value, of_k = float(whole[k - 1]), [each[:, k - 1] for each in left]
        found = jackknife.estimate(
            value,
            of_k,
            scale="plain",
            n=n_known,
            n_excluded=len(known) - n_known,
            what=what,
            within=(-1.0, 1.0),
        )
        rows.append(found.row(statistic, f"{group}|{k}"))
    return rows


def _flat(features: np.ndarray) -> np.ndarray:
    return features.reshape(len(features), int(np.prod(features.shape[1:])))


def _codes(items: pd.DataFrame) -> list[np.ndarray]:
    return [pd.factorize(items[column])[0] for column in CLUSTERS]


def _least_error(n: np.ndarray, c: np.ndarray, k: int) -> float:
    """The standard error of pass@k over items that all pass with the same chance, that of all attempts together."""
    if not n.sum():
        return 0.0
    size = max(k, round(float(n.mean())))
    passed = np.arange(size + 1)
    chance = stats.binom.pmf(passed, size, c.sum() / n.sum())
    values = at_k(np.full(size + 1, size), passed, k)
    return float(np.sqrt((chance * (values - chance @ values) ** 2).sum() / len(n)))


def _wilson(found: resample.Estimate, least: float) -> tuple[float, float]:
    """Wilson's interval at m (1 - m) / SE^2, or at the smaller number of clusters where m is 0 or 1."""
    if np.isnan(found.estimate) or np.isnan(found.standard_error):
        return float("nan"), float("nan")
    spread, error = found.estimate * (1 - found.estimate), max(found.standard_error, least)
    n = spread / error**2 if spread > 0 and error > 0 else found.df + 1
    critical = float(stats.t.ppf(0.5 + resample.LEVEL / 2, found.df))
    return resample.wilson(found.estimate * n, n, critical=critical)
