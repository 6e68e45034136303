"""Coefficients of agreement. Oracles: scikit-learn, statsmodels, krippendorff, hand counts, relabelling, PAPER B13."""

import krippendorff
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2, chisquare
from sklearn.metrics import cohen_kappa_score, confusion_matrix
from statsmodels.stats.inter_rater import cohens_kappa, fleiss_kappa

from persona_lib.estimating import coefficients
from persona_lib.tables import schema


def alpha(ratings: pd.DataFrame) -> float:
    """Krippendorff's alpha of one row per unit, one column per rater."""
    labels = sorted(pd.unique(ratings.stack().dropna()))
    per_unit = np.stack([(ratings == label).to_numpy().sum(axis=1) for label in labels], axis=-1)
    return float(coefficients.alpha_of_sums(coefficients.alpha_terms(per_unit).sum(axis=0)))


@pytest.mark.parametrize("labels", [list("xy"), list("xyz")])
def test_kappa_equals_scikit_learn_and_statsmodels(labels):
    rng = np.random.default_rng(len(labels))
    table = pd.DataFrame({"ann": rng.choice(labels, 60), "bob": rng.choice(labels, 60)})
    table["bob"] = table["bob"].where(rng.random(60) < 0.5, table["ann"])
    ours = coefficients.cohen_kappa(table, first="ann", second="bob")
    assert ours == pytest.approx(cohen_kappa_score(table["ann"], table["bob"]))
    counts = coefficients.contingency(table, first="ann", second="bob")
    assert ours == pytest.approx(cohens_kappa(counts).kappa)


def test_kappa_is_unchanged_when_a_and_b_change_names_or_raters_places():
    rng = np.random.default_rng(3)
    table = pd.DataFrame({"ann": rng.choice(["a", "b"], 40), "bob": rng.choice(["a", "b"], 40)})
    named = coefficients.cohen_kappa(table, first="ann", second="bob")
    assert coefficients.cohen_kappa(table.replace({"a": "b", "b": "a"}), first="ann", second="bob") == named
    assert coefficients.cohen_kappa(table, first="bob", second="ann") == pytest.approx(named)


def test_content_and_position_disagree_as_the_paper_leaves_open():
    """PAPER B13: independent raters who take the revision 96 % of the time, orders at random: 0.00 and 0.85."""
    choose = 0.96
    content = np.array([[choose**2, choose * (1 - choose)], [choose * (1 - choose), (1 - choose) ** 2]])
    same, differ = choose**2 + (1 - choose) ** 2, 2 * choose * (1 - choose)
    position = np.array([[same / 2, differ / 2], [differ / 2, same / 2]])
    assert coefficients.coefficients(content * 1e6)["kappa"] == pytest.approx(0, abs=1e-9)
    assert coefficients.coefficients(position * 1e6)["kappa"] == pytest.approx(0.8464)


def test_ac1_by_hand():
    """Gwet: p_o = 0.92, mean share of the first label 0.95, so chance 2 x 0.95 x 0.05 = 0.095."""
    table = pd.DataFrame({"ann": ["x"] * 95 + ["y"] * 5, "bob": ["x"] * 91 + ["y"] * 4 + ["x"] * 4 + ["y"]})
    counts = coefficients.contingency(table, first="ann", second="bob")
    assert coefficients.coefficients(counts)["ac1"] == pytest.approx((0.92 - 0.095) / (1 - 0.095))


@pytest.mark.parametrize("n_labels", [2, 4])
def test_alpha_equals_the_krippendorff_package(n_labels):
    rng = np.random.default_rng(n_labels)
    truth = rng.integers(0, n_labels, 30)
    ratings = pd.DataFrame({r: np.where(rng.random(30) < 0.7, truth, rng.integers(0, n_labels, 30)) for r in "abcd"})
    ratings = ratings.astype(float).mask(rng.random(ratings.shape) < 0.2)
    theirs = krippendorff.alpha(reliability_data=ratings.to_numpy().T, level_of_measurement="nominal")
    assert alpha(ratings) == pytest.approx(theirs)


def test_alpha_of_complete_two_raters_equals_the_table_form():
    table = pd.DataFrame({"ann": list("xxyyxyxx"), "bob": list("xyyyxxxx")})
    counts = coefficients.contingency(table, first="ann", second="bob")
    assert alpha(table) == pytest.approx(float(coefficients.coefficients(counts)["alpha"]))


def test_alpha_approaches_fleiss_kappa_when_units_are_many():
    rng = np.random.default_rng(8)
    truth = rng.random(4000)
    ratings = (rng.random((4000, 3)) < truth[:, None]).astype(int)
    per_unit = np.stack([(ratings == 0).sum(1), (ratings == 1).sum(1)], axis=1)
    assert alpha(pd.DataFrame(ratings)) == pytest.approx(fleiss_kappa(per_unit), abs=2e-4)


def test_undefined_is_nan():
    one = pd.DataFrame({"ann": ["x", "x"], "bob": ["x", "x"]})
    assert np.isnan(coefficients.cohen_kappa(one, first="ann", second="bob"))
    assert np.isnan(alpha(one))
    none = pd.DataFrame({"ann": ["x", None], "bob": [None, "x"]}, dtype="str")
    assert np.isnan(coefficients.cohen_kappa(none, first="ann", second="bob"))
    assert coefficients.cohen_kappa(pd.DataFrame({"a": list("xxxx"), "b": list("xxxy")}), first="a", second="b") == 0


