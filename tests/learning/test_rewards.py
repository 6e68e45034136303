"""Rewards of a trainer. Oracles: the model's own log odds of known answers, a world in which ideology decides."""

import inspect

import numpy as np
import pytest
from learning_rows import COLD, WARM, small_run

from persona_lib.learning import reward_models, rewards
from persona_lib.tables import schema
from persona_lib.tables.schema import SchemaError

HOW = {"n_components": 6, "n_rows": 500, "inverse_penalty": 0.1, "seed": 1}
PLAIN = "an answer about q0001 that is rather long and says much"
LIBERAL, CONSERVATIVE = "p0017", "p0018"  # nobody trained on them


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The tables of a small run."""
    run, place = small_run(), tmp_path_factory.mktemp("tables")
    run.personas["description"] = "d"
    pool = run.answers[run.answers["kind"] == "divergent"].reset_index(drop=True)
    answers = run.answers[run.answers["kind"] != "divergent"].reset_index(drop=True)
    tables = {"pairs": run.pairs, "answers": answers, "judgements": run.judgements, "personas": run.personas}
    tables |= {"pool_items": run.items, "pool_answers": pool, "pool_judgements": run.pool}
    for name, table in tables.items():
        table.to_parquet(place / f"{name}.parquet")
    return place


@pytest.fixture(scope="module")
def learned(folder):
    with pytest.MonkeyPatch.context() as patch:  # the made-up personas lack columns that no model reads
        patch.setattr(schema, "check", lambda table, name, **_: table)
        return rewards.learn(folder, **HOW)


def test_the_reward_is_the_models_log_odds_of_the_same_words(learned):
    known, score = learned
    rows = known.train[known.train["source"] == "pair"].head(5)
    text = small_run().answers.set_index("answer_id")["text"]
    who = {"persona_id": rows["persona_id"], "prompt_id": rows["prompt_id"]}
    found = rewards.rewards(known, score, [*text[rows["answer_b_id"]]], **who, rejected=[*text[rows["answer_a_id"]]])
    assert np.allclose(found, score(rows), rtol=0, atol=1e-9) and (found > 0).all()


def test_a_person_nobody_trained_on_is_paid_for_what_suits_that_person(learned):
    reward = rewards.grpo_reward(*learned)
    columns = {"persona_id": [LIBERAL, CONSERVATIVE] * 2, "prompt_id": ["q0001"] * 4, "rejected": [PLAIN] * 4}
    texts = [f"about q0001 {manner}" for manner in (WARM, WARM, COLD, COLD)]
    found = reward(prompts=["?"] * 4, completions=texts, completion_ids=[[1]] * 4, trainer_state=None, **columns)
    assert all(isinstance(one, float) for one in found)
    assert found[0] > found[1] and found[3] > found[2]
    spoken = [[{"role": "assistant", "content": text}] for text in texts]
    talk = {**columns, "rejected": [[{"role": "assistant", "content": PLAIN}]] * 4}
    assert reward(prompts=["?"] * 4, completions=spoken, **talk) == found


def test_verl_gets_the_same_number_by_its_own_signature(learned):
    compute_score = rewards.verl_reward(*learned)
    names = ["data_source", "solution_str", "ground_truth", "extra_info"]  # docs/preparation/reward_function.rst
    assert list(inspect.signature(compute_score).parameters) == names
    asked = {"persona_id": LIBERAL, "prompt_id": "q0001"}
    found = compute_score("persona", f"about q0001 {WARM}", PLAIN, asked)
    columns = {key: [value] for key, value in asked.items()} | {"rejected": [PLAIN]}
    assert [found] == rewards.grpo_reward(*learned)(completions=[f"about q0001 {WARM}"], **columns)
    with pytest.raises(SchemaError, match="extra_info of persona lacks prompt_id"):
        compute_score("persona", "x", PLAIN, {"persona_id": LIBERAL})


def test_silence_is_worth_least_and_the_plain_answer_nothing(learned):
    asked = {"persona_id": [LIBERAL] * 3, "prompt_id": ["q0001"] * 3, "rejected": [PLAIN] * 3}
    found = rewards.rewards(*learned, ["", " \n", PLAIN], **asked)
    assert found.tolist() == [-rewards.LARGEST, -rewards.LARGEST, 0.0]
    none = rewards.rewards(*learned, [], persona_id=[], prompt_id=[], rejected=[])
    assert none.shape == (0,)


def test_an_unknown_person_and_a_missing_table_are_one_line(learned, tmp_path):
    with pytest.raises(SchemaError, match="no persona 'p9999'"):
        rewards.rewards(*learned, ["x"], persona_id=["p9999"], prompt_id=["q0001"], rejected=[PLAIN])
    with pytest.raises(SchemaError, match="pairs.parquet: no such file; table pairs is written by"):
        rewards.learn(tmp_path, **HOW)


def test_every_model_reads_new_texts(learned):
    known, _ = learned
    row = known.train.head(1)
    ids = [row["answer_a_id"].iloc[0], row["answer_b_id"].iloc[0]]
    again = known.texts.loc[ids].set_axis(["one", "two"])
    renamed = row.assign(answer_a_id="one", answer_b_id="two")
    for name, score in reward_models.fit(known, inverse_penalty=0.1, n_groups=2).items():
        assert np.allclose(score(renamed, texts=again), score(row), rtol=0, atol=1e-12), name
