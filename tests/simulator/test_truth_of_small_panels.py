"""What depends on how many people a panel has. Oracle: all outcomes of two binomials, enumerated."""

from itertools import product

import numpy as np
import pytest
from scipy.stats import binom

from persona_lib.pluralism.distributional import DISTANCES
from persona_lib.simulator.truth_of_small_panels import small_panel_truth


def truth(model: float, raters: list[float], *, n_persons: int, n_items: int = 400) -> dict:
    grids = [np.full((50, n_items), chance) for chance in (model, *raters)]
    rng = np.random.default_rng(3)
    said = {"m": [np.full(n_items, model)]}
    return small_panel_truth({"m": grids[0]}, grids[1:], said, rng, n_persons=n_persons)


@pytest.mark.parametrize("n_persons", [5, 20])
def test_mean_distances_and_windows_of_small_panels_are_those_of_binomials(n_persons):
    """One rater; model and rater choose b independently with chances 0.3 and 0.4 for each of n persons."""
    found = truth(0.3, [0.4], n_persons=n_persons)
    chances = [binom.pmf(np.arange(n_persons + 1), n_persons, share) for share in (0.3, 0.4)]
    for name, distance in DISTANCES.items():
        grid = product(range(n_persons + 1), repeat=2)
        exact = sum(chances[0][x] * chances[1][y] * distance(np.array(x / n_persons), np.array(y / n_persons))
                    for x, y in grid)  # fmt: skip
        assert found[name, "m|all"] == pytest.approx(float(exact), abs=0.004)
        said = sum(chances[1][y] * distance(np.array(0.3), np.array(y / n_persons)) for y in range(n_persons + 1))
        assert found[name, "m asked|all"] == pytest.approx(float(said), abs=0.004)
    least = int(np.ceil(0.2 * n_persons - 1e-9))
    wanted_b, wanted_a = binom.sf(least - 1, n_persons, [0.4, 0.6])
    gives_b, gives_a = binom.sf(least - 1, n_persons, [0.3, 0.7])
    exact = (wanted_b * gives_b + wanted_a * gives_a) / (wanted_b + wanted_a)
    assert found["overton_coverage", "m"] == pytest.approx(exact, abs=0.005)
    assert found["overton_coverage", "representative"] == pytest.approx(wanted_a / (wanted_b + wanted_a), abs=0.005)


def test_more_people_come_nearer_to_the_distance_of_the_chances():
    few, many = (truth(0.3, [0.4, 0.4], n_persons=n)["wasserstein", "m|all"] for n in (5, 50))
    assert few > many > 0.1
