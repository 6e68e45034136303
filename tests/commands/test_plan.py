"""`persona plan`: what it prints, and configurations that cannot be planned."""

from __future__ import annotations

import pytest
from demo_plan import ROOT

from persona_lib import cli


class TestCommand:
    def test_plan_prints_the_sum_of_the_demo(self, capsys, monkeypatch, tmp_path):
        monkeypatch.chdir(ROOT)
        (tmp_path / "more.yaml").write_text("run: more\nvalidation: {n_pairs: 10}\n")
        assert cli.main(["plan", "config/demo.yaml", str(tmp_path / "more.yaml"), "--folder", str(tmp_path)]) == 0
        said = capsys.readouterr().out
        assert "run more" in said and "68 / 80 / 80" in said and "simulated, costs nothing" in said

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
