"""Majority and minority. Oracles: hand counts, identities, a world in which departing personas are served worse."""

import itertools

import numpy as np
import pandas as pd
import pytest
from pool_rows import items_of, judged

from persona_lib.pluralism import majority
from persona_lib.tables import schema
from persona_lib.tables.groups import persona_groups


def persona_table(n):
    return pd.DataFrame(
        {
            "persona_id": [f"p{i + 1:04d}" for i in range(n)],
            "sex": ["Female", "Male"] * (n // 2),
            "age_years": np.arange(n) % 60 + 20,
            "race": "White alone",
            "ideology": ["Liberal"] * n,
        }
    )


def attempt_table(passed, model="large"):
    rows = []
    for i, verdict in enumerate(passed):
        persona = f"p{i + 1:04d}"
        rows.append(
            {
                "item_id": f"{persona}.q0001",
                "persona_id": persona,
                "prompt_id": f"q{i % 6:04d}",
                "model": model,
                "mode": "baseline",
                "critic_persona_id": persona,
                "attempt": 0,
                "examination": 0,
                "answer": "t",
                "summary": "",
                "passed": verdict,
                "status": "ok",
                "request_hash": "h",
            }
        )
    return schema.check(pd.DataFrame(rows), "attempts")


def test_the_majority_of_the_others_by_hand():
    """Choices 1, 1, 0, 0, 0: a persona for b sees 1 of 4, one for a sees 2 of 4, a split."""
    chosen = pd.DataFrame({"persona_id": list("vwxyz"), "item_id": "i", "choice": [1.0, 1.0, 0.0, 0.0, 0.0]})
    found = majority.with_majority(chosen)
    assert found["share_b_others"].tolist() == [0.25, 0.25, 0.5, 0.5, 0.5]
    assert found["is_majority"].tolist()[:2] == [0, 0]
    assert found["is_majority"].iloc[2:].isna().all()


def test_a_missing_choice_is_not_part_of_any_majority():
    chosen = pd.DataFrame({"persona_id": list("wxyz"), "item_id": "i", "choice": [1.0, 1.0, np.nan, 0.0]})
    found = majority.with_majority(chosen)
    assert np.isnan(found["is_majority"].iloc[2])
    assert found["share_b_others"].iloc[3] == 1


def test_majority_is_unchanged_when_answers_change_names():
    rng = np.random.default_rng(1)
    chosen = pd.DataFrame(
        {
            "persona_id": list("abcdefg") * 2,
            "item_id": ["i"] * 7 + ["j"] * 7,
            "choice": rng.integers(0, 2, 14).astype(float),
        }
    )
    other = chosen.assign(choice=1 - chosen["choice"])
    left, right = majority.with_majority(chosen)["is_majority"], majority.with_majority(other)["is_majority"]
    pd.testing.assert_series_equal(left, right)


def test_lead_model_is_the_one_that_judged_for_most_personas():
    items = items_of(2)
    table = judged({"small": np.zeros((9, 2)), "large": np.zeros((4, 2)), "rater.1": np.zeros((10, 2))}, items)
    assert majority.lead_model(table) == "small"
    with pytest.raises(schema.SchemaError, match="no rows of a model"):
        majority.lead_model(table[table["rater_id"] == "rater.1"])


def test_small_groups_are_counted_but_not_estimated():
    personas = persona_table(12).assign(race=["Rare"] * 2 + ["White alone"] * 10)
    chosen = pd.DataFrame(
        [(p, f"i{i}", float(i % 2)) for p in personas["persona_id"] for i in range(6)],
        columns=["persona_id", "item_id", "choice"],
    )
    rows = majority.group_statistics(majority.with_majority(chosen), persona_groups(personas))
    found = pd.DataFrame(rows).set_index(["statistic", "group"])
    assert np.isnan(found.loc[("fits_majority", "race|Rare"), "estimate"])
    assert found.loc[("fits_majority", "race|Rare"), "n_excluded"] == 12
    assert found.loc[("fits_majority", "sex|Female"), "estimate"] == 1
    assert ("p_value", "ideology|Liberal") not in found.index, "a group of everybody has no others"


def test_total_variation_by_hand():
    cells = pd.DataFrame({"item_id": list("iijj"), "one": [1.0, 1.0, 0.0, 1.0], "two": [1.0, 0.0, 0.0, np.nan]})
    assert majority.total_variation(cells, first="one", second="two") == pytest.approx((0.5 + 0.0) / 2)
    assert majority.total_variation(cells.assign(same=cells["one"]), first="one", second="same") == 0


def test_the_central_claim_is_found_where_it_was_put_in():
    """Personas 1-30 follow the majority and are served; 31-40 depart and are not."""
    rng = np.random.default_rng(2)
    n, items = 40, items_of(12)
    side = np.arange(12) % 2 == 1
    lead = np.where(rng.random((n, 12)) < 0.1, ~side, side)
    lead[30:] = np.where(rng.random((10, 12)) < 0.1, side, ~side)
    panel = {f"people.{i}": lead[:10] for i in range(1, 5)} | {"small": rng.random((10, 12)) < 0.5}
    attempts = attempt_table([bool(rng.random() < (0.8 if i < 30 else 0.1)) for i in range(n)])
    found = majority.pluralism_statistics(
        judged({"large": lead} | panel, items),
        items,
        persona_table(n),
        attempts,
        shares=pd.DataFrame(columns=["item_id", "rater_id", "group", "share_b"]),
        weights=persona_table(n).assign(weight=1.0),
        n_bootstrap=100,
        seed=1,
    )
    one = schema.check(found, "pluralism").set_index(["statistic", "group"])
    assert one.loc[("central_slope", "all"), "low"] > 0
    assert one.loc[("central_claim", "all"), "estimate"] > 0
    assert one.loc[("pass_rate", "near"), "estimate"] > one.loc[("pass_rate", "far"), "estimate"]
    assert one.loc[("fits_raters", "large|with_majority"), "estimate"] == 1
    assert one.loc[("distance", "large"), "estimate"] == 0
    assert one.loc[("distance", "small"), "estimate"] > one.loc[("distance", "one_answer"), "estimate"]
    assert one.loc[("representative", "all"), "n"] == n * 12
    shares = one.loc["minority_share", "estimate"]
    assert shares.max() <= 0.5


def test_without_a_held_out_rater_there_are_no_cells_and_the_panel_is_undefined():
    items = items_of(2)
    table = judged({"large": np.zeros((4, 2)), "rater.1": np.zeros((4, 2))}, items)
    cells = majority.rater_cells(table, items)
    assert cells.empty and "large" in cells
    rows = pd.DataFrame(majority.panel_statistics(cells, n_bootstrap=10, seed=1))
    assert rows["estimate"].isna().all() and set(rows["n"]) == {0}


def test_a_distance_from_nothing_is_undefined_and_counted():
    cells = pd.DataFrame({"persona_id": ["p", "q"], "item_id": "i", "raters": [0.0, 1.0], "one_answer": np.nan})
    row = majority._distance_row(cells, "one_answer", n_bootstrap=100, rng=np.random.default_rng(1))
    assert np.isnan(row["estimate"]) and np.isnan(row["low"]) and (row["n"], row["n_excluded"]) == (0, 2)


def test_a_persona_at_the_median_is_near_and_one_without_likeness_is_neither():
    """By hand: likeness 0.2, 0.5, 0.8 has the median 0.5; the fourth persona judged nothing."""
    near = pd.DataFrame({"persona_id": ["p0001", "p0002", "p0003"], "likeness": [0.2, 0.5, 0.8]})
    attempts = attempt_table([True, False, True, False])
    found = majority.central_attempts(attempts, near).set_index("persona_id")["is_near"]
    assert found[["p0001", "p0002", "p0003"]].tolist() == [0, 1, 1] and np.isnan(found["p0004"])


def test_the_interval_of_a_distance_is_centred_at_the_estimate():
    """Oracle: the two-factor bootstrap in plain loops. A resampled mean of |gaps| grows, its interval does not."""
    rng = np.random.default_rng(11)
    n_personas, n_items = 7, 6
    at = list(itertools.product(range(n_personas), range(n_items)))
    cells = pd.DataFrame({"persona_id": [f"p{p}" for p, _ in at], "item_id": [f"i{i}" for _, i in at]})
    cells = cells.assign(model=rng.integers(0, 2, len(at)) * 1.0, raters=rng.integers(0, 2, len(at)) * 1.0)
    gap = (cells["model"] - cells["raters"]).to_numpy().reshape(n_personas, n_items)
    value = float(np.mean([abs(sum(gap[p][i] for p in range(n_personas)) / n_personas) for i in range(n_items)]))
    drawn = []
    for _ in range(3000):
        people, items = rng.integers(0, n_personas, n_personas), rng.integers(0, n_items, n_items)
        drawn.append(np.mean([abs(sum(gap[p][i] for p in people) / n_personas) for i in items]))
    low, high = np.percentile(np.array(drawn) - np.mean(drawn) + value, [2.5, 97.5])
    row = majority._distance_row(cells, "model", n_bootstrap=3000, rng=np.random.default_rng(5))
    assert row["estimate"] == pytest.approx(value)
    assert np.mean(drawn) - value > 0.05, "the oracle: without the centring the interval would lie elsewhere"
    assert (row["low"], row["high"]) == pytest.approx((max(low, 0), high), abs=0.02)
