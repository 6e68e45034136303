"""The random-utility world: who stands where, and how likely a choice is. Numbers only, no texts.

Every parameter stands in `world.yaml`, and how common the values of attributes are in `shares.yaml`. Nothing here keeps
state: the same parameters and the same arguments give the same numbers in every process and on every machine.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache, lru_cache
from pathlib import Path

import numpy as np

from persona_lib.tables.files import read_yaml
from persona_lib.tables.streams import generator

BIG_FIVE = ("openness", "conscientiousness", "extraversion", "agreeableness", "neuroticism")
_LEVELS, _TRAITS = "((?:extremely )?(?:low|high)|average)", "(" + "|".join(BIG_FIVE) + ")"
_TRAIT = re.compile(rf"{_LEVELS}\s+{_TRAITS}")
_TRAIT_FIRST = re.compile(rf"{_TRAITS}\s*(?:is|[:=(-])?\s*{_LEVELS}")


@dataclass(frozen=True)
class Model:
    """One simulated model; the fields are described in `world.yaml`."""

    name: str
    skill: float
    misreading: float
    attention: Mapping[str, float]
    noise: float
    position_bias: float
    verbosity_bias: float
    style: float
    self_preference: float
    taste: float
    wander: float
    n_sentences: int
    n_replaced: int
    critic_error: float
    drop_factor: float
    extractor_error: float
    guess_rate: float
    refusal_rate: float
    malformed_rate: float


class World:
    """The parameters of one world and its pseudo-random effects.

    Parameters
    ----------
    parameters : what `world.yaml` holds; another world is another mapping of the same form
    shares : share of each value, in lower case, of each attribute; those of `shares.yaml` unless given

    Raises
    ------
    ValueError
        A model has an unknown or a missing key.
    """

    def __init__(self, parameters: Mapping, shares: Mapping[str, Mapping[str, float]] | None = None) -> None:
        self.parameters = parameters
        self.shares = load_shares() if shares is None else shares
        self.seed = int(parameters["seed"])
        self.dimensions = tuple(parameters["dimensions"])
        self.poles: dict[str, tuple[int, float]] = {}  # dimension and sign of each pole, by its name
        for d, ends in enumerate(parameters["dimensions"].values()):
            self.poles |= {ends["low"]["is"]: (d, -1.0), ends["high"]["is"]: (d, 1.0)}
        self.length_cost = float(parameters["length_cost"])
        share = float(parameters["shared_share"])
        total = math.sqrt(sum(w * w for w in parameters["weights"].values())) or 1.0
        self.weights = {name: w / total * math.sqrt(1 - share) for name, w in parameters["weights"].items()}
        shared = generator(self.seed, "simulator.shared").standard_normal(len(self.dimensions))
        self.shared = shared / np.sqrt(np.mean(shared**2)) * math.sqrt(share)
        self.silent = frozenset(parameters["silent"])
        self.models = _models(parameters["models"])
        self._effect = lru_cache(maxsize=200_000)(self._effect_uncached)
        self._standard = cache(self._standard_uncached)
        self.habit = {name: self._draw("style", name) * model.style for name, model in self.models.items()}

    def _draw(self, *names: str) -> np.ndarray:
        return generator(self.seed, "simulator", *names).standard_normal(len(self.dimensions))

    def effect(self, attribute: str, value: str, reader: str = "") -> np.ndarray:
        """What one value of one attribute does to a position, before its weight.

        Over the declared shares of the values the mean is 0 on every dimension and the mean square, over values and
        dimensions, 1. A value of no declared share is one more pseudo-random draw of that mean and mean square.
        Zero for an unknown attribute and for a value that says nothing. A full stop at its end is no part of a value:
        a summary ends its sentences in stops of its own. With a reader: the model's own mistaken
        effect of that value, independent of the true one.
        """
        return self._effect(attribute, " ".join(str(value).split()).casefold().rstrip("."), reader)

    def _effect_uncached(self, attribute: str, value: str, reader: str) -> np.ndarray:
        if attribute not in self.weights or value in self.silent:
            return np.zeros(len(self.dimensions))
        raw, has_score = self._raw(attribute, value, reader)
        if not has_score and value not in self.shares.get(attribute, ()):
            return raw
        mean, spread = self._standard(attribute, reader)
        return (raw - mean) / spread

    def _standard_uncached(self, attribute: str, reader: str) -> tuple[np.ndarray, float]:
        """Mean and root mean square by which the effects of an attribute are standardised."""
        shares = self.shares.get(attribute, {})
        said = {value: share for value, share in shares.items() if value not in self.silent}
        if not said:
            return np.zeros(len(self.dimensions)), 1.0
        raw = np.array([self._raw(attribute, value, reader)[0] for value in said])
        share = np.array(list(said.values()))
        # Rounded, since the last bit of a sum differs between processors.
        mean = np.round(share @ raw / share.sum(), 9)
        # Who says nothing stands at the mean, and counts in the spread: the others must bear all of the weight.
        spread = round(math.sqrt(np.mean(share @ (raw - mean) ** 2) / sum(shares.values())), 9)
        return mean, spread or 1.0

    def _raw(self, attribute: str, value: str, reader: str) -> tuple[np.ndarray, bool]:
        """The effect of a value before it is standardised, and whether it is a slope times a score."""
        if attribute == "big_five" and (levels := big_five_levels(value)):
            scores = self.parameters["big_five_scores"]
            return sum(scores[level] * self._draw("slope", reader, trait) for trait, level in levels.items()), True
        order, limit = self.parameters["ordered"].get(attribute), self.parameters["score_limit"]
        if order is not None and (score := ordered_score(value, **order)) is not None:
            return min(limit, max(-limit, score)) * self._draw("slope", reader, attribute), True
        return self._draw("effect", reader, attribute, value), False

    def effects(self, attribute: str, values: Sequence[str], reader: str = "") -> np.ndarray:
        """`effect` of many values, one row each; every distinct value is looked up once."""
        distinct, back = np.unique(np.asarray(values, dtype=object).astype(str), return_inverse=True)
        return np.array([self.effect(attribute, value, reader) for value in distinct])[back]

    def parts(self, lines: Mapping[str, str], model: Model | None = None) -> dict[str, np.ndarray]:
        """What each attribute shown adds to a position; with a model, as that model reads it."""
        found = {}
        for attribute, value in lines.items():
            if attribute in self.weights:
                effect = self.effect(attribute, value)
                if model is not None:
                    effect = model.skill * effect
                    if model.misreading:
                        effect = effect + model.misreading * self.effect(attribute, value, model.name)
                found[attribute] = self.weights[attribute] * effect
        return found

    def own_part(self, lines: Mapping[str, str], model: Model | None = None) -> np.ndarray:
        """The sum of the `parts`; zero where nothing is shown."""
        return sum(self.parts(lines, model).values(), np.zeros(len(self.dimensions)))

    def position(self, lines: Mapping[str, str], model: Model | None = None, attention: float = 1.0) -> np.ndarray:
        """Where a person described by these lines stands: the shared part and, times attention, the own part.

        No line at all is the representative person: the population's mean.

        Examples
        --------
        >>> w = load()
        >>> bool(np.allclose(w.position({}), w.position({"favourite_letter": "K", "age_years": "unknown"})))
        True
        """
        return self.shared + attention * self.own_part(lines, model)

    def parts_in_bulk(self, columns: Mapping[str, Sequence[str]], model: Model | None = None) -> dict[str, np.ndarray]:
        """`parts` of many persons at once: one row each, from one sequence of values per attribute."""
        found = {}
        for attribute, values in columns.items():
            if attribute in self.weights:
                effects = self.effects(attribute, values)
                if model is not None:
                    effects = model.skill * effects + model.misreading * self.effects(attribute, values, model.name)
                found[attribute] = self.weights[attribute] * effects
        return found

    def positions(self, columns: Mapping[str, Sequence[str]], model: Model | None = None) -> np.ndarray:
        """`position` of many persons at once, one row each, from one sequence of values per attribute."""
        return self.shared + sum(self.parts_in_bulk(columns, model).values())

    def taste(self, model: Model, sample: int, whose: str) -> np.ndarray:
        """A rater's own taste; zero for a model without. Another sample, or another persona, is another rater."""
        if not model.taste:
            return np.zeros(len(self.dimensions))
        return model.taste * self._draw("taste", model.name, str(sample), whose)

    def utility(self, position: np.ndarray, vector: np.ndarray, n_words: np.ndarray | float) -> np.ndarray:
        """position . vector - length_cost x words / 100; broadcasts over leading axes."""
        return np.sum(position * vector, axis=-1) - self.length_cost * np.asarray(n_words) / 100

    def chance_first(
        self,
        positions: np.ndarray,
        vectors_a: np.ndarray,
        vectors_b: np.ndarray,
        who: Model,
        *,
        more_words: np.ndarray | float = 0.0,
    ) -> np.ndarray:
        """Chance that a model, standing at a position, chooses answer a, which it is shown first, over answer b.

        logistic(d / noise + position_bias), where d is the utility of a minus that of b, plus self_preference times
        the same difference at the model's own habit, plus verbosity_bias x more_words / 100.

        Parameters
        ----------
        positions, vectors_a, vectors_b : one number per dimension on the last axis; the leading axes broadcast
        who : whose noise and biases
        more_words : words of a minus words of b

        Returns
        -------
        In [0, 1], one per leading index. logistic(position_bias) where both answers are alike.

        Examples
        --------
        >>> w = load()
        >>> here = np.zeros(10)
        >>> round(float(w.chance_first(w.shared, here, here, w.models["sim-small"])), 3)  # logistic(0.5)
        0.622
        """
        pull = np.asarray(positions) + who.self_preference * self.habit[who.name]
        difference = np.einsum("...d,...d->...", pull, np.asarray(vectors_a) - np.asarray(vectors_b))
        difference = difference + (who.verbosity_bias - self.length_cost) / 100 * np.asarray(more_words)
        return logistic(difference / who.noise + who.position_bias)

    def share_first(
        self, position: np.ndarray, first: np.ndarray, second: np.ndarray, who: Model, *, more_words: np.ndarray | float
    ) -> np.ndarray:
        """The share of many people around a position that a model says would choose the answer shown first.

        The chance of `chance_first`, averaged over people whose own parts have the variance that the world declares
        [1]_: logistic(m / sqrt(1 + pi s^2 / 8)), s^2 the variance of the difference of utilities in units of the noise.

        References
        ----------
        .. [1] D. J. Spiegelhalter, S. L. Lauritzen (1990). Sequential updating of conditional probabilities on directed
           graphical structures. Networks 20, 579-605: the logistic-normal integral.

        Examples
        --------
        Nobody shares anything, so all the variance is between people, and shares are nearer one half than chances.

        >>> w = load()
        >>> one, other, who = np.full(10, 0.1), np.zeros(10), w.models["sim-large"]
        >>> chance = w.chance_first(np.ones(10), one, other, who)
        >>> bool(0.5 < w.share_first(np.ones(10), one, other, who, more_words=0) < chance)
        True
        """
        chance = self.chance_first(position, first, second, who, more_words=more_words)
        apart = np.sum((np.asarray(first) - np.asarray(second)) ** 2, axis=-1)
        variance = (1 - float(self.parameters["shared_share"])) * apart / who.noise**2
        return logistic(logit(chance) / np.sqrt(1 + np.pi * variance / 8))


