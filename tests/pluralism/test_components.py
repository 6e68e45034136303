"""Parts of the variance. Oracles: a linear world with known components, plain loops over pairs of cells."""

import itertools

import numpy as np
import pandas as pd
import pytest
from panel_rows import drawn, persona_table
from pool_rows import items_of, judged
from scipy.special import logit

from persona_lib.pluralism import components
from persona_lib.pluralism.grids import Panel, panel


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


@pytest.mark.parametrize(
    ("who", "n_rows"),
    [(["large", "small", "rater.1"], 5), (["large", "rater.1"], 0), (["large", "small"], 0)],
)
def test_one_model_alone_or_no_rater_tells_no_components(who, n_rows):
    grid, items, people = drawn()[0].astype(int), items_of(6), persona_table(8)
    shared = panel(judged(dict.fromkeys(who, grid), items), items, people, people.assign(weight=1.0))
    assert len(components.component_statistics(shared)) == n_rows


def test_the_prompts_part_has_an_interval_that_is_symmetric_in_the_log_odds():
    """The others' are symmetric in the part itself."""
    rng = np.random.default_rng(3)
    liked = rng.random((1, 6)) < 0.5
    one, other, again = (np.where(rng.random((12, 6)) < 0.2, ~liked, liked).astype(float) for _ in range(3))
    shared = Panel("one", {"one": one, "other": other}, again, one, one, list("abcdef"), np.ones(12), {})
    rows = pd.DataFrame(components.component_statistics(shared)).set_index("group")[["low", "estimate", "high"]]
    low, middle, high = logit(rows.loc["prompt"].astype(float))
    assert (low + high) / 2 == pytest.approx(middle)
    assert rows.loc["persona", ["low", "high"]].mean() == pytest.approx(rows.loc["persona", "estimate"])
