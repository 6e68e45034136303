"""Leave one attribute out: short personas with and without it choose between two answers.

Two kinds of pairs are put to them. As in the paper (Figure 5) every baseline answer is criticised and rewritten for
each short persona (`revised`). It is rewritten once, for the persona with the attribute: both arms then judge the same
two answers, without which their choices could not be compared. But nearly every choice between an answer and its
revision is for the revision, so these pairs tell little apart; beside them stand the `pool`'s pairs, whose two answers
please different readers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from persona_lib.messages.ask import Ask
from persona_lib.stages.feedback import answer_rows
from persona_lib.stages.judging import choose, half_swapped
from persona_lib.stages.refining import refine, with_ids
from persona_lib.stages.steps import of_shard
from persona_lib.tables.descriptions import line, values_of
from persona_lib.tables.schema import TOLD, SchemaError, attributes
from persona_lib.tables.streams import generator
from persona_lib.tables.values import ARMS, PLACEBO

LETTERS = list("BCDFGHKLMNPRSTVW")
AGAIN = "_again"  # ends the name of the arm that asks the same once more


def plan_ablation(
    items: pd.DataFrame,
    personas: pd.DataFrame,
    *,
    n_personas: int,
    n_questions: int,
    n_shown: int,
    seed: int,
    attributes: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Short personas without an attribute and with it, and the questions put to them; so for a placebo.

    Every attribute, or each of `attributes`, gets `n_personas` random personas to whom it applies
    (others only where too few do), each reduced to `n_shown` random other attributes; the same `n_questions` items of
    the pool for all. The placebo line says nothing of substance: a favourite letter.

    Returns
    -------
    One row per attribute, persona and item: those, shown_attributes (joined by '|'), the descriptions `without` and
    `with`, swapped (the same in all arms), and the items' prompt_id, answer_a_id, answer_b_id.

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
    short, swapped, everyone = [], [], list(said)
    for name in [*(names if attributes is None else attributes), PLACEBO]:
        rng = generator(seed, "leave_one_out", name)
        order = [everyone[i] for i in rng.permutation(len(everyone))]
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
    return cells.merge(asked, how="cross").assign(swapped=np.concatenate(swapped))


def _applies(value: str) -> bool:
    return value not in ("", *TOLD.values())


def _names() -> list[str]:
    return attributes()["attribute"].tolist()


def run_ablation(
    plan: pd.DataFrame,
    prompts: pd.DataFrame,
    pool_answers: pd.DataFrame,
    *,
    template: str,
    max_retries: int,
    ask: Ask,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rewrite the baseline answers and ask for every choice: tables `ablation_judgements` and `ablation_answers`.

    Parameters
    ----------
    plan : the result of `plan_ablation`, or some of its rows
    template, max_retries : of the critique and the rewriting, as in `refining.refine`

    Raises
    ------
    SchemaError
        The plan names a prompt or an answer that the tables lack.
    """
    texts, baselines = prompts.set_index("prompt_id")["text"], pool_answers.set_index("answer_id")
    for column, known in (("prompt_id", texts), ("answer_a_id", baselines)):
        if unknown := sorted(set(plan[column]) - set(known.index)):
            raise SchemaError(f"ablation: no {column} {unknown[0]!r} in the tables")
    rows = plan.reset_index(drop=True)
    rows = rows.assign(
        prompt=rows["prompt_id"].map(texts),
        revision=rows["attribute"] + "." + rows["persona_id"] + "." + rows["prompt_id"],
        endpoint=ask.roles["judge"],
    )
    first = baselines.loc[rows["answer_a_id"], ["text", "status", "request_hash"]].set_axis(rows.index)
    before = rows.join(first).assign(template=template, description=rows["with"])
    _, tries = refine(before, max_retries=max_retries, ask=ask)
    written = with_ids(tries.join(rows[["revision", "persona_id", "prompt_id"]], on="row"), key="revision")
    revised = rows.assign(pairs="revised", answer_b_id="revision." + rows["revision"])
    final = tries[tries["stands"]].set_index("row").assign(answer_id=revised["answer_b_id"])
    both = pd.concat([revised, rows.assign(pairs="pool")], ignore_index=True)
    known_answers = pd.concat([pool_answers, final], ignore_index=True)
    key = ["attribute", "persona_id", "item_id", "pairs", "arm", "shown_attributes", "swapped"]
    choices = []
    for arm in ARMS:  # one after the other, so that a quarter of the requests is in memory at once
        wanted = both.assign(arm=arm, persona=both[arm.removesuffix(AGAIN)], sample=int(arm.endswith(AGAIN)))
        choices.append(wanted[key].join(choose(wanted, known_answers, ask=ask)))
    return pd.concat(choices, ignore_index=True), answer_rows(written)


def collect_ablation(tables: dict, settings: dict, *, shard: int, of: int, ask: Ask) -> None:
    """Ask the judge about the pool items of one shard, with and without each attribute."""
    plan = plan_ablation(tables["pool_items"], tables["personas"], **settings["ablation"], seed=settings["seed"])
    mine = of_shard(plan, "item_id", shard=shard, of=of)
    how = {key: settings["feedback"][key] for key in ("template", "max_retries")}
    run_ablation(mine, tables["prompts"], tables["pool_answers"], **how, ask=ask)
