"""Distances from the raters' shares.

Oracles: scipy's Wasserstein and Jensen-Shannon distances, plain loops over pairs of personas, hand counts.
"""

import itertools

import numpy as np
import pytest
from panel_rows import M, N, drawn, of
from scipy.spatial.distance import jensenshannon
from scipy.stats import wasserstein_distance

from persona_lib.pluralism import distributional


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
