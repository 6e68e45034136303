"""Repeated attempts at PERSONA Bench items (paper, Figure 12)."""

from __future__ import annotations

import pandas as pd

from persona_lib.messages.ask import Ask
from persona_lib.stages.benchmark import cross, draw_items, of_shard, run


def plan_pass_at_k(
    personas: pd.DataFrame, prompts: pd.DataFrame, *, n_items: int, n_attempts: int, contestants: list[str], seed: int
) -> pd.DataFrame:
    """Every contestant attempts every item `n_attempts` times, with the persona and without.

    The arm without a persona (mode baseline) tells how far any-of-k rewards the examiner's noise.
    Columns and errors as in `plan_benchmark`.
    """
    items = draw_items(personas, prompts, n_items, seed, "pass_at_k").drop(columns="other_persona_id")
    return cross(items, contestants, ["output_only", "baseline"], n_attempts)


def collect_pass_at_k(tables: dict, settings: dict, *, shard: int, of: int, ask: Ask) -> None:
    """Ask for the repeated attempts of one shard and their examination."""
    personas, prompts = tables["personas"], tables["prompts"]
    plan = plan_pass_at_k(
        personas,
        prompts,
        **settings["pass_at_k"],
        contestants=ask.roles["contestants"],
        seed=settings["seed"],
    )
    run(of_shard(plan, plan["prompt_id"], shard=shard, of=of), personas, prompts, ask=ask)
