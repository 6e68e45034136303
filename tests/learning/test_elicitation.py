"""What to ask next. Oracles: entropies by hand, classes that are known, an oracle that cannot lose at one question."""

import numpy as np
import pandas as pd
import pytest

from persona_lib.learning import elicitation
from persona_lib.tables import schema


def two_kinds(n=30, n_items=8, seed=1):
    """Half of the persons say b to the odd items and a to the even ones, the others the contrary; one slip in ten."""
    rng = np.random.default_rng(seed)
    kind = np.arange(n) % 2
    true = (np.arange(n_items)[None, :] + kind[:, None]) % 2
    return kind, np.where(rng.random((n, n_items)) < 0.1, 1 - true, true).astype(float)


def test_classes_are_found():
    kind, choices = two_kinds()
    found = elicitation.latent_classes(choices, n_classes=2, rng=np.random.default_rng(2))
    side = np.array([found.belongs(row).argmax() for row in choices])
    assert (side == kind).all() or (side == 1 - kind).all()
    assert np.isclose(found.sizes.sum(), 1, rtol=0, atol=1e-12)


def test_belonging_is_bayes_by_hand():
    """Equal sizes, chances 0.8 and 0.4 of b: after one b 2/3 and 1/3; an answer not given says nothing."""
    two = elicitation.Classes(np.array([0.5, 0.5]), np.array([[0.8, 0.5], [0.4, 0.5]]))
    assert np.allclose(two.belongs(np.array([1.0, np.nan])), [2 / 3, 1 / 3], rtol=0, atol=1e-12)
    assert np.allclose(two.belongs(np.full(2, np.nan)), [0.5, 0.5], rtol=0, atol=1e-12)


def test_expected_gain_by_hand():
    """H(0.6) - (H(0.8) + H(0.4)) / 2."""
    two = elicitation.Classes(np.array([0.5, 0.5]), np.array([[0.8], [0.4]]))
    h = {p: -p * np.log(p) - (1 - p) * np.log(1 - p) for p in (0.6, 0.8, 0.4)}
    gain = elicitation.expected_gain(two, two.sizes)
    assert np.allclose(gain, h[0.6] - (h[0.8] + h[0.4]) / 2, rtol=0, atol=1e-12)


def test_the_most_telling_question_comes_first():
    two = elicitation.Classes(np.array([0.5, 0.5]), np.array([[0.5, 0.9, 0.9], [0.5, 0.1, 0.1]]))
    row, rng = np.array([1.0, 1.0, 1.0]), np.random.default_rng(1)
    kwargs = {"offered": np.array([0, 1]), "tested": np.array([2]), "rng": rng, "n": 1}
    chance = elicitation.ask(two, row, way="expected_gain", **kwargs)
    assert chance.shape == (2, 1) and np.allclose(chance[:, 0], [0.5, 0.82], rtol=0, atol=1e-12)


@pytest.fixture(scope="module")
def asked():
    _, choices = two_kinds()
    ids, items = [f"p{i:02d}" for i in range(30)], [f"i{j}" for j in range(8)]
    chosen = pd.DataFrame(choices, index=ids, columns=items).rename_axis(index="persona_id", columns="item_id")
    chosen = chosen.stack().rename("choice").reset_index()
    split = ["train" if i < 20 else "heldout_persona" for i in range(30)]
    personas = pd.DataFrame({"persona_id": ids, "persona_split": split})
    return elicitation.elicit(chosen, personas, n_classes=2, n_questions=3, seed=1), chosen, personas


def test_asking_helps_and_the_oracle_is_not_beaten_at_one_question(asked):
    score = asked[0].groupby(["way", "k"])["log_score"].mean()
    assert (score.loc[["random", "expected_gain"]].unstack()[3] > score["random", 0] + 0.1).all()
    assert score["oracle", 1] >= max(score["random", 1], score["expected_gain", 1]) - 1e-12
    assert np.isclose(score["oracle", 0], score["random", 0], rtol=0, atol=1e-12)


def test_everybody_is_tested_on_every_item_that_was_not_asked(asked):
    counts = asked[0].groupby(["way", "k"]).size()
    assert (counts == 10 * 8).all()


def test_statistics_are_rows_of_the_table(asked):
    checked = schema.check(elicitation.elicitation_statistics(asked[0]), "learning").set_index(["statistic", "group"])
    assert checked.loc[("elicited", "random|k=0"), "n"] == 80 and ("elicited_gain", "oracle|k=1") in checked.index


def test_statistics_by_hand():
    """Three of four right; the chance given to what was chosen is one half at random and 0.8 by choosing: ln 1.6."""
    rows = [
        (way, 1, person, "i", float(right), np.log(0.5 if way == "random" else 0.8))
        for way in elicitation.WAYS
        for person, right in zip("abcd", [1, 1, 1, 0], strict=True)
    ]
    told = pd.DataFrame(rows, columns=["way", "k", *elicitation.CLUSTERS, "right", "log_score"])
    found = elicitation.elicitation_statistics(told).set_index(["statistic", "group"])["estimate"]
    assert found["elicited", "random|k=1"] == 0.75
    assert np.isclose(found["elicited_log_score", "random|k=1"], np.log(0.5), rtol=0, atol=1e-12)
    assert np.isclose(found["elicited_gain", "expected_gain|k=1"], np.log(1.6), rtol=0, atol=1e-12)
    assert len(found) == 2 * len(elicitation.WAYS) + len(elicitation.WAYS) - 1


def test_nobody_to_ask_is_an_empty_table(asked):
    _, chosen, personas = asked
    found = elicitation.elicit(chosen, personas.assign(persona_split="train"), n_classes=2, n_questions=3, seed=1)
    assert found.empty and "log_score" in found.columns
