"""The consistency rules. Oracle: for each rule one hand-made person who breaks it and one who just does not."""

import pandas as pd
import pytest
from small_personas import ADA, IMPUTED, REFERENCE

from persona_lib.census import codebook
from persona_lib.synthesis import rules
from persona_lib.tables.schema import NOT_IN_UNIVERSE, UNKNOWN, SchemaError

NO_CHILDREN = "Married couple household, no children of the householder less than 18"  # as HHT2 tells it
BROKEN = {
    "veteran_child": {"age_years": 16, "veteran_status": "Now on active duty", "education": "Grade 10"},
    "married_child": {"age_years": 14, "marital_status": "Widowed"},
    "early_degree": {"age_years": 16, "education": "Master's degree"},
    "early_doctorate": {"age_years": 19, "education": "Doctorate degree"},
    "working_child": {"age_years": 15, "education": "Grade 8"},
    "child_income": {"age_years": 14, "marital_status": NOT_IN_UNIVERSE},
    "soldier_never_served": {"employment_status": "Armed forces, at work"},
    "active_duty_idle": {"veteran_status": "Now on active duty", "employment_status": "Not in labor force"},
    "employed_never_worked": {"class_of_worker": codebook.NEVER_WORKED},
    "birth_by_man": {"fertility": "Yes", "sex": "Male"},
    "birth_age": {"fertility": "Yes", "age_years": 51},
    "alone_with_children": {"household_type": "Woman living alone", "family_presence": "Own children under 6 only"},
    "children_and_none": {"household_type": NO_CHILDREN, "family_presence": "Own children under 6 only"},
    "alone_other_sex": {"household_type": "Man living alone"},
    "quarters_household": {"is_group_quarters": True},
    "native_not_citizen": {"citizenship": "Not a U.S. citizen"},
    "english_only_other_language": {"english_ability": "Very well"},
    "difficulty_without_disability": {"hearing_difficulty": "Yes"},
    "needs_work": {"needs": "work", "employment_status": "Not in labor force"},
    "needs_home": {"needs": "home", "is_group_quarters": True, "household_type": NOT_IN_UNIVERSE},
    "needs_others": {"needs": "others", "household_type": "Woman living alone"},
    "needs_children": {"needs": "outgoing+children"},
    "needs_outside": {"needs": "outside", "relationship": rules.INSTITUTION},
    "needs_faith": {"needs": "faith+home", "religion": "Atheist or agnostic"},
    "needs_outgoing": {"needs": "outgoing", "big_five": "low extraversion"},
    "needs_reserved": {"needs": "reserved", "big_five": "high extraversion"},
    "needs_orderly": {"needs": "orderly", "big_five": "extremely low conscientiousness"},
}
FINE = {
    "veteran_child": {
        "age_years": 17,
        "veteran_status": "Now on active duty",
        "employment_status": "Armed forces, at work",
    },
    "married_child": {"age_years": 15, "education": "Grade 9", "employment_status": NOT_IN_UNIVERSE},
    "early_degree": {"age_years": 17},
    "early_doctorate": {"age_years": 20, "education": "Doctorate degree"},
    "working_child": {"age_years": 16, "education": "Grade 9"},
    "child_income": {"age_years": 15, "income_usd": 0.0, "education": "Grade 9", "employment_status": NOT_IN_UNIVERSE},
    "soldier_never_served": {"employment_status": "Armed forces, at work", "veteran_status": "Now on active duty"},
    "active_duty_idle": {"employment_status": "Not in labor force"},
    "employed_never_worked": {"class_of_worker": codebook.NEVER_WORKED, "employment_status": "Unemployed"},
    "birth_by_man": {"fertility": "Yes"},
    "birth_age": {"fertility": "Yes", "age_years": 50},
    "alone_with_children": {"household_type": "Woman living alone"},
    "children_and_none": {"household_type": NO_CHILDREN},
    "alone_other_sex": {"household_type": "Woman living alone"},
    "quarters_household": {"is_group_quarters": True, "household_type": NOT_IN_UNIVERSE},
    "native_not_citizen": {"nativity": "Foreign born", "citizenship": "Not a U.S. citizen"},
    "english_only_other_language": {"english_ability": "Very well", "household_language": "Spanish"},
    "difficulty_without_disability": {"hearing_difficulty": "Yes", "disability": "With a disability"},
    "needs_work": {"needs": "work"},
    "needs_home": {"needs": "home"},
    "needs_others": {"needs": "others"},
    "needs_children": {"needs": "children", "family_presence": "Own children 6 to 17 only"},
    "needs_outside": {"needs": "outside"},
    "needs_faith": {"needs": "faith"},
    "needs_outgoing": {"needs": "outgoing", "big_five": "average extraversion"},
    "needs_reserved": {"needs": "reserved", "big_five": "low extraversion"},
    "needs_orderly": {"needs": "orderly", "big_five": "low openness, high conscientiousness"},
}


