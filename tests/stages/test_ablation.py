"""Ablation: arms that differ by one line, on two kinds of pairs. Oracles: hand counts of plans."""

import pandas as pd
import pytest
from judges import NAMES, Fake, description, personas, prompts

from persona_lib.stages import ablation
from persona_lib.stages.pool import create_pool
from persona_lib.tables.schema import SchemaError, attributes, check

SIZES = {"n_personas": 2, "n_questions": 3, "n_shown": 3}


def ablated(ask: Fake, people: pd.DataFrame | None = None, **more) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    people = personas(4) if people is None else people
    items, answers = create_pool(prompts(9), n_items=4, seed=1, ask=ask)
    ask.asked.clear()
    ask.rows.clear()
    plan = ablation.plan_ablation(items, people, **SIZES, seed=1, **more)
    judged, revised = ablation.run_ablation(plan, prompts(9), answers, template="paper", max_retries=1, ask=ask)
    return plan, check(judged, "ablation_judgements"), check(revised, "ablation_answers")


def test_ablation_counts_by_hand():
    ask = Fake()
    _, judged, revised = ablated(ask)
    cells = 34 * 2 * 3
    assert len(judged) == cells * 4 * 2 and set(judged.attribute) == {*NAMES, "placebo"}
    assert judged.item_id.nunique() == 3, "the same questions for every attribute"
    same = judged.groupby(["attribute", "persona_id", "item_id"])[["swapped", "shown_attributes"]].nunique()
    assert (same == 1).all().all()
    assert len(revised) == cells and set(revised.kind) == {"revision"}


def test_every_answer_is_refined_once_for_the_persona_with_the_attribute_and_both_arms_judge_that_pair():
    ask = Fake()
    plan, judged, revised = ablated(ask, attributes=["sex"])
    wanted = {(row.slots["persona"], row.slots["prompt"]) for row in ask.rows if row.template == "critique_paper"}
    texts = prompts(9).set_index("prompt_id")["text"]
    assert wanted == {(row["with"], texts[row["prompt_id"]]) for _, row in plan.iterrows()}
    on_revised = judged[judged.pairs == "revised"]
    assert set(on_revised.chosen_answer_id) == set(revised.answer_id), "this judge always takes the revision"
    assert (on_revised.groupby(["attribute", "persona_id", "item_id"]).chosen_answer_id.nunique() == 1).all()
    assert judged[judged.pairs == "pool"].chosen_answer_id.str.startswith("divergent.").all()


def test_a_revision_that_failed_is_a_status_on_its_pair_alone():
    ask = Fake(status=lambda row: "refused" if row.template == "revise" else "ok")
    _, judged, revised = ablated(ask, attributes=["sex"])
    assert set(judged.status[judged.pairs == "revised"]) == {"refused"}
    assert set(judged.status[judged.pairs == "pool"]) == {"ok"} and set(revised.status) == {"refused"}


def test_ablation_of_some_attributes_is_that_part_of_all():
    items, _ = create_pool(prompts(9), n_items=4, seed=1, ask=Fake())
    whole = ablation.plan_ablation(items, personas(4), **SIZES, seed=1)
    some = ablation.plan_ablation(items, personas(4), **SIZES, seed=1, attributes=["sex", "religion"])
    assert set(some.attribute) == {"sex", "religion", "placebo"}
    part = whole[whole.attribute.isin(set(some.attribute))]
    key = ["attribute", "persona_id", "item_id"]
    assert part.sort_values(key).reset_index(drop=True).equals(some.sort_values(key).reset_index(drop=True))


def test_arms_differ_by_exactly_one_line_and_each_is_asked_twice():
    ask = Fake()
    plan, _, _ = ablated(ask)
    label = dict(zip(NAMES, attributes().label, strict=True)) | {"placebo": "Favourite letter"}
    for _, row in plan.iterrows():
        without = set(row["without"].split("\n"))
        extra = set(row["with"].split("\n")) - without
        assert len(without) == 3 and len(extra) == 1 and extra.pop().startswith(label[row.attribute] + ": ")
        assert row.attribute not in row.shown_attributes.split("|")
    judged = pd.DataFrame([row.slots | {"sample": row.sample} for row in ask.rows if row.template == "judge"])
    shown = judged.groupby(["persona", "prompt", "answer_a", "answer_b"])["sample"].agg(set)
    assert (shown.map(sorted).map(tuple) == (0, 1)).all(), "each request once more, as another sample"
    assert {*plan["without"], *plan["with"]} == set(judged.persona)


def test_personas_to_whom_the_attribute_applies_come_first_and_empty_lines_are_not_shown():
    people = personas(4)
    none = {"occupation": "Not applicable", "religion": "Unknown"}  # the words of descriptions
    people["description"] = [description(i, **(none if i < 3 else {})) for i in range(4)]
    plan, _, _ = ablated(Fake(), people)
    assert "p0004" in set(plan.persona_id[plan.attribute == "occupation"])
    shown = plan[plan.persona_id != "p0004"].shown_attributes.str.split("|").explode()
    assert not set(shown) & set(none)


def test_a_description_without_a_line_and_an_unknown_prompt_stop():
    people = personas(4).assign(description="Age: 3")
    with pytest.raises(SchemaError, match="the description of p0001 has no line for sex"):
        ablated(Fake(), people)
    items, answers = create_pool(prompts(9), n_items=4, seed=1, ask=Fake())
    plan = ablation.plan_ablation(items, personas(4), **SIZES, seed=1)
    with pytest.raises(SchemaError, match="no prompt_id 'q000"):
        ablation.run_ablation(plan, prompts(1), answers, template="paper", max_retries=0, ask=Fake())
