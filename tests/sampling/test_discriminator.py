"""Telling draws from the census by a model. Oracles: scikit-learn, Snoke's expectation."""

import tracemalloc

import numpy as np
import pytest
from draws import drawn, value
from scipy import stats
from sklearn.linear_model import LogisticRegression

from persona_lib.sampling import discriminator, fidelity


class TestDiscriminator:
    def test_error_by_scikit_learn(self, base, draws):
        weights = base.pool["weight_persons"].to_numpy(float)
        terms = discriminator.design_matrix(base.pool, weights, n_draws=60)
        census = weights / weights.sum() * len(draws)
        counts = np.bincount(fidelity.locate(base, draws), minlength=len(terms)).astype(float)
        model = LogisticRegression(C=np.inf, fit_intercept=False, max_iter=500, tol=1e-8, solver="newton-cholesky")
        model.fit(np.vstack([terms, terms]), np.repeat([0, 1], len(terms)), np.concatenate([census, counts]))
        guess = model.predict_proba(terms)[:, 1]
        oracle = ((census + counts) * (guess - 0.5) ** 2).sum() / (census + counts).sum()
        assert discriminator.propensity_error(terms, census, counts) == pytest.approx(oracle, rel=1e-3)

    def test_terms_are_independent_and_their_span_is_that_of_all(self, base):
        weights = base.pool["weight_persons"].to_numpy(float)
        terms = discriminator.design_matrix(base.pool, weights, n_draws=150)
        assert np.linalg.matrix_rank(terms) == terms.shape[1] > 60 and terms.dtype == np.int8

    def test_expectation_is_that_of_faithful_draws(self, base):
        """Snoke's expectation, and the chi-square behind the verdict: 30 faithful draws of 300 persons."""
        weights = base.pool["weight_persons"].to_numpy(float)
        terms = discriminator.design_matrix(base.pool, weights, n_draws=60)  # few terms, for speed
        df, ratios = terms.shape[1] - 1, []
        for rows in base.again(np.zeros(300, dtype=int), np.random.default_rng(2), 30):
            counts = np.bincount(rows, minlength=len(terms)).astype(float)
            error = discriminator.propensity_error(terms, weights / weights.sum() * 300, counts)
            ratios.append(error / (df / 8 / 600))
        assert np.mean(ratios) == pytest.approx(1, abs=3 * np.sqrt(2 / df / 30) + 0.02)
        p = stats.chi2.sf(df * np.array(ratios), df)
        assert (p < 0.05).sum() <= 6  # the 99.7 % point of a binomial of 30 and .05

    def test_a_draw_of_the_old_is_found_out(self, base):
        old = np.flatnonzero(base.pool["age_years"] >= 40)[:300]
        found = discriminator.against_source(base, drawn(base, old.tolist()), seed=1)
        assert value(found, "propensity_ratio")["estimate"] > 2
        assert value(found, "propensity_ratio")["method"].endswith("differs by more than chance")

    def test_the_ratio_is_the_error_over_snokes_expectation_for_these_terms(self, base, draws, monkeypatch):
        """Oracle: Snoke et al. 2018, (k - 1) / 8 over both samples' size, for an error of 0.01 and k terms."""
        terms = np.ones((len(base.pool), 9))
        monkeypatch.setattr(discriminator, "design_matrix", lambda *_, **__: terms)
        monkeypatch.setattr(discriminator, "propensity_error", lambda *_: 0.01)
        found = discriminator.against_source(base, draws, seed=1).set_index("statistic")
        assert found["group"].tolist() == ["all", "all"] and "of 9 terms" in found.loc["propensity_error", "method"]
        ratio = found.loc["propensity_ratio"]
        assert ratio["estimate"] == pytest.approx(0.01 / (8 / 8 / (2 * len(draws))))
        assert (ratio["low"], ratio["high"]) == pytest.approx(tuple(stats.chi2.ppf([0.025, 0.975], 8) / 8))


def test_the_error_is_that_of_all_rows_at_once_and_never_holds_them_as_floats(monkeypatch):
    """Oracle: the same rows in one block. The terms have one byte each; a block of them eight."""
    rng = np.random.default_rng(4)
    terms = np.hstack([np.ones((30_000, 1), dtype="int8"), rng.integers(0, 2, (30_000, 59)).astype("int8")])
    given = terms, rng.random(30_000) / 30, rng.integers(0, 2, 30_000).astype(float)
    whole = discriminator.propensity_error(*given)
    monkeypatch.setattr(discriminator, "BLOCK", 1_000)
    tracemalloc.start()
    error = discriminator.propensity_error(*given)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert error == pytest.approx(whole, rel=1e-12) and most < 2 * terms.nbytes


def test_of_a_large_census_some_persons_are_taken(base, draws, monkeypatch):
    """The ratio to its expectation hardly moves, and the draws are all there."""
    whole = discriminator.against_source(base, draws, seed=1).set_index("statistic")["estimate"]
    monkeypatch.setattr(discriminator, "MOST_ROWS", 8_000)
    some = discriminator.against_source(base, draws, seed=1).set_index("statistic")["estimate"]
    assert len(base.pool) > 8_000 and some["propensity_ratio"] == pytest.approx(whole["propensity_ratio"], rel=0.15)
