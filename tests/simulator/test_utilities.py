"""What answers are worth. Oracle: the world's own formula for the representative person."""

import numpy as np
import pandas as pd

from persona_lib.simulator.sentences import load_bank
from persona_lib.simulator.utilities import utilities
from persona_lib.simulator.world import load


def test_the_utility_is_that_of_the_world():
    personas = pd.DataFrame({"persona_id": ["p1", "p2"], "description": ["Age: 30\nSex: Female", ""]})
    text = "Restaurants should change some recipes for people who eat vegan, so that every friend can eat together."
    answers = pd.DataFrame({"answer_id": ["a"], "text": [text]})
    candidates = pd.DataFrame({"persona_id": ["p1", "p2"], "prompt_id": "q", "answer_id": "a"})
    found = utilities(candidates, personas, answers)["utility"]
    vector, n_words = load_bank().vector(text)
    everybody = load().shared @ vector - load().length_cost * n_words / 100
    assert np.isclose(found[1], everybody, rtol=0, atol=1e-12) and found[0] != found[1]
