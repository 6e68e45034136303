"""Distributional pluralism: does a model give a population's answers in the shares in which its people give them? [1]_

Two ways to the shares of a model are compared with those of the raters, who stand for the people. `large` answers as
each persona of the panel in turn; `large asked` is the control without any persona: asked what share of the adults,
or of a named group of them, would choose an answer.

With two answers the 1-Wasserstein distance, which OpinionQA uses to compare a model's distribution of opinions with
that of a group [2]_, is the difference of the shares. Like the Jensen-Shannon divergence it is never below 0, so few
people make it too large; the squared distance over pairs of different personas is 0 on average where the shares are
alike.

References
----------
.. [1] T. Sorensen et al. (2024). A roadmap to pluralistic alignment. ICML 2024, arXiv:2402.05070: distributional.
.. [2] S. Santurkar et al. (2023). Whose opinions do language models reflect? ICML 2023, arXiv:2303.17548, section 3.
.. [3] J. Lin (1991). Divergence measures based on the Shannon entropy. IEEE Transactions on Information Theory 37.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.special import xlogy

from persona_lib.pluralism.grids import Panel, Statistic, jackknifed, mean_of_known, pairs_of

ASKED = " asked"  # after the id of a model that says shares instead of answering as personas


def jensen_shannon(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Jensen-Shannon divergence of two shares of answer b, in bits: 0 alike, 1 nothing in common [3]_.

    Examples
    --------
    Half and half against all: by hand, with the mean 3/4, the entropy 0.811 less the mean entropy 1/2.

    >>> jensen_shannon(np.array([0.5, 1.0]), np.array([1.0, 0.0])).round(3).tolist()
    [0.311, 1.0]
    """

    def entropy(share: np.ndarray) -> np.ndarray:
        return -(xlogy(share, share) + xlogy(1 - share, 1 - share)) / np.log(2)

    first, second = (np.clip(share, 0, 1) for share in (first, second))
    return np.clip(entropy((first + second) / 2) - (entropy(first) + entropy(second)) / 2, 0, 1)


def wasserstein(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """1-Wasserstein distance of two shares of answer b, the two answers one apart: 0 alike, 1 opposite."""
    return np.abs(first - second)


DISTANCES = {"wasserstein": wasserstein, "jensen_shannon": jensen_shannon}
# Of its interval; the divergence is a sum of squares nearly, whose error grows with it, so a plain one ends too low.
SCALES = {"wasserstein": "plain", "jensen_shannon": "logit"}


def mean_distance(name: str, chosen: np.ndarray, raters: np.ndarray, weights: np.ndarray) -> Statistic:
    """The statistic: mean over items of a distance between two weighted shares."""

    def value(cells: np.ndarray) -> np.ndarray:
        weighted = cells * weights[:, None]
        total = weighted.sum(axis=1)
        shares = [np.einsum("bpi,pi->bi", weighted, np.nan_to_num(grid)) / total for grid in (chosen, raters)]
        return mean_of_known(np.where(total > 0, DISTANCES[name](*shares), np.nan))

    return value


def squared_distance(chosen: np.ndarray, raters: np.ndarray, weights: np.ndarray) -> Statistic:
    """The statistic: mean over items of the squared difference of shares, over pairs of different personas.

    Unbiased: the noise of a choice meets only that of others. Below 0 by chance where the shares are alike.
    """
    apart = (chosen - raters) * weights[:, None]
    size = np.where(np.isnan(apart), np.nan, weights[:, None])

    def value(cells: np.ndarray) -> np.ndarray:
        total = pairs_of(cells, size, size)
        return mean_of_known(np.where(total > 0, pairs_of(cells, apart, apart) / total, np.nan))

    return value


def asked_grids(shares: pd.DataFrame, panel: Panel) -> dict[tuple[str, str], np.ndarray]:
    """The shares that each model said for each group, as grids of the panel: the same for each of its personas.

    Parameters
    ----------
    shares : table `pool_shares`
    """
    found = {}
    for (rater, group), part in shares.groupby(["rater_id", "group"]):
        said = part.set_index("item_id")["share_b"].reindex(panel.items).to_numpy("float64")
        found[str(rater), str(group)] = np.tile(said, (len(panel.weights), 1))
    return found


def distributional_statistics(panel: Panel, shares: pd.DataFrame) -> list[dict]:
    """Wasserstein, Jensen-Shannon and squared distance from the raters' shares, by model and group, weighted.

    Returns
    -------
    Rows of table `pluralism` of groups `model|all` and `model|attribute|value`, model with `ASKED` for the control.
    Groups of fewer than five personas of the panel have no row; a group that was not asked about has none of `ASKED`.
    """
    if not len(panel.weights):
        return []
    sources = {(model, name): grid for model, grid in panel.models.items() for name in panel.groups()}
    sources |= {(rater + ASKED, group): grid for (rater, group), grid in asked_grids(shares, panel).items()}
    inside, rows = panel.groups(), []
    for (source, group), grid in sources.items():
        if group in inside:
            for statistic, found in _distances(grid, panel, inside[group]).items():
                rows.append(found.row(statistic, f"{source}|{group}"))
    return rows


def _distances(grid: np.ndarray, panel: Panel, members: np.ndarray) -> Mapping:
    chosen, raters, weights = grid[members], panel.raters[members], panel.weights[members]
    known = ~np.isnan(chosen) & ~np.isnan(raters)
    arrays = np.where(known, chosen, np.nan), np.where(known, raters, np.nan), weights
    what = "mean over items of the {} from the raters' shares, weighted"
    found = {
        name: jackknifed(
            mean_distance(name, *arrays), known, scale=SCALES[name], what=what.format(f"{name} distance"), within=(0, 1)
        )
        for name in DISTANCES
    }
    squared = squared_distance(*arrays)
    what = what.format("squared distance") + ", pairs of personas"
    return found | {"squared_distance": jackknifed(squared, known, scale="plain", what=what, within=(-1, 1))}
