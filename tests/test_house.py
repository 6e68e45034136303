"""The house's own rules: layers, notebooks, rules, reference files, dependencies, secrets of the place."""

import ast
import hashlib
import re
import tomllib
from pathlib import Path

import nbformat
import pandas as pd
import pytest
import yaml
from packaging.requirements import Requirement

from persona_lib.tables import schema
from workflow.notebook import parameter_names

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LIBRARY = ROOT / "persona_lib"
MODULES = sorted(path for path in LIBRARY.rglob("*.py"))
MAY_IMPORT = {  # a package's folder is its layer
    "tables": set(),
    "messages": {"tables"},
    "measuring": {"tables"},
    "census": {"tables"},
    "ledger": {"tables", "messages"},
    "synthesis": {"tables", "census", "measuring"},
    "stages": {"tables", "messages", "synthesis"},
    "asking": {"tables", "messages", "ledger"},
    "cost": {"tables", "messages", "ledger", "asking", "stages"},
    "showing": {"tables", "measuring"},
    "simulator": {"tables", "messages"},
}
ALL = {*MAY_IMPORT, "commands"}
MAY_IMPORT |= {"commands": ALL, "cli": ALL}


def named(source: str) -> set[str]:
    """Dotted names that a program imports, anywhere in it.

    `from a import b` gives a and a.b; an import by text gives its text.
    """
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            names |= {module} | {f"{module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in ("import_module", "__import__"):
            names |= {value.value for value in node.args if isinstance(value, ast.Constant)}
    return names


def packages(source: str) -> set[str]:
    """Which packages of the library a program imports from; `cli` is one; '' stands for the library as a whole."""
    ours = [name.split(".") for name in named(source) if name.split(".")[0] == "persona_lib"]
    told = {parts[1] for parts in ours if len(parts) > 1}
    return told or ({""} if ours else set())


def package(path: Path) -> str:
    """The package in which a module of the library lies; of a module beside the packages its own name."""
    return path.relative_to(LIBRARY).parts[0].removesuffix(".py")


def arrows() -> dict[str, set[str]]:
    """The packages that each package imports from, itself left out."""
    found: dict[str, set[str]] = {}
    for path in MODULES:
        if path != LIBRARY / "__init__.py":
            found.setdefault(package(path), set()).update(packages(path.read_text("utf-8")) - {package(path)})
    return found


def test_every_package_has_its_layer():
    assert set(arrows()) == set(MAY_IMPORT) and (LIBRARY / "__init__.py").read_text("utf-8") == ""


def test_imports_point_one_way():
    assert {name: found - MAY_IMPORT[name] for name, found in arrows().items() if found - MAY_IMPORT[name]} == {}
    messages = [n for path in MODULES if package(path) == "simulator" for n in named(path.read_text("utf-8"))]
    of_messages = {n for n in messages if n.startswith("persona_lib.messages.")}
    assert of_messages and all(name.startswith("persona_lib.messages.templates") for name in of_messages)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("from persona_lib import asking", {"asking"}),
        ("from persona_lib.asking import client", {"asking"}),
        ("if True:\n    from persona_lib.asking.client import Client", {"asking"}),
        ("import persona_lib.census.pums as pums", {"census"}),
        ("import importlib\nimportlib.import_module('persona_lib.simulator.truth')", {"simulator"}),
        ("import persona_lib", {""}),
    ],
)
def test_an_import_is_seen_however_it_is_written(source, found):
    assert packages(source) == found


NETWORK = {"httpx", "httpx2", "openai", "requests", "urllib", "urllib3", "http", "ftplib", "aiohttp"}
KNOWS = {"asking/client.py", "asking/batch_service.py", "census/download.py"}  # ask models, fetch census files


def knows_a_network(source: str) -> bool:
    return bool({name.split(".")[0] for name in named(source)} & NETWORK)


def test_only_three_modules_know_a_network():
    """The simulator is served, and asks nobody: it is left out."""
    modules = [path for path in MODULES if package(path) != "simulator"]
    knows = {path.relative_to(LIBRARY).as_posix() for path in modules if knows_a_network(path.read_text("utf-8"))}
    assert knows == KNOWS


@pytest.mark.parametrize("planted", ["import openai", "from urllib.parse import quote", "import http.client as c"])
def test_a_planted_import_of_a_network_is_seen(planted):
    source = (LIBRARY / "stages/judging.py").read_text("utf-8")
    assert not knows_a_network(source) and knows_a_network(f"{source}\n\ndef f():\n    {planted}\n")


def beyond(source: str) -> set[str]:
    """What a notebook's code imports that no notebook may: what asks models, what fetches, the simulator, imports by
    a text, and the library as a whole, through which all of these can be reached.
    """
    reaching = r"persona_lib(\.(simulator|cli|commands|asking|cost|census\.download)(\..*)?)?"
    asks_nobody = r"persona_lib\.(asking\.prices|cost\.plan)(\..*)?"
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
        "from persona_lib.census.download import fetch",
        "from persona_lib.census import download",
        "from urllib.request import urlopen",
        "import pandas, openai",
        "from importlib import import_module",
        "from . import llm",
    ],
)
def test_a_notebook_cannot_evade_its_guard(source):
    assert beyond(source)
    assert not beyond("from persona_lib.measuring import agreement\nfrom persona_lib.ledger.replay import replay")


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.relative_to(LIBRARY).as_posix())
def test_library_prints_nothing_and_stays_short(path):
    source = path.read_text("utf-8")
    assert len(source.splitlines()) <= 400, "more than one subject?"
    calls = [n.func.id for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)]
    assert "print" not in calls or package(path) in ("cli", "commands") or path.stem == "app"


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


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
        assert 8 <= len(cells) <= 22
        for cell in cells:
            assert len(cell.source.splitlines()) <= 25
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
    assert told == {"cli.py", "commands/truth.py", "showing/claims.py"}


