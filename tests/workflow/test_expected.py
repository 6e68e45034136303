"""Rebuilding the expected result. Oracle: the files that a small repository has, listed by hand."""

import subprocess
import types

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
    expected.rebuild(scratch, 3)
    found = {path.relative_to(scratch).as_posix() for path in scratch.rglob("*") if path.is_file()}
    assert found == {".gitignore", "notebooks/a b.ipynb"}
    assert repository == [(["-m", "workflow.paper", "--run", "demo", "--cores", "3"], scratch)]
    with pytest.raises(SystemExit, match="the demo run did not finish"):
        expected.rebuild(scratch, 3)
