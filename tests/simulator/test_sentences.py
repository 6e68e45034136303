"""The bank of sentences: what stands in it, what its texts are worth, and that answers do not read alike."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from simulated import description

from persona_lib.simulator import respondents, writing
from persona_lib.simulator.sentences import Bank, load_bank, phrases, split
from persona_lib.simulator.world import load

REPO = Path(__file__).resolve().parents[2]


def test_general_sentences_name_no_group_and_read_unlike():
    groups = """man men woman women male female boy girl black white asian hispanic latino native christian catholic
        protestant jewish muslim hindu buddhist atheist republican democrat liberal conservative immigrant foreigner gay
        lesbian straight disabled veteran elderly young rich poor christians muslims jews americans"""
    bank = load_bank()
    said = [wording for j in bank.rows for wording in bank.wordings[j]]
    assert len(bank.rows) >= 250 and len(set(said)) == len(said) >= 900
    assert not {word for s in said for word in re.findall(r"[a-z]+", s.lower())} & set(groups.split())
    assert all(re.fullmatch(r"[A-Z][^.!?\"“”\[\]|]+\.", s) for s in said)


def test_text_to_vector_and_back():
    """Every sentence is found with any topic in its slot; an answer is the mean of its sentences; others are small."""
    bank, rng = load_bank(), np.random.default_rng(0)
    for j, wordings in enumerate(bank.wordings):
        for wording in wordings:
            for topic in ("the question whether cats should vote", "war and peace, if not now", "tea"):
                assert bank.find(wording.replace("{topic}", topic)) == j, wording
    scores = np.full(len(bank.wordings), -np.inf)
    scores[bank.rows] = rng.normal(size=len(bank.rows))
    chosen = bank.compose(scores, 6)
    vector, n_words = bank.vector(bank.fill(chosen, "rent control", b"some request"))
    assert np.allclose(vector, bank.vectors[chosen].mean(axis=0)) and n_words > 40
    strange, _ = bank.vector("Colorless green ideas sleep furiously.")
    assert 0 < np.abs(strange).max() < 0.6 and np.array_equal(bank.vector("")[0], np.zeros(10))


def test_a_bank_that_cannot_be_read_back_is_refused():
    said = {"opening": [], "body": [], "closing": []}
    for say, message in (
        ("Go to {where}.", "must not hold {where}"),
        ("{topic} it is.", "begin with a word of its own"),
    ):
        with pytest.raises(ValueError, match=re.escape(message)):
            Bank({**said, "body": [{"say": say}]}, load())
    with pytest.raises(ValueError, match="there is no loud"):
        Bank({**said, "body": [{"loud": 1, "say": "Shout."}]}, load())


def test_no_text_of_the_bank_beats_the_best_that_the_critic_compares_with():
    bank, rng = load_bank(), np.random.default_rng(5)
    position = respondents.stand(description(3), load().models["sim-judge"])
    best = bank.best(position, 6)
    for _ in range(300):
        scores = np.full(len(bank.wordings), -np.inf)
        scores[bank.rows] = rng.normal(size=len(bank.rows))
        chosen = bank.compose(scores, 6)
        assert load().utility(position, bank.vectors[chosen].mean(axis=0), 150) <= best


def test_a_thousand_answers_to_different_prompts_do_not_read_alike():
    """The topic masked: no sentence stands in more than 2 % of them, no sentence of the bank in any wording in more
    than 15 %; two answers share on average less than 3 % of their runs of four words and 20 % of their words.
    """
    bank, who = load_bank(), load().models["sim-large"]
    prompts = list(dict.fromkeys(pd.read_csv(REPO / "data/prompts/bank.csv").text))
    asked = ("Should we worry about {}?", "What do you think about {} in schools?")
    prompts += [a.format(word) for a in asked for words in phrases()["topic_words"].values() for word in words]
    prompts = list(dict.fromkeys(prompts))[:1000]
    assert len(prompts) == 1000
    masked, numbers = [], []
    for prompt in prompts:
        text = writing.answer(prompt, writing.representative(), who, hashlib.sha256(prompt.encode()).digest())
        topic = writing.topic_of(prompt)
        assert bank.issue(prompt) or topic in text
        numbers.append({bank.find(sentence) for sentence in split(text)})
        masked.append(text.replace(topic, "@"))
    assert None not in set.union(*numbers)
    assert max(Counter(s for text in masked for s in set(split(text))).values()) <= 20
    assert max(Counter(j for found in numbers for j in found).values()) <= 150
    words = [re.findall(r"[\w@'-]+", text.lower()) for text in masked]
    for n, bar in ((4, 0.03), (1, 0.20)):
        runs = [set(zip(*[w[i:] for i in range(n)], strict=False)) for w in words]
        pairs = np.random.default_rng(0).choice(1000, size=(3000, 2))
        assert np.mean([len(runs[a] & runs[b]) / len(runs[a] | runs[b]) for a, b in pairs if a != b]) < bar
