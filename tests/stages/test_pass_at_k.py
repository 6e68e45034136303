"""Repeated attempts: oracles are hand counts of plans, and an examiner whose verdict is known beforehand."""

from examiners import Fake, Parrot, personas, prompts

from persona_lib.stages import benchmark
from persona_lib.stages.pass_at_k import plan_pass_at_k
from persona_lib.tables.schema import check


def test_pass_at_k_counts_by_hand():
    ask = Fake()
    sizes = {"n_items": 3, "n_attempts": 4, "contestants": ["m1", "m2"]}
    plan = plan_pass_at_k(personas(5), prompts(6), **sizes, seed=1)
    table = check(benchmark.run(plan, personas(5), prompts(6), ask=ask), "pass_attempts")
    fresh, again = 3 * 4 * 3 * 2, 3 * 3 * 2 * 2
    assert len(table) == fresh + again and len(ask.asked) == len(set(ask.asked)) == fresh + (fresh + again)
    assert {row.sample for row in ask.rows if row.template != "examine"} == {0, 1, 2, 3}
    assert ask.count("answer_chain_of_thought") == ask.count("answer_output_only") == ask.count("answer") == fresh / 3


def test_one_answer_is_examined_as_often_as_fresh_ones_are_attempted():
    ask = Fake()
    plan = plan_pass_at_k(personas(5), prompts(6), n_items=3, n_attempts=4, contestants=["m1"], seed=1)
    table = benchmark.run(plan, personas(5), prompts(6), ask=ask)
    again = table[table.groupby(["item_id", "mode"]).examination.transform("max") > 0].query("attempt == 0")
    assert set(again["mode"]) == {"chain_of_thought", "baseline"}
    each = again.groupby(["item_id", "mode"])
    assert (each.examination.apply(sorted).map(tuple) == (0, 1, 2, 3)).all() and (each.answer.nunique() == 1).all()
    verdicts = [row for row in ask.rows if row.template == "examine"]
    assert len({(row.slots["answer"], row.slots["persona"], row.sample) for row in verdicts}) == len(verdicts)


def test_equal_answers_of_two_attempts_get_a_verdict_each():
    ask = Parrot()
    plan = plan_pass_at_k(personas(5), prompts(6), n_items=3, n_attempts=4, contestants=["m1"], seed=1)
    benchmark.run(plan, personas(5), prompts(6), ask=ask)
    assert ask.count("examine") == 3 * 4, "as many as attempts; the arms say the same here, and examinations are shared"
