"""What gives way in a revision, and what a critique cites. Oracles: mentions counted by hand, one text for all."""

from __future__ import annotations

import numpy as np
import pytest
from simulated import PROMPTS, description

from persona_lib.simulator.revising import Draft
from persona_lib.simulator.sentences import load_bank
from persona_lib.simulator.topics import topic_phrase
from persona_lib.simulator.world import load
from persona_lib.simulator.writing import objecting, scored


@pytest.mark.parametrize(("i", "n_beside"), [(0, 2), (1, 2), (2, 1), (3, 1)])
def test_the_topic_is_named_as_often_as_the_sentences_beside_the_replaced_one_name_it(monkeypatch, i, n_beside):
    """The last two of four sentences name it."""
    topic, told = topic_phrase(PROMPTS[0]), []
    text = f"Begin here. Go on. Think of {topic}. And of {topic} again."
    draft = Draft(PROMPTS[0], text, "SUGGESTIONS:\nBe much bolder: act.", load().models["sim-large"], b"any")
    monkeypatch.setattr(type(load_bank()), "word", lambda *_, n_named: told.append(n_named) or "Yes.")
    draft._better(i, spare=0, towards=False)
    assert told == [n_beside]


def test_the_line_that_objects_to_one_text_changes_with_the_question():
    who, vector = load().models["sim-large"], load_bank().vectors[0]
    for number in range(5):
        cited = {objecting(description(number), prompt, vector, who) for prompt in PROMPTS}
        assert len(cited) > 2 and all(line in description(number).split("\n") for line in cited)


def test_a_revision_takes_no_sentence_that_is_not_open_to_its_question_and_none_twice():
    who, bank = load().models["sim-large"], load_bank()
    for number, prompt in enumerate(PROMPTS):
        digest = bytes([number])
        text = " ".join(bank.word(int(j), "it", digest, n_named=0) for j in bank.members("body")[number : number + 4])
        draft = Draft(prompt, text, "SUGGESTIONS:\nBe much bolder: act.", who, digest)
        draft.replace(at_most=4, spare=40)
        held = [j for j in draft._known if j is not None]
        is_open = np.isfinite(scored(prompt, load().shared, who, digest))
        assert len(held) == len(set(held)) and is_open[held].all(), prompt
