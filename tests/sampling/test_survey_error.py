"""The error of a file less its survey's tables. Oracles: hand counts, SciPy, identities."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from persona_lib.sampling import coding
from persona_lib.sampling.survey_error import Beside, effective_households, rao_scott_f


def two_shares(gap: float, error: float, freedom: float) -> Beside:
    """Two categories of 0.3 and 0.7 in the table, a file that is `gap` off with this standard error."""
    coded = coding.code(pd.DataFrame({"work": ["no", "yes"]}))
    rng = np.random.default_rng(1)
    spread = rng.standard_normal(80)
    spread *= error / np.sqrt((spread**2).sum())
    file = np.array([0.3 + gap, 0.7 - gap])
    return Beside(coded, np.array([0.3, 0.7]), file, np.stack([spread, -spread]), np.full(2, freedom), 0.5, {})


@pytest.mark.parametrize("freedom", [3.0, 12.0, 80.0])
def test_of_two_categories_it_is_the_t_test_of_their_gap(freedom):
    both = two_shares(0.05, 0.02, freedom)
    found = rao_scott_f(both, np.array([True, True]), both.file, n=100)
    assert found["p"] == pytest.approx(2 * stats.t.sf(0.05 / 0.02, freedom))


def test_what_drawing_adds_has_no_degrees_of_freedom_to_lose():
    """Of four equal parts of the variance three are known: the others' 10 degrees of freedom count 16 times."""
    both = two_shares(0.05, 0.02, 10.0)
    drawing = 3 * 0.02**2 * np.array([[1, -1], [-1, 1]])
    found = rao_scott_f(both, np.array([True, True]), both.file, n=100, drawing=drawing)
    assert found["freedom"] == pytest.approx(160) and found["p"] == pytest.approx(2 * stats.t.sf(0.05 / 0.04, 160))


def test_no_error_is_no_verdict():
    both = two_shares(0.05, 0.0, 10.0)
    assert np.isnan(rao_scott_f(both, np.array([True, True]), both.file, n=100)["p"])


def test_effective_households_of_equal_homes_are_their_number():
    """Six of sixty homes hold the category with one member each: six squares of 0.9, 54 of 0.1, by hand."""
    homes = pd.DataFrame({"household_id": [f"{k}" for k in range(60)], "weight_persons": 10})
    coded = coding.code(pd.DataFrame({"race": ["a"] * 6 + ["b"] * 54}))
    found = effective_households(homes, coded, np.array([0.1, 0.9]))
    expected = (6 * 0.81 + 54 * 0.01) ** 2 / (6 * 0.81**2 + 54 * 0.01**2)
    assert found.tolist() == pytest.approx([expected, expected])
    one_home = homes.assign(household_id=["0"] * 6 + homes["household_id"].tolist()[6:])
    assert effective_households(one_home, coded, np.array([0.1, 0.9]))[0] < 1.1
