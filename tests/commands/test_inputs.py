"""Inputs of the commands: settings, tables by kind of file, functions by name."""

import json

import pandas as pd
import pytest

from persona_lib.commands import collect, inputs
from persona_lib.tables import schema


class TestSettings:
    GOOD = {"seed": 1, "mode": "live", "roles": {}, "endpoints": {}}

    def test_from_text_and_from_file(self, tmp_path):
        (tmp_path / "s.json").write_text(json.dumps(self.GOOD))
        assert (
            inputs.read_settings(json.dumps(self.GOOD)) == self.GOOD == inputs.read_settings(str(tmp_path / "s.json"))
        )

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("none.json", "none.json: no such file, and not JSON"),
            ('{"seed": 1', "--settings: not JSON"),
            ('{"seed": 1}', "--settings: key mode, roles, endpoints is missing"),
        ],
    )
    def test_bad(self, text, message):
        with pytest.raises(inputs.UsageError, match=message):
            inputs.read_settings(text)


class TestTables:
    def test_by_kind(self, tmp_path):
        draws = pd.DataFrame({"draw": [0, 1], "person_id": ["a", "b"]})
        schema.write(draws, tmp_path / "draws.parquet", "draws")
        pd.DataFrame({"code": ["00100", "NA", ""]}).to_csv(tmp_path / "codes.csv.gz", index=False)
        (tmp_path / "lines.jsonl").write_text('{"text": "a"}\n{"text": "b"}\n')
        (tmp_path / "bank.jsonl").write_text('{"conversation_id": "c1", "opening_prompt": "Why?"}\n')
        files = {"draws": "draws.parquet", "codes": "codes.csv.gz", "lines": "lines.jsonl", "bank": "bank.jsonl"}
        found = inputs.read_tables([f"{name}={tmp_path / file}" for name, file in files.items()])
        assert found["codes"]["code"].tolist() == ["00100", "NA", ""], "text stays text, nothing becomes NaN"
        assert found["draws"]["draw"].tolist() == [0, 1] and found["lines"]["text"].tolist() == ["a", "b"]
        assert found["bank"].iloc[0].to_dict() == {"prompt_id": "q0001", "text": "Why?"}

    def test_twice(self, tmp_path):
        (tmp_path / "a.csv").write_text("x\n1\n")
        with pytest.raises(inputs.UsageError, match="--read a: given twice"):
            inputs.read_tables([f"a={tmp_path / 'a.csv'}"] * 2)


def test_every_stage_has_its_function():
    assert all(callable(inputs.found(name)) for name in (*collect.STAGES.values(), *inputs.READERS.values()))
