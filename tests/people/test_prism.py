"""PRISM's layout, on rows made up here; nobody in them exists."""

import json

import numpy as np
import pandas as pd
import pytest

from persona_lib.people.prism import accuracy_statistics, read_pairs, read_people
from persona_lib.tables.schema import SchemaError

SURVEY = [
    {
        "user_id": "user0", "age": "25-34 years old", "gender": "Female",
        "ethnicity": {"self_described": "x", "simplified": "White"}, "religion": {"simplified": "No Affiliation"},
        "location": {"reside_country": "Chile", "birth_country": "Peru"},
    },
    {"user_id": "user1", "age": "Prefer not to say", "gender": "Male"},
]  # fmt: skip


def said(interaction, user, scores, *, turn=0):
    return [
        {"utterance_id": f"{interaction}-{k}", "interaction_id": interaction, "conversation_id": "c", "user_id": user,
         "turn": turn, "within_turn_id": k, "user_prompt": "Why?", "model_response": "word " * (k + 1),
         "model_name": "m", "score": score,
         "if_chosen": False}
        for k, score in enumerate(scores)
    ]  # fmt: skip


def file(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def test_people_are_described_by_what_they_said(tmp_path):
    found = read_people(file(tmp_path / "survey.jsonl", SURVEY))
    assert found["description"].tolist() == [
        "Age: 25-34 years old\nSex: Female\nRace: White\nReligion: No Affiliation\nPlace: Chile",
        "Sex: Male",
    ]


def test_pairs_are_the_highest_against_another_of_the_first_turn(tmp_path):
    """i1: the second is highest. i2: two are. i3 is a later turn. i4 has one score, i5 one text."""
    empty = said("i5", "user1", [50, 60])
    empty[1]["model_response"] = "EMPTY STRING"
    rows = empty + said("i1", "user0", [10, 90, 30]) + said("i2", "user0", [50, 50]) + said("i4", "user1", [50, None])
    pairs, answers = read_pairs(file(tmp_path / "u.jsonl", rows + said("i3", "user1", [1, 2], turn=1)), seed=1)
    assert pairs["item_id"].tolist() == ["i1"] and pairs["answer_a_id"].tolist() == ["i1-1"]
    assert pairs["answer_b_id"].item() in ("i1-0", "i1-2") and set(pairs["answer_a_id"]) <= set(answers["answer_id"])


def test_a_judge_is_set_beside_demographics_and_chance():
    """Women always take the longer answer, men the shorter; the judge is right in nine of ten."""
    rng = np.random.default_rng(2)
    n_people, n_each = 60, 10
    people = pd.DataFrame(
        {"person_id": [f"u{i}" for i in range(n_people)], "gender": ["Female", "Male"] * (n_people // 2)}
    )
    people = people.assign(
        **dict.fromkeys(
            ("age", "education", "employment_status", "marital_status", "ethnicity", "religion", "location"), "x"
        )
    )
    rows, texts = [], []
    for i in range(n_people):
        for k in range(n_each):
            likes_long = i % 2 == 0
            a, b = f"{i}.{k}.a", f"{i}.{k}.b"
            texts += [(a, "w " * (9 if likes_long else 3)), (b, "w " * (3 if likes_long else 9))]
            rows.append((f"{i}.{k}", f"u{i}", "Why?", a, b, bool(rng.integers(2))))
    pairs = pd.DataFrame(rows, columns=["item_id", "person_id", "prompt", "answer_a_id", "answer_b_id", "swapped"])
    chosen = pairs["answer_a_id"].where(pairs.index % 10 > 0, pairs["answer_b_id"])
    chosen.iloc[1] = ""
    found = accuracy_statistics(pairs, pd.DataFrame(texts, columns=["answer_id", "text"]), people, chosen)
    one = pd.DataFrame(found).set_index("group")
    assert one.loc["judge", "estimate"] == pytest.approx(539 / 599) and one.loc["judge", "n_excluded"] == 1
    assert one.loc["demographics only", "estimate"] == 1 and one.loc["length", "estimate"] == 0.5
    assert one.loc["chance", "estimate"] == 0.5


def test_another_file_is_refused(tmp_path):
    with pytest.raises(SchemaError, match="no such file"):
        read_people(tmp_path / "none.jsonl")
    with pytest.raises(SchemaError, match="column user_id is missing"):
        read_people(file(tmp_path / "a.jsonl", [{"x": 1}]))
    (tmp_path / "b.jsonl").write_text("no json", "utf-8")
    with pytest.raises(SchemaError, match="not lines of JSON"):
        read_pairs(tmp_path / "b.jsonl", seed=1)
