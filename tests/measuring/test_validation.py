"""Validation of the pairs. Oracles: hand counts, identities, a judge made to a recipe."""

import itertools

import numpy as np
import pandas as pd
import pytest

from persona_lib.measuring import validation
from persona_lib.tables import schema

PERSONAS, PROMPTS = [f"p{i:04d}" for i in range(1, 11)], [f"q{i:04d}" for i in range(1, 6)]


@pytest.fixture
def pairs():
    rows = [{"persona_id": p, "prompt_id": q, "pair_id": f"{p}.{q}"} for p, q in itertools.product(PERSONAS, PROMPTS)]
    table = pd.DataFrame(rows)
    return table.assign(
        template="paper",
        persona_split="train",
        pair_split="train",
        chosen_answer_id="revision." + table["pair_id"],
        rejected_answer_id="baseline." + table["prompt_id"],
        critique="c",
        status="ok",
        request_hash="h",
    )


@pytest.fixture
def answers(pairs):
    """Revisions of 10 words; baselines of 12, 10 (a tie) or 8."""
    revision = pd.DataFrame({"answer_id": pairs["chosen_answer_id"], "n_words": 10, "status": "ok"})
    words = dict(zip(PROMPTS, [12, 12, 12, 10, 8], strict=True))
    baseline = pd.DataFrame({"answer_id": [f"baseline.{q}" for q in PROMPTS], "n_words": words.values()})
    return pd.concat([revision, baseline.assign(status="ok")], ignore_index=True).assign(fault="")


def judged_by(judge, pairs):
    """Judgements of a judge given as (shown, swapped) -> does the pair's order hold; None for a refusal."""
    rows = []
    for pair, (shown, swapped) in itertools.product(
        pairs.itertuples(), itertools.product(validation.SHOWN, [False, True])
    ):
        holds = judge(pair, shown, swapped)
        another = PERSONAS[(PERSONAS.index(pair.persona_id) + 1) % len(PERSONAS)]
        chosen = "" if holds is None else pair.chosen_answer_id if holds else pair.rejected_answer_id
        rows.append(
            {
                "item_id": pair.pair_id,
                "rater_id": "medium",
                "role": "judge",
                "rater_kind": "simulated",
                "persona_shown_id": {"swapped": another, "none": ""}.get(shown, pair.persona_id),
                "lines_shown": {"values": "values", "none": "none"}.get(shown, "all"),
                "swapped": swapped,
                "repeat": 0,
                "chosen_answer_id": chosen,
                "chosen_position": "" if holds is None else "A" if holds == swapped else "B",
                "status": "refused" if holds is None else "ok",
                "request_hash": "h",
            }
        )
    return schema.check(pd.DataFrame(rows), "judgements")


def statistics(judge, pairs, answers):
    found = schema.check(validation.validation_statistics(judged_by(judge, pairs), pairs, answers), "validation")
    return found.set_index(["statistic", "group"])


def test_a_judge_that_follows_the_persona(pairs, answers):
    one = statistics(lambda pair, shown, swapped: shown == "own", pairs, answers)
    assert one.loc[("holds", "own"), "estimate"] == 1
    assert one.loc[("holds", "swapped"), "estimate"] == 0
    assert one.loc[("persona_effect", "own-swapped"), "estimate"] == 1
    assert one.loc[("order_consistency", "own"), "estimate"] == 1
    assert one.loc[("first_position", "own"), "estimate"] == 0.5
    assert one.loc[("holds", "own"), "n"] == 100
    assert 0 < one.loc[("holds", "own"), "low"] < 1, "fifty pairs that all hold do not prove that all would"


def test_a_judge_that_only_sees_the_position(pairs, answers):
    """Always A: the order holds exactly where b is shown first."""
    one = statistics(lambda pair, shown, swapped: swapped, pairs, answers)
    assert one.loc[("holds", "own"), "estimate"] == 0.5
    assert (one.loc[("holds", "own_ab"), "estimate"], one.loc[("holds", "own_ba"), "estimate"]) == (0, 1)
    assert one.loc[("first_position", "all"), "estimate"] == 1
    assert one.loc[("order_consistency", "none"), "estimate"] == 0
    assert one.loc[("persona_effect", "own-none"), "estimate"] == 0


