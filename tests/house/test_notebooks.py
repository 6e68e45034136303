"""Notebooks: their form, what they may import and read, and their parameters."""

import ast
import re

import nbformat
import pytest
import yaml
from programs import LIBRARY, MODULES, NETWORK, NOTEBOOKS, ROOT, code, named, package, snakefile_rules

from workflow.notebook import parameter_names


def beyond(source: str) -> set[str]:
    """What a notebook's code imports that no notebook may: what asks models, what fetches, the simulator, imports by
    a text, and the library as a whole, through which all of these can be reached.
    """
    reaching = r"persona_lib(\.(simulator|cli|commands|asking|cost|acquisition)(\..*)?)?"
    asks_nobody = r"persona_lib\.(asking\.prices|cost\.plan|cost\.parts|cost\.precision)(\..*)?"
    elsewhere = {*NETWORK, "socket", "importlib", ""}
    return {
        name
        for name in named(source)
        if name.split(".")[0] in elsewhere or (re.fullmatch(reaching, name) and not re.fullmatch(asks_nobody, name))
    }


@pytest.mark.parametrize(
    "source",
    [
        "from persona_lib import simulator",
        "from persona_lib import measuring, asking as ask",
        "from persona_lib.asking import asker as ask",
        "from persona_lib.simulator.truth import truth",
        "import persona_lib.simulator.world as world",
        "import persona_lib",
        "from persona_lib import *",
        "if True:\n    from persona_lib.asking.client import Client",
        "from persona_lib.acquisition.download import fetch",
        "from persona_lib.acquisition import download",
        "from urllib.request import urlopen",
        "import pandas, openai",
        "from importlib import import_module",
        "from . import asker",
    ],
)
def test_a_notebook_cannot_evade_its_guard(source):
    assert beyond(source)
    assert not beyond("from persona_lib.measuring import agreement\nfrom persona_lib.ledger.replay import replay")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
class TestFormOfNotebook:
    def test_opens_with_a_contract(self, path):
        first = nbformat.read(path, as_version=4).cells[0]
        assert first.cell_type == "markdown"
        assert re.match(rf"# {path.stem[:2]} · .+", first.source)
        for word in ("reads", "writes", "one row is"):
            assert word in first.source.lower(), f"the contract does not say {word!r}"

    def test_cells_are_short_and_define_nothing(self, path):
        cells = code(nbformat.read(path, as_version=4))
        assert 8 <= len(cells) <= 24
        for cell in cells:  # the parameters are a list, one a line
            assert len(cell.source.splitlines()) <= 25 or "parameters" in cell.metadata.get("tags", [])
            kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
            assert not [n for n in ast.walk(ast.parse(cell.source)) if isinstance(n, kinds)], cell.source

    def test_at_least_as_much_prose_as_code(self, path):
        notebook = nbformat.read(path, as_version=4)
        prose = sum(len(c.source.split()) for c in notebook.cells if c.cell_type == "markdown")
        words = sum(len(c.source.split()) for c in code(notebook) if "parameters" not in c.metadata.get("tags", []))
        assert prose >= words, f"{prose} words of prose, {words} of code"

    def test_outputs_are_kept_and_none_is_an_error(self, path):
        outputs = [o for cell in code(nbformat.read(path, as_version=4)) for o in cell.outputs]
        assert outputs, "stripped notebooks make nbval blind"
        assert not [o for o in outputs if o.output_type in ("error", "stream") and o.get("name") != "stdout"]

    def test_imports_no_simulator_and_no_network(self, path):
        source = "\n".join(cell.source for cell in code(nbformat.read(path, as_version=4)))
        assert not beyond(source) and "__import__" not in source

    def test_asserts_something(self, path):
        assert any("assert " in cell.source for cell in code(nbformat.read(path, as_version=4)))


def test_only_sections_marked_recovery_read_the_truth():
    """By the notebooks' code under each heading, by the rules that are handed the table, by the library's words."""
    n_read = 0
    for path in NOTEBOOKS:
        heading = ""
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "markdown":
                heading = (re.findall(r"^#+ .*", cell.source, flags=re.M) or [heading])[-1]
            elif "parameters" not in cell.metadata.get("tags", []):
                reads = re.search(r"\bread\w*\([^)]*\btruth\b|truth\.parquet", cell.source) is not None
                n_read += reads
                assert not reads or "recover" in heading.casefold(), f"{path.name}, under {heading!r}: {cell.source}"
    assert n_read == 1
    handed = [name for name, body in snakefile_rules().items() if "rules.truth.output" in body and name != "all"]
    assert handed == ["claims"]
    library = [path for path in MODULES if package(path) != "simulator"]
    told = {p.relative_to(LIBRARY).as_posix() for p in library if re.search(r"\btruth\b", p.read_text("utf-8"))}
    of_recovery = {"measuring/recovery.py", "showing/claims.py", "showing/verdicts.py", "site/pages.py"}
    assert told == {"cli.py", "commands/truth.py"} | of_recovery


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_parameters_default_to_the_expected_demo(path):
    notebook = nbformat.read(path, as_version=4)
    names = parameter_names(notebook, path.name)
    cell = next(c for c in code(notebook) if "parameters" in c.metadata.get("tags", []))
    values = {
        n.targets[0].id: ast.literal_eval(n.value) for n in ast.parse(cell.source).body if isinstance(n, ast.Assign)
    }
    assert set(values) == names
    for value in values.values():
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, str) and item.startswith(".."):
                allowed = (
                    "../data/expected/demo/",
                    "../data/reference/",
                    "../data/prompts/",
                    "../data/templates",
                    "../config/demo.yaml",
                    "../data/runs/notebook/",
                    "../figures/runs/notebook/",
                )
                assert item.startswith(allowed), item


def test_notebook_defaults_are_the_demo_configuration():
    config = yaml.safe_load((ROOT / "config/demo.yaml").read_text("utf-8"))
    for path in NOTEBOOKS:
        cell = next(c for c in code(nbformat.read(path, as_version=4)) if "parameters" in c.metadata.get("tags", []))
        values = {
            n.targets[0].id: ast.literal_eval(n.value) for n in ast.parse(cell.source).body if isinstance(n, ast.Assign)
        }
        block = snakefile_rules()[path.stem[3:]]
        expected = {}
        for whole in re.findall(r'^\s+\*\*config\["(\w+)"\],', block, flags=re.M):
            expected |= config[whole]
        some = r'^\s+\*\*\{key: config\["(\w+)"\]\[key\] for key in \(([^)]*)\)\},'
        for part, keys in re.findall(some, block, flags=re.M):
            expected |= {key: config[part][key] for key in re.findall(r'"(\w+)"', keys)}
        for name, keys in re.findall(r'^\s+(\w+)=config((?:\["\w+"\])+),', block, flags=re.M):
            expected[name] = config
            for key in re.findall(r'"(\w+)"', keys):
                expected[name] = expected[name][key]
        for name in expected.keys() & values.keys() if "params:" in block else ():
            if not str(values[name]).startswith(".."):
                assert values[name] == expected[name], (
                    f"{path.name}: {name} is {values[name]}, config/demo.yaml says {expected[name]}"
                )
