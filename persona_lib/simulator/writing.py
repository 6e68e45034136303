"""Writing as a simulated model: answers, critiques, revisions."""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache

import numpy as np

from persona_lib.simulator.forms import parse_description
from persona_lib.simulator.respondents import Wish, own_part, stand, wishes
from persona_lib.simulator.sentences import TOPIC, load_bank, phrase, split
from persona_lib.simulator.topics import subject_of, topic_phrase
from persona_lib.simulator.world import Model, load, uniform
from persona_lib.tables.descriptions import line
from persona_lib.tables.streams import generator

SHORTER, NOTHING, REJECTS = "Say it in fewer words.", "nothing in it.", "What does not:"
_QUOTED = re.compile(r"“([^”]*)”")
_LINE = re.compile(r"“[A-Z][\w ]*: ([^”]*)”")  # a line of the description as a critique quotes it


@lru_cache(maxsize=5_000)
def _fit(prompt: str) -> np.ndarray:
    """How well each sentence of the bank happens to suit a prompt, for everybody alike."""
    draw = generator(load().seed, "simulator.fit", prompt).standard_normal(len(load_bank().wordings))
    return draw * load().parameters["writing"]["fit"]


def _better(
    sentences: list[str],
    i: int,
    known: int | None,
    aim: np.ndarray,
    scores: np.ndarray,
    prompt: str,
    digest: bytes,
    *,
    spare: int,
) -> tuple[int, str] | None:
    """The best sentence of its kind that serves an aim better than sentence i and is at most `spare` words longer."""
    bank, topic = load_bank(), topic_phrase(prompt)
    members = np.flatnonzero(bank.kind == ("body" if known is None else bank.kind[known]))
    gains = np.round(bank.vectors[members] @ aim - aim @ bank.vector(sentences[i])[0], 9)
    members = members[(gains > 0) & np.isfinite(scores[members])]
    used = Counter({TOPIC: sum(topic in s for s in sentences[:i] + sentences[i + 1 :])})
    room = len(sentences[i].split()) + spare
    for j in members[np.argsort(-scores[members], kind="stable")]:
        said = bank.word(int(j), topic, subject_of(prompt), digest, used.copy())
        if len(said.split()) <= room:
            return int(j), said
    return None


def _wander(who: Model, digest: bytes) -> np.ndarray:
    return (
        generator(load().seed, "simulator.wander", digest.hex()).standard_normal(len(load_bank().wordings)) * who.wander
    )


def answer(prompt: str, aim: np.ndarray, who: Model, digest: bytes) -> str:
    """An answer to a prompt by one model that aims at a position."""
    bank, world = load_bank(), load()
    scores = bank.vectors @ (aim + world.habit[who.name]) + _fit(prompt) + _wander(who, digest)
    return bank.fill(bank.compose(scores, who.n_sentences), topic_phrase(prompt), subject_of(prompt), digest)


def representative() -> np.ndarray:
    """What an answer aims at where nothing is known of the reader: the population's mean."""
    return load().shared


def personal(description: str, who: Model, how: str) -> np.ndarray:
    """What an answer aims at for a described reader; `how` is a key of the model's `attention`."""
    return load().shared + who.attention[how] * own_part(description, who.name)


def divergent(prompt: str, first: str, who: Model, digest: bytes) -> str:
    """A second answer that takes the other side on a few dimensions drawn by the prompt."""
    bank, writing = load_bank(), load().parameters["writing"]
    vector, _ = bank.vector(first)
    flipped = generator(load().seed, "simulator.divergent", prompt).permutation(len(vector))
    flipped = flipped[: writing["divergent_flips"]]
    aim = writing["divergent_common"] * load().shared
    aim[flipped] = -writing["divergent_pull"] * np.sign(vector[flipped])
    scores = bank.vectors @ (aim + load().habit[who.name]) + _fit(prompt) + _wander(who, digest)
    used = [j for j in map(bank.find, split(first)) if j is not None]
    scores[used] = -np.inf
    return bank.fill(bank.compose(scores, who.n_sentences), topic_phrase(prompt), subject_of(prompt), digest)


def pole(d: int, direction: float) -> tuple[str, str]:
    """The adjective of a pole and what an answer there does."""
    name = load().dimensions[d]
    return tuple(load().parameters["dimensions"][name]["high" if direction > 0 else "low"])


def steps(aim: np.ndarray, prompt: str, digest: bytes) -> str:
    """Numbered thoughts before an answer: where the reader seems to stand, and what that means here."""
    order = np.argsort(-np.abs(aim), kind="stable")[:2]
    (_, what), (adjective, _) = (pole(int(d), float(np.sign(aim[d]))) for d in order)
    slots = {"what": what, "adjective": adjective, "topic": topic_phrase(prompt)}
    thoughts = (phrase("steps", name, digest, **slots) for name in ("reader", "also", "leaves"))
    return "\n".join(f"{i}. {thought}" for i, thought in enumerate(thoughts, start=1))


