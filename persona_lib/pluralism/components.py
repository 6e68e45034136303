"""What makes choices differ: components of the variance of a model's choices [1]_.

Of a choice by the lead model, the share of the variance that is the question's (some answers please everybody), the
persona's (some prefer the unusual answer everywhere), the two together (who prefers what), the judge's (what this model
sees otherwise than others), and the run's (what it says otherwise when asked again). Each comes from how alike two
choices are that have only some of these in common, so nothing is fitted.

References
----------
.. [1] S. R. Searle, G. Casella, C. E. McCulloch (1992). Variance Components, chapter 4: from expected mean squares.
"""

from __future__ import annotations

import numpy as np

from persona_lib.estimating.matrix import in_common
from persona_lib.pluralism.grids import Panel, Statistic, jackknifed

# Each with the scale on which its interval is symmetric. The questions' part of few questions is skewed: an interval
# symmetric in the part itself ends too low in 8 % of studies, one in its log odds in 2 % (benchmarks/README.md).
COMPONENTS = {"persona": "plain", "prompt": "logit", "persona_prompt": "plain", "judge": "plain", "run": "plain"}


def alike(cells: np.ndarray, first: np.ndarray, second: np.ndarray) -> dict[str, np.ndarray]:
    """Mean product of two judges' choices: of the same cell, of one item, of one persona, and of neither in common.

    Parameters
    ----------
    cells : panels x personas x items, 1 where a cell counts
    first, second : choices or chances of answer b, personas x items
    """
    return {name: total / n for name, (total, n) in in_common(cells, first, second).items()}


def shares(
    cells: np.ndarray, lead: np.ndarray, others: list[np.ndarray], again: np.ndarray, square: np.ndarray
) -> dict[str, np.ndarray]:
    """The share of each component in the variance of the lead's choices; they sum to 1, and one may be below 0.

    Parameters
    ----------
    lead, others, again : choices of the lead model, of other models, and of the lead when asked again
    square : the lead's choices squared, which for choices are the choices themselves
    """
    pairs = [alike(cells, lead, other) for other in others]
    mean = {name: np.mean([pair[name] for pair in pairs], axis=0) for name in pairs[0]}
    n = cells.sum(axis=(1, 2))
    repeated, single = (cells * lead * again).sum(axis=(1, 2)) / n, (cells * square).sum(axis=(1, 2)) / n
    found = {
        "persona": mean["persona"] - mean["none"],
        "prompt": mean["item"] - mean["none"],
        "persona_prompt": mean["cell"] - mean["item"] - mean["persona"] + mean["none"],
        "judge": repeated - mean["cell"],
        "run": single - repeated,
    }
    total = single - mean["none"]
    return {name: np.where(total > 0, part / np.where(total > 0, total, 1), np.nan) for name, part in found.items()}


def component(lead: np.ndarray, others: list[np.ndarray], again: np.ndarray, name: str) -> Statistic:
    """The statistic: one of the `COMPONENTS`."""
    grids = [np.nan_to_num(grid) for grid in (lead, *others, again)]
    return lambda cells: shares(cells, grids[0], grids[1:-1], grids[-1], grids[0])[name]


def component_statistics(panel: Panel) -> list[dict]:
    """variance_share of the `COMPONENTS` for the lead model; no row with one model alone, or without raters' cells.

    The part of the prompts has no interval where its estimate is below 0.
    """
    others = [grid for model, grid in panel.models.items() if model != panel.lead]
    if not others or not len(panel.weights):
        return []
    lead = panel.models[panel.lead]
    known = ~np.isnan(np.array([lead, panel.again, *others])).any(axis=0)
    what = "part of the variance of the lead model's choices"
    return [
        jackknifed(component(lead, others, panel.again, name), known, scale=scale, what=what, within=(-1, 1)).row(
            "variance_share", name
        )
        for name, scale in COMPONENTS.items()
    ]
