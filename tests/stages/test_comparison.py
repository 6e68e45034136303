"""The gold comparison's plan. Oracles: hand counts, the cells that raters judged."""

import numpy as np
import pytest
from pool_rows import items_of, judged

from persona_lib.stages.comparison import plan_comparison
from persona_lib.tables.schema import SchemaError

ITEMS = items_of(6)


def pool():
    """One rater judged four items for each of five personas; the model judged six."""
    rated = judged({"r1": np.zeros((5, 4), int)}, ITEMS)
    return rated, judged({"large": np.zeros((5, 6), int)}, ITEMS)


def planned(n):
    rated, _ = pool()
    return plan_comparison(ITEMS, rated, n_personas=n, contestants=["m1", "m2"], seed=1)


def test_only_what_raters_judged_is_asked_in_both_orders():
    plan = planned(3)
    assert len(plan) == 3 * 4 * 2 and plan["persona_shown_id"].nunique() == 3
    assert set(plan["item_id"]) == set(ITEMS["item_id"][:4]) and set(plan["rater_id"]) == {"m1", "m2"}
    assert (plan[plan["rater_id"] == "m1"].groupby("persona_shown_id")["swapped"].sum() == 2).all()
    assert (plan["rater_id"] == plan["endpoint"]).all() and (plan["lines_shown"] == "all").all()


def test_more_personas_than_were_rated_is_one_line():
    with pytest.raises(SchemaError, match="raters judged for 5 personas, not 6"):
        planned(6)
