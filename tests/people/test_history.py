import numpy as np
import pandas as pd
import pytest

from persona_lib.people.history import history_statistics
from persona_lib.people.respondents import ATTRIBUTES


def people(n=600, n_items=6, sex_tells=False):
    """Everybody has one opinion and gives it to every item with chance 0.9; the sex may be that opinion."""
    rng = np.random.default_rng(8)
    opinion = rng.integers(0, 2, n)
    table = pd.DataFrame({"person_id": [str(i) for i in range(n)], "weight": 1.0, **dict.fromkeys(ATTRIBUTES, "x")})
    table["sex"] = np.where(opinion if sex_tells else rng.integers(0, 2, n), "Female", "Male")
    for k in range(n_items):
        table[f"i{k}"] = np.where(rng.random(n) < 0.9, opinion, 1 - opinion).astype(float)
    return table, {f"i{k}": ["a", "b"] for k in range(n_items)}


def test_past_answers_tell_more_the_more_there_are_and_nothing_tells_nothing():
    """Oracle: one past answer is right in 0.9^2 + 0.1^2 of the cases, four in nearly nine of ten."""
    table, answers = people()
    rows = pd.DataFrame(history_statistics(table, answers, n_targets=3)).set_index(["statistic", "group"])["estimate"]
    told = rows["told"]
    assert told["k=0"] == pytest.approx(0) and told["k=1"] < told["k=2"] < told["k=4"]
    assert rows["right", "k=1"] == pytest.approx(0.82, abs=0.03) and rows["right", "k=4"] == pytest.approx(
        0.89, abs=0.03
    )
    assert abs(told["description"]) < 0.03 and "k=8" not in told, "there are only five others"


def test_a_description_that_is_the_opinion_tells_more_than_one_answer():
    table, answers = people(sex_tells=True)
    rows = pd.DataFrame(history_statistics(table, answers, n_targets=2)).set_index(["statistic", "group"])["estimate"]
    assert rows["told", "description"] > rows["told", "k=1"] + 0.1
    assert rows["right", "description, k=4"] == pytest.approx(0.9, abs=0.03)
