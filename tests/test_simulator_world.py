"""The simulated world: its numbers and its texts.

Oracles: closed forms, identities, hand counts, the parameters put in.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
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
from persona_lib.simulator.sentences import load_bank, phrases, split
from persona_lib.simulator.topics import subject_of, topic_phrase
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
    for who in (None, load().models["sim-small"]):
        one_by_one = [load().position(lines, who) for lines in shown]
        assert np.allclose(load().positions(columns, who), one_by_one, atol=1e-12)


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
        a, b = (same < world.chance_first(p, difference, 0 * difference, who) for p in (without, with_it))
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
    said = [wording for wordings in bank.wordings for wording in wordings]
    assert len(bank.wordings) >= 300 and len(set(said)) == len(said) >= 1200
    lists = [words for subject in bank.subjects.values() for name, words in subject.items() if name != "words"]
    named = [word for words in lists for word in words]
    assert not {word for s in [*said, *named] for word in re.findall(r"[a-z]+", s.lower())} & set(groups.split())
    assert all(re.fullmatch(r"[A-Z][^.!?\"“”\[\]|]+\.", s) for s in said)
    assert not [word for word in named if re.search(r"[.!?\"“”{}|]", word)]


def test_text_to_vector_and_back():
    """Every sentence is found with any topic in its slot; an answer is the mean of its sentences; others are small."""
    bank, rng = load_bank(), np.random.default_rng(0)
    for j, wordings in enumerate(bank.wordings):
        for wording in wordings:
            words = bank.subjects[list(bank.subjects)[rng.integers(len(bank.subjects))]]
            for topic, n in (
                ("the question whether cats should vote", 0),
                ("war and peace, if not now", 1),
                ("tea", 2),
            ):
                filled = re.sub(r"\{(\w+)\}", lambda m: topic if m[1] == "topic" else words[m[1]][n], wording)  # noqa: B023
                assert bank.find(filled) == j, filled
    chosen = bank.compose(rng.normal(size=len(bank.wordings)), 6)
    vector, n_words = bank.vector(bank.fill(chosen, "rent control", "economy", b"some request"))
    assert np.allclose(vector, bank.vectors[chosen].mean(axis=0)) and n_words > 40
    strange, _ = bank.vector("Colourless green ideas sleep furiously.")
    assert 0 < np.abs(strange).max() < 0.6 and np.array_equal(bank.vector("")[0], np.zeros(10))


def test_no_text_of_the_bank_beats_the_best_that_the_critic_compares_with():
    bank, rng = load_bank(), np.random.default_rng(5)
    position = minds.stand(description(3), load().models["sim-judge"])
    best = bank.best(position, 6)
    for _ in range(300):
        chosen = bank.compose(rng.normal(size=len(bank.wordings)), 6)
        assert load().utility(position, bank.vectors[chosen].mean(axis=0), 150) <= best


def test_a_thousand_answers_to_different_prompts_do_not_read_alike():
    """The topic masked: no sentence stands in more than 2 % of them, no sentence of the bank in any wording in more
    than 15 %; two answers share on average less than 3 % of their runs of four words and 20 % of their words.
    """
    bank, who = load_bank(), load().models["sim-large"]
    prompts = list(dict.fromkeys(pd.read_csv(REPO / "data/prompts/bank.csv").text))
    asked = ("Should we worry about {}?", "What do you think about {} in schools?")
    prompts += [a.format(word) for a in asked for words in phrases()["topic_words"].values() for word in words]
    prompts = list(dict.fromkeys(prompts))[:1000]
    assert len(prompts) == 1000
    masked, numbers = [], []
    for prompt in prompts:
        text = writing.answer(prompt, writing.representative(), who, hashlib.sha256(prompt.encode()).digest())
        assert topic_phrase(prompt) in text
        numbers.append({bank.find(sentence) for sentence in split(text)})
        masked.append(text.replace(topic_phrase(prompt), "@"))
    assert None not in set.union(*numbers)
    assert max(Counter(s for text in masked for s in set(split(text))).values()) <= 20
    assert max(Counter(j for found in numbers for j in found).values()) <= 150
    words = [re.findall(r"[\w@'-]+", text.lower()) for text in masked]
    for n, bar in ((4, 0.03), (1, 0.20)):
        runs = [set(zip(*[w[i:] for i in range(n)], strict=False)) for w in words]
        pairs = np.random.default_rng(0).choice(1000, size=(3000, 2))
        assert np.mean([len(runs[a] & runs[b]) / len(runs[a] | runs[b]) for a, b in pairs if a != b]) < bar


def test_an_answer_speaks_of_the_subject_of_its_prompt():
    """Oracle: our own reading of five prompts; and the subject's words, or its name, stand in each answer."""
    read = {
        "Should vaccines be mandatory for children who attend school?": "health",
        "Is rent control a good answer to expensive housing?": "economy",
        "Is war ever a moral choice?": "conflict",
        "Are zoos good for animals or just prisons with nice signs?": "animals",
        "Why?": "life",
    }
    for prompt, subject in read.items():
        assert subject_of(prompt) == subject
    for told, prompt in enumerate(list(read) * 20):
        text = writing.answer(prompt, writing.representative(), load().models["sim-large"], bytes([told]))
        lists = (words for name, words in load_bank().subjects[read[prompt]].items() if name != "words")
        assert topic_phrase(prompt) in text and any(word in text for words in lists for word in words), text


def test_topic_phrases_of_the_shipped_prompts_fill_a_slot():
    for prompt in pd.read_csv(REPO / "data/prompts/bank.csv").text:
        phrase = topic_phrase(prompt)
        assert phrase and len(phrase.split()) <= 18 and not re.search(r"[.?!\"“”{}\n]", phrase), prompt
    assert topic_phrase("Do you believe in God?") == "God"
    assert topic_phrase("How can I tell my boss that I quit?") == "telling your boss that you quit"
    assert topic_phrase("What do you think about taxes?") == "the matter of taxes"
    assert topic_phrase("Is a plum a fruit or a nut?") == "the question whether a plum is a fruit or a nut"
    assert topic_phrase("Can I own both cats and dogs?") == "owning both cats and dogs"
    assert (
        topic_phrase("Is it fair that a carbon tax exists?")
        == "the question whether it is fair that a carbon tax exists"
    )
    assert topic_phrase("Is it rude not to be on time when guests come?") == "not being on time when guests come"
    assert topic_phrase("???") == topic_phrase("") == "this question"
