"""One attribute left out. Oracles: hand counts, descriptions read by eye, an examiner who knows the whole persona."""

import pytest
from examiners import Fake, personas, prompts

from persona_lib.stages import left_out
from persona_lib.tables.descriptions import values_of
from persona_lib.tables.schema import SchemaError, attributes


def planned(**more):
    sizes = {"n_items": 3, "contestants": ["m1"], "seed": 1, **more}
    return left_out.plan_left_out(personas(5), prompts(6), **sizes)


def test_every_item_is_answered_whole_and_without_each_attribute():
    assert len(planned()) == 3 * (1 + len(attributes()))
    plan = planned(attributes=["sex", "religion"])
    assert len(plan) == 9 and (plan.groupby("item_id").size() == 3).all()
    assert sorted(set(plan["persona_id"].str.partition("-without-")[2])) == ["", "religion", "sex"]
    assert not plan["critic_persona_id"].str.contains("-without-").any()


def test_exactly_one_line_is_missing():
    people, plan = personas(5), planned(attributes=["sex"])
    found = left_out.without(people, plan).set_index("persona_id")["description"]
    whole = people.set_index("persona_id")["description"]
    for key, said in found.items():
        who, _, attribute = key.partition("-without-")
        rest = {name: value for name, value in values_of(whole[who]).items() if name != attribute}
        assert values_of(said) == rest and (attribute or said == whole[who])


def test_the_examiner_reads_the_whole_persona_and_the_model_does_not():
    ask, people, plan = Fake(), personas(5), planned(attributes=["sex"])
    table = left_out.run_left_out(plan, people, prompts(6), ask=ask)
    assert table["left_out"].value_counts().to_dict() == {"whole": 3, "sex": 3}
    whole = set(people["description"])
    assert {row.slots["persona"] for row in ask.rows if row.template == "examine"} <= whole
    answered = [row.slots["persona"] for row in ask.rows if row.template == "answer_output_only"]
    assert sum(said in whole for said in answered) == 3 == sum(said not in whole for said in answered)


def test_an_unknown_attribute_is_one_line():
    with pytest.raises(SchemaError, match="'shoes' is no attribute"):
        planned(attributes=["shoes"])
