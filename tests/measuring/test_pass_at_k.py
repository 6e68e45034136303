"""pass@k. Oracles: exhaustive enumeration, binomial expectations, identities."""

import itertools

import numpy as np
import pandas as pd
import pytest
from attempted import attempted, attempts
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from persona_lib.measuring import pass_at_k
from persona_lib.tables import schema

SMALL = [(n, c, k) for n in range(1, 7) for c in range(n + 1) for k in range(1, n + 1)]


@pytest.mark.parametrize(("n", "c", "k"), SMALL)
def test_pass_at_k_equals_enumeration(n, c, k):
    passed = [i < c for i in range(n)]
    chosen = [any(some) for some in itertools.combinations(passed, k)]
    table = pd.DataFrame({"item_id": "x", "attempt": range(n), "passed": passed})
    assert pass_at_k.pass_at_k(table, k=k)["pass_at_k"].iloc[0] == pytest.approx(np.mean(chosen))


def test_pass_at_k_is_unbiased():
    """The mean of the estimate over all outcomes of 6 attempts of chance 0.3 is 1 - 0.7^3."""
    found = []
    for c in range(7):
        table = pd.DataFrame({"item_id": "x", "attempt": range(6), "passed": [i < c for i in range(6)]})
        found.append(binom.pmf(c, 6, 0.3) * pass_at_k.pass_at_k(table, k=3)["pass_at_k"].iloc[0])
    assert sum(found) == pytest.approx(1 - 0.7**3)


def test_pass_at_k_undefined_and_bad_input():
    passed = pd.Series([True, None, None], dtype="boolean")
    table = pd.DataFrame({"item_id": "x", "attempt": range(3), "passed": passed})
    found = pass_at_k.pass_at_k(table, k=2)
    assert np.isnan(found["pass_at_k"].iloc[0]), "one scored attempt cannot say what two would do"
    assert found["n"].iloc[0] == 1
    with pytest.raises(schema.SchemaError, match="x repeats attempt 1"):
        pass_at_k.pass_at_k(pd.DataFrame({"item_id": "x", "attempt": [1, 1], "passed": [True, False]}), k=1)
    with pytest.raises(schema.SchemaError, match="passed is missing"):
        pass_at_k.pass_at_k(pd.DataFrame({"item_id": ["x"], "attempt": [1]}), k=1)
    with pytest.raises(ValueError, match="k = 0"):
        pass_at_k.pass_at_k(table, k=0)


def test_pass_at_k_statistics():
    rng = np.random.default_rng(3)
    parts = [
        attempted(rng.random(12) < chance, model=model, mode=mode, attempt=attempt)
        for (model, chance), mode, attempt in itertools.product(
            {"large": 0.5, "small": 0.2}.items(), ["output_only", "baseline"], range(4)
        )
    ]
    table = attempts(*parts)
    found = schema.check(pass_at_k.pass_at_k_statistics(table, n_attempts=4), "pass_at_k")
    one = found.set_index(["statistic", "group"])["estimate"]
    cell = table[(table["model"] == "large") & (table["mode"] == "output_only")]
    assert one["pass_at_k", "large|output_only|1"] == pytest.approx(cell["passed"].astype(float).mean())
    assert one["pass_at_k", "large|output_only|4"] == pytest.approx(cell.groupby("item_id")["passed"].any().mean())
    assert one["gain", "large|output_only|4"] == pytest.approx(
        one["pass_at_k", "large|output_only|4"] - one["pass_at_k", "large|output_only|1"]
    )
    curve = [one["pass_at_k", f"small|baseline|{k}"] for k in pass_at_k.ks(4)]
    assert curve == sorted(curve), "more attempts never pass less"
    assert one["model_difference", "large-small|output_only|2"] == pytest.approx(
        one["pass_at_k", "large|output_only|2"] - one["pass_at_k", "small|output_only|2"]
    )
    again = table.sample(frac=1, random_state=1)
    again = schema.check(pass_at_k.pass_at_k_statistics(again, n_attempts=4), "pass_at_k")
    pd.testing.assert_frame_equal(found, again, check_exact=False)


