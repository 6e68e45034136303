"""Revising as a simulated model: an answer moved towards a critique of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

import numpy as np

from persona_lib.simulator.issues import Side
from persona_lib.simulator.sentences import load_bank, phrase, split
from persona_lib.simulator.world import Model, load, uniform
from persona_lib.simulator.writing import REJECTS, SHORTER, pole, scored, topic_of

_QUOTED = re.compile(r"“([^”]*)”")
_LINE = re.compile(r"“[A-Z][\w ]*: ([^”]*)”")  # a line of the description as a critique quotes it


def revise(prompt: str, text: str, criticism: str, who: Model, digest: bytes) -> str:
    """The answer moved towards a critique: the sentences that it likes least give way, and one is left out.

    Where the critique rejects the position itself, and another is closer to what it suggests, the answer changes its
    position and its reasons. It is shorter, but for the declared share of revisions that overrun their length; and a
    declared share names the line of the description that the critique quotes.
    """
    writing = load().parameters["writing"]
    overruns = uniform(digest, "overrun") < writing["overrun_share"]
    asks_for_less = SHORTER in criticism.rpartition("SUGGESTIONS:")[2]
    draft = Draft(prompt, text, criticism, who, digest)
    changed = draft.change_sides()
    draft.replace(at_most=who.n_replaced - changed, spare=writing["overrun_words"] if overruns else 0)
    is_longer = len(draft.text.split()) >= len(text.split())
    least = writing["shortest"] if asks_for_less else 2
    if (asks_for_less or is_longer) and len(draft.sentences) > least and not overruns:
        draft.leave_one_out()
    quoted = _LINE.search(criticism.partition("EVALUATION:")[0])
    if quoted and uniform(digest, "explicit") < writing["explicit_share"]:
        draft.sentences.append(phrase("revision", "names", digest, value=quoted[1].rstrip(".")))
    return draft.text


class Draft:
    """An answer under revision: its sentences, with their numbers in the bank, and what the critique asks for.

    Parameters
    ----------
    prompt, text, criticism : what the reviser is given
    who, digest : the reviser, and what decides its chances and wordings
    """

    def __init__(self, prompt: str, text: str, criticism: str, who: Model, digest: bytes) -> None:
        self._prompt, self._digest = prompt, digest
        self._bank, self._issue = load_bank(), load_bank().issue(prompt)
        self.sentences = split(text)
        self._known = [self._bank.find(sentence) for sentence in self.sentences]
        self._side = next((side for side in self._sides() if side.position in self._known), None)
        self._aim, self._first = suggested(criticism)
        self._scores = scored(prompt, self._aim, who, digest)
        self._scores[[j for j in self._known if j is not None]] = -np.inf
        rejected = set(_QUOTED.findall(criticism.partition(REJECTS)[2]))
        self._is_rejected = [sentence in rejected for sentence in self.sentences]

    @property
    def text(self) -> str:
        return " ".join(self.sentences)

    def _sides(self) -> tuple[Side, ...]:
        return () if self._issue is None else self._issue.sides

    def _put(self, i: int, j: int, said: str | None = None) -> None:
        """Sentence j of the bank in the place of sentence i."""
        self.sentences[i] = said or self._worded(i, j)
        self._known[i], self._is_rejected[i] = j, False
        self._scores[j] = -np.inf

    def _worded(self, i: int, j: int) -> str:
        topic = topic_of(self._prompt)
        n_named = sum(topic in sentence for sentence in self.sentences[:i] + self.sentences[i + 1 :])
        return self._bank.word(j, topic, self._digest, n_named=n_named)

    def change_sides(self) -> bool:
        """Take another side of the issue, reasons and all, if the position is rejected and the other serves better.

        Better means along the aim, and not worse along what is suggested first; the position alone is compared.
        """
        held = self._side
        if held is None or not self._is_rejected[at := self._known.index(held.position)]:
            return False
        others = [side for side in self._sides() if side is not held]
        side = max(others, key=lambda side: self._scores[side.position])
        moves = self._bank.vectors[side.position] - self._bank.vectors[held.position]
        if round(float(moves @ self._aim), 9) <= 0 or round(float(moves @ self._first), 9) < 0:
            return False
        reasons = [i for i, j in enumerate(self._known) if j in held.reasons]
        self._put(at, side.position)
        best = sorted(side.reasons, key=lambda j: -self._scores[j])
        for i, j in zip(reasons, best, strict=False):
            self._put(i, j)
        for i in reversed(reasons[len(best) :]):
            self._drop(i)
        self._side = side
        return True

    def replace(self, *, at_most: int, spare: int) -> None:
        """Put better sentences, at most `spare` words longer, in the place of the worst; the position stays.

        The first change goes where the text leans most against what is suggested first, the others where it serves
        least; no change goes against what is suggested first.
        """
        n_changed = self._replace(self._leans, self._serves, at_most=min(1, at_most), spare=spare, towards=True)
        self._replace(self._serves, at_most=at_most - n_changed, spare=spare)

    def _replace(self, *worth: Callable[[int], float], at_most: int, spare: int, towards: bool = False) -> int:
        """Replace up to so many sentences, in the order of what they are worth; returns how many were."""
        # Rounded, since sums that are equal on paper must not be told apart by the last bit of a processor.
        ranked = np.lexsort([[round(worth_of(i), 9) for i in range(len(self.sentences))] for worth_of in worth[::-1]])
        n_changed = 0
        for i in map(int, ranked):
            if n_changed < at_most and (better := self._better(i, spare=spare, towards=towards)) is not None:
                self._put(i, *better)
                n_changed += 1
        return n_changed

    def _serves(self, i: int) -> float:
        """How far a sentence serves the aim; less, if the critique rejects it."""
        disliked = load().parameters["writing"]["disliked"] * self._is_rejected[i]
        return float(self._aim @ self._bank.vector(self.sentences[i])[0]) - disliked

    def _leans(self, i: int) -> float:
        """How far a sentence leans towards what is suggested first."""
        return float(self._first @ self._bank.vector(self.sentences[i])[0])

    def _better(self, i: int, *, spare: int, towards: bool) -> tuple[int, str] | None:
        """The best sentence for a place that serves the aim better than what stands there, and its wording.

        towards: it must lean further towards what is suggested first, too; otherwise it must lean as far.
        """
        members = self._fitting(i)
        members = members[np.isfinite(self._scores[members])]
        moves = np.round(self._bank.vectors[members] - self._bank.vector(self.sentences[i])[0], 9)
        further = moves @ self._first
        is_better = (moves @ self._aim > 0) & (further > 0 if towards else further >= 0)
        members = members[is_better]
        room = len(self.sentences[i].split()) + spare
        for j in members[np.argsort(-self._scores[members], kind="stable")]:
            said = self._worded(i, int(j))
            if len(said.split()) <= room:
                return int(j), said
        return None

    def _fitting(self, i: int) -> np.ndarray:
        """The sentences of the bank that may stand in a place: another reason for a reason, none for a position."""
        known = self._known[i]
        if self._side is not None and known in self._side.sentences:
            return np.array([] if known == self._side.position else self._side.reasons, dtype=int)
        return self._bank.members("body" if known is None else str(self._bank.kind[known]))

    def leave_one_out(self) -> None:
        """Drop the sentence between first and last that serves the aim least, and rather one that does not lean towards
        what is suggested first."""
        self._drop(min(range(1, len(self.sentences) - 1), key=lambda i: (self._leans(i) > 0, self._serves(i))))

    def _drop(self, i: int) -> None:
        del self.sentences[i], self._known[i], self._is_rejected[i]


def suggested(criticism: str) -> tuple[np.ndarray, np.ndarray]:
    """The position that the suggestions of a critique amount to, and the direction of the first; zeros for none.

    From each line the first known wish counts.
    """
    degrees = load().parameters["writing"]["degrees"]
    aim, first = np.zeros((2, len(load().dimensions)))
    for said in criticism.rpartition("SUGGESTIONS:")[2].split("\n"):
        if found := _wish().search(said):
            d, sign = _directions()[found[2]]
            pull = degrees[(found[1] or "").strip()]["pull"]
            if not first.any():
                first[d], pull = sign, max(pull, load().parameters["writing"]["first_pull"])
            aim[d] = sign * pull
    return aim, first


@cache
def _directions() -> dict[str, tuple[int, float]]:
    """Dimension and sign by how a critique asks for more of a pole."""
    return {pole(d, sign).more: (d, sign) for d, sign in load().poles.values()}


@cache
def _wish() -> re.Pattern:
    """How much more, if it says so, and of what."""
    degrees = "|".join(f"{degree} " for degree in load().parameters["writing"]["degrees"] if degree)
    return re.compile(rf"\b({degrees})?({'|'.join(map(re.escape, _directions()))})\b")
