"""PERSONA Bench in samples. Oracles: the same run in one piece, verdicts by hand, raters counted by hand."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from examiners import Fake
from pool_rows import items_of, judged

from persona_lib.evals import evaluations

DEMO = Path(__file__).parents[2] / "data/expected/demo"


def test_samples_together_are_the_run_in_one_piece():
    made = evaluations.main(DEMO, n=4, modes=["baseline", "output_only"], seed=1)
    parts = [made.run(rows, ask=Fake()) for _, _, rows in made.samples()]
    assert len(parts) == 4 * 2
    whole = made.statistics(made.run(made.plan, ask=Fake()))
    found = made.statistics(pd.concat(parts, ignore_index=True))
    key = ["statistic", "group"]
    pd.testing.assert_frame_equal(found.sort_values(key, ignore_index=True), whole.sort_values(key, ignore_index=True))
    assert set(found["statistic"]) == {"pass_rate", "scored", "difference", "calibration"}


@pytest.mark.parametrize(
    ("passed", "status", "verdict"),
    [([True], ["ok"], "C"), ([False, True], ["ok", "ok"], "C"), ([False], ["ok"], "I"), ([None], ["refused"], "N")],
)
def test_a_sample_is_right_wrong_or_without_an_answer(passed, status, verdict):
    made = evaluations.intersectionality(DEMO, n=2, seed=1)
    rows = [
        {"persona_id": "p", "critic_persona_id": "p", "passed": p, "status": s}
        for p, s in zip(passed, status, strict=True)
    ]
    swapped = {"persona_id": "p", "critic_persona_id": "r", "passed": True, "status": "ok"}
    assert made.verdict([*rows, swapped]) == verdict, "what another persona's examiner says counts for nothing"


def test_the_answer_of_more_than_half_of_the_raters_is_preferred():
    items = items_of(2)
    rated = judged({f"r{i}": np.array([[i == 3, i < 2]]).astype(int) for i in range(4)}, items)
    found = evaluations.preferences(rated, items)
    assert found == {("p0001", items["item_id"][0]): items["answer_a_id"][0]}, "two against two is no preference"


def test_a_sample_without_an_attribute_is_judged_by_the_whole_persona():
    made = evaluations.leave_one_out(DEMO, n=2, attributes=["sex"], seed=1)
    assert len(list(made.samples())) == 4
    row = {"persona_id": "p-without-sex", "critic_persona_id": "p", "passed": True, "status": "ok"}
    assert made.verdict([row]) == "C"
