"""Judging: oracles are hand counts of plans and identities of raters whose choice is known beforehand."""

import hashlib
import json

import pandas as pd
import pytest

from persona_lib.stages import ablation, judging
from persona_lib.stages.pool import collect_pool, create_pool, plan_items, plan_pool
from persona_lib.stages.validation import collect_validation, plan_validation
from persona_lib.tables.descriptions import lines_of
from persona_lib.tables.schema import SchemaError, attributes, check

NAMES = attributes().attribute.tolist()
SIZES = {"n_panel_personas": 3, "n_raters": 2, "n_panel_items": 2}


def description(i: int, **values: str) -> str:
    return "\n".join(f"{r.label}: {values.get(r.attribute, f'v{i}')}" for r in attributes().itertuples())


def personas(n: int) -> pd.DataFrame:
    ids = [f"p{i:04d}" for i in range(1, n + 1)]
    return pd.DataFrame({"persona_id": ids, "description": [description(i) for i in range(n)]})


def prompts(n: int) -> pd.DataFrame:
    ids = [f"q{i:04d}" for i in range(1, n + 1)]
    split = ["train", *["heldout_prompt"] * (n - 1)]
    return pd.DataFrame({"prompt_id": ids, "text": [f"{i} {{{{persona}}}} <b>?\n" for i in ids], "prompt_split": split})


