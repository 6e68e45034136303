"""The simulated world: its numbers and its texts.

Oracles: closed forms, identities, hand counts, the parameters put in.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy.stats import spearmanr
from test_simulator import description

from persona_lib import simulator
from persona_lib.simulator import minds, writing
from persona_lib.simulator.forms import parse_description
from persona_lib.simulator.sentences import load_bank, split
from persona_lib.simulator.topics import topic_phrase
from persona_lib.simulator.world import World, load

REPO = Path(__file__).resolve().parents[1]


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
    one_by_one = [load().position(lines) for lines in shown]
    assert np.allclose(load().positions(columns), one_by_one, atol=1e-12)


def test_lines_that_say_nothing_move_nobody():
    """A placebo, an unknown and a not applicable value; and the order of lines does not matter."""
    who = load().models["sim-medium"]
    plain = minds.stand("Age: 43\nSex: Female", who)
    for text in (
        "Sex: Female\nAge: 43",
        "Age: 43\nFavourite letter: K\nSex: Female\nReligion: Unknown\nFertility: Not applicable",
    ):
        assert np.allclose(minds.stand(text, who), plain, atol=1e-12)
    assert np.array_equal(minds.stand("", who), load().shared)


def test_raters_differ_by_sample_and_models_do_not():
    person, people = description(1), load().models["sim-people"]
    assert not np.allclose(minds.stand(person, people, sample=0), minds.stand(person, people, sample=1))
    medium = load().models["sim-medium"]
    assert np.array_equal(minds.stand(person, medium, sample=0), minds.stand(person, medium, sample=1))


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
        a, b = (world.choose(p, difference, 0 * difference, who, uniform=same) for p in (without, with_it))
        found[name] = np.mean(a != b)
    assert spearmanr(list(found.values()), [world.weights[k] for k in found]).statistic > 0.9


def test_another_seed_is_another_world_and_unknown_keys_are_refused():
    parameters = yaml.safe_load((Path(simulator.__file__).parent / "world.yaml").read_text("utf-8"))
    assert not np.allclose(World({**parameters, "seed": 2}).shared, load().shared)
    broken = {**parameters, "models": {**parameters["models"], "sim-odd": {"skil": 1.0}}}
    with pytest.raises(ValueError, match="sim-odd: key skil"):
        World(broken)


# Texts


def test_bank_names_no_group_and_reads_unlike():
    groups = """man men woman women male female boy girl black white asian hispanic latino native christian catholic
        protestant jewish muslim hindu buddhist atheist republican democrat liberal conservative immigrant foreigner gay
        lesbian straight disabled veteran elderly young rich poor christians muslims jews americans"""
    bank = load_bank()
    assert len(bank.say) >= 120 and len(set(bank.say)) == len(bank.say)
    assert not {word for s in bank.say for word in re.findall(r"[a-z]+", s.lower())} & set(groups.split())
    assert all(re.fullmatch(r"[^.!?\"“”]+\.", s) for s in bank.say)


def test_text_to_vector_and_back():
    """Every sentence is found with any topic in its slot; an answer is the mean of its sentences; others are small."""
    bank = load_bank()
    for j, sentence in enumerate(bank.say):
        assert bank.find(sentence.replace("{topic}", "the question whether cats should vote")) == j
    chosen = bank.compose(np.random.default_rng(0).normal(size=len(bank.say)), 6)
    vector, n_words = bank.vector(bank.fill(chosen, "rent control"))
    assert np.allclose(vector, bank.vectors[chosen].mean(axis=0)) and n_words > 40
    strange, _ = bank.vector("Colourless green ideas sleep furiously.")
    assert 0 < np.abs(strange).max() < 0.6 and np.array_equal(bank.vector("")[0], np.zeros(10))


def test_no_text_of_the_bank_beats_the_best_that_the_critic_compares_with():
    bank, rng = load_bank(), np.random.default_rng(5)
    position = minds.stand(description(3), load().models["sim-judge"])
    best = bank.best(position, 6)
    for _ in range(300):
        chosen = bank.compose(rng.normal(size=len(bank.say)), 6)
        assert load().utility(position, bank.vectors[chosen].mean(axis=0), 150) <= best


def test_a_thousand_answers_do_not_read_alike():
    """No two of 1,000 answers to different prompts have the same sentences; two share less than a fifth on average."""
    bank, who = load_bank(), load().models["sim-large"]
    texts = [
        writing.answer(f"What about plan {i}?", writing.representative(), who, bytes([i % 256])) for i in range(1000)
    ]
    sets = [frozenset(map(bank.find, split(text))) for text in texts]
    assert len(set(sets)) >= 999
    assert np.mean([len(a & b) / len(a) for a, b in zip(sets, sets[1:], strict=False)]) < 0.2


def test_topic_phrases_of_the_shipped_prompts_fill_a_slot():
    for prompt in pd.read_csv(REPO / "data/prompts/bank.csv").text:
        phrase = topic_phrase(prompt)
        assert phrase and len(phrase.split()) <= 15 and not re.search(r"[.?!\"“”{}\n]", phrase), prompt
    assert topic_phrase("Do you believe in God?") == "God"
    assert topic_phrase("How can I tell my boss that I quit?") == "telling your boss"
    assert topic_phrase("???") == topic_phrase("") == "this question"
