"""Critique and rewriting by rule. Oracles: hand counts of what is asked, and replies whose faults are planted."""

import hashlib
import json

import pandas as pd
import pytest

from persona_lib.stages import refining
from persona_lib.tables.revisions import FAULTS

CRITIQUE = "1. I see.\nEVALUATION:\nToo long.\nSUGGESTIONS:\nCut it.\nDONE"
ANSWER = "one two three four five"
GOOD, LONG, TELLS = "one two", "one two three four five", "as a Baptist"
ROWS = pd.DataFrame(
    {"template": "paper", "description": "Age: 43\nReligion: Baptist", "prompt": ["q1?", "q2?"], "text": ANSWER}
    | {"status": "ok", "request_hash": ["a1", "a2"]},
    index=[7, 3],
)


class Scripted:
    """Replies to critiques and rewritings of a question from a list of its own, in turn; keeps every request."""

    roles = {"critic": "c", "reviser": "r"}
    simulated, by_batch = True, False

    def __init__(self, revisions: dict[str, list], critiques: dict[str, list] | None = None) -> None:
        self.revisions = {key: list(replies) for key, replies in revisions.items()}
        self.critiques, self.asked = critiques or {}, []

    def __call__(self, requests: pd.DataFrame) -> pd.DataFrame:
        rows = []
        for row in requests.itertuples():
            self.asked.append(row)
            prompt = row.slots["prompt"]
            script = self.critiques.get(prompt, [CRITIQUE]) if "critique" in row.template else self.revisions[prompt]
            reply = script.pop(0) if len(script) > 1 else script[0]
            status = reply if reply in ("refused", "failed") else "ok"
            key = json.dumps([row.template, row.slots, int(row.sample)], sort_keys=True)
            rows.append((("" if status != "ok" else reply), None, status, hashlib.sha256(key.encode()).hexdigest()))
        return pd.DataFrame(rows, columns=["text", "data", "status", "request_hash"], index=requests.index)

    def count(self, template: str) -> int:
        return sum(row.template == template for row in self.asked)


def refined(ask: Scripted, max_retries: int = 2):
    return refining.refine(ROWS, max_retries=max_retries, ask=ask)


def test_a_revision_that_keeps_the_rules_is_asked_once():
    ask = Scripted({"q1?": [GOOD], "q2?": [GOOD]})
    critique, tries = refined(ask)
    assert critique.text.tolist() == [CRITIQUE] * 2 and critique.index.tolist() == [7, 3]
    assert tries.n_tries.tolist() == [1, 1] and tries.stands.all() and set(tries.fault) == {""}
    assert len(ask.asked) == 4


def test_a_fault_is_told_and_the_revision_asked_again_until_it_is_gone():
    ask = Scripted({"q1?": [LONG, TELLS, GOOD], "q2?": [GOOD]})
    _, tries = refined(ask)
    first = tries[tries.row == 7]
    assert first.text.tolist() == [LONG, TELLS, GOOD] and first.stands.tolist() == [False, False, True]
    assert first.fault.tolist() == ["not shorter", "names an attribute", ""] and set(first.n_tries) == {3}
    again = [row for row in ask.asked if row.template == "revise_again"]
    assert [row.slots["revision"] for row in again] == [LONG, TELLS] and [row.sample for row in again] == [1, 2]
    assert [row.slots["fault"] for row in again] == [FAULTS["not shorter"], FAULTS["names an attribute"]]
    assert not any("Baptist" in row.slots["fault"] for row in again), "the reviser never sees the persona"


@pytest.mark.parametrize("max_retries", [0, 1, 3])
def test_retries_are_bounded_and_the_last_try_stands_with_its_fault(max_retries):
    ask = Scripted({"q1?": [LONG], "q2?": [GOOD]})
    _, tries = refined(ask, max_retries)
    assert ask.count("revise_again") == max_retries
    last = tries[(tries.row == 7) & tries.stands].iloc[0]
    assert (last.number, last.fault, last.n_tries) == (max_retries, "not shorter", 1 + max_retries)


def test_a_further_try_that_fails_leaves_the_one_before_it():
    ask = Scripted({"q1?": [LONG, "refused"], "q2?": [GOOD]})
    _, tries = refined(ask)
    first = tries[tries.row == 7]
    assert first.status.tolist() == ["ok", "refused"] and first.stands.tolist() == [True, False]
    assert ask.count("revise_again") == 1, "a refusal is not asked again"


@pytest.mark.parametrize(
    "text",
    ["All fine.", "EVALUATION: ok\nDONE", "SUGGESTIONS: x\nDONE", "SUGGESTIONS: x\nEVALUATION: y\nDONE",
     CRITIQUE.removesuffix("\nDONE"), f"{CRITIQUE}\nand then some"],
)  # fmt: skip
def test_a_critique_without_its_three_parts_at_the_end_is_asked_again_and_then_unparsed(text):
    ask = Scripted({"q1?": [GOOD], "q2?": [GOOD]}, {"q1?": [text]})
    critique, tries = refined(ask)
    assert critique.status.to_dict() == {7: "unparsed", 3: "ok"} and critique.text[7] == ""
    assert ask.count("critique_paper") == 4 and ask.count("revise") == 1
    lost = tries[tries.row == 7]
    assert lost[["status", "n_tries", "stands"]].values.tolist() == [["unparsed", 0, True]]
    again = Scripted({"q1?": [GOOD], "q2?": [GOOD]}, {"q1?": [text, CRITIQUE]})
    assert set(refined(again)[0].status) == {"ok"} and again.count("critique_paper") == 3


@pytest.mark.parametrize("mark", ["DONE", "**DONE**", "DONE.\n", "# DONE"])
def test_marks_around_the_parts_do_not_matter(mark):
    text = f"**EVALUATION**\nno\n- SUGGESTIONS:\nless\n{mark}"
    critique, _ = refined(Scripted({"q1?": [GOOD], "q2?": [GOOD]}, {"q1?": [text]}))
    assert set(critique.status) == {"ok"}


def test_ids_tell_what_stands_from_what_was_withdrawn():
    _, tries = refined(Scripted({"q1?": [LONG, GOOD], "q2?": ["refused"]}))
    named = refining.with_ids(tries.assign(key=tries.row.map({7: "p.q1", 3: "p.q2"})), key="key")
    assert named.set_index("answer_id").kind.to_dict() == {
        "withdrawn.p.q1.0": "withdrawn", "revision.p.q1": "revision", "revision.p.q2": "revision",
    }  # fmt: skip