def critique(description: str, text: str, who: Model, digest: bytes, *, prefers_short: bool) -> str:
    """A critique from the person's point of view: steps, quotes, then EVALUATION:, SUGGESTIONS: and DONE.

    Names the dimensions on which the answer loses utility, the greatest loss first, then those on which most is left
    to gain, in other words. Quotes the sentences that are worth something to the person, the best first, and those that
    cost utility, the worst first and at least one, and the line of the description that weighs most.
    """
    bank, position = load_bank(), stand(description, who)
    wished = wishes(description, text, who)
    wants = [pole(wish.dimension, wish.direction) for wish in wished]
    sentences = split(text)
    worth = np.array([position @ bank.vector(s)[0] for s in sentences])
    ranked = np.argsort(worth, kind="stable")
    costly = ranked[: max(1, int(np.sum(worth < 0)))]
    liked = [i for i in ranked[::-1] if worth[i] > 0 and i not in costly]
    weighty = weightiest(description, who.name)
    slots = {"line": weighty, "what": wants[0][1], "also": wants[1][1], "adjective": wants[0][0], "other": wants[1][0]}
    names = ("weighs", "hopes", "goes") if weighty else ("hopes", "goes")
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
    adjective, what = pole(wish.dimension, wish.direction)
    more = next(say for say, degree in load().parameters["writing"]["degrees"].items() if how_far >= degree["from"])
    name = "suggests" if wish.is_loss else "adds"
    return phrase("critique", name, digest + adjective.encode(), more=more, adjective=adjective, what=what)


@lru_cache(maxsize=20_000)
def weightiest(description: str, name: str) -> str:
    """The line of a description whose attribute moves the person most in a model's eyes; '' if none does."""
    lines = parse_description(description)
    moves = {a: float(np.linalg.norm(part)) for a, part in load().parts(lines, load().models[name]).items()}
    if not moves:
        return ""
    attribute = max(moves, key=moves.__getitem__)
    return line(attribute, lines[attribute])


def revise(prompt: str, text: str, criticism: str, who: Model, digest: bytes) -> str:
    """The answer moved towards a critique: the sentences that it likes least give way, and one is left out.

    It is shorter, but for the declared share of revisions that overrun their length; and a declared share names the
    line of the description that the critique quotes.
    """
    bank, writing = load_bank(), load().parameters["writing"]
    overruns = uniform(digest, "overrun") < writing["overrun_share"]
    aim = np.zeros(len(load().dimensions))
    adjectives = {pole(d, sign)[0]: (d, sign) for d in range(len(aim)) for sign in (-1.0, 1.0)}
    asked = criticism.rpartition("SUGGESTIONS:")[2]
    for degree, adjective in re.findall(rf"\b({'|'.join(writing['degrees'])}) ([\w-]+)", asked):
        if adjective in adjectives:
            d, sign = adjectives[adjective]
            aim[d] = sign * writing["degrees"][degree]["pull"]
    sentences = split(text)
    disliked = set(_QUOTED.findall(criticism.partition(REJECTS)[2]))
    scores = bank.vectors @ (aim + load().habit[who.name]) + _fit(prompt) + _wander(who, digest)
    known = [bank.find(s) for s in sentences]
    scores[[j for j in known if j is not None]] = -np.inf
    worth = [aim @ bank.vector(s)[0] - writing["disliked"] * (s in disliked) for s in sentences]
    # Rounded, since sums that are equal on paper must not be told apart by the last bit of a processor.
    for i in np.argsort(np.round(worth, 9), kind="stable")[: who.n_replaced]:
        spare = writing["overrun_words"] if overruns else 0
        found = _better(sentences, int(i), known[i], aim, scores, prompt, digest, spare=spare)
        if found is not None:
            j, sentences[i] = found
            scores[j] = -np.inf
    is_longer = len(" ".join(sentences).split()) >= len(text.split())
    least = writing["shortest"] if SHORTER in asked else 2
    if (SHORTER in asked or is_longer) and len(sentences) > least and not overruns:
        body = range(1, len(sentences) - 1)
        del sentences[min(body, key=lambda i: float(aim @ bank.vector(sentences[i])[0]))]
    quoted = _LINE.search(criticism.partition("EVALUATION:")[0])
    if quoted and uniform(digest, "explicit") < writing["explicit_share"]:
        sentences.append(phrase("revision", "names", digest, value=quoted[1].rstrip(".")))
    return " ".join(sentences)
