"""Attempts: oracles are hand counts of plans, identities of a fake examiner, and rules checked by eye."""

import hashlib
import json
from pathlib import Path

import pandas as pd
import pytest
import yaml
from examiners import NAMES, Fake, Parrot, accepted_pairs, personas, prompts

from persona_lib.cost.plan import planned_calls
from persona_lib.stages import benchmark
from persona_lib.stages.pass_at_k import collect_pass_at_k
from persona_lib.tables.descriptions import attribute_of
from persona_lib.tables.schema import SchemaError, check


def benched(ask: Fake, n_items: int = 4) -> pd.DataFrame:
    plan = benchmark.plan_benchmark(personas(5), prompts(6), n_items=n_items, contestants=["m1", "m2"], seed=1)
    return check(benchmark.run(plan, personas(5), prompts(6), ask=ask), "attempts")


def test_benchmark_counts_by_hand():
    ask = Fake()
    table = benched(ask)
    assert len(table) == 4 * 2 * (4 + 1)
    assert table.persona_id.nunique() == 4 and table.prompt_id.nunique() == 4 and "q0001" not in set(table.prompt_id)
    answered = ["answer", "answer_output_only", "answer_chain_of_thought", "answer_from_summary", "summarise"]
    assert {name: ask.count(name) for name in answered} == dict.fromkeys(answered, 8)
    assert ask.count("examine") == 40 and len(ask.asked) == len(set(ask.asked))
    assert {row.endpoint for row in ask.rows if row.template == "examine"} == {"e"}


def test_an_answer_passes_exactly_where_the_persona_was_told():
    table = benched(Fake())
    own = table[table.critic_persona_id == table.persona_id]
    assert own.groupby("mode").passed.mean().to_dict() == {
        "baseline": 0.0, "chain_of_thought": 1.0, "output_only": 1.0, "summary": 1.0,
    }  # fmt: skip
    calibration = table[table.critic_persona_id != table.persona_id]
    assert len(calibration) == 8 and set(calibration["mode"]) == {"output_only"} and not calibration.passed.any()
    merged = calibration.merge(own, on=["item_id", "model", "mode", "attempt"])
    assert (merged.answer_x == merged.answer_y).all(), "calibration examines the same answer"


def test_only_what_follows_the_last_marker_is_the_answer():
    table = benched(Fake()).query("mode == 'chain_of_thought'")
    assert not table.answer.str.contains("ANSWER:|later").any() and table.answer.str.startswith("m").all()


def test_chain_of_thought_without_its_marker_is_unparsed():
    ask = Fake(marker="")
    hit = benched(ask).query("mode == 'chain_of_thought'")
    assert set(hit.status) == {"unparsed"} and set(hit.answer) == {""} and hit.passed.isna().all()
    assert ask.count("examine") == 32


@pytest.mark.parametrize("status", ["refused", "failed", "unparsed"])
@pytest.mark.parametrize(("template", "mode"), [("summarise", "summary"), ("answer_from_summary", "summary"),
                                                ("answer", "baseline"), ("examine", "")])  # fmt: skip
def test_a_step_that_fails_is_neither_passed_nor_failed(template, mode, status):
    ask = Fake(lambda row: status if row.template == template else "ok")
    table = benched(ask)
    hit = table["mode"] == mode if mode else table["mode"] != ""
    assert set(table.status[hit]) == {status} and set(table.status[~hit]) <= {"ok"}
    assert table.passed[hit].isna().all() and not table.passed[~hit].isna().any()
    assert set(table.answer[hit]) == {""}
    hashes = {hashlib.sha256(key.encode()).hexdigest(): json.loads(key)[1] for key in ask.asked}
    assert {hashes[h] for h in table.request_hash[hit]} == {template}


@pytest.mark.parametrize(("n_personas", "n_heldout", "n_items"), [(5, 5, 25), (3, 4, 12), (4, 6, 24), (2, 2, 3)])
def test_items_are_distinct_up_to_the_last_and_use_everyone_evenly(n_personas, n_heldout, n_items):
    plan = benchmark.plan_benchmark(
        personas(n_personas), prompts(n_heldout + 1), n_items=n_items, contestants=["m"], seed=2
    ).query("mode == 'baseline'")
    assert plan.item_id.nunique() == len(plan) == n_items
    for column in ("persona_id", "prompt_id"):
        counts = plan[column].value_counts()
        assert counts.max() - counts.min() <= 1
    calibration = benchmark.plan_benchmark(
        personas(n_personas), prompts(n_heldout + 1), n_items=n_items, contestants=["m"], seed=2
    ).tail(n_items)
    assert (calibration.critic_persona_id != calibration.persona_id).all()


def test_what_cannot_be_planned_says_so():
    with pytest.raises(SchemaError, match="2 personas x 2 held-out prompts give no 5 items: lower benchmark.n_items"):
        benchmark.plan_benchmark(personas(2), prompts(3), n_items=5, contestants=["m"], seed=1)
    with pytest.raises(SchemaError, match="names a model twice"):
        benchmark.plan_benchmark(personas(2), prompts(3), n_items=2, contestants=["m", "m"], seed=1)
    with pytest.raises(SchemaError, match="at least two personas"):
        benchmark.plan_benchmark(personas(1), prompts(3), n_items=2, contestants=["m"], seed=1)
    plan = benchmark.plan_benchmark(personas(2), prompts(3), n_items=2, contestants=["m"], seed=1)
    with pytest.raises(SchemaError, match="no prompt_id 'q000"):
        benchmark.run(plan, personas(2), prompts(1), ask=Fake())


