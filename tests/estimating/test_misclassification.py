"""Shares corrected for errors of the verdict. Oracles: published examples, statsmodels, counts in many worlds."""

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.proportion import proportion_confint

from persona_lib.estimating import misclassification
from persona_lib.estimating.misclassification import corrected, lang_reiczigel, rogan_gladen
from persona_lib.estimating.resample import clustered_rate

MANY = 1e12


def test_the_examples_of_epir():
    """R's epiR, help of epi.prev: 23 of 150 cows, 5.1 in 100; 6 of 151 children (Moujaber 2008), 0; three herds."""
    assert rogan_gladen(23 / 150, 0.96, 0.89) == pytest.approx(0.051, abs=5e-4)
    assert rogan_gladen(6 / 151, 0.964, 0.927) == 0
    assert rogan_gladen(12 / 189, 0.65, 0.95) == pytest.approx((12 / 189 + 0.95 - 1) / 0.6)


@pytest.mark.parametrize(("n_yes", "n"), [(0, 40), (23, 150), (150, 150)])
def test_a_perfect_known_verdict_leaves_the_agresti_coull_interval(n_yes, n):
    """Oracle: statsmodels. With nothing to correct the authors' interval is Agresti and Coull's, kept within [0, 1]."""
    z = 1.959963984540054
    ours = lang_reiczigel(n_yes / n, 1, 1, n=n, n_sensitivity=MANY, n_specificity=MANY, critical=z)
    theirs = np.clip(proportion_confint(n_yes, n, method="agresti_coull"), 0, 1)
    assert ours == pytest.approx(tuple(theirs), abs=1e-6)


def test_a_known_verdict_stretches_it_by_its_youden_index():
    given = {"n_sensitivity": MANY, "n_specificity": MANY, "critical": 1.959963984540054}
    plain = lang_reiczigel(0.4, 1, 1, n=100, **given)
    ours = lang_reiczigel(0.4, 0.9, 0.8, n=100, **given)
    assert ours == pytest.approx([(end - 0.2) / 0.7 for end in plain], abs=1e-6)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.7])
def test_it_covers(share):
    """Oracle: 2,000 worlds of independent verdicts; an exact 99 % interval around 95 % is 0.937 to 0.962."""
    rng = np.random.default_rng(7)
    n, n_yes, n_no, yes, no = 90, 60, 120, 0.83, 0.84
    p = rng.binomial(n, share * yes + (1 - share) * (1 - no), 2000) / n
    drawn = zip(p, rng.binomial(n_yes, yes, 2000) / n_yes, rng.binomial(n_no, no, 2000) / n_no, strict=True)
    sizes = {"n": n, "n_sensitivity": n_yes, "n_specificity": n_no, "critical": 1.96}
    ends = np.array([lang_reiczigel(*one, **sizes) for one in drawn])
    assert np.mean((ends[:, 0] <= share) & (share <= ends[:, 1])) > 0.937


def rate(values, **clusters):
    rows = pd.DataFrame({"x": values, "persona_id": range(len(values)), **clusters})
    return clustered_rate(rows, value="x", clusters=["persona_id"])


def test_clustered_shares_come_in_at_their_effective_numbers():
    p, yes, no = rate([1] * 20 + [0] * 40), rate([1] * 40 + [0] * 8), rate([1] * 70 + [0] * 14)
    found = corrected(p, yes, no)
    assert found.estimate == rogan_gladen(1 / 3, 5 / 6, 5 / 6)
    assert p.n_effective == pytest.approx(59, rel=0.05) and 0 <= found.low < found.estimate < found.high <= 1
    assert found.n == 60 and found.df == 47
    doubled = rate([1] * 40 + [0] * 80, persona_id=[*range(20), *range(20), *range(20, 60), *range(20, 60)])
    assert doubled.n_effective < 65 and corrected(doubled, yes, no).low == pytest.approx(found.low, abs=0.02)


def test_where_the_examiner_says_too_little_nothing_is_corrected():
    p, coin = rate([1] * 20 + [0] * 40), rate([1] * 30 + [0] * 25)
    found = corrected(p, coin, coin)
    assert np.isnan([found.estimate, found.low, found.high]).all() and found.n == 60
    assert f"below {misclassification.LEAST}" in found.method
    nobody = rate([np.nan] * 6)
    assert np.isnan(corrected(p, nobody, coin).estimate) and np.isnan(corrected(nobody, p, coin).estimate)
    few = rate([1, 1, 1])
    assert corrected(p, few, rate([1] * 50)).estimate == pytest.approx(1 / 3), "too few to say how sure"
    assert np.isnan(corrected(p, few, rate([1] * 50)).low)
