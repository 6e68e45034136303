"""Whole studies without a text: judgements of a declared population, and the truth of their statistics.

Every choice comes from `World.choose`, the function that answers by text stand on too. A study draws persons and
questions from a `Population` at random; the truth of a statistic is its expectation over all that could have been
drawn, with the noise of every choice integrated, computed from chances and never from choices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
import pandas as pd

from persona_lib.schema import attributes
from persona_lib.simulator.portraits import drop_chance
from persona_lib.simulator.world import BIG_FIVE, Model, World, logistic

PLACEBO = "placebo"
N_INTEGRATED = 50_000  # random cells over which a truth is averaged
MODES = {"baseline": "", "output_only": "description", "chain_of_thought": "steps", "summary": "summary"}


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

    def positions(self, who: Model | None = None) -> np.ndarray:
        """Where each person stands, really or as a model reads it."""
        return self.world.shared + sum(self.parts(who).values())


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


def _status(rng: np.random.Generator, n: int, who: Model) -> np.ndarray:
    """Refused and unparsed at the model's rates, whatever the answer would have been."""
    refused, malformed = rng.random(n) < who.refusal_rate, rng.random(n) < who.malformed_rate
    return np.where(refused, "refused", np.where(malformed, "unparsed", "ok"))


def _judged(rows: pd.DataFrame, chance_b: np.ndarray, status: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    """The rows with what was chosen; '' unless ok."""
    is_b = rng.random(len(rows)) < chance_b
    chosen = rows["answer_b_id"].where(is_b, rows["answer_a_id"])
    position = np.where(is_b == rows["swapped"].to_numpy(), "A", "B")
    ok = status == "ok"
    return rows.drop(columns=["answer_a_id", "answer_b_id"]).assign(
        chosen_answer_id=chosen.where(ok, ""),
        chosen_position=np.where(ok, position, ""),
        status=status,
        request_hash="",
    )


def _ids(prefix: str, numbers: np.ndarray) -> np.ndarray:
    return np.array([f"{prefix}{n:04d}" for n in numbers], dtype=object)


# Pairs: baseline and revision, judged as oneself, as another and as nobody


def _revisions(people: Population, positions: np.ndarray, items: np.ndarray) -> np.ndarray:
    """A revision goes from its question's answer some way towards where the person really stands."""
    return people.first[items] + 0.12 * positions / np.linalg.norm(positions, axis=1, keepdims=True)


def _pair_chances(
    people: Population, who: Model, persons: np.ndarray, items: np.ndarray, others: np.ndarray, swapped: np.ndarray
) -> dict[str, np.ndarray]:
    """Chance that the revision (answer b, ten words shorter) is chosen, by whose description is shown."""
    world = people.world
    read, real = people.positions(who), people.positions()
    baseline, revision = people.first[items], _revisions(people, real[persons], items)
    order = swapped[:, None]
    first, second = np.where(order, revision, baseline), np.where(order, baseline, revision)
    more = np.where(swapped, -10.0, 10.0)
    stands = {"own": read[persons], "swapped": read[others], "none": np.broadcast_to(world.shared, first.shape)}
    chances = {k: world.chance_first(v, first, second, who, more_words=more) for k, v in stands.items()}
    return {k: np.where(swapped, chance, 1 - chance) for k, chance in chances.items()}


def validation(
    people: Population, who: Model, rng: np.random.Generator, *, n_persons: int, n_items: int, n_pairs: int
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Tables `judgements`, `pairs` and `answers` of the validation, for persons and items drawn at random."""
    drawn, asked = rng.choice(people.n_persons, n_persons), rng.choice(len(people.first), n_items)
    cells = rng.choice(n_persons * n_items, n_pairs, replace=False)
    p, q = cells // n_items, cells % n_items
    other = (p + rng.integers(1, n_persons, n_pairs)) % n_persons
    pairs = pd.DataFrame({"persona_id": _ids("p", p), "prompt_id": _ids("q", q)})
    pairs["pair_id"] = pairs["persona_id"] + "." + pairs["prompt_id"]
    pairs = pairs.assign(rejected_answer_id="a." + pairs["pair_id"], chosen_answer_id="b." + pairs["pair_id"])
    answers = pd.DataFrame({"answer_id": [*pairs["rejected_answer_id"], *pairs["chosen_answer_id"]], "status": "ok"})
    answers["n_words"] = np.repeat([100, 90], n_pairs)
    found = []
    for swapped in (False, True):
        chances = _pair_chances(people, who, drawn[p], asked[q], drawn[other], np.full(n_pairs, swapped))
        for kind, shown in (("own", p), ("swapped", other), ("none", None)):
            rows = pd.DataFrame({"item_id": pairs["pair_id"], "rater_id": "judge", "swapped": swapped, "repeat": 0})
            rows["persona_shown_id"] = "" if shown is None else _ids("p", shown)
            rows = rows.assign(answer_a_id=pairs["rejected_answer_id"], answer_b_id=pairs["chosen_answer_id"])
            found.append(_judged(rows, chances[kind], _status(rng, n_pairs, who), rng))
    return pd.concat(found, ignore_index=True), pairs, answers


def validation_truth(people: Population, who: Model, rng: np.random.Generator) -> dict[tuple[str, str], float]:
    """What `validation_statistics` estimates: holds, persona_effect, first_position, scored, refused, unparsed."""
    p, q, other = (rng.integers(n, size=N_INTEGRATED) for n in (people.n_persons, len(people.first), people.n_persons))
    ab, ba = (_pair_chances(people, who, p, q, other, np.full(N_INTEGRATED, order)) for order in (False, True))
    holds = {kind: (ab[kind].mean() + ba[kind].mean()) / 2 for kind in ab}
    first = {kind: (1 - ab[kind].mean() + ba[kind].mean()) / 2 for kind in ab}
    refused, unparsed = who.refusal_rate, (1 - who.refusal_rate) * who.malformed_rate
    return {
        **{("holds", kind): value for kind, value in holds.items()},
        ("holds", "own_ab"): ab["own"].mean(),
        ("holds", "own_ba"): ba["own"].mean(),
        **{("persona_effect", f"own-{kind}"): holds["own"] - holds[kind] for kind in ("swapped", "none")},
        **{("first_position", kind): value for kind, value in first.items()},
        ("first_position", "all"): float(np.mean(list(first.values()))),
        ("refused", "all"): refused,
        ("unparsed", "all"): unparsed,
        ("scored", "all"): 1 - refused - unparsed,
    }


# Leave one out


def _arms(
    people: Population, who: Model, attribute: str, persons: np.ndarray, others: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Positions without and with an attribute, as a judge reads persons of whom a few other attributes are shown."""
    parts = people.parts(who)
    names = list(parts)
    stacked = np.array([parts[name] for name in names])
    without = people.world.shared + stacked[others, persons[:, None]].sum(axis=1)
    added = 0.0 if attribute == PLACEBO else parts[attribute][persons]
    return without, without + added


def _others(people: Population, attribute: str, n: int, n_shown: int, rng: np.random.Generator) -> np.ndarray:
    names = list(people.world.weights)
    left = [i for i, name in enumerate(names) if name != attribute]
    return np.array(left)[rng.random((n, len(left))).argsort(axis=1)[:, :n_shown]]


def ablation(
    people: Population,
    who: Model,
    rng: np.random.Generator,
    *,
    names: Sequence[str],
    n_persons: int,
    n_items: int,
    n_shown: int,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Tables `ablation_judgements` and `pool_items` of the leave-one-out of some attributes."""
    asked = rng.choice(len(people.first), n_items)
    items = pd.DataFrame({"item_id": _ids("i", np.arange(n_items))})
    items = items.assign(answer_a_id="a." + items["item_id"], answer_b_id="b." + items["item_id"])
    found = []
    for name in names:
        drawn = rng.choice(people.n_persons, n_persons)
        without, with_it = _arms(people, who, name, drawn, _others(people, name, n_persons, n_shown, rng))
        cells = items.merge(pd.DataFrame({"persona_id": _ids("p", np.arange(n_persons))}), how="cross")
        p, q = np.tile(np.arange(n_persons), n_items), np.repeat(np.arange(n_items), n_persons)
        swapped = rng.random(len(cells)) < 0.5
        for arm, positions in (("without", without), ("with", with_it), ("repeat", without)):
            chance = by_content(people, who, positions[p], asked[q], swapped=swapped)
            rows = cells.assign(attribute=name, arm=arm, swapped=swapped, shown_attributes="")
            found.append(_judged(rows, chance, _status(rng, len(cells), who), rng))
    return pd.concat(found, ignore_index=True), items


def ablation_truth(
    people: Population, who: Model, rng: np.random.Generator, *, names: Sequence[str], n_shown: int
) -> dict[tuple[str, str], float]:
    """flip_rate, retest_flip_rate, excess_flip, kappa and kappa_retest of each attribute."""
    found = {}
    for name in names:
        p, q = rng.integers(people.n_persons, size=N_INTEGRATED), rng.integers(len(people.first), size=N_INTEGRATED)
        arms = _arms(people, who, name, p, _others(people, name, N_INTEGRATED, n_shown, rng))
        swapped = rng.random(N_INTEGRATED) < 0.5
        x, y = (by_content(people, who, position, q, swapped=swapped) for position in arms)
        flip, retest = np.mean(x * (1 - y) + y * (1 - x)), np.mean(2 * x * (1 - x))
        found |= {("flip_rate", name): flip, ("retest_flip_rate", name): retest, ("excess_flip", name): flip - retest}
        found |= {("kappa", name): _kappa(x, y), ("kappa_retest", name): _kappa(x, x)}
    return found


def _kappa(x: np.ndarray, y: np.ndarray) -> float:
    """Cohen's kappa of two raters who choose b independently with these chances, cell by cell."""
    agree = np.mean(x * y + (1 - x) * (1 - y))
    expected = x.mean() * y.mean() + (1 - x.mean()) * (1 - y.mean())
    return float((agree - expected) / (1 - expected))


# The common pool


def pool(
    people: Population,
    models: Sequence[Model],
    raters: Model,
    rng: np.random.Generator,
    *,
    n_persons: int,
    n_items: int,
    n_raters: int,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Tables `pool_judgements` and `pool_items`: models and raters judge the same items as the same persons."""
    drawn, asked = rng.choice(people.n_persons, n_persons), rng.choice(len(people.first), n_items)
    items = pd.DataFrame({"item_id": _ids("i", np.arange(n_items))})
    items = items.assign(answer_a_id="a." + items["item_id"], answer_b_id="b." + items["item_id"])
    cells = items.merge(pd.DataFrame({"persona_shown_id": _ids("p", np.arange(n_persons))}), how="cross")
    p, q = np.tile(np.arange(n_persons), n_items), np.repeat(np.arange(n_items), n_persons)
    swapped = rng.random(len(cells)) < 0.5
    found = []
    for name, who in [(m.name, m) for m in models] + [(f"{raters.name}.{r + 1}", raters) for r in range(n_raters)]:
        tastes = who.taste * rng.standard_normal((n_persons, len(people.world.dimensions)))
        positions = people.positions(who)[drawn] + tastes
        chance = by_content(people, who, positions[p], asked[q], swapped=swapped)
        rows = cells.assign(rater_id=name, swapped=swapped, repeat=0)
        found.append(_judged(rows, chance, _status(rng, len(cells), who), rng))
    return pd.concat(found, ignore_index=True), items


def pool_truth(
    people: Population, models: Sequence[Model], raters: Model, rng: np.random.Generator
) -> dict[tuple[str, str], float]:
    """kappa_content of each model with the majority of three raters, between models, and between two raters."""
    p, q = rng.integers(people.n_persons, size=N_INTEGRATED), rng.integers(len(people.first), size=N_INTEGRATED)
    swapped, shape = rng.random(N_INTEGRATED) < 0.5, (N_INTEGRATED, len(people.world.dimensions))

    def chance(who: Model) -> np.ndarray:
        position = people.positions(who)[p]
        tastes = who.taste * rng.standard_normal(shape)
        return by_content(people, who, position, q, swapped=swapped, tastes=tastes)

    one, two, three = (chance(raters) for _ in range(3))
    majority = one * two * three + one * two * (1 - three) + one * (1 - two) * three + (1 - one) * two * three
    by_model = {who.name: chance(who) for who in models}
    found = {("kappa_content", name): _kappa(x, majority) for name, x in by_model.items()}
    for first, second in combinations(by_model, 2):
        found["kappa_content", f"{first}|{second}"] = _kappa(by_model[first], by_model[second])
    return found | {("kappa_content", "rater_rater"): _kappa(one, two)}


# The benchmark and its summaries


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
            status = _status(rng, n_items, critic)
            rows = {"item_id": _ids("x", np.arange(n_items)), "persona_id": _ids("p", p), "prompt_id": _ids("q", q)}
            rows |= {"model": who.name, "mode": mode, "critic_persona_id": _ids("p", judged), "attempt": 0}
            passed = pd.array(rng.random(n_items) < chance, dtype="boolean")
            found.append(pd.DataFrame({**rows, "passed": passed, "status": status}))
        for person in np.unique(p):
            out = rng.random(len(names)) < [drop_chance(name, who) for name in names]
            told = out ^ (rng.random(len(names)) < critic.extractor_error)
            rows = {"persona_id": f"p{person:04d}", "model": who.name, "attribute": names, "is_dropped": told}
            dropped.append(pd.DataFrame({**rows, "is_dropped_by_rule": out, "status": "ok"}))
    return pd.concat(found, ignore_index=True), pd.concat(dropped, ignore_index=True)


def benchmark_truth(
    people: Population, models: Sequence[Model], critic: Model, rng: np.random.Generator
) -> dict[tuple[str, str], float]:
    """pass_rate, differences between modes, calibration, and drop_rate of every attribute, as the extractor sees it."""
    p, q, other = (rng.integers(n, size=N_INTEGRATED) for n in (people.n_persons, len(people.first), people.n_persons))
    found: dict[tuple[str, str], float] = {}
    rates = {(w.name, m): _pass_chances(people, w, critic, m, p, q, p).mean() for w in models for m in MODES}
    found |= {("pass_rate", f"{name}|{mode}"): rate for (name, mode), rate in rates.items()}
    for who in models:
        for reference, mode in combinations(MODES, 2):
            difference = rates[who.name, mode] - rates[who.name, reference]
            found["difference", f"{who.name}|{mode}-{reference}"] = difference
    own = np.mean([rates[who.name, "output_only"] for who in models])
    strange = np.mean([_pass_chances(people, who, critic, "output_only", p, q, other).mean() for who in models])
    found |= {
        ("calibration", "own"): own,
        ("calibration", "other"): strange,
        ("calibration", "own-other"): own - strange,
    }
    e = critic.extractor_error
    for name in attributes()["attribute"]:
        rate = np.mean([drop_chance(name, who) for who in models])
        found["drop_rate", name] = rate * (1 - e) + (1 - rate) * e
    return found
