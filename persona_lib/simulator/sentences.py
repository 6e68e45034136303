"""The bank's sentences: text to vector, and sentences chosen and worded to make an answer.

A text stands where the mean of its sentences stands, in which a position on an issue counts more than once. Sentences
of the bank are recognised in any wording and with any topic; any other sentence has a small vector of its own, from a
hash of its words.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from types import MappingProxyType

import numpy as np

from persona_lib.simulator.issues import POSITION, REASON, Issue, Side, declared_issues, plain, prompts, sentences_of
from persona_lib.simulator.world import World, declared, load
from persona_lib.tables.streams import generator

KINDS = ("opening", "body", "closing")
TOPIC = "{topic}"
AGAIN = ("the matter", "this question", "such a question")  # what a topic is called once it has been named
LONGEST = 1000  # characters; far above any sentence of the bank, so that hostile text costs no time to recognise
_SPLIT = re.compile(r"(?<=[.!?])\s+")
_CHOICE = re.compile(r"\[([^\]]+)\]")
_SLOT = re.compile(r"\{(\w+)\}")


class Bank:
    """The sentences of one bank with their vectors in the dimensions of a world.

    Attributes: `wordings` of each sentence, with its slots; `kind` and `n_words` (on average over its wordings; a
    slot counts as three words) of each; `vectors` one row each; `weights`, how often each counts in a mean; `issues`
    by id; `rows` the sentences that an answer on no issue may hold.

    Parameters
    ----------
    declared : sentences of each of the `KINDS`, as in `bank.yaml`; {topic} is their only slot
    issues : positions and reasons, as in `issues/*.yaml`; their sentences hold no slot

    Raises
    ------
    ValueError
        A sentence begins with a slot, holds one that it must not, or a pole that the world has not.
    """

    def __init__(
        self,
        declared: Mapping[str, Sequence[Mapping]],
        world: World,
        issues: Mapping[str, Mapping] = MappingProxyType({}),
    ) -> None:
        self.world = world
        general = [(kind, sentence) for kind in KINDS for sentence in declared[kind]]
        said = general + [(kind, sentence) for issue in issues.values() for _, kind, sentence in sentences_of(issue)]
        for i, (_, sentence) in enumerate(said):
            _check(sentence["say"], {TOPIC} if i < len(general) else set())
        self.wordings = [_wordings(sentence["say"]) for _, sentence in said]
        self.vectors = np.array([_leans(sentence, world) for _, sentence in said])
        self.kind = np.array([kind for kind, _ in said])
        self.weights = np.where(self.kind == POSITION, world.parameters["writing"]["position_weight"], 1.0)
        self.n_words = np.array([np.mean([len(_SLOT.sub("a b c", w).split()) for w in ws]) for ws in self.wordings])
        self.rows = np.arange(len(general))
        self.issues = _numbered(issues, self.kind)
        self._of_kind = {kind: np.flatnonzero(self.kind == kind) for kind in (*KINDS, POSITION, REASON)}
        self._clashes = self.vectors[self.rows] @ self.vectors.T < -world.parameters["writing"]["clash"]
        self._whole: dict[str, int] = {}
        self._slotted: dict[tuple[str, str], list[tuple[str, int]]] = {}
        for j, wordings in enumerate(self.wordings):
            for wording in wordings:
                if TOPIC in wording:
                    self._slotted.setdefault(_ends(wording), []).append((wording, j))
                else:
                    self._whole[wording] = j
        self._sentence = lru_cache(maxsize=100_000)(self._sentence_uncached)
        self.vector = lru_cache(maxsize=50_000)(self._vector_uncached)

    def issue(self, prompt: str) -> Issue | None:
        """The issue of a prompt of the shipped bank; None for any other prompt."""
        return self.issues.get(prompts().get(plain(prompt), ""))

    def members(self, kind: str) -> np.ndarray:
        """The sentences of one kind, by number."""
        return self._of_kind[kind]

    def find(self, sentence: str) -> int | None:
        """The bank's number of a sentence, whatever its wording and topic; None if it is not from the bank."""
        if (j := self._whole.get(sentence)) is not None:
            return j
        if len(sentence) > LONGEST:
            return None
        first, last = _ends(sentence)
        for ends in ((first, last), (first, "")):
            for wording, j in self._slotted.get(ends, ()):
                if _pattern(wording).fullmatch(sentence):
                    return j
        return None

    def _sentence_uncached(self, sentence: str) -> tuple[np.ndarray, float]:
        if (j := self.find(sentence)) is not None:
            return self.vectors[j], float(self.weights[j])
        draw = generator(self.world.seed, "simulator.sentence", " ".join(sentence.casefold().split()))
        strange = draw.standard_normal(len(self.world.dimensions)) * self.world.parameters["writing"]["unknown"]
        return np.clip(strange, -1, 1), 1.0

    def _vector_uncached(self, text: str) -> tuple[np.ndarray, int]:
        """Where a text stands (the weighted mean of its sentences; zero for no text), and its number of words."""
        mean = np.zeros(len(self.world.dimensions))
        if found := [self._sentence(sentence) for sentence in split(text)]:
            vectors, weights = zip(*found, strict=True)
            mean = np.array(weights) @ np.array(vectors) / sum(weights)
        mean.flags.writeable = False
        return mean, len(text.split())

    def said_on_issue(self, text: str) -> np.ndarray:
        """Where a text stands by its position and reasons alone; as a whole where it has none."""
        found = [j for j in map(self.find, split(text)) if j is not None and self.kind[j] in (POSITION, REASON)]
        return self.weights[found] @ self.vectors[found] / self.weights[found].sum() if found else self.vector(text)[0]

    def compose(self, scores: np.ndarray, n_sentences: int, issue: Issue | None = None) -> list[int]:
        """The sentences of an answer, by their scores: minus infinity for one that must not stand in it.

        On an issue: the position of the best side and its best reasons, then the best of the body, then the best
        closing. On none: the best opening, then body and closing. A sentence that takes the opposite side of one
        already chosen is passed over.
        """
        chosen = [] if issue is None else self._best_side(scores, n_sentences, issue)
        parts = [("opening", 1)] if issue is None else []
        parts += [("body", max(issue is None, n_sentences - max(1, len(chosen)) - 1)), ("closing", 1)]
        for kind, n in parts:
            members = self.members(kind)
            wanted = len(chosen) + n
            for j in members[np.argsort(-scores[members], kind="stable")]:
                if len(chosen) == wanted:
                    break
                if not self._clashes[j, chosen].any():
                    chosen.append(int(j))
        return chosen

    def _best_side(self, scores: np.ndarray, n_sentences: int, issue: Issue) -> list[int]:
        """The position of the side that is worth most together with its best reasons, and these."""
        n_reasons = min(self.world.parameters["writing"]["reasons"], max(1, n_sentences - 2))
        sides = [[side.position, *sorted(side.reasons, key=lambda j: -scores[j])[:n_reasons]] for side in issue.sides]
        return max(sides, key=lambda side: float(self.weights[side] @ scores[side]))

    def best(self, position: np.ndarray, n_sentences: int, issue: Issue | None = None) -> float:
        """The highest utility that an answer of so many sentences can have at a position."""
        rows = self.rows if issue is None else issue.rows
        scores = np.full(len(self.wordings), -np.inf)
        scores[rows] = self.vectors[rows] @ position
        chosen = self.compose(scores, n_sentences, issue)
        mean = self.weights[chosen] @ self.vectors[chosen] / self.weights[chosen].sum()
        return float(self.world.utility(position, mean, self.n_words[chosen].sum()))

    def fill(self, chosen: Sequence[int], topic: str, digest: bytes) -> str:
        """The sentences as one paragraph about a topic; the digest decides on the wording."""
        said: list[str] = []
        n_named = 0
        for j in chosen:
            said.append(self.word(j, topic, digest, n_named=n_named))
            n_named += self.names_topic(j, digest)
        return " ".join(said)

    def names_topic(self, j: int, digest: bytes) -> int:
        """How often a sentence names the topic, in the wording that the digest decides on."""
        return self._wording(j, digest).count(TOPIC)

    def word(self, j: int, topic: str, digest: bytes, *, n_named: int) -> str:
        """One sentence in one wording, of a text that has named the topic so many times before."""
        turn = itertools.count(n_named)
        return _SLOT.sub(lambda _: mention(topic, next(turn), digest[0]), self._wording(j, digest))

    def _wording(self, j: int, digest: bytes) -> str:
        turns = hashlib.sha256(digest + j.to_bytes(4, "big")).digest()
        return self.wordings[j][turns[0] % len(self.wordings[j])]