def snakefile_rules() -> dict[str, str]:
    """The body of each rule, by the rule's name; one that uses another counts with what it changes."""
    text = (ROOT / "Snakefile").read_text("utf-8")
    parts = re.split(r"^(?:rule|use rule \w+ as) (\w+)(?: with)?:$", text, flags=re.M)
    assert len(parts) // 2 == len(re.findall(r"^(?:use )?rule\b", text, flags=re.M)), "a rule in another form"
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_no_rule_has_a_shell_and_one_is_used_after_it_stands():
    text, order = (ROOT / "Snakefile").read_text("utf-8"), list(snakefile_rules())
    assert not re.findall(r"^\s+(?:shell|run):", text, flags=re.M)
    for used, name in re.findall(r"^use rule (\w+) as (\w+)", text, flags=re.M):
        assert order.index(used) < order.index(name), f"{name} uses {used}"
        assert used.startswith("collect_") == name.startswith("collect_"), f"{name} uses {used}"


def test_each_notebook_has_one_rule_of_its_name():
    rules = snakefile_rules()
    for path in NOTEBOOKS:
        named = [name for name, body in rules.items() if f'**notebook("{path.stem}"' in body]
        assert named == [path.stem[3:]]
        body = rules[path.stem[3:]]
        assert f'notebook=f"{{RUN}}/notebooks/{path.name}",' in body and f'f"{{RUN}}/logs/{path.stem}.log",' in body


def test_a_notebook_reads_only_what_earlier_numbers_wrote():
    order: list[str] = []
    for name, body in snakefile_rules().items():
        for used in re.findall(r"rules\.(\w+)\.(?:in|out)put", body.split("output:")[0]):
            assert used in order, f"rule {name} reads {used}, which stands after it"
        order.append(name)


def test_every_rule_says_what_it_does():
    for name, body in snakefile_rules().items():
        assert body.lstrip().startswith('"""'), name
        assert name == "all" or ("log:" in body and "message:" in body), name


def test_each_table_has_one_writer_and_its_rule_declares_it():
    rules = snakefile_rules()
    for table in schema.tables().values():
        shape_only = table.name == "statistics"
        rule = re.sub(r"^\d\d_", "", table.written_by)
        assert shape_only or f"{table.name}=f" in rules[rule].split("output:")[1], (
            f"{table.name} is not written by {rule}"
        )


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
        for name, keys in re.findall(r'^\s+(\w+)=config((?:\["\w+"\])+),', block, flags=re.M):
            expected[name] = config
            for key in re.findall(r'"(\w+)"', keys):
                expected[name] = expected[name][key]
        for name in expected.keys() & values.keys() if "params:" in block else ():
            if not str(values[name]).startswith(".."):
                assert values[name] == expected[name], (
                    f"{path.name}: {name} is {values[name]}, config/demo.yaml says {expected[name]}"
                )


REFERENCE = ROOT / "data" / "reference"


def test_every_reference_file_has_its_source_row():
    sources = pd.read_csv(REFERENCE / "sources.csv", dtype=str, keep_default_na=False)
    assert not sources.file.duplicated().any()
    files = {
        p.relative_to(ROOT / "data").as_posix()
        for folder in ("reference", "prompts")
        for p in (ROOT / "data" / folder).rglob("*")
        if p.is_file() and p.suffix in (".csv", ".gz", ".yaml") and p.name != "sources.csv"
    }
    assert set(sources.file) == files
    for row in sources.itertuples():
        assert hashlib.sha256((ROOT / "data" / row.file).read_bytes()).hexdigest() == row.sha256, row.file
        assert row.licence and row.title and row.source and row.how_made, row.file


def test_environment_and_pyproject_name_the_same_packages():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    ours = {str(Requirement(d)) for d in (*project["dependencies"], *extras["ci"], *extras["dev"])}
    conda = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))["dependencies"]
    theirs = {str(Requirement(d)) for d in conda if isinstance(d, str)}
    assert theirs - {"pip", f"python{project['requires-python']}"} == ours


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-lab.lock", "requirements-system.lock"])
def test_lock_satisfies_pyproject_and_names_no_address(lock):
    text = (ROOT / lock).read_text("utf-8")
    assert "://" not in text
    locked = dict(re.findall(r"^([a-z0-9._-]+)==([^\s;\\]+)", text, flags=re.M))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["ci"]]
    for name, extra in (("lab", "dev"), ("system", "system")):
        wanted += project["optional-dependencies"][extra] if name in lock else []
    for requirement in map(Requirement, wanted):
        assert requirement.specifier.contains(locked[requirement.name.lower()]), requirement


def test_every_configuration_key_is_described():
    def walk(node, where):
        for key, value in node.get("properties", {}).items():
            assert value.get("description") or "enum" in value and value.get("description"), f"{where}.{key}"
            if value.get("type") == "object" and "properties" in value:
                assert value["additionalProperties"] is False, f"{where}.{key}"
            walk(value, f"{where}.{key}")

    walk(yaml.safe_load((ROOT / "config/schema.yaml").read_text("utf-8")), "config")