def test_length_alone_by_hand(pairs, answers):
    """Three of five prompts shorter, one tie, one longer: (3 + 1/2) / 5."""
    one = statistics(lambda pair, shown, swapped: True, pairs, answers)
    assert one.loc[("length_only", "all"), "estimate"] == pytest.approx(0.7)


def test_refusals_are_excluded_and_counted_never_scored(pairs, answers):
    def judge(pair, shown, swapped):
        return None if pair.persona_id == "p0001" and shown == "own" else True

    one = statistics(judge, pairs, answers)
    assert one.loc[("holds", "own"), ["estimate", "n", "n_excluded"]].tolist() == [1, 90, 10]
    assert one.loc[("persona_effect", "own-none"), "n_excluded"] == 10
    assert one.loc[("refused", "all"), "estimate"] == pytest.approx(10 / 400)
    rates = [one.loc[(name, "all"), "estimate"] for name in ("scored", "refused", "unparsed", "failed")]
    assert sum(rates) == pytest.approx(1)


def test_the_paired_effect_is_the_difference_of_rates_when_nothing_is_missing(pairs, answers):
    rng = np.random.default_rng(1)
    one = statistics(lambda pair, shown, swapped: bool(rng.random() < 0.7), pairs, answers)["estimate"]
    assert one["persona_effect", "own-none"] == pytest.approx(one["holds", "own"] - one["holds", "none"])


def test_stated_values_alone_are_a_condition_of_their_own(pairs, answers):
    """The whole persona always takes the revision; by its stated values the judge takes what stands first."""
    one = statistics(lambda pair, shown, swapped: swapped if shown == "values" else shown == "own", pairs, answers)
    assert one.loc[("holds", "own"), "estimate"] == 1 and one.loc[("holds", "values"), "estimate"] == 0.5
    assert one.loc[("values_consistency", "own"), ["estimate", "n"]].tolist() == [0.5, 100]
    assert one.loc[("persona_effect", "own-values"), "estimate"] == 0.5


def test_rules_kept_by_the_final_revision_and_by_the_first_try(pairs, answers):
    """Oracle: of fifty pairs two broke a rule at first; one of them breaks both to the end; one has no revision."""
    pairs = pairs.assign(status=["refused"] + ["ok"] * 49, chosen_answer_id=["", *pairs["chosen_answer_id"][1:]])
    mended, lasting = pairs["pair_id"][1], pairs["pair_id"][2]
    both = "not shorter and names an attribute"
    answers["fault"] = answers["fault"].mask(answers["answer_id"] == f"revision.{lasting}", both)
    early = pd.DataFrame({"answer_id": [f"withdrawn.{mended}.0", f"withdrawn.{lasting}.0", f"withdrawn.{lasting}.1"]})
    early = early.assign(fault=["not shorter", both, "not shorter"], n_words=9, status="ok")
    kept = validation.rules_kept(pairs, pd.concat([answers, early], ignore_index=True))
    assert len(kept) == 49
    assert kept.drop(columns=["pair_id", "persona_id", "prompt_id"]).sum().to_dict() == {
        "shorter": 48, "no attribute named": 48, "all": 48,
        "shorter|first try": 47, "no attribute named|first try": 48, "all|first try": 47,
    }  # fmt: skip


def test_a_foreign_pair_and_a_foreign_answer_stop(pairs):
    judgements = judged_by(lambda *_: True, pairs)
    with pytest.raises(schema.SchemaError, match="p0010.q0005 is no pair"):
        validation.held(judgements, pairs.iloc[:-1])
    judgements.loc[0, "chosen_answer_id"] = "revision.elsewhere"
    with pytest.raises(schema.SchemaError, match="neither answer"):
        validation.held(judgements, pairs)
    with pytest.raises(ValueError, match="own"):
        validation.persona_effect(validation.held(judged_by(lambda *_: True, pairs), pairs), other="own")
