"""Answers whose right verdict is known. Oracles: hand counts of plans, an examiner whose verdict is known."""

import pandas as pd
import pytest
from examiners import Fake, accepted_pairs, personas, prompts

from persona_lib.stages.calibration import accepted, calibrate, plan_calibration
from persona_lib.tables.schema import check


def planned(n: int = 6) -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
    tables = accepted_pairs(5, 4)
    plan = plan_calibration(tables["pairs"], tables["judgements"], personas(5), n_calibration=n, seed=1)
    return plan, tables


def test_what_should_pass_passes_and_nothing_else():
    """The examiner passes what names its persona: revisions name theirs, other answers nobody."""
    plan, tables = planned()
    assert len(plan) == 6 * 3 and plan.pair_id.nunique() == 6
    found = check(calibrate(plan, personas(5), prompts(6), tables["answers"], ask=Fake()), "calibration")
    assert found.groupby("kind").passed.mean().to_dict() == {"accepted": 1.0, "generic": 0.0, "swapped": 0.0}
    swapped = found[found.kind == "swapped"]
    assert (swapped.critic_persona_id != swapped.persona_id).all() and (swapped.answer_id.str.startswith("rev")).all()
    assert found.answer_id[found.kind == "generic"].str.startswith("baseline").all()


def test_only_pairs_that_held_in_both_orders_count_as_accepted():
    tables = accepted_pairs(2, 3)
    judged, pairs = tables["judgements"], tables["pairs"]
    first, second, third = pairs.pair_id[:3]
    judged.loc[(judged.item_id == first) & judged.swapped, "chosen_answer_id"] = "baseline.q0002"
    judged.loc[(judged.item_id == second) & ~judged.swapped, ["chosen_answer_id", "status"]] = ["", "refused"]
    judged.loc[judged.item_id == third, "persona_shown_id"] = "p0002"
    kept = accepted(pairs, judged)
    assert kept.pair_id.tolist() == pairs.pair_id[3:].tolist()
    again = judged[judged.item_id == pairs.pair_id[3]].head(1).assign(repeat=1, chosen_answer_id="baseline.q0002")
    assert len(accepted(pairs, pd.concat([judged, again]))) == 3, "a repetition does not count"


@pytest.mark.parametrize("n", [0, 2])
def test_where_fewer_are_accepted_all_of_them_are_examined(n):
    tables = accepted_pairs(5, 4)
    tables["judgements"] = tables["judgements"][tables["judgements"].item_id.isin(tables["pairs"].pair_id[:n])]
    plan = plan_calibration(tables["pairs"], tables["judgements"], personas(5), n_calibration=7, seed=1)
    found = check(calibrate(plan, personas(5), prompts(6), tables["answers"], ask=Fake()), "calibration")
    assert found.pair_id.nunique() == n


def test_a_verdict_that_failed_is_a_status():
    plan, tables = planned()
    found = calibrate(plan, personas(5), prompts(6), tables["answers"], ask=Fake(status=lambda row: "refused"))
    assert set(found.status) == {"refused"} and found.passed.isna().all()
