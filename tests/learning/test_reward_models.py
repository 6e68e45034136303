"""Preference models. Oracles: scikit-learn on the doubled table, a world in which ideology decides, symmetry."""

import numpy as np
import pandas as pd
import pytest
from learning_rows import small_run
from sklearn.linear_model import LogisticRegression

from persona_lib.learning import comparisons, reward_models


def fitted(run):
    rows = comparisons.comparisons(run.pairs, run.judgements, run.items, run.pool, run.personas)
    known = reward_models.material(rows, run.answers, run.personas, n_components=6, n_rows=500, seed=1)
    return rows, known, reward_models.fit(known, inverse_penalty=0.1, n_groups=2)


@pytest.fixture(scope="module")
def world():
    return fitted(small_run())


def test_the_ridge_is_that_of_the_table_in_both_directions():
    """Each row once as it stands and once turned, at half the weight."""
    rng = np.random.default_rng(1)
    change, b = rng.standard_normal((40, 3)), pd.Series(rng.integers(0, 2, 40))
    other = LogisticRegression(C=0.5, fit_intercept=False, tol=1e-10, max_iter=1000)
    other.fit(np.vstack([change, -change]), np.r_[b, 1 - b], sample_weight=np.full(80, 0.5))
    found = reward_models.ridge(change, b, inverse_penalty=0.5)
    assert np.allclose(found, other.coef_[0], rtol=0, atol=1e-3)


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_the_ridge_of_few_rows(n):
    """Turning every second row would make both choices the same here: one answer chosen, then the other."""
    found = reward_models.ridge(np.ones((n, 2)), pd.Series([1, 0, 1][:n], dtype=int), inverse_penalty=1.0)
    assert found.shape == (2,) and np.isfinite(found).all() and (n != 1 or (found > 0).all())


def test_who_reads_the_persona_serves_persons_never_met(world):
    rows, _, models = world
    new = rows[(rows["split"] == "heldout_persona") & (rows["source"] == "other")]
    opposite = new[new["answer_a_id"].str[10:14].astype(int) % 2 != new["persona_id"].str[1:].astype(int) % 2]
    right = {name: float((score(opposite) > 0).mean()) for name, score in models.items()}
    assert len(opposite) and right["description"] == right["idiosyncratic"] == right["history"] == 1.0
    assert right["blind"] <= 0.6 and right["demographics"] <= 0.6


def test_naming_the_answers_the_other_way_turns_the_sign(world):
    rows, _, models = world
    some = rows[rows["split"] != "train"].iloc[::7]
    turned = some.rename(columns={"answer_a_id": "answer_b_id", "answer_b_id": "answer_a_id"})
    for name in set(models) - {"groups"}:
        assert np.allclose(models[name](some), -models[name](turned), rtol=0, atol=1e-9), name


def test_a_history_leaves_out_the_prompt_that_is_asked_about(world):
    rows, known, _ = world
    one = rows[rows["is_history"]].iloc[0]
    mine = rows[rows["is_history"] & (rows["persona_id"] == one["persona_id"])]
    assert len(known.history(one["persona_id"], one["prompt_id"])) == len(mine) - 1
    assert len(known.history("nobody", "q0001")) == 0


def test_without_history_the_new_person_is_served_as_everybody(world):
    rows, known, models = world
    some = rows[rows["split"] == "heldout_persona"]
    people = np.array(
        [models["history"](some[some["persona_id"] == p].assign(persona_id="x"), k=0)[0] for p in ["p0017"]]
    )
    again = models["history"](some[some["persona_id"] == "p0017"], k=0)[:1]
    assert np.allclose(people, again, rtol=0, atol=1e-12)


def test_without_a_training_row_everybody_is_indifferent():
    run = small_run()
    run.pairs["persona_split"] = "heldout_persona"
    run.personas["persona_split"] = "heldout_persona"
    rows, known, models = fitted(run)
    assert known.train.empty and all((score(rows) == 0).all() for score in models.values())


def test_training_rows_are_drawn_up_to_the_limit():
    run = small_run()
    rows = comparisons.comparisons(run.pairs, run.judgements, run.items, run.pool, run.personas)
    known = reward_models.material(rows, run.answers, run.personas, n_components=6, n_rows=20, seed=1)
    assert len(known.train) == 20 and known.train["source"].nunique() > 1
