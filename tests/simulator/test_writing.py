"""What a sentence that gives way is replaced by. Oracle: mentions of the topic, counted by hand."""

from __future__ import annotations

import pytest
from simulated import PROMPTS

from persona_lib.simulator.revising import Draft
from persona_lib.simulator.sentences import load_bank
from persona_lib.simulator.topics import topic_phrase
from persona_lib.simulator.world import load


@pytest.mark.parametrize(("i", "n_beside"), [(0, 2), (1, 2), (2, 1), (3, 1)])
def test_the_topic_is_named_as_often_as_the_sentences_beside_the_replaced_one_name_it(monkeypatch, i, n_beside):
    """The last two of four sentences name it."""
    topic, told = topic_phrase(PROMPTS[0]), []
    text = f"Begin here. Go on. Think of {topic}. And of {topic} again."
    draft = Draft(PROMPTS[0], text, "SUGGESTIONS:\nBe much bolder: act.", load().models["sim-large"], b"any")
    monkeypatch.setattr(type(load_bank()), "word", lambda *_, n_named: told.append(n_named) or "Yes.")
    draft._better(i, spare=0, towards=False)
    assert told == [n_beside]
