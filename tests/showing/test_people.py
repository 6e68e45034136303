"""Claims about people, in a live run whose raters are people: a hand-made table of choices through to the verdict.

Oracle: by hand, all raters choose alike in 9 of 10 cells, so people agree more than substantially.
"""

import numpy as np
import pytest
from pool_rows import items_of, judged
from programs import ROOT

from persona_lib.measuring.agreement import agreement_statistics
from persona_lib.showing import claims

ABOUT_PEOPLE = ["c29_best_model_kappa", "c69_own_persona_agrees", "c70_raters_substantial"]


def choices(kind):
    rng, items = np.random.default_rng(1), items_of(12)
    truth = rng.integers(0, 2, (15, 12))
    names = ["large", *[f"rater.{i}" for i in range(4)]]
    grids = {name: np.where(rng.random(truth.shape) < 0.05, 1 - truth, truth) for name in names}
    table = judged(grids, items)
    kinds = table["rater_kind"].mask(table["role"] == "rater", kind).mask(table["role"] == "panel", "model")
    return table.assign(rater_kind=kinds), items


@pytest.mark.parametrize("kind", ["person", "model", "simulated"])
def test_raters_who_are_people_and_only_they_move_the_claims_about_people(kind):
    table, items = choices(kind)
    register = claims.read_register(ROOT / "data/reference/claims.csv")
    register = register[register["claim_id"].isin(ABOUT_PEOPLE)]
    found = {"agreement": agreement_statistics(table, items, min_shared=8)}
    answered = claims.who_answered({"gpt-4.1-2025-04-14"}, table)
    verdicts = claims.compare(register, found, None, simulated=False, answered=answered).set_index("claim_id")[
        "verdict"
    ]
    if kind == "person":
        assert verdicts["c69_own_persona_agrees"] == verdicts["c70_raters_substantial"] == "holds"
        assert verdicts["c29_best_model_kappa"] in ("holds", "differs", "undecided")
    else:
        assert set(verdicts) == {"not testable offline"}


def test_one_rater_who_is_a_model_among_people_moves_nothing():
    table, _ = choices("person")
    mixed = table.assign(rater_kind=table["rater_kind"].mask(table["rater_id"] == "rater.2", "model"))
    assert claims.who_answered(set(), table) == {"people"} and claims.who_answered(set(), mixed) == set()
    unanswered = table.assign(status=table["status"].mask(table["role"] == "rater", "refused"))
    assert claims.who_answered(set(), unanswered) == set()
