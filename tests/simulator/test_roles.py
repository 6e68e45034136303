"""What each role does with the numbers of the world, seen from its replies alone.

Oracles: the declared rates and biases, put in one by one; utilities and chances worked out here from the vectors of
sentences and the true positions of personas, not by the functions under test.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from simulated import FORMS, PROMPTS, messages, spotless

from persona_lib.simulator import portraits, respondents, revising, roles, writing
from persona_lib.simulator.forms import parse_description
from persona_lib.simulator.sentences import load_bank, split
from persona_lib.simulator.world import Model, load
from persona_lib.tables.descriptions import label_of
from persona_lib.tables.revisions import named

REPO = Path(__file__).resolve().parents[2]
QUIET = {"refusal_rate": 0.0, "malformed_rate": 0.0}
MORE_PROMPTS = [*PROMPTS, *(prompt.replace("think about", "say of") for prompt in PROMPTS)]
PERSONAS = pd.read_parquet(REPO / "data/expected/demo/personas.parquet")["description"].tolist()


def asked(who: Model, name: str, n: int, **slots: str) -> list[str]:
    """The replies to n samples of one request."""
    said = messages(name, **slots)
    return [roles.reply(FORMS, who, said, sample=i).text for i in range(n)]


def stands(text: str) -> np.ndarray:
    """The mean of the vectors of a text's sentences, all of them of the bank; a position counts as declared."""
    numbers = [load_bank().find(sentence) for sentence in split(text)]
    assert None not in numbers
    counts = [
        load().parameters["writing"]["position_weight"] if load_bank().kind[j] == "position" else 1 for j in numbers
    ]
    return np.average([load_bank().vectors[j] for j in numbers], axis=0, weights=counts)


def near(share: float, chance: float, n: int) -> bool:
    """Within four standard errors of a share of n, and a hundredth for chances that are hardly any."""
    return abs(share - chance) <= 4 * math.sqrt(chance * (1 - chance) / n) + 0.01


def composed(scores: np.ndarray, prompt: str = PROMPTS[0]) -> str:
    """An answer made of the sentences with the highest scores."""
    bank, general = load_bank(), np.full(len(load_bank().wordings), -np.inf)
    general[bank.rows] = scores[bank.rows]
    return bank.fill(bank.compose(general, 6), "tea", hashlib.sha256(prompt.encode()).digest())


# Judging


@pytest.mark.parametrize(
    ("bias", "moves"),
    [
        ({}, 0),
        ({"position_bias": 0.8}, 1),
        ({"position_bias": -0.8}, -1),
        ({"self_preference": 3.0}, 1),
        ({"self_preference": -3.0}, -1),
        ({"verbosity_bias": 1.5}, 1),
        ({"verbosity_bias": -1.5}, -1),
    ],
)
def test_biases_move_the_judge_by_what_is_declared(bias, moves):
    """The first answer is longer and closer to the model's own habit. Oracle: the formula of world.yaml, term by term,
    over 1,500 replies; and each bias, alone, moves the share the way its name says.
    """
    world, n = load(), 1500
    plain = {"position_bias": 0.0, "self_preference": 0.0, "verbosity_bias": 0.0, "noise": 0.25}
    who = replace(world.models["sim-small"], **QUIET, **(plain | bias))
    habit = world.habit["sim-small"]
    # Both answers are worth about the same to the representative person: only along the habit do they part.
    shared = world.shared / np.linalg.norm(world.shared)
    away = load_bank().vectors @ (habit - (habit @ shared) * shared) * 10
    first, second = composed(away + 0.3 * load_bank().n_words), composed(-away - 0.3 * load_bank().n_words)
    a, b, more = stands(first), stands(second), len(first.split()) - len(second.split())
    assert more > 15 and habit @ (a - b) > 0.1

    def log_odds(m: Model) -> float:
        worth = world.shared @ (a - b) - world.parameters["length_cost"] * more / 100
        worth += m.self_preference * (habit @ (a - b)) + m.verbosity_bias * more / 100
        return worth / m.noise + m.position_bias

    chance, unbiased = (1 / (1 + math.exp(-log_odds(m))) for m in (who, replace(who, **plain)))
    replies = asked(who, "judge_no_persona", n, answer_a=first, answer_b=second)
    share = np.mean([json.loads(text)["choice"] == "A" for text in replies])
    assert near(share, chance, n)
    assert np.sign(round(share - unbiased, 1)) == moves


