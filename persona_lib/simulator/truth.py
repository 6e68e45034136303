"""What the simulated world answers on average: the values that the analyses should recover.

The truth of a statistic is its expectation over the choices that were asked for, with the noise of every choice
integrated: a mean of the very probabilities that the simulator drew from, over all planned rows, answered or not.
Refusals and answers out of form come independently of the choice, so leaving them out biases nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from persona_lib.simulator.forms import labels
from persona_lib.simulator.minds import model, stand
from persona_lib.simulator.sentences import load_bank
from persona_lib.simulator.world import load

PLACEBO = "placebo"


def truth(tables: Mapping[str, pd.DataFrame], settings: Mapping) -> pd.DataFrame:
    """Table `truth`: one row per statistic of the validation and of the leave-one-out that has a closed form.

    holds|own, own_ab, own_ba, swapped, none; persona_effect|own-swapped, own-none; first_position|all, own, swapped,
    none; flip_rate, retest_flip_rate and excess_flip of every attribute, the placebo and `all` (the attributes).

    Parameters
    ----------
    tables : personas, pairs, answers, judgements, pool_items, pool_answers, ablation_judgements
    settings : with `endpoints` (each with its `model`) and `roles` (its `judge` judges the leave-one-out)

    Raises
    ------
    KeyError
        A rater that is no simulated endpoint: such a run has no known truth.
    """
    rows = _validation(tables, settings) + _ablation(tables, settings)
    return pd.DataFrame(rows, columns=["statistic", "group", "truth"])


def _validation(tables: Mapping[str, pd.DataFrame], settings: Mapping) -> list[tuple]:
    judged = tables["judgements"].merge(
        tables["pairs"][["pair_id", "persona_id", "chosen_answer_id", "rejected_answer_id"]],
        left_on="item_id",
        right_on="pair_id",
        suffixes=("_by_rater", ""),
        validate="m:1",
    )
    judged = judged.rename(columns={"rejected_answer_id": "answer_a_id", "chosen_answer_id": "answer_b_id"})
    judged = _askable(judged, tables["answers"])
    described = tables["personas"].set_index("persona_id")["description"].to_dict() | {"": ""}
    judged["description"] = judged["persona_shown_id"].map(described)
    judged["first"] = _first_chosen(judged, settings)
    judged["holds"] = judged["first"].where(judged["swapped"], 1 - judged["first"])
    own = judged["persona_shown_id"] == judged["persona_id"]
    blind = judged["persona_shown_id"] == ""
    parts = {"own": own, "swapped": ~own & ~blind, "none": blind}
    halves = {"own_ab": own & ~judged["swapped"], "own_ba": own & judged["swapped"]}
    holds = {group: judged.loc[part, "holds"].mean() for group, part in (parts | halves).items()}
    rows = [("holds", group, value) for group, value in holds.items()]
    rows += [("persona_effect", f"own-{other}", holds["own"] - holds[other]) for other in ("swapped", "none")]
    rows.append(("first_position", "all", judged["first"].mean()))
    rows += [("first_position", group, judged.loc[part, "first"].mean()) for group, part in parts.items()]
    return rows


def _ablation(tables: Mapping[str, pd.DataFrame], settings: Mapping) -> list[tuple]:
    asked = tables["ablation_judgements"].merge(
        tables["pool_items"][["item_id", "answer_a_id", "answer_b_id"]], on="item_id", validate="m:1"
    )
    asked = _askable(asked, tables["pool_answers"]).assign(rater_id=settings["roles"]["judge"])
    asked["description"] = _short_descriptions(asked, tables["personas"])
    asked["first"] = _first_chosen(asked, settings)
    keys = ["attribute", "persona_id", "item_id"]
    wide = asked.pivot(index=keys, columns="arm", values="first").reset_index()
    for name, arm in (("flip_rate", "with"), ("retest_flip_rate", "repeat")):
        wide[name] = wide["without"] * (1 - wide[arm]) + wide[arm] * (1 - wide["without"])
    wide["excess_flip"] = wide["flip_rate"] - wide["retest_flip_rate"]
    groups = {**dict(iter(wide.groupby("attribute"))), "all": wide[wide["attribute"] != PLACEBO]}
    names = ("flip_rate", "retest_flip_rate", "excess_flip")
    return [(name, group, part[name].mean()) for group, part in groups.items() for name in names]


def _short_descriptions(asked: pd.DataFrame, personas: pd.DataFrame) -> pd.Series:
    """The lines that each row's judge was shown, less a placebo's, which says nothing."""
    label_of = {attribute: label for label, attribute in labels().items()}
    lines = {
        row.persona_id: {line.partition(":")[0]: line for line in row.description.split("\n")}
        for row in personas.itertuples()
    }
    found = []
    for row in asked.itertuples():
        shown = set(row.shown_attributes.split("|"))
        if row.arm == "with":
            shown.add(row.attribute)
        own = lines[row.persona_id]
        found.append("\n".join(own[label_of[a]] for a in label_of if a in shown))
    return pd.Series(found, index=asked.index, dtype="str")


def _askable(rows: pd.DataFrame, answers: pd.DataFrame) -> pd.DataFrame:
    """The rows whose two answers exist, with their texts: where one failed, nothing was asked."""
    texts = answers[answers["status"] == "ok"].set_index("answer_id")["text"]
    rows = rows[rows["answer_a_id"].isin(texts.index) & rows["answer_b_id"].isin(texts.index)]
    return rows.assign(text_a=rows["answer_a_id"].map(texts), text_b=rows["answer_b_id"].map(texts))


def _first_chosen(rows: pd.DataFrame, settings: Mapping) -> np.ndarray:
    """Chance that the answer shown first is chosen, row by row."""
    found = np.empty(len(rows))
    for alias, at in rows.groupby("rater_id").indices.items():
        who, own = model(settings["endpoints"][alias]["model"]), rows.iloc[at]
        stands = {text: stand(text, who) for text in own["description"].unique()}
        read = {text: load_bank().vector(text) for text in pd.unique(own[["text_a", "text_b"]].to_numpy().ravel())}
        (a, words_a), (b, words_b) = (zip(*map(read.get, own[c]), strict=True) for c in ("text_a", "text_b"))
        is_b_first = own["swapped"].to_numpy(dtype=bool)[:, None]
        first, second = np.where(is_b_first, b, a), np.where(is_b_first, a, b)
        more_words = (np.array(words_a) - np.array(words_b)) * np.where(is_b_first[:, 0], -1, 1)
        positions = np.array([stands[text] for text in own["description"]])
        found[at] = load().chance_first(positions, first, second, who, more_words=more_words)
    return found
