"""Numbers from texts and personas: learned from what is trained on, hand counts."""

import numpy as np
import pandas as pd
from learning_rows import small_run

from persona_lib.learning import features


def text_features(answers, **how):
    return features.learn_texts(answers, **how).features(answers)


def test_components_are_learned_from_the_given_texts_alone():
    answers = small_run().answers
    fitted_on = set(answers["answer_id"].iloc[:30])
    one = text_features(answers, fitted_on=fitted_on, n_components=3, seed=1)
    changed = answers.assign(text=answers["text"].where(answers["answer_id"].isin(fitted_on), "quite other words"))
    other = text_features(changed, fitted_on=fitted_on, n_components=3, seed=1)
    pd.testing.assert_frame_equal(one.loc[sorted(fitted_on)], other.loc[sorted(fitted_on)])
    assert one.shape == (len(answers), 4)
    assert np.allclose(one.loc[sorted(fitted_on)].drop(columns="n_words").std(ddof=0), 1, rtol=0, atol=1e-9)


def test_a_new_text_is_read_as_a_known_one_of_the_same_words():
    answers = small_run().answers
    reader = features.learn_texts(answers, fitted_on=set(answers["answer_id"]), n_components=3, seed=1)
    known = answers.iloc[[0, 20]]
    new = known.assign(answer_id=["new 1", "new 2"])
    assert np.allclose(reader.features(new), reader.features(answers).loc[known["answer_id"]], rtol=0, atol=1e-12)


def test_texts_read_in_blocks_are_read_alike(monkeypatch):
    answers = small_run().answers
    reader = features.learn_texts(answers, fitted_on=set(answers["answer_id"]), n_components=3, seed=1)
    at_once = reader.features(answers)
    monkeypatch.setattr(features, "BLOCK", 7)
    pd.testing.assert_frame_equal(reader.features(answers), at_once)
    assert reader.features(answers.iloc[:0]).shape == (0, 4)


def test_without_texts_only_the_length_is_left():
    answers = small_run().answers
    found = text_features(answers, fitted_on=set(), n_components=3, seed=1)
    assert found.columns.tolist() == ["n_words"]


def test_personas_by_hand():
    """Ideology splits the train personas in halves; age 40 is (40 - 47) / 18; all else is the same for everybody."""
    personas = small_run().personas
    found = features.persona_features(personas, lines_shown="all")
    assert found["ideology=Liberal"].iloc[:2].tolist() == [0.5, -0.5]
    assert np.isclose(found["age_years"].iloc[0], -7 / 18, rtol=0, atol=1e-12)
    assert "lifestyle=same" not in found and "sex=same" not in found
    assert "age_years" not in features.persona_features(personas, lines_shown="idiosyncratic")
    assert "ideology=Liberal" not in features.persona_features(personas, lines_shown="demographic")


def test_a_missing_amount_is_the_middle_and_levels_are_read():
    personas = small_run().personas.assign(income_usd=np.nan, big_five="extremely low openness, high neuroticism")
    found = features.persona_features(personas, lines_shown="all").iloc[0]
    assert (found["income_usd"], found["openness"], found["neuroticism"]) == (0.0, -2.0, 1.0)


def test_a_value_of_held_out_personas_alone_is_no_feature():
    personas = small_run().personas
    personas.loc[personas["persona_split"] != "train", "religion"] = "New"
    found = features.persona_features(personas, lines_shown="all")
    assert "religion=New" not in found
