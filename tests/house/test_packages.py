"""The library's packages: layers, arrows, sizes, who knows a network, and that every module has its tests."""

import ast
import re
from pathlib import Path

import pytest
from programs import LIBRARY, MODULES, NETWORK, ROOT, named, package, packages

MOST_LINES = 350  # of a module, and of a test file
MAY_IMPORT = {  # a package's folder is its layer
    "tables": set(),
    "messages": {"tables"},
    "estimating": {"tables"},
    "measuring": {"tables", "estimating"},
    "pluralism": {"tables", "estimating", "measuring"},
    "learning": {"tables", "estimating", "measuring", "pluralism"},
    "people": {"tables", "estimating"},
    "study": {"tables"},
    "census": {"tables"},
    "ledger": {"tables", "messages"},
    "acquisition": {"tables", "census"},
    "sampling": {"tables", "census", "estimating"},
    "synthesis": {"tables", "estimating"},
    "stages": {"tables", "messages", "synthesis", "acquisition"},
    "asking": {"tables", "messages", "ledger"},
    "cost": {"tables", "messages", "ledger", "asking", "stages"},
    "exporting": {"tables"},
    "evals": {"tables", "messages", "stages", "estimating", "measuring", "pluralism", "people"},
    "showing": {"exporting", "tables", "estimating", "measuring"},
    "site": {"tables", "showing"},
    "simulator": {"tables", "messages"},
}
ALL = {*MAY_IMPORT, "commands"}
MAY_IMPORT |= {"commands": ALL, "cli": ALL}


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


def is_relative(source: str) -> bool:
    """Whether a program imports by a place relative to its own, which the tests of arrows do not read."""
    return any(name.startswith(".") for name in named(source))


def test_no_import_is_relative():
    assert is_relative("from ..asking import prices") and is_relative("from . import locks")
    assert [p.relative_to(LIBRARY).as_posix() for p in MODULES if is_relative(p.read_text("utf-8"))] == []


KNOWS = {"asking/client.py", "asking/batch_service.py", "acquisition/download.py"}  # ask models, fetch census files
NAMES_ITS_MACHINE = {"ledger/locks.py"}  # by socket.gethostname


def knows_a_network(source: str) -> bool:
    return bool({name.split(".")[0] for name in named(source)} & NETWORK)


def test_only_three_modules_know_a_network():
    """The simulator is served, and asks nobody: it is left out."""
    modules = [path for path in MODULES if package(path) != "simulator"]
    knows = {path.relative_to(LIBRARY).as_posix() for path in modules if knows_a_network(path.read_text("utf-8"))}
    assert knows == KNOWS | NAMES_ITS_MACHINE
    uses = re.findall(r"\bsocket\.(\w+)", (LIBRARY / "ledger/locks.py").read_text("utf-8"))
    assert set(uses) == {"gethostname"}


@pytest.mark.parametrize(
    "planted", ["import openai", "from urllib.parse import quote", "import http.client as c", "import socket"]
)
def test_a_planted_import_of_a_network_is_seen(planted):
    source = (LIBRARY / "stages/judging.py").read_text("utf-8")
    assert not knows_a_network(source) and knows_a_network(f"{source}\n\ndef f():\n    {planted}\n")


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.relative_to(LIBRARY).as_posix())
def test_library_prints_nothing_and_stays_short(path):
    source = path.read_text("utf-8")
    assert len(source.splitlines()) <= MOST_LINES, "more than one subject?"
    calls = [n.func.id for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)]
    assert "print" not in calls or package(path) in ("cli", "commands") or path.stem == "app"


MOST_MODULES = 12  # of a package
ONE_EACH = ("simulator", "stages", "commands")  # one module a role, a stage, a command: they grow with these
TESTS = ROOT / "tests"
BESIDE = {  # test files of a package that are named for no module of it, and what they try
    "asking/test_batch_resume.py": "batches in flight, of asking/batch_service.py",
    "asking/test_endpoints.py": "the whole package against what real endpoints send",
    "asking/test_storms.py": "the whole package against every fault",
    "census/test_layouts.py": "the whole package against the layouts of every year",
    "sampling/test_small_files.py": "the whole package, and personas, on files of a few records or without a column",
    "study/test_in_browser.py": "the study of study/project.py in a real browser",
    "synthesis/test_chain_programs.py": "the programs that fit the chain, in data/reference",
}
THROUGH = {  # modules that are reached through another alone
    "census/households.py": "persona_lib.census.records",
    "census/sniffing.py": "persona_lib.census.pums",
}


