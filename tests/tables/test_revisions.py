"""The rules for revisions: oracles are sentences checked by eye."""

import pytest

from persona_lib.tables.revisions import FAULTS, RULES, fault, named

PERSON = "\n".join(
    [
        "Age: 43",
        "Sex: Female",
        "Race: Black or African American",
        "Occupation category: Teachers",
        "Income: $52,000 a year",
        "Hearing difficulty: No",
        "Fertility: Not applicable",
        "Big five scores: low openness, high neuroticism",
        "Lifestyle: keeps bees; sleeps late on Sundays",
        "Political views: Strong Democrat",
        "Religion: Catholic",
    ]
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("At 43 you know your mind.", ["age_years"]),
        ("In 1943 it was otherwise.", []),
        ("Like any Catholic, you will agree.", ["religion"]),
        ("Catholics disagree among themselves.", []),
        ("Teachers have it hard.", []),
        ("No, and not applicable either.", []),
        ("Someone who sleeps late on Sundays, with high neuroticism.", ["big_five", "lifestyle"]),
        ("Whoever keeps  bees", []),
        ("A strong democrat with $52,000 a year", ["income_usd", "political_views"]),
        ("{religion} \\d+ (", []),
    ],
)
def test_named_by_eye(text, expected):
    assert named(text, PERSON) == expected


def test_what_the_question_or_the_answer_says_gives_nothing_away():
    assert named("The Catholic view is old.", PERSON, known="What is the Catholic view?") == []
    assert fault("Catholic, then.", "A Catholic answers so.", prompt="Why?", description=PERSON) == ""


def test_a_value_with_marks_of_patterns_is_text():
    assert named("she said (.*) twice", "Lifestyle: says (.*) twice") == []
    assert named("says c++ [twice] daily", "Lifestyle: says c++ [twice] daily") == ["lifestyle"]


def test_equal_length_is_not_shorter_and_every_fault_is_declared():
    said = {"prompt": "Why?", "description": PERSON}
    assert fault("b b", "a a", **said) == "not shorter" and fault("b", "a a", **said) == ""
    both = fault("as a Catholic would", "a", **said)
    assert {"not shorter", both} <= set(FAULTS) and set(RULES) == {"not shorter", "names an attribute"}
