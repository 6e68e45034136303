"""Persons and questions to draw from: where each stands, and the chances of the choices between their answers."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from persona_lib.simulator.world import BIG_FIVE, Model, World
from persona_lib.tables.descriptions import is_shown


@dataclass(frozen=True)
class Population:
    """Persons by their attributes (a column each), and questions with two answers and how many words b has more."""

    world: World
    columns: dict[str, list[str]]
    first: np.ndarray
    second: np.ndarray
    more_words: np.ndarray
    _read: dict[str, dict[str, np.ndarray]] = field(default_factory=dict, repr=False)

    @property
    def n_persons(self) -> int:
        return len(self.columns["sex"])

    def parts(self, who: Model | None = None) -> dict[str, np.ndarray]:
        """What each attribute adds to each person's position, really or as a model reads it."""
        name = who.name if who else ""
        if name not in self._read:
            self._read[name] = self.world.parts_in_bulk(self.columns, who)
        return self._read[name]

    def positions(self, who: Model | None = None, *, lines_shown: str = "all") -> np.ndarray:
        """Where each person stands, really or as a model reads it; as far as some lines of the description tell.

        lines_shown : all, demographic, idiosyncratic or values, as in `descriptions.part`
        """
        shown = [part for name, part in self.parts(who).items() if is_shown(name, lines_shown)]
        return self.world.shared + sum(shown, np.zeros((self.n_persons, len(self.world.dimensions))))


def population(world: World, rng: np.random.Generator, *, n_persons: int = 1000, n_items: int = 400) -> Population:
    """Invented persons (twenty unnamed values of most attributes) and items whose answers differ in every dimension."""
    levels = list(world.parameters["big_five_scores"])
    columns = {name: [f"value {v}" for v in rng.integers(20, size=n_persons)] for name in world.weights}
    columns["age_years"] = rng.integers(18, 90, n_persons).astype(str).tolist()
    columns["income_usd"] = (np.exp(rng.normal(10.3, 1.2, n_persons)) // 1000 * 1000).astype(str).tolist()
    drawn = rng.choice(levels, size=(n_persons, len(BIG_FIVE)))
    columns["big_five"] = [", ".join(f"{x} {trait}" for x, trait in zip(row, BIG_FIVE, strict=True)) for row in drawn]
    first, second = rng.normal(0, 0.17, (2, n_items, len(world.dimensions)))
    return Population(world, columns, first, second, rng.integers(-25, 26, n_items).astype(float))


def by_content(
    people: Population,
    who: Model,
    positions: np.ndarray,
    items: np.ndarray,
    *,
    swapped: np.ndarray,
    tastes: np.ndarray | float = 0.0,
) -> np.ndarray:
    """Chance that answer b is chosen, row by row: one position, one item and one order each."""
    a, b = people.first[items], people.second[items]
    order = swapped[:, None]
    shown, other = np.where(order, b, a), np.where(order, a, b)
    more = np.where(swapped, 1, -1) * people.more_words[items]
    chance = people.world.chance_first(positions + tastes, shown, other, who, more_words=more)
    return np.where(swapped, chance, 1 - chance)


def everywhere(people: Population, who: Model) -> np.ndarray:
    """Chance of answer b of every item for every person: persons x items, over both orders."""
    p, q = (
        grid.ravel() for grid in np.meshgrid(np.arange(people.n_persons), np.arange(len(people.first)), indexing="ij")
    )
    positions = people.positions(who)[p]
    orders = [by_content(people, who, positions, q, swapped=np.full(len(q), swapped)) for swapped in (False, True)]
    return np.mean(orders, axis=0).reshape(people.n_persons, -1)
