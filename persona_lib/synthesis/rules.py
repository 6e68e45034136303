"""What no person can be: the declared rules that a candidate must pass before a model is asked about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from persona_lib.tables.schema import NOT_IN_UNIVERSE, UNKNOWN, SchemaError

CIVILIAN_WORK = ("Civilian employed, at work", "Civilian employed, with a job but not at work")
ARMED_FORCES = ("Armed forces, at work", "Armed forces, with a job but not at work")
EVER_MARRIED = ("Married", "Widowed", "Divorced", "Separated")
ADVANCED_DEGREE = ("Bachelor's degree", "Master's degree", "Professional degree beyond a bachelor's degree")
LIVING_ALONE = ("Man living alone", "Woman living alone")
CHILDREN = ("Own children under 6 only", "Own children 6 to 17 only", "Own children under 6 and 6 to 17")
# Words of HHT2 and FPARC, which the paper prints and no file that we read is told in. A grandmother may truly be so,
# but a reader of the two lines cannot know it.
NO_CHILDREN = "no children of the householder less than 18"
RELATED_CHILDREN = "With related children"
NOT_BORN_CITIZEN = ("U.S. citizen by naturalization", "Not a U.S. citizen")
NO_FAITH = ("Atheist or agnostic", "Nothing in particular")
INSTITUTION = "Institutionalized group quarters population"

# What an entry of a trait list may presume of its person (its column `needs`).
NEEDS = {
    "work": "a paid job",
    "home": "a home of one's own",
    "others": "people to live with",
    "children": "children at home",
    "outside": "going out freely",
    "faith": "a religious faith",
    "outgoing": "no low extraversion",
    "reserved": "no high extraversion",
    "orderly": "no low conscientiousness",
}


@dataclass(frozen=True)
class Rule:
    """A sentence that no persona may be described by, and its test: True where a row breaks the rule."""

    rule_id: str
    sentence: str
    breaks: Callable[[pd.DataFrame], pd.Series]


def _needs(people: pd.DataFrame, name: str) -> pd.Series:
    """Whether a listed trait of the row presumes `name`."""
    return ("+" + people["needs"] + "+").str.contains(f"+{name}+", regex=False)


def _yes(people: pd.DataFrame, *columns: str) -> pd.Series:
    return (people[list(columns)] == "Yes").any(axis=1)


# In the order in which they are tried; a candidate is counted under the first that it breaks.
RULES = (
    Rule(
        "veteran_child",
        "Has served in the armed forces, but is under 17.",
        lambda p: (
            (p.age_years < 17) & ~p.veteran_status.isin([NOT_IN_UNIVERSE, UNKNOWN, "Never served in the military"])
        ),
    ),
    Rule(
        "married_child",
        "Is or was married, but is under 15.",
        lambda p: (p.age_years < 15) & p.marital_status.isin(EVER_MARRIED),
    ),
    Rule(
        "early_degree",
        "Holds a bachelor's or higher degree, but is under 17.",
        lambda p: (p.age_years < 17) & p.education.isin(ADVANCED_DEGREE),
    ),
    Rule(
        "early_doctorate",
        "Holds a doctorate, but is under 20.",
        lambda p: (p.age_years < 20) & (p.education == "Doctorate degree"),
    ),
    Rule(
        "working_child",
        "Has an employment status, but is under 16, of whom nobody asks it.",
        lambda p: (p.age_years < 16) & ~p.employment_status.isin([NOT_IN_UNIVERSE, UNKNOWN]),
    ),
    Rule(
        "child_income",
        "Has an income of their own, but is under 15.",
        lambda p: (p.age_years < 15) & p.income_usd.notna(),
    ),
    Rule(
        "soldier_never_served",
        "Is in the armed forces now, but never served.",
        lambda p: p.employment_status.isin(ARMED_FORCES) & (p.veteran_status == "Never served in the military"),
    ),
    Rule(
        "active_duty_idle",
        "Is on active duty now, but is unemployed or not in the labour force.",
        lambda p: (
            (p.veteran_status == "Now on active duty") & p.employment_status.isin(["Unemployed", "Not in labor force"])
        ),
    ),
    Rule(
        "employed_never_worked",
        "Is employed, but is described as without work for over five years or ever.",
        lambda p: (
            p.employment_status.isin(CIVILIAN_WORK + ARMED_FORCES) & p.class_of_worker.str.startswith("Unemployed")
        ),
    ),
    Rule(
        "birth_by_man",
        "Gave birth in the past year, but is male.",
        lambda p: _yes(p, "fertility") & (p.sex == "Male"),
    ),
    Rule(
        "birth_age",
        "Gave birth in the past year, but is under 15 or over 50.",
        lambda p: _yes(p, "fertility") & ~p.age_years.between(15, 50),
    ),
    Rule(
        "alone_with_children",
        "Lives alone, but with own children in the household.",
        lambda p: p.household_type.isin(LIVING_ALONE) & p.family_presence.isin(CHILDREN),
    ),
    Rule(
        "children_and_none",
        "Lives in a household described as without children of the householder, and as with children.",
        lambda p: (
            p.household_type.str.contains(NO_CHILDREN, regex=False)
            & (p.family_presence.isin(CHILDREN) | p.family_presence.str.startswith(RELATED_CHILDREN))
        ),
    ),
    Rule(
        "alone_other_sex",
        "Lives alone in a household whose one person is of the other sex.",
        lambda p: (
            ((p.household_type == "Man living alone") & (p.sex == "Female"))
            | ((p.household_type == "Woman living alone") & (p.sex == "Male"))
        ),
    ),
    Rule(
        "quarters_household",
        "Lives in group quarters, but has a household type.",
        lambda p: p.is_group_quarters & ~p.household_type.isin([NOT_IN_UNIVERSE, UNKNOWN]),
    ),
    Rule(
        "native_not_citizen",
        "Is a native, but not a citizen by birth.",
        lambda p: (p.nativity == "Native") & p.citizenship.isin(NOT_BORN_CITIZEN),
    ),
    Rule(
        "english_only_other_language",
        "Speaks another language at home, but the household speaks English only.",
        lambda p: (p.household_language == "English only") & ~p.english_ability.isin([NOT_IN_UNIVERSE, UNKNOWN]),
    ),
    Rule(
        "difficulty_without_disability",
        "Has a difficulty of seeing, hearing or thinking, but is without a disability.",
        lambda p: (
            (p.disability == "Without a disability")
            & _yes(p, "cognitive_difficulty", "vision_difficulty", "hearing_difficulty")
        ),
    ),
    Rule(
        "needs_work",
        "A listed trait presumes a paid job, but the person has none.",
        lambda p: _needs(p, "work") & ~p.employment_status.isin(CIVILIAN_WORK + ARMED_FORCES + (UNKNOWN,)),
    ),
    Rule(
        "needs_home",
        "A listed trait presumes a home of one's own, but the person lives in group quarters.",
        lambda p: _needs(p, "home") & p.is_group_quarters,
    ),
    Rule(
        "needs_others",
        "A listed trait presumes people to live with, but the person lives alone.",
        lambda p: _needs(p, "others") & p.household_type.isin(LIVING_ALONE),
    ),
    Rule(
        "needs_children",
        "A listed trait presumes children at home, but there are none.",
        lambda p: _needs(p, "children") & ~p.family_presence.isin([*CHILDREN, UNKNOWN]),
    ),
    Rule(
        "needs_outside",
        "A listed trait presumes going out freely, but the person lives in an institution.",
        lambda p: _needs(p, "outside") & (p.relationship == INSTITUTION),
    ),
    Rule(
        "needs_faith",
        "A listed trait presumes a religious faith, but the person has none.",
        lambda p: _needs(p, "faith") & p.religion.isin(NO_FAITH),
    ),
    Rule(
        "needs_outgoing",
        "A listed trait is that of an outgoing person, but extraversion is low.",
        lambda p: _needs(p, "outgoing") & p.big_five.str.contains("low extraversion", regex=False),
    ),
    Rule(
        "needs_reserved",
        "A listed trait is that of a reserved person, but extraversion is high.",
        lambda p: _needs(p, "reserved") & p.big_five.str.contains("high extraversion", regex=False),
    ),
    Rule(
        "needs_orderly",
        "A listed trait is that of an orderly person, but conscientiousness is low.",
        lambda p: _needs(p, "orderly") & p.big_five.str.contains("low conscientiousness", regex=False),
    ),
)


def table() -> pd.DataFrame:
    """One row per rule, in order: rule_id, sentence."""
    return pd.DataFrame([{"rule_id": rule.rule_id, "sentence": rule.sentence} for rule in RULES])


def broken(people: pd.DataFrame) -> pd.DataFrame:
    """Which rules each row breaks: same index, one boolean column per rule. An unknown value breaks none.

    Raises
    ------
    SchemaError
        A trait list presumes something that `NEEDS` does not name.
    """
    asked = set("+".join(people["needs"]).split("+")) - {""}
    if strange := asked - set(NEEDS):
        raise SchemaError(f"trait lists: needs {', '.join(sorted(strange))} is not one of {', '.join(NEEDS)}")
    return pd.DataFrame({rule.rule_id: rule.breaks(people).astype(bool) for rule in RULES}, index=people.index)


def caught(people: pd.DataFrame) -> pd.DataFrame:
    """The declared rules with the rows that they caught.

    Returns
    -------
    One row per rule, in order: rule_id, sentence, n_broken (rows that break it), n_counted (rows counted under it,
    because it is the first that they break).
    """
    first = first_broken(people)["rule_id"].value_counts()
    counted = table().assign(n_broken=broken(people).sum().to_numpy())
    return counted.assign(n_counted=counted["rule_id"].map(first).fillna(0).astype("int64"))


def first_broken(people: pd.DataFrame) -> pd.DataFrame:
    """The first rule that each row breaks: same index, columns rule_id and reason, both '' if it breaks none."""
    breaks = broken(people)
    rule_id = breaks.idxmax(axis=1).astype("str").where(breaks.any(axis=1), "")
    sentences = table().set_index("rule_id")["sentence"].to_dict() | {"": ""}
    return pd.DataFrame({"rule_id": rule_id, "reason": rule_id.map(sentences).astype("str")}, index=people.index)