def modules() -> dict[str, list[Path]]:
    """The modules of each package; a module beside the packages is one of its own."""
    found: dict[str, list[Path]] = {}
    for path in MODULES:
        if path.name != "__init__.py":
            found.setdefault(package(path), []).append(path)
    return found


def floors(graph: dict[str, set[str]]) -> list[set[str]]:
    """The packages of a graph from the ground up: each imports from floors below its own alone.

    A ring has no floor; it stops with the names of all that are in it or above it.
    """
    left, built = dict(graph), []
    while left:
        floor = {name for name, below in left.items() if not below & set(left)}
        assert floor, f"a ring: {', '.join(sorted(left))}"
        built.append(floor)
        left = {name: below for name, below in left.items() if name not in floor}
    return built


def test_the_graph_of_packages_has_no_ring():
    """With -s it prints the graph: floor, package, modules, lines, and what it imports from."""
    graph, held = arrows(), modules()
    built = floors(graph)
    for number, floor in reversed([*enumerate(built)]):
        for name in sorted(floor):
            n_lines = sum(len(path.read_text("utf-8").splitlines()) for path in held[name])
            size = f"{len(held[name]):>2} modules, {n_lines:>5} lines"
            print(f"{number}  {name:<10} {size}  -> {', '.join(sorted(graph[name])) or 'nothing'}")
    assert set().union(*built) == set(held) and "tables" in built[0] and built[-1] == {"cli"}


def test_a_ring_of_packages_is_seen():
    with pytest.raises(AssertionError, match="a ring: .*asking, .*ledger, messages"):
        floors(arrows() | {"messages": {"asking"}})


def test_the_declared_arrows_make_no_ring_either():
    """So that no later import that is allowed can close one."""
    declared = {name: below - {name} for name, below in MAY_IMPORT.items()}
    assert set().union(*floors(declared)) == set(MAY_IMPORT)


def test_no_package_is_too_large():
    sizes = {name: len(paths) for name, paths in modules().items() if name not in ONE_EACH}
    assert {name: n for name, n in sizes.items() if n > MOST_MODULES} == {}, "two subjects?"


def has_a_function(source: str) -> bool:
    """Whether a program defines a function or a method; one that does not has nothing to try."""
    return any(isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) for node in ast.walk(ast.parse(source)))


def home_of(path: Path) -> Path:
    """The test file of a module: in the folder of the same name, test_ before its own."""
    return TESTS / path.relative_to(LIBRARY).with_name(f"test_{path.name}")


def tries(source: str, path: Path) -> bool:
    """Whether a test file has tests and imports its module, or that through which alone the module is reached."""
    through = "persona_lib.cli" if package(path) == "commands" else THROUGH.get(path.relative_to(LIBRARY).as_posix())
    return "def test_" in source and bool(
        {".".join(path.relative_to(ROOT).with_suffix("").parts), through} & named(source)
    )


def test_every_module_has_its_test_file():
    """Not the simulator's, which is tried by what it says, role by role and over the wire."""
    owed = [path for name, paths in modules().items() if name != "simulator" for path in paths]
    owed = [path for path in owed if path.name != "__main__.py" and has_a_function(path.read_text("utf-8"))]
    missing = [path for path in owed if not home_of(path).is_file()]
    assert [path.relative_to(LIBRARY).as_posix() for path in missing] == []
    idle = [path for path in owed if not tries(home_of(path).read_text("utf-8"), path)]
    assert [path.relative_to(LIBRARY).as_posix() for path in idle] == [], "the test file does not import its module"


def test_every_test_file_of_a_package_is_named_for_a_module():
    known = {home_of(path) for paths in modules().values() for path in paths}
    folders = [name for name in modules() if name not in ("simulator", "cli")]
    strange = {path for name in folders for path in (TESTS / name).glob("test_*.py")} - known
    assert {path.relative_to(TESTS).as_posix() for path in strange} == set(BESIDE)


def test_test_files_stay_short():
    sizes = {p.relative_to(TESTS).as_posix(): len(p.read_text("utf-8").splitlines()) for p in TESTS.rglob("*.py")}
    assert {name: n for name, n in sizes.items() if n > MOST_LINES} == {}, "more than one subject?"
