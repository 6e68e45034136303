"""The gold comparison of written answers: which side does a model take when it writes for two personas?

Two personas prefer opposite answers to one question, and both preferences are known. In `steering` a model picks one of
the two known answers for each. Here it wrote an answer of its own for each, and a judge said which known answer that is
nearer to. Both are the same statistic of the same pairs, so the two can be compared.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from persona_lib.estimating import resample
from persona_lib.pluralism.grids import Statistic, jackknifed, panel
from persona_lib.pluralism.steering import gold, gold_statistics
from persona_lib.tables import schema

CLUSTERS = ["persona_id", "item_id"]
GIVEN = " given"  # after a model's name: its written answers beside its picks
WHAT = "both right when writing less both right when picking, pairs of personas with opposite preferences on an item"


def as_choices(given: pd.DataFrame, items: pd.DataFrame) -> pd.DataFrame:
    """Written answers in the form of a panel's choices: the known answer that each is nearer to is the chosen one.

    Parameters
    ----------
    given, items : tables `given_answers` and `pool_items`

    Returns
    -------
    One row per written answer, those columns of table `pool_judgements` that say who chose what. The status of an
    answer that is nearer to neither is `neither`, and like a failed one it chooses nothing.
    """
    rows = given.merge(items[["item_id", "answer_a_id", "answer_b_id"]], on="item_id", how="left", validate="m:1")
    is_b = rows["nearer"] == "b"
    has_side = is_b | (rows["nearer"] == "a")
    return pd.DataFrame(
        {
            "item_id": rows["item_id"],
            "rater_id": rows["model"],
            "role": "panel",
            "persona_shown_id": rows["persona_id"],
            "lines_shown": "all",
            "repeat": 0,
            "chosen_answer_id": rows["answer_b_id"].where(is_b, rows["answer_a_id"]).where(has_side, ""),
            "chosen_position": pd.Series(np.where(is_b == rows["swapped"], "A", "B"), rows.index).where(has_side, ""),
            "status": rows["status"].mask(rows["nearer"] == "neither", "neither"),
        }
    )


def given_statistics(
    given: pd.DataFrame,
    judgements: pd.DataFrame,
    items: pd.DataFrame,
    personas: pd.DataFrame,
    weights: pd.DataFrame,
) -> pd.DataFrame:
    """gold_given of `model|outcome`, given_undecided and gold_difference of every model that wrote.

    gold_given: of all pairs of personas that prefer opposite answers to an item, the share for which the model wrote
    each an answer nearer to the own preference (both_right), to the other's (both_wrong), or both nearer to one
    (same_answer). An answer that is nearer to neither is left out and counted. given_undecided: the share of such
    answers among those that the judge placed. gold_difference: both_right when writing less both_right when picking,
    where both are known; only of models that do both.

    Parameters
    ----------
    given : table `given_answers`
    judgements, items : tables `pool_judgements` and `pool_items`
    personas, weights : as in `grids.panel`

    Returns
    -------
    Rows of table `pluralism`; n counts answers. NaN where no two personas of opposite preferences have usable answers.
    """
    cells = given[["item_id", "persona_id"]].drop_duplicates().rename(columns={"persona_id": "persona_shown_id"})
    asked = judgements.merge(cells, on=["item_id", "persona_shown_id"])
    rated, picked = (asked[asked["role"] == role] for role in ("rater", "panel"))
    written = as_choices(given, items)
    alone = panel(pd.concat([rated, written], ignore_index=True), items, personas, weights)
    rows = []
    for model, own in given.groupby("model"):
        undecided = (own["nearer"] == "neither").astype("float64").where(own["status"] == "ok")
        found = resample.clustered_rate(own.assign(undecided=undecided), value="undecided", clusters=CLUSTERS)
        rows.append(found.row("given_undecided", str(model)))
    rows += gold_statistics(alone, "gold_given")
    beside = written.assign(rater_id=written["rater_id"] + GIVEN)
    both = panel(pd.concat([rated, picked, beside], ignore_index=True), items, personas, weights)
    for model in sorted(set(alone.models) & set(both.models)):
        writes, picks = both.models[model + GIVEN], both.models[model]
        known = both.comparable(writes) & both.comparable(picks)
        found = jackknifed(gain(writes, picks, both.preferred), known, scale="plain", what=WHAT, within=(-1, 1))
        rows.append(found.row("gold_difference", model))
    return pd.DataFrame(rows, columns=list(schema.tables()["pluralism"].columns))


def gain(written: np.ndarray, picked: np.ndarray, preferred: np.ndarray) -> Statistic:
    """The statistic: share of pairs for which both are right when the model writes, less that when it picks."""
    when_written, when_picked = (gold(grid, preferred, "both_right") for grid in (written, picked))
    return lambda cells: when_written(cells) - when_picked(cells)
