"""`persona plan`: what it prints, and configurations that cannot be planned."""

from __future__ import annotations

import pandas as pd
import pytest
from demo_plan import ROOT

from persona_lib import cli
from persona_lib.tables import schema


class TestCommand:
    def test_plan_prints_the_sum_of_the_demo(self, capsys, monkeypatch, tmp_path):
        monkeypatch.chdir(ROOT)
        (tmp_path / "more.yaml").write_text("run: more\nvalidation: {n_pairs: 10, n_contests: 2}\n")
        assert cli.main(["plan", "config/demo.yaml", str(tmp_path / "more.yaml"), "--folder", str(tmp_path)]) == 0
        said = capsys.readouterr().out
        assert "run more" in said and "103 / 124 / 124" in said and "simulated, costs nothing" in said
        assert "what it can decide" in said and "as assumed before any run" in said
        assert "is found with power" in said

    def test_the_plan_of_a_run_that_has_ended_takes_its_components_of_variance(self, capsys, monkeypatch, tmp_path):
        """Oracle: one half is the question's, one half the run's."""
        monkeypatch.chdir(ROOT)
        shares = {"persona": -0.1, "prompt": 0.3, "persona_prompt": 0.0, "judge": 0.0, "run": 0.3}
        rows = [schema.statistic("variance_share", name, value, n=9, method="m") for name, value in shares.items()]
        schema.write(pd.DataFrame(rows), tmp_path / "pluralism.parquet", "pluralism")
        assert cli.main(["plan", "config/demo.yaml", "--folder", str(tmp_path)]) == 0
        assert "as this run measured them: persona 0.00, prompt 0.50" in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("run: x", "x.yaml: lacks seed, shards,"),
            ("- 1", "line 1: settings are lines of the form"),
            ("a: [", "not YAML"),
        ],
    )
    def test_a_configuration_that_cannot_be_planned(self, capsys, tmp_path, text, message):
        (tmp_path / "x.yaml").write_text(text)
        assert cli.main(["plan", str(tmp_path / "x.yaml")]) == 1
        assert message in capsys.readouterr().err
