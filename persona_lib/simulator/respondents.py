"""What a simulated model perceives and how likely it is to choose, accept or refuse: texts in, numbers out.

`roles` and `truth` both stand on these functions, so a choice and its declared chance cannot drift apart.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

from persona_lib.simulator import surveys
from persona_lib.simulator.forms import parse_description
from persona_lib.simulator.sentences import load_bank
from persona_lib.simulator.world import Model, load, logistic
from persona_lib.tables import histories


def model(name: str) -> Model:
    """The model of a wire name such as `sim-large@1a2b3c` or `sim-large`.

    Raises
    ------
    KeyError
        No such model; the message lists those there are.
    """
    short = name.partition("@")[0]
    if short not in load().models:
        raise KeyError(f"no simulated model {short!r}; there are {', '.join(load().models)}")
    return load().models[short]


@lru_cache(maxsize=20_000)
def own_part(description: str, name: str) -> np.ndarray:
    """The own part of the person of a description, or of past answers, as one model reads it."""
    past = histories.read(description)
    found = part_of_history(past) if past else load().own_part(parse_description(description), load().models[name])
    found.flags.writeable = False
    return found


def part_of_history(history: Sequence[histories.Past]) -> np.ndarray:
    """The own part that past answers speak for: ridge regression on the directions in which they were given.

    An answer that was preferred to another says that the person stands on its side of the two, half a normal away from
    the middle; one of a survey's says where the answer stands in the item's order. Own parts have the variance that the
    world leaves them, and so has the noise of one answer.
    """
    rows, said, spread = [], [], float(np.sqrt(1 - load().parameters["shared_share"]))
    for past in history:
        if past.other:
            (one, _), (other, _) = (load_bank().vector(text) for text in (past.answer, past.other))
            apart = one - other
            length = float(np.linalg.norm(apart))
            if length > 0:
                rows.append(apart / length)
                said.append(spread * np.sqrt(2 / np.pi))
        else:
            options = surveys.items().get(past.question, ("", ()))[1]
            if past.answer in options:
                rows.append(surveys.direction(past.question))
                said.append(ndtri((options.index(past.answer) + 0.5) / len(options)))
    if not rows:
        return np.zeros(len(load().dimensions))
    x = np.array(rows)
    return x.T @ np.linalg.solve(x @ x.T + np.eye(len(x)), np.array(said) - x @ load().shared)


def stand(description: str, who: Model, *, sample: int = 0) -> np.ndarray:
    """Where the person of a description stands in the eyes of one model (or rater: one sample of a model)."""
    return load().shared + own_part(description, who.name) + load().taste(who, sample, description)


def prefer_first(description: str, first: str, second: str, who: Model, *, sample: int = 0) -> float:
    """Chance that a model, in the place of a described person, chooses the text shown first.

    No description is the representative person.
    """
    (one, n_one), (other, n_other) = (load_bank().vector(text) for text in (first, second))
    position = stand(description, who, sample=sample)
    return float(load().chance_first(position, one, other, who, more_words=n_one - n_other))


def certainty(chance: np.ndarray | float) -> np.ndarray:
    """What a judge states as its certainty, who chooses one of two with this chance: from 0.5 to 1, in whole steps."""
    step = load().parameters["certainty_step"]
    return np.round((0.5 + np.abs(np.asarray(chance) - 0.5)) / step) * step


def share_first(people: str, first: str, second: str, who: Model) -> float:
    """The share of some people, all or a group named by its attributes, that a model says would choose the first text.

    The bounds of an age group stand for the age in their middle.
    """
    (one, n_one), (other, n_other) = (load_bank().vector(text) for text in (first, second))
    named = dict(parse_description(people))
    if ages := [int(age) for age in re.findall(r"\d+", named.get("age_years", ""))]:
        named["age_years"] = str(sum(ages) // len(ages))
    position = load().shared + load().own_part(named, who)
    return float(load().share_first(position, one, other, who, more_words=n_one - n_other))


def quality(description: str, prompt: str, answer: str, who: Model) -> float:
    """An answer's utility for a described person over the best that the bank can reach on that prompt.

    1 is the best, 0 means nothing to this person, below 0 is disliked.
    """
    position = stand(description, who)
    vector, n_words = load_bank().vector(answer)
    return float(load().utility(position, vector, n_words)) / _best(description, prompt, who.name)


@lru_cache(maxsize=20_000)
def _best(description: str, prompt: str, name: str) -> float:
    bank, n_sentences = load_bank(), load().parameters["critic"]["sentences"]
    return max(1e-9, bank.best(stand(description, load().models[name]), n_sentences, bank.issue(prompt)))


def accept(description: str, prompt: str, answer: str, who: Model) -> float:
    """Chance that the critic finds nothing to revise in an answer."""
    critic = load().parameters["critic"]
    chance = float(logistic((quality(description, prompt, answer, who) - critic["threshold"]) / critic["noise"]))
    return who.critic_error + (1 - 2 * who.critic_error) * chance


class Wish(NamedTuple):
    """A dimension, the direction (-1 or 1) in which the person stands, and whether the answer loses utility there."""

    dimension: int
    direction: float
    is_loss: bool


def wishes(description: str, answer: str, who: Model) -> list[Wish]:
    """What a critic would change in an answer, the most urgent first.

    First the dimensions on which the answer stands on the other side than the person: there it loses the utility
    -position x vector, the greatest loss first. Then, where these are fewer than the declared `named`, the dimensions
    on which most is left to gain, |position| - position x vector.
    """
    position = stand(description, who)
    vector, _ = load_bank().vector(answer)
    worth = np.round(position * vector, 9)  # where two poles cancel, nothing is lost
    at_stake = np.where(worth < 0, -worth, np.abs(position) - worth)
    named = np.lexsort((-at_stake, worth >= 0))[: load().parameters["writing"]["named"]]
    return [Wish(int(d), math.copysign(1.0, position[d]), bool(worth[d] < 0)) for d in named]
