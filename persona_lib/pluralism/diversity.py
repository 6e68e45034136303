"""Flattening and caricature: how alike a model makes the people of a group, and how unlike the groups.

*Flattening* [1]_: two people of one group differ less often in a model's eyes than they do. *Caricature* [2]_, of its
two signs the exaggeration: two groups differ more in a model's eyes than they do. Both are told by chances that two
different personas get different answers, so neither depends on how many personas there are.

References
----------
.. [1] A. Wang, J. Morgenstern, J. P. Dickerson (2025). Large language models that replace human participants can
   harmfully misportray and flatten identity groups. Nature Machine Intelligence 7, 400-411; arXiv:2402.01908.
.. [2] M. Cheng, T. Piccardi, D. Yang (2023). CoMPosT: characterizing and evaluating caricature in LLM simulations.
   EMNLP 2023, 10853-10875.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

from persona_lib.pluralism.grids import Panel, Statistic, jackknifed, mean_of_known, pairs_of


def _within(cells: np.ndarray, chosen: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Per panel, the mean over items of the chance that two different personas of a group get different answers."""
    mine = cells * inside[:, None]
    ones = np.ones_like(chosen)
    differ = 2 * (pairs_of(mine, chosen, ones) - pairs_of(mine, chosen, chosen))
    pairs = pairs_of(mine, ones, ones)
    return mean_of_known(np.where(pairs > 0, differ / pairs, np.nan))


def _apart(cells: np.ndarray, chosen: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Per panel, the mean over items of the squared difference of two groups' shares, without what chance adds."""
    x, ones, shares, squares = np.nan_to_num(chosen), np.ones_like(chosen), [], []
    for inside in (one, other):
        mine = cells * inside[:, None]
        n, pairs = mine.sum(axis=1), pairs_of(mine, ones, ones)
        shares.append(np.einsum("bpi,pi->bi", mine, x) / n)
        squares.append(np.where(pairs > 0, pairs_of(mine, chosen, chosen) / pairs, np.nan))
    return mean_of_known(squares[0] + squares[1] - 2 * shares[0] * shares[1])


def flattening(chosen: np.ndarray, raters: np.ndarray, groups: list[np.ndarray]) -> Statistic:
    """The statistic: within-group diversity of the raters less a model's, mean over groups; above 0 it flattens."""

    def value(cells: np.ndarray) -> np.ndarray:
        return np.mean([_within(cells, raters, inside) - _within(cells, chosen, inside) for inside in groups], axis=0)

    return value


def caricature(chosen: np.ndarray, raters: np.ndarray, groups: list[np.ndarray]) -> Statistic:
    """The statistic: squared distance between groups in a model's eyes less that between their raters, mean over pairs.

    Above 0: the model makes groups more unlike than they are.
    """

    def value(cells: np.ndarray) -> np.ndarray:
        pairs = list(combinations(groups, 2))
        return np.mean([_apart(cells, chosen, *pair) - _apart(cells, raters, *pair) for pair in pairs], axis=0)

    return value


def diversity_statistics(panel: Panel) -> list[dict]:
    """flattening of `model|all` and `model|attribute`, and caricature of `model|attribute`.

    Of an attribute all groups of five personas and more count; without two such groups there is no row. A rater's
    own taste and slips count as diversity, and so do a model's.
    """
    rows = []
    by_attribute = {name: [who for group, who in panel.groups().items() if group.startswith(f"{name}|")]
                    for name in panel.values}  # fmt: skip
    by_attribute = {name: groups for name, groups in by_attribute.items() if len(groups) > 1}
    for model, grid in panel.models.items():
        known = panel.comparable(grid)
        chosen, raters = (np.where(known, each, np.nan) for each in (grid, panel.preferred))
        for name, groups in {"all": [np.ones(len(grid), bool)], **by_attribute}.items():
            what = "within-group diversity of the raters less the model's, pairs of personas"
            found = jackknifed(flattening(chosen, raters, groups), known, scale="plain", what=what, within=(-1, 1))
            rows.append(found.row("flattening", f"{model}|{name}"))
        for name, groups in by_attribute.items():
            what = "squared distance between groups, the model's less the raters', pairs of personas"
            found = jackknifed(caricature(chosen, raters, groups), known, scale="plain", what=what, within=(-1, 1))
            rows.append(found.row("caricature", f"{model}|{name}"))
    return rows
