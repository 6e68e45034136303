"""`persona utilities`: one table from three; bad input is one line."""

import json

import pytest
from learning_rows import small_run

from persona_lib import cli
from persona_lib.tables import schema

SETTINGS = {
    "seed": 1,
    "mode": "simulate",
    "roles": {},
    "endpoints": {},
    "learning": {"n_prompts": 2, "n_candidates": 3},
}


def test_it_writes_the_table(tmp_path, monkeypatch):
    run = small_run()
    schema.write(run.pairs, tmp_path / "pairs.parquet", "pairs")
    schema.write(run.answers, tmp_path / "answers.parquet", "answers")
    people = run.personas.assign(description="Age: 40")
    monkeypatch.setattr(
        "persona_lib.commands.utilities.read_tables",
        lambda named: {
            "pairs": schema.read(tmp_path / "pairs.parquet", "pairs"),
            "answers": schema.read(tmp_path / "answers.parquet", "answers"),
            "personas": people,
        },
    )
    out = tmp_path / "utilities.parquet"
    assert cli.main(["utilities", "--settings", json.dumps(SETTINGS), "--out", str(out)]) == 0
    assert schema.read(out, "utilities")["persona_id"].nunique() == 8


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({**SETTINGS, "learning": {}}, "learning.n_prompts and learning.n_candidates are missing"),
        (SETTINGS, "--read pairs=FILE is missing"),
    ],
)
def test_bad_input_is_one_line(tmp_path, capsys, settings, message):
    status = cli.main(["utilities", "--settings", json.dumps(settings), "--out", str(tmp_path / "u.parquet")])
    said = capsys.readouterr().err
    assert status == 1 and message in said and said.count("\n") == 1 and not list(tmp_path.iterdir())