def test_an_item_with_unscored_attempts_stays_as_far_as_it_goes():
    """By hand: items 1/1, 0/2, 0/2 (passed/scored): pass@1 is 1/3; nobody who failed once passed a second time."""
    tries = [attempted([True, False, False], attempt=0), attempted([True, False, False], attempt=1)]
    table = attempts(*tries)
    is_refused = (table["attempt"] == 1) & (table["item_id"] == table["item_id"].iloc[0])
    table.loc[is_refused, ["passed", "status"]] = [pd.NA, "refused"]
    found = pass_at_k.pass_at_k_statistics(table, n_attempts=2)
    curve = found[found["statistic"] == "pass_at_k"]
    assert curve["estimate"].tolist() == pytest.approx([1 / 3, 1 / 3])
    assert curve[["n", "n_excluded"]].to_numpy().tolist() == [[3, 0], [3, 0]]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=8))
def test_the_curve_is_the_mean_of_unbiased_estimates_where_all_are_scored_and_never_falls(counts):
    n, c = np.array([max(pair) for pair in counts]), np.array([min(pair) for pair in counts])
    sums = pass_at_k.terms(n, c, 6).sum(axis=0)
    curve = pass_at_k.curve(sums)
    known = curve[~np.isnan(curve)]
    assert (np.diff(known) >= -1e-12).all() and ((known >= -1e-12) & (known <= 1 + 1e-12)).all()
    assert np.isnan(curve).tolist() == [not (n >= k).any() for k in range(1, 7)]
    np.testing.assert_allclose(pass_at_k.curve(2 * sums), curve, err_msg="every item twice")
    full = pass_at_k.curve(pass_at_k.terms(np.full(len(c), 6), c, 6).sum(axis=0))
    means = [pass_at_k.at_k(np.full(len(c), 6), c, k).mean() for k in range(1, 7)]
    np.testing.assert_allclose(full, means, atol=1e-12)


def test_three_in_a_hundred_refusals_bias_the_curve_no_more_than_chance():
    """Oracle: 1 - E(1 - p)^16 over items; leaving out items with a refusal would keep 61 % of them."""
    rng = np.random.default_rng(8)
    p = rng.beta(0.4, 4, 4000)
    n = rng.binomial(16, 0.97, 4000)
    curve = pass_at_k.curve(pass_at_k.terms(n, rng.binomial(n, p), 16).sum(axis=0))
    assert (n == 16).mean() == pytest.approx(0.61, abs=0.03)
    for k in (1, 8, 16):
        assert curve[k - 1] == pytest.approx(1 - ((1 - p) ** k).mean(), abs=0.01)


def test_a_curve_of_one_answer_examined_again_is_told_from_fresh_answers():
    """Two items. Fresh answers: two of four pass, and none. The first answer again: always passes, and never."""
    fresh = [attempted([i < 2, False], attempt=i) for i in range(4)]
    again = [attempted([True, False], examination=i) for i in range(1, 4)]
    table = attempts(*fresh, *again)
    found = pass_at_k.pass_at_k_statistics(table, n_attempts=4)
    one = found.set_index(["statistic", "group"])["estimate"]
    assert one["pass_at_k", "large|baseline|1"] == 0.25 and one["pass_at_k", "large|baseline|2"] == pytest.approx(
        5 / 12
    )
    assert [one["reexamined", f"large|baseline|{k}"] for k in (1, 2, 4)] == [0.5, 0.5, 0.5]
    assert one["variety", "large|baseline|2"] == pytest.approx(5 / 12 - 1 / 2)
    assert one["scored", "large|baseline"] == 1, "examinations again are not attempts"


def test_modes_that_are_not_examined_again_have_no_such_curve():
    table = attempts(
        *[attempted([True, False], mode=m, attempt=i) for m in ("output_only", "baseline") for i in (0, 1)]
    )
    found = pass_at_k.pass_at_k_statistics(table, n_attempts=2)
    assert not found["statistic"].isin(["reexamined", "variety"]).any()
    assert found["group"][found["statistic"] == "persona_gain"].tolist() == [
        "large|output_only|1",
        "large|output_only|2",
    ]
