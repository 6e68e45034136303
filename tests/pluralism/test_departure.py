"""Being right by the distance from the majority. Oracles: counts by hand, a world with and one without the effect."""

import numpy as np
import pandas as pd
import pytest
from pool_rows import items_of, judged

from persona_lib.pluralism import departure

RATERS = ("rater.1", "rater.2", "rater.3", "rater.4")


def test_distances_and_who_is_right_by_hand():
    """Four personas whose raters say b, b, b and a: of three others one differs from the first, all from the last."""
    items = items_of(1)
    side = np.array([[1], [1], [1], [0]])
    found = departure.departures(judged({r: side for r in RATERS} | {"large": 1 - side}, items), items)
    one = found[found["rater"] == 4].set_index("persona_id")
    assert one["distance"].tolist() == pytest.approx([1 / 3, 1 / 3, 1 / 3, 1.0])
    assert one["representative"].tolist() == [0, 0, 0, 1], "answer a is right for the fourth alone"
    assert (one["large"] == 0).all() and (one["another_rater"] == 1).all()
    assert len(found) == 4 * 4


def test_a_held_out_raters_slip_moves_no_distance():
    items = items_of(3)
    side = np.random.default_rng(1).integers(0, 2, (5, 3))
    slip = side.copy()
    slip[0, 0] = 1 - slip[0, 0]
    whole, other = (
        departure.departures(judged({r: side for r in RATERS[:3]} | {"rater.4": last, "large": side}, items), items)
        for last in (side, slip)
    )
    pd.testing.assert_series_equal(*(x.loc[x["rater"] == 4, "distance"] for x in (whole, other)))


@pytest.mark.parametrize("follows", [True, False])
def test_the_effect_is_found_where_it_was_put_in_and_only_there(follows):
    """A model that gives everybody the majority's answer, or one that follows each persona nine times in ten."""
    rng = np.random.default_rng(2)
    items, n = items_of(12), 24
    leaning = rng.choice([0.25, 0.75], size=12)
    truth = (rng.random((n, 12)) < leaning).astype(int)

    def noisy(grid, wrong):
        return np.where(rng.random(grid.shape) < wrong, 1 - grid, grid)

    central = np.broadcast_to(leaning > 0.5, truth.shape).astype(int)
    model = noisy(truth, 0.1) if follows else central
    table = judged({r: noisy(truth, 0.05) for r in RATERS} | {"large": model}, items)
    rows = departure.departure_statistics(departure.departures(table, items))
    one = pd.DataFrame(rows).set_index(["statistic", "group"])
    effect = one.loc[("accuracy_by_distance", "large")]
    near, far = (one.loc[("accuracy", f"large|{side}"), "estimate"] for side in ("near", "far"))
    if follows:
        assert effect["low"] < 0.015 and effect["high"] > -0.03 and near == pytest.approx(far, abs=0.12)
    else:
        assert effect["high"] < -0.03 and near > 0.8 and far < 0.2


def test_without_raters_or_with_one_there_is_nothing_and_it_is_counted():
    items = items_of(2)
    for raters in ((), RATERS[:1]):
        table = judged({r: np.zeros((3, 2)) for r in (*raters, "large")}, items)
        departed = departure.departures(table, items)
        assert departed.empty and departure.names_of(departed) == ["representative", "large", "another_rater"]
        rows = pd.DataFrame(departure.departure_statistics(departed))
        assert rows["estimate"].isna().all() and (rows["n"] == 0).all()
