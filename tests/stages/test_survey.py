"""Survey items put to the panel: who is asked what, and what becomes of replies."""

import pandas as pd
import pytest

from persona_lib.messages.endpoint import SIMULATOR, Endpoint
from persona_lib.stages.survey import GROUPS, KEYS, NONE, answer, collect_survey, plan_survey
from persona_lib.tables import schema

ITEMS = pd.DataFrame(
    {
        "item_id": [f"gss2018_spending.nat{i}" for i in range(4)] + ["wvs2011.aj"],
        "source": ["gss2018_spending"] * 4 + ["wvs2011"],
        "variable": "v",
        "question": [f"Question {i}?" for i in range(5)],
        "answers": "too little|about right|too much",
    }
)
PERSONAS = pd.DataFrame(
    {"persona_id": [f"p{i}" for i in range(6)], "description": [f"Age: {30 + i}" for i in range(6)]}
)
SIZES = {"n_items": 3, "n_personas": 4, "n_oneself": 2}


def planned(panel=("large", "small")):
    return plan_survey(ITEMS, PERSONAS, panel=list(panel), **SIZES, seed=1)


class Panel:
    """Answers the first line shown, and shares 1, 2, 3 in the order shown; `said` puts something in their place."""

    by_batch = False
    roles = {"panel": ["large", "small"]}
    endpoints = {"large": Endpoint("large", "l", SIMULATOR), "small": Endpoint("small", "s", "https://there/v1")}

    def __init__(self, said=None, status="ok"):
        self.said, self.status, self.asked = said, status, []

    def __call__(self, requests):
        self.asked.append(requests)
        data = [
            self.said or ({"shares": [1, 2, 3]} if t == "survey_shares" else {"answer": s["options"].split("\n")[0]})
            for t, s in zip(requests["template"], requests["slots"], strict=True)
        ]
        ok = self.status == "ok"
        return pd.DataFrame(
            {
                "text": "x" if ok else "",
                "data": pd.Series(data if ok else [None] * len(data), dtype=object),
                "status": self.status,
                "request_hash": "h",
            }
        )


def test_everybody_is_asked_what_the_plan_says():
    plan = planned()
    assert plan["asked_as"].value_counts().to_dict() == {
        "persona": 3 * 4 * (2 + 1),
        "oneself": 3 * 2 * 2,
        "shares": 3 * 2 * len(GROUPS),
    }
    assert set(plan["item_id"].str.split(".").str[0]) == {"gss2018_spending"}, "only surveys that are asked"
    assert not plan.duplicated(KEYS).any()
    orders = plan[plan["asked_as"] == "persona"].groupby(["item_id", "persona_shown_id"])["is_reversed"].nunique()
    assert (orders == 1).all() and plan["is_reversed"].nunique() == 2, "one order a cell, both orders over cells"


def test_answers_are_numbered_in_the_items_order_whichever_way_they_were_shown():
    found = schema.check(answer(planned(), PERSONAS, ask=Panel()), "survey_answers")
    one = found[found["asked_as"] != "shares"]
    assert (one["answer"] == one["is_reversed"].map({True: 2, False: 0})).all() and (one["share"] == 1).all()
    shares = found[(found["asked_as"] == "shares") & found["is_reversed"]]
    by_answer = shares.groupby("answer")["share"].unique().map(list).to_dict()
    assert by_answer == {0: [pytest.approx(3 / 6)], 1: [pytest.approx(2 / 6)], 2: [pytest.approx(1 / 6)]}
    assert set(found.loc[found["rater_id"] == "small", "rater_kind"]) == {"model"}


@pytest.mark.parametrize("told", [[50, 50], [1, 2, 3, 4], [-1, 50, 51], [0, 0, 0], []])
def test_shares_that_do_not_fit_are_unparsed_and_counted(told):
    plan = planned().query("asked_as == 'shares'")
    found = answer(plan, PERSONAS, ask=Panel(said={"shares": told}))
    assert len(found) == len(plan) and set(found["status"]) == {"unparsed"}
    assert set(found["answer"]) == {NONE} and found["share"].isna().all()


def test_a_refusal_is_a_status():
    found = answer(planned(), PERSONAS, ask=Panel(status="refused"))
    assert len(found) == len(planned()) and set(found["status"]) == {"refused"} and set(found["answer"]) == {NONE}


def test_more_than_there_is_names_the_key():
    with pytest.raises(schema.SchemaError, match="survey.n_items = 9, but there are only 4"):
        plan_survey(ITEMS, PERSONAS, panel=["large"], **SIZES | {"n_items": 9}, seed=1)
    with pytest.raises(schema.SchemaError, match="survey.n_personas = 7, but there are only 6"):
        plan_survey(ITEMS, PERSONAS, panel=["large"], **SIZES | {"n_personas": 7}, seed=1)


def test_shards_together_ask_what_one_asks():
    tables = {"survey_items": ITEMS, "personas": PERSONAS}
    hands = [Panel() for _ in range(4)]
    collect_survey(tables, {"survey": SIZES | {"n_history_personas": 0}, "seed": 1}, shard=0, of=1, ask=hands[0])
    for shard in range(3):
        collect_survey(
            tables, {"survey": SIZES | {"n_history_personas": 0}, "seed": 1}, shard=shard, of=3, ask=hands[shard + 1]
        )
    asked = [
        {(r.endpoint, r.template, str(r.slots), r.sample) for part in h.asked for r in part.itertuples()} for h in hands
    ]
    assert asked[0] == asked[1] | asked[2] | asked[3]


def test_a_survey_of_no_items_asks_nothing_and_is_a_table():
    plan = plan_survey(ITEMS, PERSONAS, panel=["large"], **SIZES | {"n_items": 0}, seed=1)
    ask = Panel()
    assert len(schema.check(answer(plan, PERSONAS, ask=ask), "survey_answers")) == 0 and ask.asked == []
