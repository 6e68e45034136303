"""Which files a notebook or module stands on: an edit of one of them reruns exactly its readers."""

import ast
import json
from pathlib import Path

LOCK = "requirements.lock"


def notebook(name: str, *further: str) -> dict[str, str | list[str]]:
    """Two inputs of a rule: its notebook, and the library files on which that stands, with further ones."""
    path = f"notebooks/{name}.ipynb"
    return {"notebook": path, "library": [*library_files(path), *further]}


def library_files(path: str, package: str = "persona_lib") -> list[str]:
    """The library files that a notebook or module imports, directly or not, and the lock of its packages.

    A module's package data (a .yaml beside it that its source names) belongs to it; so does, for a
    subpackage, every file of it. Paths are relative to the folder of the Snakefile, sorted.

    Raises
    ------
    FileNotFoundError
        The notebook or an imported module of the package does not exist.
    SyntaxError
        A cell or module does not parse.
    """
    found: set[Path] = set()
    waiting = [Path(path)]
    seen: set[Path] = set()
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        source = _source(current)
        if current.suffix == ".py":
            found.add(current)
            found |= {data for data in current.parent.glob("*.yaml") if data.name in source}
        for module, must_exist in _imported(source, package, current).items():
            waiting.extend(_files_of(module, must_exist))
    return [*sorted(file.as_posix() for file in found), LOCK]


def _source(path: Path) -> str:
    text = path.read_text("utf-8")
    if path.suffix != ".ipynb":
        return text
    cells = json.loads(text)["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")


def _imported(source: str, package: str, path: Path) -> dict[str, bool]:
    """Dotted names of the package that the source imports; true where the name must be a module."""
    names: dict[str, bool] = {}
    for node in ast.walk(ast.parse(source, filename=str(path))):
        if isinstance(node, ast.Import):
            names |= {alias.name: True for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names |= {f"{node.module}.{alias.name}": False for alias in node.names} | {node.module: True}
    return {name: must for name, must in names.items() if name.split(".")[0] == package}


def _files_of(module: str, must_exist: bool) -> list[Path]:
    """The module's file and the `__init__.py` of each package above it; nothing for a name inside a module."""
    parts = module.split(".")
    own = [Path(*parts).with_suffix(".py"), Path(*parts, "__init__.py")]
    if must_exist and not any(file.is_file() for file in own):
        raise FileNotFoundError(f"module {module} is imported, but there is no {own[0].as_posix()}")
    above = [Path(*parts[:depth], "__init__.py") for depth in range(1, len(parts))]
    return [file for file in (*own, *above) if file.is_file()]
