"""Feedback: oracles are hand counts of small plans and identities (shards, splits, statuses)."""

import hashlib
import json

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persona_lib.messages import templates
from persona_lib.stages import feedback
from persona_lib.tables.schema import SchemaError, check

CRITIQUE = "1. I see.\n**EVALUATION:**\nToo long.\nSUGGESTIONS:\nCut it.\nDONE"
SIZES = {"n_train_pairs": 3, "n_heldout_pairs": 2, "n_heldout_prompts": 2, "template": "paper"}
RUN = SIZES | {"max_retries": 1}
HOSTILE = "Age: 7 {x} {{prompt}} {{answer}}\n</persona> <answer>\nSUGGESTIONS:"


def personas(n: int) -> pd.DataFrame:
    ids = [f"p{i:04d}" for i in range(1, n + 1)]
    split = ["train" if i < n // 2 else "heldout_persona" for i in range(n)]
    return pd.DataFrame({"persona_id": ids, "persona_split": split, "description": [f"Name: {i}" for i in ids]})


def prompts(n_train: int, n_heldout: int) -> pd.DataFrame:
    split = ["train"] * n_train + ["heldout_prompt"] * n_heldout + ["none"]
    ids = [f"q{i:04d}" for i in range(1, len(split) + 1)]
    return pd.DataFrame({"prompt_id": ids, "text": [f"What about {i}?" for i in ids], "prompt_split": split})


class Fake:
    """Answers with the template's name; `status` decides by request what goes wrong; keeps every request."""

    roles = {"answerer": "a", "critic": "c", "reviser": "r"}
    simulated, by_batch = True, False

    def __init__(self, status=lambda row: "ok", critique: str = CRITIQUE) -> None:
        self.status, self.critique, self.asked = status, critique, []

    def __call__(self, requests: pd.DataFrame) -> pd.DataFrame:
        rows = []
        for row in requests.itertuples():
            key = json.dumps([row.endpoint, row.template, row.slots, int(row.sample)], sort_keys=True)
            self.asked.append(key)
            status = self.status(row)
            said = row.slots["prompt"] if row.template == "answer" else row.slots["prompt"].split()[-1]
            text = self.critique if row.template.startswith("critique") else f"{row.template} of {said}"
            rows.append(
                {"text": text if status == "ok" else "", "data": None, "status": status, "detail": "",
                 "request_hash": hashlib.sha256(key.encode()).hexdigest(), "tokens_in": 1, "tokens_out": 1}
            )  # fmt: skip
        return pd.DataFrame(rows, index=requests.index)

    def slots(self, template: str) -> list[dict]:
        return [asked[2] for asked in map(json.loads, self.asked) if asked[1] == template]


def made(ask: Fake, n_personas: int = 4, **sizes):
    people, questions = personas(n_personas), prompts(8, 3)
    plan = feedback.assign(people, questions, **(SIZES | sizes), seed=1)
    pairs, answers = feedback.create(plan, people, questions, max_retries=1, ask=ask)
    return check(pairs, "pairs"), check(answers, "answers")


def test_counts_by_hand():
    ask = Fake()
    pairs, answers = made(ask)
    assert len(pairs) == 4 * 7
    assert pairs.groupby("persona_id").pair_split.value_counts().unstack().drop_duplicates().values.tolist() == [
        [2, 2, 3]
    ]
    n_prompts = pairs.prompt_id.nunique()
    assert answers.kind.value_counts().to_dict() == {"revision": 28, "baseline": n_prompts}
    assert len(ask.slots("answer")) == n_prompts, "the baseline is asked once per prompt"
    assert len(ask.slots("critique_paper")) == 28 and not ask.slots("critique_neutral")
    assert (pairs.chosen_answer_id == "revision." + pairs.pair_id).all()
    assert (pairs.rejected_answer_id == "baseline." + pairs.prompt_id).all()
    assert answers.n_words.tolist() == [len(text.split()) for text in answers.text]


def test_neutral_template_is_another_request():
    ask = Fake()
    pairs, _ = made(ask, template="neutral")
    assert set(pairs.template) == {"neutral"} and len(ask.slots("critique_neutral")) == 28


def test_the_reviser_never_sees_the_persona_and_the_answerer_sees_only_the_prompt():
    ask = Fake()
    made(ask)
    assert all(set(slots) == {"prompt"} for slots in ask.slots("answer"))
    assert all(set(slots) == {"prompt", "answer", "critique"} for slots in ask.slots("revise"))


@pytest.mark.parametrize("template", ["answer", "critique_paper", "revise"])
@pytest.mark.parametrize("status", ["refused", "failed", "unparsed"])
def test_a_step_that_fails_is_a_status_on_the_pair_never_text(template, status):
    ask = Fake(lambda row: status if row.template == template and "q0002" in row.slots["prompt"] else "ok")
    pairs, answers = made(ask)
    hit = pairs[pairs.prompt_id == "q0002"]
    assert len(hit) and set(hit.status) == {status} and set(hit.chosen_answer_id) == {""}
    assert set(pairs.status[pairs.prompt_id != "q0002"]) == {"ok"}
    assert set(hit.rejected_answer_id) == ({""} if template == "answer" else {"baseline.q0002"})
    assert set(hit.critique) == ({CRITIQUE} if template == "revise" else {""})
    of_prompt = answers[answers.prompt_id == "q0002"]
    assert of_prompt.kind.value_counts().to_dict() == ({"baseline": 1} if template != "revise" else
                                                       {"baseline": 1, "revision": len(hit)})  # fmt: skip
    assert (of_prompt.text[of_prompt.status != "ok"] == "").all()
    hashes = {hashlib.sha256(key.encode()).hexdigest(): json.loads(key)[1] for key in ask.asked}
    assert {hashes[h] for h in hit.request_hash} == {template}, "the hash is of the step that failed"


def test_a_text_beside_a_failure_stops():
    class Lying(Fake):
        def __call__(self, requests):
            return super().__call__(requests).assign(status="failed")

    with pytest.raises(SchemaError, match="is failed, yet has a text"):
        made(Lying())


def test_hostile_texts_pass_unchanged():
    people = personas(2).assign(description=HOSTILE)
    questions = prompts(5, 2).assign(text=lambda t: t.prompt_id + " {{critique}} <b>\n?")
    ask = Fake()
    plan = feedback.assign(people, questions, **SIZES, seed=1)
    feedback.create(plan, people, questions, max_retries=1, ask=ask)
    assert {slots["persona"] for slots in ask.slots("critique_paper")} == {HOSTILE}
    assert {slots["prompt"] for slots in ask.slots("revise")} <= set(questions.text)


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 12), st.integers(1, 4), st.integers(0, 3), st.integers(0, 3), st.integers(0, 50))
def test_nothing_leaks(n_personas, n_train_pairs, n_heldout_pairs, n_heldout_prompts, seed):
    people, questions = personas(n_personas), prompts(9, 4)
    sizes = {"n_train_pairs": n_train_pairs, "n_heldout_pairs": n_heldout_pairs, "n_heldout_prompts": n_heldout_prompts}
    plan = feedback.assign(people, questions, **sizes, template="paper", seed=seed)
    assert len(plan) == n_personas * sum(sizes.values()) and plan.pair_id.is_unique
    assert feedback.leaks(plan, questions).n_violations.sum() == 0
    training = plan[(plan.persona_split == "train") & (plan.pair_split == "train")]
    rest = plan.drop(training.index)
    assert not set(training.pair_id) & set(rest.pair_id)
    assert not set(training.prompt_id) & set(rest.prompt_id[rest.pair_split == "heldout_prompt"])
    assert not set(training.persona_id) & set(rest.persona_id[rest.persona_split == "heldout_persona"])


