"""How often people who are alike on paper agree, against pairs drawn at random."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from persona_lib.people.respondents import ATTRIBUTES, DEMOGRAPHICS, LEAST_N, POLITICS, cells, items_of
from persona_lib.people.shares import EVERYONE, jackknife_error
from persona_lib.tables.schema import statistic

ALL = "all attributes"  # that the survey tells
LIKENESSES = {ALL: ATTRIBUTES, "demographics": DEMOGRAPHICS, "party and ideology": POLITICS}


def agreement(given: np.ndarray, weights: np.ndarray, cell: np.ndarray, n_answers: int) -> tuple[float, float, float]:
    """Agreement of pairs in one cell, agreement of all pairs, and kappa beyond it, on one item.

    A pair weighs the product of its two weights; nobody is a pair with oneself. With p the weighted share of pairs of
    one cell that agree and e that of all pairs, kappa = (p - e) / (1 - e): 0 where people of one cell agree no more
    than any two people, 1 where they always agree.

    Parameters
    ----------
    given : answers from 0, NaN for none
    weights : one per person
    cell : number of the person's cell; below 0 for none, such people count in all pairs only
    n_answers : answers of the item

    Returns
    -------
    p, e, kappa; NaN where there is no pair.

    Examples
    --------
    Two cells of two: the first pair agrees, the second does not. Of all six pairs two agree.

    >>> one = agreement(np.array([0.0, 0, 0, 1]), np.ones(4), np.array([0, 0, 1, 1]), 2)
    >>> [round(value, 3) for value in one]
    [0.5, 0.5, 0.0]
    """
    there = ~np.isnan(given)
    given, weights, cell = given[there].astype(int), weights[there], cell[there]
    p = _pairs(given[cell >= 0], weights[cell >= 0], cell[cell >= 0], n_answers)
    e = _pairs(given, weights, np.zeros(len(given), int), n_answers)
    return p, e, (p - e) / (1 - e) if e < 1 else float("nan")


def _pairs(given: np.ndarray, weights: np.ndarray, cell: np.ndarray, n_answers: int) -> float:
    if not len(given):
        return float("nan")
    shape = (cell.max() + 1, n_answers)
    at = cell * n_answers + given
    sums, squares = (
        np.bincount(at, values, minlength=shape[0] * n_answers).reshape(shape) for values in (weights, weights**2)
    )
    agreeing = (sums**2 - squares).sum()
    pairs = (sums.sum(axis=1) ** 2 - squares.sum(axis=1)).sum()
    return float(agreeing / pairs) if pairs > 0 else float("nan")


def alike_statistics(
    respondents: pd.DataFrame, answers: Mapping[str, Sequence[str]], *, n_groups: int = 50, seed: int = 1
) -> list[dict]:
    """agreement_alike, agreement_random and kappa_alike of people alike in all attributes, in some, item by item.

    Means over items of `agreement`; the interval is that of a jackknife which leaves out a fiftieth of the people at
    a time. Items one by one for likeness in all. An attribute of which a survey tells nothing does not count. NaN,
    counted, where fewer than ten people share a cell with another.

    Returns
    -------
    Rows of a table of statistics; the group is the kind of likeness, or `all attributes|item`.
    """
    items = items_of(respondents)
    given, weights = respondents[items].to_numpy(), respondents["weight"].to_numpy()
    folds = np.random.default_rng(seed).permutation(len(respondents)) % n_groups
    rows = []
    for name, by in LIKENESSES.items():
        told = [attribute for attribute in by if respondents[attribute].notna().any()]
        cell = cells(respondents, told).to_numpy() if told else np.full(len(respondents), -1)
        sizes = np.bincount(cell[cell >= 0]) if (cell >= 0).any() else np.zeros(1, int)
        n = int(sizes[sizes > 1].sum())
        counted = {"n": n, "n_excluded": len(respondents) - n}
        if n < LEAST_N:
            rows.append(
                statistic(
                    "kappa_alike", name, np.nan, **counted, method=f"not shown: fewer than {LEAST_N} people are alike"
                )
            )
            continue

        def found(kept: np.ndarray, cell: np.ndarray = cell) -> np.ndarray:
            each = [
                agreement(given[kept, i], weights[kept], cell[kept], len(answers[item])) for i, item in enumerate(items)
            ]
            return np.vstack([each, np.nanmean(each, axis=0)])

        whole = found(np.ones(len(folds), bool))
        half = 1.96 * jackknife_error(np.array([found(folds != fold) for fold in range(n_groups)]))
        for number, item in enumerate([*items, EVERYONE]):
            if item != EVERYONE and name != ALL:
                continue
            group = name if item == EVERYONE else f"{name}|{item}"
            for column, what in enumerate(("agreement_alike", "agreement_random", "kappa_alike")):
                if item != EVERYONE and what != "kappa_alike":
                    continue
                value, width = whole[number, column], half[number, column]
                rows.append(
                    statistic(
                        what,
                        group,
                        value,
                        low=value - width,
                        high=value + width,
                        **counted,
                        method=f"pairs alike in {', '.join(told)}; grouped jackknife over people",
                    )
                )
    return rows
