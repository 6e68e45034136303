"""The benchmark without a text: attempts at answers, examined by a critic, and the truth of their statistics.

As in `studies`, persons and questions are drawn from a `Population`, and truths are made of chances.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from persona_lib.simulator import expected_attempts
from persona_lib.simulator.expected import Truth
from persona_lib.simulator.populations import Population
from persona_lib.simulator.portraits import drop_chance
from persona_lib.simulator.studies import N_INTEGRATED, numbered, statuses
from persona_lib.simulator.world import Model, load, logistic
from persona_lib.tables.schema import attributes

REEXAMINED = ("chain_of_thought", "baseline")  # modes whose first answers are examined again and again
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
    spec = world.parameters["critic"]
    best = spec["best_without_text"] * np.linalg.norm(position, axis=1)
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
    found = []
    for who in models:
        for mode, judged in [(mode, p) for mode in MODES] + [("output_only", other)]:
            chance = _pass_chances(people, who, critic, mode, drawn[p], asked[q], drawn[judged])
            status = statuses(rng, n_items, critic)
            rows: dict[str, object] = {
                "item_id": numbered("x", np.arange(n_items)),
                "persona_id": numbered("p", p),
                "prompt_id": numbered("q", q),
            }
            rows |= {"model": who.name, "mode": mode, "critic_persona_id": numbered("p", judged), "attempt": 0}
            rows |= {"examination": 0, "passed": pd.array(rng.random(n_items) < chance, dtype="boolean")}
            found.append(pd.DataFrame({**rows, "status": status}))
    dropped = _summaries(people, models, critic, rng, persons=drawn[p], ids=(p, q))
    return pd.concat(found, ignore_index=True), dropped


def _summaries(
    people: Population,
    models: Sequence[Model],
    critic: Model,
    rng: np.random.Generator,
    *,
    persons: np.ndarray,
    ids: tuple[np.ndarray, np.ndarray],
) -> pd.DataFrame:
    """Table `dropped`: what the summaries of each model leave out for each item, a person and a question."""
    names = attributes()["attribute"].to_numpy()
    (p, q), n = ids, len(persons)
    of_question = rng.random((q.max() + 1, len(names)))[q]
    found = []
    for who in models:
        out = _left_out(who, of_question, rng)
        told = out ^ (rng.random(out.shape) < critic.extractor_error)
        serves = _serves(people, critic, persons, out) ^ (rng.random(n) < critic.extractor_error)
        rows = {"item_id": np.repeat(numbered("x", np.arange(n)), len(names)), "model": who.name}
        rows |= {"persona_id": np.repeat(numbered("p", p), len(names)), "attribute": np.tile(names, n)}
        rows |= {"prompt_id": np.repeat(numbered("q", q), len(names)), "is_equivalent": np.repeat(serves, len(names))}
        found.append(pd.DataFrame({**rows, "is_dropped": told.ravel(), "is_dropped_by_rule": out.ravel()}))
    return pd.concat(found, ignore_index=True).assign(status="ok")


def _left_out(who: Model, of_question: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Whether a summary leaves each attribute out, by the question's draw or by one of its own: items x attributes."""
    by_question = rng.random(of_question.shape) < load().parameters["dropped_shared"]
    drawn = np.where(by_question, of_question, rng.random(of_question.shape))
    return drawn < np.array([drop_chance(name, who) for name in attributes()["attribute"]])


def _serves(people: Population, critic: Model, persons: np.ndarray, out: np.ndarray) -> np.ndarray:
    """Whether what is left of each person points where the whole points, as `portraits.serves` has it."""
    parts = people.parts(critic)
    stacked = np.stack([parts[name][persons] for name in attributes()["attribute"]], axis=1)
    whole, kept = stacked.sum(axis=1), (stacked * ~out[:, :, None]).sum(axis=1)
    lengths = np.linalg.norm(whole, axis=1) * np.linalg.norm(kept, axis=1)
    cosine = np.einsum("nd,nd->n", whole, kept) / np.where(lengths > 0, lengths, 1)
    return cosine >= load().parameters["equivalent_from"]


