"""The gold comparison: which of the pool's two answers does a model pick for a persona whose raters are known?"""

from __future__ import annotations

import numpy as np
import pandas as pd

from persona_lib.messages.ask import Ask
from persona_lib.stages.judging import half_swapped, judge
from persona_lib.stages.steps import of_shard
from persona_lib.tables.schema import SchemaError
from persona_lib.tables.streams import generator


def plan_comparison(
    items: pd.DataFrame, judgements: pd.DataFrame, *, n_personas: int, contestants: list[str], seed: int
) -> pd.DataFrame:
    """Every contestant chooses on the items that raters judged, as random personas whose raters judged them.

    Parameters
    ----------
    items, judgements : tables `pool_items` and `pool_judgements`

    Returns
    -------
    One row per choice, columns as in `plan_pool`.

    Raises
    ------
    SchemaError
        Raters judged for fewer personas.
    """
    rated = judgements.loc[judgements["role"] == "rater", ["item_id", "persona_shown_id"]].drop_duplicates()
    everyone = np.sort(rated["persona_shown_id"].unique())
    if n_personas > len(everyone):
        raise SchemaError(f"comparison: raters judged for {len(everyone)} personas, not {n_personas}; ask for fewer")
    someone = generator(seed, "comparison.personas").choice(everyone, size=n_personas, replace=False)
    cells = rated[rated["persona_shown_id"].isin(someone)].merge(items, on="item_id", validate="m:1")
    cells = cells.sort_values(["persona_shown_id", "item_id"], ignore_index=True)
    swapped = [
        half_swapped(len(part), seed, "comparison.order", str(key))
        for key, part in cells.groupby("persona_shown_id", sort=True)
    ]
    cells = cells.assign(swapped=np.concatenate(swapped), lines_shown="all", repeat=0, sample=0, role="panel")
    return cells.merge(pd.DataFrame({"rater_id": contestants, "endpoint": contestants}), how="cross")


def collect_comparison(tables: dict, settings: dict, *, shard: int, of: int, ask: Ask) -> None:
    """Ask for the choices of one shard."""
    asked = {"contestants": ask.roles["contestants"], "seed": settings["seed"]}
    plan = plan_comparison(tables["pool_items"], tables["pool_judgements"], **settings["comparison"], **asked)
    mine = of_shard(plan, "item_id", shard=shard, of=of).reset_index(drop=True)
    judge(mine, tables["personas"], tables["prompts"], tables["pool_answers"], ask=ask)
