import numpy as np
import pytest
from scipy.stats import entropy

from persona_lib.estimating.distances import jensen_shannon, wasserstein


def test_wasserstein_is_the_area_between_the_cumulated_shares():
    """Oracle: on a line it is the sum of the differences of the cumulated shares, here over K - 1 = 3."""
    p, q = np.array([0.1, 0.4, 0.2, 0.3]), np.array([0.3, 0.1, 0.5, 0.1])
    assert wasserstein(p, q) == pytest.approx(np.abs(np.cumsum(p - q)).sum() / 3)
    assert wasserstein(10 * p, q) == pytest.approx(wasserstein(q, p)), "weights are scaled; the order is no matter"
    assert wasserstein([1, 0, 0], [0, 0, 1]) == 1 and wasserstein(p, p) == 0


def test_jensen_shannon_by_its_definition():
    p, q = np.array([0.1, 0.4, 0.5]), np.array([0.3, 0.1, 0.6])
    half = (p + q) / 2
    assert jensen_shannon(p, q) == pytest.approx((entropy(p, half, base=2) + entropy(q, half, base=2)) / 2)
    assert jensen_shannon(p, q) == pytest.approx(jensen_shannon(p[::-1], q[::-1]))


@pytest.mark.parametrize("measure", [wasserstein, jensen_shannon])
def test_nothing_is_undefined_and_what_does_not_fit_is_refused(measure):
    assert np.isnan(measure([0, 0], [1, 1]))
    with pytest.raises(ValueError, match="one length"):
        measure([1, 0], [1, 0, 0])
    with pytest.raises(ValueError, match="negative or missing"):
        measure([1, -1], [1, 0])
