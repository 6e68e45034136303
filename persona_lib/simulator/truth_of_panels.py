"""The truths of notebook 11's panel: what models and raters would choose of everybody, on every question.

Chances stand in a grid of persons x items, so that all pairs of different persons meet on each item. What depends on
who happens to be in a group of the run (other attributes than sex) has no truth here; what few choices make too large
(distances that are never below 0, the Overton window) is in `truth_of_small_panels`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from persona_lib.simulator.expected import Truth, majority
from persona_lib.simulator.populations import Population, by_content
from persona_lib.simulator.truth_of_small_panels import small_panel_truth
from persona_lib.simulator.world import Model

LEAST = 5  # persons of a group


def panel_truth(
    people: Population,
    models: Mapping[str, Model],
    raters: Model,
    rng: np.random.Generator,
    *,
    groups: Mapping[str, np.ndarray],
    n_drawn: int,
    n_raters: int,
) -> Truth:
    """squared_distance, steerability, gold_comparison, flattening, caricature and variance_share of a panel.

    Also what `small_panel_truth` gives.

    Parameters
    ----------
    models : by the name in the statistics; the first leads the panel
    groups : which persons belong to each group, by `attribute|value`
    n_drawn, n_raters : how many persons and raters the panel has
    """
    n, m = people.n_persons, len(people.first)
    swapped = rng.random((n, m)) < 0.5
    chosen = {name: chances_of_b(people, who, swapped, rng) for name, who in models.items()}
    rated = [chances_of_b(people, raters, swapped, rng) for _ in range(3)]
    wanted, single = majority(rated), np.mean(rated, axis=0)
    inside = {"all": np.ones(n, bool)} | {name: who for name, who in groups.items() if who.sum() >= LEAST}
    sexes = [who for name, who in inside.items() if name.startswith("sex|")]
    found: Truth = {}
    for name, x in chosen.items():
        for group, who in inside.items():
            apart = (x - single)[who]
            found["squared_distance", f"{name}|{group}"] = over_pairs(apart, apart).mean()
        agree = over_pairs(x, wanted) + over_pairs(1 - x, 1 - wanted)
        found["steerability", name] = (x * wanted + (1 - x) * (1 - wanted)).mean() - agree.mean()
        gold = gold_shares(1 - x, x, wanted)
        found |= {("gold_comparison", f"{name}|{outcome}"): share for outcome, share in gold.items()}
        found["flattening", f"{name}|all"] = _differ(wanted) - _differ(x)
        if len(sexes) == 2:
            flat = [_differ(wanted[who]) - _differ(x[who]) for who in sexes]
            found["flattening", f"{name}|sex"] = float(np.mean(flat))
            found["caricature", f"{name}|sex"] = _between(x, *sexes) - _between(wanted, *sexes)
    found |= _asked(people, models, single, inside) | _components(list(chosen.values()))
    raters_of_all = [*rated, *(chances_of_b(people, raters, swapped, rng) for _ in range(n_raters - 3))]
    said = {name: _said(people, who, people.world.shared) for name, who in models.items()}
    return found | small_panel_truth(chosen, raters_of_all, said, rng, n_persons=n_drawn)


def chances_of_b(people: Population, who: Model, swapped: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Chance of answer b in these orders, persons x items; a rater's taste is drawn anew for each person."""
    p, q = (grid.ravel() for grid in np.meshgrid(*map(np.arange, swapped.shape), indexing="ij"))
    tastes = who.taste * rng.standard_normal((people.n_persons, len(people.world.dimensions)))
    positions = people.positions(who) + tastes
    return by_content(people, who, positions[p], q, swapped=swapped.ravel()).reshape(swapped.shape)


