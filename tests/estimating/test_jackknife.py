"""The jackknife. Oracles: scipy and scikit-learn with each cluster really left out, identities, simulation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.special import expit
from scipy.stats import t as student
from sklearn.metrics import cohen_kappa_score

from persona_lib.estimating import jackknife
from persona_lib.estimating.coefficients import coefficients


def counts_of(first, second):
    pairs = [(first == x) & (second == y) for x in (0, 1) for y in (0, 1)]
    return np.stack(pairs, axis=-1).astype(float)


def kappa_of(sums):
    return coefficients(sums.reshape(*sums.shape[:-1], 2, 2))["kappa"]


def kappa(first, second, persona, item, scale="fisher"):
    what = {"scale": scale, "n": len(first), "n_excluded": 0, "what": "kappa"}
    return jackknife.of_sums(counts_of(first, second), [persona, item], kappa_of, **what)


@pytest.fixture
def cells():
    rng = np.random.default_rng(3)
    persona, item = (grid.ravel() for grid in np.meshgrid(np.arange(8), np.arange(6), indexing="ij"))
    keep = rng.random(48) < 0.85
    first, second = (rng.random((2, 48)) < 0.6).astype(float)
    second = np.where(rng.random(48) < 0.6, first, second)
    return first[keep], second[keep], persona[keep], item[keep]


def test_the_error_of_a_kappa_is_that_of_leaving_out_each_persona_item_and_cell(cells):
    """Oracle: scikit-learn's kappa of what is left, and the formula in plain loops."""
    first, second, persona, item = cells
    parts = []
    for codes in (persona, item, np.arange(len(first))):
        left = [cohen_kappa_score(first[codes != c], second[codes != c]) for c in np.unique(codes)]
        parts.append((len(left) - 1) / len(left) * sum((x - np.mean(left)) ** 2 for x in left))
    variance = max(parts[0] + parts[1] - parts[2], *parts[:2])
    found = kappa(first, second, persona, item)
    value = cohen_kappa_score(first, second)
    assert found.estimate == pytest.approx(value)
    assert found.standard_error == pytest.approx(np.sqrt(variance))
    half = student.ppf(0.975, 5) * np.sqrt(variance) / (1 - value**2)
    ends = np.tanh([np.arctanh(value) - half, np.arctanh(value) + half])
    assert [found.low, found.high] == pytest.approx(ends)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**31), st.integers(5, 9), st.integers(5, 9))
def test_identities(seed, n_personas, n_items):
    """Relabelled, reordered, turned round: the same interval. Every row twice: the same estimate and error."""
    rng = np.random.default_rng(seed)
    persona, item = (g.ravel() for g in np.meshgrid(np.arange(n_personas), np.arange(n_items), indexing="ij"))
    first, second = rng.integers(0, 2, (2, len(persona))).astype(float)
    found = kappa(first, second, persona, item)
    order = rng.permutation(len(persona))
    names = rng.permutation(n_personas)
    for other in (
        kappa(first[order], second[order], persona[order], item[order]),
        kappa(1 - first, 1 - second, names[persona], item),
        kappa(second, first, item, persona),
    ):
        ours, theirs = ([x.estimate, x.low, x.high] for x in (found, other))
        np.testing.assert_allclose(theirs, ours, atol=1e-9)
    twice = kappa(*(np.tile(part, 2) for part in (first, second, persona, item)))
    np.testing.assert_allclose(
        [twice.estimate, twice.standard_error], [found.estimate, found.standard_error], atol=1e-9
    )
    if not np.isnan(found.low):
        assert -1 <= found.low <= found.estimate <= found.high <= 1


@pytest.mark.parametrize("scale", jackknife.SCALES)
def test_nothing_gives_nothing_and_counts_it(scale):
    empty = np.array([])
    found = kappa(empty, empty, empty, empty, scale)
    assert np.isnan([found.estimate, found.low, found.high]).all() and found.n == 0
    assert "too few to say" in found.method


