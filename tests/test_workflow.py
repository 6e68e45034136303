"""Running notebooks, finding what they stand on, the configuration, the comparison with the expected result."""

import copy
import subprocess
import sys
import types
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
import yaml
from matplotlib.image import imsave
from snakemake import cli
from snakemake.exceptions import WorkflowError
from snakemake_interface_logger_plugins.registry import LoggerPluginRegistry

from workflow import compare, paper, run_notebook, steps
from workflow.library import library_files
from workflow.notebook import committed, normalised, parameter_names
from workflow.settings import is_simulated, stage_settings, validated
from workflow.surroundings import pinned

ROOT = Path(__file__).parents[1]


@pytest.fixture
def config():
    return yaml.safe_load((ROOT / "config/demo.yaml").read_text("utf-8"))


def checked(config):
    return validated(config)


class TestConfiguration:
    @pytest.fixture(autouse=True)
    def at_root(self, monkeypatch):
        monkeypatch.chdir(ROOT)

    def test_the_demo_is_valid(self, config):
        assert checked(config) is config

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda c: c.update(sead=1), "config: sead: unknown; did you mean seed?"),
            (lambda c: c["personas"].update(m=1), "config: personas.m: unknown; known are n, n_train"),
            (
                lambda c: c["personas"].update(n="many"),
                "config: personas.n: 'many' is not a whole number but text; write it in digits",
            ),
            (lambda c: c["personas"].pop("n"), "config: personas: lacks n; add what is missing"),
            (
                lambda c: c["personas"].update(n_train=100),
                "config: personas.n_train: 100 is more than 99, personas.n = 100 less one: lower it",
            ),
            (lambda c: c["roles"].update(judge="gpt"), "roles.judge: 'gpt' is no endpoint"),
            (lambda c: c["census"].update(files=["no.zip"]), "census.files.0: 'no.zip': no such file"),
        ],
    )
    def test_wrong_ones_give_one_line_that_names_the_key(self, config, change, message):
        change(config)
        with pytest.raises(WorkflowError) as error:
            checked(config)
        assert message in str(error.value) and "\n" not in str(error.value).strip()

    def test_a_run_is_simulated_by_its_roles_not_by_spare_endpoints(self, config):
        assert is_simulated(config)
        config["endpoints"]["mine"] = config["endpoints"]["large"] | {"base_url": "http://localhost:1/v1"}
        config["roles"] = {
            role: ["mine"] if isinstance(named, list) else "mine" for role, named in config["roles"].items()
        }
        assert not is_simulated(config) and "world" not in stage_settings(config, [])

    def test_a_stage_sees_its_own_block_only(self, config):
        settings = stage_settings(config, ["pool"])
        assert "pool" in settings and "benchmark" not in settings


class TestLibraryFiles:
    @pytest.fixture(autouse=True)
    def house(self, tmp_path, monkeypatch):
        files = {
            "lib/__init__.py": "",
            "lib/words.py": "TABLES = 'words.yaml'",
            "lib/words.yaml": "a: 1",
            "lib/asks.py": "from lib import words",
            "lib/other.py": "",
            "lib/sub/__init__.py": "",
            "lib/sub/deep.py": "import lib.asks",
        }
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        monkeypatch.chdir(tmp_path)

    def of(self, source):
        nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)]), "n.ipynb")
        return library_files("n.ipynb", package="lib")[:-1]

    def test_direct_and_through_others_with_package_data(self):
        assert self.of("from lib.asks import f") == ["lib/__init__.py", "lib/asks.py", "lib/words.py", "lib/words.yaml"]

    def test_subpackage(self):
        assert {"lib/sub/__init__.py", "lib/sub/deep.py", "lib/asks.py"} <= set(self.of("from lib.sub import deep"))

    def test_nothing_else(self):
        assert self.of("import pandas") == []

    def test_a_name_inside_a_module_is_not_a_module(self):
        assert "lib/other.py" in self.of("from lib.other import anything")

    def test_missing_module(self):
        with pytest.raises(FileNotFoundError, match="lib/gone/deeper.py"):
            self.of("import lib.gone.deeper")


def notebook(*cells):
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    made.cells[0].metadata["tags"] = ["parameters"]
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return made


class Named(dict):
    """Like Snakemake's named lists: attributes, items, iteration over values."""

    __getattr__ = dict.__getitem__

    def __iter__(self):
        return iter(self.values())


