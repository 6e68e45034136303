"""Association of two attributes: against another implementation, a page's formula and simulated independence."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.stats.contingency import association as scipy_association

from persona_lib.estimating.association import cramers_v, cross_table, effective_size, lumped, rao_scott

TABLE = np.array([[20, 5, 1], [4, 18, 7], [3, 6, 30]])


def test_without_the_correction_it_is_scipys():
    """With n beyond all bounds the correction vanishes, and the plain V of another implementation is left."""
    assert cramers_v(TABLE, n=1e12) == pytest.approx(scipy_association(TABLE, method="cramer"), abs=1e-6)


def test_the_correction_is_bergsmas():
    """By hand: four cells are 1/12 off the expected 1/6, so phi2 = 4 (1/12)^2 / (1/6) = 1/6. With n = 61 it is
    1/6 - 2/60 = 8/60, over 1 - 1/60 = 59/60: V^2 = 8/59."""
    assert cramers_v([[3, 1, 2], [1, 3, 2]], n=61) == pytest.approx(np.sqrt(8 / 59))


def test_independent_pairs_average_to_nothing():
    """The plain V of 200 independent pairs in 5 x 5 categories is about 0.14; corrected, most are 0."""
    rng = np.random.default_rng(1)
    tables = [np.histogram2d(*rng.integers(5, size=(2, 200)), bins=5)[0] for _ in range(200)]
    plain = np.mean([scipy_association(t.astype(int), method="cramer") for t in tables])
    corrected = np.mean([cramers_v(t) for t in tables])
    assert plain > 0.12 and corrected < 0.04


def test_landmarks_and_undefined_cases():
    assert cramers_v(np.eye(4) * 25) == pytest.approx(1)
    assert cramers_v(np.full((3, 4), 10)) == 0
    assert cramers_v([[10, 0, 3], [5, 0, 9], [0, 0, 0]]) == cramers_v([[10, 3], [5, 9]])
    assert np.isnan(cramers_v([[5, 6]])) and np.isnan(cramers_v(np.zeros((2, 2))))
    with pytest.raises(ValueError, match="negative or missing"):
        cramers_v([[1, -1], [1, 1]])


def test_scaled_weights_change_nothing_once_n_is_given():
    assert cramers_v(TABLE * 1000.0, n=94) == pytest.approx(cramers_v(TABLE))


def test_cross_table_counts_what_pandas_counts():
    rng = np.random.default_rng(2)
    rows = pd.DataFrame({"a": rng.choice(list("xyz"), 300), "b": rng.choice(list("uv"), 300), "w": rng.random(300)})
    rows.loc[:9, "a"] = None
    table, n = cross_table(rows["a"], rows["b"], rows["w"])
    oracle = pd.crosstab(rows["a"], rows["b"], rows["w"], aggfunc="sum")
    assert np.allclose(table, oracle.to_numpy())
    kept = rows["w"][10:]
    assert n == pytest.approx(len(kept) / (1 + kept.var(ddof=0) / kept.mean() ** 2))  # Kish's other form
    assert np.isnan(effective_size([0, 0]))


def test_lumping_keeps_the_heaviest():
    found = lumped(pd.Series(["a", "b", "c", None, "d"]), [1, 5, 9, 9, 2], most=3)
    assert found.tolist()[:3] == ["all other", "b", "c"] and pd.isna(found[3]) and found[4] == "all other"
    same = pd.Series(["a", "b"])
    assert lumped(same, [1, 1], most=2).equals(same.astype("category"))


def test_lumping_categories_is_lumping_their_names():
    words = pd.Series(["c", "a", "b", None, "d", "a"])
    kinds = pd.Categorical(words, categories=["d", "unused", "c", "b", "a"])
    for most in (2, 3, 9):
        assert lumped(pd.Series(kinds), np.arange(6), most=most).equals(lumped(words, np.arange(6), most=most))


class TestRaoScott:
    def test_a_simple_random_sample_needs_no_correction(self):
        p, seen, n = np.array([0.5, 0.3, 0.2]), np.array([0.56, 0.3, 0.14]), 200
        found = rao_scott(seen, p, (np.diag(p) - np.outer(p, p)) / n, n=n)
        oracle = stats.chisquare(seen * n, p * n)
        assert found["chi_square"] == pytest.approx(oracle.statistic)
        assert found["p"] == pytest.approx(oracle.pvalue) and found["design_effect"] == pytest.approx(1)

    def test_p_is_uniform_under_unequal_design_effects(self):
        """Shares that vary five times as much in one direction as in another: about 5 % of p below .05."""
        rng, p = np.random.default_rng(1), np.full(4, 0.25)
        root = np.array([[3, -1, -1, -1], [0, 1, -1, 0], [0, 0, 1, -1]], float) * np.array([[0.01], [0.006], [0.004]])
        covariance = root.T @ root
        seen = p + rng.standard_normal((4_000, 3)) @ root
        low = np.mean([rao_scott(one, p, covariance, n=100)["p"] < 0.05 for one in seen])
        assert 0.035 < low < 0.065

    def test_without_variance_there_is_no_test(self):
        assert np.isnan(rao_scott(np.array([0.5, 0.5]), np.array([0.4, 0.6]), np.zeros((2, 2)), n=9)["p"])
