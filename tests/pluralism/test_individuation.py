"""Individuation. Oracles: scikit-learn's naive Bayes, a hand count, identities, and worlds of known steering."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from simulated import PROMPTS
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.naive_bayes import MultinomialNB

from persona_lib.pluralism import individuation
from persona_lib.simulator import truth_of_texts
from persona_lib.simulator.runs import write
from persona_lib.simulator.world import load

READER = "Age: 43\nReligion: Catholic\nIdeology: Very liberal"  # nothing that a simulated answer would name


def written(attention: float, prompt: str, n: int = 16) -> tuple[list[str], list[str]]:
    """Answers of a model that lets so much of the reader into its writing, and answers for nobody."""
    who = load().models["sim-large"]
    who, rng = replace(who, attention={**who.attention, "description": attention}), np.random.default_rng(len(prompt))
    own = write("answer_output_only", who, rng, persona=[READER] * n, prompt=[prompt] * n)
    return own, write("answer", who, rng, prompt=[prompt] * n)


def table(by_item: dict[str, tuple[list[str], list[str]]]) -> pd.DataFrame:
    """Attempts in the modes output_only and baseline; each item's persona and prompt bear its name."""
    rows = [
        {"item_id": item, "persona_id": f"p{item}", "prompt_id": f"q{item}", "mode": mode, "attempt": i, "answer": text}
        for item, sides in by_item.items()
        for mode, texts in zip(("output_only", "baseline"), sides, strict=True)
        for i, text in enumerate(texts)
    ]
    found = pd.DataFrame(rows).assign(
        model="m", examination=0, status="ok", passed=pd.array([True] * len(rows), dtype="boolean")
    )
    return found.assign(critic_persona_id=found["persona_id"])


def test_each_two_answers_are_told_as_scikit_learns_naive_bayes_tells_them():
    own, default = written(0.5, PROMPTS[0], n=5)
    counts = CountVectorizer().fit_transform([*own, *default]).toarray()
    kinds, hits = np.repeat([1, 0], 5), []
    for i in range(5):
        for j in range(5, 10):
            rest = np.delete(np.arange(10), [i, j])
            fitted = MultinomialNB(alpha=1.0).fit(counts[rest], kinds[rest])
            odds = np.diff(fitted.predict_log_proba(counts[[i, j]]), axis=1).ravel()
            hits.append(0.5 if np.isclose(*odds) else float(odds[0] > odds[1]))
    assert individuation.told_apart(own, default) == pytest.approx(np.mean(hits))


def test_a_hand_count_and_what_exchanging_the_kinds_changes():
    """Three words, one added to each count; what is left beside the two that meet decides.

    apple apple against bread: cherry gives (1, 1, 2) / 4, apple (2, 1, 1) / 4, so apple apple speaks for nobody: 0.
    apple apple against apple: (1, 1, 2) / 4 and (1, 2, 1) / 4 are at one about apple: 1/2. cherry against bread:
    (3, 1, 1) / 5 and (2, 1, 1) / 4 do not part these two: 1/2. cherry against apple: apple speaks for the persona: 0.
    """
    own, default = ["apple apple", "cherry"], ["bread", "apple"]
    assert individuation.told_apart(own, default) == (0 + 0.5 + 0.5 + 0) / 4
    assert individuation.told_apart(default, own) == 1 / 4, "who is called the default does not matter"


def test_a_model_that_ignores_its_persona_is_at_chance_and_one_that_only_follows_it_is_told():
    by_attention = {
        share: [individuation.told_apart(*written(share, prompt)) for prompt in PROMPTS[:15]] for share in (0, 0.4, 4)
    }
    none, some, all_of_it = (np.array(values) for values in by_attention.values())
    error = none.std(ddof=1) / np.sqrt(len(none))
    assert abs(none.mean() - 0.5) < 3 * error, "the 99 % bound of a t with 14 degrees of freedom"
    assert all_of_it.mean() > 0.95
    assert none.mean() < some.mean() < all_of_it.mean()


def test_the_truth_of_a_world_is_the_mean_of_its_items():
    """The world's own count, pair by pair, and that of the library, over all meetings, have one expectation."""
    texts = [written(0.4, prompt) for prompt in PROMPTS[:12]]
    by_library = np.array([individuation.told_apart(*sides) for sides in texts])
    truth = truth_of_texts.individuated(*(sum(side, []) for side in zip(*texts, strict=True)), 16)
    assert truth == pytest.approx(by_library.mean(), abs=3 * 0.5 / np.sqrt(16 * len(texts)))


def test_missing_answers_are_left_out_and_an_item_without_enough_is_counted():
    sides = {str(i): written(0.4, PROMPTS[i], n=4) for i in range(6)}
    whole = individuation.individuation_statistics(table(sides)).iloc[0]
    assert (whole["n"], whole["n_excluded"]) == (6, 0)
    assert whole["estimate"] == pytest.approx(np.mean([individuation.told_apart(*both) for both in sides.values()]))
    assert whole["low"] < whole["estimate"] < whole["high"]
    sides["0"] = (sides["0"][0], ["", "", "", sides["0"][1][3]])
    less = individuation.individuation_statistics(table(sides)).iloc[0]
    assert (less["n"], less["n_excluded"]) == (5, 1)
    nothing = individuation.individuation_statistics(table({"0": sides["0"]})).iloc[0]
    assert np.isnan(nothing["estimate"]) and nothing["n_excluded"] == 1
    assert np.isnan(individuation.told_apart(["?", "!"], ["?", "-"])), "no answer holds a word"


def test_the_interval_is_that_of_items_when_nobody_and_nothing_recurs():
    """Then leaving out a persona is leaving out an item: the jackknife's error is the usual one of a mean."""
    sides = {str(i): written(0.4, PROMPTS[i], n=4) for i in range(8)}
    found = individuation.individuation_statistics(table(sides)).iloc[0]
    values = np.array([individuation.told_apart(*both) for both in sides.values()])
    mean, error = values.mean(), values.std(ddof=1) / np.sqrt(8)
    reach = stats.t.ppf(0.975, 7) * error / (mean * (1 - mean))
    ends = [1 / (1 + np.exp(-np.log(mean / (1 - mean)) - side * reach)) for side in (-1, 1)]
    assert [found["low"], found["high"]] == pytest.approx(ends)
