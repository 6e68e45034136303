"""A model asked about real people: nothing is asked twice, results are told, bad input is one line."""

import json

import pandas as pd
import pytest
from programs import ROOT

from persona_lib import cli

SIMULATED = ["--base-url", "simulator", "--model", "sim-large"]


@pytest.fixture
def people(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)

    def run(*arguments):
        status = cli.main(["people", *arguments, "--out", str(tmp_path / "out")])
        return status, capsys.readouterr()

    return run


def test_past_answers_of_real_people_are_put_to_a_model(people, tmp_path):
    """The ANES of 1996 has four items, so at most two past answers are shown."""
    sizes = ("--layout", "anes1996", "--n-people", "8")
    status, said = people("ask-history", *sizes, *SIMULATED)
    table = pd.read_csv(tmp_path / "out/history.csv")
    right = table[table["statistic"] == "right_asked"]
    assert status == 0 and right["group"].tolist() == [f"anes1996|{w}" for w in ("k=0", "k=1", "k=2", "description")]
    assert (right["n"] + right["n_excluded"] == 32).all() and right["estimate"].between(0, 1).all()
    sealed = (tmp_path / "out/sealed.parquet").read_bytes()
    assert people("ask-history", *sizes, *SIMULATED)[1].out == said.out
    assert (tmp_path / "out/sealed.parquet").read_bytes() == sealed


@pytest.fixture
def prism(tmp_path):
    """PRISM's two files, of people who do not exist: the second person says nothing of himself."""
    survey = [{"user_id": "user0", "age": "25-34 years old", "gender": "Female"}, {"user_id": "user1"}]
    rows = [
        {"utterance_id": f"ut{n}.{k}", "interaction_id": f"int{n}", "conversation_id": f"c{n}", "user_id": user}
        | {"turn": 0, "within_turn_id": k, "user_prompt": "Why?", "model_response": "word " * (k + 1), "score": 10 * k}
        | {"model_name": "m", "model_provider": "p", "if_chosen": k == 3, "conversation_type": "unguided"}
        | {"included_in_balanced_subset": True}
        for n, user in enumerate(["user0"] * 6 + ["user1"])
        for k in range(4)
    ]
    for name, records in (("survey", survey), ("utterances", rows)):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(one) + "\n" for one in records), "utf-8")
    return "--survey", str(tmp_path / "survey.jsonl"), "--utterances", str(tmp_path / "utterances.jsonl")


def test_prisms_people_are_judged_for_and_set_beside_chance(people, prism, tmp_path):
    status, said = people("judge-prism", *prism, *SIMULATED)
    table = pd.read_csv(tmp_path / "out/prism.csv").set_index("group")
    assert status == 0 and list(table.index) == ["judge", "demographics only", "length", "chance"]
    assert table.loc["judge", "n"] + table.loc["judge", "n_excluded"] == 6, "who said nothing of himself is left out"
    assert table.loc["length", "estimate"] == 1 and "accuracy chance: 0.500" in said.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("ask-history", "--layout", "gss", *SIMULATED), "--file FILE is missing: the file of layout gss"),
        (("ask-history", "--layout", "anes1996", "--n-people", "5000", *SIMULATED), "5000 people are wanted"),
        (("judge-prism", "--survey", "none", "--utterances", "none", *SIMULATED), "none: no such file"),
        (
            ("ask-history", "--layout", "anes1996", "--base-url", "http://127.0.0.1:9/v1", "--model", "gpt-4"),
            "nobody is there to say yes; give --yes",
        ),
    ],
)
def test_bad_input_is_one_line(people, arguments, message):
    status, said = people(*arguments)
    last = said.err.strip().splitlines()[-1]
    assert status == 1 and message in last and last.startswith("persona: ")
