"""The arrays of a panel and their intervals.

Oracle: the usual clustered error; every statistic of a panel is in its range.
"""

import numpy as np
import pandas as pd
import pytest
from panel_rows import persona_table
from pool_rows import items_of, judged
from scipy import stats

from persona_lib.pluralism import distributional, diversity, steering
from persona_lib.pluralism.grids import jackknifed, panel
from persona_lib.tables import schema


def test_the_jackknife_of_a_mean_is_the_clustered_error():
    """Oracle: where only the persona counts, the usual error of a mean of ten; no interval over a single item."""
    by_persona = np.array([1.0] * 4 + [0.0] * 6)[:, None]

    def mean(cells):
        return (cells * by_persona).sum(axis=(1, 2)) / cells.sum(axis=(1, 2))

    found, alone = (jackknifed(mean, np.ones((10, n), bool), scale="plain", what="mean") for n in (5, 1))
    assert found.estimate == alone.estimate == 0.4 and found.standard_error == pytest.approx(
        stats.sem(by_persona.ravel())
    )
    assert np.isnan(alone.low) and "too few" in alone.method


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


def test_the_lead_is_the_model_that_was_asked_most_and_again_is_what_it_said_then():
    items, people, grid = items_of(3), persona_table(4), np.zeros((4, 3), int)
    table = judged(dict.fromkeys(["large", "small", "rater.1"], grid), items)
    again = judged({"small": grid + 1}, items).assign(repeat=1)
    fewer = table[(table["rater_id"] != "large") | (table["item_id"] != "item.q0001")]
    alike, led = (panel(pd.concat([rows, again]), items, people, people.assign(weight=1.0)) for rows in (table, fewer))
    assert alike.lead == "large" and np.isnan(alike.again).all(), "as often asked: the first by name"
    assert led.lead == "small" and (led.models["small"] == 0).all() and (led.again == 1).all()