# The benchmark's critic, and the extractor


@pytest.mark.parametrize("error", [0.0, 0.25])
def test_the_examiner_passes_what_suits_and_errs_as_declared(error):
    """The best answer for a persona, its opposite, and answers near the threshold. Oracle: quality worked out here."""
    world, bank, spec, n = load(), load_bank(), load().parameters["critic"], 400
    who = replace(world.models["sim-judge"], **QUIET, critic_error=error)
    person = PERSONAS[3]
    position = world.position(parse_description(person), who)

    def utility(text: str) -> float:
        return float(position @ stands(text)) - world.parameters["length_cost"] * len(text.split()) / 100

    worth = bank.vectors @ position
    rng = np.random.default_rng(0)
    best = bank.best(position, spec["sentences"])
    mixed = [composed(worth + rng.normal(0, 1.2, len(worth))) for _ in range(300)]
    close = min(mixed, key=lambda text: abs(utility(text) / best - spec["threshold"] - spec["noise"]))
    for text, certain in ((composed(worth), 1), (composed(-worth), 0), (close, None)):
        chance = 1 / (1 + math.exp(-(utility(text) / best - spec["threshold"]) / spec["noise"]))
        assert certain is None or abs(chance - certain) < 0.01
        assert certain is not None or 0.6 < chance < 0.85
        verdicts = [json.loads(r) for r in asked(who, "examine", n, persona=person, answer=text)]
        passed = np.mean([not verdict["needs_revision"] for verdict in verdicts])
        assert near(passed, error + (1 - 2 * error) * chance, n)


@pytest.mark.parametrize("error", [0.0, 0.2])
def test_the_extractor_errs_as_declared(error):
    """A portrait that leaves out four attributes. Oracle: the error rate, over 150 replies on each attribute."""
    lines = parse_description(PERSONAS[5])
    left_out = {"age_years", "lifestyle", "religion", "income_usd"}
    who = replace(load().models["sim-judge"], **QUIET, extractor_error=error)
    writer = replace(load().models["sim-large"], drop_factor=0.0)
    told = {name: value for name, value in lines.items() if name not in left_out}
    summary = portraits.summarise(told, "Why?", writer, b"any")
    replies = [json.loads(r) for r in asked(who, "find_dropped", 150, persona=PERSONAS[5], summary=summary)]
    said = {name: np.mean([label_of()[name] in reply["conveyed"] for reply in replies]) for name in lines}
    missing, there = ([said[n] for n in said if (n in left_out) is out] for out in (True, False))
    assert near(np.mean(missing), error, 150 * 4) and near(np.mean(there), 1 - error, 150 * len(there))
    assert near(np.mean([reply["is_equivalent"] for reply in replies]), error, 150), "without the lifestyle it is not"
    whole = portraits.summarise(lines, "Why?", writer, b"any")
    again = [json.loads(r) for r in asked(who, "find_dropped", 150, persona=PERSONAS[5], summary=whole)]
    assert near(np.mean([reply["is_equivalent"] for reply in again]), 1 - error, 150)


# Critiques


@pytest.fixture(scope="module")
def critiques() -> list[tuple[np.ndarray, str, str]]:
    """(true position, answer, critique) of 200 personas of the demo."""
    prompts = pd.read_csv(REPO / "data/prompts/bank.csv")["text"].tolist()
    found = []
    for k in range(200):
        person, prompt = PERSONAS[k % len(PERSONAS)], prompts[k * 7 % len(prompts)]
        answer = spotless("sim-large", "answer", prompt=prompt)
        text = spotless("sim-large", "critique_paper", persona=person, prompt=prompt, answer=answer)
        found.append((load().position(parse_description(person)), answer, text))
    return found


def suggestions(critique: str) -> list[tuple[str, int, float]]:
    """(how much more, dimension, direction) in the order of a critique."""
    poles = {writing.pole(d, sign).more: (d, sign) for d in range(len(load().dimensions)) for sign in (-1.0, 1.0)}
    named = re.findall(rf"(much |a little |)({'|'.join(poles)})", critique.partition("SUGGESTIONS:")[2])
    return [(degree.strip(), *poles[more]) for degree, more in named]


