"""The truths of the gold comparison of written answers: which side a model's own answers take for whom."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from persona_lib.simulator.expected import Truth, majority
from persona_lib.simulator.nearness import VERDICTS, nearer_chances
from persona_lib.simulator.runs import Persons, Run, write
from persona_lib.simulator.truth_of_panels import chances_of_b, gold_shares
from persona_lib.simulator.world import Model

N_PERSONS, N_QUESTIONS = 20, 15  # of a batch: each contestant writes an answer for every person to every question


def given_truth(
    run: Run, persons: Persons, prompts: list[str], known: tuple[list[str], list[str]], rng: np.random.Generator
) -> Truth:
    """gold_given, given_undecided and gold_difference of every contestant.

    Answers are written; verdicts on them, what raters prefer and what models pick are chances. As in a run, an answer
    that is nearer to neither leaves its pairs out.

    Parameters
    ----------
    persons : of a batch, on questions in whose order `prompts` and `known` stand
    known : the texts of answers a and b to every question
    """
    everyone = persons.people
    people = replace(
        everyone,
        columns={name: values[:N_PERSONS] for name, values in everyone.columns.items()},
        first=everyone.first[:N_QUESTIONS],
        second=everyone.second[:N_QUESTIONS],
        more_words=everyone.more_words[:N_QUESTIONS],
        _read={},
    )
    descriptions, questions = persons.descriptions[:N_PERSONS], prompts[:N_QUESTIONS]
    shape = (len(descriptions), len(questions))
    swapped = rng.random(shape) < 0.5
    wanted = majority([chances_of_b(people, run.role("raters"), swapped, rng) for _ in range(3)])
    described = [text for text in descriptions for _ in questions]
    found: Truth = {}
    for alias, who in run.several("contestants").items():
        texts = write("answer_output_only", who, rng, persona=described, prompt=questions * len(descriptions))
        rows = zip(texts, [*known[0][:N_QUESTIONS]] * shape[0], [*known[1][:N_QUESTIONS]] * shape[0], strict=True)
        chances = np.array([sides(*row, run.role("examiner")) for row in rows]).reshape(*shape, 3)
        a, b, neither = np.moveaxis(chances, -1, 0)
        found["given_undecided", alias] = float(neither.mean())
        outcomes = gold_shares(a, b, wanted)
        found |= {("gold_given", f"{alias}|{outcome}"): share for outcome, share in outcomes.items()}
        if outcomes and alias in run.settings["roles"]["panel"]:
            picked = chances_of_b(people, who, swapped, rng)
            by_picking = gold_shares((a + b) * (1 - picked), (a + b) * picked, wanted)
            found["gold_difference", alias] = outcomes["both_right"] - by_picking["both_right"]
    return found


def sides(answer: str, a: str, b: str, judge: Model) -> np.ndarray:
    """Chances that an answer is said to be nearer to a, to b and to neither, over both orders."""
    a_first, b_first = (
        dict(zip(VERDICTS, nearer_chances(answer, *order, judge), strict=True)) for order in ((a, b), (b, a))
    )
    both = [(a_first["A"], b_first["B"]), (a_first["B"], b_first["A"]), (a_first["neither"], b_first["neither"])]
    return np.array(both).mean(axis=1)
