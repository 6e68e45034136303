"""Distributional, steerable and Overton pluralism, flattening, caricature, components, worst group.

Oracles: scipy's Wasserstein and Jensen-Shannon distances; plain loops over pairs of personas; hand counts; identities.
"""

import itertools

import numpy as np
import pandas as pd
import pytest
from pool_rows import items_of, judged
from scipy.spatial.distance import jensenshannon
from scipy.stats import wasserstein_distance

from persona_lib.measuring import components, distributional, diversity, steering, worst_group
from persona_lib.measuring.grids import jackknifed, panel
from persona_lib.tables import schema
from persona_lib.tables.groups import large_groups, persona_groups

N, M = 8, 6


@pytest.fixture
def drawn():
    rng = np.random.default_rng(3)
    return (rng.random((2, N, M)) < 0.5).astype(float)


def persona_table(n):
    ids = [f"p{i + 1:04d}" for i in range(n)]
    return pd.DataFrame(
        {"persona_id": ids, "sex": ["F", "M"] * (n // 2), "age_years": 30, "race": "R", "ideology": "I"}
    )


def of(statistic, known=None):
    return float(statistic(np.ones((1, N, M)) if known is None else known[None].astype(float))[0])


def test_distances_are_scipys():
    rng = np.random.default_rng(1)
    for p, q in [*rng.random((20, 2)), (0.0, 1.0), (0.3, 0.3)]:
        assert distributional.wasserstein(p, q) == pytest.approx(
            wasserstein_distance([0, 1], [0, 1], u_weights=[1 - p, p], v_weights=[1 - q, q])
        )
        found = distributional.jensen_shannon(np.array(p), np.array(q))
        assert found == pytest.approx(jensenshannon([1 - p, p], [1 - q, q], base=2) ** 2, abs=1e-9)


def test_weighted_shares_by_hand():
    """Weights 3 and 1: the model's share of b is 3/4, the raters' 1/4."""
    one, other = np.array([[1.0], [0.0]]), np.array([[0.0], [1.0]])
    found = distributional.mean_distance("wasserstein", one, other, np.array([3.0, 1.0]))
    assert found(np.ones((1, 2, 1))) == pytest.approx([0.5])


def test_the_squared_distance_is_a_mean_over_pairs_and_unbiased(drawn):
    x, y = drawn
    weights = np.arange(1.0, N + 1)
    by_item = []
    for i in range(M):
        pairs = [(p, q) for p, q in itertools.permutations(range(N), 2)]
        wanted = sum(weights[p] * weights[q] * (x[p, i] - y[p, i]) * (x[q, i] - y[q, i]) for p, q in pairs)
        by_item.append(wanted / sum(weights[p] * weights[q] for p, q in pairs))
    assert of(distributional.squared_distance(x, y, weights)) == pytest.approx(np.mean(by_item))
    rng = np.random.default_rng(4)
    many = [of(distributional.squared_distance(*(rng.random((2, N, M)) < 0.5) * 1.0, np.ones(N))) for _ in range(400)]
    assert abs(np.mean(many)) < 4 * np.std(many) / 20, "equal shares have no distance on average"


def test_steering_and_gold_by_loops(drawn):
    x, y = drawn
    known = np.random.default_rng(5).random((N, M)) < 0.8
    own = [x[p, i] == y[p, i] for p in range(N) for i in range(M) if known[p, i]]
    pairs = [(p, q, i) for i in range(M) for p, q in itertools.permutations(range(N), 2) if known[p, i] and known[q, i]]
    other = [x[p, i] == y[q, i] for p, q, i in pairs]
    assert of(steering.steering(x, y), known) == pytest.approx(np.mean(own) - np.mean(other))
    opposite = [(x[p, i], x[q, i]) for p, q, i in pairs if y[p, i] == 0 and y[q, i] == 1]
    for outcome, wanted in (("both_right", [(0, 1)]), ("both_wrong", [(1, 0)]), ("same_answer", [(0, 0), (1, 1)])):
        share = np.mean([pair in wanted for pair in opposite])
        assert of(steering.gold(x, y, outcome), known) == pytest.approx(share)


def test_a_model_that_gives_everybody_one_answer_meets_no_gold_pair(drawn):
    _, y = drawn
    found = {name: of(steering.gold(np.zeros((N, M)), y, name)) for name in steering.GOLD}
    assert found == {"both_right": 0, "same_answer": 1, "both_wrong": 0}
    assert of(steering.gold(y, y, "both_right")) == 1 and of(steering.gold(1 - y, y, "both_wrong")) == 1
    assert np.isnan(of(steering.gold(y, np.zeros((N, M)), "both_right"))), "nobody prefers b: no pair"


def test_flattening_and_caricature_by_loops(drawn):
    x, y = drawn
    one = np.arange(N) < 4

    def differ(grid, inside):
        members = np.flatnonzero(inside)
        return np.mean([grid[p, i] != grid[q, i] for p, q in itertools.permutations(members, 2) for i in range(M)])

    wanted = np.mean([differ(y, group) - differ(x, group) for group in (one, ~one)])
    assert of(diversity.flattening(x, y, [one, ~one])) == pytest.approx(wanted)

    def apart(grid):
        across = [grid[p, i] != grid[q, i] for p in range(4) for q in range(4, N) for i in range(M)]
        return np.mean(across) - (differ(grid, one) + differ(grid, ~one)) / 2

    assert of(diversity.caricature(x, y, [one, ~one])) == pytest.approx(apart(x) - apart(y))


def test_a_stereotype_is_flat_and_exaggerated():
    """The raters' groups choose b in a half; a model gives one group all b, the other all a."""
    y = np.tile([[0.0], [1.0]], (N // 2, M))
    one = np.arange(N) < 4
    x = np.repeat(one[:, None], M, axis=1).astype(float)
    assert of(diversity.flattening(x, y, [one, ~one])) == pytest.approx(2 / 3)  # 4 of 6 pairs differ
    assert of(diversity.caricature(x, y, [one, ~one])) == pytest.approx(1 - (1 / 2 - 2 / 3))  # differ across, within


def test_components_of_variance_sum_to_one_and_find_what_was_put_in():
    """Oracle: a linear world with known components; the moments are linear, so their means are the components."""
    rng = np.random.default_rng(6)
    n, m = 300, 200
    put_in = {"persona": 0.2, "prompt": 0.3, "persona_prompt": 0.25, "judge": 0.15, "run": 0.1}
    sd = {name: np.sqrt(value) for name, value in put_in.items()}
    common = sd["persona"] * rng.normal(size=(n, 1)) + sd["prompt"] * rng.normal(size=(1, m))
    common = common + sd["persona_prompt"] * rng.normal(size=(n, m))
    one, two = (common + sd["judge"] * rng.normal(size=(n, m)) for _ in range(2))
    lead, again = (one + sd["run"] * rng.normal(size=(n, m)) for _ in range(2))
    found = components.shares(np.ones((1, n, m)), lead, [two], again, lead**2)
    assert sum(found.values()) == pytest.approx([1.0])
    for name, value in put_in.items():
        assert found[name][0] == pytest.approx(value, abs=0.06), name


def test_what_is_alike_by_loops():
    x, y = np.random.default_rng(7).random((2, 3, 4))
    found = components.alike(np.ones((1, 3, 4)), x, y)
    every = list(itertools.product(range(3), range(4)))
    for name, wanted in (
        ("cell", lambda p, i, q, j: (p, i) == (q, j)),
        ("item", lambda p, i, q, j: i == j and p != q),
        ("persona", lambda p, i, q, j: p == q and i != j),
        ("none", lambda p, i, q, j: p != q and i != j),
    ):
        products = [x[p, i] * y[q, j] for (p, i), (q, j) in itertools.product(every, every) if wanted(p, i, q, j)]
        assert found[name][0] == pytest.approx(np.mean(products)), name


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


def test_the_jackknife_of_a_mean_is_the_clustered_error():
    """Oracle: with one item a row is a persona; the usual error of a mean of ten, and no interval over one item."""
    chosen = np.array([[1.0]] * 4 + [[0.0]] * 6)
    found = jackknifed(
        lambda c: (c * chosen).sum(axis=(1, 2)) / c.sum(axis=(1, 2)), chosen >= 0, scale="plain", what="m"
    )
    assert found.estimate == 0.4 and np.isnan(found.low) and "too few" in found.method


def test_worst_group_and_gap_by_hand():
    """Shares 0.2 and 0.8: the ends are those of both groups at once, the gap's ends follow from them."""
    rng = np.random.default_rng(9)
    personas = persona_table(40)
    rows = [(p, f"i{i}", float(rng.random() < (0.2 if s == "F" else 0.8)))
            for p, s in zip(personas["persona_id"], personas["sex"], strict=True) for i in range(30)]  # fmt: skip
    table = pd.DataFrame(rows, columns=["persona_id", "item_id", "is_majority"])
    found = pd.DataFrame(worst_group.worst_group_statistics(table, persona_groups(personas)))
    found = found.set_index(["statistic", "group"])
    worst, gap = found.loc[("worst_group", "sex")], found.loc[("group_gap", "sex")]
    assert worst["low"] < worst["estimate"] < worst["high"] and worst["estimate"] == pytest.approx(0.2, abs=0.05)
    assert gap["low"] > 0 and gap["estimate"] == pytest.approx(0.6, abs=0.07) and "F" in worst["method"]
    assert np.isnan(found.loc[("worst_group", "race"), "estimate"]), "one group has no worst"


def test_intersections_are_shrunk_and_their_smallest_cell_is_told():
    personas = persona_table(24).assign(ideology=["I"] * 12 + ["J"] * 10 + ["K"] * 2)
    rng = np.random.default_rng(10)
    rows = [(p, f"i{i}", float(rng.random() < 0.5)) for p in personas["persona_id"] for i in range(10)]
    table = pd.DataFrame(rows, columns=["persona_id", "item_id", "is_majority"])
    found = pd.DataFrame(worst_group.intersection_statistics(table, persona_groups(personas)))
    found = found.set_index(["statistic", "group"])
    raw = table.merge(personas, on="persona_id").groupby(["sex", "ideology"])["is_majority"].mean()
    shown = found.loc["intersection"].filter(regex=r"^sex\|.*ideology", axis=0)["estimate"]
    assert len(shown) == 4 and np.ptp(shown) < np.ptp(raw.drop("K", level="ideology"))
    smallest = found.loc[("smallest_cell", "sex|ideology")]
    assert (smallest["estimate"], smallest["n"], smallest["n_excluded"]) == (1, 6, 2)


def test_large_groups_leave_out_small_ones_and_the_unknown():
    personas = persona_table(12).assign(sex=["F"] * 7 + ["M"] * 4 + [schema.UNKNOWN])
    assert large_groups(personas, ["sex"])["value"].tolist() == ["F"]


def test_every_statistic_of_a_panel_is_in_its_range_and_its_interval():
    rng = np.random.default_rng(11)
    items = items_of(7)
    people, grids = persona_table(14), (rng.random((6, 14, 7)) < 0.5).astype(int)
    names = ["large", "small", *[f"rater.{i}" for i in range(4)]]
    tables = judged(dict(zip(names, grids, strict=True)), items)
    shared = panel(tables, items, people, people.assign(weight=1.0))
    said = pd.DataFrame({"item_id": items["item_id"], "rater_id": "large", "group": "all", "share_b": 0.5})
    rows = distributional.distributional_statistics(shared, said) + steering.steering_statistics(shared)
    rows += steering.gold_statistics(shared) + diversity.diversity_statistics(shared)
    found = schema.check(pd.DataFrame(rows), "pluralism").dropna(subset=["low"])
    assert {"squared_distance", "steerability", "gold_comparison", "flattening"} <= set(found["statistic"])
    assert (found["low"] <= found["estimate"]).all() and (found["estimate"] <= found["high"]).all()
    assert "large asked|all" in set(found["group"])