class TestRunNotebook:
    @pytest.fixture
    def rule(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(run_notebook, "ENVIRONMENT", pinned(tmp_path), raising=False)
        monkeypatch.setattr(run_notebook.os, "environ", dict(run_notebook.os.environ))
        (tmp_path / "notebooks").mkdir()

        def make(*cells, **params):
            nbformat.write(notebook(*cells), "notebooks/05_toy.ipynb")
            return types.SimpleNamespace(
                input=Named(notebook="notebooks/05_toy.ipynb", library=["x"], table="data/in.txt", extra=[]),
                output=Named(out="data/out.txt", notebook="data/executed.ipynb"),
                params=Named(params),
                log=["logs/05_toy.log"],
            )

        return make

    PARAMETERS = 'table = "a"\nextra = None\nout = "b"\nn = 1'

    def test_hands_over_paths_relative_to_the_notebook(self, rule):
        run_notebook.run(rule(self.PARAMETERS, 'open(out, "w").write(f"{table} {extra} {n}")', n=3))
        assert Path("data/out.txt").read_text() == "../data/in.txt None 3"
        assert "injected-parameters" in Path("data/executed.ipynb").read_text()

    def test_stops_when_names_differ(self, rule):
        with pytest.raises(SystemExit, match=r"only in the rule: \['m'\]; only in the notebook: \['n'\]"):
            run_notebook.run(rule(self.PARAMETERS, "1", m=3))
        assert not Path("data").joinpath("executed.ipynb").exists()

    def test_a_failing_cell_is_named_and_the_copy_kept(self, rule):
        with pytest.raises(SystemExit):
            run_notebook.run(rule(self.PARAMETERS, "1 / 0", n=3))
        first = Path("logs/05_toy.log").read_text().splitlines()[0]
        assert first.startswith("notebooks/05_toy.ipynb: cell 3: ZeroDivisionError: division by zero")
        assert "ZeroDivisionError" in Path("logs/05_toy.ipynb").read_text()
        assert not Path("data/executed.ipynb").exists()


def test_parameter_names_wants_exactly_one_tagged_cell():
    assert parameter_names(notebook("a = 1\nb = 'x'"), "n") == {"a", "b"}
    with pytest.raises(ValueError, match="0 cells are tagged"):
        parameter_names(nbformat.v4.new_notebook(), "n")


def test_committed_form_drops_the_injected_cell_and_counts_from_one():
    made = notebook("a = 1", "a = 2", "print(a)")
    made.cells[1].metadata = {"tags": ["injected-parameters"], "papermill": {"duration": 1.5}}
    for count, cell in enumerate(made.cells, 1):
        cell.execution_count = count
    made.metadata["papermill"] = {"start_time": "now"}
    clean = committed(made)
    assert [c.source for c in clean.cells] == ["a = 1", "print(a)"]
    assert [c.execution_count for c in clean.cells] == [1, 2]
    assert "papermill" not in nbformat.writes(normalised(made))


class TestCompare:
    @pytest.fixture
    def table(self):
        return pd.DataFrame({"k": ["a", "b"], "x": [0.1, np.nan]})

    def verdict(self, tmp_path, old, new):
        old.to_parquet(tmp_path / "old.parquet")
        new.to_parquet(tmp_path / "new.parquet")
        return compare.compare_file(tmp_path / "old.parquet", tmp_path / "new.parquet")

    def test_the_three_words(self, tmp_path, table):
        last_bit, percent = copy.deepcopy(table), copy.deepcopy(table)
        last_bit.loc[0, "x"] = np.nextafter(0.1, 1)
        percent.loc[0, "x"] = 0.101
        assert self.verdict(tmp_path, table, table).word == compare.IDENTICAL
        assert self.verdict(tmp_path, table, last_bit).word == compare.EQUAL
        found = self.verdict(tmp_path, table, percent)
        assert found.word == compare.DIFFERENT and "row 0, column x: " in found.detail and "0.101" in found.detail
        assert self.verdict(tmp_path, table, table.assign(k=["a", "c"])).word == compare.DIFFERENT
        assert self.verdict(tmp_path, table, table.iloc[:1]).word == compare.DIFFERENT
        assert self.verdict(tmp_path, table, table.fillna({"x": 0.0})).word == compare.DIFFERENT

    def test_notebook_text(self, tmp_path):
        paths = []
        for name, text in (
            ("old", "kappa 0.61230"),
            ("close", "kappa 0.612301"),
            ("far", "kappa 0.6184"),
            ("word", "Kappa 0.61230"),
        ):
            made = notebook("x = 1")
            made.cells[0].outputs = [nbformat.v4.new_output("stream", text=text)]
            nbformat.write(made, tmp_path / f"{name}.ipynb")
            paths.append(tmp_path / f"{name}.ipynb")
        words = [compare.compare_file(paths[0], path).word for path in paths]
        assert words == [compare.IDENTICAL, compare.EQUAL, compare.DIFFERENT, compare.DIFFERENT]

    def test_pictures(self, tmp_path):
        rng = np.random.default_rng(1)
        picture = rng.random((40, 40, 3))
        for name, image in (("a", picture), ("b", np.clip(picture + 0.001, 0, 1)), ("c", picture[::-1])):
            imsave(tmp_path / f"{name}.png", image)
        assert compare.compare_file(tmp_path / "a.png", tmp_path / "b.png").word != compare.DIFFERENT
        assert compare.compare_file(tmp_path / "a.png", tmp_path / "c.png").word == compare.DIFFERENT
        imsave(tmp_path / "d.png", picture[:20])
        found = compare.compare_file(tmp_path / "a.png", tmp_path / "d.png")
        assert found.word == compare.DIFFERENT and found.detail.endswith("size (40, 40, 4) became (20, 40, 4)")

    def test_worst(self):
        verdicts = [compare.Verdict(word, "") for word in (compare.IDENTICAL, compare.EQUAL, compare.DIFFERENT)]
        assert compare.worst(verdicts) == compare.DIFFERENT
        assert compare.worst(verdicts[:2]) == compare.EQUAL
        assert compare.worst([]) == compare.IDENTICAL


def test_paper_names_the_known_runs():
    done = subprocess.run(
        [sys.executable, "-m", "workflow.paper", "--run", "dema"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (
        done.returncode == 1
        and done.stderr.strip() == "config/dema.yaml: no such file; RUN is one of demo, paper, real, smollm"
    )


def test_real_run_asks_for_its_census():
    done = subprocess.run(
        [sys.executable, "-m", "workflow.paper", "--run", "real"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1 and "CENSUS=" in done.stderr


def test_paper_names_the_known_rules():
    command = [sys.executable, "-m", "workflow.paper", "--until", "persona"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(
        "UNTIL=persona: no rule to stop after; these are all, configuration, overview, census, population,"
    )
    done = subprocess.run([*command[:-1], "seal"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and done.stderr.startswith("UNTIL=seal: no rule to stop after; these are all,")
    assert done.stderr.count("\n") == 1


def test_only_half_written_files_of_the_run_that_is_locked_are_removed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for run in ("mine", "yours"):
        (tmp_path / "data/runs" / run).mkdir(parents=True)
        (tmp_path / "data/runs" / run / ".a.parquet.1.half").touch()
    paper._clear_remains("mine", {})
    assert [path.parent.name for path in tmp_path.rglob("*.half")] == ["yours"]


def test_the_size_of_a_run_is_told_by_its_calls(monkeypatch):
    """By definition: 0 for the demo, 1 for the paper; with half of the paper's pairs in between."""
    monkeypatch.chdir(ROOT)
    sizes = {name: paper._size(paper._merged(Path("config", f"{name}.yaml"), {})) for name in ("demo", "paper")}
    assert sizes == {"demo": 0, "paper": 1}
    half = {"feedback": {"n_train_pairs": 50, "n_heldout_pairs": 25, "n_heldout_prompts": 25}}
    assert 0.5 < paper._size(paper._merged(Path("config/paper.yaml"), half)) < 0.9


def test_snakemake_understands_what_the_log_is_told():
    """A run of a few calls fewer than the demo's has a size such as -4e-06. Oracle: Snakemake's own parser."""
    LoggerPluginRegistry().register_plugin(steps.NAME, steps)
    _, args = cli.parse_args(["all", *paper._logger(logs="some logs", size=-4e-06, shards=3)])
    assert (args.logger_steps_logs, args.logger_steps_size, args.logger_steps_shards) == (Path("some logs"), -4e-06, 3)
