"""The clustered logit. Oracles: statsmodels' Logit with clustered errors and its marginal effects, hand counts."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from crossed_rows import crossed

from persona_lib.estimating.logit import clustered_logit, clustered_share_at


@pytest.fixture
def table():
    return crossed(np.random.default_rng(5)).assign(taste=lambda rows: rows["taste"] + np.arange(len(rows)) % 9 / 9)


@pytest.mark.parametrize("cluster", ["persona_id", "item_id"])
def test_line_and_effect_equal_statsmodels(table, cluster):
    settings = {"groups": pd.factorize(table[cluster])[0], "use_correction": True, "df_correction": False}
    model = sm.Logit(table["passed"].astype(float), sm.add_constant(table["taste"]))
    fitted = model.fit(cov_type="cluster", cov_kwds=settings, disp=0)
    effect = fitted.get_margeff(at="overall")
    ours = clustered_logit(table, value="passed", on="taste", clusters=[cluster])
    assert (ours.intercept, ours.slope) == pytest.approx(tuple(fitted.params), rel=1e-6)
    assert ours.effect.estimate == pytest.approx(effect.margeff[0], rel=1e-6)
    n_clusters = table[cluster].nunique()
    n = len(table)  # statsmodels multiplies a Logit's by (n - 1) / (n - 2) in some versions and not in others
    ratio = ours.effect.standard_error / effect.margeff_se[0]
    assert ratio == pytest.approx(1, abs=1.5 / (n - 2)) and ours.effect.df == n_clusters - 1


def test_two_ways_are_no_surer_than_each_of_them(table):
    both, *each = (
        clustered_logit(table, value="passed", on="taste", clusters=clusters).effect.standard_error
        for clusters in (["persona_id", "item_id"], ["persona_id"], ["item_id"])
    )
    assert both >= max(each)


def test_turned_round_it_is_the_same_line(table):
    ours = clustered_logit(table, value="passed", on="taste", clusters=["persona_id"])
    turned = table.assign(passed=~table["passed"], taste=-table["taste"])
    other = clustered_logit(turned, value="passed", on="taste", clusters=["persona_id"])
    assert other.slope == pytest.approx(ours.slope) and other.intercept == pytest.approx(-ours.intercept)
    assert (other.effect.low, other.effect.high) == pytest.approx((ours.effect.low, ours.effect.high))


@pytest.mark.parametrize(
    ("x", "y"),
    [([], []), ([1, 2, 3, 4], [1, 1, 1, 1]), ([1, 1, 1, 1], [0, 1, 0, 1]), ([1, 2, 3, 4], [0, 0, 1, 1])],
    ids=["empty", "all one answer", "no spread", "parted"],
)
def test_undefined_is_nan_with_a_count(x, y):
    table = pd.DataFrame({"persona_id": list("abcd")[: len(x)], "x": x, "y": y}, dtype=object)
    found = clustered_logit(pd.concat([table, table.assign(y=np.nan)]), value="y", on="x", clusters=["persona_id"])
    assert np.isnan([found.slope, found.effect.estimate, found.effect.low]).all()
    assert (found.effect.n, found.effect.n_excluded) == (len(x), len(x))


def test_too_few_clusters_have_no_interval():
    table = pd.DataFrame({"persona_id": list("aabbccdd"), "x": [0, 1] * 4, "y": [0, 1, 1, 1, 0, 0, 1, 0]})
    found = clustered_logit(table, value="y", on="x", clusters=["persona_id"]).effect
    assert not np.isnan(found.estimate) and np.isnan(found.low) and "too few to say" in found.method


@pytest.mark.parametrize("at", [0.0, 0.8, 3.0])
def test_the_share_at_a_value_equals_statsmodels(table, at):
    """Oracle: get_prediction of statsmodels' GLM with clustered errors; beyond the data, too."""
    settings = {"groups": pd.factorize(table["persona_id"])[0], "use_correction": True, "df_correction": False}
    design, outcome = sm.add_constant(table["taste"]), table["passed"].astype(float)
    fitted = sm.Logit(outcome, design).fit(cov_type="cluster", cov_kwds=settings, disp=0)
    log_odds = fitted.params @ [1, at]
    error = np.sqrt([1, at] @ fitted.cov_params().to_numpy() @ [1, at])
    ours = clustered_share_at(table, value="passed", on="taste", at=at, clusters=["persona_id"])
    share = 1 / (1 + np.exp(-log_odds))
    assert ours.estimate == pytest.approx(share, rel=1e-6)
    assert ours.standard_error == pytest.approx(share * (1 - share) * error, rel=1.5 / (len(table) - 2))
    assert 0 < ours.low < ours.estimate < ours.high < 1


def test_a_share_where_nothing_varies_is_undefined(table):
    flat = table.assign(passed=True)
    found = clustered_share_at(flat, value="passed", on="taste", at=0, clusters=["persona_id"])
    assert np.isnan(found.estimate) and np.isnan(found.low) and found.n == len(table)
