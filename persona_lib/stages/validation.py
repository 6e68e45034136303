"""Do pairs say what their personas prefer? Which pairs are judged, as whom, in which order."""

from __future__ import annotations

import numpy as np
import pandas as pd

from persona_lib.messages.ask import Ask
from persona_lib.stages.judging import judge
from persona_lib.stages.steps import of_shard
from persona_lib.tables.schema import SchemaError
from persona_lib.tables.streams import generator


def plan_validation(
    pairs: pd.DataFrame, personas: pd.DataFrame, *, n_pairs: int, judge: str, seed: int
) -> pd.DataFrame:
    """Judge `n_pairs` random pairs as their own persona, by its stated values alone, as another and as nobody.

    Each in both orders. Answer a is the rejected, answer b the chosen one. Only pairs whose revision
    succeeded can be judged: where there are fewer, all of them are, or none. The other persona is drawn uniformly, a
    new one for every pair.

    Raises
    ------
    SchemaError
        If there is no other persona.
    """
    usable = pairs[pairs["status"] == "ok"].sort_values("pair_id")
    n_pairs = min(n_pairs, len(usable))
    if personas["persona_id"].nunique() < 2:
        raise SchemaError("validation: a swapped persona needs at least two personas")
    rng = generator(seed, "judging.validation")
    drawn = usable.iloc[np.sort(rng.choice(len(usable), size=n_pairs, replace=False))]
    ids = np.sort(personas["persona_id"].unique())
    own = np.searchsorted(ids, drawn["persona_id"].to_numpy(dtype=object))
    other = ids[(own + rng.integers(1, len(ids), size=n_pairs)) % len(ids)]
    base = pd.DataFrame(
        {
            "item_id": drawn["pair_id"].to_numpy(),
            "prompt_id": drawn["prompt_id"].to_numpy(),
            "answer_a_id": drawn["rejected_answer_id"].to_numpy(),
            "answer_b_id": drawn["chosen_answer_id"].to_numpy(),
            "rater_id": judge,
            "role": "judge",
            "endpoint": judge,
            "sample": 0,
            "repeat": 0,
        }
    )
    own_ids = drawn["persona_id"].to_numpy()
    shown = [(own_ids, "all"), (own_ids, "values"), (other, "all"), ("", "none")]
    arms = [
        base.assign(persona_shown_id=who, lines_shown=lines, swapped=order)
        for who, lines in shown
        for order in (False, True)
    ]
    return pd.concat(arms, ignore_index=True).sort_values("item_id", kind="stable").reset_index(drop=True)


def collect_validation(tables: dict, settings: dict, *, shard: int, of: int, ask: Ask) -> None:
    """Ask the judge about the pairs of one shard's prompts: equal texts of one prompt meet in one shard."""
    plan = plan_validation(
        tables["pairs"],
        tables["personas"],
        **settings["validation"],
        judge=ask.roles["judge"],
        seed=settings["seed"],
    )
    mine = of_shard(plan, "prompt_id", shard=shard, of=of)
    judge(mine, tables["personas"], tables["prompts"], tables["answers"], ask=ask)
