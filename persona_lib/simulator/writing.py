"""Writing as a simulated model: answers, and critiques of them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from persona_lib.simulator.forms import parse_description
from persona_lib.simulator.respondents import Wish, own_part, stand, wishes
from persona_lib.simulator.sentences import load_bank, phrase, split
from persona_lib.simulator.topics import topic_phrase
from persona_lib.simulator.world import Model, load
from persona_lib.tables.descriptions import line
from persona_lib.tables.streams import generator

SHORTER, NOTHING, REJECTS = "Say it in fewer words.", "nothing in it.", "What does not:"


def topic_of(prompt: str) -> str:
    """What to call that which a prompt is about: the name of its issue, or a phrase of its own words."""
    issue = load_bank().issue(prompt)
    return topic_phrase(prompt) if issue is None else issue.name


def _open(prompt: str) -> np.ndarray:
    """The sentences of the bank that an answer to a prompt may hold."""
    issue = load_bank().issue(prompt)
    return load_bank().rows if issue is None else issue.rows


@lru_cache(maxsize=5_000)
def _fit(prompt: str) -> np.ndarray:
    """How well each sentence that is open to a prompt happens to suit it, for everybody alike."""
    draw = generator(load().seed, "simulator.fit", prompt).standard_normal(len(_open(prompt)))
    return draw * load().parameters["writing"]["fit"]


def scored(prompt: str, aim: np.ndarray, who: Model, digest: bytes) -> np.ndarray:
    """What every sentence of the bank is worth to a model that aims at a position; minus infinity if it is not open."""
    bank, rows = load_bank(), _open(prompt)
    wander = generator(load().seed, "simulator.wander", digest.hex()).standard_normal(len(rows)) * who.wander
    scores = np.full(len(bank.wordings), -np.inf)
    scores[rows] = bank.vectors[rows] @ (aim + load().habit[who.name]) + _fit(prompt) + wander
    return scores


def _composed(prompt: str, scores: np.ndarray, who: Model, digest: bytes) -> str:
    bank = load_bank()
    chosen = bank.compose(scores, who.n_sentences, bank.issue(prompt))
    return bank.fill(chosen, topic_of(prompt), digest)


def answer(prompt: str, aim: np.ndarray, who: Model, digest: bytes) -> str:
    """An answer to a prompt by one model that aims at a position."""
    return _composed(prompt, scored(prompt, aim, who, digest), who, digest)


def representative() -> np.ndarray:
    """What an answer aims at where nothing is known of the reader: the population's mean."""
    return load().shared


def personal(description: str, who: Model, how: str) -> np.ndarray:
    """What an answer aims at for a described reader; `how` is a key of the model's `attention`."""
    return load().shared + who.attention[how] * own_part(description, who.name)


def divergent(prompt: str, first: str, who: Model, digest: bytes) -> str:
    """A second answer: on the other side of the issue, and of a few dimensions drawn by the prompt."""
    bank, writing = load_bank(), load().parameters["writing"]
    vector, _ = bank.vector(first)
    flipped = generator(load().seed, "simulator.divergent", prompt).permutation(len(vector))
    flipped = flipped[: writing["divergent_flips"]]
    aim = writing["divergent_common"] * load().shared
    aim[flipped] = -writing["divergent_pull"] * np.sign(vector[flipped])
    scores = scored(prompt, aim, who, digest)
    used = [j for j in map(bank.find, split(first)) if j is not None]
    scores[used] = -np.inf
    for side in () if (issue := bank.issue(prompt)) is None else issue.sides:
        if side.position in used:
            scores[list(side.sentences)] = -np.inf
    return _composed(prompt, scores, who, digest)


class Pole(NamedTuple):
    """One end of a dimension: its name, how to ask for more of it, and what an answer there does."""

    name: str
    more: str
    does: str


def pole(d: int, direction: float) -> Pole:
    """The end of a dimension that lies in a direction."""
    found = load().parameters["dimensions"][load().dimensions[d]]["high" if direction > 0 else "low"]
    return Pole(found["is"], found["more"], found["does"])


