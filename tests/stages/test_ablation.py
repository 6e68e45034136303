"""Ablation: arms that differ by one line. Oracles: hand counts of plans."""

import pandas as pd
import pytest
from judges import NAMES, Fake, description, personas, prompts

from persona_lib.stages import ablation
from persona_lib.stages.pool import create_pool
from persona_lib.tables.schema import SchemaError, attributes, check


def ablated(ask: Fake, people: pd.DataFrame | None = None) -> tuple[pd.DataFrame, pd.DataFrame]:
    people = personas(4) if people is None else people
    items, answers = create_pool(prompts(9), n_items=4, seed=1, ask=ask)
    ask.asked.clear()
    ask.rows.clear()
    sizes = {"n_personas": 2, "n_questions": 3, "n_shown": 3}
    plan = ablation.plan_ablation(items, people, **sizes, judge="j", seed=1)
    judged = ablation.judge_ablation(plan, prompts(9), answers, ask=ask)
    return plan, check(judged, "ablation_judgements")


def test_ablation_counts_by_hand():
    ask = Fake()
    _, judged = ablated(ask)
    assert len(judged) == 34 * 2 * 3 * 3 and set(judged.attribute) == {*NAMES, "placebo"}
    assert judged.item_id.nunique() == 3, "the same questions for every attribute"
    same = judged.groupby(["attribute", "persona_id", "item_id"])[["swapped", "shown_attributes"]].nunique()
    assert (same == 1).all().all()


def test_ablation_of_some_attributes_is_that_part_of_all():
    items, _ = create_pool(prompts(9), n_items=4, seed=1, ask=Fake())
    given = {"n_personas": 2, "n_questions": 3, "n_shown": 3, "judge": "j", "seed": 1}
    whole = ablation.plan_ablation(items, personas(4), **given)
    some = ablation.plan_ablation(items, personas(4), **given, attributes=["sex", "religion"])
    assert set(some.attribute) == {"sex", "religion", "placebo"}
    part = whole[whole.attribute.isin(set(some.attribute))]
    key = ["attribute", "persona_id", "item_id", "arm"]
    assert part.sort_values(key).reset_index(drop=True).equals(some.sort_values(key).reset_index(drop=True))


def test_arms_differ_by_exactly_one_line():
    plan, _ = ablated(Fake())
    label = dict(zip(NAMES, attributes().label, strict=True)) | {"placebo": "Favourite letter"}
    for row in plan[plan.arm == "with"].itertuples():
        others = plan[(plan.attribute == row.attribute) & (plan.persona_id == row.persona_id)]
        without = set(others.persona[others.arm == "without"].iloc[0].split("\n"))
        extra = set(row.persona.split("\n")) - without
        assert len(without) == 3 and len(extra) == 1 and extra.pop().startswith(label[row.attribute] + ": ")
        assert row.attribute not in row.shown_attributes.split("|")
    repeat, first = (plan[plan.arm == arm].reset_index(drop=True) for arm in ("repeat", "without"))
    assert repeat.persona.equals(first.persona) and set(repeat["sample"]) == {1} and set(first["sample"]) == {0}


def test_personas_to_whom_the_attribute_applies_come_first_and_empty_lines_are_not_shown():
    people = personas(4)
    none = {"occupation": "Not applicable", "religion": "Unknown"}  # the words of descriptions
    people["description"] = [description(i, **(none if i < 3 else {})) for i in range(4)]
    plan, _ = ablated(Fake(), people)
    assert "p0004" in set(plan.persona_id[plan.attribute == "occupation"])
    shown = plan[plan.persona_id != "p0004"].shown_attributes.str.split("|").explode()
    assert not set(shown) & set(none)


def test_a_description_without_a_line_stops():
    people = personas(4).assign(description="Age: 3")
    with pytest.raises(SchemaError, match="the description of p0001 has no line for sex"):
        ablated(Fake(), people)
