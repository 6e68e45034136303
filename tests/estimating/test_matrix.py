"""Matrices of kappas. Oracles: scikit-learn and plain loops, cell by cell, with each cluster really taken out."""

import itertools

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from persona_lib.estimating.matrix import in_common, kappa_matrix, mean_kappas, other_counts


def test_a_matrix_equals_scikit_learn_cell_by_cell():
    rng = np.random.default_rng(7)
    first, second = rng.integers(0, 2, (2, 6, 12)).astype(float)
    first[0, :9] = np.nan
    first[1] = 1
    found = kappa_matrix(first, second, min_shared=4)
    for a, b in itertools.product(range(6), range(6)):
        known = ~np.isnan(first[a])
        assert found["n"][a, b] == known.sum()
        assert found["agreement"][a, b] == pytest.approx((first[a] == second[b])[known].mean())
        if a < 2:
            assert np.isnan(found["kappa"][a, b]), "three items are too few; a constant row says nothing"
        else:
            assert found["kappa"][a, b] == pytest.approx(cohen_kappa_score(first[a], second[b]))


def test_nobody_against_nobody_is_an_empty_matrix():
    found = kappa_matrix(np.empty((0, 3)), np.empty((0, 3)), min_shared=1)
    assert {"kappa", "shrunk", "n"} <= set(found) and {values.shape for values in found.values()} == {(0, 0)}


def test_pairs_of_different_personas_are_those_that_a_loop_counts():
    """Oracle: all pairs of personas in plain loops, with each persona, item and cell really taken out."""
    rng = np.random.default_rng(4)
    first, second = rng.integers(0, 2, (2, 5, 4)).astype(float)
    first[1, 2] = second[3, 0] = np.nan
    cells = rng.random((5, 4)) < 0.8

    def counted(one, two):
        counts = np.zeros((2, 2))
        for a, b, i in itertools.product(range(5), range(5), range(4)):
            if a != b and not np.isnan(one[a, i]) and not np.isnan(two[b, i]):
                counts[int(one[a, i]), int(two[b, i])] += 1
        return counts

    def without(where):
        return counted(*(np.where(where, np.nan, grid) for grid in (first, second)))

    p, i = np.indices((5, 4))
    total, (by_persona, by_item, by_cell) = other_counts(first, second, cells)
    np.testing.assert_array_equal(total, counted(first, second))
    np.testing.assert_array_equal(by_persona, [without(p == each) for each in range(5)])
    np.testing.assert_array_equal(by_item, [without(i == each) for each in range(4)])
    at = zip(*np.nonzero(cells), strict=True)
    np.testing.assert_array_equal(by_cell, [without((p == a) & (i == b)) for a, b in at])


def test_means_of_a_matrix_are_those_of_its_cells():
    """Oracle: scikit-learn's kappa of every cell, with a persona, an item or a cell really taken out."""
    rng = np.random.default_rng(5)
    first = rng.integers(0, 2, (3, 7)).astype(float)
    second = np.where(rng.random((3, 7)) < 0.7, first, 1 - first)

    def means(one, two, personas):
        found = {True: [], False: []}
        for a, b in itertools.product(personas, personas):
            known = ~np.isnan(one[a]) & ~np.isnan(two[b])
            sides = one[a][known], two[b][known]
            if all(len(set(side)) == 2 for side in sides):  # else undefined, and left out
                found[a == b].append(cohen_kappa_score(*sides))
        return np.mean(found[True]), np.mean(found[False])

    everyone = range(3)
    found = mean_kappas(first, second, np.ones((3, 7), dtype=bool), min_shared=2)
    for place, name in enumerate(("own", "other")):
        value, (by_persona, by_item, by_cell), n = found[name]
        assert value == pytest.approx(means(first, second, everyone)[place])
        assert n == (3 if name == "own" else 6)
        gone = [means(first, second, [p for p in everyone if p != each])[place] for each in everyone]
        assert by_persona == pytest.approx(gone)
        kept = [np.delete(np.arange(7), i) for i in range(7)]
        assert by_item == pytest.approx([means(first[:, k], second[:, k], everyone)[place] for k in kept])
        for number, (p, i) in enumerate(itertools.product(range(3), range(7))):
            one, two = first.copy(), second.copy()
            one[p, i] = two[p, i] = np.nan
            assert by_cell[number] == pytest.approx(means(one, two, everyone)[place])


def test_products_of_cells_that_have_the_item_the_persona_or_nothing_in_common():
    rng = np.random.default_rng(8)
    cells, first, second = (rng.random((2, 4, 5)) < 0.7).astype(float), rng.normal(size=(4, 5)), rng.normal(size=(4, 5))
    shared = {(True, True): "cell", (False, True): "item", (True, False): "persona", (False, False): "none"}
    found = in_common(cells, first, second)
    for one, shown in enumerate(cells):
        wanted = {"cell": [], "item": [], "persona": [], "none": []}
        places = np.argwhere(shown)
        for p, i in places:
            for q, j in places:
                wanted[shared[p == q, i == j]].append(first[p, i] * second[q, j])
        assert {name: n[one] for name, (_, n) in found.items()} == {name: len(each) for name, each in wanted.items()}
        for name, (total, _) in found.items():
            assert total[one] == pytest.approx(sum(wanted[name]))
