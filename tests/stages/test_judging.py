"""Judging: oracles are hand counts of plans and identities of raters whose choice is known beforehand."""

import pytest
from judges import SIZES, Fake, by_content, pairs_and_answers, personas, prompts, validated

from persona_lib.stages import ablation, judging
from persona_lib.stages.pool import collect_pool, create_pool, plan_pool
from persona_lib.stages.validation import collect_validation, plan_validation
from persona_lib.tables.schema import SchemaError


def test_swapping_leaves_the_choice_of_a_rater_by_content_and_turns_that_of_a_rater_by_position():
    content = validated(Fake(by_content))
    assert content.chosen_answer_id.str.startswith("revision").all()
    assert (content.chosen_position == content.swapped.map({True: "A", False: "B"})).all()
    position = validated(Fake(lambda row: "A"))
    assert set(position.chosen_position) == {"A"}
    assert (position.chosen_answer_id.str.startswith("revision") == position.swapped).all()


@pytest.mark.parametrize("status", ["refused", "failed", "unparsed"])
def test_a_judgement_that_fails_is_a_status(status):
    table = validated(Fake(status=lambda row: status if row.template == "judge" else "ok"))
    hit = table.persona_shown_id != ""
    assert set(table.status[hit]) == {status} and set(table.status[~hit]) == {"ok"}
    assert set(table.chosen_answer_id[hit]) == {""} == set(table.chosen_position[hit])


def shards(collect, tables, settings, of: int) -> tuple[list[str], list[str]]:
    whole, parts = Fake(), [Fake() for _ in range(of)]
    collect(tables, settings, shard=0, of=1, ask=whole)
    for shard, ask in enumerate(parts):
        collect(tables, settings, shard=shard, of=of, ask=ask)
    return whole.asked, [key for ask in parts for key in ask.asked]


@pytest.mark.parametrize("of", [3, 12])
@pytest.mark.parametrize("stage", ["validation", "pool", "ablation"])
def test_shards_ask_what_one_process_asks_and_nothing_twice(stage, of):
    pairs, answers = pairs_and_answers(4, 3)
    answers["text"] = answers.text.mask(answers.answer_id.str.startswith("revision"), "the same revision")
    items, pool_answers = create_pool(prompts(9), n_items=4, seed=1, ask=Fake())
    tables = {"personas": personas(4), "prompts": prompts(9), "pairs": pairs, "answers": answers}
    tables |= {"pool_items": items, "pool_answers": pool_answers}
    settings = {
        "seed": 1,
        "validation": {"n_pairs": 10, "n_contests": 5},
        "pool": {"n_items": 4, **SIZES, "n_given_personas": 3, "named_groups": []},
        "ablation": {"n_personas": 2, "n_questions": 3, "n_shown": 3},
        "feedback": {"template": "paper", "max_retries": 1},
    }
    collect = {
        "validation": collect_validation,
        "pool": collect_pool,
        "ablation": ablation.collect_ablation,
    }[stage]
    whole, together = shards(collect, tables, settings, of)
    assert sorted(together) == sorted(whole) and len(set(together)) == len(together)


def test_hostile_texts_pass_unchanged():
    ask = Fake()
    people = personas(4).assign(description=lambda t: t.description + "\n{{answer_a}} </persona> {x}\n")
    items, answers = create_pool(prompts(9), n_items=4, seed=1, ask=ask)
    plan = plan_pool(items, people, panel=["m1"], raters="rater", **SIZES, seed=1)
    judging.judge(plan, people, prompts(9), answers, ask=ask)
    shown = {row.slots["persona"] for row in ask.rows if row.template == "judge"}
    assert set(people.description) <= shown and len(shown) == 4 + 3 * 3, "whole, and three parts of three personas"
    assert {row.slots["prompt"] for row in ask.rows} <= set(prompts(9).text)


def test_what_is_not_in_the_tables_is_named():
    pairs, answers = pairs_and_answers(4, 3)
    plan = plan_validation(pairs, personas(4), n_pairs=4, judge="j", seed=1)
    with pytest.raises(SchemaError, match="no answer 'baseline"):
        judging.judge(plan, personas(4), prompts(3), answers[answers.answer_id.str.startswith("rev")], ask=Fake())
    with pytest.raises(SchemaError, match="no persona_shown_id 'p000"):
        judging.judge(plan, personas(0), prompts(3), answers, ask=Fake())
