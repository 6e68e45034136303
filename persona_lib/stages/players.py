"""Who plays which role: the model behind every endpoint, what kind it is, and where one judges its own work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import pandas as pd

from persona_lib.messages.ask import Roles
from persona_lib.messages.endpoint import SIMULATOR, Endpoint, used

JUDGES = {  # a role that judges, and those whose work or whose stand-in it is
    "judge": ("answerer", "critic", "reviser"),
    "raters": ("panel",),
    "examiner": ("contestants",),
}
WHAT = {
    "judge": "judges answers of its own",
    "raters": "plays the raters that it is compared with: its agreement with them is agreement with itself",
    "examiner": "examines answers of its own",
}


def kind(endpoint: Endpoint) -> str:
    """'simulated' for an endpoint of our simulator, 'model' for any other; people have no endpoint.

    Examples
    --------
    >>> kind(Endpoint("large", "sim-large", SIMULATOR)), kind(Endpoint("mine", "m", "https://there/v1"))
    ('simulated', 'model')
    """
    return "simulated" if endpoint.base_url == SIMULATOR else "model"


def players(endpoints: Mapping[str, Endpoint], roles: Roles) -> pd.DataFrame:
    """Which model plays which role: one row per role and endpoint, with endpoint, model and kind.

    Examples
    --------
    >>> mine = Endpoint("mine", "m", "https://there/v1")
    >>> players({"mine": mine}, {"judge": "mine", "panel": ["mine"]}).values.tolist()
    [['judge', 'mine', 'm', 'model'], ['panel', 'mine', 'm', 'model']]
    """
    there = used(endpoints, roles)
    rows = [
        (role, alias, there[alias].model, kind(there[alias]))
        for role, named in cast(Mapping[str, str | list[str]], roles).items()
        for alias in ([named] if isinstance(named, str) else named)
    ]
    return pd.DataFrame(rows, columns=["role", "endpoint", "model", "kind"])


def self_judging(endpoints: Mapping[str, Endpoint], roles: Roles) -> list[str]:
    """One sentence for every model that judges itself: judge and writer, rater and panel, examiner and contestant.

    Two endpoints with one address and one model are one model.

    Examples
    --------
    >>> mine, other = Endpoint("mine", "m", "https://there/v1"), Endpoint("other", "n", "https://there/v1")
    >>> self_judging({"mine": mine, "other": other}, {"raters": "mine", "panel": ["other", "mine"]})
    ['mine plays the raters that it is compared with: its agreement with them is agreement with itself']
    >>> self_judging({"mine": mine, "other": other}, {"raters": "mine", "panel": ["other"]})
    []
    """
    there, who = used(endpoints, roles), players(endpoints, roles)
    model = {alias: (one.base_url, one.model) for alias, one in there.items()}
    found = []
    for judging, judged in JUDGES.items():
        own = {model[alias] for alias in who.loc[who["role"].isin(judged), "endpoint"]}
        of_role = who.loc[who["role"] == judging, "endpoint"]
        found += [f"{alias} {WHAT[judging]}" for alias in of_role if model[alias] in own]
    return found
