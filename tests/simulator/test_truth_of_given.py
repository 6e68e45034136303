"""The truths of written answers.

Oracles: the notebook's statistics of answers, verdicts and choices that the simulated models really make; a model that
lets nothing of its reader into its writing, and one that lets in much.
"""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from pool_rows import items_of, judged
from simulated import FORMS, REPO, SETTINGS, description, messages, spotless

from persona_lib.pluralism.given import given_statistics
from persona_lib.simulator import roles
from persona_lib.simulator.forms import parse_description
from persona_lib.simulator.populations import Population
from persona_lib.simulator.runs import Persons, Run, placed
from persona_lib.simulator.truth_of_given import N_PERSONS, N_QUESTIONS, given_truth
from persona_lib.simulator.world import load

BANK = pd.read_csv(REPO / "data/prompts/bank.csv", dtype=str, keep_default_na=False)
QUESTIONS = BANK[BANK["issue"] != ""].drop_duplicates("issue")["text"].tolist()[::40][:N_QUESTIONS]
QUIET = {"refusal_rate": 0.0, "malformed_rate": 0.0}


@pytest.fixture(scope="module")
def known() -> tuple[list[str], list[str]]:
    first = [spotless("sim-large", "answer", prompt=text) for text in QUESTIONS]
    second = [
        spotless("sim-large", "answer_divergent", prompt=text, answer=answer)
        for text, answer in zip(QUESTIONS, first, strict=True)
    ]
    return first, second


@pytest.fixture(scope="module")
def persons(known) -> Persons:
    told = [description(number) for number in range(N_PERSONS)]
    lines = [parse_description(text) for text in told]
    columns = {name: [own.get(name, "") for own in lines] for name in load().weights}
    return Persons(told, QUESTIONS, Population(load(), columns, **placed(*known)), np.random.default_rng(1))


def run_with(**changes) -> Run:
    run = Run.of(SETTINGS)
    large = replace(run.models["large"], **QUIET, **changes)
    quiet = {alias: replace(who, **QUIET) for alias, who in run.models.items()}
    return replace(run, models=quiet | {"large": large})


def replied(who, name: str, sample: int = 0, **slots: str) -> str:
    return roles.reply(FORMS, who, messages(name, **slots), sample=sample).text


def made(run: Run, persons: Persons, known) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Tables given_answers, pool_judgements and pool_items, one request for each answer, verdict and choice."""
    items, rng = items_of(N_QUESTIONS), np.random.default_rng(2)
    choices = {name: np.zeros((N_PERSONS, N_QUESTIONS), int) for name in ("large", *(f"rater.{i}" for i in range(3)))}
    rows = []
    for p, person in enumerate(persons.descriptions):
        for i, (question, *pair) in enumerate(zip(QUESTIONS, *known, strict=True)):
            text = replied(run.models["large"], "answer_output_only", persona=person, prompt=question)
            swapped = bool(rng.integers(2))
            shown = dict(zip(("answer_a", "answer_b"), pair[::-1] if swapped else pair, strict=True))
            side = json.loads(replied(run.role("examiner"), "nearer", prompt=question, answer=text, **shown))["nearer"]
            side = {"A": "b" if swapped else "a", "B": "a" if swapped else "b"}.get(side, side)
            key = {"item_id": items["item_id"][i], "persona_id": f"p{p + 1:04d}", "model": "large"}
            rows.append(key | {"swapped": swapped, "answer": text, "nearer": side, "status": "ok", "request_hash": ""})
            for name, grid in choices.items():
                who, sample = (run.models["large"], 0) if name == "large" else (run.role("raters"), int(name[-1]))
                chosen = json.loads(replied(who, "judge", sample, persona=person, prompt=question, **shown))["choice"]
                grid[p, i] = (chosen == "B") != swapped
    return pd.DataFrame(rows), judged(choices, items), items


def test_what_the_notebook_finds_is_what_was_put_in(persons, known):
    """Twice the half width of a 95 % interval is four standard errors. The judge guesses in a tenth of the cases."""
    run = run_with(attention={**load().models["sim-large"].attention, "description": 1.0})
    run = replace(run, models=run.models | {"judge": replace(run.models["judge"], guess_rate=0.1)})
    people = pd.DataFrame({"persona_id": [f"p{p + 1:04d}" for p in range(N_PERSONS)], "age_years": 30, "race": "R"})
    people = people.assign(sex="F", ideology="I", weight=1.0)
    found = given_statistics(*made(run, persons, known), people, people).set_index(["statistic", "group"])
    truth = given_truth(run, persons, QUESTIONS, known, np.random.default_rng(3))
    assert set(truth) == set(found.index) and len(truth) == 5
    for key, value in truth.items():
        row = found.loc[key]
        assert abs(row["estimate"] - value) <= row["high"] - row["low"], key
    assert truth["given_undecided", "large"] == pytest.approx(0.1 / 3, abs=0.01)
    outcomes = [truth["gold_given", f"large|{name}"] for name in ("both_right", "same_answer", "both_wrong")]
    assert sum(outcomes) == pytest.approx(1) and min(outcomes) > 0


def test_who_lets_nothing_of_the_reader_into_its_writing_serves_no_pair_better_than_it_harms_it(persons, known):
    """Of six times that answers are written, on average."""
    attention, found = load().models["sim-large"].attention, {}
    for amount in (0.0, 0.4, 3.0):
        run = run_with(attention={**attention, "description": amount})
        each = [given_truth(run, persons, QUESTIONS, known, np.random.default_rng(seed)) for seed in range(6)]
        found[amount] = pd.DataFrame(each).mean()
    right, wrong = (
        {amount: one["gold_given", f"large|{side}"] for amount, one in found.items()}
        for side in ("both_right", "both_wrong")
    )
    assert abs(right[0.0] - wrong[0.0]) < 0.07 < 0.3 < right[3.0] - wrong[3.0]
    assert right[0.0] < right[0.4] < right[3.0]
    assert found[0.4]["gold_difference", "large"] < 0, "it reads more than it writes"


def test_a_contestant_that_is_not_on_the_panel_has_no_difference(persons, known):
    settings = SETTINGS | {"roles": SETTINGS["roles"] | {"panel": ["medium"]}}
    found = given_truth(replace(run_with(), settings=settings), persons, QUESTIONS, known, np.random.default_rng(5))
    assert {name for name, _ in found} == {"gold_given", "given_undecided"}