def test_every_rule_has_its_two_people():
    assert [*BROKEN] == [*FINE] == [rule.rule_id for rule in rules.RULES]


@pytest.mark.parametrize("rule_id", BROKEN)
def test_rule(rule_id):
    both = pd.DataFrame([ADA | IMPUTED | BROKEN[rule_id], ADA | IMPUTED | FINE[rule_id]])
    assert rules.broken(both)[rule_id].tolist() == [True, False]
    assert rules.first_broken(both)["rule_id"].iloc[1] == "", "the second person breaks no rule at all"


# The two personas that Appendix C of the paper prints: what it says of them that a rule can see; the rest is ADA's.
WOMAN_OF_73 = {
    "age_years": 73,
    "employment_status": "Not in labor force",
    "household_type": "Female householder with relatives, no children of the householder less than 18",
    "family_presence": "With related children 5 to 17 years only",
}
CHILD_OF_10 = {
    "age_years": 10,
    "education": "Grade 4",
    "employment_status": "Unemployed",
    "marital_status": NOT_IN_UNIVERSE,
    "income_usd": float("nan"),
    "veteran_status": NOT_IN_UNIVERSE,
    "class_of_worker": NOT_IN_UNIVERSE,
    "fertility": NOT_IN_UNIVERSE,
    "religion": "Protestant",
}


def test_the_persona_of_appendix_c_that_contradicts_itself_is_caught():
    """A household both without and with children; told as our files tell it, of own children alone, she is fine."""
    ours = {
        "household_type": "Female householder with relatives, no spouse present",
        "family_presence": "No own children under 18",
    }
    both = pd.DataFrame([ADA | IMPUTED | WOMAN_OF_73, ADA | IMPUTED | WOMAN_OF_73 | ours])
    assert rules.first_broken(both)["rule_id"].tolist() == ["children_and_none", ""]


def test_the_child_of_appendix_c_has_what_nobody_of_ten_is_asked():
    child = ADA | IMPUTED | CHILD_OF_10
    both = pd.DataFrame([child, child | {"employment_status": NOT_IN_UNIVERSE}])
    assert rules.first_broken(both)["rule_id"].tolist() == ["working_child", ""], "a religion is no contradiction"


def test_unknown_values_break_no_rule():
    blank = {k: UNKNOWN for k, v in ADA.items() if isinstance(v, str)} | {"needs": "work+others+children+outside"}
    someone = pd.DataFrame([ADA | IMPUTED | blank])
    assert not rules.broken(someone).any(axis=None)


def test_a_strange_need_is_named():
    with pytest.raises(SchemaError, match="needs wings is not one of"):
        rules.broken(pd.DataFrame([ADA | IMPUTED | {"needs": "wings"}]))


def test_labels_in_rules_exist_in_the_census():
    known = codebook.codes(codebook.read_dictionary(REFERENCE / "pums_labels.csv.gz"), year=2018)
    said = {
        "ESR": (*rules.CIVILIAN_WORK, *rules.ARMED_FORCES, "Unemployed", "Not in labor force"),
        "MAR": rules.EVER_MARRIED,
        "SCHL": (*rules.ADVANCED_DEGREE, "Doctorate degree"),
        "HHT": rules.LIVING_ALONE,
        "HUPAOC": rules.CHILDREN,
        "CIT": rules.NOT_BORN_CITIZEN,
        "RELP": (rules.INSTITUTION,),
        "MIL": ("Now on active duty", "Never served in the military"),
        "NATIVITY": ("Native",),
        "DIS": ("Without a disability",),
        "HHL": ("English only",),
        "DREM": ("Yes",),
    }
    for variable, labels in said.items():
        assert set(labels) <= set(known[variable].values()), variable
    assert (
        rules.INSTITUTION
        in codebook.codes(codebook.read_dictionary(REFERENCE / "pums_labels.csv.gz"), year=2023)["RELSHIPP"].values()
    )


def test_caught_counts_by_hand():
    fine, alone = ADA | IMPUTED, ADA | IMPUTED | {"household_type": "Man living alone"}
    both = alone | {"needs": "others+work", "employment_status": "Unemployed"}
    found = rules.caught(pd.DataFrame([fine, alone, both])).set_index("rule_id")
    assert found.index.tolist() == [rule.rule_id for rule in rules.RULES]
    assert found.loc["alone_other_sex", ["n_broken", "n_counted"]].tolist() == [2, 2]
    assert found.loc["needs_work", ["n_broken", "n_counted"]].tolist() == [1, 0]
    assert found["n_counted"].sum() == 2 and (found["sentence"] != "").all()
