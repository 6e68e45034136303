"""The gold comparison of written answers: a model writes for a persona, and the examiner says which side that takes.

Beside `comparison`, where a model picks one of the pool's two answers. Here it writes its own, and a judge who is told
neither the persona nor the model says which of the two known answers it is nearer to.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from persona_lib.messages.ask import Ask
from persona_lib.stages import steps
from persona_lib.stages.judging import half_swapped
from persona_lib.tables.schema import SchemaError, tables
from persona_lib.tables.streams import generator

NEAREST = {("A", False): "a", ("B", False): "b", ("A", True): "b", ("B", True): "a"}  # by what is said, and if swapped


def plan_given(pool: pd.DataFrame, *, n_personas: int, contestants: list[str], seed: int) -> pd.DataFrame:
    """Every contestant writes for panel personas on the items of the pool that raters judge.

    Parameters
    ----------
    pool : what `plan_pool` returned
    n_personas : random panel personas; all where there are fewer

    Returns
    -------
    One row per item, persona and model: item_id, prompt_id, answer_a_id, answer_b_id, persona_id, model, swapped (the
    judge sees answer b first: of each persona's items a random half, drawn anew for each model).
    """
    cells = pool[pool["role"] == "rater"].rename(columns={"persona_shown_id": "persona_id"})
    cells = cells[["item_id", "prompt_id", "answer_a_id", "answer_b_id", "persona_id"]].drop_duplicates()
    everyone = np.sort(cells["persona_id"].unique())
    drawn = generator(seed, "judging.pool.given.personas").permutation(everyone)[:n_personas]
    plan = cells[cells["persona_id"].isin(drawn)].merge(pd.DataFrame({"model": contestants}), how="cross")
    plan["swapped"] = False
    for (model, key), part in plan.groupby(["model", "persona_id"]):
        plan.loc[part.index, "swapped"] = half_swapped(len(part), seed, "judging.pool.given", model, key)
    return plan


def give(
    plan: pd.DataFrame, personas: pd.DataFrame, prompts: pd.DataFrame, answers: pd.DataFrame, *, ask: Ask
) -> pd.DataFrame:
    """Let every planned answer be written and placed: table `given_answers`.

    Where one of the item's two answers is not ok nothing is written, and where none was written nothing is placed: the
    row keeps the status and the request at which it ended.

    Parameters
    ----------
    plan : what `plan_given` returned, or some of its rows
    answers : table `pool_answers`

    Raises
    ------
    SchemaError
        A persona, a prompt or an answer of the plan is not in its table.
    """
    known = {
        "persona_id": personas.set_index("persona_id")["description"],
        "prompt_id": prompts.set_index("prompt_id")["text"],
        **dict.fromkeys(("answer_a_id", "answer_b_id"), answers.set_index("answer_id")["text"]),
    }
    for column, texts in known.items():
        if unknown := sorted(set(plan[column]) - set(texts.index)):
            raise SchemaError(f"given answers: no {column} {unknown[0]!r} in the tables")
    persona, prompt, a, b = (plan[column].map(texts) for column, texts in known.items())
    ended = answers.set_index("answer_id")[["status", "request_hash"]]
    of_a, of_b = (ended.loc[plan[key]].set_axis(plan.index) for key in ("answer_a_id", "answer_b_id"))
    wanted = steps.requests(plan, endpoint=plan["model"], template="answer_output_only", persona=persona, prompt=prompt)
    written = steps.following(of_a.where(of_a["status"] != "ok", of_b), wanted, ask=ask)
    swapped = plan["swapped"].astype(bool)
    asked = steps.requests(
        plan,
        endpoint=ask.roles["examiner"],
        template="nearer",
        prompt=prompt,
        answer=written["text"],
        answer_a=a.where(~swapped, b),
        answer_b=b.where(~swapped, a),
    )
    placed = steps.following(written, asked, ask=ask)
    said = zip(placed["data"], swapped, placed["status"] == "ok", strict=True)
    nearer = [NEAREST.get((data["nearer"], turned), "neither") if ok else "" for data, turned, ok in said]
    found = plan.assign(
        answer=written["text"],
        nearer=pd.Series(nearer, plan.index, dtype=object),
        status=placed["status"],
        request_hash=placed["request_hash"],
    )
    return found[list(tables()["given_answers"].columns)].reset_index(drop=True)
