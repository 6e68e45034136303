"""How far two sets of answer shares lie apart: Wasserstein on ordered answers, Jensen-Shannon on any."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats
from scipy.spatial import distance


def wasserstein(first: Sequence[float] | np.ndarray, second: Sequence[float] | np.ndarray) -> float:
    """Wasserstein-1 distance of two distributions over the same ordered answers, over its greatest value.

    The answers stand at 0, 1, ..., K - 1, and the distance is divided by K - 1 [1]_: 0 for equal shares, 1 where all
    of one distribution lies at the first answer and all of the other at the last. One less it is the
    *representativeness* of that work.

    Parameters
    ----------
    first, second : weights or shares of K answers in their order, none negative; each is scaled to sum to 1

    Returns
    -------
    In [0, 1]; NaN where one of the two has no weight at all, or there is one answer only.

    Raises
    ------
    ValueError
        The two have different lengths, or a weight is negative or missing.

    References
    ----------
    .. [1] S. Santurkar et al. (2023). Whose opinions do language models reflect? arXiv:2303.17548, section 4.1.

    Examples
    --------
    Half of the first moves by one of two steps.

    >>> wasserstein([1, 0, 0], [0.5, 0.5, 0])
    0.25
    """
    p, q = _weights(first, second)
    if len(p) < 2 or p.sum() == 0 or q.sum() == 0:
        return float("nan")
    places = np.arange(len(p))
    return float(stats.wasserstein_distance(places, places, p, q)) / (len(p) - 1)


def jensen_shannon(first: Sequence[float] | np.ndarray, second: Sequence[float] | np.ndarray) -> float:
    """Jensen-Shannon divergence of two distributions over the same answers, in bits.

    0 for equal shares, 1 where they share no answer; the order of the answers does not count [1]_.
    Arguments, errors and the undefined case as of `wasserstein`; one answer gives 0.

    References
    ----------
    .. [1] J. Lin (1991). Divergence measures based on the Shannon entropy. IEEE Transactions on Information Theory 37.

    Examples
    --------
    >>> jensen_shannon([1, 0], [0, 1]), jensen_shannon([3, 1], [0.75, 0.25])
    (1.0, 0.0)
    """
    p, q = _weights(first, second)
    if p.sum() == 0 or q.sum() == 0:
        return float("nan")
    return float(distance.jensenshannon(p, q, base=2) ** 2)


def _weights(first: Sequence[float] | np.ndarray, second: Sequence[float] | np.ndarray) -> tuple[np.ndarray, ...]:
    p, q = np.asarray(first, dtype="float64"), np.asarray(second, dtype="float64")
    if p.shape != q.shape or p.ndim != 1:
        raise ValueError(f"distances: shares of {p.shape} and of {q.shape} answers; give two lists of one length")
    if not ((p >= 0).all() and (q >= 0).all()):
        raise ValueError("distances: a weight is negative or missing")
    return p, q
