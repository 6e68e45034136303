"""PERSONA Bench: how often does an examiner, reading as the persona, find nothing to revise?

An attempt *passes* if the examiner finds that the answer needs no revision. Modes, models and
numbers of attempts are compared on the same persona x prompt items.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd

from persona_lib.estimating import resample
from persona_lib.estimating.corrections import adjusted_p_values
from persona_lib.measuring.summaries import as_numbers, summary_statistics
from persona_lib.tables import schema
from persona_lib.tables.values import MODES

CLUSTERS = ["persona_id", "prompt_id"]


def own_attempts(attempts: pd.DataFrame) -> pd.DataFrame:
    """The attempts, each examined once for the persona it was written for, `passed` as 1.0, 0.0 or NaN."""
    own = attempts[(attempts["critic_persona_id"] == attempts["persona_id"]) & (attempts["examination"] == 0)]
    return _scored(own)


def reexamined_attempts(attempts: pd.DataFrame) -> pd.DataFrame:
    """The first answers that were examined again and again: one row per examination, its number as `attempt`."""
    first = attempts[attempts["attempt"] == 0]
    many = first.groupby(["item_id", "model", "mode"])["examination"].transform("max") > 0
    return _scored(first[many]).assign(attempt=lambda rows: rows["examination"])


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
    return attempts.assign(passed=as_numbers(attempts["passed"]).where(attempts["status"] == "ok"))


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
    return pd.concat([pd.DataFrame(rows + _calibration_rows(attempts)), summary_statistics(dropped)], ignore_index=True)


def _difference_rows(part: pd.DataFrame, model: str, modes: list[str]) -> list[dict]:
    rows, p_values = [], {}
    for reference, mode in combinations(modes, 2):
        group = f"{model}|{mode}-{reference}"
        both = mode_difference(part, mode=mode, reference=reference)
        found = resample.clustered_mean(both, value="difference", clusters=CLUSTERS, within=(-1, 1))
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
        found = resample.clustered_mean(paired, value="difference", clusters=CLUSTERS, within=(-1, 1))
        rows.append(found.row("calibration", f"own-{kind}"))
    return rows
