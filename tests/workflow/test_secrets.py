"""What variables of the environment hold for headers and queries stands in nothing that a run writes or says."""

import types
from pathlib import Path

import pytest
import yaml

from persona_lib import cli
from persona_lib.commands.configuration import read_configuration
from workflow import run_notebook
from workflow.surroundings import pinned

ROOT = Path(__file__).parents[2]
MARKER = "marker-of-a-secret-0123456789"


class Named(dict):
    """Like Snakemake's named lists."""

    __getattr__ = dict.__getitem__

    def __iter__(self):
        return iter(self.values())


@pytest.fixture
def files(tmp_path, monkeypatch):
    """The configuration of a live run whose endpoint has headers and a query."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("MARKED", MARKER)
    demo = yaml.safe_load(Path("config/demo.yaml").read_text("utf-8"))
    mine = demo["endpoints"]["large"] | {"base_url": "https://gateway.example/v1", "model": "m", "price": "gpt-4o"}
    mine |= {"headers": {"api-key": "${MARKED}", "X-Team": "lab"}, "query": {"sig": "${MARKED}", "api-version": "1"}}
    roles = {role: ["mine"] if isinstance(named, list) else "mine" for role, named in demo["roles"].items()}
    changed = tmp_path / "mine.yaml"
    changed.write_text(yaml.safe_dump({"run": "mine", "mode": "live", "endpoints": {"mine": mine}, "roles": roles}))
    return ["config/demo.yaml", str(changed)]


def test_the_plan_names_the_variable_at_most(files, capsys):
    assert cli.main(["plan", *files]) == 0
    said = capsys.readouterr()
    assert "mine: m, price gpt-4o" in said.out and MARKER not in said.out + said.err


def test_neither_the_configuration_of_a_run_nor_its_notebook_00_holds_it(files, tmp_path, monkeypatch):
    configuration = tmp_path / "configuration.yaml"
    configuration.write_text(yaml.safe_dump(read_configuration(files), sort_keys=False), "utf-8")
    monkeypatch.setattr(run_notebook, "ENVIRONMENT", pinned(tmp_path) | {"MARKED": MARKER}, raising=False)
    monkeypatch.setattr(run_notebook.os, "environ", dict(run_notebook.os.environ))
    read = {name: f"data/reference/{name}.csv" for name in ("decisions", "prices")}
    read |= {"bank": "data/prompts/bank.csv", "lengths": "data/reference/typical_lengths.csv"}
    run_notebook.run(
        types.SimpleNamespace(
            input=Named(notebook="notebooks/00_overview.ipynb", configuration=str(configuration), **read),
            output=Named(plan=str(tmp_path / "plan.parquet"), notebook=str(tmp_path / "00_overview.ipynb")),
            params=Named(templates="../data/templates"),
            log=[str(tmp_path / "logs" / "00_overview.log")],
        )
    )
    assert (tmp_path / "00_overview.ipynb").exists() and (tmp_path / "plan.parquet").exists()
    assert "${MARKED}" in configuration.read_text("utf-8")
    assert [path for path in tmp_path.rglob("*") if path.is_file() and MARKER.encode() in path.read_bytes()] == []
