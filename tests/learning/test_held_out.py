"""Who is right about whom. Oracles: hand counts, a world in which only the description tells."""

import numpy as np
import pandas as pd
import pytest
from learning_rows import small_run

from persona_lib.learning import comparisons, held_out, reward_models
from persona_lib.tables import schema
from persona_lib.tables.groups import persona_groups


@pytest.fixture(scope="module")
def told():
    run = small_run()
    rows = comparisons.comparisons(run.pairs, run.judgements, run.items, run.pool, run.personas)
    known = reward_models.material(rows, run.answers, run.personas, n_components=6, n_rows=500, seed=1)
    fits = {"blind": reward_models.fit_blind, "history": reward_models.fit_history}
    models = {name: fit(known, inverse_penalty=0.1) for name, fit in fits.items()}
    models["description"] = reward_models.fit_persona(known, lines_shown="all", inverse_penalty=0.1)
    predicted = held_out.scored(rows, models)
    near = pd.DataFrame({"persona_id": run.personas["persona_id"], "likeness": np.arange(24) / 24})
    found = held_out.learning_statistics(predicted, near, persona_groups(run.personas))
    curves = held_out.learning_curves(
        known, models, rows[rows["split"] == "heldout_persona"], inverse_penalty=0.1, n_history=3
    )
    return predicted, found, curves


def test_the_table_is_one_of_the_schema(told):
    checked = schema.check(pd.concat(told[1:]), "learning")
    assert {"accuracy", "gain", "brier", "calibration", "side_gain", "group_gain", "worst_group", "curve"} <= set(
        checked["statistic"]
    )


def test_accuracy_is_the_share_of_right_rows(told):
    predicted, found, _ = told
    one = found.set_index(["statistic", "group"])["estimate"]
    part = predicted.query("model == 'description' and source == 'other' and split == 'heldout_persona'")
    assert np.isclose(one["accuracy", "description|other|heldout_persona"], part["right"].mean(), rtol=0, atol=1e-12)


def test_a_gain_is_paired(told):
    predicted, found, _ = told
    one = found.set_index(["statistic", "group"])["estimate"]
    part = predicted.query("source == 'other' and split == 'heldout_persona'")
    by_model = part.groupby("model")["right"].mean()
    gap = by_model["description"] - by_model["blind"]
    assert np.isclose(one["gain", "description|other|heldout_persona"], gap, rtol=0, atol=1e-12) and gap > 0.1


def test_the_worst_group_is_the_lowest(told):
    one = told[1].set_index("statistic")
    groups = one.loc["group_accuracy"]
    mine = groups[groups["group"].str.startswith("blind|")]
    worst = one.loc["worst_group"]
    assert worst[worst["group"].str.startswith("blind|")]["estimate"].item() == mine["estimate"].min()


def test_the_trade_off_has_a_row_a_model(told):
    table = held_out.trade_off(told[1], source="other")
    assert table.index.tolist() == ["blind", "description", "history"]
    assert table.columns.tolist() == ["overall", "majority", "minority", "worst_group", "gain", "low", "high"]
    assert np.isnan(table.loc["blind", "gain"]) and table.loc["description", "low"] > 0


def test_the_last_point_of_a_curve_is_the_whole(told):
    _, found, curves = told
    whole = found.set_index(["statistic", "group"])["estimate"]["accuracy", "blind|other|heldout_persona"]
    points = curves.set_index("group")["estimate"]
    assert np.isclose(points["blind|share=1"], whole, rtol=0, atol=1e-12)
    assert [name for name in points.index if name.startswith("history")] == [
        "history|k=0",
        "history|k=1",
        "history|k=2",
    ]
