"""The row that decides a claim. Oracle: the rule as it is written down, on rows made by hand."""

import numpy as np
import pandas as pd
import pytest

from persona_lib.showing import verdicts

CLAIM = {"statistic": "share", "group": "*", "rule": "greater", "paper_low": 0.5, "paper_high": np.nan}


def rows(*found):
    table = pd.DataFrame(found, columns=["group", "estimate", "low", "high"])
    return table.assign(statistic="share", n=10)


def decided(*found, rests_on="answers", known=None, **changes):
    return verdicts.decide(CLAIM | {"rests_on": rests_on} | changes, rows(*found), known or {})


def test_all_must_hold_and_one_may_differ():
    sure, open_, against = ("a", 0.8, 0.7, 0.9), ("b", 0.6, 0.4, 0.8), ("c", 0.3, 0.2, 0.4)
    assert decided(sure)["word"] == "holds" and decided(sure, open_)["word"] == "undecided"
    assert decided(sure, open_, against)["word"] == "differs" and decided(sure, open_, against)["group"] == "c"
    assert decided(sure, group="none") == {}


@pytest.mark.parametrize(("rests_on", "word"), [("answers", "no interval"), ("configuration", "holds")])
def test_a_number_without_an_interval_decides_only_where_it_is_a_fact(rests_on, word):
    assert decided(("a", 0.8, np.nan, np.nan), rests_on=rests_on)["word"] == word


def test_a_group_without_an_interval_keeps_the_others_from_holding():
    assert decided(("a", 0.8, 0.7, 0.9), ("b", 0.9, np.nan, np.nan))["word"] == "undecided"
    assert decided(("a", 0.3, 0.2, 0.4), ("b", 0.9, np.nan, np.nan))["word"] == "differs"


def test_with_a_truth_the_group_is_chosen_by_it_and_not_by_what_was_found():
    found = decided(("a", 0.6, 0.55, 0.7), ("b", 0.9, 0.8, 1.0), known={("share", "a"): 0.9, ("share", "b"): 0.6})
    assert found["group"] == "b"


def test_verdicts_on_noise_alone_are_rarely_wrong():
    """Oracle: a share at the bound itself: an interval on either side is wrong, in one of twenty."""
    rng, wrong = np.random.default_rng(1), 0
    for estimate in 0.5 + 0.1 * rng.standard_normal(400):
        wrong += decided(("a", estimate, estimate - 0.196, estimate + 0.196))["word"] in ("holds", "differs")
    assert wrong / 400 == pytest.approx(0.05, abs=0.03)
