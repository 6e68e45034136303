"""What models say of candidates: fields that they write, verdicts that they give. Oracles: hand-made people."""

import pandas as pd
import pytest
from small_personas import Asked, candidates, census, draws, inputs, run

from persona_lib.stages.personas import check_consistency, collect_personas, write_fields
from persona_lib.tables import descriptions, streams


def test_only_draws_that_pass_the_rules_are_asked():
    mine = candidates()
    assert 0 < (mine["rule_id"] != "").sum() < len(mine)
    ask = Asked()
    check_consistency(write_fields(mine, ask=ask), ask=ask)
    passed = mine.index[mine["rule_id"] == ""]
    assert [r.index.tolist() for r in ask.seen] == [passed.tolist()] * 2
    assert ask.seen[0]["endpoint"].unique().tolist() == ["large"]
    assert ask.seen[1]["endpoint"].unique().tolist() == ["medium"]


@pytest.mark.parametrize(
    ("template", "reply", "reason"),
    [
        ("write_traits", {"status": "failed", "detail": "timeout"}, "writer failed: timeout"),
        ("write_traits", {"status": "refused", "detail": "no"}, "writer refused: no"),
        ("write_traits", {"data": {"personal_time": " \n "}}, "writer unparsed: no personal_time in the reply"),
        ("write_traits", {"data": {"personal_time": 7}}, "writer unparsed: no personal_time in the reply"),
        ("check_consistency", {"status": "unparsed", "detail": "not JSON"}, "filter unparsed: not JSON"),
        ("check_consistency", {"data": {"is_consistent": "yes"}}, "filter unparsed: no is_consistent in the reply"),
    ],
)
def test_a_reply_that_is_no_answer_is_a_status(template, reply, reason):
    def answer(asked, text):
        return reply if asked == template and "\nSex: Male" in text else {}

    made, table, _ = run(answer=answer, n=8, n_train=4)
    assert (made["sex"] == "Female").all()
    lost = table[table["rule_id"] == "no_verdict"]
    passed = candidates().query("rule_id == ''")
    assert len(lost) == (passed["sex"] == "Male").sum() and not lost["is_consistent"].any()
    assert set(lost["reason"]) == {reason} and set(lost["stage"]) == {"model"}


def test_a_rejection_keeps_the_models_reason():
    def answer(template, text):
        said = {"is_consistent": False, "reason": "Two lines\nclash."}
        return {"data": said} if template == "check_consistency" and "\nSex: Male" in text else {}

    made, table, _ = run(answer=answer, n=8, n_train=4)
    rejected = table[table["rule_id"] == "model"]
    assert (made["sex"] == "Female").all() and set(rejected["reason"]) == {"Two lines clash."}
    assert set(rejected["stage"]) == {"model"} and not rejected["is_consistent"].any()


def test_shards_ask_what_the_notebook_replays():
    given = inputs()
    tables = {"draws": draws(), "census": census(), "chain": given.chain, "norms": given.norms, **given.lists}
    whole, parts = Asked(), Asked()
    ran = write_fields(candidates(), ask=whole)
    check_consistency(ran, ask=whole)
    settings = {"seed": 1, "personas": {"big_five": "correlated"}}
    for shard in range(3):
        collect_personas(tables, settings, shard=shard, of=3, ask=parts)

    def texts(ask):
        return sorted((t, s["persona"]) for r in ask.seen for t, s in zip(r["template"], r["slots"], strict=True))

    assert texts(whole) == texts(parts)
    assert {streams.shard_of(str(k), 3) for k in range(40)} == {0, 1, 2}


def test_the_writer_reads_the_pastimes_and_its_words_touch_no_other_field():
    ask = Asked(lambda template, text: {"data": {"personal_time": "Is a man.", "sex": "Male"}})
    before = candidates()
    after = write_fields(before, ask=ask)
    pd.testing.assert_frame_equal(after[before.columns], before)
    passed = before[before["rule_id"] == ""]
    last = [slots["persona"].split("\n")[-1] for slots in ask.seen[0]["slots"]]
    assert last == ("Pastimes: " + passed["pastimes"]).tolist()
    assert set(after.loc[passed.index, "personal_time"]) == {"Is a man."}
    assert not descriptions.describe(after).str.contains("Pastimes").any()