def pairs_and_answers(n_personas: int, n_prompts: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    cells = [(f"p{i:04d}", f"q{j:04d}") for i in range(1, n_personas + 1) for j in range(1, n_prompts + 1)]
    pairs = pd.DataFrame(cells, columns=["persona_id", "prompt_id"])
    pairs["pair_id"] = pairs.persona_id + "." + pairs.prompt_id
    pairs = pairs.assign(
        chosen_answer_id="revision." + pairs.pair_id, rejected_answer_id="baseline." + pairs.prompt_id, status="ok"
    )
    ids = sorted({*pairs.chosen_answer_id, *pairs.rejected_answer_id})
    answers = pd.DataFrame({"answer_id": ids, "text": [f"text {{x}} of {i}" for i in ids]})
    return pairs, answers.assign(status="ok", request_hash="of answer")


def by_content(row) -> str:
    """Prefers the revision, or the divergent answer, wherever it stands."""
    return "A" if any(kind in row.slots["answer_a"] for kind in ("revision", "divergent")) else "B"


class Fake:
    """A judge that follows `rule`; other templates answer with their name."""

    roles = {"judge": "j", "answerer": "a", "panel": ["m1", "m2"], "raters": "people"}
    simulated, by_batch = True, False

    def __init__(self, rule=by_content, status=lambda row: "ok") -> None:
        self.rule, self.status, self.asked, self.rows = rule, status, [], []

    def __call__(self, requests: pd.DataFrame) -> pd.DataFrame:
        rows = []
        for row in requests.itertuples():
            key = json.dumps([row.endpoint, row.template, row.slots, int(row.sample)], sort_keys=True)
            self.asked.append(key)
            self.rows.append(row)
            status = self.status(row)
            data = {"choice": self.rule(row)} if row.template.startswith("judge") and status == "ok" else None
            kind = "divergent" if row.template == "answer_divergent" else "baseline"
            text = "" if status != "ok" else json.dumps(data) if data else f"{kind} {row.slots['prompt']}"
            rows.append(
                {"text": text, "data": data, "status": status, "detail": "",
                 "request_hash": hashlib.sha256(key.encode()).hexdigest(), "tokens_in": 1, "tokens_out": 1}
            )  # fmt: skip
        return pd.DataFrame(rows, index=requests.index)


def validated(ask: Fake) -> pd.DataFrame:
    pairs, answers = pairs_and_answers(4, 3)
    plan = plan_validation(pairs, personas(4), n_pairs=10, judge="j", seed=1)
    return check(judging.judge(plan, personas(4), prompts(3), answers, ask=ask), "judgements")


def test_validation_asks_every_pair_six_times():
    ask = Fake()
    table = validated(ask)
    assert len(table) == 10 * 3 * 2 and table.item_id.nunique() == 10
    shown = table.groupby("item_id").persona_shown_id.agg(lambda ids: tuple(sorted(set(ids))))
    for item_id, ids in shown.items():
        own = item_id.split(".")[0]
        assert len(ids) == 3 and ids[0] == "" and own in ids
    assert (table.groupby(["item_id", "persona_shown_id"]).swapped.nunique() == 2).all()
    assert sum(row.template == "judge_no_persona" for row in ask.rows) == 20


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


def test_pairs_that_failed_are_not_judged_and_too_few_say_so():
    pairs, _ = pairs_and_answers(4, 3)
    pairs.loc[pairs.persona_id == "p0001", "status"] = "refused"
    plan = plan_validation(pairs, personas(4), n_pairs=9, judge="j", seed=1)
    assert not plan.item_id.str.startswith("p0001").any()
    with pytest.raises(SchemaError, match="9 pairs are ok, but validation.n_pairs = 10: lower it"):
        plan_validation(pairs, personas(4), n_pairs=10, judge="j", seed=1)
    with pytest.raises(SchemaError, match="at least two personas"):
        plan_validation(pairs, personas(1), n_pairs=2, judge="j", seed=1)


def test_the_other_persona_is_any_but_the_own_one():
    pairs, _ = pairs_and_answers(5, 40)
    plan = plan_validation(pairs, personas(5), n_pairs=200, judge="j", seed=1)
    other = plan[(plan.persona_shown_id != "") & (plan.persona_shown_id != plan.item_id.str[:5])]
    assert len(other) == 400
    table = pd.crosstab(other.item_id.str[:5], other.persona_shown_id)
    assert (table.to_numpy().diagonal() == 0).all() and (table.to_numpy() > 0).sum() == 20


def pooled(ask: Fake, n_personas: int = 5):
    items, answers = create_pool(prompts(9), n_items=4, seed=1, ask=ask)
    plan = plan_pool(items, personas(n_personas), panel=["m1", "m2"], raters="people", **SIZES, seed=1)
    judged = judging.judge(plan, personas(n_personas), prompts(9), answers, ask=ask)
    return check(items, "pool_items"), check(answers, "pool_answers"), check(judged, "pool_judgements")


def test_pool_counts_by_hand():
    ask = Fake()
    items, answers, judged = pooled(ask)
    assert len(items) == 4 and "q0001" not in set(items.prompt_id), "only held-out prompts"
    assert answers.kind.value_counts().to_dict() == {"baseline": 4, "divergent": 4}
    assert judged.rater_id.value_counts().to_dict() == {"m1": 5 * 4, "m2": 3 * 4, "people.1": 3 * 2, "people.2": 3 * 2}
    assert len(ask.asked) == len(set(ask.asked)) == 8 + 20 + 12 + 12
    samples = {(row.endpoint, row.sample) for row in ask.rows if row.template == "judge"}
    assert samples == {("m1", 0), ("m2", 0), ("people", 0), ("people", 1)}


def test_order_is_the_same_for_all_raters_and_balanced_within_a_persona():
    _, _, judged = pooled(Fake())
    assert (judged.groupby(["item_id", "persona_shown_id"]).swapped.nunique() == 1).all()
    assert (judged[judged.rater_id == "m1"].groupby("persona_shown_id").swapped.sum() == 2).all()
    assert judged.chosen_answer_id.str.startswith("divergent").all()


def test_raters_share_their_items():
    _, _, judged = pooled(Fake())
    raters = judged[judged.rater_id.str.startswith("people")]
    assert raters.item_id.nunique() == 2 and raters.persona_shown_id.nunique() == 3


def test_an_item_whose_answer_failed_stays_with_its_status():
    lost = []

    def status(row):
        if row.template == "answer" and not lost:
            lost.append(row.slots["prompt"])
        return "refused" if row.template == "answer" and row.slots["prompt"] == lost[0] else "ok"

    ask = Fake(status=status)
    items, answers, judged = pooled(ask)
    prompt_id = lost[0].split()[0]
    assert len(items) == 4 and set(answers.status[answers.prompt_id == prompt_id]) == {"refused"}
    hit = judged.item_id == f"item.{prompt_id}"
    assert set(judged.status[hit]) == {"refused"} and set(judged.status[~hit]) == {"ok"}
    assert not any(row.slots["prompt"] == lost[0] for row in ask.rows if row.template != "answer")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_panel_personas": 6}, "n_panel_personas = 6, but there are only 5"),
        ({"n_panel_items": 5}, "n_panel_items = 5, but there are only 4"),
        ({"panel": ["m1", "m1"]}, "names a model twice"),
    ],
)
def test_a_pool_that_cannot_be_says_so(change, message):
    items = plan_items(prompts(9), n_items=4, seed=1)
    sizes = {"panel": ["m1"], "raters": "people", **SIZES} | change
    with pytest.raises(SchemaError, match=message):
        plan_pool(items, personas(5), **sizes, seed=1)
    with pytest.raises(SchemaError, match="8 held-out prompts, but pool.n_items = 9"):
        plan_items(prompts(9), n_items=9, seed=1)


def ablated(ask: Fake, people: pd.DataFrame | None = None) -> tuple[pd.DataFrame, pd.DataFrame]:
    people = personas(4) if people is None else people
    items, answers = create_pool(prompts(9), n_items=4, seed=1, ask=ask)
    ask.asked.clear()
    ask.rows.clear()
    sizes = {"n_personas": 2, "n_questions": 3, "n_shown": 3}
    plan = ablation.plan_ablation(items, people, **sizes, judge="j", seed=1)
    judged = ablation.judge_ablation(plan, prompts(9), answers, ask=ask)
    return plan, check(judged, "ablation_judgements")


def test_ablation_counts_by_hand():
    ask = Fake()
    _, judged = ablated(ask)
    assert len(judged) == 34 * 2 * 3 * 3 and set(judged.attribute) == {*NAMES, "placebo"}
    assert judged.item_id.nunique() == 3, "the same questions for every attribute"
    same = judged.groupby(["attribute", "persona_id", "item_id"])[["swapped", "shown_attributes"]].nunique()
    assert (same == 1).all().all()


