"""Where the site finds a run's results. Oracle: folders made by hand."""

import pandas as pd
import pytest
import yaml

from persona_lib.site import results
from persona_lib.tables import schema


def test_the_demo_that_was_not_run_here_is_shown_as_committed(tmp_path):
    (tmp_path / "config").mkdir()
    (tmp_path / "config/demo.yaml").write_text("mode: simulate\n", "utf-8")
    found = results.found_results("demo", root=tmp_path)
    assert found.tables == tmp_path / "data/expected/demo" and found.notebooks == tmp_path / "notebooks"
    assert found.is_simulated


def test_a_run_that_has_ended_is_shown_from_its_folder(tmp_path):
    folder = tmp_path / "data/runs/mine"
    folder.mkdir(parents=True)
    (folder / "claims.parquet").touch()
    with pytest.raises(results.SiteError, match="configuration.yaml: no such file; make paper writes it"):
        results.found_results("mine", root=tmp_path)
    (folder / "configuration.yaml").write_text(yaml.safe_dump({"mode": "live"}), "utf-8")
    found = results.found_results("mine", root=tmp_path)
    assert found.tables == folder and found.figures == tmp_path / "figures/runs/mine" and not found.is_simulated


def test_a_run_that_has_not_ended_says_what_to_do(tmp_path):
    with pytest.raises(results.SiteError, match="mine/claims.parquet: no such file; .*make paper RUN=mine"):
        results.found_results("mine", root=tmp_path)


def test_runs_with_a_stamp_are_found_without_the_one_that_is_shown(tmp_path):
    folder = tmp_path / "data/expected/big"
    folder.mkdir(parents=True)
    (folder / results.STAMP).write_text(yaml.safe_dump({"configuration": {"run": "big"}}), "utf-8")
    assert [found.run for found in results.committed_others(tmp_path, shown="demo")] == ["big"]
    assert results.committed_others(tmp_path, shown="big") == []
    (folder / results.STAMP).unlink()
    assert results.committed_others(tmp_path, shown="demo") == []


def test_a_table_is_read_as_declared(tmp_path):
    pd.DataFrame({"claim_id": ["c01"]}).to_parquet(tmp_path / "claims.parquet")
    with pytest.raises(schema.SchemaError, match="claims"):
        results.Results(tmp_path, tmp_path, {}).table("claims")
