"""Pass rates of groups that meet: women of 70 and more, conservatives of one race, and so on."""

from __future__ import annotations

from itertools import combinations

import pandas as pd

from persona_lib.estimating import resample
from persona_lib.measuring.benchmark import CLUSTERS, own_attempts
from persona_lib.tables import schema
from persona_lib.tables.groups import MIN_GROUP, persona_groups


def intersection_statistics(attempts: pd.DataFrame, personas: pd.DataFrame, *, mode: str) -> pd.DataFrame:
    """Pass rate of every combination of two groups with at least `MIN_GROUP` personas, and of every group.

    Parameters
    ----------
    attempts : table `attempts`
    personas : table `personas`
    mode : of the attempts

    Returns
    -------
    Statistics: pass_rate of `attribute=value` and of `attribute=value & attribute=value`; errors clustered by persona
    and prompt. No rows where no group is large enough.
    """
    own = own_attempts(attempts)
    own = own[own["mode"] == mode]
    wide = persona_groups(personas).pivot(index="persona_id", columns="attribute", values="value")
    wide = wide.loc[wide.index.isin(own["persona_id"])]
    rows = []
    for names in [*((one,) for one in wide.columns), *combinations(wide.columns, 2)]:
        for values, members in wide.groupby(list(names)):
            if len(members) >= MIN_GROUP:
                group = " & ".join(f"{name}={value}" for name, value in zip(names, values, strict=True))
                part = own[own["persona_id"].isin(members.index)]
                rows.append(resample.clustered_rate(part, value="passed", clusters=CLUSTERS).row("pass_rate", group))
    return pd.DataFrame(rows, columns=list(schema.tables()["benchmark"].columns))
