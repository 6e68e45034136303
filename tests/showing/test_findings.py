"""Numbers in sentences. Oracle: what a person would write, by hand, and the examples of the style."""

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from drawn_rows import row
from programs import ROOT

from persona_lib.estimating.resample import TOO_FEW
from persona_lib.showing.findings import UNITS, counted, in_words, number, percentage, points


class TestPrecision:
    @pytest.mark.parametrize(
        ("share", "low", "high", "text"),
        [
            (0.3412, 0.2812, 0.4087, "34 % (28 to 41)"),
            (0.9797, 0.9603, 0.9897, "98.0 % (96.0 to 99.0)"),
            (0.00022, 0.0001, 0.0004, "0.022 % (0.010 to 0.040)"),
            (0.5, np.nan, np.nan, "50 %"),
            (0.0333, np.nan, np.nan, "3.3 %"),
            (0.0, 0.0, 0.12, "0 % (0 to 12)"),
            (1.0, 1.0, 1.0, "100 % (100 to 100)"),
            (np.nan, 0.1, 0.2, "undefined"),
        ],
    )
    def test_percentages_have_the_digits_that_their_interval_supports(self, share, low, high, text):
        assert percentage(share, low, high) == text

    def test_a_zero_has_no_sign(self):
        assert points(0.0004, -0.1, 0.1) == "0 points (-10 to +10)"
        assert points(-0.0004, -0.1, 0.001) == "0 points (-10 to 0)"

    def test_one_point_is_singular_and_eleven_are_not(self):
        assert points(-0.01, -0.2, 0.2) == "-1 point (-20 to +20)"
        assert points(0.11, -0.2, 0.2) == "+11 points (-20 to +20)"

    @pytest.mark.parametrize(("n", "text"), [(0, "0 pairs"), (1, "1 pair"), (1001, "1,001 pairs")])
    def test_only_one_is_singular(self, n, text):
        assert counted(n, "pair") == text and counted(np.int64(n), "pair") == text

    def test_kappas_keep_two_decimals_however_wide_the_interval(self):
        assert number(0.5, -0.2, 1.0) == "0.50 (-0.20 to 1.00)"
        assert number(0.66491, 0.66361, 0.66621) == "0.665 (0.664 to 0.666)"


class TestInWords:
    def test_a_statistic_is_told_by_its_kind(self):
        rows = [row("pass_rate", "a", 0.5), row("difference", "a", 0.1), row("distance", "a", 0.25)]
        said = in_words(pd.DataFrame([*rows, row("kappa", "a", 0.7)]))
        assert said["pass_rate", "a"].startswith("50 %") and said["difference", "a"].startswith("+10 points")
        assert said["distance", "a"].startswith("25 points") and said["kappa", "a"].startswith("0.7")

    def test_a_name_may_mean_a_plain_number_in_one_table(self):
        table = pd.DataFrame([row("persona_gain", "a", 0.6)])
        assert in_words(table)["persona_gain", "a"].startswith("+60 points")
        assert in_words(table, plain=["persona_gain"])["persona_gain", "a"].startswith("0.60 (")

    def test_without_an_interval_it_says_why(self):
        few = row("pass_rate", "a", 0.5) | {"low": np.nan, "high": np.nan, "method": f"share; {TOO_FEW}"}
        bare = few | {"group": "b", "method": "share"}
        said = in_words(pd.DataFrame([few, bare]))
        assert said["pass_rate", "a"] == f"50 % ({TOO_FEW})" and said["pass_rate", "b"] == "50 % (no interval)"

    def test_counts_stand_beside_what_is_undefined_or_half_left_out(self):
        thin = row("pass_rate", "a", 0.5) | {"low": 0.2, "high": 0.8, "n": 5, "n_excluded": 7}
        gone = row("pass_rate", "b", np.nan) | {"n": 0, "n_excluded": 12}
        said = in_words(pd.DataFrame([thin, gone]))
        assert said["pass_rate", "a"] == "50 % (20 to 80; 5 of 12 usable)"
        assert said["pass_rate", "b"] == "undefined (0 of 12 usable)"

    def test_no_statistic_has_two_units_and_every_one_of_the_demo_has_one(self):
        """So that a new share is not told as a plain number because nobody said that it is one."""
        declared = [name for names in UNITS.values() for name in names]
        assert len(declared) == len(set(declared)) and set(UNITS) == {"shares", "differences", "distances", "numbers"}
        used = set()
        for path in (ROOT / "data/expected/demo").glob("*.parquet"):
            if {"statistic", "low"} <= set(pq.read_schema(path).names):
                used |= set(pq.read_table(path, columns=["statistic"])["statistic"].to_pylist()) - {""}
        assert used - set(declared) == set(), "say in persona_lib/showing/statistics.yaml which unit it has"
