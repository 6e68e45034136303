"""Validation: every pair nine times and once with its certainty, contests. Oracles: hand counts of plans."""

import pandas as pd
import pytest
from judges import Fake, pairs_and_answers, personas, prompts, validated

from persona_lib.stages.validation import (
    collect_validation,
    hold,
    plan_certainties,
    plan_contests,
    plan_validation,
    state_certainty,
)
from persona_lib.tables.schema import SchemaError, check


def test_validation_asks_every_pair_nine_times():
    ask = Fake()
    table = validated(ask)
    assert len(table) == 10 * (4 * 2 + 1) and table.item_id.nunique() == 10
    again = table[table.repeat == 1]
    assert len(again) == 10 and not again.swapped.any() and (again.lines_shown == "all").all()
    assert (again.persona_shown_id == again.item_id.str.split(".").str[0]).all()
    assert sum(row.template == "judge" and row.sample == 1 for row in ask.rows) == 10
    shown = table.groupby("item_id").persona_shown_id.agg(lambda ids: tuple(sorted(set(ids))))
    for item_id, ids in shown.items():
        own = item_id.split(".")[0]
        assert len(ids) == 3 and ids[0] == "" and own in ids
    shown = ["item_id", "persona_shown_id", "lines_shown"]
    assert (table.groupby(shown).swapped.nunique() == 2).all() and len(table.groupby(shown)) == 40
    by_values = table[table.lines_shown == "values"]
    assert (by_values.persona_shown_id == by_values.item_id.str.split(".").str[0]).all(), "its own values"
    assert sum(row.template == "judge_no_persona" for row in ask.rows) == 20


def test_pairs_that_failed_are_not_judged():
    pairs, _ = pairs_and_answers(4, 3)
    pairs.loc[pairs.persona_id == "p0001", "status"] = "refused"
    plan = plan_validation(pairs, personas(4), n_pairs=9, judge="j", seed=1)
    assert not plan.item_id.str.startswith("p0001").any()
    assert plan.item_id.nunique() == 9
    with pytest.raises(SchemaError, match="at least two personas"):
        plan_validation(pairs, personas(1), n_pairs=2, judge="j", seed=1)


@pytest.mark.parametrize("n_ok", [0, 1, 5])
def test_where_fewer_pairs_went_through_all_of_them_are_judged(n_ok):
    pairs, answers = pairs_and_answers(3, 4)
    pairs.loc[pairs.index[n_ok:], ["status", "chosen_answer_id"]] = ["unparsed", ""]
    plan = plan_validation(pairs, personas(3), n_pairs=10, judge="j", seed=1)
    assert sorted(plan.item_id.unique()) == sorted(pairs.pair_id[:n_ok]) and len(plan) == 9 * n_ok
    ask = Fake()
    collect_validation(
        {"pairs": pairs, "personas": personas(3), "prompts": prompts(4), "answers": answers},
        {"validation": {"n_pairs": 10, "n_contests": 2}, "seed": 1},
        shard=0,
        of=1,
        ask=ask,
    )
    of_pairs = [row for row in ask.rows if row.endpoint == "j"]
    assert len(of_pairs) <= 10 * n_ok and bool(of_pairs) == bool(n_ok)


def test_the_other_persona_is_any_but_the_own_one():
    pairs, _ = pairs_and_answers(5, 40)
    plan = plan_validation(pairs, personas(5), n_pairs=200, judge="j", seed=1)
    assert set(plan.lines_shown[plan.persona_shown_id == ""]) == {"none"}
    other = plan[(plan.persona_shown_id != "") & (plan.persona_shown_id != plan.item_id.str[:5])]
    assert len(other) == 400 and (other.repeat == 0).all()
    table = pd.crosstab(other.item_id.str[:5], other.persona_shown_id)
    assert (table.to_numpy().diagonal() == 0).all() and (table.to_numpy() > 0).sum() == 20


def test_each_pair_is_judged_once_with_its_certainty_half_of_them_swapped():
    pairs, answers = pairs_and_answers(4, 3)
    plan = plan_certainties(plan_validation(pairs, personas(4), n_pairs=10, judge="j", seed=1), seed=1)
    assert len(plan) == 10 and plan.swapped.sum() == 5 and (plan.lines_shown == "all").all()
    refused = Fake(status=lambda row: "refused" if "q0001" in row.slots["prompt"] else "ok")
    found = check(state_certainty(plan, personas(4), prompts(3), answers, ask=refused), "certainties")
    ok = found.status == "ok"
    assert (found.certainty[ok] == 0.75).all() and found.certainty[~ok].isna().all() and 0 < ok.sum() < 10
    assert found.chosen_answer_id[ok].str.startswith("revision").all(), "the fake prefers revisions wherever they stand"


def test_contests_by_hand():
    """Three writers on two items: three meetings each before three judges; who writes 'divergent' wins."""
    ask = Fake(rule=lambda row: "A" if row.slots["answer_a"].startswith("baseline m3") else "B")
    ask.says = lambda row: f"baseline {row.endpoint}"
    writers = ["m1", "m2", "m3"]
    plan = plan_contests(personas(4), prompts(5), n_contests=2, writers=writers, seed=1)
    assert len(plan) == 2 * 3 * 3 and (plan.groupby(["item_id", "writer_a", "writer_b"]).swapped.nunique() == 1).all()
    assert plan.drop_duplicates(["item_id", "writer_a", "writer_b"]).swapped.sum() == 3
    found = check(hold(plan, personas(4), prompts(5), ask=ask), "contests")
    assert (found.n_words_a == 2).all() and (found.status == "ok").all()
    assert sum(row.template == "answer_output_only" for row in ask.rows) == 6, "each answer is written once"
    with_m3 = found[found.writer_b == "m3"]
    first_or_second = with_m3.chosen_position == with_m3.swapped.map({True: "A", False: "B"})
    assert (with_m3.chosen_writer == "m3").all() == first_or_second.all() and first_or_second.all()


def test_a_refused_answer_makes_no_contest_and_one_writer_has_none():
    ask = Fake(status=lambda row: "refused" if row.endpoint == "m1" and row.template.startswith("answer") else "ok")
    plan = plan_contests(personas(4), prompts(5), n_contests=3, writers=["m1", "m2"], seed=1)
    found = check(hold(plan, personas(4), prompts(5), ask=ask), "contests")
    assert set(found.status) == {"refused"} and set(found.chosen_writer) == {""} and (found.n_words_a == 0).all()
    alone = plan_contests(personas(4), prompts(5), n_contests=3, writers=["m1"], seed=1)
    assert alone.empty and check(hold(alone, personas(4), prompts(5), ask=Fake()), "contests").empty