def logit(chance: np.ndarray | float) -> np.ndarray:
    """The inverse of `logistic`."""
    return np.log(np.asarray(chance)) - np.log1p(-np.asarray(chance))


def logistic(x: np.ndarray | float) -> np.ndarray:
    """1 / (1 + exp(-x)), without overflow."""
    return 0.5 * (1 + np.tanh(0.5 * np.asarray(x, dtype=float)))


def uniform(digest: bytes, purpose: str) -> float:
    """A number in [0, 1) that depends on a request's digest and on the purpose, and on nothing else."""
    return int.from_bytes(hashlib.sha256(digest + purpose.encode()).digest()[:7], "big") / 2**56


def ordered_score(
    value: str,
    *,
    center: float = 0.0,
    scale: float = 1.0,
    log_floor: float | None = None,
    steps: Sequence[str] = (),
    order: Sequence[int] = (),
) -> float | None:
    """The score of an ordered attribute's value; None where it cannot be read. `world.yaml` says what the keys mean.

    Examples
    --------
    >>> ordered_score("65 years", center=47, scale=18)
    1.0
    >>> ordered_score("Very well", steps=["not well", "very well", "well"], order=[0, 2, 1], scale=1.5)
    1.5
    """
    if steps:
        for step, rank in zip(steps, order, strict=True):
            if step in value.casefold():
                return scale * (2.0 * rank / max(order) - 1.0)
        return None
    if (number := re.search(r"-?\d+(?:\.\d+)?", value.replace(",", "").replace("$", ""))) is None:
        return None
    amount = float(number.group())
    if log_floor is not None:
        amount = math.log(max(amount, log_floor))
    return (amount - center) / scale


