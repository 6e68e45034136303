"""Models judge each other's answers: does one like its own better than the others do?

In a contest two models have written an answer for one persona, and a third party, or one of the two, says which this
persona would rather have received. Every model writes and every model judges.
"""

from __future__ import annotations

from itertools import combinations

import pandas as pd

from persona_lib.messages.ask import Ask
from persona_lib.stages import steps
from persona_lib.stages.benchmark import draw_items
from persona_lib.stages.judging import choose, half_swapped
from persona_lib.tables.schema import tables


def plan_contests(
    personas: pd.DataFrame, prompts: pd.DataFrame, *, n_contests: int, writers: list[str], seed: int
) -> pd.DataFrame:
    """Every two writers meet on each of `n_contests` items, a persona and a held-out prompt, before every writer.

    Half of the contests, at random, show the second writer's answer first, to every judge the same. With one writer
    there is no contest.

    Returns
    -------
    One row per contest and judge: item_id, persona_id, prompt_id, writer_a, writer_b, judge, swapped.

    Raises
    ------
    SchemaError
        If there are fewer distinct items than asked for.
    """
    items = draw_items(personas, prompts, n_contests, seed, "contests").drop(columns="other_persona_id")
    meetings = pd.DataFrame(list(combinations(writers, 2)), columns=["writer_a", "writer_b"])
    contests = items.merge(meetings, how="cross")
    contests["swapped"] = half_swapped(len(contests), seed, "judging.contests")
    return contests.merge(pd.DataFrame({"judge": writers}), how="cross")


def hold(plan: pd.DataFrame, personas: pd.DataFrame, prompts: pd.DataFrame, *, ask: Ask) -> pd.DataFrame:
    """Let the writers answer and the judges choose: table `contests`.

    `plan` is what `plan_contests` returned, or some of its rows.
    """
    described = personas.set_index("persona_id")["description"]
    rows = plan.assign(
        sample=0,
        endpoint=plan["judge"],
        persona=plan["persona_id"].map(described),
        prompt=plan["prompt_id"].map(prompts.set_index("prompt_id")["text"]),
        answer_a_id=plan["writer_a"] + "." + plan["item_id"],
        answer_b_id=plan["writer_b"] + "." + plan["item_id"],
    )
    sides = [rows.assign(writer=rows[f"writer_{side}"], answer_id=rows[f"answer_{side}_id"]) for side in "ab"]
    written = pd.concat(sides).drop_duplicates("answer_id").reset_index(drop=True)
    wanted = steps.requests(
        written,
        endpoint=written["writer"],
        template="answer_output_only",
        persona=written["persona"],
        prompt=written["prompt"],
    )
    answers = written[["answer_id"]].join(steps.first(wanted, ask=ask))
    n_words = answers.set_index("answer_id")["text"].str.split().str.len()
    chosen = choose(rows, answers, ask=ask)
    is_a = chosen["chosen_answer_id"] == rows["answer_a_id"]
    winner = rows["writer_a"].where(is_a, rows["writer_b"]).where(chosen["status"] == "ok", "")
    found = plan.assign(
        n_words_a=rows["answer_a_id"].map(n_words), n_words_b=rows["answer_b_id"].map(n_words), chosen_writer=winner
    ).join(chosen[["chosen_position", "status", "request_hash"]])
    return found[list(tables()["contests"].columns)].reset_index(drop=True)
