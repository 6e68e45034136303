"""Truths inside intervals and estimates off by standard errors, against hand-made rows."""

import numpy as np
import pandas as pd
import pytest
from claim_rows import table

from persona_lib.measuring.recovery import calibration, recovery


def test_counts_only_what_has_truth_and_interval():
    statistics = table(("in", 0.7, 0.6, 0.8), ("out", 0.7, 0.6, 0.65), ("bare", 0.7, np.nan, np.nan), ("free", 1, 1, 1))
    truth = pd.DataFrame({"statistic": "share", "group": ["in", "out", "bare"], "truth": [0.7, 0.7, 0.7]})
    truth["standard_error"] = 0.0
    found = recovery(statistics, truth).set_index("group")["is_inside"]
    assert found["in"] and not found["out"] and found["bare"] is pd.NA and "free" not in found


def test_without_truth_there_is_nothing():
    assert recovery(table(("in", 0.7, 0.6, 0.8)), None).empty


def test_twice_the_same_truth_is_an_error():
    truth = pd.DataFrame({"statistic": "share", "group": ["in", "in"], "truth": [0.7, 0.7]})
    with pytest.raises(pd.errors.MergeError):
        recovery(table(("in", 0.7, 0.6, 0.8)), truth)


def test_off_counts_standard_errors_on_the_side_of_the_truth():
    """Half widths of 1.96 and 3.92 claim errors of 1 and 2: off by 2 to either side is two errors, or one."""
    statistics = table(("above", 0.0, -3.92, 1.96), ("below", 0.0, -3.92, 1.96), ("same", 1.0, 1.0, 1.0))
    truth = pd.DataFrame({"statistic": "share", "group": ["above", "below", "same"], "truth": [2.0, -2.0, 1.0]})
    recovered = recovery(statistics, truth.assign(standard_error=0.0))
    assert recovered["off"].round(9).tolist() == [-2.0, 1.0, 0.0]
    found = calibration(recovered)
    assert found["truths"].tolist() == [3] and found["inside"].tolist() == [2]
    assert found["rms_off"].iloc[0] == pytest.approx(np.sqrt(5 / 3)) and found["mean_off"].iloc[0] == pytest.approx(
        -1 / 3
    )
