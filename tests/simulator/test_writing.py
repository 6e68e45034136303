"""What a sentence that gives way is replaced by. Oracle: mentions of the topic, counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
from simulated import PROMPTS

from persona_lib.simulator import writing
from persona_lib.simulator.sentences import TOPIC, load_bank
from persona_lib.simulator.topics import topic_phrase


@pytest.mark.parametrize(("i", "n_beside"), [(0, 2), (1, 2), (2, 1), (3, 1)])
def test_the_topic_is_named_as_often_as_the_sentences_beside_the_replaced_one_name_it(monkeypatch, i, n_beside):
    """The last two of four sentences name it."""
    topic, bank, told = topic_phrase(PROMPTS[0]), load_bank(), []
    sentences = ["Begin here.", "Go on.", f"Think of {topic}.", f"And of {topic} again."]
    monkeypatch.setattr(type(bank), "word", lambda *given: told.append(given[-1][TOPIC]) or "Yes.")
    aim = np.ones(bank.vectors.shape[1])
    writing._better(sentences, i, None, aim, np.zeros(len(bank.vectors)), PROMPTS[0], b"any", spare=0)
    assert told == [n_beside]