def test_critiques_name_what_the_persona_really_loses(critiques):
    """Oracle: position x vector with the true positions, which the critic reads with its errors.

    What is named first costs utility; the greatest cost comes first; hardly a cost that counts is left out; what
    follows in other words costs nothing. A critic that never reads the answer fails the first three.
    """
    first, greatest, left, further = [], [], [], []
    for position, answer, text in critiques:
        cost = -position * stands(answer)
        asked_for = [d for _, d, _ in suggestions(text)]
        assert len(asked_for) == len(set(asked_for)) == load().parameters["writing"]["named"]
        first.append(cost[asked_for[0]] > 0)
        greatest.append(asked_for[0] == np.argmax(cost))
        left += [d in asked_for for d in np.flatnonzero(cost > 0.03)]
        told = text.partition("SUGGESTIONS:\n")[2].split("\n")[: len(asked_for)]
        adding = [bool(re.search("also|either|besides|Beyond|Going on", line)) for line in told]
        further += [cost[d] <= 0.01 for d, adds in zip(asked_for, adding, strict=True) if adds]
        assert adding == sorted(adding)
    assert np.mean(first) > 0.9 and np.mean(greatest) > 0.8 and np.mean(left) > 0.95 and np.mean(further) > 0.95


def test_critiques_say_how_much_it_matters_and_in_which_direction(critiques):
    """Oracle: the true positions; nine in ten directions are right, and stronger words stand for stronger wishes."""
    wishes = [(degree, sign * position[d]) for position, _, text in critiques for degree, d, sign in suggestions(text)]
    strength = pd.DataFrame(wishes, columns=["degree", "strength"]).groupby("degree")["strength"].mean()
    assert np.mean([value > 0 for _, value in wishes]) > 0.9
    assert 0 < strength["a little"] < strength[""] - 0.3 < strength["much"] - 0.8


def test_critiques_quote_for_and_against_by_utility(critiques):
    """Oracle: true utilities of the sentences. Each stands on its side, but for errors of reading; at least one is
    quoted against; what is left out, though it counts, would praise what leans away from the first suggestion or
    reject what leans towards it.
    """
    sides: dict[bool, list[float]] = {True: [], False: []}
    for position, answer, text in critiques:
        speaks, against = (
            re.findall("“([^”]*)”", part) for part in text.split("What speaks")[1].split("What does not")
        )
        _, first, sign = suggestions(text)[0]
        worth = {sentence: position @ stands(sentence) for sentence in split(answer)}
        leans = {sentence: sign * stands(sentence)[first] for sentence in worth}
        assert against and not set(speaks) & set(against) and set(speaks) | set(against) <= set(worth)
        assert min((leans[s] for s in speaks), default=0) >= 0
        assert max(leans[s] for s in against) <= 0 or min(leans.values()) > 0
        for s, value in worth.items():
            assert abs(value) < 0.2 or s in speaks or s in against or value * leans[s] < 0
        for quoted, is_for in ((speaks, True), (against, False)):
            sides[is_for] += [worth[sentence] for sentence in quoted]
    assert np.mean(np.array(sides[True]) > 0) > 0.9 and np.mean(np.array(sides[False]) < 0.05) > 0.85


def test_a_sentence_that_the_critique_rejects_gives_way():
    """Two sentences that the aim does not tell apart: the one that is quoted against is replaced."""
    bank, who = load_bank(), replace(load().models["sim-large"], n_replaced=1)
    bold = list(load().dimensions).index("cautious_bold")
    neutral = [int(j) for j in np.flatnonzero((bank.kind == "body") & (bank.vectors[:, bold] == 0))[:40:10]]
    sentences = split(bank.fill(neutral, "tea", b"any"))
    for rejected in sentences:
        text = f"What does not: “{rejected}”\n\nEVALUATION:\nNo.\nSUGGESTIONS:\nBe bolder: act."
        left = split(revising.revise(PROMPTS[0], " ".join(sentences), text, who, b"any"))
        assert rejected not in left and stands(" ".join(left))[bold] > 0
        assert len(set(sentences) & set(left)) >= len(sentences) - 2  # one replaced, one left out for length


# Writing


def mean_vector(who: Model, name: str, n: int = 40, **slots: str) -> np.ndarray:
    """Where the answers of a model to many prompts stand on average."""
    found = []
    for prompt in MORE_PROMPTS[:n]:
        text = roles.reply(FORMS, who, messages(name, prompt=prompt, **slots)).text
        found.append(stands(text.rpartition("ANSWER:\n")[2]))
    return np.mean(found, axis=0)


