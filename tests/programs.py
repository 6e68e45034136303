"""What the house tests share: what a program imports, the code of a notebook, the rules of the Snakefile."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LIBRARY = ROOT / "persona_lib"
MODULES = sorted(path for path in LIBRARY.rglob("*.py"))
NETWORK = {"httpx", "httpx2", "openai", "requests", "urllib", "urllib3", "http", "ftplib", "aiohttp", "socket"}
NETWORK |= {"ssl", "smtplib", "socketserver", "websockets"}


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


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def snakefile_rules() -> dict[str, str]:
    """The body of each rule, by the rule's name; one that uses another counts with what it changes."""
    text = (ROOT / "Snakefile").read_text("utf-8")
    parts = re.split(r"^(?:rule|use rule \w+ as) (\w+)(?: with)?:$", text, flags=re.M)
    assert len(parts) // 2 == len(re.findall(r"^(?:use )?rule\b", text, flags=re.M)), "a rule in another form"
    return dict(zip(parts[1::2], parts[2::2], strict=True))
