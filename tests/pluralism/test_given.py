"""The gold comparison of written answers. Oracles: plain loops over pairs of personas, and hand counts."""

import itertools

import numpy as np
import pandas as pd
import pytest
from panel_rows import persona_table
from pool_rows import items_of, judged

from persona_lib.pluralism.given import as_choices, given_statistics
from persona_lib.tables import schema

N, M = 10, 6
ITEMS, PEOPLE = items_of(M), persona_table(N)


def given_of(nearer: dict[str, np.ndarray]) -> pd.DataFrame:
    """Table `given_answers` from {model: persona x item array of "a", "b", "neither", or a status that is not ok}."""
    rows = []
    for (model, grid), p, i in itertools.product(nearer.items(), range(N), range(M)):
        is_ok = grid[p, i] in ("a", "b", "neither")
        status, side = ("ok", grid[p, i]) if is_ok else (grid[p, i], "")
        key = {"item_id": ITEMS["item_id"][i], "persona_id": f"p{p + 1:04d}", "model": model}
        text = "" if status == "refused" else "So."
        rows.append(key | {"swapped": (p + i) % 2 == 1, "answer": text, "nearer": side, "status": status})
    return schema.check(pd.DataFrame(rows).assign(request_hash="h"), "given_answers")


def found(given, picks, prefers, people=PEOPLE):
    pool = judged({**picks, **{f"rater.{i}": prefers for i in range(4)}}, ITEMS)
    rows = given_statistics(given, pool, ITEMS, people, people.assign(weight=1.0))
    return schema.check(rows, "pluralism").set_index(["statistic", "group"])


def test_pairs_of_opposite_preference_by_loops():
    """With some answers nearer to neither, some refused and some that the judge did not place."""
    rng = np.random.default_rng(4)
    prefers, picks = (rng.random((2, N, M)) < 0.5).astype(int)
    nearer = rng.choice(["a", "b", "neither", "refused", "unparsed"], (N, M), p=[0.4, 0.3, 0.1, 0.1, 0.1])
    rows = found(given_of({"large": nearer}), {"large": picks}, prefers)
    has_side = np.isin(nearer, ["a", "b"])
    right = [np.equal(nearer, np.where(prefers, "b", "a")), picks == prefers]
    pairs = [
        (p, q, i)
        for i in range(M)
        for p, q in itertools.permutations(range(N), 2)
        if has_side[p, i] and has_side[q, i] and prefers[p, i] == 0 and prefers[q, i] == 1
    ]
    shares = {
        "both_right": np.mean([right[0][p, i] and right[0][q, i] for p, q, i in pairs]),
        "both_wrong": np.mean([not right[0][p, i] and not right[0][q, i] for p, q, i in pairs]),
    }
    shares["same_answer"] = 1 - sum(shares.values())
    for outcome, share in shares.items():
        assert rows.loc[("gold_given", f"large|{outcome}"), "estimate"] == pytest.approx(share)
    row = rows.loc[("gold_given", "large|both_right")]
    assert (row["n"], row["n_excluded"]) == (has_side.sum(), N * M - has_side.sum())
    gain = shares["both_right"] - np.mean([right[1][p, i] and right[1][q, i] for p, q, i in pairs])
    assert rows.loc[("gold_difference", "large"), "estimate"] == pytest.approx(gain)
    placed = np.isin(nearer, ["a", "b", "neither"])
    undecided = rows.loc[("given_undecided", "large")]
    assert undecided["estimate"] == pytest.approx((nearer == "neither").sum() / placed.sum())
    assert undecided["n"] == placed.sum() and undecided["n_excluded"] == N * M - placed.sum()


def test_who_writes_what_each_prefers_is_right_for_both_and_who_writes_one_thing_never():
    prefers = np.random.default_rng(5).integers(2, size=(N, M))
    given = given_of({"large": np.where(prefers, "b", "a"), "small": np.full((N, M), "a")})
    rows = found(given, {"large": prefers, "small": 1 - prefers}, prefers)["estimate"]
    assert rows["gold_given", "large|both_right"] == 1 and rows["gold_difference", "large"] == 0
    assert rows["gold_given", "small|same_answer"] == 1 and rows["gold_difference", "small"] == 0
    assert rows["given_undecided", "large"] == 0


def test_a_model_that_only_writes_has_no_difference_and_one_that_only_picks_has_no_row():
    prefers = np.random.default_rng(6).integers(2, size=(N, M))
    rows = found(given_of({"medium": np.where(prefers, "b", "a")}), {"large": prefers}, prefers)
    assert set(rows.index) == {
        ("given_undecided", "medium"),
        *(("gold_given", f"medium|{outcome}") for outcome in ("both_right", "same_answer", "both_wrong")),
    }


def test_answers_for_some_personas_are_compared_among_these():
    """Of ten personas three were written for: the others count nowhere, not even as left out."""
    prefers = np.random.default_rng(7).integers(2, size=(N, M))
    given = given_of({"large": np.where(prefers, "b", "a")})
    given = given[given["persona_id"].isin(["p0002", "p0005", "p0009"])]
    rows = found(given, {"large": prefers}, prefers)
    assert (rows[["n", "n_excluded"]] == [3 * M, 0]).all(axis=None)


@pytest.mark.parametrize("status", ["refused", "unparsed", "neither"])
def test_where_nothing_is_usable_everything_is_undefined_and_counted(status):
    prefers = np.random.default_rng(8).integers(2, size=(N, M))
    rows = found(given_of({"large": np.full((N, M), status)}), {"large": prefers}, prefers)
    gold = rows.drop("given_undecided")
    assert len(gold) == 4 and gold["estimate"].isna().all()
    assert (gold["n"] == 0).all() and (gold["n_excluded"] == N * M).all()
    assert rows.loc[("given_undecided", "large"), "estimate"] == 1 or status != "neither"
    alike = found(given_of({"large": np.full((N, M), "a")}), {"large": prefers}, np.zeros((N, M), int))
    assert alike.loc[("gold_given", "large|both_right")][["estimate", "n"]].tolist() == [
        pytest.approx(np.nan, nan_ok=True),
        N * M,
    ]


def test_no_answer_at_all_is_an_empty_table():
    given = given_of({"large": np.full((N, M), "a")}).iloc[:0]
    assert found(given, {"large": np.zeros((N, M), int)}, np.zeros((N, M), int)).empty


def test_the_side_and_where_it_stood_by_hand():
    """Swapped, answer b stood first: an answer nearer to b is nearer to A."""
    given = given_of({"large": np.full((N, M), "b")})
    chosen = as_choices(given, ITEMS)
    assert chosen["chosen_answer_id"].str.startswith("divergent").all()
    assert (chosen["chosen_position"] == np.where(given["swapped"], "A", "B")).all()
