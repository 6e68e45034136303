"""The bank's sentences: text to vector, and sentences chosen and worded to make an answer.

A text stands where the mean of its sentences stands. Sentences of the bank are recognised in any wording and with
any topic; any other sentence has a small vector of its own, from a hash of its words.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache

import numpy as np

from persona_lib.simulator.world import World, declared, load
from persona_lib.tables.streams import generator

KINDS = ("opening", "body", "closing")
TOPIC = "topic"
LONGEST = 1000  # characters; far above any sentence of the bank, so that hostile text costs no time to recognise
_SPLIT = re.compile(r"(?<=[.!?])\s+")
_CHOICE = re.compile(r"\[([^\]]+)\]")
_SLOT = re.compile(r"\{(\w+)\}")


class Bank:
    """The sentences of one bank with their vectors in the dimensions of a world.

    Attributes: `wordings` of each sentence, with its slots; `kind` and `n_words` (on average over its wordings; a
    slot counts as three words) of each; `vectors` one row each; `clashes` which two take opposite sides.

    Raises
    ------
    ValueError
        A sentence begins with a slot, holds a slot that `subjects` does not know, or a pole that the world has not.
    """

    def __init__(self, declared: Mapping[str, Sequence[Mapping]], subjects: Mapping[str, Mapping], world: World):
        self.world = world
        self.subjects = subjects
        self._words = {slot: {w for subject in subjects.values() for w in subject[slot]} for slot in subjects["life"]}
        poles = {}
        for d, name in enumerate(world.dimensions):
            spec = world.parameters["dimensions"][name]
            poles[spec["low"][0]], poles[spec["high"][0]] = (d, -1.0), (d, 1.0)
        self.wordings: list[list[str]] = []
        kinds, vectors = [], []
        for kind in KINDS:
            for sentence in declared[kind]:
                say, vector = sentence["say"], np.zeros(len(world.dimensions))
                if wrong := (set(_SLOT.findall(say)) - {TOPIC, *self._words}) | (set(sentence) - {"say", *poles}):
                    raise ValueError(f"bank: {say}: there is no {', '.join(sorted(wrong))}")
                if _SLOT.match(say.lstrip("[")):
                    raise ValueError(f"bank: {say}: must begin with a word of its own")
                for pole in set(sentence) - {"say"}:
                    d, sign = poles[pole]
                    vector[d] = sign * sentence[pole]
                self.wordings.append(_wordings(say))
                kinds.append(kind)
                vectors.append(vector)
        self.vectors, self.kind = np.array(vectors), np.array(kinds)
        self._of_kind = {kind: np.flatnonzero(self.kind == kind) for kind in KINDS}
        plain = [[_SLOT.sub("one two three", w) for w in wordings] for wordings in self.wordings]
        self.n_words = np.array([np.mean([len(w.split()) for w in wordings]) for wordings in plain])
        self.clashes = self.vectors @ self.vectors.T < -world.parameters["writing"]["clash"]
        self._whole: dict[str, int] = {}
        self._slotted: dict[tuple[str, str], list[tuple[str, int]]] = {}
        for j, wordings in enumerate(self.wordings):
            for wording in wordings:
                if _SLOT.search(wording) is None:
                    self._whole[wording] = j
                else:
                    self._slotted.setdefault(_ends(wording), []).append((wording, j))
        self._sentence = lru_cache(maxsize=100_000)(self._sentence_uncached)
        self.vector = lru_cache(maxsize=50_000)(self._vector_uncached)

    def find(self, sentence: str) -> int | None:
        """The bank's number of a sentence, whatever its wording and topic; None if it is not from the bank."""
        if (j := self._whole.get(sentence)) is not None:
            return j
        if len(sentence) > LONGEST:
            return None
        first, last = _ends(sentence)
        for ends in ((first, last), (first, "")):
            for wording, j in self._slotted.get(ends, ()):
                if self._fits(wording, sentence):
                    return j
        return None

    def _fits(self, wording: str, sentence: str) -> bool:
        slots, loose = _pattern(wording)
        if (found := loose.fullmatch(sentence)) is None:
            return False
        words = zip(slots, found.groups(), strict=True)
        return all(slot == TOPIC or word in self._words[slot] for slot, word in words) or self._fits_strictly(
            wording, sentence
        )

    def _fits_strictly(self, wording: str, sentence: str) -> bool:
        """Where a topic holds the very words that follow its slot, the first division need not be the right one."""
        parts = _SLOT.split(wording)
        known = {slot: "|".join(map(re.escape, sorted(words))) for slot, words in self._words.items()} | {TOPIC: ".+"}
        strict = "".join(f"(?:{known[part]})" if i % 2 else re.escape(part) for i, part in enumerate(parts))
        return re.fullmatch(strict, sentence) is not None

    def _sentence_uncached(self, sentence: str) -> np.ndarray:
        if (j := self.find(sentence)) is not None:
            return self.vectors[j]
        draw = generator(self.world.seed, "simulator.sentence", " ".join(sentence.casefold().split()))
        strange = draw.standard_normal(len(self.world.dimensions)) * self.world.parameters["writing"]["unknown"]
        return np.clip(strange, -1, 1)

    def _vector_uncached(self, text: str) -> tuple[np.ndarray, int]:
        """Where a text stands (the mean of its sentences; zero for no text), and its number of words."""
        found = [self._sentence(sentence) for sentence in split(text)]
        mean = np.sum(found, axis=0) / len(found) if found else np.zeros(len(self.world.dimensions))
        mean.flags.writeable = False
        return mean, len(text.split())

    def compose(self, scores: np.ndarray, n_sentences: int) -> list[int]:
        """The best opening, the best n_sentences - 2 of the body in falling order of score, the best closing.

        A sentence that takes the opposite side of one already chosen is passed over.
        """
        chosen: list[int] = []
        for kind, n in (("opening", 1), ("body", max(1, n_sentences - 2)), ("closing", 1)):
            members = self._of_kind[kind]
            wanted = len(chosen) + n
            for j in members[np.argsort(-scores[members], kind="stable")]:
                if len(chosen) == wanted:
                    break
                if not self.clashes[j, chosen].any():
                    chosen.append(int(j))
        return chosen

    def best(self, position: np.ndarray, n_sentences: int) -> float:
        """The highest utility that an answer of so many sentences can have at a position."""
        chosen = self.compose(self.vectors @ position, n_sentences)
        return float(self.world.utility(position, self.vectors[chosen].mean(axis=0), self.n_words[chosen].sum()))

    def fill(self, chosen: Sequence[int], topic: str, subject: str, digest: bytes) -> str:
        """The sentences as one paragraph about a topic; the digest decides on the wording."""
        used: Counter = Counter()
        return " ".join(self.word(j, topic, subject, digest, used) for j in chosen)

    def word(self, j: int, topic: str, subject: str, digest: bytes, used: Counter) -> str:
        """One sentence in one wording; `used` counts the slots filled so far in its text, and goes on counting.

        The first mention of the topic is in full, later ones by turns a shorter name of the subject. Other slots
        take the words of the subject in a cycle that begins where the digest says.
        """
        turns = hashlib.sha256(digest + j.to_bytes(4, "big")).digest()
        begin = digest[0]

        def filled(found: re.Match) -> str:
            slot, n = found[1], used[found[1]]
            used[slot] += 1
            if slot == TOPIC:
                return mention(topic, self.subjects[subject]["name"], n, begin)
            words = self.subjects[subject][slot]
            return words[(begin + n) % len(words)]

        return _SLOT.sub(filled, self.wordings[j][turns[0] % len(self.wordings[j])])


