"""The control without a persona. Oracles: a model that always says 30 of 100 for A, and hand counts of the plan."""

import numpy as np
import pandas as pd
from judges import Fake, personas, prompts

from persona_lib.messages.endpoint import SIMULATOR, Endpoint
from persona_lib.stages.pool import create_pool
from persona_lib.stages.shares import ALL, ask_shares, people, plan_pool_shares, pool_shares
from persona_lib.tables.schema import check


def asked(ask, named_groups, n_personas=11):
    items, answers = create_pool(prompts(9), n_items=4, seed=1, ask=ask)
    plan = plan_pool_shares(items, personas(n_personas), panel=["m1", "m2"], named_groups=named_groups, seed=1)
    return plan, check(pool_shares(plan, prompts(9), answers, ask=ask), "pool_shares")


def test_everybody_is_asked_of_every_model_and_named_groups_of_the_first():
    """Eleven personas: 5 women, 6 men, all of 72 years."""
    plan, shares = asked(Fake(), ["sex", "age_group"])
    wanted = {("m1", ALL), ("m2", ALL), ("m1", "sex|Female"), ("m1", "sex|Male"), ("m1", "age_group|70+")}
    assert set(shares[["rater_id", "group"]].itertuples(index=False, name=None)) == wanted
    assert (shares.groupby(["rater_id", "group"])["swapped"].sum() == 2).all(), "half of four items"
    assert "Age: 70 years and more" in set(plan["people"].str.split("\n").str[-1])


def test_nobody_is_named_where_no_group_has_five_personas():
    plan, _ = asked(Fake(), ["sex", "ideology"], n_personas=4)
    assert set(plan["group"]) == {ALL}


def test_the_share_is_that_of_answer_b_wherever_it_stands():
    _, shares = asked(Fake(), [])
    assert np.allclose(shares["share_b"], np.where(shares["swapped"], 0.3, 0.7))


def test_an_answer_that_failed_is_not_asked_about_and_a_refusal_is_no_share():
    ask = Fake(status=lambda row: "refused" if row.template == "answer_divergent" else "ok")
    _, shares = asked(ask, [])
    assert shares["share_b"].isna().all() and set(shares["status"]) == {"refused"}
    assert not any(row.template == "ask_share" for row in ask.rows)


def test_any_question_with_two_answers_can_be_asked():
    """As a survey's: nothing of the pool is needed."""
    ask = Fake()
    ask.endpoints = ask.endpoints | {"m1": Endpoint("m1", "m", SIMULATOR)}
    row = {"endpoint": "m1", "people": people("sex", "Female"), "prompt": "Is it?", "answer_a": "Yes", "answer_b": "No"}
    rows = pd.DataFrame([row | {"swapped": False, "status": "ok", "request_hash": ""}], index=[7])
    found = ask_shares(rows, ask=ask)
    assert found.index.tolist() == [7] and found["share_b"].tolist() == [0.7]
    assert ask.rows[0].slots["people"].endswith("Sex: Female")
