"""Shares of allocated values. Oracle: a hand count."""

import numpy as np
import pandas as pd

from persona_lib.census import vintages
from persona_lib.census.allocation import allocated_shares


def test_shares_by_hand():
    """Weights 1, 2, 3, 4: income of the first two, age of the second and third; the job is part of no sum."""
    some = pd.DataFrame(
        {
            "allocated": ["income_usd", "age_years+income_usd", "age_years", "job_description"],
            "unflagged": "household_type+sex",
            "weight_persons": [1, 2, 3, 4],
        }
    )
    found = allocated_shares(some).set_index("attribute")
    assert found.loc[["age_years", "income_usd", "any of these"], "share"].tolist() == [0.5, 0.3, 0.6]
    assert found.loc[["age_years", "income_usd", "any of these"], "n"].tolist() == [2, 2, 3]
    assert np.isnan(found.loc["sex", "share"]) and "job_description" not in found.index
    assert found.index[0] == "age_years" and found.index[-1] == "any of these" and len(found) == 23


def test_a_file_without_flags_has_no_share():
    some = pd.DataFrame({"allocated": [""], "unflagged": "+".join(vintages.flags()), "weight_persons": [1]})
    assert allocated_shares(some)["share"].isna().all()