def steps(aim: np.ndarray, prompt: str, digest: bytes) -> str:
    """Numbered thoughts before an answer: where the reader seems to stand, and what that means here."""
    first, second = (pole(int(d), float(np.sign(aim[d]))) for d in np.argsort(-np.abs(aim), kind="stable")[:2])
    slots = {"what": first.does, "more": second.more, "topic": topic_of(prompt)}
    thoughts = (phrase("steps", name, digest, **slots) for name in ("reader", "also", "leaves"))
    return "\n".join(f"{i}. {thought}" for i, thought in enumerate(thoughts, start=1))


def critique(description: str, prompt: str, text: str, who: Model, digest: bytes, *, prefers_short: bool) -> str:
    """A critique from the person's point of view: steps, quotes, then EVALUATION:, SUGGESTIONS: and DONE.

    Names the dimensions on which the answer loses utility, the greatest loss first, then those on which most is left
    to gain, in other words. Quotes the sentences that are worth something to the person, the best first, and those that
    cost utility, the worst first and at least one, and the line of the description to which the answer costs most on
    this question. Nothing is praised that leans away from what is suggested first, and nothing rejected that leans
    towards it.
    """
    bank, position = load_bank(), stand(description, who)
    wished = wishes(description, text, who)
    wants = [pole(wish.dimension, wish.direction) for wish in wished]
    sentences = split(text)
    vectors = np.array([bank.vector(sentence)[0] for sentence in sentences])
    worth, leans = vectors @ position, vectors[:, wished[0].dimension] * wished[0].direction
    ranked = np.argsort(worth, kind="stable")
    costly = [i for i in ranked if worth[i] < 0 and leans[i] <= 0] or [min(ranked, key=lambda i: leans[i] > 0)]
    liked = [i for i in ranked[::-1] if worth[i] > 0 and leans[i] >= 0 and i not in costly]
    cited = objecting(description, prompt, bank.said_on_issue(text), who)
    slots = {"line": cited, "what": wants[0].does, "also": wants[1].does, "more": wants[0].more, "other": wants[1].more}
    names = ("weighs", "hopes", "goes") if cited else ("hopes", "goes")
    thoughts = [phrase("critique", name, digest, **slots) for name in names]
    said = [
        *(f"{i}. {thought}" for i, thought in enumerate(thoughts, start=1)),
        "",
        "What speaks to me: " + (" ".join(f"“{sentences[i]}”" for i in liked) or NOTHING),
        f"{REJECTS} " + " ".join(f"“{sentences[i]}”" for i in costly),
        "",
        "EVALUATION:",
        phrase("critique", "verdict", digest, **slots),
        "SUGGESTIONS:",
        *(_suggestion(wish, float(abs(position[wish.dimension])), digest) for wish in wished),
    ]
    return "\n".join([*said, *[SHORTER] * prefers_short, "DONE"])


def _suggestion(wish: Wish, how_far: float, digest: bytes) -> str:
    wanted = pole(wish.dimension, wish.direction)
    degrees = load().parameters["writing"]["degrees"]
    degree = next(say for say, degree in degrees.items() if how_far >= degree["from"])
    name = "suggests" if wish.is_loss else "adds"
    more = f"{degree} {wanted.more}".strip()
    return phrase("critique", name, digest + wanted.name.encode(), more=more, what=wanted.does)


def objecting(description: str, prompt: str, vector: np.ndarray, who: Model) -> str:
    """The line of a description to whose attribute a text at a vector costs most; '' where the description shows none.

    The cost is minus the attribute's part of the position, as the model reads it and weighted as it is there, times the
    vector, times what the attribute bears on the question.
    """
    lines = parse_description(description)
    costs = {name: -float(part @ vector) for name, part in _parts(description, who.name).items()}
    if not costs:
        return ""
    bearing = _bearing(prompt)
    attribute = max(costs, key=lambda name: costs[name] * bearing[name])
    return line(attribute, lines[attribute])


@lru_cache(maxsize=20_000)
def _parts(description: str, name: str) -> Mapping[str, np.ndarray]:
    return load().parts(parse_description(description), load().models[name])


@lru_cache(maxsize=5_000)
def _bearing(prompt: str) -> Mapping[str, float]:
    """How much each attribute bears on a question, for everybody alike: 1 at the median."""
    names = load().weights
    draw = generator(load().seed, "simulator.bearing", prompt).standard_normal(len(names))
    return dict(zip(names, np.exp(load().parameters["writing"]["bearing"] * draw), strict=True))
