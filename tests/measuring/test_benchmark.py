"""PERSONA Bench. Oracles: statsmodels' McNemar, hand counts, identities."""

import numpy as np
import pandas as pd
import pytest
from attempted import attempted, attempts, dropped_table
from scipy.stats import binomtest
from statsmodels.stats.contingency_tables import mcnemar

from persona_lib.measuring import benchmark
from persona_lib.tables import schema


@pytest.mark.parametrize(("n01", "n10"), [(5, 0), (3, 7), (1, 1)])
def test_mcnemar_equals_statsmodels_and_the_binomial(n01, n10):
    first = [1.0] * n01 + [0.0] * n10 + [1.0, 0.0, np.nan]
    second = [0.0] * n01 + [1.0] * n10 + [1.0, 0.0, 1.0]
    ours = benchmark.mcnemar_p_value(pd.DataFrame({"passed": first, "passed_reference": second}))
    assert ours == pytest.approx(mcnemar([[1, n01], [n10, 1]], exact=True).pvalue)
    assert ours == pytest.approx(binomtest(n01, n01 + n10, 0.5).pvalue)


def test_mcnemar_without_discordant_pairs_is_nan():
    assert np.isnan(benchmark.mcnemar_p_value(pd.DataFrame({"passed": [1.0], "passed_reference": [1.0]})))


def test_pass_rates_differences_and_calibration_by_hand():
    yes, no = [True] * 9 + [False] * 3, [True] * 3 + [False] * 8 + [None]
    table = attempts(
        attempted(no),
        attempted(yes, mode="output_only"),
        attempted([True] * 2 + [False] * 10, mode="output_only", critic="p0099"),
    )
    found = schema.check(benchmark.benchmark_statistics(table, dropped_table({("p0001", "sex"): False})), "benchmark")
    one = found.set_index(["statistic", "group"])
    assert one.loc[("pass_rate", "large|output_only"), "estimate"] == 0.75, "calibration rows are not scored as own"
    assert one.loc[("pass_rate", "large|baseline"), ["n", "n_excluded"]].tolist() == [11, 1]
    row = one.loc[("difference", "large|output_only-baseline")]
    assert (row["estimate"], row["n"], row["n_excluded"]) == (pytest.approx(6 / 11), 11, 1)
    assert one.loc[("calibration", "other"), "estimate"] == pytest.approx(2 / 12)
    assert one.loc[("calibration", "own-other"), "estimate"] == pytest.approx(7 / 12)
    assert one.loc[("scored", "large|baseline"), "estimate"] == pytest.approx(11 / 12)
    p_values = one.loc[["p_value", "p_adjusted"], "estimate"].unstack()["large|output_only-baseline"]
    assert p_values["p_value"] == p_values["p_adjusted"], "one pair of modes needs no correction"


def test_difference_changes_sign_with_the_order_of_modes():
    rng = np.random.default_rng(1)
    table = attempts(*[attempted(rng.random(12) < 0.5, mode=mode) for mode in ("baseline", "summary")])
    own = benchmark.own_attempts(table)
    one = benchmark.mode_difference(own, mode="summary", reference="baseline")["difference"]
    two = benchmark.mode_difference(own, mode="baseline", reference="summary")["difference"]
    assert one.tolist() == (-two).tolist()
