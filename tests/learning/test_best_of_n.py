"""Best of n. Oracles: hand counts, scipy's rank correlation, models that know all and the contrary."""

import numpy as np
import pandas as pd
from learning_rows import small_run
from scipy import stats

from persona_lib.learning import best_of_n


def worths():
    people = [f"p{i}" for i in range(6)]
    rows = [(p, "q", f"a{j}", float((i + 2 * j) % 5)) for i, p in enumerate(people) for j in range(5)]
    return pd.DataFrame(rows, columns=["persona_id", "prompt_id", "answer_id", "utility"])


def knowing(utilities, sign):
    worth = utilities.set_index(["persona_id", "answer_id"])["utility"]
    return lambda rows: (
        sign * np.array([worth[key] for key in zip(rows["persona_id"], rows["answer_b_id"], strict=True)])
    )


def test_who_knows_all_gains_all_and_who_knows_nothing_gains_nothing():
    table = worths()
    models = {"all": knowing(table, 1), "contrary": knowing(table, -1), "blind": lambda rows: np.zeros(len(rows))}
    found = best_of_n.picked(table, models).groupby("model")[["share_gained", "correlation"]].mean()
    assert np.allclose(found.loc["all"], [1, 1], rtol=0, atol=1e-12)
    assert np.isclose(found.loc["contrary", "correlation"], -1, rtol=0, atol=1e-12)
    assert found.loc["blind", "share_gained"] == 0 and np.isnan(found.loc["blind", "correlation"])


def test_the_correlation_is_scipys():
    table = worths().iloc[:5].assign(utility=[1.0, 2.0, 2.0, 5.0, 4.0])
    said = np.array([3.0, 1.0, 1.0, 2.0, 9.0])
    found = best_of_n.picked(table, {"one": lambda rows: said})
    expected = stats.spearmanr(said, table["utility"]).statistic
    assert np.isclose(found["correlation"].item(), expected, rtol=0, atol=1e-12)
    assert np.isclose(found["share_gained"].item(), (4 - 2.8) / (5 - 2.8), rtol=0, atol=1e-12)


def test_candidates_are_others_revisions_of_held_out_prompts():
    run = small_run()
    found = best_of_n.plan_candidates(run.pairs, run.answers, n_prompts=2, n_candidates=3, seed=1)
    sizes = found.groupby(["persona_id", "prompt_id"]).size()
    heldout = set(run.pairs.loc[run.pairs["pair_split"] == "heldout_prompt", "prompt_id"])
    assert sizes.between(2, 3).all() and set(found["prompt_id"]) <= heldout
    assert found["persona_id"].nunique() == 8 and sizes.groupby("persona_id").size().max() == 2
    assert not (found["answer_id"].str.split(".").str[1] == found["persona_id"]).any()


def test_accuracy_and_worth_over_the_models_go_together():
    table = worths()
    models = {str(s): knowing(table, s) for s in (1, -1)} | {"blind": lambda rows: np.zeros(len(rows))}
    models["first"] = lambda rows: (rows["answer_b_id"] == "a0").to_numpy().astype(float)
    accuracy = pd.Series({"1": 1.0, "-1": 0.0, "blind": 0.5, "first": 0.5})
    found = best_of_n.best_of_n_statistics(best_of_n.picked(table, models), accuracy).set_index(["statistic", "group"])
    row = found.loc[("accuracy_correlation", "all")]
    assert row["low"] < row["estimate"] <= row["high"] and row["n"] == 4 and row["estimate"] > 0.8
    assert ("best_of_n_gain", "1") in found.index and ("best_of_n_gain", "blind") not in found.index