def test_ablation_of_some_attributes_is_that_part_of_all():
    items, _ = judging.create_pool(prompts(9), n_items=4, seed=1, ask=Fake())
    given = {"n_personas": 2, "n_questions": 3, "n_shown": 3, "judge": "j", "seed": 1}
    whole = ablation.plan_ablation(items, personas(4), **given)
    some = ablation.plan_ablation(items, personas(4), **given, attributes=["sex", "religion"])
    assert set(some.attribute) == {"sex", "religion", "placebo"}
    part = whole[whole.attribute.isin(set(some.attribute))]
    key = ["attribute", "persona_id", "item_id", "arm"]
    assert part.sort_values(key).reset_index(drop=True).equals(some.sort_values(key).reset_index(drop=True))


def test_arms_differ_by_exactly_one_line():
    plan, _ = ablated(Fake())
    label = dict(zip(NAMES, attributes().label, strict=True)) | {"placebo": "Favourite letter"}
    for row in plan[plan.arm == "with"].itertuples():
        others = plan[(plan.attribute == row.attribute) & (plan.persona_id == row.persona_id)]
        without = set(others.persona[others.arm == "without"].iloc[0].split("\n"))
        extra = set(row.persona.split("\n")) - without
        assert len(without) == 3 and len(extra) == 1 and extra.pop().startswith(label[row.attribute] + ": ")
        assert row.attribute not in row.shown_attributes.split("|")
    repeat, first = (plan[plan.arm == arm].reset_index(drop=True) for arm in ("repeat", "without"))
    assert repeat.persona.equals(first.persona) and set(repeat["sample"]) == {1} and set(first["sample"]) == {0}


def test_personas_to_whom_the_attribute_applies_come_first_and_empty_lines_are_not_shown():
    people = personas(4)
    none = {"occupation": "Not applicable", "religion": "Unknown"}  # the words of descriptions
    people["description"] = [description(i, **(none if i < 3 else {})) for i in range(4)]
    plan, _ = ablated(Fake(), people)
    assert "p0004" in set(plan.persona_id[plan.attribute == "occupation"])
    shown = plan[plan.persona_id != "p0004"].shown_attributes.str.split("|").explode()
    assert not set(shown) & set(none)


def test_a_description_without_a_line_stops():
    people = personas(4).assign(description="Age: 3")
    with pytest.raises(SchemaError, match="the description of p0001 has no line for sex"):
        ablated(Fake(), people)


def test_a_line_break_in_a_value_stays_with_its_line():
    text = description(1, personal_time="reads {{x}}\nAge: 99\nmore: or less")
    lines = lines_of(text)
    assert list(lines) == NAMES and lines["age_years"] == "Age: v1"
    assert lines["personal_time"] == "Personal time: reads {{x}}\nAge: 99\nmore: or less"


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
        "validation": {"n_pairs": 10},
        "pool": {"n_items": 4, **SIZES},
        "ablation": {"n_personas": 2, "n_questions": 3, "n_shown": 3},
    }
    collect = {
        "validation": collect_validation,
        "pool": collect_pool,
        "ablation": ablation.collect_ablation,
    }[stage]
    whole, together = shards(collect, tables, settings, of)
    assert sorted(together) == sorted(whole) and len(set(together)) == len(together)


def test_what_the_notebook_asks_is_what_was_collected():
    ask = Fake()
    settings = {"seed": 1, "pool": {"n_items": 4, **SIZES}}
    collect_pool({"personas": personas(5), "prompts": prompts(9)}, settings, shard=0, of=1, ask=ask)
    again = Fake()
    pooled(again)
    assert sorted(ask.asked) == sorted(again.asked)


def test_hostile_texts_pass_unchanged():
    ask = Fake()
    people = personas(4).assign(description=lambda t: t.description + "\n{{answer_a}} </persona> {x}\n")
    items, answers = create_pool(prompts(9), n_items=4, seed=1, ask=ask)
    plan = plan_pool(items, people, panel=["m1"], raters="people", **SIZES, seed=1)
    judging.judge(plan, people, prompts(9), answers, ask=ask)
    assert {row.slots["persona"] for row in ask.rows if row.template == "judge"} == set(people.description)
    assert {row.slots["prompt"] for row in ask.rows} <= set(prompts(9).text)


def test_what_is_not_in_the_tables_is_named():
    pairs, answers = pairs_and_answers(4, 3)
    plan = plan_validation(pairs, personas(4), n_pairs=4, judge="j", seed=1)
    with pytest.raises(SchemaError, match="no answer 'baseline"):
        judging.judge(plan, personas(4), prompts(3), answers[answers.answer_id.str.startswith("rev")], ask=Fake())
    with pytest.raises(SchemaError, match="no persona_shown_id 'p000"):
        judging.judge(plan, personas(0), prompts(3), answers, ask=Fake())
