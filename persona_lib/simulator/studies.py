"""Whole studies without a text: judgements of a declared population, and the truth of their statistics.

Every chance comes from `World.chance_first`, on which answers by text stand too. A study draws persons and
questions from a `Population` at random; the truth of a statistic is its expectation over all that could have been
drawn, with the noise of every choice integrated, computed from chances and never from choices.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from persona_lib.simulator import expected
from persona_lib.simulator.expected import Truth
from persona_lib.simulator.populations import Population, by_content
from persona_lib.simulator.world import Model
from persona_lib.tables.values import PARTS, PLACEBO

N_INTEGRATED = 20_000  # random cells over which a truth is averaged
N_PERSONS = 800  # whose kappas over a few questions are averaged


def statuses(rng: np.random.Generator, n: int, who: Model) -> np.ndarray:
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


def numbered(prefix: str, numbers: np.ndarray) -> np.ndarray:
    """Ids such as p0012."""
    return np.array([f"{prefix}{n:04d}" for n in numbers], dtype=object)


# Choices whose utilities are known: what moves a model beside them


def choices(people: Population, who: Model, rng: np.random.Generator, *, n: int) -> pd.DataFrame:
    """Choices of one model as random persons on random items, with all that moves them.

    Returns
    -------
    One row per choice: first (the answer shown first was chosen) and, for that answer minus the other: utility (as
    the model reads the person), habit (utility at the model's own habit of writing) and words (hundreds).
    """
    p, q, swapped = rng.integers(people.n_persons, size=n), rng.integers(len(people.first), size=n), rng.random(n) < 0.5
    position, sign = people.positions(who)[p], np.where(swapped, -1, 1)
    chose_b = rng.random(n) < by_content(people, who, position, q, swapped=swapped)
    apart, words = sign[:, None] * (people.first - people.second)[q], -sign * people.more_words[q] / 100
    utility = (position * apart).sum(axis=1) - people.world.length_cost * words
    habit = apart @ people.world.habit[who.name]
    return pd.DataFrame({"first": chose_b == swapped, "utility": utility, "habit": habit, "words": words})


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
    stands = {"own": read[persons], "values": people.positions(who, lines_shown="values")[persons]}
    stands |= {"swapped": read[others], "none": np.broadcast_to(world.shared, first.shape)}
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
    pairs = pd.DataFrame({"persona_id": numbered("p", p), "prompt_id": numbered("q", q)})
    pairs["pair_id"] = pairs["persona_id"] + "." + pairs["prompt_id"]
    ids = {"rejected_answer_id": "a." + pairs["pair_id"], "chosen_answer_id": "b." + pairs["pair_id"]}
    pairs = pairs.assign(**ids, status="ok")
    answers = pd.DataFrame({"answer_id": pd.concat([*ids.values()], ignore_index=True), "status": "ok", "fault": ""})
    answers["n_words"] = np.repeat([100, 90], n_pairs)
    found = []
    for swapped in (False, True):
        chances = _pair_chances(people, who, drawn[p], asked[q], drawn[other], np.full(n_pairs, swapped))
        for kind, shown in (("own", p), ("values", p), ("swapped", other), ("none", None)):
            rows = pd.DataFrame({"item_id": pairs["pair_id"], "rater_id": "judge", "swapped": swapped, "repeat": 0})
            rows = rows.assign(role="judge", rater_kind="simulated")
            rows["persona_shown_id"] = "" if shown is None else numbered("p", shown)
            rows["lines_shown"] = {"values": "values", "none": "none"}.get(kind, "all")
            rows = rows.assign(answer_a_id=pairs["rejected_answer_id"], answer_b_id=pairs["chosen_answer_id"])
            found.append(_judged(rows, chances[kind], statuses(rng, n_pairs, who), rng))
    return pd.concat(found, ignore_index=True), pairs, answers


def validation_truth(people: Population, who: Model, rng: np.random.Generator) -> Truth:
    """What `validation_statistics` estimates, but for length_only and failed."""
    p, q, other = (rng.integers(n, size=N_INTEGRATED) for n in (people.n_persons, len(people.first), people.n_persons))
    ab, ba = (_pair_chances(people, who, p, q, other, np.full(N_INTEGRATED, order)) for order in (False, True))
    return expected.held(ab, ba) | expected.statuses(who)


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


def _between(
    people: Population, who: Model, at: np.ndarray, reader: np.ndarray, items: np.ndarray, swapped: np.ndarray
) -> np.ndarray:
    """Chance that a judge at a position prefers an answer rewritten for a reader, ten words shorter, to the first."""
    first, second = people.first[items], _revisions(people, reader, items)
    order = swapped[:, None]
    shown, other = np.where(order, second, first), np.where(order, first, second)
    chance = people.world.chance_first(at, shown, other, who, more_words=np.where(swapped, -10.0, 10.0))
    return np.where(swapped, chance, 1 - chance)


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
    items = pd.DataFrame({"item_id": numbered("i", np.arange(n_items))})
    items = items.assign(answer_a_id="a." + items["item_id"], answer_b_id="b." + items["item_id"])
    found = []
    for name in names:
        drawn = rng.choice(people.n_persons, n_persons)
        without, with_it = _arms(people, who, name, drawn, _others(people, name, n_persons, n_shown, rng))
        cells = items.merge(pd.DataFrame({"persona_id": numbered("p", np.arange(n_persons))}), how="cross")
        p, q = np.tile(np.arange(n_persons), n_items), np.repeat(np.arange(n_items), n_persons)
        swapped = rng.random(len(cells)) < 0.5
        cells = cells.assign(attribute=name, swapped=swapped, shown_attributes="")
        revised = "revision." + name + "." + cells["persona_id"] + "." + cells["item_id"]
        for arm, at in (("without", without), ("without_again", without), ("with", with_it), ("with_again", with_it)):
            chance = _between(people, who, at[p], with_it[p], asked[q], swapped)
            rows = cells.assign(arm=arm, pairs="revised", answer_b_id=revised)
            found.append(_judged(rows, chance, statuses(rng, len(cells), who), rng))
            chance = by_content(people, who, at[p], asked[q], swapped=swapped)
            found.append(_judged(cells.assign(arm=arm, pairs="pool"), chance, statuses(rng, len(cells), who), rng))
    return pd.concat(found, ignore_index=True), items


def left_out(
    people: Population, who: Model, attribute: str, persons: np.ndarray, others: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Chance of answer b without and with an attribute, on a random item in a random order for each person.

    Parameters
    ----------
    persons : numbers of persons
    others : numbers of the other attributes that are shown, as `parts` orders them; one row per person
    """
    items, swapped = rng.integers(len(people.first), size=len(persons)), rng.random(len(persons)) < 0.5
    without, with_it = _arms(people, who, attribute, persons, others)
    shorter, longer = (by_content(people, who, at, items, swapped=swapped) for at in (without, with_it))
    return shorter, longer


def ablation_truth(
    people: Population, who: Model, rng: np.random.Generator, *, names: Sequence[str], n_shown: int, n_items: int
) -> Truth:
    """flip_rate, retest_flip_rate and excess_flip, and the kappas of revised pairs, of each attribute.

    Parameters
    ----------
    n_items : questions over which one person's kappa is made
    """
    found: Truth = {}
    for name in names:
        p, q = (rng.integers(n, size=N_INTEGRATED) for n in (people.n_persons, len(people.first)))
        others = _others(people, name, N_INTEGRATED, n_shown, rng)
        found |= expected.flips(name, *left_out(people, who, name, p, others, rng))
        without, with_it = _arms(people, who, name, p, others)
        swapped = rng.random(N_INTEGRATED) < 0.5
        arms = (_between(people, who, at, with_it, q, swapped) for at in (without, with_it))
        found |= expected.arm_kappas(name, *arms)
        cells = (N_PERSONS, n_items)
        asked = rng.integers(len(people.first), size=cells).ravel()
        order = rng.random(N_PERSONS * n_items) < 0.5
        sides = _arms(people, who, name, p[:N_PERSONS], others[:N_PERSONS])
        without, with_it = (np.repeat(at, n_items, axis=0) for at in sides)
        shorter, longer = (_between(people, who, at, with_it, asked, order).reshape(cells) for at in (without, with_it))
        found |= expected.mean_arm_kappas(name, shorter, longer, rng)
    return found


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
    drawn: np.ndarray | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Tables `pool_judgements` and `pool_items`: models and raters judge the same items as the same persons.

    The first model also judges again, and by some lines of the descriptions alone. `drawn` may name the persons by
    their numbers; else they are drawn at random.
    """
    drawn = rng.choice(people.n_persons, n_persons) if drawn is None else drawn
    asked = rng.choice(len(people.first), n_items)
    items = pd.DataFrame({"item_id": numbered("i", np.arange(n_items))})
    items = items.assign(answer_a_id="a." + items["item_id"], answer_b_id="b." + items["item_id"])
    cells = items.merge(pd.DataFrame({"persona_shown_id": numbered("p", np.arange(n_persons))}), how="cross")
    p, q = np.tile(np.arange(n_persons), n_items), np.repeat(np.arange(n_items), n_persons)
    swapped = rng.random(len(cells)) < 0.5
    found = []
    everyone = [(who.name, "panel", who) for who in models]
    everyone += [(f"{raters.name}.{r + 1}", "rater", raters) for r in range(n_raters)]
    cells["rater_kind"] = "simulated"
    for name, role, who in everyone:
        tastes = who.taste * rng.standard_normal((n_persons, len(people.world.dimensions)))
        positions = people.positions(who)[drawn] + tastes
        chance = by_content(people, who, positions[p], asked[q], swapped=swapped)
        rows = cells.assign(rater_id=name, role=role, lines_shown="all", swapped=swapped, repeat=0)
        found.append(_judged(rows, chance, statuses(rng, len(cells), who), rng))
    for lines, repeat in (("all", 1), *((lines, 0) for lines in PARTS)):
        positions = people.positions(models[0], lines_shown=lines)[drawn]
        chance = by_content(people, models[0], positions[p], asked[q], swapped=swapped)
        rows = cells.assign(rater_id=models[0].name, role="panel", lines_shown=lines, swapped=swapped, repeat=repeat)
        found.append(_judged(rows, chance, statuses(rng, len(cells), models[0]), rng))
    return pd.concat(found, ignore_index=True), items


def lines_truth(people: Population, who: Model, rng: np.random.Generator) -> Truth:
    """agreement_with_whole, kappa_with_whole and lines_difference of the pool's first model."""
    p, q = (rng.integers(n, size=N_INTEGRATED) for n in (people.n_persons, len(people.first)))
    swapped = rng.random(N_INTEGRATED) < 0.5
    by_lines = {
        lines: by_content(people, who, people.positions(who, lines_shown=lines)[p], q, swapped=swapped)
        for lines in ("all", *PARTS)
    }
    return expected.with_whole(by_lines.pop("all"), by_lines)


def pool_truth(
    people: Population, models: Mapping[str, Model], raters: Model, rng: np.random.Generator, *, n_raters: int
) -> Truth:
    """Agreement of models with the majority of three raters, between models and between raters; prevalence.

    Every rater is another draw of the raters' taste, so the truths are the same whichever three make the majority.
    `kappa_other` compares with the majority of raters of another person on the same item.
    """
    p, q, other = (rng.integers(n, size=N_INTEGRATED) for n in (people.n_persons, len(people.first), people.n_persons))
    swapped, other_swapped = rng.random((2, N_INTEGRATED)) < 0.5

    def chance(who: Model, persons: np.ndarray = p, order: np.ndarray = swapped) -> np.ndarray:
        tastes = who.taste * rng.standard_normal((N_INTEGRATED, len(people.world.dimensions)))
        return by_content(people, who, people.positions(who)[persons], q, swapped=order, tastes=tastes)

    by_model, by_rater = {name: chance(who) for name, who in models.items()}, [chance(raters) for _ in range(4)]
    most = expected.majority(by_rater[:3])
    strange = expected.majority([chance(raters, other, other_swapped) for _ in range(3)])
    sides = {name: (x, most) for name, x in by_model.items()}
    sides |= {f"{one}|{two}": (by_model[one], by_model[two]) for one, two in combinations(sorted(by_model), 2)}
    sides["rater_rater"] = by_rater[0], by_rater[1]
    fleiss = {"panel": expected.fleiss(list(by_model.values())), "raters": expected.fleiss(by_rater)}
    found: Truth = {("prevalence", name): x.mean() for name, x in [*by_model.items(), ("raters", by_rater[0])]}
    for group, (x, y) in sides.items():
        agreed = expected.agreement(x, y, swapped=swapped)
        found |= {(statistic, group): value for statistic, value in agreed.items()}
    found |= {("fleiss", group): value for group, value in fleiss.items() if value == value}
    for name, x in list(by_model.items())[:1]:  # the first is asked again
        found |= {("kappa_retest", name): expected.kappa(x, x), ("raw_agreement_retest", name): expected.same(x, x)}
    for name, x in by_model.items():
        own, far = found["kappa_content", name], expected.kappa(x, strange)
        found |= {("kappa_other", name): far, ("persona_gain", name): own - far}
        for three in combinations(range(1, n_raters + 1), min(n_raters, 3)):
            found["kappa_majority", f"{name}|{','.join(map(str, three))}"] = own
    if n_raters > 3:
        agreed = expected.agreement(by_rater[3], most, swapped=swapped)
        found |= {(statistic, "held_out_rater"): agreed[statistic] for statistic in ("raw_agreement", "kappa_content")}
    return found