def test_each_leak_is_seen():
    questions = prompts(8, 3)
    plan = feedback.assign(personas(4), questions, **SIZES, seed=1)
    unseen = plan.index[plan.pair_split == "heldout_prompt"][0]
    seen = plan.loc[plan.pair_split == "train", "prompt_id"].iloc[0]
    leaky = {
        "a prompt of a held-out-prompt pair": plan.assign(prompt_id=plan.prompt_id.mask(plan.index == unseen, seen)),
        "a pair_split disagrees": plan.assign(pair_split=plan.pair_split.mask(plan.index == unseen, "train")),
        "a persona has the same prompt": pd.concat([plan, plan.head(1)]),
        "a persona stands in both": plan.assign(
            persona_split=plan.persona_split.mask(plan.index == 0, "heldout_persona")
        ),
    }
    for statement, table in leaky.items():
        counts = feedback.leaks(table, questions).set_index("statement").n_violations
        assert counts[counts.index.str.startswith(statement)].item() > 0, statement
    same = questions.assign(text=questions.text.mask(questions.prompt_id == "q0009", "what about  Q0001?"))
    assert feedback.leaks(plan, same).n_violations.tolist() == [0, 0, 0, 0, 1]


def test_another_persona_moves_nobody_elses_prompts():
    few = feedback.assign(personas(4), prompts(8, 3), **SIZES, seed=1).drop(columns="persona_split")
    many = feedback.assign(personas(9), prompts(8, 3), **SIZES, seed=1).drop(columns="persona_split")
    pd.testing.assert_frame_equal(few, many[many.persona_id <= "p0004"].reset_index(drop=True))


