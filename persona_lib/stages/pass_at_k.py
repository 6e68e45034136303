"""Repeated attempts at PERSONA Bench items (paper, Figure 12)."""

from __future__ import annotations

import pandas as pd

from persona_lib.messages.ask import Ask
from persona_lib.stages.benchmark import collect_planned, cross, draw_items

ATTEMPTED = ("chain_of_thought", "output_only", "baseline")
REEXAMINED = ("chain_of_thought", "baseline")


def plan_pass_at_k(
    personas: pd.DataFrame, prompts: pd.DataFrame, *, n_items: int, n_attempts: int, contestants: list[str], seed: int
) -> pd.DataFrame:
    """Every contestant attempts every item `n_attempts` times: chain of thought, output only, and without the persona.

    Chain of thought is the paper's arm. What any-of-k gains in the arm without a persona (mode baseline) is variety
    of the answers and noise of the examiner together. To tell them apart the first answer of the modes `REEXAMINED`
    is examined `n_attempts` times too: what any-of-k gains there is noise alone.
    Columns and errors as in `plan_benchmark`.
    """
    items = draw_items(personas, prompts, n_items, seed, "pass_at_k").drop(columns="other_persona_id")
    fresh = cross(items, contestants, ATTEMPTED, n_attempts)
    first = fresh[(fresh["attempt"] == 0) & fresh["mode"].isin(REEXAMINED)].drop(columns="examination")
    again = first.merge(pd.DataFrame({"examination": range(1, n_attempts)}), how="cross")
    return pd.concat([fresh, again], ignore_index=True)


def collect_pass_at_k(tables: dict, settings: dict, *, shard: int, of: int, ask: Ask) -> None:
    """Ask for the repeated attempts of one shard and their examination."""
    collect_planned("pass_at_k", plan_pass_at_k, tables, settings, shard=shard, of=of, ask=ask)
