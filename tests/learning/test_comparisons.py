"""What models learn from and are judged on. Oracles: hand counts, and that nothing held out is trained on."""

import pandas as pd
import pytest
from learning_rows import small_run

from persona_lib.learning import comparisons
from persona_lib.tables.schema import SchemaError


@pytest.fixture(scope="module")
def run():
    return small_run()


@pytest.fixture(scope="module")
def rows(run):
    return comparisons.comparisons(run.pairs, run.judgements, run.items, run.pool, run.personas)


def test_pairs_by_hand(rows):
    """16 train personas with 3, 1 and 2 pairs; 8 held-out personas with 6."""
    counts = rows[rows["source"] == "pair"]["split"].value_counts().to_dict()
    assert counts == {"train": 48, "heldout_pair": 16, "heldout_prompt": 32, "heldout_persona": 48}


def test_nothing_held_out_is_trained_on(rows, run):
    train = rows[rows["split"] == "train"]
    new = run.personas.loc[run.personas["persona_split"] != "train", "persona_id"]
    assert not set(train["persona_id"]) & set(new)
    revisions = {name for name in [*train["answer_a_id"], *train["answer_b_id"]] if name.startswith("revision")}
    tests = rows[(rows["split"] != "train") & rows["source"].isin(["pair", "other", "judged"])]
    assert not revisions & (set(tests["answer_a_id"]) | set(tests["answer_b_id"]))


def test_another_revision_is_of_the_same_prompt_and_another_persona(rows):
    other = rows[rows["source"] == "other"]
    a, b = (other[key].str.split(".", expand=True) for key in ("answer_a_id", "answer_b_id"))
    assert len(other) and (a[2] == b[2]).all() and (a[1] != b[1]).all() and (b[1] == other["persona_id"]).all()


def pairs_of(n, prompt, split="train"):
    """n personas' pairs on one prompt."""
    people = [f"p{k}" for k in range(n)]
    return pd.DataFrame({
        "persona_id": people, "prompt_id": prompt, "persona_split": split, "pair_split": "train", "status": "ok",
        "rejected_answer_id": f"plain.{prompt}", "chosen_answer_id": [f"revision.{p}.{prompt}" for p in people],
    })  # fmt: skip


def test_others_are_all_of_a_few_and_the_next_four_of_many():
    """Of three each meets the two others, of seven the next four in a circle, so each is met as often as it meets."""
    found = comparisons.of_others(pd.concat([pairs_of(3, "x"), pairs_of(7, "y"), pairs_of(1, "z")]))
    few, many = found[found["prompt_id"] == "x"], found[found["prompt_id"] == "y"]
    assert len(few) == 6 and len(many) == 7 * 4 and len(found) == 34 and not found.duplicated().any()
    assert set(many["answer_a_id"].value_counts()) == {4} and (many["answer_a_id"] != many["answer_b_id"]).all()
    p5 = many.loc[many["persona_id"] == "p5", "answer_a_id"]
    assert set(p5) == {f"revision.{p}.y" for p in ("p6", "p0", "p1", "p2")}


def test_what_is_trained_on_meets_only_what_is_trained_on():
    new = pairs_of(2, "x", split="heldout_persona").assign(persona_id=["n0", "n1"])
    new["chosen_answer_id"] = ["revision.n0.x", "revision.n1.x"]
    found = comparisons.of_others(pd.concat([pairs_of(2, "x"), new]))
    assert {frozenset(row) for row in found[["answer_a_id", "answer_b_id"]].to_numpy()} == {
        frozenset({"revision.p0.x", "revision.p1.x"}),
        frozenset({"revision.n0.x", "revision.n1.x"}),
    }


def test_drawn_are_so_many_of_each_kind_and_split_and_none_that_is_trained_on(rows):
    some, every = (comparisons.drawn(rows, n_tests=n, seed=3) for n in (10, 10**6))
    sizes = every.groupby(["source", "split"]).size()
    assert (some.groupby(["source", "split"]).size() == sizes.clip(upper=10)).all() and "train" not in set(
        some["split"]
    )
    pd.testing.assert_frame_equal(every, rows[rows["split"] != "train"].reset_index(drop=True))
    assert not some.equals(comparisons.drawn(rows, n_tests=10, seed=4))


def test_a_judgement_under_a_held_out_persona_of_a_train_pair_is_left_out(run):
    train_pair = run.pairs[(run.pairs["persona_split"] == "train") & (run.pairs["pair_split"] == "train")].iloc[0]
    new = run.personas.loc[run.personas["persona_split"] != "train", "persona_id"].iloc[0]
    known = run.personas.loc[1, "persona_id"]
    one = run.judgements[run.judgements["item_id"] == train_pair["pair_id"]]
    both = pd.concat([one.assign(persona_shown_id=who) for who in (new, known)])
    found = comparisons.of_judgements(both, run.pairs, run.personas)
    assert found[["persona_id", "split"]].to_numpy().tolist() == [[known, "train"]]


def test_what_was_not_scored_is_no_comparison(run):
    refused = run.judgements.assign(status="refused", chosen_answer_id="", chosen_position="")
    assert comparisons.of_judgements(refused, run.pairs, run.personas).empty
    assert comparisons.of_pairs(run.pairs.assign(status="failed")).empty


def test_pool_choices_are_held_out(rows):
    pool = rows[rows["source"] == "pool"]
    assert pool["split"].value_counts().to_dict() == {"heldout_prompt": 64, "heldout_persona": 32}


def test_tables_of_two_runs_are_refused(run):
    with pytest.raises(SchemaError, match="p0001.*tables of one run"):
        comparisons.comparisons(run.pairs, run.judgements, run.items, run.pool, run.personas.iloc[1:])
