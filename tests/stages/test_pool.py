"""The pool: oracles are hand counts of plans, and raters whose choice is known beforehand."""

import pytest
from judges import SIZES, Fake, personas, prompts

from persona_lib.messages.endpoint import Endpoint
from persona_lib.stages import judging
from persona_lib.stages.given import give, plan_given
from persona_lib.stages.pool import collect_pool, create_pool, plan_items, plan_pool
from persona_lib.stages.shares import plan_pool_shares, pool_shares
from persona_lib.tables.schema import SchemaError, check


def pooled(ask: Fake, n_personas: int = 5):
    items, answers = create_pool(prompts(9), n_items=4, seed=1, ask=ask)
    plan = plan_pool(items, personas(n_personas), panel=["m1", "m2"], raters="rater", **SIZES, seed=1)
    judged = judging.judge(plan, personas(n_personas), prompts(9), answers, ask=ask)
    return check(items, "pool_items"), check(answers, "pool_answers"), check(judged, "pool_judgements")


def test_pool_counts_by_hand():
    ask = Fake()
    items, answers, judged = pooled(ask)
    assert len(items) == 4 and "q0001" not in set(items.prompt_id), "only held-out prompts"
    assert answers.kind.value_counts().to_dict() == {"baseline": 4, "divergent": 4}
    assert judged.rater_id.value_counts().to_dict() == {
        "m1": 5 * 4 + 4 * 3 * 4, "m2": 3 * 4, "rater.1": 3 * 2, "rater.2": 3 * 2,
    }  # fmt: skip
    more = judged[(judged.lines_shown != "all") | (judged.repeat == 1)]
    assert set(more.rater_id) == {"m1"} and more.persona_shown_id.nunique() == 3
    assert len(ask.asked) == len(set(ask.asked)) == 8 + 20 + 4 * 12 + 12 + 12
    samples = {(row.endpoint, row.sample) for row in ask.rows if row.template == "judge"}
    assert samples == {("m1", 0), ("m1", 1), ("m2", 0), ("rater", 0), ("rater", 1)}


def test_order_is_the_same_for_all_raters_and_balanced_within_a_persona():
    _, _, judged = pooled(Fake())
    assert (judged.groupby(["item_id", "persona_shown_id"]).swapped.nunique() == 1).all()
    first = judged[(judged.rater_id == "m1") & (judged.lines_shown == "all") & (judged.repeat == 0)]
    assert (first.groupby("persona_shown_id").swapped.sum() == 2).all()
    assert judged.chosen_answer_id.str.startswith("divergent").all()


def test_a_part_of_a_description_shows_those_lines_and_nothing_else():
    ask = Fake()
    people = personas(5).assign(core_values="thrift; hope")
    items, answers = create_pool(prompts(9), n_items=4, seed=1, ask=ask)
    plan = plan_pool(items, people, panel=["m1"], raters="rater", **SIZES, seed=1)
    judging.judge(plan, people, prompts(9), answers, ask=ask)
    n_lines = {len(row.slots["persona"].split("\n")) for row in ask.rows if row.template == "judge"}
    assert n_lines == {33, 25, 8, 4}, "all, the census', the others, and four lines of values"
    values = {row.slots["persona"] for row in ask.rows if row.slots.get("persona", "").count("\n") == 3}
    assert all(text.split("\n")[-1] == "Core values: thrift; hope" for text in values) and len(values) == 3
    assert {line.split(":")[0] for text in values for line in text.split("\n")} == {
        "Ideology", "Political views", "Religion", "Core values",
    }  # fmt: skip


def test_each_choice_says_what_kind_of_rater_made_it():
    ask = Fake()
    ask.endpoints = ask.endpoints | {"rater": Endpoint("rater", "m", "https://there/v1")}
    _, _, judged = pooled(ask)
    kinds = {tuple(row) for row in judged[["role", "rater_kind"]].drop_duplicates().to_numpy()}
    assert kinds == {("panel", "simulated"), ("rater", "model")}


def test_raters_share_their_items():
    _, _, judged = pooled(Fake())
    raters = judged[judged.role == "rater"]
    assert set(raters.rater_id) == {"rater.1", "rater.2"}
    assert set(judged.rater_id[judged.role == "panel"]) == {"m1", "m2"}
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
    sizes = {"panel": ["m1"], "raters": "rater", **SIZES} | change
    with pytest.raises(SchemaError, match=message):
        plan_pool(items, personas(5), **sizes, seed=1)
    with pytest.raises(SchemaError, match="8 held-out prompts, but pool.n_items = 9"):
        plan_items(prompts(9), n_items=9, seed=1)


def test_what_the_notebook_asks_is_what_was_collected():
    ask = Fake()
    settings = {"seed": 1, "pool": {"n_items": 4, **SIZES, "n_given_personas": 3, "named_groups": ["race"]}}
    collect_pool({"personas": personas(5), "prompts": prompts(9)}, settings, shard=0, of=1, ask=ask)
    again = Fake()
    items, answers, _ = pooled(again)
    asked = plan_pool_shares(items, personas(5), panel=["m1", "m2"], named_groups=["race"], seed=1)
    pool_shares(asked, prompts(9), answers, ask=again)
    pool = plan_pool(items, personas(5), panel=["m1", "m2"], raters="rater", **SIZES, seed=1)
    give(plan_given(pool, n_personas=3, contestants=["m1", "m2"], seed=1), personas(5), prompts(9), answers, ask=again)
    assert sorted(ask.asked) == sorted(again.asked)
