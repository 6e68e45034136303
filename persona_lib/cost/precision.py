"""What a configuration can decide, before anything is asked: how wide its intervals will be, and what they would miss.

A planning rule, not a result. Units of one persona resemble one another, so a share of n units counts as a share of
n / (1 + (m - 1) r) independent ones, with m units a persona and r their correlation [1]_. Shares are taken near one
half, where they are least certain. The measured intervals of a run replace these once it is done.

References
----------
.. [1] L. Kish (1965). Survey Sampling. Wiley, section 5.4: the design effect of clusters.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import pandas as pd
from scipy import stats

from persona_lib.stages.feedback import pairs_each

CORRELATION = 0.1  # between units of one persona, as planned with
SHARE = 0.5  # where a share is least certain
LEVEL, POWER = 0.95, 0.8


class Precision(NamedTuple):
    """Half the width of a share's 95 % interval, and the difference of two such shares found with 80 % power."""

    half_width: float
    detectable: float


def precision(n_personas: int, units_each: float, *, correlation: float = CORRELATION) -> Precision:
    """What so many personas with so many units each can decide about a share near one half.

    Parameters
    ----------
    n_personas : at least 2, else both are 1
    units_each : mean number of units a persona, at least 1
    correlation : of two units of one persona, in [0, 1]

    Returns
    -------
    Both on the scale of the share, at most 1: at 1 nothing can be decided. The difference is of two shares measured on
    different units; on the same units, paired, smaller ones are found.

    Examples
    --------
    >>> [round(value, 2) for value in precision(100, 1, correlation=0)]
    [0.1, 0.2]
    """
    if n_personas < 2:
        return Precision(1.0, 1.0)
    effect = 1 + (units_each - 1) * correlation
    error = math.sqrt(SHARE * (1 - SHARE) * effect / (n_personas * units_each))
    quantile = float(stats.t.ppf(0.5 + LEVEL / 2, n_personas - 1))
    found = (quantile + float(stats.norm.ppf(POWER))) * error * math.sqrt(2)
    return Precision(min(1.0, quantile * error), min(1.0, found))


def planned_precision(settings: Mapping) -> pd.DataFrame:
    """What each section of a run can decide at its sizes.

    Returns
    -------
    One row per section: notebook, what (the share that it is about), n_personas, units_each, half_width, detectable.
    """
    feedback, pool, ablation = settings["feedback"], settings["pool"], settings["ablation"]
    n, n_judged = settings["personas"]["n"], settings["validation"]["n_pairs"]
    n_bench, n_tried = settings["benchmark"]["n_items"], settings["pass_at_k"]["n_items"]
    n_pairs = pairs_each(feedback)
    all_models = n_bench * len(settings["roles"]["contestants"])
    rows = [
        ("05 feedback", "revisions that keep the rules", n, n_pairs),
        ("06 validation", "pairs whose order holds", min(n, n_judged), 2 * n_judged / min(n, n_judged)),
        ("07 agreement", "same choice of a model and the raters", pool["n_panel_personas"], pool["n_panel_items"]),
        ("08 ablation", "choices that one attribute flips", ablation["n_personas"], ablation["n_questions"]),
        ("08 ablation", "choices as of the whole persona", pool["n_panel_personas"], pool["n_items"]),
        ("09 benchmark", "answers of one model that pass in one mode", min(n, n_bench), n_bench / min(n, n_bench)),
        ("09 benchmark", "answers of all models that pass in one mode", min(n, n_bench), all_models / min(n, n_bench)),
        ("10 pass_at_k", "items of one model that pass at all", min(n, n_tried), n_tried / min(n, n_tried)),
        ("11 pluralism", "choices with the majority, of a tenth of the personas", n // 10, pool["n_items"]),
    ]  # fmt: skip
    found = pd.DataFrame(rows, columns=["notebook", "what", "n_personas", "units_each"])
    each = [precision(row.n_personas, row.units_each) for row in found.itertuples()]
    return found.join(pd.DataFrame(each))
