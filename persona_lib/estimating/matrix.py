"""Choices of personas on items as arrays: kappas of all pairs of personas, what their means are sure of, and products.

A set of choices is a persona x item array of 0 and 1, NaN where there is none.
"""

from __future__ import annotations

import numpy as np

from persona_lib.estimating.coefficients import coefficients, kappa_error, kappa_of_varied, shrunk
from persona_lib.estimating.resample import Z_95


def cross_counts(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """How often row a of the first chose x where row b of the second chose y, on the items that both chose on.

    Parameters
    ----------
    first, second : personas x items, the same items

    Returns
    -------
    personas of the first x personas of the second x 2 x 2.

    Examples
    --------
    >>> cross_counts(np.array([[0.0, 1.0, 1.0]]), np.array([[0.0, 0.0, np.nan]])).tolist()
    [[[[1.0, 0.0], [1.0, 0.0]]]]
    """
    found = np.empty((len(first), len(second), 2, 2))
    for x in (0, 1):
        for y in (0, 1):
            found[..., x, y] = (first == x).astype("float64") @ (second == y).T.astype("float64")
    return found


def kappa_matrix(first: np.ndarray, second: np.ndarray, *, min_shared: int) -> dict[str, np.ndarray]:
    """Cohen's kappa of each row of the first with each row of the second.

    Returns
    -------
    personas x personas each: kappa, NaN where the two share fewer than `min_shared` items or where one of them makes
    the same choice on all of these (see `kappa_of_varied`); low and high, its large-sample 95 % interval over the
    items, symmetric in Fisher's z, NaN at 1 and -1; shrunk, kappa pulled towards the mean of its like, the matrix's
    diagonal or all beside it (see `shrunk`); agreement, the share of the same choices; n, the items shared.

    Examples
    --------
    >>> found = kappa_matrix(np.array([[0.0, 1, 1, 0]]), np.array([[0.0, 1, 1, 1], [1.0, 1, 1, 1]]), min_shared=2)
    >>> found["kappa"].round(2).tolist(), found["n"].tolist()
    ([[0.5, nan]], [[4, 4]])
    """
    counts = cross_counts(first, second)
    n = counts.sum(axis=(-1, -2))
    kappa = np.where(n >= min_shared, kappa_of_varied(counts), np.nan)
    error, inner = kappa_error(counts), np.where(np.abs(kappa) < 1, kappa, np.nan)
    reach = Z_95 * error / (1 - inner**2)
    pulled = np.full(kappa.shape, np.nan)
    own = np.arange(len(first))[:, None] == np.arange(len(second))
    for like in (own, ~own):
        pulled[like] = shrunk(kappa[like], error[like], n[like])
    return {
        "kappa": kappa,
        "low": np.tanh(np.arctanh(inner) - reach),
        "high": np.tanh(np.arctanh(inner) + reach),
        "shrunk": pulled,
        "agreement": coefficients(counts)["raw_agreement"],
        "n": n.astype(int),
    }


def other_counts(first: np.ndarray, second: np.ndarray, cells: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    """Counts of the choices of the first as one persona and of the second as another, on the same item.

    Parameters
    ----------
    first, second : personas x items
    cells : personas x items, the cells that are left out one at a time

    Returns
    -------
    2 x 2 counts over all pairs of different personas; and the same without each persona, without each item, and
    without each cell (its choices of both).
    """
    total, without_persona = np.empty((2, 2)), np.empty((len(first), 2, 2))
    without_item, without_cell = np.empty((first.shape[1], 2, 2)), np.empty((int(cells.sum()), 2, 2))
    for x in (0, 1):
        for y in (0, 1):
            one, two = (first == x).astype("float64"), (second == y).astype("float64")
            by_item = one.sum(axis=0) * two.sum(axis=0) - (one * two).sum(axis=0)
            gone = one * (two.sum(axis=0) - two) + two * (one.sum(axis=0) - one)
            total[x, y] = by_item.sum()
            without_persona[:, x, y] = by_item.sum() - gone.sum(axis=1)
            without_item[:, x, y] = by_item.sum() - by_item
            without_cell[:, x, y] = by_item.sum() - gone[cells]
    return total, [without_persona, without_item, without_cell]


def mean_kappas(
    first: np.ndarray, second: np.ndarray, cells: np.ndarray, *, min_shared: int
) -> dict[str, tuple[float, list[np.ndarray], int]]:
    """Means of the defined kappas of a matrix, on its diagonal (`own`) and off it (`other`).

    Memory grows with the square of the personas, whatever the number of items.

    Returns
    -------
    For own and other: the mean; the means without each persona, without each item and without each of `cells`; and
    how many kappas are defined. A kappa that is undefined without an item or a cell is left out of that mean.
    """
    counts = cross_counts(first, second)
    whole = np.where(counts.sum(axis=(-1, -2)) >= min_shared, kappa_of_varied(counts), np.nan)
    on = np.eye(len(first), dtype=bool)
    found: dict[str, tuple[float, list[np.ndarray], int]] = {}
    for name, where in (("own", on), ("other", ~on)):
        kappa = np.where(where, whole, np.nan)
        all_sum, all_n = np.nansum(kappa), int((~np.isnan(kappa)).sum())
        row_sum, row_n = _of_personas(kappa)
        by_persona = _ratio(all_sum - row_sum, all_n - row_n)
        by_item, by_cell = np.empty(first.shape[1]), np.full(cells.shape, np.nan)
        for i in range(first.shape[1]):
            left = counts - cross_counts(first[:, [i]], second[:, [i]])
            without = np.where(np.isnan(kappa), np.nan, kappa_of_varied(left))
            by_item[i] = _ratio(np.nansum(without), (~np.isnan(without)).sum())
            new_sum, new_n = _of_personas(without)
            by_cell[:, i] = _ratio(all_sum - row_sum + new_sum, all_n - row_n + new_n)
        found[name] = float(_ratio(all_sum, all_n)), [by_persona, by_item, by_cell[cells]], all_n
    return found


def _of_personas(kappa: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sum and number of the defined kappas in each persona's row or column."""
    known, values = ~np.isnan(kappa), np.nan_to_num(kappa)
    return (
        values.sum(axis=0) + values.sum(axis=1) - values.diagonal(),
        known.sum(axis=0) + known.sum(axis=1) - known.diagonal(),
    )


def _ratio(total: np.ndarray | float, n: np.ndarray | int) -> np.ndarray:
    n = np.asarray(n)
    return np.where(n > 0, total / np.where(n > 0, n, 1), np.nan)


def in_common(cells: np.ndarray, first: np.ndarray, second: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Products of a value of the first and one of the second: of one cell, of two with one item, persona or neither.

    Their means are what components of variance are made of: what is alike only because of the persona, and so on.

    Parameters
    ----------
    cells : sets x personas x items, 1 where a cell counts
    first, second : values, personas x items; finite also where a cell does not count

    Returns
    -------
    Of cell, item, persona and none, one per set: the sum of the products, and how many they are.

    Examples
    --------
    >>> found = in_common(np.ones((1, 2, 2)), np.array([[1.0, 2], [3, 4]]), np.array([[1.0, 2], [3, 4]]))
    >>> {name: (float(total[0]), int(n[0])) for name, (total, n) in found.items()}
    {'cell': (30.0, 4), 'item': (22.0, 4), 'persona': (28.0, 4), 'none': (20.0, 4)}
    """
    x, y = cells * first, cells * second
    same, n_same = (x * second).sum(axis=(1, 2)), cells.sum(axis=(1, 2))
    by_item, n_item = (x.sum(axis=1) * y.sum(axis=1)).sum(axis=1), (cells.sum(axis=1) ** 2).sum(axis=1)
    by_persona, n_persona = (x.sum(axis=2) * y.sum(axis=2)).sum(axis=1), (cells.sum(axis=2) ** 2).sum(axis=1)
    whole, n_whole = x.sum(axis=(1, 2)) * y.sum(axis=(1, 2)), n_same**2
    return {
        "cell": (same, n_same),
        "item": (by_item - same, n_item - n_same),
        "persona": (by_persona - same, n_persona - n_same),
        "none": (whole - by_item - by_persona + same, n_whole - n_item - n_persona + n_same),
    }
