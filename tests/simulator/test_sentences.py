"""The bank of sentences: what stands in it, what its texts are worth, and that answers do not read alike."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
from simulated import description

from persona_lib.simulator import respondents, writing
from persona_lib.simulator.sentences import load_bank, phrases, split
from persona_lib.simulator.topics import topic_phrase
from persona_lib.simulator.world import load

REPO = Path(__file__).resolve().parents[2]


def test_bank_names_no_group_and_reads_unlike():
    groups = """man men woman women male female boy girl black white asian hispanic latino native christian catholic
        protestant jewish muslim hindu buddhist atheist republican democrat liberal conservative immigrant foreigner gay
        lesbian straight disabled veteran elderly young rich poor christians muslims jews americans"""
    bank = load_bank()
    said = [wording for wordings in bank.wordings for wording in wordings]
    assert len(bank.wordings) >= 300 and len(set(said)) == len(said) >= 1200
    lists = [words for subject in bank.subjects.values() for name, words in subject.items() if name != "words"]
    named = [word for words in lists for word in words]
    assert not {word for s in [*said, *named] for word in re.findall(r"[a-z]+", s.lower())} & set(groups.split())
    assert all(re.fullmatch(r"[A-Z][^.!?\"“”\[\]|]+\.", s) for s in said)
    assert not [word for word in named if re.search(r"[.!?\"“”{}|]", word)]


def test_text_to_vector_and_back():
    """Every sentence is found with any topic in its slot; an answer is the mean of its sentences; others are small."""
    bank, rng = load_bank(), np.random.default_rng(0)
    for j, wordings in enumerate(bank.wordings):
        for wording in wordings:
            words = bank.subjects[list(bank.subjects)[rng.integers(len(bank.subjects))]]
            for topic, n in (
                ("the question whether cats should vote", 0),
                ("war and peace, if not now", 1),
                ("tea", 2),
            ):
                filled = re.sub(r"\{(\w+)\}", lambda m: topic if m[1] == "topic" else words[m[1]][n], wording)  # noqa: B023
                assert bank.find(filled) == j, filled
    chosen = bank.compose(rng.normal(size=len(bank.wordings)), 6)
    vector, n_words = bank.vector(bank.fill(chosen, "rent control", "economy", b"some request"))
    assert np.allclose(vector, bank.vectors[chosen].mean(axis=0)) and n_words > 40
    strange, _ = bank.vector("Colourless green ideas sleep furiously.")
    assert 0 < np.abs(strange).max() < 0.6 and np.array_equal(bank.vector("")[0], np.zeros(10))


def test_no_text_of_the_bank_beats_the_best_that_the_critic_compares_with():
    bank, rng = load_bank(), np.random.default_rng(5)
    position = respondents.stand(description(3), load().models["sim-judge"])
    best = bank.best(position, 6)
    for _ in range(300):
        chosen = bank.compose(rng.normal(size=len(bank.wordings)), 6)
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
        assert topic_phrase(prompt) in text
        numbers.append({bank.find(sentence) for sentence in split(text)})
        masked.append(text.replace(topic_phrase(prompt), "@"))
    assert None not in set.union(*numbers)
    assert max(Counter(s for text in masked for s in set(split(text))).values()) <= 20
    assert max(Counter(j for found in numbers for j in found).values()) <= 150
    words = [re.findall(r"[\w@'-]+", text.lower()) for text in masked]
    for n, bar in ((4, 0.03), (1, 0.20)):
        runs = [set(zip(*[w[i:] for i in range(n)], strict=False)) for w in words]
        pairs = np.random.default_rng(0).choice(1000, size=(3000, 2))
        assert np.mean([len(runs[a] & runs[b]) / len(runs[a] | runs[b]) for a, b in pairs if a != b]) < bar
