"""A persona given as some of its past answers in place of its description: what it answers next, asked of a model.

The past answers stand where a description stands (`histories.written`), in the same templates; a person of whom
nothing is told (k = 0) is asked for without one. What a person really answered, or a persona chose when its
description was shown, is what the reply is held against.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from persona_lib.messages.ask import Ask
from persona_lib.stages import steps
from persona_lib.stages.judging import choose
from persona_lib.tables.histories import Past, written
from persona_lib.tables.judgements import lead_model
from persona_lib.tables.schema import SchemaError
from persona_lib.tables.streams import generator
from persona_lib.tables.values import DESCRIPTION

KS = (0, 1, 2, 4, 8)
SPLIT = "|"  # between the answers of an item
SAMPLE = 2  # the pool has asked for the same choices under a description as samples 0 and 1
GIVEN = ["person_id", "item_id", "answer"]


def plan_history(
    given: pd.DataFrame, *, n_people: int, n_targets: int, seed: int, ks: Sequence[int] = KS
) -> pd.DataFrame:
    """Which answers are asked for, and which past answers are shown before each.

    Of `n_people` random people, `n_targets` random answers each; before each of them k others, the first k of one
    random order, so that each k shows what the smaller ones showed. Only people with n_targets answers and more than
    the largest k are drawn.

    Parameters
    ----------
    given : `GIVEN`, one row per answer that is known

    Returns
    -------
    person_id, item_id, answer (what is known), given_as (`k=2`, `description`), past (item_ids, a tuple).

    Raises
    ------
    SchemaError
        Fewer people than asked for have answers enough.
    """
    n_least = max(n_targets, max(ks) + 1)
    items = {person: part["item_id"].to_numpy(dtype=object) for person, part in given.groupby("person_id")}
    able = sorted(person for person, own in items.items() if len(own) >= n_least)
    if len(able) < n_people:
        raise SchemaError(f"history: {n_people} people are wanted, but only {len(able)} have {n_least} answers or more")
    known = given.set_index(["person_id", "item_id"])["answer"]
    rows = []
    for person in sorted(generator(seed, "history.people").choice(able, size=n_people, replace=False)):
        rng = generator(seed, "history.items", person)
        for target in rng.permutation(np.sort(items[person]))[:n_targets]:
            others = [item for item in rng.permutation(np.sort(items[person])) if item != target]
            shown = {f"k={k}": tuple(others[:k]) for k in ks} | {DESCRIPTION: ()}
            rows += [(person, target, known[person, target], name, past) for name, past in shown.items()]
    return pd.DataFrame(rows, columns=["person_id", "item_id", "answer", "given_as", "past"])


def ask_survey(
    plan: pd.DataFrame, given: pd.DataFrame, people: pd.DataFrame, items: pd.DataFrame, *, endpoint: str, ask: Ask
) -> pd.DataFrame:
    """Ask for planned answers to survey items: person_id, item_id, given_as, is_right (NaN unless ok), status.

    Parameters
    ----------
    plan, given : as of `plan_history`; an answer is its number in the item's order
    people : person_id, description; a person without one is not asked for by description
    items : item_id, question, answers joined by `|`
    """
    described = people.set_index("person_id")["description"].to_dict()
    known = items.set_index("item_id")
    words = {item: row.answers.split(SPLIT) for item, row in known.iterrows()}
    past = {
        (row.person_id, row.item_id): Past(known.at[row.item_id, "question"], words[row.item_id][int(row.answer)])
        for row in given.itertuples()
    }
    plan = plan[(plan["given_as"] != DESCRIPTION) | plan["person_id"].map(described).fillna("").ne("")]
    plan = plan.reset_index(drop=True)
    shown = _shown(plan, past, described)
    slots = {
        "prompt": plan["item_id"].map(known["question"]),
        "options": plan["item_id"].map({item: "\n".join(answers) for item, answers in words.items()}),
    }
    blind = shown == ""
    asked = [
        steps.requests(
            plan[blind], endpoint=endpoint, template="survey_oneself", **{n: s[blind] for n, s in slots.items()}
        ),
        steps.requests(
            plan[~blind],
            endpoint=endpoint,
            template="survey_persona",
            persona=shown[~blind],
            **{n: s[~blind] for n, s in slots.items()},
        ),
    ]
    replies = steps.first(pd.concat(asked).reindex(plan.index), ask=ask)
    ok = replies["status"] == "ok"
    told = [
        words[item].index(data["answer"]) if is_ok else np.nan
        for item, data, is_ok in zip(plan["item_id"], replies["data"], ok, strict=True)
    ]
    is_right = pd.Series(np.array(told, dtype=float) == plan["answer"].to_numpy(float), plan.index)
    return _found(plan, is_right, replies["status"])


def pool_answers_given(judgements: pd.DataFrame, items: pd.DataFrame) -> pd.DataFrame:
    """Choices of the lead model, with the whole description, once: `GIVEN`."""
    rows = judgements[(judgements["role"] == "panel") & (judgements["rater_id"] == lead_model(judgements))]
    rows = rows[(rows["lines_shown"] == "all") & (rows["repeat"] == 0)]
    rows = rows[(rows["persona_shown_id"] != "") & (rows["status"] == "ok")].merge(
        items[["item_id", "answer_b_id"]], on="item_id"
    )
    chose_b = (rows["chosen_answer_id"] == rows["answer_b_id"]).astype(int)
    return rows.assign(answer=chose_b).rename(columns={"persona_shown_id": "person_id"})[GIVEN]


def ask_pool(
    plan: pd.DataFrame,
    given: pd.DataFrame,
    personas: pd.DataFrame,
    items: pd.DataFrame,
    prompts: pd.DataFrame,
    answers: pd.DataFrame,
    *,
    endpoint: str,
    ask: Ask,
) -> pd.DataFrame:
    """Ask for planned choices on the pool; returns what `ask_survey` returns.

    Which answer is shown first is drawn per item, and the same for every way of giving the persona.

    Parameters
    ----------
    plan, given : of `plan_history` and `pool_answers_given`
    personas, items, prompts, answers : tables `personas`, `pool_items`, `prompts`, `pool_answers`
    """
    if plan.empty:
        return _found(plan, pd.Series(dtype=bool), pd.Series(dtype=object))
    texts = answers.set_index("answer_id")["text"]
    known = items.set_index("item_id").join(prompts.set_index("prompt_id")["text"].rename("prompt"), on="prompt_id")
    past = {}
    for row in given.itertuples():
        both = texts[known.at[row.item_id, "answer_a_id"]], texts[known.at[row.item_id, "answer_b_id"]]
        past[row.person_id, row.item_id] = Past(known.at[row.item_id, "prompt"], both[row.answer], both[1 - row.answer])
    plan = plan.reset_index(drop=True)
    coins = {item: bool(generator(0, "history.order", item).integers(2)) for item in items["item_id"]}
    rows = plan[["item_id"]].join(known, on="item_id").assign(
        persona=_shown(plan, past, personas.set_index("persona_id")["description"].to_dict()),
        swapped=plan["item_id"].map(coins),
        endpoint=endpoint,
        sample=SAMPLE,
    )  # fmt: skip
    chosen = choose(rows, answers, ask=ask)
    chose_b = chosen["chosen_answer_id"] == rows["answer_b_id"]
    return _found(plan, chose_b == plan["answer"].astype(bool), chosen["status"])


def _shown(plan: pd.DataFrame, past: dict[tuple[str, str], Past], described: dict[str, str]) -> pd.Series:
    """What stands in the persona's place: past answers, the description, '' for nobody."""
    shown = [
        described[row.person_id]
        if row.given_as == DESCRIPTION
        else written([past[row.person_id, item] for item in row.past])
        for row in plan.itertuples()
    ]
    return pd.Series(shown, plan.index, dtype=object)


def _found(plan: pd.DataFrame, is_right: pd.Series, status: pd.Series) -> pd.DataFrame:
    kept = plan[["person_id", "item_id", "given_as"]]
    return kept.assign(is_right=is_right.astype(float).where(status == "ok"), status=status)


def collect_history(tables: dict, settings: dict, *, shard: int, of: int, ask: Ask) -> None:
    """Ask for the answers of one shard; tables `given`, `people`, `items` as text."""
    given = tables["given"].assign(answer=tables["given"]["answer"].astype(int))
    plan = plan_history(given, **settings["history"], seed=settings["seed"])
    mine = steps.of_shard(plan, "item_id", shard=shard, of=of)
    ask_survey(mine, given, tables["people"], tables["items"], endpoint=ask.roles["judge"], ask=ask)
