"""Topics: phrases of prompts that fill a slot, and the classifier."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
from simulated import REPO

from persona_lib.simulator.topics import _doing, classify, topic_phrase


def test_topic_phrases_of_the_shipped_prompts_fill_a_slot():
    for prompt in pd.read_csv(REPO / "data/prompts/bank.csv").text:
        phrase = topic_phrase(prompt)
        assert phrase and len(phrase.split()) <= 18 and not re.search(r"[.?!\"“”{}\n]", phrase), prompt
    assert topic_phrase("Do you believe in God?") == "God"
    assert topic_phrase("How can I tell my boss that I quit?") == "telling your boss that you quit"
    assert topic_phrase("What do you think about taxes?") == "the matter of taxes"
    assert topic_phrase("Is a plum a fruit or a nut?") == "the question whether a plum is a fruit or a nut"
    assert topic_phrase("Can I own both cats and dogs?") == "owning both cats and dogs"
    assert (
        topic_phrase("Is it fair that a carbon tax exists?")
        == "the question whether it is fair that a carbon tax exists"
    )
    assert topic_phrase("Is it rude not to be on time when guests come?") == "not being on time when guests come"
    assert topic_phrase("What's better, cats or dogs?") == "the choice between cats and dogs"
    assert topic_phrase("Which would you rather have, my dog or a cat?") == "the choice between your dog and a cat"
    for unread in ("Which is worse, to lie or to steal?", "What is right?", "???", ""):
        assert topic_phrase(unread) == "this question"


def test_the_classifier_knows_topics_and_controversy():
    """Oracle: our own reading of six prompts; and the declared share of errors, 4 standard errors."""
    topics = ["Climate Change", "Recipe and Cooking Queries", "Discussions on Abortion"]
    read = {
        "Should abortion be legal?": (True, topics[2]),
        "Is a carbon tax fair?": (True, topics[0]),
        "How do I boil rice for dinner?": (False, topics[1]),
        "Is it okay to eat meat?": (True, topics[1]),
        "What is the average temperature in Denver?": (False, None),
        "Can you convert 72 degrees to Celsius?": (False, None),
        "My father wants his vote back, fair?": (True, None),  # his is no greeting
    }
    for prompt, (is_controversial, topic) in read.items():
        found = classify(prompt, topics, error=0.0)
        assert found[0] == is_controversial and topic in (found[1], None), prompt
    wrong = [not classify(f"Is plan {i} fair?", topics, error=0.04)[0] for i in range(4000)]
    assert abs(np.mean(wrong) - 0.04) < 4 * np.sqrt(0.04 * 0.96 / 4000)


def test_a_word_that_ends_like_a_comparison_is_a_verb_only_if_it_is_listed():
    """Oracle: English. To consider is something to do; quickly and taller are not."""
    assert _doing("Consider", "the price of bread", known=False) == "considering the price of bread"
    assert _doing("rely", "the price of bread", known=False) == "relying the price of bread"
    assert [_doing(word, "the price of bread", known=False) for word in ("quickly", "taller", "latest")] == [""] * 3
