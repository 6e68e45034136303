"""The benchmark without a text: attempts at answers, examined by a critic, and the truth of their statistics.

As in `studies`, persons and questions are drawn from a `Population`, and truths are made of chances.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from persona_lib.simulator import expected
from persona_lib.simulator.expected import Truth
from persona_lib.simulator.populations import Population
from persona_lib.simulator.portraits import drop_chance
from persona_lib.simulator.studies import N_INTEGRATED, ids, statuses
from persona_lib.simulator.world import Model, logistic
from persona_lib.tables.schema import attributes

MODES = {"baseline": "", "output_only": "description", "chain_of_thought": "steps", "summary": "summary"}


def _pass_chances(
    people: Population, who: Model, critic: Model, mode: str, persons: np.ndarray, items: np.ndarray, judged: np.ndarray
) -> np.ndarray:
    """Chance that the critic, in the place of `judged`, passes an answer written for `persons` in a mode."""
    world = people.world
    read = people.positions(who) - world.shared
    aim = world.shared + (who.attention[MODES[mode]] if MODES[mode] else 0.0) * read[persons]
    position = people.positions(critic)[judged]
    answer = people.first[items] + 0.5 * aim / np.linalg.norm(aim, axis=1, keepdims=True)
    best = 0.8 * np.linalg.norm(position, axis=1)
    spec = world.parameters["critic"]
    quality = np.einsum("nd,nd->n", position, answer) / best
    chance = logistic((quality - spec["threshold"]) / spec["noise"])
    return critic.critic_error + (1 - 2 * critic.critic_error) * chance


def benchmark(
    people: Population,
    models: Sequence[Model],
    critic: Model,
    rng: np.random.Generator,
    *,
    n_persons: int,
    n_items: int,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Tables `attempts` (four modes, and output_only examined for another person) and `dropped`."""
    drawn, asked = rng.choice(people.n_persons, n_persons), rng.choice(len(people.first), max(n_items // 3, 2))
    p, q = np.arange(n_items) % n_persons, rng.permutation(np.arange(n_items) % len(asked))
    other = (p + rng.integers(1, n_persons, n_items)) % n_persons
    names = attributes()["attribute"].to_numpy()
    found, dropped = [], []
    for who in models:
        for mode, judged in [(mode, p) for mode in MODES] + [("output_only", other)]:
            chance = _pass_chances(people, who, critic, mode, drawn[p], asked[q], drawn[judged])
            status = statuses(rng, n_items, critic)
            rows: dict[str, object] = {
                "item_id": ids("x", np.arange(n_items)),
                "persona_id": ids("p", p),
                "prompt_id": ids("q", q),
            }
            rows |= {"model": who.name, "mode": mode, "critic_persona_id": ids("p", judged), "attempt": 0}
            passed = pd.array(rng.random(n_items) < chance, dtype="boolean")
            found.append(pd.DataFrame({**rows, "passed": passed, "status": status}))
        for person in np.unique(p):
            out = rng.random(len(names)) < [drop_chance(name, who) for name in names]
            told = out ^ (rng.random(len(names)) < critic.extractor_error)
            rows = {"persona_id": f"p{person:04d}", "model": who.name, "attribute": names, "is_dropped": told}
            dropped.append(pd.DataFrame({**rows, "is_dropped_by_rule": out, "status": "ok"}))
    return pd.concat(found, ignore_index=True), pd.concat(dropped, ignore_index=True)


def benchmark_truth(people: Population, models: Sequence[Model], critic: Model, rng: np.random.Generator) -> Truth:
    """pass_rate, differences between modes, calibration, and what summaries drop, as the extractor sees it."""
    p, q, other = (rng.integers(n, size=N_INTEGRATED) for n in (people.n_persons, len(people.first), people.n_persons))
    own = {(who.name, mode): _pass_chances(people, who, critic, mode, p, q, p) for who in models for mode in MODES}
    strange = {who.name: _pass_chances(people, who, critic, "output_only", p, q, other) for who in models}
    chances = {who.name: {name: drop_chance(name, who) for name in attributes()["attribute"]} for who in models}
    return expected.examined(own, strange) | expected.dropped(chances, extractor_error=critic.extractor_error)


def repeated(
    people: Population,
    models: Sequence[Model],
    critic: Model,
    rng: np.random.Generator,
    *,
    n_items: int,
    n_attempts: int,
) -> pd.DataFrame:
    """Table `attempts` of repeated attempts with and without the persona; an item's attempts have the same chance."""
    p, q = rng.integers(people.n_persons, size=n_items), rng.integers(len(people.first), size=n_items)
    found = []
    for who in models:
        for mode in ("output_only", "baseline"):
            chance = _pass_chances(people, who, critic, mode, p, q, p)
            items = pd.DataFrame({"item_id": ids("x", np.arange(n_items)), "persona_id": ids("p", p)})
            items = items.assign(prompt_id=ids("q", q), critic_persona_id=items["persona_id"], chance=chance)
            rows = items.merge(pd.DataFrame({"attempt": range(n_attempts)}), how="cross")
            passed = pd.array(rng.random(len(rows)) < rows.pop("chance"), dtype="boolean")
            found.append(rows.assign(model=who.name, mode=mode, passed=passed, status="ok"))
    return pd.concat(found, ignore_index=True)


def repeated_truth(
    people: Population, models: Sequence[Model], critic: Model, rng: np.random.Generator, *, n_attempts: int
) -> Truth:
    """pass_at_k, gain, persona_gain and model_difference of `repeated`."""
    p, q = rng.integers(people.n_persons, size=N_INTEGRATED), rng.integers(len(people.first), size=N_INTEGRATED)
    chances = {
        (who.name, mode): _pass_chances(people, who, critic, mode, p, q, p)
        for who in models
        for mode in ("output_only", "baseline")
    }
    return expected.repeated({key: np.tile(x[:, None], n_attempts) for key, x in chances.items()})
