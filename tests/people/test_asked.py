"""The learning curve of a model that was asked. Oracle: counts by hand."""

import numpy as np
import pandas as pd
import pytest

from persona_lib.people.asked import asked_history_statistics
from persona_lib.tables import schema


def test_shares_and_gains_by_hand():
    """Eight people, two items: nothing told is right on the first item only, two answers on both, but for one lost."""
    cells = pd.DataFrame({"person_id": [f"p{i}" for i in range(8)]}).merge(
        pd.DataFrame({"item_id": ["i", "j"]}), how="cross"
    )
    blind = cells.assign(given_as="k=0", is_right=(cells["item_id"] == "i").astype(float))
    told = cells.assign(given_as="k=2", is_right=1.0)
    told.loc[0, "is_right"] = np.nan
    whole = cells.assign(given_as="description", is_right=1.0)
    rows = asked_history_statistics(pd.concat([whole, told, blind]), whose="pool")
    table = schema.check(pd.DataFrame(rows), "humans").set_index(["statistic", "group"])
    assert [row["group"] for row in rows[:3]] == ["pool|k=0", "pool|k=2", "pool|description"]
    assert table.loc[("right_asked", "pool|k=0"), "estimate"] == 0.5
    assert table.loc[("right_asked", "pool|k=2"), ["estimate", "n", "n_excluded"]].tolist() == [1.0, 15, 1]
    assert table.loc[("gain_asked", "pool|k=2"), "estimate"] == pytest.approx(8 / 15)
    assert table.loc[("gain_asked", "pool|description"), "estimate"] == 0.5
    assert table.loc[("right_asked", "pool|k=2"), "method"].count("item_id") == 0, "two items are too few"
    assert table["low"].notna().any()
    assert asked_history_statistics(whole.iloc[:0], whose="pool") == []
