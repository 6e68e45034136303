"""What leaving out costs. Oracle: shares counted by hand."""

import numpy as np
import pandas as pd

from persona_lib.evals.left_out import left_out_statistics


def attempts(n=20):
    """Whole: all pass. Without sex: every second item fails. Without religion: nothing changes, one item unscored."""
    ids = [f"p{i:02d}" for i in range(n)]
    base = pd.DataFrame({"item_id": ids, "critic_persona_id": ids, "prompt_id": [f"q{i % 5}" for i in range(n)]})
    parts = [
        base.assign(left_out="whole", passed=True, status="ok"),
        base.assign(left_out="sex", passed=np.arange(n) % 2 == 0, status="ok"),
        base.assign(left_out="religion", passed=True, status=["refused", *["ok"] * (n - 1)]),
    ]
    table = pd.concat(parts, ignore_index=True).assign(model="m", persona_id="x").astype({"passed": "boolean"})
    return table.assign(passed=table["passed"].mask(table["status"] != "ok"))


def test_differences_by_hand():
    found = left_out_statistics(attempts()).set_index(["statistic", "group"])
    assert found.loc[("pass_rate", "m|whole"), "estimate"] == 1 and found.loc[("pass_rate", "m|sex"), "estimate"] == 0.5
    row = found.loc[("difference", "m|sex")]
    assert row["estimate"] == -0.5 and row["low"] < -0.5 < row["high"] < 0 and row["n"] == 20
    same = found.loc[("difference", "m|religion")]
    assert same["estimate"] == 0 and (same["n"], same["n_excluded"]) == (19, 1)
    assert found.loc[("p_adjusted", "m|sex"), "estimate"] < 0.05 and ("difference", "m|whole") not in found.index


def test_nothing_scored_is_undefined():
    table = attempts().assign(status="refused", passed=pd.NA).astype({"passed": "boolean"})
    found = left_out_statistics(table).set_index(["statistic", "group"])
    assert np.isnan(found.loc[("difference", "m|sex"), "estimate"])
    assert found.loc[("difference", "m|sex"), "n_excluded"] == 20
