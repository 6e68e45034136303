"""Past answers in a description's place: who is shown what, and what counts as right."""

import numpy as np
import pandas as pd
import pytest

from persona_lib.stages.history import KS, ask_pool, ask_survey, collect_history, plan_history, pool_answers_given
from persona_lib.stages.survey import of_history
from persona_lib.tables.histories import read
from persona_lib.tables.schema import SchemaError

ITEMS = pd.DataFrame({"item_id": [f"i{k}" for k in range(10)]})
ITEMS = ITEMS.assign(question="Is it " + ITEMS["item_id"] + "?", answers="no|perhaps|yes")
PEOPLE = pd.DataFrame({"person_id": ["a", "b", "c"], "description": ["Age: 30", "Age: 40", ""]})
GIVEN = PEOPLE[["person_id"]].merge(ITEMS[["item_id"]], how="cross")
GIVEN = GIVEN.assign(answer=GIVEN["person_id"].map({"a": 0, "b": 2, "c": 1}))
SIZES = {"n_people": 3, "n_targets": 2}


class Copier:
    """Answers what the last past answer was; without one the first option; on pairs the first answer."""

    roles = {"judge": "m"}
    endpoints = {"m": None}
    by_batch = False

    def __init__(self):
        self.asked = []

    def __call__(self, requests):
        self.asked += requests[["template", "slots"]].to_dict("records")
        said = []
        for slots in requests["slots"]:
            past = read(slots.get("persona", ""))
            options = slots.get("options", "").split("\n")
            said.append({"answer": past[-1].answer if past else options[0]} if "options" in slots else {"choice": "A"})
        n = len(requests)
        return pd.DataFrame({"text": ["x"] * n, "data": said, "status": "ok", "request_hash": "h"}, requests.index)


def test_each_k_shows_what_the_smaller_ones_showed_and_never_the_target():
    plan = plan_history(GIVEN, **SIZES, seed=1)
    assert len(plan) == 3 * 2 * (len(KS) + 1)
    for (_, target), part in plan.groupby(["person_id", "item_id"]):
        past = part.set_index("given_as")["past"]
        assert [len(past[f"k={k}"]) for k in KS] == list(KS) and past["description"] == ()
        assert all(past["k=8"][:k] == past[f"k={k}"] for k in KS) and target not in past["k=8"]
        assert len(set(past["k=8"])) == 8
    with pytest.raises(SchemaError, match="4 people are wanted, but only 3 have 9 answers or more"):
        plan_history(GIVEN, n_people=4, n_targets=2, seed=1)


def test_a_model_that_repeats_the_past_is_right_of_people_who_do():
    ask = Copier()
    plan = plan_history(GIVEN, **SIZES, seed=1)
    found = ask_survey(plan, GIVEN, PEOPLE, ITEMS, endpoint="m", ask=ask)
    right = found.groupby(["person_id", "given_as"])["is_right"].mean().unstack()
    assert (right[["k=1", "k=2", "k=4", "k=8"]] == 1).all(axis=None)
    assert right["k=0"].to_dict() == {"a": 1, "b": 0, "c": 0} and np.isnan(right.at["c", "description"])
    assert {one["template"] for one in ask.asked} == {"survey_oneself", "survey_persona"}
    tables = {"given": GIVEN.astype(str), "people": PEOPLE, "items": ITEMS}
    again = Copier()
    collect_history(tables, {"history": SIZES, "seed": 1}, shard=0, of=1, ask=again)
    assert again.asked == ask.asked


def test_a_small_pool_shows_as_many_past_choices_as_it_has():
    block = {"n_history_personas": 3, "n_history_targets": 2}
    assert of_history(block, 5, seed=7) == {"n_people": 3, "n_targets": 2, "seed": 7, "ks": [0, 1, 2, 4]}
    assert of_history(block, 20, seed=7)["ks"] == list(KS)


def test_choices_on_the_pool_are_shown_as_preferred_to_the_other_answer():
    items = ITEMS.assign(prompt_id="q" + ITEMS["item_id"], answer_a_id="a." + ITEMS["item_id"])
    items = items.assign(answer_b_id="b." + ITEMS["item_id"])
    texts = [*items["answer_a_id"], *items["answer_b_id"]]
    answers = pd.DataFrame({"answer_id": texts, "text": texts, "status": "ok", "request_hash": "h"})
    prompts = items[["prompt_id"]].assign(text="Why " + items["item_id"] + "?")
    judged = GIVEN.rename(columns={"person_id": "persona_shown_id"}).merge(items, on="item_id")
    judged = judged.assign(chosen_answer_id=judged["answer_b_id"], rater_id="m", role="panel", lines_shown="all")
    judged = judged.assign(repeat=0, status="ok").drop(columns=["answer_a_id", "answer_b_id"])
    less = judged.iloc[:4].assign(rater_id="n")
    given = pool_answers_given(pd.concat([less, judged]), items)
    assert (given["answer"] == 1).all() and len(given) == 30
    ask, personas = Copier(), PEOPLE.rename(columns={"person_id": "persona_id"})
    found = ask_pool(
        plan_history(given, **SIZES, seed=1), given, personas, items, prompts, answers, endpoint="m", ask=ask
    )
    shown = [read(one["slots"]["persona"]) for one in ask.asked if read(one["slots"].get("persona", ""))]
    assert all(past.answer.startswith("b.") and past.other == "a." + past.answer[2:] for one in shown for past in one)
    assert found.groupby(["person_id", "item_id"])["is_right"].nunique().eq(1).all(), "one order for all ways"
    assert found["is_right"].notna().all() and 0 < found["is_right"].mean() < 1
