"""A second opinion on the leave-one-out: are choices of different arms more often different than choices of one arm?

The excess of `ablation` takes means and clusters their errors. Here the same choices enter a logistic regression with
random effects of persona and question: of every question, the two pairs of choices from different arms, and the two of
one arm. The odds ratio is 1 (its logarithm 0) where the attribute changes nothing. Within a question the pairs share
choices, which the model takes as independent.
"""

from __future__ import annotations

import pandas as pd

from persona_lib.estimating.mixed import crossed_logit
from persona_lib.tables.values import ARMS

CLUSTERS = ["persona_id", "item_id"]
BETWEEN = (("without", "with"), ("without_again", "with_again"))
WITHIN = (("without", "without_again"), ("with", "with_again"))


def flip_pairs(compared: pd.DataFrame) -> pd.DataFrame:
    """Four pairs of choices of every question.

    Parameters
    ----------
    compared : rows of `ablation.flips`

    Returns
    -------
    attribute, persona_id, item_id; is_between: 1 for choices of different arms, 0 for one arm asked twice; differs:
    1.0, 0.0, or NaN where one of the four choices is missing.

    Examples
    --------
    >>> one = pd.DataFrame({"attribute": ["sex"], "persona_id": "p", "item_id": "i", "without": 0.0,
    ...                     "without_again": 0.0, "with": 1.0, "with_again": 0.0})
    >>> flip_pairs(one)[["is_between", "differs"]].values.tolist()
    [[1.0, 1.0], [1.0, 0.0], [0.0, 0.0], [0.0, 1.0]]
    """
    known = compared[list(ARMS)].notna().all(axis=1)
    parts = []
    for is_between, pairs in ((1, BETWEEN), (0, WITHIN)):
        for first, second in pairs:
            differs = (compared[first] != compared[second]).astype(float).where(known)
            parts.append(compared[["attribute", *CLUSTERS]].assign(is_between=is_between, differs=differs))
    return pd.concat(parts, ignore_index=True)


def flip_odds_statistics(compared: pd.DataFrame) -> pd.DataFrame:
    """Rows of table `influences`: flip_log_odds of each attribute and the placebo, above 0 where it changes choices.

    Parameters
    ----------
    compared : rows of `ablation.flips` on the pool's pairs; n and n_excluded count pairs of choices, four a question
    """
    rows = []
    for attribute, part in flip_pairs(compared).groupby("attribute"):
        found = crossed_logit(part, value="differs", on="is_between", clusters=CLUSTERS)
        rows.append(found.slope.row("flip_log_odds", str(attribute)))
    return pd.DataFrame(rows)
