"""Intervals, clustered errors. Oracles: statsmodels, hand counts, identities, simulation."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from crossed_rows import crossed
from scipy.optimize import brentq
from scipy.special import expit
from statsmodels.stats.proportion import proportion_confint

from persona_lib.estimating import resample
from persona_lib.tables.schema import SchemaError


@pytest.fixture
def table():
    return crossed(np.random.default_rng(5))


@pytest.mark.parametrize(("count", "n"), [(0, 10), (3, 10), (96, 100), (10, 10), (1, 1)])
def test_wilson_equals_statsmodels(count, n):
    assert resample.wilson(count, n) == pytest.approx(proportion_confint(count, n, method="wilson"), abs=1e-12)


def test_wilson_undefined_and_impossible():
    assert np.isnan(resample.wilson(0, 0)).all()
    with pytest.raises(ValueError, match="11 successes in 10 trials"):
        resample.wilson(11, 10)


@pytest.mark.parametrize("clusters", [["persona_id"], ["item_id"], ["persona_id", "item_id"]])
@pytest.mark.parametrize("on", [None, "taste"])
def test_clustered_errors_equal_statsmodels_ols(table, clusters, on):
    table = table.iloc[::2].reset_index(drop=True)
    codes = [pd.factorize(table[name])[0] for name in clusters]
    design = np.ones((len(table), 1)) if on is None else sm.add_constant(table[on].to_numpy())
    fits = []
    for groups in [np.column_stack(codes).squeeze(), *codes]:  # two ways are no surer than each of them
        settings = {"groups": groups, "use_correction": True, "df_correction": False}
        fits.append(sm.OLS(table["passed"].to_numpy(float), design).fit(cov_type="cluster", cov_kwds=settings))
    if on is None:
        ours = resample.clustered_mean(table, value="passed", clusters=clusters)
    else:
        ours = resample.clustered_slope(table, value="passed", on=on, clusters=clusters)
    assert ours.estimate == pytest.approx(fits[0].params[-1])
    assert ours.standard_error == pytest.approx(max(fit.bse[-1] for fit in fits), rel=1e-9)


def test_singleton_clusters_are_the_plain_standard_error(table):
    table["row"] = range(len(table))
    ours = resample.clustered_mean(table, value="passed", clusters=["row"])
    assert ours.standard_error == pytest.approx(table["passed"].astype(float).sem())


def test_difference_is_the_difference_of_means(table):
    table["is_high"] = table["taste"] > 0
    ours = resample.clustered_difference(table, value="passed", group="is_high", clusters=["persona_id", "item_id"])
    means = table.groupby("is_high")["passed"].mean()
    assert ours.estimate == pytest.approx(means[True] - means[False])
    flipped = table.assign(is_high=~table["is_high"])
    back = resample.clustered_difference(flipped, value="passed", group="is_high", clusters=["persona_id", "item_id"])
    assert (back.estimate, back.low) == pytest.approx((-ours.estimate, -ours.high))


def test_missing_values_are_left_out_and_counted():
    table = pd.DataFrame({"persona_id": list("aabb"), "passed": [1.0, np.nan, 0.0, 1.0]})
    found = resample.clustered_mean(table, value="passed", clusters=["persona_id"])
    assert (found.n, found.n_excluded) == (3, 1)
    assert found.estimate == pytest.approx(2 / 3)


def test_undefined_cases_are_nan_not_zero():
    empty = pd.DataFrame({"persona_id": ["a"], "passed": [np.nan]})
    found = resample.clustered_rate(empty, value="passed", clusters=["persona_id"])
    assert np.isnan([found.estimate, found.low, found.high, found.p_value]).all()
    assert (found.n, found.n_excluded) == (0, 1)
    one = resample.clustered_rate(
        pd.DataFrame({"persona_id": ["a"] * 9, "passed": [1] * 9}), value="passed", clusters=["persona_id"]
    )
    assert one.estimate == 1
    assert np.isnan([one.low, one.high]).all(), "one cluster says nothing about others"
    flat = pd.DataFrame({"persona_id": list("abc"), "passed": [0, 1, 0], "taste": [1, 1, 1]})
    assert np.isnan(resample.clustered_slope(flat, value="passed", on="taste", clusters=["persona_id"]).estimate)


def test_all_equal_rates_have_an_interval_as_wide_as_the_clusters_allow():
    table = pd.DataFrame({"persona_id": list("abcde") * 20, "passed": True})
    found = resample.clustered_rate(table, value="passed", clusters=["persona_id"])
    assert found.high == 1
    assert found.low < 0.5, "100 rows of five personas are five, not a hundred"


def test_balanced_orders_are_worth_more_than_independent_choices():
    """Oracle: the spread of the share over simulated pairs, each judged in both orders by a judge of content."""
    rng = np.random.default_rng(12)
    pairs = pd.DataFrame({"persona_id": np.arange(200) % 40, "item_id": np.arange(200) % 50})
    shares, widths = [], []
    for _ in range(60):
        liked = rng.random(200) < 0.5
        wavers = rng.random((2, 200)) < 0.05
        first = [liked ^ wavers[0], ~liked ^ wavers[1]]
        table = pd.concat([pairs.assign(first=each) for each in first])
        found = resample.clustered_rate(table, value="first", clusters=["persona_id", "item_id"])
        shares.append(found.estimate)
        widths.append((found.high - found.low) / 2)
    assert np.mean(widths) == pytest.approx(2.02 * np.std(shares), rel=0.3)
    assert np.mean(widths) < 0.5 * 2.02 * np.sqrt(0.25 / 400), "half of what as many independent choices would have"


def test_too_few_clusters_say_so_and_a_difference_keeps_to_its_range():
    table = pd.DataFrame({"persona_id": list("aabbccdd"), "x": [1, 0] * 4, "passed": [1, 0, 1, 0, 1, 0, 1, 1]})
    for found in (
        resample.clustered_mean(table, value="passed", clusters=["persona_id"]),
        resample.clustered_rate(table, value="passed", clusters=["persona_id"]),
        resample.clustered_difference(table, value="passed", group="x", clusters=["persona_id"]),
    ):
        assert not np.isnan(found.estimate) and np.isnan([found.low, found.high, found.p_value]).all()
        assert found.method.endswith("fewer than 5 clusters: too few to say")
    wild = pd.DataFrame({"persona_id": list("abcdefghij"), "x": [1] * 5 + [0] * 5, "passed": [1, 1, 1, 1, 0] + [0] * 5})
    found = resample.clustered_difference(wild, value="passed", group="x", clusters=["persona_id"])
    assert found.high == 1 and found.low > -1
    bounded = resample.clustered_mean(wild, value="passed", clusters=["persona_id"], within=(0.2, 0.5))
    assert (bounded.low, bounded.high) == (0.2, 0.5)


def test_missing_column_is_named():
    with pytest.raises(SchemaError, match="persona_id is missing"):
        resample.clustered_mean(pd.DataFrame({"passed": [1]}), value="passed", clusters=["persona_id"])


def test_p_value_of_no_difference_at_all():
    table = pd.DataFrame({"persona_id": list("abcde"), "difference": 0})
    assert resample.clustered_mean(table, value="difference", clusters=["persona_id"]).p_value == 1
    few = table.iloc[:4]
    assert np.isnan(resample.clustered_mean(few, value="difference", clusters=["persona_id"]).p_value), "too few"
    table["difference"] = 1
    assert np.isnan(resample.clustered_mean(table, value="difference", clusters=["persona_id"]).p_value)


def test_coverage_is_near_nominal_on_crossed_data():
    """A quick look, not the evidence: 200 worlds of 20 personas x 10 items with both effects."""
    rng = np.random.default_rng(6)
    truth = expit(rng.normal(0, np.sqrt(2), 200_000)).mean()
    worlds = [crossed(rng, 20, 10) for _ in range(200)]
    two_way = [resample.clustered_rate(w, value="passed", clusters=["persona_id", "item_id"]) for w in worlds]
    naive = [resample.wilson(w["passed"].sum(), len(w)) for w in worlds]
    assert np.mean([found.low <= truth <= found.high for found in two_way]) > 0.9
    assert np.mean([low <= truth <= high for low, high in naive]) < 0.8


@pytest.mark.parametrize("skewness", [0.5, -0.3])
def test_the_quantile_of_a_skewed_estimate_solves_halls_transformation(skewness):
    """Oracle: Hall's formula, solved by scipy."""

    def transformed(t):
        return t + skewness * t**2 / 3 + skewness**2 * t**3 / 27 + skewness / 6

    for quantile in (-2.5, -1.0, 1.0, 2.5):
        wanted = brentq(lambda t, end=quantile: transformed(t) - end, -50, 50)
        assert resample.unskewed(quantile, skewness) == pytest.approx(wanted)


def test_a_mean_of_skewed_numbers_is_covered_more_often():
    """A quick look: 400 samples of 12 exponential numbers, whose mean is 1. The t interval has about 90 % of them."""
    rng, held = np.random.default_rng(3), {}
    for _ in range(400):
        rows = pd.DataFrame({"persona_id": range(12), "value": rng.exponential(size=12)})
        for is_skewed in (False, True):
            found = resample.clustered_mean(rows, value="value", clusters=["persona_id"], is_skewed=is_skewed)
            held.setdefault(is_skewed, []).append(found.low <= 1 <= found.high)
    assert np.mean(held[False]) < 0.92 < np.mean(held[True])


def test_numbers_without_skewness_keep_their_t_interval():
    rows = pd.DataFrame({"persona_id": range(6), "value": [-3.0, -1.0, 0.0, 0.0, 1.0, 3.0]})
    plain, skewed = (
        resample.clustered_mean(rows, value="value", clusters=["persona_id"], is_skewed=on) for on in (False, True)
    )
    assert (skewed.low, skewed.high) == pytest.approx((plain.low, plain.high)) and "skewness" in skewed.method
