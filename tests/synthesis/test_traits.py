"""Big Five scores and listed traits. Oracles: published numbers by hand, Monte Carlo, chi-square, token overlap."""

import itertools
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS
from small_personas import reference

from persona_lib.synthesis import rules, traits
from persona_lib.tables.schema import SchemaError

REFERENCE = Path(__file__).parents[2] / "data" / "reference"
LISTS = {"quirks": 300, "mannerisms": 300, "lifestyle": 300, "personal_time": 300, "core_values": 100}


def people(n=1, *, age_years=43, sex="Female"):
    return pd.DataFrame({"age_years": [age_years] * n, "sex": [sex] * n})


@pytest.fixture(scope="module")
def norms():
    return reference("big_five_norms")


def test_more_people_at_the_end_move_nobody(norms):
    few, many = people(5), people(9)
    entries = reference("traits_quirks")
    for draw in (
        lambda p: traits.draw_big_five(p, norms, arm="correlated", seed=3),
        lambda p: traits.draw_listed(p, entries, "quirks", n=2, seed=3),
    ):
        pd.testing.assert_frame_equal(draw(few), draw(many).iloc[:5])


# ------------------------------------------------------------------ Big Five


def test_big_five_correlations_and_shifts_are_recovered(norms):
    n = 40_000
    crowd = people(n, age_years=75)
    scores = traits.draw_big_five(crowd, norms, arm="correlated", seed=2)
    found = np.corrcoef(scores[list(traits.BIG_FIVE)].to_numpy().T)
    assert np.abs(found - traits.correlations(norms).to_numpy()).max() < 4.5 / np.sqrt(n)
    expected = {"openness": -0.403 - 0.01, "conscientiousness": -0.117 + 0.055, "neuroticism": 0.225}  # page, by hand
    for trait, mean in expected.items():
        assert scores[trait].mean() == pytest.approx(mean, abs=4.5 / np.sqrt(n))
    assert scores["agreeableness"].std() == pytest.approx(1, abs=0.02)


def test_big_five_words_follow_the_cuts(norms):
    drawn = traits.draw_big_five(people(200), norms, arm="correlated", seed=2)
    for row in drawn.itertuples():
        words = dict(reversed(part.split(" ")) for part in row.big_five.split(", "))
        assert list(words) == list(traits.BIG_FIVE)
        for trait, word in words.items():
            score = getattr(row, trait)
            assert word == ("low" if score < -0.5 else "high" if score >= 0.5 else "average")


def test_uniform_arm_gives_five_words_alike_to_everyone(norms):
    n = 20_000
    drawn = traits.draw_big_five(people(n, age_years=75), norms.iloc[:0], arm="uniform", seed=2)
    words = drawn["big_five"].str.split(", ", expand=True)
    for column, trait in zip(words, traits.BIG_FIVE, strict=True):
        assert words[column].str.endswith(f" {trait}").all()
        counts = words[column].str.removesuffix(f" {trait}").value_counts()
        assert set(counts.index) == {"extremely low", "low", "average", "high", "extremely high"}
        assert stats.chisquare(counts).pvalue > 1e-4
    pairs = pd.crosstab(words[0], words[4])
    assert stats.chi2_contingency(pairs).pvalue > 1e-4, "the traits are independent"


def test_a_strange_arm_is_named(norms):
    with pytest.raises(SchemaError, match="personas.big_five is 'flat'; it must be one of correlated, uniform"):
        traits.draw_big_five(people(), norms, arm="flat", seed=2)


def test_ages_below_the_norms_take_the_youngest_shift(norms):
    means = traits.big_five_means(people(4).assign(age_years=[3, 16, 19, 20]), norms)
    assert means["openness"].round(3).tolist() == [0.1, 0.1, 0.1, 0.117]


def test_impossible_correlations_are_refused(norms):
    broken = norms.copy()
    pair = (broken["quantity"] == "correlation_r") & broken["trait"].isin(
        ["openness|conscientiousness", "openness|extraversion"]
    )
    broken.loc[pair, "value"] = ["0.95", "-0.95"]
    with pytest.raises(SchemaError, match="not positive definite"):
        traits.correlations(broken)
    with pytest.raises(SchemaError, match="each of the 10 pairs"):
        traits.correlations(norms[norms["trait"] != "openness|extraversion"])


# ------------------------------------------------------------------ lists


