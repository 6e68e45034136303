"""Validation: every pair eight times, and whom its answers are shown to. Oracles: hand counts of plans."""

import pandas as pd
import pytest
from judges import Fake, pairs_and_answers, personas, prompts, validated

from persona_lib.stages.validation import collect_validation, plan_validation
from persona_lib.tables.schema import SchemaError


def test_validation_asks_every_pair_eight_times():
    ask = Fake()
    table = validated(ask)
    assert len(table) == 10 * 4 * 2 and table.item_id.nunique() == 10
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
    assert sorted(plan.item_id.unique()) == sorted(pairs.pair_id[:n_ok]) and len(plan) == 8 * n_ok
    ask = Fake()
    collect_validation(
        {"pairs": pairs, "personas": personas(3), "prompts": prompts(4), "answers": answers},
        {"validation": {"n_pairs": 10}, "seed": 1},
        shard=0,
        of=1,
        ask=ask,
    )
    assert len(ask.rows) <= 8 * n_ok and bool(ask.rows) == bool(n_ok)


def test_the_other_persona_is_any_but_the_own_one():
    pairs, _ = pairs_and_answers(5, 40)
    plan = plan_validation(pairs, personas(5), n_pairs=200, judge="j", seed=1)
    assert set(plan.lines_shown[plan.persona_shown_id == ""]) == {"none"}
    other = plan[(plan.persona_shown_id != "") & (plan.persona_shown_id != plan.item_id.str[:5])]
    assert len(other) == 400
    table = pd.crosstab(other.item_id.str[:5], other.persona_shown_id)
    assert (table.to_numpy().diagonal() == 0).all() and (table.to_numpy() > 0).sum() == 20
