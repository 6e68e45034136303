"""Issues: what can be said on the questions of the shipped prompts, and which question belongs to which issue.

The texts stand in `issues/*.yaml`, hand-written. The column `issue` of the shipped bank names the issue of each prompt;
a prompt from elsewhere has none.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from persona_lib.tables.files import read_yaml

FOLDER = Path(__file__).with_name("issues")
PROMPTS = Path(__file__).resolve().parents[2] / "data" / "prompts" / "bank.csv"
POSITION, REASON = "position", "reason"


@dataclass(frozen=True)
class Side:
    """A position on an issue and the reasons for it, as numbers of sentences of the bank."""

    position: int
    reasons: tuple[int, ...]

    @property
    def sentences(self) -> tuple[int, ...]:
        return (self.position, *self.reasons)


@dataclass(frozen=True)
class Issue:
    """What may be said on one issue: its short name, its sides, and the sentences that an answer may hold."""

    name: str
    sides: tuple[Side, ...]
    rows: np.ndarray

    def side_of(self, sentence: int | None) -> Side | None:
        """The side to which a sentence belongs; None for a sentence of no side."""
        return next((side for side in self.sides if sentence in side.sentences), None)


def declared_issues() -> dict[str, Mapping]:
    """What the files declare, by the id of the issue.

    Raises
    ------
    ValueError
        An id is declared twice, or an issue has fewer than two sides or a side fewer than two reasons.
    """
    found: dict[str, Mapping] = {}
    for path in sorted(FOLDER.glob("*.yaml")):
        for issue in read_yaml(path):
            name = issue["issue"]
            if name in found:
                raise ValueError(f"{path.name}: issue {name} is declared twice")
            if len(issue["sides"]) < 2 or min(len(side["reasons"]) for side in issue["sides"]) < 2:
                raise ValueError(f"{path.name}: issue {name}: two sides and two reasons a side are the least")
            found[name] = issue
    return found


def sentences_of(issue: Mapping) -> Iterator[tuple[int, str, Mapping]]:
    """(number of the side, kind, sentence) of one declared issue, position before reasons."""
    for number, side in enumerate(issue["sides"]):
        yield number, POSITION, side["position"]
        yield from ((number, REASON, reason) for reason in side["reasons"])


@cache
def prompts() -> dict[str, str]:
    """The id of the issue of every prompt of the shipped bank, by its text without regard to case and blanks."""
    with PROMPTS.open(encoding="utf-8", newline="") as file:
        return {plain(row["text"]): row["issue"] for row in csv.DictReader(file)}


def plain(prompt: str) -> str:
    """A prompt in lower case, with single blanks."""
    return " ".join(prompt.casefold().split())
