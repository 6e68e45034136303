"""The simulated respondents: a random-utility world with known truth behind the OpenAI chat protocol.

`world` holds the numbers (all parameters in `world.yaml`), `issues` and `sentences` the texts (`issues/*.yaml`: what
can be said on the questions of the shipped prompts; `bank.yaml`: what suits any question), `writing` and `revising`
make answers of them, `nearness` says which of two answers a third sides with, `respondents` what a model perceives
and how likely it is to choose, `roles` one handler per template, `protocol` one request and its reply as the wire has
them, `formats` the JSON schemas of replies, `truth` what a statistic is worth on average (`populations` whom it is
about, `expected` from chances to statistics), `studies` and `attempts` whole studies without a text. `app` serves the
models, `inside` without a socket, `batches` as files too; `faults` misbehaves on demand. Only commands start it;
nothing else of the library imports it.
"""

from __future__ import annotations

import ast
import hashlib
from functools import cache
from pathlib import Path

from persona_lib.messages import templates
from persona_lib.simulator import issues, surveys
from persona_lib.tables import descriptions, histories, schema, streams

# These change no reply.
_ASIDE = {"__main__.py", "app.py", "batches.py", "faults.py", "inside.py"}
_ASIDE |= {"humans.py", "expected.py", "populations.py", "studies.py", "attempts.py", "truth.py", "truth_of_panels.py"}
_ASIDE |= {"expected_judges.py", "truth_of_judges.py", "truth_of_small_panels.py", "truth_of_texts.py"}
_ASIDE |= {"truth_of_given.py"}


@cache
def version() -> str:
    """A short hash of everything that can change a reply to the same messages.

    That is this package's code, world and sentences, the issues of the shipped prompts, the items of surveys, the
    random streams, how templates, descriptions and past answers are read, and the attributes with their labels. Where a
    module of the library lies is no part of it: import statements do not count.
    """
    here = [path for path in Path(__file__).parent.iterdir() if path.name not in _ASIDE]
    paths = [path for path in here if path.suffix in {".py", ".yaml"}]
    paths += [*issues.FOLDER.glob("*.yaml"), issues.PROMPTS, surveys.ITEMS]
    paths += [Path(str(module.__file__)) for module in (descriptions, histories, streams, templates)]
    found = hashlib.sha256()
    for path in sorted(paths, key=lambda path: path.name):
        text = path.read_text("utf-8")
        text = _without_imports(text) if path.suffix == ".py" else text
        found.update(f"{path.name}\0{text}\0".encode())
    for pair in zip(schema.attributes()["attribute"], schema.attributes()["label"], strict=True):
        found.update("\0".join(pair).encode() + b"\0")
    return found.hexdigest()[:12]


def _without_imports(source: str) -> str:
    """A program's lines that are not blank and belong to no import statement."""
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, (ast.Import, ast.ImportFrom))]
    gone = {number for node in nodes for number in range(node.lineno, (node.end_lineno or node.lineno) + 1)}
    return "\n".join(line for n, line in enumerate(source.splitlines(), 1) if n not in gone and line.strip())


def __getattr__(name: str) -> str:
    if name == "VERSION":
        return version()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
