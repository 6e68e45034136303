"""Truths of judges and examiners. Oracles: choices drawn with the chances, through the functions of the notebooks."""

import numpy as np
import pandas as pd
import pytest

from persona_lib.estimating.logit import clustered_share_at
from persona_lib.measuring import judges
from persona_lib.simulator import expected_judges
from persona_lib.simulator.expected import SHOWN

N = 40_000


@pytest.fixture(scope="module")
def rng():
    return np.random.default_rng(1)


def test_repetition_fairness_and_the_rate_at_equal_lengths(rng):
    longer = rng.integers(-30, 5, N).astype(float)
    ab = {shown: rng.beta(4, 1, N) * np.exp(longer / 100) for shown in SHOWN}
    ba = {shown: np.minimum(1, chances * 1.2) for shown, chances in ab.items()}
    truth = expected_judges.reliability(ab, ba, longer)
    first, again = (rng.random(N) < ab["own"] for _ in range(2))
    other = rng.random(N) < ba["own"]
    assert truth["repetition_stability", "own"] == pytest.approx(np.mean(first == again), abs=0.01)
    assert truth["preference_fairness", "own"] == pytest.approx(np.mean(first) - np.mean(other), abs=0.015)
    rows = pd.DataFrame(
        {"holds": np.r_[first, other].astype(float), "length": np.tile(np.tanh(longer / longer.std()), 2)}
    )
    rows["pair"] = np.tile(np.arange(N), 2)
    fitted = clustered_share_at(rows, value="holds", on="length", at=0.0, clusters=["pair"])
    assert truth["length_controlled", "own"] == pytest.approx(fitted.estimate, abs=4 * fitted.standard_error)


def test_certainty_risk_and_the_area(rng):
    right = rng.beta(5, 1, N)
    stated = np.round((0.5 + np.abs(right - 0.5)) * 20) / 20
    truth = expected_judges.certainty(right, stated)
    choices = pd.DataFrame({"certainty": stated, "is_wrong": (rng.random(N) > right).astype(float)})
    curve = judges.risk_coverage(choices)
    counts = np.diff(curve["n"], prepend=0).astype(float)
    wrong = np.diff(curve["n"] * curve["risk"], prepend=0)
    assert truth["aurc", "own"] == pytest.approx(float(judges.area(counts, wrong)), abs=0.006)
    kept = choices[choices["certainty"] >= 0.75 - 1e-9]
    assert truth["risk", "0.75"] == pytest.approx(kept["is_wrong"].mean(), abs=0.01)
    assert truth["coverage", "0.75"] == len(kept) / N
    assert truth["overconfidence", "own"] == pytest.approx(
        (choices["certainty"] + choices["is_wrong"] - 1).mean(), abs=0.01
    )
    assert tuple(expected_judges.LEAST_STATED) == judges.STATED, "the truth and the notebook abstain at the same"


def test_contests_and_who_prefers_itself(rng):
    writers = ["m1", "m2", "m3"]
    won, rows = {}, []
    for one, two in (("m1", "m2"), ("m1", "m3"), ("m2", "m3")):
        for judge in writers:
            chances = np.clip(rng.beta(2, 2, 4000) + 0.2 * (judge == one) - 0.2 * (judge == two), 0, 1)
            won[judge, one, two], won[judge, two, one] = chances, 1 - chances
            winner = np.where(rng.random(4000) < chances, one, two)
            table = pd.DataFrame({"item_id": np.arange(4000), "chosen_writer": winner, "judge": judge, "status": "ok"})
            rows.append(table.assign(writer_a=one, writer_b=two, persona_id="p", prompt_id="q"))
    truth = expected_judges.contests(won, writers)
    sides = judges.wins(pd.concat(rows, ignore_index=True))
    rates = sides.groupby(["judge", "writer"])["wins"].mean()
    own = judges.self_preference(sides)
    for writer in writers:
        assert truth["writer_wins", f"m2|{writer}"] == pytest.approx(rates["m2", writer], abs=0.025)
        mine = own.loc[own["writer"] == writer, "difference"].mean()
        assert truth["self_preference_gap", writer] == pytest.approx(mine, abs=0.035)
    assert truth["self_preference_gap", "all"] == pytest.approx(own["difference"].mean(), abs=0.02)
    assert ("self_preference_gap", "all") not in expected_judges.contests(
        {key: chances for key, chances in won.items() if "m3" not in key}, writers[:2]
    )


def test_an_examiner_is_weighed_by_what_the_judge_accepts(rng):
    """Oracle: pairs drawn as accepted, and verdicts on them; and Rogan and Gladen's formula by hand."""
    accepted, own, swapped, generic = rng.random((4, N))
    truth = expected_judges.examiner(accepted, own * accepted, swapped, generic)
    is_in = rng.random(N) < accepted
    assert truth["sensitivity", "accepted"] == pytest.approx((rng.random(N) < own * accepted)[is_in].mean(), abs=0.015)
    assert truth["specificity", "all"] == pytest.approx(0.5, abs=0.015)
    known = {("sensitivity", "accepted"): 0.8, ("specificity", "all"): 0.85, ("pass_rate", "m|x"): 0.5}
    known |= {("pass_rate", "near"): 0.3}
    assert expected_judges.corrected(known) == {("corrected", "m|x"): pytest.approx(0.35 / 0.65)}
