"""The truths that depend on how many people a panel has: distances that are never below 0, and the Overton window.

With few people the shares of models and raters differ by chance alone, and a rare answer may fall out of the window. So
the truth of such a statistic is its mean over panels of the run's size. Here alone, as in `expected.central`, choices
are drawn: persons at random, every rater's and model's choice of each, on every question. Every person weighs the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.spatial.distance import jensenshannon

from persona_lib.simulator.expected import Truth
from persona_lib.tables.values import OVERTON_WINDOW

N_PANELS = 60  # drawn for each truth
Tally = dict[tuple[str, str], list[float]]


def small_panel_truth(
    chosen: Mapping[str, np.ndarray],
    rated: Sequence[np.ndarray],
    said: Mapping[str, Sequence[np.ndarray]],
    rng: np.random.Generator,
    *,
    n_persons: int,
) -> Truth:
    """wasserstein, jensen_shannon and overton_coverage of panels of this size.

    Parameters
    ----------
    chosen : by model its chance of answer b, persons x items
    rated : of every rater the same
    said : by model the shares of answer b that it says without a persona, one array of items for each order

    Returns
    -------
    Of groups `model|all`, `model asked|all` and, of overton_coverage, `model` and `representative`.

    Examples
    --------
    Raters who always choose b, and a model that never does, whoever it is shown.

    >>> none, all_b = np.zeros((9, 2)), np.ones((9, 2))
    >>> found = small_panel_truth({"m": none}, [all_b], {}, np.random.default_rng(1), n_persons=5)
    >>> [found[name, "m|all"] for name in ("wasserstein", "jensen_shannon")], found["overton_coverage", "m"]
    ([1.0, 1.0], 0.0)
    """
    n = len(rated[0])
    distances: Tally = {}
    covered: Tally = {}
    for _ in range(N_PANELS):
        drawn = rng.choice(n, min(n, n_persons), replace=False)
        rating = np.mean([_choices(grid[drawn], rng) for grid in rated], axis=0)
        wanted = rating.mean(axis=0)
        picked = {name: _choices(grid[drawn], rng) for name, grid in chosen.items()}
        sources = {f"{name}|all": [choices.mean(axis=0)] for name, choices in picked.items()}
        sources |= {f"{name} asked|all": list(orders) for name, orders in said.items()}
        for source, each in sources.items():
            for statistic, distance in _DISTANCES.items():
                value = float(np.mean([distance(share, wanted).mean() for share in each]))
                distances.setdefault((statistic, source), []).append(value)
        for source, choices in {**picked, "representative": np.zeros_like(rating)}.items():
            gives = _is_in_window(choices)[_is_in_window(rating)]
            covered.setdefault(("overton_coverage", source), []).append(float(gives.mean()))
    return {key: float(np.mean(values)) for key, values in (distances | covered).items()}


def _choices(chances: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return (rng.random(chances.shape) < chances).astype("float64")


def _is_in_window(choices: np.ndarray) -> np.ndarray:
    """Whether answer a, and answer b, has a fifth of the persons: 2 x items."""
    return np.stack([(1 - choices).mean(axis=0), choices.mean(axis=0)]) >= OVERTON_WINDOW - 1e-12


def _jensen_shannon(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The divergence in bits: the square of scipy's distance."""
    both = [np.stack([share, 1 - share]) for share in (first, second)]
    with np.errstate(invalid="ignore"):  # of equal shares it may be a little below 0
        return np.nan_to_num(jensenshannon(*both, base=2, axis=0)) ** 2


_DISTANCES = {"wasserstein": lambda first, second: np.abs(first - second), "jensen_shannon": _jensen_shannon}
