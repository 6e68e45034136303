"""Do pairs say what their personas prefer? Which pairs are judged, as whom, in which order; and who judges whom.

In a contest two models have written an answer for one persona, and a third, or one of the two, says which this persona
would rather have received. Every contestant writes and every contestant judges.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd

from persona_lib.messages.ask import Ask
from persona_lib.stages import steps
from persona_lib.stages.benchmark import draw_items
from persona_lib.stages.judging import choose, half_swapped, judge
from persona_lib.stages.steps import of_shard
from persona_lib.tables.schema import SchemaError, tables
from persona_lib.tables.streams import generator


def plan_validation(
    pairs: pd.DataFrame, personas: pd.DataFrame, *, n_pairs: int, judge: str, seed: int
) -> pd.DataFrame:
    """Judge `n_pairs` random pairs as their own persona, by its stated values alone, as another and as nobody.

    Each in both orders, and as its own persona in the first order once more (`repeat` 1). Answer a is the rejected,
    answer b the chosen one. Only pairs whose revision
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
    arms.append(arms[0].assign(sample=1, repeat=1))
    return pd.concat(arms, ignore_index=True).sort_values("item_id", kind="stable").reset_index(drop=True)


def plan_certainties(plan: pd.DataFrame, *, seed: int) -> pd.DataFrame:
    """Every pair of a plan of validation once more as its own persona, half of them with the revision first."""
    first = plan[(plan["lines_shown"] == "all") & (plan["repeat"] == 1)].drop_duplicates("item_id")
    swapped = half_swapped(len(first), seed, "judging.certainties")
    return first.assign(swapped=swapped, sample=0, repeat=0).reset_index(drop=True)


def state_certainty(
    plan: pd.DataFrame, personas: pd.DataFrame, prompts: pd.DataFrame, answers: pd.DataFrame, *, ask: Ask
) -> pd.DataFrame:
    """Choices with the certainty that the judge states for each: table `certainties`.

    The certainty is asked for with the choice, in per cent from 50 (a guess) to 100. `plan` is what
    `plan_certainties` returned, or some of its rows.
    """
    texts = prompts.set_index("prompt_id")["text"]
    described = personas.set_index("persona_id")["description"]
    rows = plan.assign(persona=plan["persona_shown_id"].map(described), prompt=plan["prompt_id"].map(texts))
    told = choose(rows, answers, ask=ask, template="judge_certainty", told=["certainty"])
    told["certainty"] = told["certainty"].astype("float64") / 100
    return plan[["item_id", "rater_id", "swapped"]].join(told).reset_index(drop=True)


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


def collect_validation(tables: dict, settings: dict, *, shard: int, of: int, ask: Ask) -> None:
    """Ask about the pairs and contests of one shard's prompts: equal texts of one prompt meet in one shard."""
    sizes, seed = settings["validation"], settings["seed"]
    personas, prompts = tables["personas"], tables["prompts"]
    pairs = {"n_pairs": sizes["n_pairs"], "judge": ask.roles["judge"]}
    plan = plan_validation(tables["pairs"], personas, **pairs, seed=seed)
    mine = of_shard(plan, "prompt_id", shard=shard, of=of)
    judge(mine, personas, prompts, tables["answers"], ask=ask)
    certain = of_shard(plan_certainties(plan, seed=seed), "prompt_id", shard=shard, of=of)
    state_certainty(certain, personas, prompts, tables["answers"], ask=ask)
    held = {"n_contests": sizes["n_contests"], "writers": ask.roles["contestants"]}
    contests = of_shard(plan_contests(personas, prompts, **held, seed=seed), "prompt_id", shard=shard, of=of)
    hold(contests, personas, prompts, ask=ask)
