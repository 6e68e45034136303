"""Distances from the raters' shares.

Oracles: scipy's Wasserstein and Jensen-Shannon distances, plain loops over pairs of personas, hand counts.
"""

import itertools

import numpy as np
import pytest
from panel_rows import M, N, drawn, of
from scipy.spatial.distance import jensenshannon
from scipy.stats import binom, wasserstein_distance

from persona_lib.pluralism import distributional
from persona_lib.pluralism.grids import jackknifed


def test_distances_are_scipys():
    rng = np.random.default_rng(1)
    for p, q in [*rng.random((20, 2)), (0.0, 1.0), (0.3, 0.3)]:
        assert distributional.wasserstein(p, q) == pytest.approx(
            wasserstein_distance([0, 1], [0, 1], u_weights=[1 - p, p], v_weights=[1 - q, q])
        )
        found = distributional.jensen_shannon(np.array(p), np.array(q))
        assert found == pytest.approx(jensenshannon([1 - p, p], [1 - q, q], base=2) ** 2, abs=1e-9)


def test_weighted_shares_by_hand():
    """Weights 3 and 1: the model's share of b is 3/4, the raters' 1/4."""
    one, other = np.array([[1.0], [0.0]]), np.array([[0.0], [1.0]])
    found = distributional.mean_distance("wasserstein", one, other, np.array([3.0, 1.0]))
    assert found(np.ones((1, 2, 1))) == pytest.approx([0.5])


def test_the_squared_distance_is_a_mean_over_pairs_and_unbiased():
    x, y = drawn()
    weights = np.arange(1.0, N + 1)
    by_item = []
    for i in range(M):
        pairs = [(p, q) for p, q in itertools.permutations(range(N), 2)]
        wanted = sum(weights[p] * weights[q] * (x[p, i] - y[p, i]) * (x[q, i] - y[q, i]) for p, q in pairs)
        by_item.append(wanted / sum(weights[p] * weights[q] for p, q in pairs))
    assert of(distributional.squared_distance(x, y, weights)) == pytest.approx(np.mean(by_item))
    rng = np.random.default_rng(4)
    many = [of(distributional.squared_distance(*(rng.random((2, N, M)) < 0.5) * 1.0, np.ones(N))) for _ in range(400)]
    assert abs(np.mean(many)) < 4 * np.std(many) / 20, "equal shares have no distance on average"


def test_the_interval_of_the_divergence_holds_its_expectation():
    """Model and rater choose b alike, 20 personas x 10 items; the expectation by enumerating two binomials.

    The interval symmetric in the divergence itself ends below it far more often than in one of twenty studies.
    """
    rng, n, m = np.random.default_rng(6), 20, 10
    chances = binom.pmf(np.arange(n + 1), n, 0.4)
    shares = np.arange(n + 1) / n
    wanted = chances @ distributional.jensen_shannon(shares[:, None], shares) @ chances
    below = dict.fromkeys(("plain", "logit"), 0)
    for _ in range(40):
        x, y = (rng.random((2, n, m)) < 0.4) * 1.0
        statistic = distributional.mean_distance("jensen_shannon", x, y, np.ones(n))
        for scale in below:
            below[scale] += jackknifed(statistic, np.ones((n, m), bool), scale=scale, what="").high < wanted
    assert distributional.SCALES["jensen_shannon"] == "logit" and below["logit"] < below["plain"]
    assert below["logit"] <= 5, "the 95 % bound of forty chances of one in twenty"