def test_ends_of_the_range(cells):
    """All agree: a kappa of 1 has no interval, a share of 1 Wilson's at the smaller number of clusters."""
    first, _, persona, item = cells
    assert np.isnan(kappa(first, first, persona, item).low)
    share = jackknife.of_sums(
        np.ones((48, 2)),
        [np.arange(48) // 6, np.arange(48) % 6],
        lambda sums: sums[..., 0] / sums[..., 1],
        scale="logit",
        n=48,
        n_excluded=0,
        what="share",
    )
    critical = student.ppf(0.975, 5)
    assert (share.low, share.high) == (pytest.approx(6 / (6 + critical**2)), 1), "Wilson of 6 in 6"


def test_a_statistic_that_stands_on_one_cluster_has_no_interval():
    """Only persona 0 ever says 0: without it both always say 1, and kappa is undefined."""
    persona, item = np.repeat(np.arange(6), 6), np.tile(np.arange(6), 6)
    first = second = np.where(persona == 0, item % 2, 1).astype(float)
    second = np.where((persona == 0) & (item == 0), 1.0, second)
    found = kappa(first, second, persona, item)
    assert not np.isnan(found.estimate) and np.isnan([found.low, found.high]).all()


@pytest.mark.parametrize("value", [0.0, 0.4, -0.04, -0.3])
def test_the_z_of_an_intraclass_correlation(value):
    """Oracle: Fisher's formula turned round by scipy, its slope by a difference; below -1/19 the ordinary one."""
    left = [value + np.linspace(-0.01, 0.01, 9)] * 3
    found = jackknife.estimate(value, left, scale="fisher", n=1, n_excluded=0, what="", n_like=20)
    k = 20 if value > -1 / 19 else 2

    def z(r):
        return np.log((1 + (k - 1) * r) / (1 - r)) / 2

    half = student.ppf(0.975, 8) * found.standard_error * (z(value + 1e-6) - z(value - 1e-6)) / 2e-6
    inside = -1 / (k - 1) + 1e-12, 1 - 1e-12
    ends = [brentq(lambda r, end=end: z(r) - end, *inside) for end in (z(value) - half, z(value) + half)]
    assert [found.low, found.high] == pytest.approx(ends, abs=1e-6)


def test_another_scale_stops():
    with pytest.raises(ValueError, match="'log' is none of fisher, logit, plain"):
        jackknife.estimate(0.5, [np.zeros(6)] * 3, scale="log", n=1, n_excluded=0, what="")


def test_coverage_of_a_kappa_is_near_nominal_on_crossed_data():
    """A quick look, not the evidence: 100 worlds of 20 personas x 20 items with effects of both."""
    rng = np.random.default_rng(6)

    def drawn(n_personas, n_items):
        common = rng.normal(size=(n_personas, 1)) + rng.normal(size=(1, n_items))
        chance = expit(common + rng.normal(0, 0.7, (2, n_personas, n_items)))
        return (rng.random(chance.shape) < chance).astype(float)

    truth = cohen_kappa_score(*drawn(600, 600).reshape(2, -1))
    persona, item = np.repeat(np.arange(20), 20), np.tile(np.arange(20), 20)
    found = [kappa(*drawn(20, 20).reshape(2, -1), persona, item) for _ in range(100)]
    assert 0.88 <= np.mean([each.low <= truth <= each.high for each in found]) <= 0.99


def mean_product(total, squares, m):
    """Of all pairs of m numbers, from their sum and the sum of their squares."""
    return (total**2 - squares) / m / (m - 1)


def test_what_is_counted_twice_is_that_of_the_pairs():
    """Oracle: a statistic that is nothing but pairs, whose variance over many draws the plain jackknife doubles."""
    rng, n = np.random.default_rng(8), 30
    i, j = np.triu_indices(n, 1)
    values, plain, mended = [], [], []
    for _ in range(4000):
        x = rng.normal(size=n)
        s, q = x.sum(), (x**2).sum()
        left = mean_product(s - x, q - x**2, n - 1)
        without = mean_product(s - x[i] - x[j], q - x[i] ** 2 - x[j] ** 2, n - 2)
        values.append(mean_product(s, q, n))
        plain.append(jackknife.variance(left))
        mended.append(plain[-1] - jackknife.counted_twice(values[-1], left, without))
    true = 2 / n / (n - 1)  # the variance of the mean of n (n - 1) / 2 uncorrelated products, each of variance 1
    assert np.var(values) == pytest.approx(true, rel=0.15)
    assert np.mean(plain) == pytest.approx(2 * true, rel=0.15) and np.mean(mended) == pytest.approx(true, rel=0.15)
