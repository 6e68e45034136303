"""What simulated respondents answer to survey items: by their position alone, as declared."""

import json

import numpy as np
import pytest
from simulated import WORDS, messages

from persona_lib.simulator import roles, surveys
from persona_lib.simulator.forms import Forms
from persona_lib.simulator.respondents import model, own_part
from persona_lib.simulator.sentences import KINDS, load_bank
from persona_lib.simulator.world import declared, load
from persona_lib.tables.histories import Past, written

QUESTION = next(q for q, (variable, _) in surveys.items().items() if variable == "natenvir")
OPTIONS = ("too little", "about right", "too much")


def test_every_item_that_is_asked_leans_somewhere_and_every_lean_is_an_item():
    asked = {variable for variable, _ in surveys.items().values()}
    leans = declared("surveys.yaml")["leans"]
    assert set(leans) <= asked and {"natspac", "abany", "vote"} <= set(leans)
    assert {name for lean in leans.values() for name in lean} <= set(load().dimensions)


def test_chances_follow_position_and_the_order_in_which_answers_stand():
    world = load()
    lean = surveys.direction(QUESTION)
    low, high = (surveys.answer_chances(QUESTION, OPTIONS, side * lean) for side in (-2.0, 2.0))
    assert low.argmax() == 0 and high.argmax() == 2 and low.sum() == pytest.approx(1)
    turned = surveys.answer_chances(QUESTION, OPTIONS[::-1], 2.0 * lean)
    assert turned.tolist() == pytest.approx(high[::-1].tolist())
    assert np.linalg.norm(lean) == pytest.approx(1) and len(lean) == len(world.dimensions)


def test_shares_are_those_of_many_persons_drawn():
    """Oracle: 20,000 positions drawn from the declared normal, their chances averaged."""
    world, rng = load(), np.random.default_rng(3)
    own = rng.normal(scale=np.sqrt(1 - world.parameters["shared_share"]), size=20_000)
    z = world.shared @ surveys.direction(QUESTION) + own
    assert surveys.population_shares(QUESTION, OPTIONS) == pytest.approx(surveys.chances(z, 3).mean(axis=0), abs=0.01)


def test_shares_do_not_depend_on_whose_they_are():
    forms, who = Forms(), model("sim-small")
    people = ("adults in the United States", "adults in the United States who are Republicans")
    slots = {"prompt": QUESTION, "options": "\n".join(OPTIONS)}
    said = {roles.reply(forms, who, messages("survey_shares", **slots, people=one), sample=5).text for one in people}
    assert len(said) == 1 and sum(json.loads(said.pop())["shares"]) == pytest.approx(100, abs=2)
    assert WORDS["survey_shares"].response_schema is not None


def test_an_item_from_elsewhere_is_answered_too():
    found = surveys.answer_chances("Do you like this lake?", ("no", "yes"), load().shared)
    assert found.sum() == pytest.approx(1) and found[0] != found[1]


def test_past_answers_speak_for_a_position():
    """Who answered ten items as someone at that position would is read nearer to it than somebody of whom nothing is
    told; a description is read as before."""
    world, rng = load(), np.random.default_rng(8)
    known = [(question, answers) for question, (_, answers) in surveys.items().items()]
    nearer = []
    for _ in range(40):
        own = rng.normal(scale=0.6, size=len(world.dimensions))
        past = []
        for at in rng.choice(len(known), size=10, replace=False):
            question, options = known[at]
            chances = surveys.answer_chances(question, options, world.shared + own)
            past.append(Past(question, options[int(chances.argmax())]))
        found = own_part(written(past), "sim-large")
        nearer.append(np.linalg.norm(found - own) < np.linalg.norm(own))
    assert np.mean(nearer) > 0.8
    assert not own_part(written([Past("In no register?", "yes")]), "sim-large").any()


def test_a_preferred_answer_moves_towards_it():
    bank = load_bank()
    one, other = (next(iter(bank.wordings[j])) for j in bank.members(KINDS[0])[:2])
    found, back = (own_part(written([Past("Why?", *pair)]), "sim-large") for pair in ((one, other), (other, one)))
    apart = bank.vector(one)[0] - bank.vector(other)[0]
    assert found @ apart > back @ apart