def test_strange_columns_are_named():
    table = pd.DataFrame({"ann": ["x"], "bob": ["z"]})
    with pytest.raises(schema.SchemaError, match="cem is missing"):
        coefficients.cohen_kappa(table, first="ann", second="cem")


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=4, max_size=4))
def test_the_error_of_kappa_equals_statsmodels(cells):
    counts = np.array(cells).reshape(2, 2)
    ours = float(coefficients.kappa_error(counts))
    if (counts.sum(axis=0) == 0).any() or (counts.sum(axis=1) == 0).any():
        assert np.isnan(ours)
    else:
        theirs = cohens_kappa(counts).var_kappa
        assert ours**2 == pytest.approx(max(theirs, 0), abs=1e-9)


def test_fleiss_equals_statsmodels_and_leaves_out_units_with_one_label():
    rng = np.random.default_rng(2)
    per_unit = rng.multinomial(5, [0.5, 0.3, 0.2], size=30)
    ours = coefficients.fleiss_of_sums(coefficients.fleiss_terms(per_unit).sum(axis=0))
    assert ours == pytest.approx(fleiss_kappa(per_unit))
    more = np.concatenate([per_unit, [[1, 0, 0]] * 9])
    assert coefficients.fleiss_of_sums(coefficients.fleiss_terms(more).sum(axis=0)) == pytest.approx(ours)
    one_label = coefficients.fleiss_terms(np.array([[5, 0], [5, 0]])).sum(axis=0)
    assert np.isnan(coefficients.fleiss_of_sums(one_label)) and np.isnan(coefficients.fleiss_of_sums(0 * one_label))


def test_pabak_is_kappa_where_the_shares_are_even_and_linear_in_the_agreement():
    even = coefficients.coefficients(np.array([[30, 20], [20, 30]]))
    assert even["pabak"] == pytest.approx(even["kappa"])
    rare = coefficients.coefficients(np.array([[90, 5], [5, 0]]))
    assert rare["pabak"] == pytest.approx(2 * 0.9 - 1) and rare["kappa"] < 0


def test_shrinking_errs_less_than_the_raw_values_and_keeps_a_real_spread():
    """Oracle: the true values; 60 kappas of ten items with errors of 0.25."""
    rng = np.random.default_rng(3)
    error, n = np.full(60, 0.25), np.full(60, 10)
    for spread in (0.0, 0.2):
        true = 0.5 + spread * rng.standard_normal(60)
        raw = true + 0.25 * rng.standard_normal(60)
        pulled = coefficients.shrunk(raw, error, n)
        assert ((pulled - true) ** 2).mean() < 0.75 * ((raw - true) ** 2).mean()
        assert pulled.mean() == pytest.approx(raw.mean())
    sure = coefficients.shrunk(raw, np.full(60, 1e-6), n)
    np.testing.assert_allclose(sure, raw, atol=1e-6)
    holed = np.where(np.arange(60) == 7, np.nan, raw)
    assert np.isnan(coefficients.shrunk(holed, error, n)).tolist() == (np.arange(60) == 7).tolist()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 12), st.integers(0, 6), st.integers(0, 6), st.integers(0, 40))
def test_kappa_interval_holds_the_kappas_that_scipys_chisquare_does_not_reject(both, one, other, neither):
    """Oracle: scipy's chi-squared of the three counts, over a grid of kappas."""
    low, high = coefficients.kappa_interval(np.array([[both, one], [other, neither]]))
    n, differ = both + one + other + neither, one + other
    p = (both + differ / 2) / n if n else 0
    if p in (0, 1):
        assert np.isnan([low, high]).all()
        return
    q = p * (1 - p)
    grid = np.linspace(max(-p / (1 - p), -(1 - p) / p), 1, 202)[1:-1]
    expected = n * np.array([p**2 + grid * q, 2 * q * (1 - grid), (1 - p) ** 2 + grid * q])
    statistic = chisquare(np.array([[both], [differ], [neither]]), expected, sum_check=False).statistic
    clear = (np.abs(grid - low) > 1e-6) & (np.abs(grid - high) > 1e-6)
    assert ((statistic <= chi2.ppf(0.95, 1)) == ((low <= grid) & (grid <= high)))[clear].all()
    assert low - 1e-9 <= 1 - differ / (2 * n * q) <= high + 1e-9, "Scott's pi"
    assert coefficients.kappa_interval(np.array([[neither, other], [one, both]])) == pytest.approx((low, high))


@pytest.mark.parametrize("labels", [(["a", "b", "c"], ["b", "c"]), ([0.0, 1.0], [0.0, 1.0]), ([2, 10, 3], [10, 2])])
def test_labels_are_counted_as_scikit_learn_counts_them(labels):
    """Rows are the first's labels, columns the second's; a row without both counts nowhere."""
    rng = np.random.default_rng(6)
    ann, bob = (rng.choice(np.array(each, dtype=object), 40) for each in labels)
    wanted = confusion_matrix(ann[2:].tolist(), bob[2:].tolist())
    assert (wanted != wanted.T).any()
    ann[0], bob[1] = None, None
    found = coefficients.contingency(pd.DataFrame({"ann": ann, "bob": bob}), first="ann", second="bob")
    assert found.tolist() == wanted.tolist()


def test_one_label_has_an_empty_row_and_column_beside_it():
    found = coefficients.contingency(pd.DataFrame({"ann": ["x", "x"], "bob": ["x", "x"]}), first="ann", second="bob")
    assert found.tolist() == [[2, 0], [0, 0]]
