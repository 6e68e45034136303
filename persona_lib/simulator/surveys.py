"""How a simulated respondent answers a survey's item, and what share of the population gives each answer.

`surveys.yaml` declares the link between items and the world's dimensions; which question is which item says
`data/reference/survey_items.csv`.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from scipy.special import ndtri

from persona_lib.simulator.world import declared, load, logistic
from persona_lib.tables.streams import generator

ITEMS = Path(__file__).resolve().parents[2] / "data" / "reference" / "survey_items.csv"
N_NODES = 201  # of the integration over the population


@cache
def items() -> dict[str, tuple[str, tuple[str, ...]]]:
    """The variable and the answers, in order, of every item of the register, by its question."""
    with ITEMS.open(encoding="utf-8", newline="") as file:
        return {row["question"]: (row["variable"], tuple(row["answers"].split("|"))) for row in csv.DictReader(file)}


@cache
def direction(question: str) -> np.ndarray:
    """Where an item leans, as a vector of length 1 over the world's dimensions."""
    world, told = load(), declared("surveys.yaml")
    leans = told["leans"].get(items().get(question, ("", ()))[0])
    if leans is None:
        seed = hashlib.sha256(question.encode("utf-8", "replace")).hexdigest()
        found = told["unknown"] * generator(world.seed, "simulator", "survey", seed).standard_normal(
            len(world.dimensions)
        )
    else:
        found = np.array([leans.get(name, 0.0) for name in world.dimensions])
    return found / np.linalg.norm(found)


def chances(z: np.ndarray | float, n_answers: int) -> np.ndarray:
    """Chance of every answer at z: an ordered logit whose bounds would give a standard normal z equal shares.

    Returns
    -------
    n_answers chances on the last axis, of sum 1; the leading axes are those of z.

    Examples
    --------
    >>> chances(0.0, 2).tolist(), chances(3.0, 2).round(3).tolist()
    ([0.5, 0.5], [0.0, 1.0])
    """
    bounds = ndtri(np.arange(1, n_answers) / n_answers)
    below = logistic((bounds - np.asarray(z, dtype=float)[..., None]) / declared_noise())
    edges = [np.zeros((*below.shape[:-1], 1)), below, np.ones((*below.shape[:-1], 1))]
    return np.diff(np.concatenate(edges, axis=-1), axis=-1)


@cache
def declared_noise() -> float:
    """The noise of a choice, in the units of z."""
    return float(declared("surveys.yaml")["noise"])


def in_order(question: str, options: Sequence[str]) -> list[int]:
    """Which answer of the item, in its order, each option is; the options as they stand for an unknown question.

    Examples
    --------
    >>> in_order("Is this in no register?", ["a", "b"])
    [0, 1]
    """
    known = items().get(question, ("", ()))[1]
    if sorted(known) != sorted(options):
        return list(range(len(options)))
    return [known.index(option) for option in options]


def answer_chances(question: str, options: Sequence[str], position: np.ndarray) -> np.ndarray:
    """Chance of each option, as they are shown, for a respondent at a position."""
    return chances(float(position @ direction(question)), len(options))[in_order(question, options)]


def population_shares(question: str, options: Sequence[str]) -> np.ndarray:
    """Share of the population that gives each option, as they are shown.

    The own parts of positions are taken as normal, of the mean square that `shared_share` leaves them.
    """
    world = load()
    nodes = ndtri((np.arange(N_NODES) + 0.5) / N_NODES)
    spread = np.sqrt(1 - float(world.parameters["shared_share"]))
    found = chances(world.shared @ direction(question) + spread * nodes, len(options)).mean(axis=0)
    return found[in_order(question, options)]
