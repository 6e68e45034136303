"""Overton and steerable pluralism, and the gold comparison.

Oracles: plain loops over pairs of personas, and hand counts.
"""

import itertools

import numpy as np
import pytest
from panel_rows import M, N, drawn, of, persona_table
from pool_rows import items_of, judged

from persona_lib.pluralism import steering
from persona_lib.pluralism.grids import Panel, panel


def test_steering_and_gold_by_loops():
    x, y = drawn()
    known = np.random.default_rng(5).random((N, M)) < 0.8
    own = [x[p, i] == y[p, i] for p in range(N) for i in range(M) if known[p, i]]
    pairs = [(p, q, i) for i in range(M) for p, q in itertools.permutations(range(N), 2) if known[p, i] and known[q, i]]
    other = [x[p, i] == y[q, i] for p, q, i in pairs]
    assert of(steering.steering(x, y), known) == pytest.approx(np.mean(own) - np.mean(other))
    opposite = [(x[p, i], x[q, i]) for p, q, i in pairs if y[p, i] == 0 and y[q, i] == 1]
    for outcome, wanted in (("both_right", [(0, 1)]), ("both_wrong", [(1, 0)]), ("same_answer", [(0, 0), (1, 1)])):
        share = np.mean([pair in wanted for pair in opposite])
        assert of(steering.gold(x, y, outcome), known) == pytest.approx(share)


def test_a_model_that_gives_everybody_one_answer_meets_no_gold_pair():
    _, y = drawn()
    found = {name: of(steering.gold(np.zeros((N, M)), y, name)) for name in steering.GOLD}
    assert found == {"both_right": 0, "same_answer": 1, "both_wrong": 0}
    assert of(steering.gold(y, y, "both_right")) == 1 and of(steering.gold(1 - y, y, "both_wrong")) == 1
    assert np.isnan(of(steering.gold(y, np.zeros((N, M)), "both_right"))), "nobody prefers b: no pair"


def test_exactly_a_fifth_is_inside_the_window_for_either_answer():
    """1 - 0.8 is less than 0.2 to a computer: of five people one prefers a, or one b."""
    one_a, one_b = np.array([[0.0], [1.0], [1.0], [1.0], [1.0]]), np.array([[1.0], [0.0], [0.0], [0.0], [0.0]])
    for raters in (one_a, one_b):
        five = Panel("m", {"m": raters}, raters, raters, raters, ["i"], np.ones(5), {})
        found = steering.overton_cells(five).query("source == 'm'")
        assert found[["answer", "is_covered"]].values.tolist() == [["a", 1.0], ["b", 1.0]]


def test_the_overton_window_by_hand():
    """Of ten personas two prefer b to the first item, one to the second: b is in the first window alone."""
    items = items_of(2)
    prefers = np.zeros((10, 2))
    prefers[:2, 0] = prefers[:1, 1] = 1
    model = np.zeros((10, 2))
    model[5:7, 0] = 1
    tables = judged({"large": model} | {f"rater.{i}": prefers for i in range(4)}, items)
    people = panel(tables, items, persona_table(10), persona_table(10).assign(weight=1.0))
    cells = steering.overton_cells(people).set_index(["item_id", "answer", "source"])["is_covered"]
    assert set(cells.index.droplevel("source")) == {("item.q0001", "a"), ("item.q0001", "b"), ("item.q0002", "a")}
    assert cells["item.q0001", "b", "large"] == 1 and cells["item.q0001", "b", "representative"] == 0


def test_the_steering_matrix_by_loops():
    rng = np.random.default_rng(8)
    items = items_of(5)
    x, y = (rng.random((2, 12, 5)) < 0.5).astype(int)
    tables = judged({"large": x} | {f"rater.{i}": y for i in range(4)}, items)
    people = panel(tables, items, persona_table(12), persona_table(12).assign(weight=1.0))
    found = steering.steering_matrix(people.models["large"], people, attribute="sex")
    sex = persona_table(12)["sex"]
    for shown, asked in itertools.product("FM", "FM"):
        pairs = [(p, q) for p, q in itertools.permutations(range(12), 2) if (sex[p], sex[q]) == (shown, asked)]
        wanted = np.mean([x[p, i] == y[q, i] for p, q in pairs for i in range(5)])
        assert found.loc[shown, asked] == pytest.approx(wanted)
