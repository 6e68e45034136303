"""The worst group, and people of two groups. Oracles: shares that were put in, and hand counts."""

import numpy as np
import pandas as pd
import pytest
from panel_rows import persona_table
from scipy.stats import t

from persona_lib.estimating import resample
from persona_lib.pluralism import worst_group
from persona_lib.tables.groups import persona_groups


def test_worst_group_and_gap_by_hand():
    """Shares 0.2 and 0.8: the ends are those of both groups at once, the gap's ends follow from them."""
    rng = np.random.default_rng(9)
    personas = persona_table(40)
    rows = [(p, f"i{i}", float(rng.random() < (0.2 if s == "F" else 0.8)))
            for p, s in zip(personas["persona_id"], personas["sex"], strict=True) for i in range(30)]  # fmt: skip
    table = pd.DataFrame(rows, columns=["persona_id", "item_id", "is_majority"])
    found = pd.DataFrame(worst_group.worst_group_statistics(table, persona_groups(personas)))
    found = found.set_index(["statistic", "group"])
    worst, gap = found.loc[("worst_group", "sex")], found.loc[("group_gap", "sex")]
    assert worst["estimate"] == pytest.approx(0.2, abs=0.05) and "F" in worst["method"]
    assert gap["estimate"] == pytest.approx(0.6, abs=0.07)
    sides = table.merge(personas, on="persona_id").groupby("sex")
    each = [resample.clustered_mean(part, value="is_majority", clusters=worst_group.CLUSTERS) for _, part in sides]
    ends = [[f.estimate + s * t.ppf(1 - 0.05 / 2 / 2, f.df) * f.standard_error for s in (-1, 1)] for f in each]
    assert [worst["low"], worst["high"]] == pytest.approx(ends[0]), "women are served worse; t at 2.5 % in two groups"
    assert [gap["low"], gap["high"]] == pytest.approx([ends[1][0] - ends[0][1], ends[1][1] - ends[0][0]])
    assert np.isnan(found.loc[("worst_group", "race"), "estimate"]), "one group has no worst"


def test_intersections_are_shrunk_and_their_smallest_cell_is_told():
    personas = persona_table(24).assign(ideology=["I"] * 12 + ["J"] * 10 + ["K"] * 2)
    rng = np.random.default_rng(10)
    rows = [(p, f"i{i}", float(rng.random() < 0.5)) for p in personas["persona_id"] for i in range(10)]
    table = pd.DataFrame(rows, columns=["persona_id", "item_id", "is_majority"])
    found = pd.DataFrame(worst_group.intersection_statistics(table, persona_groups(personas)))
    found = found.set_index(["statistic", "group"])
    raw = table.merge(personas, on="persona_id").groupby(["sex", "ideology"])["is_majority"].mean()
    shown = found.loc["intersection"].filter(regex=r"^sex\|.*ideology", axis=0)["estimate"]
    assert len(shown) == 4 and np.ptp(shown) < np.ptp(raw.drop("K", level="ideology"))
    smallest = found.loc[("smallest_cell", "sex|ideology")]
    assert (smallest["estimate"], smallest["n"], smallest["n_excluded"]) == (1, 6, 2)