def mention(topic: str, names: Sequence[str], n_named: int, begin: int = 0) -> str:
    """What to call a topic that was named so many times before: a long one is given in full once only.

    Examples
    --------
    >>> [mention("gun control", ["public safety", "law and order"], n) for n in range(4)]
    ['gun control', 'public safety', 'gun control', 'law and order']
    """
    if n_named == 0 or (n_named % 2 == 0 and len(topic.split()) <= 3):
        return topic
    return names[(begin + n_named // 2) % len(names)]


def split(text: str) -> list[str]:
    """The sentences of a text.

    Examples
    --------
    >>> split("It is so. Is it? Yes.")
    ['It is so.', 'Is it?', 'Yes.']
    """
    return [part for part in _SPLIT.split(text.strip()) if part]


def _wordings(say: str) -> list[str]:
    """Every wording of a sentence, alternatives chosen, slots left.

    Examples
    --------
    >>> _wordings("[Go|Run] to {where}.")
    ['Go to {where}.', 'Run to {where}.']
    """
    parts = _CHOICE.split(say)
    return ["".join(made) for made in itertools.product(*(p.split("|") if i % 2 else [p] for i, p in enumerate(parts)))]


def _ends(sentence: str) -> tuple[str, str]:
    """The first and the last word; '' for a last word that holds a slot."""
    words = sentence.split()
    return (words[0], "" if "}" in words[-1] else words[-1]) if words else ("", "")


@cache
def _pattern(wording: str) -> tuple[list[str], re.Pattern]:
    parts = _SLOT.split(wording)
    return parts[1::2], re.compile("".join("(.+?)" if i % 2 else re.escape(part) for i, part in enumerate(parts)))


def phrase(kind: str, name: str, digest: bytes, **slots: str) -> str:
    """One of the wordings under `kind` and `name` of `phrases.yaml`, its slots filled; the digest decides which.

    Examples
    --------
    >>> phrase("critique", "goes", b"a request")
    'I go through the answer sentence by sentence.'
    """
    wordings = phrases()[kind][name]
    chosen = wordings[hashlib.sha256(digest + name.encode()).digest()[0] % len(wordings)]
    return _SLOT.sub(lambda found: slots[found[1]], chosen)


@cache
def load_bank() -> Bank:
    """The bank of `bank.yaml` with the subjects of `subjects.yaml` in the world of `world.yaml`, read once."""
    return Bank(declared("bank.yaml"), subjects(), load())


@cache
def subjects() -> dict:
    """The words of each subject, from `subjects.yaml`, read once."""
    return declared("subjects.yaml")


@cache
def phrases() -> dict:
    """The word lists of `phrases.yaml`, read once."""
    return declared("phrases.yaml")
