import numpy as np
import pandas as pd
import pytest

from persona_lib.people.personas import attributes_of, pool_respondents, respondents_of, within_variance
from persona_lib.people.respondents import ATTRIBUTES
from persona_lib.tables.schema import SchemaError

PERSONAS = pd.DataFrame(
    {
        "persona_id": ["p1", "p2"],
        "political_views": ["Leans Democrat", "Not sure"],
        "ideology": ["Very conservative", "Moderate"],
        "race": ["Asian", "White"],
        "sex": ["Female", "Male"],
        "age_years": [34, 70],
        "education": ["Bachelor's degree", "1 or more years of college credit, no degree"],
    }
)
ANSWERS = pd.DataFrame(
    {
        "item_id": "gss2018_spending.natspac",
        "rater_id": "m",
        "asked_as": ["persona", "persona", "oneself"],
        "persona_shown_id": ["p1", "p2", ""],
        "sample": 0,
        "answer": [2, -1, 0],
        "status": ["ok", "refused", "ok"],
    }
)


def test_personas_stand_in_the_groups_of_the_surveys():
    found = attributes_of(PERSONAS)[ATTRIBUTES]
    assert found.iloc[0].tolist() == [
        "Democrat",
        "Conservative",
        "Another race",
        "Female",
        "18-34",
        "Bachelor's or more",
    ]
    assert found.iloc[1].fillna("").tolist() == ["", "Moderate", "White", "Male", "70+", "Some college"]


def test_answers_as_personas_are_respondents():
    found = respondents_of(ANSWERS, PERSONAS, rater="m")
    assert found["person_id"].tolist() == ["p1", "p2"] and found["natspac"].fillna(-9).tolist() == [2, -9]
    with pytest.raises(SchemaError, match="answered as no persona in sample 1"):
        respondents_of(ANSWERS, PERSONAS, rater="m", sample=1)


def test_choices_on_the_pool_are_respondents():
    chosen = pd.DataFrame({"persona_id": ["p2", "p1"], "item_id": "i", "choice": [1.0, np.nan]})
    assert pool_respondents(chosen, PERSONAS)["i"].fillna(-9).tolist() == [-9, 1]


def test_variance_within_groups_leaves_out_their_difference():
    given, group = np.array([0.0, 2, 5, 7, np.nan, 9]), np.array(["a", "a", "b", "b", "a", None], dtype=object)
    assert within_variance(given, group) == 2.0 and np.isnan(within_variance(given[:1], group[:1]))
