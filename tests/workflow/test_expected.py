"""Rebuilding the expected result. Oracle: the files that a small repository has, listed by hand."""

import subprocess
import types

import pandas as pd
import pytest

from workflow import expected


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository with a notebook, an expected table and an ignored run; the demo run is not made, only noted."""
    tree = tmp_path / "tree"
    for name in (
        "notebooks/a b.ipynb",
        "data/expected/demo/claims.parquet",
        "figures/expected/demo/f.png",
        "data/expected/paper/stamp.yaml",
        "data/runs/x",
    ):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(name)
    (tree / ".gitignore").write_text("data/runs/\n")
    subprocess.run(["git", "init", "-q"], cwd=tree, check=True)
    monkeypatch.chdir(tree)
    run, asked = subprocess.run, []

    def noted(command, **rest):
        if command[0] == "git":
            return run(command, **rest)
        asked.append((command[1:], rest["cwd"]))
        return types.SimpleNamespace(returncode=len(asked) - 1)

    monkeypatch.setattr(expected.subprocess, "run", noted)
    monkeypatch.setattr(expected, "pinned", lambda root: {})
    return asked


def test_the_demo_is_rebuilt_from_what_git_keeps_without_its_results(repository, tmp_path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    expected.rebuild("demo", scratch, 3)
    found = {path.relative_to(scratch).as_posix() for path in scratch.rglob("*") if path.is_file()}
    assert found == {".gitignore", "notebooks/a b.ipynb"}
    assert repository == [(["-m", "workflow.paper", "--run", "demo", "--cores", "3"], scratch)]
    with pytest.raises(SystemExit, match="the run demo did not finish"):
        expected.rebuild("demo", scratch, 3)


@pytest.fixture
def rebuilt(tmp_path, monkeypatch):
    """A run of the paper's size made again: two tables and a figure, of which one table came out otherwise."""
    scratch, tree = tmp_path / "scratch", tmp_path / "tree"
    monkeypatch.setattr(expected.results, "small_tables", lambda: ["claims", "plan"])
    for root, tables, figures in (
        (scratch, "data/runs/paper", "figures/runs/paper"),
        (tree, "data/expected/paper", "figures/expected/paper"),
    ):
        (root / tables).mkdir(parents=True)
        (root / figures).mkdir(parents=True)
        (root / figures / "figure_05.png").write_bytes(b"png")
        pd.DataFrame({"estimate": [1.0]}).to_parquet(root / tables / "claims.parquet")
        pd.DataFrame({"estimate": [1.0 if root == tree else 2.0]}).to_parquet(root / tables / "plan.parquet")
    (scratch / "data/runs/paper/configuration.yaml").write_text("seed: 7\n")
    monkeypatch.chdir(tree)
    return scratch


def test_small_results_are_compared_and_replaced(rebuilt, capsys):
    assert expected.verify("paper", rebuilt) == 1
    said = capsys.readouterr().out
    assert "different: data/expected/paper/plan.parquet: row 0, column estimate" in said
    assert "verify: 3 files: different" in said
    expected.refresh("paper", rebuilt)
    assert expected.verify("paper", rebuilt) == 0
    assert "verify: 3 files: identical" in capsys.readouterr().out


def test_a_table_that_is_expected_and_not_made_is_a_difference(rebuilt, capsys):
    pd.DataFrame({"estimate": [1.0]}).to_parquet("data/expected/paper/old.parquet")
    expected.verify("paper", rebuilt)
    assert "data/expected/paper/old.parquet: expected, but not rebuilt" in capsys.readouterr().out


def test_a_run_of_which_nothing_is_expected_is_told_before_it_is_made(repository, monkeypatch):
    monkeypatch.setattr("sys.argv", ["expected", "verify", "--run", "mine"])
    with pytest.raises(SystemExit, match="data/expected/mine: no such folder; .*make refresh RUN=mine"):
        expected.main()
    assert repository == []
