"""Groups that meet. Oracle: shares counted by hand."""

import numpy as np
import pandas as pd

from persona_lib.evals.intersections import intersection_statistics


def test_shares_by_hand():
    """24 personas, sexes in turn, the first half young: six persons in each of the four corners; young women pass."""
    n = 24
    ids = [f"p{i:02d}" for i in range(n)]
    personas = pd.DataFrame({"persona_id": ids, "sex": ["Female", "Male"] * 12, "race": "R", "ideology": "I"})
    personas["age_years"] = np.where(np.arange(n) < 12, 20, 80)
    passed = (personas["sex"] == "Female") & (personas["age_years"] == 20)
    attempts = pd.DataFrame({"item_id": ids, "persona_id": ids, "critic_persona_id": ids, "passed": passed})
    attempts = attempts.assign(prompt_id=[f"q{i % 6}" for i in range(n)], model="m", mode="summary", attempt=0)
    attempts = attempts.assign(examination=0, status="ok").astype({"passed": "boolean"})
    found = intersection_statistics(attempts, personas, mode="summary").set_index("group")
    assert found.loc["age_group=18-34 & sex=Female", "estimate"] == 1
    assert found.loc["age_group=70+ & sex=Female", "estimate"] == 0
    assert found.loc["sex=Female", "estimate"] == 0.5 and found.loc["sex=Female", "n"] == 12
    assert intersection_statistics(attempts, personas, mode="baseline").empty
