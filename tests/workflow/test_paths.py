"""What a file, an environment and a checkout may be called, from `make` to the table that a notebook writes.

Its small runs also show what `make paper` says of a run that ends well, and of one that fails.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from snakemake.exceptions import WorkflowError

from workflow.paths import named_files, without_wildcards

ROOT = Path(__file__).parents[2]
FOLDER = "a b/é#1'\""
BANK = "-b $(touch INJECTED); touch INJECTED; `touch INJECTED` 'q' \"é\" it#.csv"
SMALL = """
run: odd
shards: null
prompts: {n: 20, n_train: 12}
pool: {n_items: 8, n_panel_items: 8}
ablation: {n_questions: 8}
"""


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A checkout in FOLDER with its environment inside, where a small run has read BANK."""
    tree = tmp_path_factory.mktemp("odd") / FOLDER
    shutil.copytree(ROOT / "notebooks", tree / "notebooks")
    shutil.copytree(ROOT / "config", tree / "config")
    (tree / "config/odd.yaml").write_text(SMALL)
    (tree / "data").mkdir()
    for name in ("Snakefile", "workflow", "persona_lib", "profiles", "requirements.lock"):
        (tree / name).symlink_to(ROOT / name)
    for name in ("reference", "prompts", "templates"):
        (tree / "data" / name).symlink_to(ROOT / "data" / name)
    (tree / ".venv").symlink_to(sys.prefix)
    pd.read_csv(ROOT / "data/prompts/bank.csv").head(60).to_csv(tree / BANK, index=False)
    (tree / "output.txt").write_text("".join(until_prompts(tree)), "utf-8")
    return tree


def until_prompts(tree):
    """What a run up to the prompts says on stdout and on stderr."""
    command = [tree / ".venv/bin/python", "-m", "workflow.paper", "--run=odd", f"--prompts={BANK}", "--until=prompts"]
    done = subprocess.run([*command, "--cores=2"], cwd=tree, capture_output=True, text=True, check=False)
    return done.stdout, done.stderr


def test_a_bank_whose_name_is_a_command_gives_its_table_and_runs_nothing(tree):
    assert not list(tree.rglob("INJECTED"))
    prompts, bank = pd.read_parquet(tree / "data/runs/odd/prompts.parquet"), pd.read_csv(tree / BANK)
    assert set(prompts.text) <= set(bank.text) and len(prompts), (tree / "output.txt").read_text("utf-8")


def test_a_notebook_runs_in_a_folder_of_any_name(tree):
    log = tree / "data/runs/odd/logs/04_prompts.log"
    assert log.is_file() and log.read_text("utf-8") == "notebooks/04_prompts.ipynb: done\n"
    assert FOLDER not in (tree / "data/runs/odd/notebooks/04_prompts.ipynb").read_text("utf-8")


def test_one_shard_a_core_where_the_configuration_names_no_number(tree):
    sealed = sorted(path.name for path in (tree / "data/runs/odd/sealed").iterdir())
    assert sealed == ["prompts-0-of-2.parquet", "prompts-1-of-2.parquet", "prompts.parquet"]


def test_a_run_says_one_line_a_step_and_where_the_results_are(tree):
    steps, closing = (tree / "output.txt").read_text("utf-8").split("\n\n")
    said = [re.fullmatch(r"(\d/4)  (.+?) +\d+:\d\d(   about \d+:\d\d left)?", line) for line in steps.splitlines()]
    assert [(line[1], bool(line[3])) for line in said] == [("1/4", True), ("2/4", True), ("3/4", True), ("4/4", False)]
    assert {said[n][2] for n in (0, 1)} == {f"collect prompts, shard {shard} of 2" for shard in (0, 1)}
    assert [said[n][2] for n in (2, 3)] == ["seal prompts", "04 prompts"]
    assert [line.split()[0] for line in closing.splitlines()] == ["tables", "notebooks", "figures", "claims"]


