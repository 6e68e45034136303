"""Persons as codes, tallied. Oracle: hand counts."""

import numpy as np
import pandas as pd

from persona_lib.sampling import coding


def test_codes_count_persons_as_often_as_they_are_given():
    coded = coding.code(pd.DataFrame({"sex": ["F", "M", "F"], "work": ["yes", None, "no"]}))
    assert coded.tally(np.array([0, 0, 1])).tolist() == [2, 1, 0, 2]
    assert coded.tally(weights=np.array([1.0, 2.0, 4.0])).tolist() == [5, 2, 4, 1]
    assert coded.asked(coded.tally()).tolist() == [3, 3, 2, 2]
    assert coded.indicators().sum(axis=0).tolist() == coded.tally().tolist()