def over_pairs(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Per item, the mean of first x second over pairs of different persons.

    Examples
    --------
    >>> over_pairs(np.array([[1.0], [2.0], [3.0]]), np.ones((3, 1))).tolist()
    [2.0]
    """
    n = len(first)
    return (first.sum(axis=0) * second.sum(axis=0) - (first * second).sum(axis=0)) / (n * (n - 1))


def gold_shares(a: np.ndarray, b: np.ndarray, wanted: np.ndarray) -> dict[str, float]:
    """Of all pairs of persons who want opposite answers to an item, the shares of who gets what.

    A pair counts by the chance that both of its persons get one of the two answers. Empty where no pair counts.

    Parameters
    ----------
    a, b : chance that a person gets answer a, and b, persons x items; what they leave is neither
    wanted : chance that it wants b

    Examples
    --------
    One person wants a and gets it; the other wants b and gets either.

    >>> gold_shares(np.array([[1.0], [0.5]]), np.array([[0.0], [0.5]]), np.array([[0.0], [1.0]]))
    {'both_right': 0.5, 'same_answer': 0.5, 'both_wrong': 0.0}
    """
    some = a + b
    opposite = over_pairs((1 - wanted) * some, wanted * some).mean()
    if opposite == 0:
        return {}
    right = float(over_pairs((1 - wanted) * a, wanted * b).mean() / opposite)
    wrong = float(over_pairs((1 - wanted) * b, wanted * a).mean() / opposite)
    return {"both_right": right, "same_answer": 1 - right - wrong, "both_wrong": wrong}


def _differ(chances: np.ndarray) -> float:
    """Chance that two different persons get different answers to an item."""
    return float(2 * over_pairs(chances, 1 - chances).mean())


def _between(chances: np.ndarray, one: np.ndarray, other: np.ndarray) -> float:
    """Mean over items of the squared difference of two groups' shares."""
    first, second = chances[one], chances[other]
    apart = over_pairs(first, first) + over_pairs(second, second) - 2 * first.mean(axis=0) * second.mean(axis=0)
    return float(apart.mean())


def _asked(
    people: Population, models: Mapping[str, Model], raters: np.ndarray, groups: Mapping[str, np.ndarray]
) -> Truth:
    """squared_distance of the shares that models say without a persona: everybody's, and of the lead by sex."""
    found: Truth = {}
    for number, (name, who) in enumerate(models.items()):
        for group, members in groups.items():
            attribute, _, value = group.partition("|")
            if group != "all" and (number or attribute != "sex"):
                continue
            at = people.world.shared + people.world.own_part({attribute: value}, who)
            inside = raters[members]
            mean, alike = inside.mean(axis=0), over_pairs(inside, inside)
            squares = [(share**2 - 2 * share * mean + alike).mean() for share in _said(people, who, at)]
            found["squared_distance", f"{name} asked|{group}"] = float(np.mean(squares))
    return found


def _said(people: Population, who: Model, at: np.ndarray) -> list[np.ndarray]:
    """The share of answer b that a model says of people who stand there, item by item, in each order of the answers."""
    a_first = people.world.share_first(at, people.first, people.second, who, more_words=-people.more_words)
    b_first = people.world.share_first(at, people.second, people.first, who, more_words=people.more_words)
    return [1 - a_first, b_first]


def _components(chosen: list[np.ndarray]) -> Truth:
    """variance_share of the lead's choices, the first, beside those of the other models."""
    lead, *others = chosen
    if not others:
        return {}
    n, m = lead.shape
    alike = {"cell": 0.0, "item": 0.0, "persona": 0.0, "none": 0.0}
    for other in others:
        same, item = (lead * other).mean(), over_pairs(lead, other).mean()
        persona = over_pairs(lead.T, other.T).mean()
        every = lead.sum() * other.sum() - n * (n - 1) * m * item - m * (m - 1) * n * persona - n * m * same
        none = every / (n * m * (n - 1) * (m - 1))
        now = {"cell": same, "item": item, "persona": persona, "none": none}
        alike = {key: value + now[key] / len(others) for key, value in alike.items()}
    parts = {
        "persona": alike["persona"] - alike["none"],
        "prompt": alike["item"] - alike["none"],
        "persona_prompt": alike["cell"] - alike["item"] - alike["persona"] + alike["none"],
        "judge": (lead**2).mean() - alike["cell"],
        "run": (lead * (1 - lead)).mean(),
    }
    total = lead.mean() - alike["none"]
    return {("variance_share", name): float(part / total) for name, part in parts.items()}
