"""Leave one attribute out: short personas with and without it, judged on the pool (paper, Figure 5)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from persona_lib.messages.ask import Ask
from persona_lib.stages.judging import choose, half_swapped
from persona_lib.tables.descriptions import line, values_of
from persona_lib.tables.schema import TOLD, SchemaError, attributes
from persona_lib.tables.streams import generator, shard_of
from persona_lib.tables.values import PLACEBO

LETTERS = list("BCDFGHKLMNPRSTVW")


def plan_ablation(
    items: pd.DataFrame,
    personas: pd.DataFrame,
    *,
    n_personas: int,
    n_questions: int,
    n_shown: int,
    judge: str,
    seed: int,
    attributes: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Short personas without an attribute, with it, and without it asked again; so for a placebo.

    Every attribute, or each of `attributes`, gets `n_personas` random personas to whom it applies
    (others only where too few do), each reduced to `n_shown` random other attributes; the same `n_questions` items of
    the pool for all. The placebo line says nothing of substance: a favourite letter.

    Returns
    -------
    One row per attribute, persona, item and arm: those, shown_attributes (joined by '|'),
    persona (the description shown), swapped (the same in the three arms), endpoint, sample
    (1 in arm repeat) and the items' prompt_id, answer_a_id, answer_b_id.

    Raises
    ------
    SchemaError
        If there are fewer personas or items than asked for, or a description lacks a line.
    """
    if len(items) < n_questions:
        raise SchemaError(f"ablation: {len(items)} items in the pool, but ablation.n_questions = {n_questions}")
    if len(personas) < n_personas:
        raise SchemaError(f"ablation: {len(personas)} personas, but ablation.n_personas = {n_personas}")
    names = _names()
    if not 1 <= n_shown < len(names):
        raise SchemaError(f"ablation: n_shown = {n_shown} must be between 1 and {len(names) - 1}")
    drawn = generator(seed, "leave_one_out.items").choice(len(items), size=n_questions, replace=False)
    asked = items.sort_values("item_id").iloc[np.sort(drawn)]
    said = {row.persona_id: values_of(row.description) for row in personas.sort_values("persona_id").itertuples()}
    for persona_id, own in said.items():
        if missing := [name for name in names if name not in own]:
            raise SchemaError(f"ablation: the description of {persona_id} has no line for {missing[0]}")
    short, swapped = [], []
    for name in [*(names if attributes is None else attributes), PLACEBO]:
        rng = generator(seed, "leave_one_out", name)
        order = [list(said)[i] for i in rng.permutation(len(said))]
        for persona_id in sorted(order, key=lambda key: not _applies(said[key].get(name, "any")))[:n_personas]:
            own, letter = said[persona_id], rng.choice(LETTERS)
            others = [other for other in names if other != name]
            told = [other for other in others if _applies(own[other])]
            told = told if len(told) >= n_shown else others
            shown = [told[i] for i in np.sort(rng.choice(len(told), size=n_shown, replace=False))]
            wide = [other for other in names if other in shown or other == name]
            lines = {key: line(key, own[key]) for key in wide}
            extra = [f"Favourite letter: {letter}"] if name == PLACEBO else []
            texts = ["\n".join([lines[key] for key in keys] + more) for keys, more in ((shown, []), (wide, extra))]
            short.append((name, persona_id, "|".join(shown), *texts))
            swapped.append(half_swapped(n_questions, seed, "leave_one_out.order", name, persona_id))
    cells = pd.DataFrame(short, columns=["attribute", "persona_id", "shown_attributes", "without", "with"])
    cells = cells.merge(asked, how="cross").assign(swapped=np.concatenate(swapped), endpoint=judge)
    arms = [("without", "without", 0), ("with", "with", 0), ("repeat", "without", 1)]
    plan = [cells.assign(arm=arm, persona=cells[text], sample=sample) for arm, text, sample in arms]
    return pd.concat(plan, ignore_index=True).drop(columns=["without", "with"])


def _applies(value: str) -> bool:
    return value not in ("", *TOLD.values())


def _names() -> list[str]:
    return attributes()["attribute"].tolist()


def judge_ablation(plan: pd.DataFrame, prompts: pd.DataFrame, pool_answers: pd.DataFrame, *, ask: Ask) -> pd.DataFrame:
    """Ask for every planned choice: table `ablation_judgements`."""
    rows = plan.assign(prompt=plan["prompt_id"].map(prompts.set_index("prompt_id")["text"]))
    if rows["prompt"].isna().any():
        raise SchemaError(f"ablation: no prompt {rows.loc[rows['prompt'].isna(), 'prompt_id'].iloc[0]}")
    key = ["attribute", "persona_id", "item_id", "arm", "shown_attributes", "swapped"]
    return plan[key].join(choose(rows, pool_answers, ask=ask)).reset_index(drop=True)


def collect_ablation(tables: dict, settings: dict, *, shard: int, of: int, ask: Ask) -> None:
    """Ask the judge about the pool items of one shard, with and without each attribute."""
    plan = plan_ablation(
        tables["pool_items"],
        tables["personas"],
        **settings["ablation"],
        judge=ask.roles["judge"],
        seed=settings["seed"],
    )
    mine = plan[[shard_of(key, of) == shard for key in plan["item_id"]]]
    judge_ablation(mine, tables["prompts"], tables["pool_answers"], ask=ask)
