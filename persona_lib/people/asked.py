"""How well a model tells a person's next answer from k past answers, and from a description: the learning curve."""

from __future__ import annotations

import pandas as pd

from persona_lib.estimating.resample import MIN_CLUSTERS, clustered_mean, clustered_rate
from persona_lib.tables.values import DESCRIPTION

RIGHT, GAIN = "right_asked", "gain_asked"
CLUSTERS = ["person_id", "item_id"]


def asked_history_statistics(found: pd.DataFrame, *, whose: str) -> list[dict]:
    """right_asked of each way in which a person is given, and gain_asked over nothing told, cell by cell.

    right_asked is the share of replies that name what the person answered; gain_asked the mean of its differences to
    `k=0` on the same person and item: 0 where what is shown tells the model nothing. Intervals are clustered by person
    and by item, by person alone where there are too few items to tell how they differ (`MIN_CLUSTERS`): the numbers are
    then about these items.

    Parameters
    ----------
    found : what `stages.history` returns: person_id, item_id, given_as, is_right (NaN unless ok)
    whose : where the people are from; a group is `whose|k=2` or `whose|description`

    Returns
    -------
    Rows of a table of statistics, by k, the description last; none where nobody was asked.
    """
    if found.empty:
        return []
    ways = sorted(found["given_as"].unique(), key=lambda way: (way == DESCRIPTION, way != DESCRIPTION and int(way[2:])))
    by_way = found.pivot(index=CLUSTERS, columns="given_as", values="is_right")
    few = found["item_id"].nunique() < MIN_CLUSTERS
    clusters = CLUSTERS[:1] if few else CLUSTERS
    rows = []
    for way in ways:
        part = by_way[way].rename("right").reset_index()
        rows.append(clustered_rate(part, value="right", clusters=clusters).row(RIGHT, f"{whose}|{way}"))
    for way in ways[1:]:
        apart = (by_way[way] - by_way[ways[0]]).rename("gain").reset_index()
        gain = clustered_mean(apart, value="gain", clusters=clusters, within=(-1.0, 1.0))
        rows.append(gain.row(GAIN, f"{whose}|{way}"))
    return rows
