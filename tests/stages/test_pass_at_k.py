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
    assert len(table) == 3 * 4 * 2 * 2 and len(ask.asked) == len(set(ask.asked)) == 2 * 48
    assert {row.sample for row in ask.rows if row.template != "examine"} == {0, 1, 2, 3}
    assert {row.sample for row in ask.rows if row.template == "examine"} == {0}


def test_equal_answers_are_examined_once_and_get_one_verdict():
    ask = Parrot()
    plan = plan_pass_at_k(personas(5), prompts(6), n_items=3, n_attempts=4, contestants=["m1"], seed=1)
    benchmark.run(plan, personas(5), prompts(6), ask=ask)
    assert ask.count("examine") == 3