def _check(say: str, slots: set[str]) -> None:
    """That a sentence holds no other slot, and does not begin with one."""
    if wrong := {found[0] for found in _SLOT.finditer(say)} - slots:
        raise ValueError(f"bank: {say}: must not hold {', '.join(sorted(wrong))}")
    if _SLOT.match(say.lstrip("[")):
        raise ValueError(f"bank: {say}: must begin with a word of its own")


def _leans(sentence: Mapping, world: World) -> np.ndarray:
    """The vector that a declared sentence's poles amount to."""
    vector = np.zeros(len(world.dimensions))
    for name in set(sentence) - {"say"}:
        if name not in world.poles:
            raise ValueError(f"bank: {sentence['say']}: there is no {name}")
        d, sign = world.poles[name]
        vector[d] = sign * sentence[name]
    return vector


def _numbered(issues: Mapping[str, Mapping], kind: np.ndarray) -> dict[str, Issue]:
    """Issues with the numbers of their sentences, which follow the general ones in the order of their declaration."""
    suits_a_position = np.flatnonzero(np.isin(kind, ("body", "closing")))
    found, first = {}, int(np.isin(kind, KINDS).sum())
    for name, issue in issues.items():
        sides: dict[int, list[int]] = {}
        for j, (side, _, _) in enumerate(sentences_of(issue), start=first):
            sides.setdefault(side, []).append(j)
        last = first + sum(map(len, sides.values()))
        rows = np.concatenate([suits_a_position, np.arange(first, last)])
        found[name] = Issue(issue["name"], tuple(Side(own[0], tuple(own[1:])) for own in sides.values()), rows)
        first = last
    return found


