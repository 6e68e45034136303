"""Is a choice met less often, the further a persona stands from the majority on that very question?

The paper's central claim, on choices. A persona's raters say where it stands on a question of the pool; the majority
distance is the share of the *other* personas whose raters choose the other answer. Whether the representative answer,
the one given without a persona, and whether a model's choice is right is asked of another rater, who had no part in the
distance: if one rater's slip moved both, slips alone would look like the claim.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from persona_lib.estimating import resample
from persona_lib.estimating.logit import Logit, clustered_logit
from persona_lib.measuring import agreement

CLUSTERS = ["persona_id", "item_id"]
REPRESENTATIVE, ANOTHER = "representative", "another_rater"
KNOWN = [*CLUSTERS, "rater", "distance"]


def departures(judgements: pd.DataFrame, items: pd.DataFrame) -> pd.DataFrame:
    """Majority distance and who is right, for every rater held out in turn.

    Parameters
    ----------
    judgements : table `pool_judgements`
    items : table `pool_items`

    Returns
    -------
    One row per persona, item and held-out rater: distance in [0, 1], by the majority of the other raters (an even
    number of them may be split: NaN); whether right by the held-out rater's choice, 1.0, 0.0 or NaN where one of the
    choices is missing: representative, one column for each model, and another_rater (the first of the others). No rows
    with fewer than two raters.
    """
    coded = agreement.choices(judgements, items)
    persona_ids, item_ids = np.array(coded.personas, dtype="str"), np.array(coded.items, dtype="str")
    parts = [pd.DataFrame(columns=[*KNOWN, REPRESENTATIVE, *coded.models, ANOTHER])]
    for number, held_out in enumerate(coded.raters if len(coded.raters) > 1 else []):
        others = [rater for rater in coded.raters if rater != held_out]
        asked = np.logical_and.reduce([coded.asked[rater] == 1 for rater in coded.raters])
        at, judged = np.nonzero(asked), coded.content[held_out]
        found = {REPRESENTATIVE: np.zeros_like(judged)} | {name: coded.content[name] for name in coded.models}
        found[ANOTHER] = coded.content[others[0]]
        right = {name: np.where(np.isnan(grid + judged), np.nan, grid == judged) for name, grid in found.items()}
        distance = _distance(agreement.majority([coded.content[rater] for rater in others]))
        columns = {"persona_id": persona_ids[at[0]], "item_id": item_ids[at[1]], "rater": number + 1}
        parts.append(pd.DataFrame(columns | {"distance": distance[at]} | {k: v[at] for k, v in right.items()}))
    return pd.concat(parts[1:] or parts, ignore_index=True)


def _distance(side: np.ndarray) -> np.ndarray:
    """The share of the others, item by item, that stand on the other side."""
    known = (~np.isnan(side)).astype("float64")
    n_others = known.sum(axis=0) - known
    for_b = np.nansum(side, axis=0) - np.nan_to_num(side)
    share_b = np.where(n_others > 0, for_b / np.where(n_others > 0, n_others, 1), np.nan)
    return np.where(side == 1, 1 - share_b, np.where(side == 0, share_b, np.nan))


def names_of(departed: pd.DataFrame) -> list[str]:
    """Whose being right stands in the table: representative, the models, another_rater."""
    return [name for name in departed.columns if name not in KNOWN]


def lines(departed: pd.DataFrame) -> dict[str, Logit]:
    """The clustered logit of being right on the majority distance, by name."""
    return {
        name: clustered_logit(departed, value=name, on="distance", clusters=CLUSTERS) for name in names_of(departed)
    }


def departure_statistics(departed: pd.DataFrame) -> list[dict]:
    """How often the representative answer and each model are right, near the majority and far, and by distance.

    Returns
    -------
    Rows of table `pluralism`: accuracy of `name|near` (distance below one half) and `name|far` (above), and
    accuracy_by_distance of `name`: the average marginal effect of a tenth of the distance.
    """
    rows = []
    for name, line in lines(departed).items():
        for side, inside in (("near", departed["distance"] < 0.5), ("far", departed["distance"] > 0.5)):
            rate = resample.clustered_rate(departed[inside], value=name, clusters=CLUSTERS)
            rows.append(rate.row("accuracy", f"{name}|{side}"))
        tenth = {end: getattr(line.effect, end) / 10 for end in ("estimate", "low", "high")}
        rows.append(replace(line.effect, **tenth).row("accuracy_by_distance", name))
    return rows
