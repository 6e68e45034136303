"""The simulated world: its numbers and its texts.

Oracles: closed forms, identities, hand counts, the parameters put in.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy.stats import spearmanr
from simulated import description

from persona_lib import simulator
from persona_lib.sampling.population import draw
from persona_lib.simulator import respondents
from persona_lib.simulator.forms import parse_description
from persona_lib.simulator.world import Model, World, big_five_levels, load, ordered_score
from persona_lib.synthesis.personas import apply_rules, complete
from persona_lib.tables.descriptions import describe
from persona_lib.tables.schema import read

REPO = Path(__file__).resolve().parents[2]
PERSONAS = pd.read_parquet(REPO / "data/expected/demo/personas.parquet")
LISTS = ("quirks", "mannerisms", "lifestyle", "core_values", "personal_time")


def test_shared_share_is_the_share_of_the_mean_square():
    """Oracle: the parameter itself, over 1,000 invented persons; own effects are centred by construction."""
    world, rng = load(), np.random.default_rng(0)
    columns = {name: [f"v{rng.integers(10**6)}" for _ in range(1000)] for name in world.weights}
    columns["age_years"] = rng.normal(47, 18, 1000).astype(str).tolist()
    positions = world.positions(columns)
    share = np.mean(world.shared**2) / np.mean(positions**2)
    assert share == pytest.approx(world.parameters["shared_share"], abs=0.03)


def test_positions_in_bulk_are_those_one_by_one():
    shown = [parse_description(description(i)) for i in range(5)]
    columns = {name: [lines[name] for lines in shown] for name in shown[0]}
    for who in (None, load().models["sim-small"]):
        one_by_one = [load().position(lines, who) for lines in shown]
        assert np.allclose(load().positions(columns, who), one_by_one, atol=1e-12)


def test_lines_that_say_nothing_move_nobody():
    """A placebo, an unknown and a not applicable value; and the order of lines does not matter."""
    who = load().models["sim-medium"]
    plain = respondents.stand("Age: 43\nSex: Female", who)
    for text in (
        "Sex: Female\nAge: 43",
        "Age: 43\nFavourite letter: K\nSex: Female\nReligion: Unknown\nFertility: Not applicable",
    ):
        assert np.allclose(respondents.stand(text, who), plain, atol=1e-12)
    assert np.array_equal(respondents.stand("", who), load().shared)


def test_raters_differ_by_sample_and_models_do_not():
    person, people = description(1), load().models["sim-rater"]
    assert not np.allclose(respondents.stand(person, people, sample=0), respondents.stand(person, people, sample=1))
    medium = load().models["sim-medium"]
    assert np.array_equal(respondents.stand(person, medium, sample=0), respondents.stand(person, medium, sample=1))


def test_influence_on_choices_orders_like_the_weights():
    """Leave-one-out over raw choices, 4,000 a weight, finds the order of the weights put in."""
    world, rng, n = load(), np.random.default_rng(3), 4000
    full = [parse_description(description(i)) for i in range(200)]
    which = rng.integers(0, len(full), n)
    difference = rng.normal(0, 0.25, (n, len(world.dimensions)))
    found = {}
    for name in world.weights:
        without = np.array([world.position({k: v for k, v in lines.items() if k != name}) for lines in full])[which]
        with_it = without + world.weights[name] * world.effects(name, [lines[name] for lines in full])[which]
        same = rng.random(n)
        who = world.models["sim-judge"]
        a, b = (same < world.chance_first(p, difference, 0 * difference, who) for p in (without, with_it))
        found[name] = np.mean(a != b)
    assert spearmanr(list(found.values()), [world.weights[k] for k in found]).statistic > 0.9


def test_another_seed_is_another_world_and_unknown_keys_are_refused():
    parameters = yaml.safe_load((Path(simulator.__file__).parent / "world.yaml").read_text("utf-8"))
    assert not np.allclose(World({**parameters, "seed": 2}).shared, load().shared)
    broken = {**parameters, "models": {**parameters["models"], "sim-odd": {"skil": 1.0}}}
    with pytest.raises(ValueError, match="sim-odd: key skil"):
        World(broken)


# Numbers put in by hand


def a_model(**changed) -> Model:
    """A model without noise of scale 1/2 and without any bias, but for what is changed."""
    plain = {"noise": 0.5, "position_bias": 0.0, "verbosity_bias": 0.0, "self_preference": 0.0, "taste": 0.0}
    return replace(load().models["sim-large"], name="by-hand", **(plain | changed))


@pytest.mark.parametrize(
    ("changed", "length_cost", "chance"),
    [
        ({}, 0.0, 0.731059),  # logistic(0.5 / 0.5)
        ({}, 0.2, 0.689974),  # logistic((0.5 - 0.2 x 50 / 100) / 0.5) = logistic(0.8)
        ({"noise": 1.0}, 0.2, 0.598688),  # logistic(0.4)
        ({"position_bias": 0.3}, 0.2, 0.750260),  # logistic(0.8 + 0.3)
        ({"position_bias": -0.3}, 0.2, 0.622459),  # logistic(0.8 - 0.3)
        ({"verbosity_bias": 0.4}, 0.2, 0.768525),  # logistic((0.4 + 0.4 x 50 / 100) / 0.5) = logistic(1.2)
        ({"verbosity_bias": -0.4}, 0.2, 0.598688),  # logistic((0.4 - 0.2) / 0.5)
        ({"self_preference": 2.0}, 0.2, 0.880797),  # logistic((0.4 + 2 x 0.3) / 0.5)
        ({"self_preference": 2.0, "verbosity_bias": 0.4, "position_bias": 0.3}, 0.2, 0.937027),  # logistic(2.7)
    ],
)
def test_chance_first_by_hand(changed, length_cost, chance):
    """Position (1, -0.5), answers (0.5, 0.2) and (0.1, 0.4), a of 50 words more: 0.4 + 0.1 = 0.5; habit: 0.2 + 0.1."""
    world = World({**load().parameters, "length_cost": length_cost})
    here = {name: np.zeros(10) for name in ("position", "a", "b", "habit")}
    for name, first_two in (("position", (1, -0.5)), ("a", (0.5, 0.2)), ("b", (0.1, 0.4)), ("habit", (0.5, -0.5))):
        here[name][:2] = first_two
    world.habit["by-hand"] = here["habit"]
    shown = here["position"], here["a"], here["b"], a_model(**changed)
    assert world.chance_first(*shown, more_words=50) == pytest.approx(chance, abs=1e-6)
    # One longer by 50 words at the same place: only the words count.
    alike = world.utility(here["position"], here["a"], 150) - world.utility(here["position"], here["a"], 100)
    assert alike == pytest.approx(-length_cost / 2)


def test_a_taste_is_of_one_rater_in_the_place_of_one_persona():
    """Oracle: the declared spread; no correlation between samples nor between personas (4 / sqrt of 5,000 numbers)."""
    world, people = load(), load().models["sim-rater"]
    tastes = np.array([[world.taste(people, s, f"Age: {20 + p}") for s in (0, 1)] for p in range(500)])
    assert np.sqrt(np.mean(tastes**2)) == pytest.approx(people.taste, rel=0.05)
    for one, other in ((tastes[:, 0], tastes[:, 1]), (tastes[:-1, 0], tastes[1:, 0])):
        assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 4 / np.sqrt(5000)
    assert np.array_equal(world.taste(people, 1, "Age: 20"), tastes[0, 1])
    assert not world.taste(load().models["sim-large"], 1, "Age: 20").any()


# What is shown is read as it is meant


def test_education_rises_with_every_step_of_the_codebook():
    """Oracle: the codes of SCHL, which the Census Bureau numbers upwards, in every year, and our own eleven groups."""
    labels = pd.read_csv(REPO / "data/reference/pums_labels.csv.gz", dtype=str).query("variable == 'SCHL'")
    groups = [range(1, 4), range(4, 15), [15], [16, 17], [18], [19], [20], [21], [22], [23], [24]]
    for _, rows in labels[labels["code_from"] != "bb"].groupby("dictionary_year"):
        label = dict(zip(rows["code_from"].astype(int), rows["label"], strict=True))
        assert sorted(label) == list(range(1, 25))
        for step, codes in enumerate(groups):
            for code in codes:
                score = ordered_score(label[code], **load().parameters["ordered"]["education"])
                assert score == pytest.approx(-1.5 + 0.3 * step), label[code]


def test_every_ordered_value_that_a_persona_has_gets_a_score():
    """The demo's personas; and English, whose phrases hold one another, in the order of the codebook's labels."""
    ordered = load().parameters["ordered"]
    shown = [parse_description(text) for text in PERSONAS["description"]]
    for lines in shown:
        for name in ordered:
            value = lines[name].casefold()
            assert value in load().silent or ordered_score(value, **ordered[name]) is not None, value
        assert len(big_five_levels(lines["big_five"])) == 5
    english = [ordered_score(v, **ordered["english_ability"]) for v in ("Very well", "Well", "Not well", "Not at all")]
    assert english == sorted(english, reverse=True) and len(set(english)) == 4
    further = "extremely low openness, low conscientiousness, average extraversion, high agreeableness"
    levels = big_five_levels(further + ", extremely high neuroticism")
    assert list(levels.values()) == ["extremely low", "low", "average", "high", "extremely high"]
    scores = [load().parameters["big_five_scores"][level] for level in levels.values()]
    assert scores == sorted(scores) and len(set(scores)) == 5


def test_effects_of_two_values_by_hand():
    """Shares 0.8 and 0.2 and one value in five that says nothing: centred, and all of the weight on those who speak.

    Oracle: the two effects are as the shares demand, +x on the one and -4 x on the other, dimension by dimension.
    """
    world = World(load().parameters, {"sex": {"female": 0.64, "male": 0.16, "unknown": 0.2}})
    one, other = world.effect("sex", " Female"), world.effect("sex", "male")
    assert np.allclose(0.8 * one + 0.2 * other, 0, atol=1e-8) and np.allclose(other, -4 * one, atol=1e-8)
    assert np.mean(0.64 * one**2 + 0.16 * other**2) == pytest.approx(1)
    assert not world.effect("sex", "Unknown").any()
    assert not np.allclose(one, world.effect("sex", "female", "sim-small"))


@pytest.fixture(scope="module")
def adults() -> pd.DataFrame:
    """3,000 persons of the census, completed from the chain and the lists: other draws than those of shares.yaml."""
    known, norms, *lists = (
        pd.read_csv(REPO / f"data/reference/{name}.csv", dtype=str, keep_default_na=False)
        for name in ("chain_coefficients", "big_five_norms", *(f"traits_{name}" for name in LISTS))
    )
    lists = dict(zip(["quirks", "mannerisms", "lifestyles", "core_values", "personal_time"], lists, strict=True))
    census = read(REPO / "data/expected/demo/census.parquet", "census")
    drawn = draw(census, n_draws=3000, seed=99)
    made = apply_rules(complete(drawn, census, known, norms, lists, big_five="correlated", seed=99))
    made = made[made["rule_id"] == ""]
    told = describe(made.assign(personal_time=[f"evening {i}" for i in range(len(made))]))
    return pd.DataFrame([dict(parse_description(text)) for text in told])


@pytest.mark.parametrize("seed", [None, 7])
def test_declared_shares_hold_for_the_persons_of_the_census(adults, seed):
    """Oracle: the parameters themselves, over persons whose attributes hang together as they do in the census.

    The common part is the persons' mean (its error: sd 0.9 / sqrt(2,900) a dimension); the mean square of a position
    is 1; every attribute of a weight above 0.1 has its declared part of the own mean square.
    """
    world = load() if seed is None else World({**load().parameters, "seed": seed})
    parts = world.parts_in_bulk({name: adults[name].tolist() for name in adults})
    own = sum(parts.values())
    assert np.mean(own.mean(axis=0) ** 2) < 0.002
    share = world.parameters["shared_share"]
    assert np.mean(world.shared**2) == pytest.approx(share) and np.mean(own**2) == pytest.approx(1 - share, rel=0.03)
    weights = world.parameters["weights"]
    total = sum(w * w for w in weights.values())
    for name in (name for name, weight in weights.items() if weight > 0.1):
        declared = (1 - share) * weights[name] ** 2 / total
        assert np.mean(parts[name] ** 2) == pytest.approx(declared, rel=0.12), name


@pytest.mark.parametrize("name", ["sim-large", "sim-small", "sim-rater"])
def test_a_model_reads_with_its_skill_and_makes_mistakes_of_its_own(adults, name):
    """Oracle: the declared skill is the slope of what is read on what is true, the misreading the spread around it."""
    who, columns = load().models[name], {column: adults[column].tolist() for column in adults}
    true, read_as = (load().positions(columns, model) - load().shared for model in (None, who))
    slope = np.sum(true * read_as) / np.sum(true**2)
    mistakes = read_as - slope * true
    assert slope == pytest.approx(who.skill, abs=0.05)  # true and mistaken effects are alike by chance
    assert np.sqrt(np.mean(mistakes**2) / np.mean(true**2)) == pytest.approx(who.misreading, rel=0.05, abs=1e-9)
    assert np.abs(mistakes.mean(axis=0)).max() < 0.04


def test_a_million_choices_a_second():
    """CPU seconds, the best of three; benchmarks/choices.py finds about twenty times as many as the bar."""
    sys.path.insert(0, str(REPO / "benchmarks"))
    import choices

    assert choices.rate(200_000, n_runs=3) > 1_000_000


# Texts
