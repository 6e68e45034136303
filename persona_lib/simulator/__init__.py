"""The simulated respondents: a random-utility world with known truth behind the OpenAI chat protocol.

`world` holds the numbers (all parameters in `world.yaml`), `sentences` the texts (`bank.yaml`), `minds` what a
model perceives and how likely it is to choose, `roles` one handler per template, `protocol` one request and its
reply as the wire has them, `truth` what a statistic is worth on average, `studies` whole studies without a text.
`app` serves the models, `inside` without a socket, `batches` as files too, and `faults` misbehaves on demand. Only
`cli` starts it; nothing else of the library imports it.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

_ASIDE = {"app.py", "batches.py", "faults.py", "inside.py"}  # these change no reply
_ASIDE |= {"expected.py", "populations.py", "studies.py", "trials.py", "truth.py"}  # nor do these


@cache
def version() -> str:
    """A short hash of everything in this package that can change a reply: its code, its world, its sentences."""
    found = hashlib.sha256()
    for path in sorted(Path(__file__).parent.iterdir()):
        if path.suffix in {".py", ".yaml"} and path.name not in _ASIDE:
            text = path.read_bytes().replace(b"\r\n", b"\n")
            found.update(path.name.encode() + b"\0" + text + b"\0")
    return found.hexdigest()[:12]


def __getattr__(name: str) -> str:
    if name == "VERSION":
        return version()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