def benchmark_truth(people: Population, models: Sequence[Model], critic: Model, rng: np.random.Generator) -> Truth:
    """pass_rate, differences between modes, calibration, and what summaries drop, as the extractor sees it."""
    p, q, other = (rng.integers(n, size=N_INTEGRATED) for n in (people.n_persons, len(people.first), people.n_persons))
    own = {(who.name, mode): _pass_chances(people, who, critic, mode, p, q, p) for who in models for mode in MODES}
    strange = {who.name: _pass_chances(people, who, critic, "output_only", p, q, other) for who in models}
    names = attributes()["attribute"]
    chances = {who.name: {name: drop_chance(name, who) for name in names} for who in models}
    e = critic.extractor_error
    found = expected_attempts.examined(own, strange) | expected_attempts.dropped(chances, extractor_error=e)
    of_question = rng.random((N_INTEGRATED // 4, len(names)))
    shared = load().parameters["dropped_shared"]
    by_model = np.stack([np.array(list(chances[who.name].values())) for who in models])
    on_question = shared * (of_question[:, None] < by_model) + (1 - shared) * by_model
    found |= expected_attempts.concordance(e + (1 - 2 * e) * on_question, rng)
    served = {
        who.name: _serves(people, critic, p[: len(of_question)], _left_out(who, of_question, rng)) for who in models
    }
    found |= {("equivalent", name): e + (1 - 2 * e) * serves.mean() for name, serves in served.items()}
    found["equivalent", "all"] = float(np.mean([found["equivalent", name] for name in served]))
    return found


def repeated(
    people: Population,
    models: Sequence[Model],
    critic: Model,
    rng: np.random.Generator,
    *,
    n_items: int,
    n_attempts: int,
) -> pd.DataFrame:
    """Table `attempts` of repeated attempts, and of repeated examinations of the first of them.

    Without a text an item's attempts have the same chance, so fresh answers add no variety here.
    """
    p, q = rng.integers(people.n_persons, size=n_items), rng.integers(len(people.first), size=n_items)
    grid = [{"attempt": i, "examination": 0} for i in range(n_attempts)]
    again = [{"attempt": 0, "examination": i} for i in range(1, n_attempts)]
    found = []
    for who in models:
        for mode in ("chain_of_thought", "output_only", "baseline"):
            chance = _pass_chances(people, who, critic, mode, p, q, p)
            items = pd.DataFrame({"item_id": numbered("x", np.arange(n_items)), "persona_id": numbered("p", p)})
            items = items.assign(prompt_id=numbered("q", q), critic_persona_id=items["persona_id"], chance=chance)
            rows = items.merge(pd.DataFrame(grid + again * (mode in REEXAMINED)), how="cross")
            passed = pd.array(rng.random(len(rows)) < rows.pop("chance"), dtype="boolean")
            found.append(rows.assign(model=who.name, mode=mode, passed=passed, status="ok"))
    return pd.concat(found, ignore_index=True)


def repeated_truth(
    people: Population, models: Sequence[Model], critic: Model, rng: np.random.Generator, *, n_attempts: int
) -> Truth:
    """pass_at_k, gain, persona_gain, model_difference, reexamined and variety of `repeated`."""
    p, q = rng.integers(people.n_persons, size=N_INTEGRATED), rng.integers(len(people.first), size=N_INTEGRATED)
    chances = {
        (who.name, mode): _pass_chances(people, who, critic, mode, p, q, p)
        for who in models
        for mode in ("chain_of_thought", "output_only", "baseline")
    }
    return expected_attempts.repeated(
        {key: np.tile(x[:, None], n_attempts) for key, x in chances.items()}, again=REEXAMINED
    )
