"""The examiner's errors and what is explicit. Oracles: hand counts, the formula of Rogan and Gladen by hand."""

import numpy as np
import pandas as pd
import pytest
from attempted import PERSONAS, attempted, attempts

from persona_lib.measuring import calibration
from persona_lib.tables import schema

PEOPLE = pd.DataFrame({"persona_id": PERSONAS, "description": "Age: 43\nLifestyle: quiet life, rarely travels"})
PROMPTS = pd.DataFrame({"prompt_id": [f"q{i:04d}" for i in range(1, 7)], "text": "How do I live well?"})


def known(accepted, swapped, generic):
    """Table `calibration` with so many of twenty that pass, of each kind; None for kinds that nobody examined."""
    rows = []
    for kind, n_passed in (("accepted", accepted), ("swapped", swapped), ("generic", generic)):
        for i in range(20):
            passed = None if n_passed is None else i < n_passed
            rows.append(
                {"pair_id": f"p{i}", "kind": kind, "persona_id": f"p{i}", "prompt_id": f"q{i}",
                 "critic_persona_id": "p", "answer_id": "a", "passed": passed,
                 "status": "ok" if passed is not None else "refused", "request_hash": "h"}
            )  # fmt: skip
    return pd.DataFrame(rows).astype({"passed": "boolean"})


def statistics(tried, table):
    found = calibration.examiner_statistics(tried, table, PEOPLE, PROMPTS)
    return schema.check(found, "benchmark").set_index(["statistic", "group"])


def test_pass_rates_are_corrected_by_hand():
    tried = attempts(attempted([True] * 6 + [False] * 6, mode="output_only"))
    one = statistics(tried, known(16, 4, 2))
    assert one.loc[("sensitivity", "accepted"), "estimate"] == 0.8
    assert one.loc[("specificity", "all"), ["estimate", "n"]].tolist() == [0.85, 40]
    assert one.loc[("specificity", "swapped"), "estimate"] == 0.8
    row = one.loc[("corrected", "large|output_only")]
    assert row["estimate"] == pytest.approx((0.5 + 0.85 - 1) / 0.65) and row["low"] < row["estimate"] < row["high"]
    assert one.loc[("corrected", "all|output_only"), "estimate"] == row["estimate"]


@pytest.mark.parametrize(
    "table", [known(11, 10, 10), known(None, 2, 2), known(18, None, None), known(1, 1, 1).iloc[:0]]
)
def test_an_examiner_that_says_too_little_or_nothing_corrects_nothing(table):
    one = statistics(attempts(attempted([True] * 6 + [False] * 6, mode="output_only")), table)
    row = one.loc[("corrected", "large|output_only")]
    assert np.isnan(row["estimate"]) and np.isnan(row["low"]) and row["n"] == 12


def test_answers_that_name_their_persona():
    """Of twelve answers with steps three say 'quiet life', of those without one; one says only what was asked."""
    tried = attempts(
        attempted([True] * 11 + [None], mode="chain_of_thought"),
        attempted([True] * 6 + [False] * 6, mode="output_only"),
    )
    tells = tried.groupby("mode").cumcount() < tried["mode"].map({"chain_of_thought": 3, "output_only": 1})
    tried["answer"] = tried["answer"].mask(tells, "For a quiet life, do less.")
    one = statistics(tried, known(16, 4, 2))
    assert one.loc[("explicit", "large|chain_of_thought"), ["estimate", "n"]].tolist() == [3 / 11, 11]
    assert one.loc[("subtle", "large|output_only"), "estimate"] == 5 / 12
    apart = one.loc[("explicit_difference", "all|chain_of_thought-output_only")]
    assert apart["estimate"] == pytest.approx(2 / 11) and (apart["n"], apart["n_excluded"]) == (11, 1)
    asked = PROMPTS.assign(text="Is a quiet life a good life?")
    own = calibration.explicitness(calibration.own_attempts(tried), PEOPLE, asked)
    assert own["is_explicit"].sum() == 0, "what the question names gives nothing away"