def test_dropped_has_a_row_per_attribute_of_each_summary():
    ask = Fake()
    table = check(benchmark.find_dropped(benched(ask), personas(5), prompts(6), ask=ask), "dropped")
    assert len(table) == 4 * 2 * 33 and ask.count("find_dropped") == 8
    assert table.groupby("attribute").is_dropped.mean().to_dict() == {key: float(key != "age_years") for key in NAMES}
    assert table.status.eq("ok").all() and not table.is_equivalent.any()
    texts = {row.slots["prompt"] for row in ask.rows if row.template == "summarise"}
    assert texts == set(table.prompt_id), "a summary is made for its question"


@pytest.mark.parametrize("status", ["refused", "failed", "unparsed"])
def test_an_examiner_that_fails_says_nothing(status):
    ask = Fake(lambda row: status if row.template == "find_dropped" else "ok")
    table = check(benchmark.find_dropped(benched(ask), personas(5), prompts(6), ask=ask), "dropped")
    assert table.is_dropped.isna().all() and table.is_equivalent.isna().all() and set(table.status) == {status}


def test_no_summary_no_row():
    ask = Fake(lambda row: "refused" if row.template == "summarise" else "ok")
    assert len(check(benchmark.find_dropped(benched(ask), personas(5), prompts(6), ask=ask), "dropped")) == 0


@pytest.mark.parametrize(
    ("line", "summary", "dropped"),
    [
        ("Age: 43", "A man of 43.", False),
        ("Age: 43", "A man of 430.", True),
        ("Income: $52,000", "Earns $52,000 a year.", False),
        ("Income: $52,000", "Earns 52000 a year.", False),
        ("Industry category: Health care and social assistance", "Works in HEALTH.", False),
        ("Industry category: Health care and social assistance", "Works and lives for others.", True),
        ("Hearing difficulty: No", "He says no to meat.", True),
        ("Hearing difficulty: No", "Has no difficulty.", True),
        ("Hearing difficulty: No", "Has no difficulty in hearing.", False),
        ("Personal time: They often read.", "They often travel.", True),
        ("Defining quirks: {{braces}} \\d+ (", "Loves braces.", False),
        ("Occupation category: Teachers", "", True),
        ("Sex: Female", "She keeps bees.", False),
        ("Sex: Male", "They keep bees.", True),
        ("Marital status: Never married", "Lives as a single person.", False),
        ("Religion: Catholic", "Goes to mass every Sunday.", False),
        ("Religion: Jewish", "Goes to mass every Sunday.", True),
        ("Ideology: Very liberal", "Leans left.", False),
        ("Income: $52,000 a year", "Earns little.", False),
    ],
)
def test_the_rule_on_sentences_checked_by_eye(line, summary, dropped):
    label, value = line.split(": ", 1)
    assert benchmark.is_dropped_by_rule(attribute_of()[label], value, summary) is dropped


@pytest.mark.parametrize("of", [3, 12])
@pytest.mark.parametrize("n_items", [4, 17])
@pytest.mark.parametrize(("stage", "kind"), [("benchmark", Fake), ("pass_at_k", Fake), ("pass_at_k", Parrot)])
def test_shards_ask_what_one_process_asks_and_nothing_twice(stage, kind, n_items, of):
    tables = {"personas": personas(5), "prompts": prompts(6)} | accepted_pairs(5, 4)
    sizes = {"benchmark": {"n_items": n_items, "n_calibration": 7}, "pass_at_k": {"n_items": n_items, "n_attempts": 3}}
    collect = {"benchmark": benchmark.collect_benchmark, "pass_at_k": collect_pass_at_k}[stage]
    whole, parts = kind(), [kind() for _ in range(of)]
    collect(tables, {"seed": 1, **sizes}, shard=0, of=1, ask=whole)
    for shard, ask in enumerate(parts):
        collect(tables, {"seed": 1, **sizes}, shard=shard, of=of, ask=ask)
    together = [key for ask in parts for key in ask.asked]
    assert sorted(together) == sorted(whole.asked) and len(set(together)) == len(together)


def test_hostile_descriptions_pass_unchanged():
    ask = Fake()
    people = personas(5).assign(description=lambda t: t.description + "\n{{prompt}} {0} </persona> <b>")
    plan = benchmark.plan_benchmark(people, prompts(6), n_items=4, contestants=["m1"], seed=1)
    benchmark.run(plan, people, prompts(6), ask=ask)
    assert {row.slots["persona"] for row in ask.rows if "persona" in row.slots} <= set(people.description)


@pytest.mark.parametrize("stage", ["benchmark", "pass_at_k"])
def test_no_stage_asks_more_than_planned(stage):
    demo = yaml.safe_load(Path("config/demo.yaml").read_text("utf-8"))
    planned = planned_calls(demo, n_bank=1).groupby("stage").calls_high.sum()[stage]
    ask = Fake()
    ask.roles = demo["roles"]
    collect = {"benchmark": benchmark.collect_benchmark, "pass_at_k": collect_pass_at_k}[stage]
    tables = {"personas": personas(100), "prompts": prompts(46)} | accepted_pairs(100, 5)
    collect(tables, {"seed": 1} | demo, shard=0, of=1, ask=ask)
    assert len(ask.asked) == planned


def test_the_answer_is_what_follows_the_last_line_answer():
    """Oracle: read by eye; a model that plans first writes the marker of its draft, too."""
    drafted = (
        "1. She is frugal.\nANSWER: Buy the large one.\n2. No, she lives alone.\n**ANSWER:**\nBuy the small one.\n"
    )
    assert benchmark.final_answer(drafted) == "Buy the small one."
    assert benchmark.final_answer("My ANSWER: within a line counts for nothing") == ""
    assert benchmark.final_answer("ANSWER: one\nANSWER:\n") == "", "nothing follows the last one"