def mention(topic: str, n_named: int, begin: int = 0) -> str:
    """What to call a topic that was named so many times before: a long one is given in full once only.

    Examples
    --------
    >>> [mention("gun control", n) for n in range(4)]
    ['gun control', 'the matter', 'gun control', 'this question']
    """
    if n_named == 0 or (n_named % 2 == 0 and len(topic.split()) <= 3):
        return topic
    return AGAIN[(begin + n_named // 2) % len(AGAIN)]


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
    >>> _wordings("[Go|Run] to {topic}.")
    ['Go to {topic}.', 'Run to {topic}.']
    """
    parts = _CHOICE.split(say)
    return ["".join(made) for made in itertools.product(*(p.split("|") if i % 2 else [p] for i, p in enumerate(parts)))]


def _ends(sentence: str) -> tuple[str, str]:
    """The first and the last word; '' for a last word that holds a slot."""
    words = sentence.split()
    return (words[0], "" if "}" in words[-1] else words[-1]) if words else ("", "")


@cache
def _pattern(wording: str) -> re.Pattern:
    return re.compile(".+?".join(map(re.escape, wording.split(TOPIC))))


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
    """The bank of `bank.yaml` and `issues/*.yaml` in the world of `world.yaml`, read once."""
    return Bank(declared("bank.yaml"), load(), declared_issues())


@cache
def phrases() -> dict:
    """The word lists of `phrases.yaml`, read once."""
    return declared("phrases.yaml")
