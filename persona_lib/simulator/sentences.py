"""The bank's sentences: text to vector, and sentences chosen to make an answer.

A text stands where the mean of its sentences stands. Sentences of the bank are recognised with any topic in
their slot; any other sentence has a small vector of its own, from a hash of its words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
import yaml

from persona_lib.simulator.world import World, load
from persona_lib.streams import generator

KINDS = ("opening", "body", "closing")
SLOT = "{topic}"
SHORT = ("the matter", "this question")
_SPLIT = re.compile(r"(?<=[.!?])\s+")


class Bank:
    """The sentences of one bank with their vectors in the dimensions of a world.

    Attributes: `say` the sentences, `kind` and `n_words` (the slot counts as three words) of each, `vectors` one
    row each.
    """

    def __init__(self, declared: Mapping[str, Sequence[Mapping]], world: World) -> None:
        self.world = world
        poles = {}
        for d, name in enumerate(world.dimensions):
            spec = world.parameters["dimensions"][name]
            poles[spec["low"][0]], poles[spec["high"][0]] = (d, -1.0), (d, 1.0)
        self.say, kinds, vectors = [], [], []
        for kind in KINDS:
            for sentence in declared[kind]:
                vector = np.zeros(len(world.dimensions))
                for pole, lean in sentence.items():
                    if pole != "say":
                        d, sign = poles[pole]
                        vector[d] = sign * lean
                self.say.append(sentence["say"])
                kinds.append(kind)
                vectors.append(vector)
        self.vectors = np.array(vectors)
        self.kind = np.array(kinds)
        self.n_words = np.array([len(s.replace(SLOT, "one two three").split()) for s in self.say])
        self._whole = {s: j for j, s in enumerate(self.say) if SLOT not in s}
        self._slotted: dict[str, list[tuple[str, str, int]]] = {}
        for j, s in enumerate(self.say):
            if SLOT in s:
                before, after = s.split(SLOT)
                self._slotted.setdefault(s.split()[0], []).append((before, after, j))
        self.vector = lru_cache(maxsize=50_000)(self._vector_uncached)

    def find(self, sentence: str) -> int | None:
        """The bank's number of a sentence, whatever fills its slot; None if it is not from the bank."""
        if (j := self._whole.get(sentence)) is not None:
            return j
        for before, after, j in self._slotted.get(sentence.split(" ", 1)[0], ()):
            fits = sentence.startswith(before) and sentence.endswith(after)
            if fits and len(sentence) > len(before) + len(after):
                return j
        return None

    def _vector_uncached(self, text: str) -> tuple[np.ndarray, int]:
        """Where a text stands (the mean of its sentences; zero for no text), and its number of words."""
        found = []
        for sentence in split(text):
            j = self.find(sentence)
            if j is None:
                draw = generator(self.world.seed, "simulator.sentence", " ".join(sentence.casefold().split()))
                strange = draw.standard_normal(len(self.world.dimensions)) * self.world.parameters["writing"]["unknown"]
                found.append(np.clip(strange, -1, 1))
            else:
                found.append(self.vectors[j])
        mean = np.mean(found, axis=0) if found else np.zeros(len(self.world.dimensions))
        mean.flags.writeable = False
        return mean, len(text.split())

    def compose(self, scores: np.ndarray, n_sentences: int) -> list[int]:
        """The best opening, the best n_sentences - 2 of the body in falling order of score, the best closing."""
        chosen = []
        for kind, n in (("opening", 1), ("body", max(1, n_sentences - 2)), ("closing", 1)):
            members = np.flatnonzero(self.kind == kind)
            best = members[np.argsort(-scores[members], kind="stable")[:n]]
            chosen += best.tolist()
        return chosen

    def best(self, position: np.ndarray, n_sentences: int) -> float:
        """The highest utility that an answer of so many sentences can have at a position."""
        chosen = self.compose(self.vectors @ position, n_sentences)
        return float(self.world.utility(position, self.vectors[chosen].mean(axis=0), self.n_words[chosen].sum()))

    def fill(self, chosen: Sequence[int], topic: str) -> str:
        """The sentences as one paragraph: the topic in the first slot, then by turns a shorter name for it."""
        said, n_named = [], 0
        for j in chosen:
            said.append(self.say[j].replace(SLOT, mention(topic, n_named)))
            n_named += SLOT in self.say[j]
        return " ".join(said)


def mention(topic: str, n_named: int) -> str:
    """What to call a topic that was named so many times before: a long one is given in full once only.

    Examples
    --------
    >>> [mention("gun control", n) for n in range(4)]
    ['gun control', 'the matter', 'gun control', 'this question']
    """
    if n_named == 0 or (n_named % 2 == 0 and len(topic.split()) <= 3):
        return topic
    return SHORT[n_named // 2 % len(SHORT)] if n_named % 2 else "the subject"


def split(text: str) -> list[str]:
    """The sentences of a text.

    Examples
    --------
    >>> split("It is so. Is it? Yes.")
    ['It is so.', 'Is it?', 'Yes.']
    """
    return [part for part in _SPLIT.split(text.strip()) if part]


@cache
def load_bank() -> Bank:
    """The bank of `bank.yaml` in the world of `world.yaml`, read once."""
    declared = yaml.safe_load(Path(__file__).with_name("bank.yaml").read_text("utf-8"))
    return Bank(declared, load())


@cache
def phrases() -> dict:
    """The word lists of `phrases.yaml`, read once."""
    return yaml.safe_load(Path(__file__).with_name("phrases.yaml").read_text("utf-8"))
