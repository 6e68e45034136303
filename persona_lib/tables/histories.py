"""A person as what he or she answered before, in place of a description: written and read back here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from persona_lib.tables.descriptions import one_line

ASKED, ANSWERED, OVER = "Asked: ", "Answered: ", "Rather than: "


class Past(NamedTuple):
    """A question, the answer that was given or preferred, and the other one; '' where there were no two to compare."""

    question: str
    answer: str
    other: str = ""


def written(history: Sequence[Past]) -> str:
    """Past answers in lines: two each, and a third with the answer that was not preferred; '' for none.

    White space is one blank, so that no text can pose as a line of its own.

    Examples
    --------
    >>> print(written([Past("Is it\\nso?", "no"), Past("Why?", "Because.", "Who knows?")]))
    Asked: Is it so?
    Answered: no
    Asked: Why?
    Answered: Because.
    Rather than: Who knows?
    """
    lines = []
    for past in history:
        lines += [ASKED + one_line(past.question), ANSWERED + one_line(past.answer)]
        lines += [OVER + one_line(past.other)] if past.other else []
    return "\n".join(lines)


def read(text: str) -> list[Past]:
    """The inverse of `written`, with white space as one blank; empty where the text is no history.

    Examples
    --------
    >>> read(written([Past("Why?", "Because.", "Who knows?"), Past("So?", "no")]))
    [Past(question='Why?', answer='Because.', other='Who knows?'), Past(question='So?', answer='no', other='')]
    >>> read("Age: 43")
    []
    """
    found: list[Past] = []
    for line in text.split("\n"):
        if line.startswith(ASKED):
            found.append(Past(line.removeprefix(ASKED), ""))
        elif found and line.startswith(ANSWERED):
            found[-1] = found[-1]._replace(answer=line.removeprefix(ANSWERED))
        elif found and line.startswith(OVER):
            found[-1] = found[-1]._replace(other=line.removeprefix(OVER))
    return found
