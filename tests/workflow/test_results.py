"""The small results of a run, and their stamp."""

import json
from pathlib import Path

import pandas as pd
import pytest
import yaml

from persona_lib.tables.schema import tables
from workflow import results

ROOT = Path(__file__).resolve().parents[2]
TEXTS = {"text", "description", "critique", "prompt"}


@pytest.fixture
def checkout(tmp_path):
    """A checkout with one file of each part, and a finished run."""
    for name in ("persona_lib/a.py", "persona_lib/b/c.yaml", "data/templates/t.yaml", "data/reference/r.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    for name in ("data/prompts/bank.csv", "requirements.lock"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    notebook(tmp_path, "1 + 1", "2")
    run, figures = tmp_path / "data/runs/toy", tmp_path / "figures/runs/toy"
    run.mkdir(parents=True)
    figures.mkdir(parents=True)
    for name in [*results.small_tables(), "answers"]:
        pd.DataFrame({"estimate": [1.0, 2.0]}).to_parquet(run / f"{name}.parquet")
    (run / "configuration.yaml").write_text("seed: 7\n")
    (figures / "figure_05.png").write_bytes(b"png")
    return tmp_path


def notebook(root, source: str, output: str) -> None:
    (root / "notebooks").mkdir(exist_ok=True)
    cell = {"cell_type": "code", "source": [source], "outputs": [{"text": output}]}
    (root / "notebooks/00_a.ipynb").write_text(json.dumps({"cells": [cell]}))


def test_no_table_of_texts_is_among_them():
    for name in results.small_tables():
        assert not TEXTS & set(tables()[name].columns), name
    assert {"claims", "agreement", "validation"} <= set(results.small_tables())


def test_what_is_gathered(checkout):
    folder = results.gather("toy", checkout, checkout)
    assert folder == checkout / "data/expected/toy"
    assert {path.name for path in folder.iterdir()} == {
        *(f"{name}.parquet" for name in results.small_tables()),
        "stamp.yaml",
    }
    assert [path.name for path in (checkout / "figures/expected/toy").iterdir()] == ["figure_05.png"]
    told = yaml.safe_load((folder / "stamp.yaml").read_text())
    assert told["configuration"] == {"seed": 7} and set(told["rows"].values()) == {2}
    assert results.stale(folder, checkout) == []


@pytest.mark.parametrize(
    ("changed", "part"),
    [
        ("persona_lib/a.py", "library"),
        ("persona_lib/b/c.yaml", "library"),
        ("data/templates/t.yaml", "templates"),
        ("data/reference/r.csv", "reference"),
        ("data/prompts/bank.csv", "prompts"),
        ("requirements.lock", "lock"),
    ],
)
def test_a_change_makes_the_stamp_stale(checkout, changed, part):
    folder = results.gather("toy", checkout, checkout)
    (checkout / changed).write_text("y")
    assert results.stale(folder, checkout) == [part]


def test_of_a_notebook_its_sources_count_and_not_its_outputs(checkout):
    folder = results.gather("toy", checkout, checkout)
    notebook(checkout, "1 + 1", "3")
    assert results.stale(folder, checkout) == []
    notebook(checkout, "1 + 2", "3")
    assert results.stale(folder, checkout) == ["notebooks"]


def test_of_a_program_all_counts_but_lines_of_comment(checkout):
    program = checkout / "persona_lib/a.py"
    program.write_text("x = 1  # one\n")
    folder = results.gather("toy", checkout, checkout)
    program.write_text("# of the number\nx = 1  # one\n")
    assert results.stale(folder, checkout) == []
    program.write_text("x = 2  # one\n")
    assert results.stale(folder, checkout) == ["library"]


def test_an_unfinished_run_says_what_is_missing(checkout):
    (checkout / "data/runs/toy/claims.parquet").unlink()
    with pytest.raises(results.ResultsError, match=r"claims.parquet is not there; finish the run: make paper RUN=toy"):
        results.gather("toy", checkout, checkout)


def test_of_the_demo_nothing_is_gathered(checkout):
    with pytest.raises(results.ResultsError, match="everything is committed: make refresh"):
        results.gather("demo", checkout, checkout)


def test_results_that_are_too_large_are_refused(checkout):
    (checkout / "figures/runs/toy/figure_06.png").write_bytes(b"x" * (9 << 20))
    with pytest.raises(results.ResultsError, match=r"9\.0 MiB of results, and at most 8 may be committed"):
        results.gather("toy", checkout, checkout)


def test_results_that_are_committed_are_those_of_this_library():
    """Fails where a stamp under data/expected is stale, which the parts named here are why."""
    stamped = [path.parent for path in (ROOT / results.TABLES).glob(f"*/{results.STAMP}")]
    faults = {folder.name: results.stale(folder, ROOT) for folder in stamped}
    assert not any(faults.values()), f"made anew by make refresh RUN=..., or python -m workflow.results RUN: {faults}"
    known = {folder.name for folder in (*stamped, *(ROOT / results.FIGURES).glob("*/"), ROOT / results.TABLES / "demo")}
    assert {folder.name for folder in (ROOT / results.TABLES).glob("*/")} == known  # none without its stamp


def test_what_is_replaced_leaves_no_older_file_of_the_run_and_every_other_run(tmp_path):
    for name in ("data/expected/demo/old.parquet", "data/expected/paper/stamp.yaml", "notebooks/01_b.ipynb", "made"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    places = [Path("data/expected/demo/sealed/new.parquet"), Path("notebooks/00_a.ipynb")]
    results.replace("demo", dict.fromkeys(places, tmp_path / "made"), tmp_path)
    found = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    kept = {"data/expected/paper/stamp.yaml", "notebooks/01_b.ipynb", "made"}
    assert found == kept | {place.as_posix() for place in places}