def big_five_levels(value: str) -> dict[str, str]:
    """The level (low, average, high) of each of the five traits that the text names; empty where it names none.

    Examples
    --------
    >>> big_five_levels("high openness, low neuroticism")
    {'openness': 'high', 'neuroticism': 'low'}
    """
    text = value.casefold()
    found = {trait: level for level, trait in _TRAIT.findall(text)}
    return found or dict(_TRAIT_FIRST.findall(text))


def _models(declared: Mapping) -> dict[str, Model]:
    wanted = {field.name for field in fields(Model)} - {"name"}
    models = {}
    for name, own in declared.items():
        if name == "default":
            continue
        merged = {**declared["default"], **(own or {})}
        if wrong := wanted ^ set(merged):
            raise ValueError(f"world: model {name}: key {', '.join(sorted(wrong))} is missing or unknown")
        models[name] = Model(name=name, **merged)
    return models


def declared(name: str) -> dict:
    """What a YAML file of this package holds."""
    return read_yaml(Path(__file__).with_name(name))


@cache
def load_shares() -> dict[str, dict[str, float]]:
    """The shares of `shares.yaml`, read once; a full stop at the end of a value is left out, as `effect` does."""
    return {
        name: {value.rstrip("."): share for value, share in own.items()}
        for name, own in declared("shares.yaml").items()
    }


@cache
def load() -> World:
    """The world of `world.yaml`, read once."""
    return World(declared("world.yaml"))