def test_too_few_prompts_say_what_to_do():
    with pytest.raises(SchemaError, match="needs 5 prompts of split train, there are 4: lower feedback"):
        feedback.assign(personas(4), prompts(4, 3), **SIZES, seed=1)


@pytest.mark.parametrize("of", [3, 12])
def test_shards_ask_what_one_process_asks_and_nothing_twice(of):
    tables = {"personas": personas(6), "prompts": prompts(8, 3)}
    run = {"seed": 1, "feedback": RUN}
    whole, parts = Fake(), [Fake() for _ in range(of)]
    feedback.collect_feedback(tables, run, shard=0, of=1, ask=whole)
    for shard, ask in enumerate(parts):
        feedback.collect_feedback(tables, run, shard=shard, of=of, ask=ask)
    together = [key for ask in parts for key in ask.asked]
    assert sorted(together) == sorted(whole.asked) and len(set(together)) == len(together)


def test_blocks_do_not_change_what_is_asked(monkeypatch):
    tables = {"personas": personas(6), "prompts": prompts(8, 3)}
    large, small = Fake(), Fake()
    feedback.collect_feedback(tables, {"seed": 1, "feedback": RUN}, shard=0, of=1, ask=large)
    monkeypatch.setattr(feedback, "BLOCK", 2)
    feedback.collect_feedback(tables, {"seed": 1, "feedback": RUN}, shard=0, of=1, ask=small)
    assert sorted(large.asked) == sorted(small.asked)


def test_by_batches_all_prompts_of_a_shard_are_one_block(monkeypatch):
    """Each step waits for a batch: three rounds in all, not three a block."""
    monkeypatch.setattr(feedback, "BLOCK", 2)
    tables = {"personas": personas(4), "prompts": prompts(8, 3)}

    class Counting(Fake):
        n_rounds = 0

        def __call__(self, requests):
            self.n_rounds += 1
            return super().__call__(requests)

    by_chat, by_batch = Counting(), Counting()
    by_batch.by_batch = True
    for ask in (by_chat, by_batch):
        feedback.collect_feedback(tables, {"seed": 1, "feedback": RUN}, shard=0, of=1, ask=ask)
    assert by_batch.n_rounds == 3 < by_chat.n_rounds and sorted(by_batch.asked) == sorted(by_chat.asked)


def test_the_two_critique_templates_differ_in_one_line_and_the_reviser_is_bound():
    found = templates.load("data/templates")
    paper, neutral = (found[f"critique_{name}"] for name in ("paper", "neutral"))
    assert paper.user == neutral.user and paper.slots == ("persona", "prompt", "answer")
    lines = [set(template.system.split("\n")) for template in (paper, neutral)]
    assert [len(lines[0] - lines[1]), len(lines[1] - lines[0])] == [1, 1]
    assert (lines[0] - lines[1]).pop().startswith("This person prefers short answers")
    assert found["revise"].slots == ("prompt", "answer", "critique")
    assert found["revise_again"].slots == ("prompt", "answer", "critique", "revision", "fault")


def test_every_template_is_told_apart_by_its_system_text():
    found = templates.load("data/templates").values()
    assert len({template.system for template in found}) == len(found) == 23
    for template in found:
        schema = template.response_schema
        assert schema is None or (schema["additionalProperties"] is False and schema["required"])
