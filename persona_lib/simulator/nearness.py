"""Which of two known answers to a question a third one sides with, in the eyes of a simulated judge."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from persona_lib.simulator.issues import POSITION
from persona_lib.simulator.sentences import load_bank, split
from persona_lib.simulator.world import Model, logistic

VERDICTS = ("A", "B", "neither")
_NEITHER = VERDICTS.index("neither")


@lru_cache(maxsize=20_000)
def positions(text: str) -> frozenset[int]:
    """The positions on issues that a text holds, as numbers of sentences of the bank; none in a text from elsewhere."""
    bank = load_bank()
    return frozenset(j for j in map(bank.find, split(text)) if j is not None and bank.kind[j] == POSITION)


def nearer_chances(answer: str, first: str, second: str, who: Model) -> np.ndarray:
    """Chances of the `VERDICTS` on an answer beside two known ones, of which `first` is shown first.

    The verdict is the known answer with whose position the answer shares one, and neither where it shares one with
    both or with none. In a share `guess_rate` of the cases the model has not read: then each verdict comes at random,
    a third of them neither, the others the first with chance logistic(position_bias).

    Examples
    --------
    Texts without any position of an issue.

    >>> from persona_lib.simulator.world import load
    >>> nearer_chances("Yes.", "Yes.", "No.", load().models["sim-judge"]).round(2).tolist()
    [0.01, 0.01, 0.99]
    """
    held = positions(answer)
    shares = [bool(held & positions(known)) for known in (first, second)]
    read = np.zeros(len(VERDICTS))
    read[_NEITHER if shares[0] == shares[1] else shares.index(True)] = 1.0
    leans = float(logistic(who.position_bias))
    guessed = np.array([2 * leans, 2 * (1 - leans), 1.0]) / 3
    return (1 - who.guess_rate) * read + who.guess_rate * guessed
