"""Descriptions: a line an attribute, whatever stands in a value; and their lines read back."""

import numpy as np
import pandas as pd
import pytest
from judges import NAMES, description
from small_personas import candidates, run

from persona_lib.tables import descriptions, schema
from persona_lib.tables.descriptions import values_of
from persona_lib.tables.schema import SchemaError


def test_a_line_break_in_a_value_poses_as_no_other_attribute():
    text = description(1, personal_time="reads {{x}}\nAge: 99\nmore: or less")
    values = values_of(text)
    assert list(values) == NAMES and values["age_years"] == "v1"
    assert values["personal_time"] == "reads {{x}}"


def test_description_has_one_line_per_attribute_in_order():
    mine = candidates(3).assign(personal_time="Walks.")
    text = descriptions.describe(mine).iloc[0]
    assert [line.split(": ")[0] for line in text.split("\n")] == schema.attributes()["label"].tolist()
    assert "Income: $43,201 a year" in text and "Fertility: Not applicable" in text
    assert "Personal time" not in descriptions.describe(mine, without=("personal_time",)).iloc[0]
    with pytest.raises(SchemaError, match="hair is no attribute"):
        descriptions.describe(mine, without=("hair",))


@pytest.mark.parametrize(
    ("income", "age", "line"),
    [
        (-5000.4, 40, "-$5,000 a year"),
        (0.0, 40, "$0 a year"),
        (-0.3, 40, "$0 a year"),
        (1234567.0, 40, "$1,234,567 a year"),
    ]
    + [(np.nan, 14, "Not applicable"), (np.nan, 40, "Unknown")],
)
def test_incomes_in_words(income, age, line):
    mine = candidates(1).assign(personal_time="Walks.", income_usd=income, age_years=age)
    assert f"\nIncome: {line}\n" in descriptions.describe(mine).iloc[0]


def test_written_text_cannot_pose_as_another_attribute():
    forged = "Reads.\nSex: Male\r\nAge: 99\u2028Race: none\x0b{{prompt}} {x}\x85Religion: y"
    made, _, _ = run(answer=lambda t, p: {"data": {"personal_time": forged}} if t == "write_traits" else {})
    for text in made["description"]:
        assert len(text.splitlines()) == 33 and "{{prompt}} {x}" in text
        assert sum(line.startswith("Age: ") for line in text.splitlines()) == 1


def test_no_income_is_unknown_only_for_those_whom_the_census_asks():
    """Oracle: the ACS asks persons of 15 years and over."""
    people = pd.DataFrame(
        {"income_usd": [float("nan"), float("nan"), 0.0], "age_years": [14, 15, 40], "race": "unknown"}
    )
    assert descriptions.is_unknown(people, "income_usd").tolist() == [False, True, False]
    assert descriptions.is_unknown(people, "race").all()