@pytest.mark.parametrize("mode", ["description", "steps", "summary"])
def test_each_mode_aims_with_its_own_attention(mode, monkeypatch):
    """Attention 2 in one mode and 0 in the others: only the answers of that mode stand where the person stands."""
    own = {"description": "answer_output_only", "steps": "answer_chain_of_thought", "summary": "answer_from_summary"}
    attention = {name: 2.0 if name == mode else 0.0 for name in own}
    who = replace(load().models["sim-large"], **QUIET, attention=attention, wander=0.0, drop_factor=0.0)
    silent = {"output_only": 0.0, "chain_of_thought": 0.0}
    monkeypatch.setitem(load().parameters["writing"], "explicit_answers", silent)
    person = PERSONAS[8]
    summary = portraits.summarise(parse_description(person), "Why?", who, b"any")
    part, plain = load().own_part(parse_description(person)), mean_vector(who, "answer")
    for name, template in own.items():
        slots = {"summary": summary} if name == "summary" else {"persona": person}
        gain = part @ (mean_vector(who, template, **slots) - plain)
        assert gain > 0.2 if name == mode else abs(gain) < 1e-9


@pytest.mark.parametrize("mode", ["output_only", "chain_of_thought"])
def test_answers_name_a_line_of_their_reader_at_the_declared_rate(mode):
    """Oracle: the rule on revisions (`revisions.named`), which knows nothing of the simulator."""
    who, n = replace(load().models["sim-large"], **QUIET), 400
    replies = asked(who, f"answer_{mode}", n, persona=PERSONAS[8], prompt=PROMPTS[0])
    told = [named(text.rpartition("ANSWER:\n")[2], PERSONAS[8], known=PROMPTS[0]) for text in replies]
    assert {name for names in told for name in names} <= {"lifestyle", "defining_quirks"}
    assert near(np.mean([bool(names) for names in told]), load().parameters["writing"]["explicit_answers"][mode], n)


@pytest.mark.parametrize(("chance", "stated"), [(0.5, 0.5), (0.02, 1.0), (0.98, 1.0), (0.71, 0.7), (0.28, 0.7)])
def test_a_judge_states_the_chance_of_its_likelier_choice_in_steps(chance, stated):
    assert respondents.certainty(chance) == pytest.approx(stated)


def test_a_model_writes_by_its_habit():
    """Against the same model with the opposite habit, answers stand further along it; without, nowhere further."""
    who, world = replace(load().models["sim-small"], **QUIET, wander=0.0), load()
    habit = world.habit["sim-small"].copy()
    found = {}
    try:
        for sign in (1.0, 0.0, -1.0):
            world.habit["sim-small"] = sign * habit
            found[sign] = habit @ mean_vector(who, "answer")
    finally:
        world.habit["sim-small"] = habit
    assert found[1.0] > found[0.0] + 0.01 > found[-1.0] + 0.02


def test_only_a_model_that_wanders_answers_differently_each_time():
    bank = load_bank()
    for wander, least, most in ((0.0, 1, 1), (0.4, 8, 10)):
        who = replace(load().models["sim-large"], **QUIET, wander=wander)
        answers = [frozenset(map(bank.find, split(text))) for text in asked(who, "answer", 10, prompt=PROMPTS[0])]
        assert least <= len(set(answers)) <= most


def test_a_divergent_answer_takes_the_other_side_and_shares_no_sentence():
    """Beside a second plain answer: where the first leans, it stands on the other side twice as often; it is still for
    the representative person, if less than the first.
    """
    who, opposed = replace(load().models["sim-large"], **QUIET), {"plain": [], "divergent": []}
    worth = []
    for prompt in MORE_PROMPTS:
        first, again = asked(who, "answer", 2, prompt=prompt)
        other = asked(who, "answer_divergent", 1, prompt=prompt, answer=first)[0]
        assert not set(map(load_bank().find, split(first))) & set(map(load_bank().find, split(other)))
        leans = np.abs(stands(first)) > 0.05
        opposed["plain"] += list((stands(first) * stands(again) < 0)[leans])
        opposed["divergent"] += list((stands(first) * stands(other) < 0)[leans])
        worth.append([load().shared @ stands(text) for text in (first, other)])
    assert np.mean(opposed["divergent"]) > max(0.25, 2 * np.mean(opposed["plain"]))
    assert 0.5 * np.mean(worth, axis=0)[0] < np.mean(worth, axis=0)[1]