def test_a_run_that_fails_says_which_check_stopped_it_and_where_more_stands(tree):
    path = tree / "notebooks/04_prompts.ipynb"
    right = path.read_text("utf-8")
    notebook = nbformat.reads(right, as_version=4)
    notebook.cells.insert(1, nbformat.v4.new_code_cell('assert 2 + 2 == 3, "not three prompts"'))
    nbformat.write(notebook, path)
    said, faults = until_prompts(tree)
    path.write_text(right, "utf-8")
    assert said == ""
    stopped, more = faults.strip().split("\n\n")
    assert re.fullmatch(r"stopped: 04 prompts: notebooks/04_prompts.ipynb: cell \d+: .*not three prompts", stopped)
    assert more == "what Snakemake says of it: data/runs/odd/logs/snakemake.log"
    assert "Error in rule prompts" in (tree / "data/runs/odd/logs/snakemake.log").read_text("utf-8")


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("a.zip", "b.zip", "my file.zip", "it's;$(x).zip", "[a].zip", "home/c.zip", "home/my bank.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("", []),
        ("a.zip b.zip", ["a.zip", "b.zip"]),
        ("my file.zip", ["my file.zip"]),
        ("it's;$(x).zip", ["it's;$(x).zip"]),
        ("a.zip 'my file.zip' my\\ file.zip", ["a.zip", "my file.zip", "my file.zip"]),
        ("?.zip", ["a.zip", "b.zip"]),
        ("[ab].zip '[a].zip'", ["a.zip", "b.zip", "[a].zip"]),
        ("~/c.zip", ["home/c.zip"]),
        ("~/my bank.csv", ["home/my bank.csv"]),
        ("~/*.zip ./a.zip", ["home/c.zip", "a.zip"]),
        ("a.zip " * 2000, ["a.zip"] * 2000),
    ],
)
def test_a_value_is_a_file_or_the_words_of_a_shell(files, value, found):
    assert [os.path.relpath(path) for path in named_files(value, name="CENSUS")] == found


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("no*.zip a.zip", "CENSUS: no*.zip: no file matches"),
        ("~nobody_of_that_name/a.zip", "CENSUS: ~nobody_of_that_name/a.zip: no such file"),
        ("a.zip other file.zip", "CENSUS: other: no such file; put a path that holds blanks between quotes"),
        ("'a.zip", "CENSUS: 'a.zip: No closing quotation; put a path"),
    ],
)
def test_what_names_no_file_is_named(files, value, message):
    with pytest.raises(SystemExit) as error:
        named_files(value, name="CENSUS")
    assert str(error.value).startswith(message) and "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["b{run}.csv", "{x}.csv", "<logs>.csv"])
def test_a_name_that_snakemake_reads_as_a_wildcard_is_refused(name):
    with pytest.raises(WorkflowError, match="takes braces and angle brackets in a path for wildcards") as error:
        without_wildcards("a.csv", name)
    assert name in str(error.value)
    assert without_wildcards(BANK, "[a]*.csv") == (BANK, "[a]*.csv")


class TestMake:
    @pytest.fixture
    def make(self, tmp_path):
        """`make`, in FOLDER, with a python that only says its arguments."""
        python = tmp_path / FOLDER / ".venv/bin/python"
        python.parent.mkdir(parents=True)
        python.write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\n")
        python.chmod(0o755)
        (python.parents[1] / ".ready").touch()
        shutil.copy(ROOT / "Makefile", tmp_path / FOLDER)

        def make(*arguments, **environment):
            command = ["make", "-o", ".venv/.ready", *arguments]
            own = {
                name: value for name, value in os.environ.items() if not name.startswith("MAKE")
            }  # we may run under make
            surroundings = {"cwd": tmp_path / FOLDER, "env": own | environment}
            done = subprocess.run(command, **surroundings, capture_output=True, text=True, check=False)
            assert not list(tmp_path.rglob("INJECTED"))
            return done

        return make

    @pytest.mark.parametrize("name", ["RUN", "CORES", "UNTIL", "CENSUS", "DICTIONARY", "PROMPTS", "CONFIRM"])
    def test_a_value_is_handed_over_as_it_stands(self, make, name):
        value = f"$(shell touch INJECTED)$$x ~/{BANK} {{run}}"
        for done in (make("paper", f"{name}={value}"), make("paper", **{name: value})):
            assert f"--{name.lower()}={value}" in done.stdout.splitlines(), done.stderr

    def test_an_environment_elsewhere_has_no_blanks(self, make, tmp_path):
        assert make("paper", f"VENV={tmp_path}/my env").stderr.count("name one folder, without blanks") == 1
        elsewhere = tmp_path / "env/bin/python"
        elsewhere.parent.mkdir(parents=True)
        elsewhere.write_text("#!/bin/sh\necho elsewhere\n")
        elsewhere.chmod(0o755)
        (tmp_path / "env/.ready").touch()
        assert make("-o", f"{tmp_path}/env/.ready", "paper", f"VENV={tmp_path}/env").stdout == "elsewhere\n"