@pytest.mark.parametrize(("name", "least"), LISTS.items())
def test_committed_lists_are_broad_and_plain(name, least):
    entries = reference(f"traits_{name}")
    assert len(entries) >= least and entries["category"].nunique() >= 5
    assert entries["text"].is_unique and (entries["text"] == entries["text"].str.strip()).all()
    assert not entries["text"].str.contains(r"[;\n]|: ").any(), "separators must not stand inside an entry"
    assert not entries["text"].str.contains(r"\b(?:he|she|his|her|him|man|woman|husband|wife)\b").any()
    assert set("+".join(entries["needs"]).split("+")) <= {"", *rules.NEEDS}


ENDING = re.compile(r"(?<=...)(?:ing|es|ed|s)$")


def tokens(text):
    """The words of an entry without plain ones and without common endings."""
    words = re.findall(r"[a-z0-9']+", text.lower())
    return frozenset(ENDING.sub("", word) for word in words if word not in ENGLISH_STOP_WORDS)


def overlaps(texts, *, above):
    """Pairs of texts that share more than `above` of their words (Jaccard)."""
    known = [(text, tokens(text)) for text in texts]
    return [
        (a, b)
        for (a, of_a), (b, of_b) in itertools.combinations(known, 2)
        if len(of_a & of_b) > above * len(of_a | of_b)
    ]


def test_overlap_finds_a_paraphrase():
    assert overlaps(["bakes bread each weekend", "bakes the bread at weekends", "sings"], above=0.5) == [
        ("bakes bread each weekend", "bakes the bread at weekends")
    ]


@pytest.mark.parametrize("name", LISTS)
def test_no_two_entries_of_a_list_are_nearly_the_same(name):
    assert overlaps(reference(f"traits_{name}")["text"], above=0.5) == []


def test_no_entry_of_one_list_is_nearly_one_of_another():
    assert overlaps(pd.concat([reference(f"traits_{name}") for name in LISTS])["text"], above=0.65) == []


GROUPS = """american african asian latino latina hispanic black white native arab indian chinese mexican italian irish
jew jewish christian muslim catholic protestant mormon hindu buddhist atheist republican democrat liberal conservative
gay lesbian trans immigrant refugee rich poor elderly disabled blind deaf veteran church mosque synagogue bible
koran"""


@pytest.mark.parametrize("name", LISTS)
def test_no_entry_names_a_group_of_people(name):
    words = reference(f"traits_{name}")["text"].str.lower().str.findall(r"[a-z]+").explode().str.removesuffix("s")
    assert set(words) & set(re.findall(r"\w+", GROUPS)) == set()


@pytest.mark.parametrize("name", ["quirks", "mannerisms", "lifestyle"])
def test_entries_say_what_somebody_does(name):
    """They stand after a label, as predicates of one person: the first word ends as a verb of the third person."""
    adverbs = r"^(?:always|never|still|often|rarely|slowly|openly) "
    first = reference(f"traits_{name}")["text"].str.replace(adverbs, "", regex=True).str.split().str[0]
    assert set(first[~first.str.rstrip(",").str.endswith("s")]) <= {"can", "cannot", "will"}


def test_pastimes_fit_their_sentence():
    """They follow "Likes to": a bare verb, so no third person, no gerund, no article."""
    first = reference("traits_personal_time")["text"].str.split().str[0]
    wrong = first[first.str.endswith("ing") | first.isin(["a", "the"]) | first.str.fullmatch(r".*[^su]s")]
    assert set(wrong) <= {"ring", "string", "sing"}


def test_listed_entries_are_uniform_and_of_different_categories():
    entries = pd.DataFrame({"category": list("aabbcc"), "text": list("uvwxyz"), "needs": ["work", *[""] * 5]})
    drawn = traits.draw_listed(people(30_000), entries, "toy", n=2, seed=1)
    pairs = drawn["text"].str.split("; ", expand=True)
    category = entries.set_index("text")["category"]
    assert (pairs[0].map(category) != pairs[1].map(category)).all()
    assert stats.chisquare(pd.concat([pairs[0], pairs[1]]).value_counts()).pvalue > 1e-4
    assert (drawn["needs"] == drawn["text"].str.contains("u").map({True: "work", False: ""})).all()


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"category": ["a"], "text": ["u"]}, "column needs is missing"),
        ({"category": ["a", "b"], "text": ["u", "u"], "needs": ["", ""]}, "stands twice"),
        ({"category": ["a", "a"], "text": ["u", "v"], "needs": ["", ""]}, "fewer categories"),
    ],
)
def test_bad_lists_are_refused(entries, message):
    with pytest.raises(SchemaError, match=message):
        traits.draw_listed(people(), pd.DataFrame(entries), "toy", n=2, seed=1)
