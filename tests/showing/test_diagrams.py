"""Diagrams: the counts and the example in their boxes are those of the tables."""

import pandas as pd
from drawn_rows import texts
from matplotlib.patches import Rectangle

from persona_lib.showing import diagrams
from persona_lib.showing.drawing import STAMP
from persona_lib.tables import schema


def observed(provenance):
    return provenance.replace({"origin": {"derived": "observed"}})


class TestConstruction:
    def said(self, personas, provenance):
        return [text.get_text() for text in diagrams.construction(personas, provenance).axes[0].texts]

    def test_boxes_count_the_origins_of_this_run(self, personas, provenance):
        """Oracle: the declared origins, but household type: derived for every persona. Four of ten make no box."""
        n = schema.attributes()["origin"].value_counts()
        said = self.said(personas, provenance)
        assert {"1 derived", f"{n['observed'] - 1} observed"} < set(said)
        assert {f"{n[origin]} {origin}" for origin in ("imputed", "listed", "written")} < set(said)
        assert {"Consistent? Rules", "Consistent? Model"} < set(said)
        assert not [text for text in self.said(personas, observed(provenance)) if "derived" in text]

    def test_without_the_model_stage_no_model_writes_or_checks(self, personas, provenance):
        n = schema.attributes()["origin"].value_counts()
        without = self.said(personas, provenance.replace({"origin": {"written": "listed"}}))
        assert f"{n['listed'] + n['written']} listed" in without
        assert not [text for text in without if "written" in text.split() or "odel" in text]

    def test_both_orders_of_the_check_are_named(self, personas, provenance):
        for origin, ours in (("written", "Here it is both"), ("listed", "no model does")):
            figure = diagrams.construction(personas, provenance.replace({"origin": {"written": origin}}))
            note = " ".join(figure.texts[1].get_text().split())
            assert "before the procedural fields are filled" in note and "section 3.1 at the end" in note
            assert ours in note

    def test_the_example_ends_between_two_attributes(self, personas, provenance):
        """Oracle: the labels and values of the first persona, in the order of the table."""
        (example,) = [text for text in self.said(personas, provenance) if text.startswith("Age: ")]
        shown = " ".join(example.split()).removesuffix(" …").split("; ")
        first = personas.iloc[0]
        for part, row in zip(shown, schema.attributes().itertuples(), strict=False):
            value = first[row.attribute]
            assert part == f"{row.label}: {schema.NOT_IN_UNIVERSE if pd.isna(value) else value}"
        assert example.endswith(" …") and len(example.split("\n")) <= 5

    def test_a_first_value_that_does_not_fit_is_cut_between_words(self, personas, provenance):
        personas["defining_quirks"] = "hums while waiting " * 30
        (example,) = [text for text in self.said(personas, provenance) if "hums" in text]
        assert set(example.split()) == {"Defining", "quirks:", "hums", "while", "waiting", "…"}


class TestFeedbackCreation:
    def test_counts_are_those_of_the_tables(self, personas, prompts, pairs, kappas):
        """Oracle: hand counts of the fixtures: ten prompts, seven kept; seven pairs, one refused; three compared."""
        said = [text.get_text() for text in diagrams.feedback_creation(personas, prompts, pairs, kappas).axes[0].texts]
        heads = {"10 opening prompts", "7 kept", "10 personas", "6 pairs", "10 common items"}
        assert heads < set(said)
        assert "3 no question mark" in said
        assert "6 train\n1 held out" in said and "6 train\n4 held out" in said
        assert "of 7 asked\n3 train\n2 held out, seen prompts\n1 held out, unseen prompts" in said
        assert any(text.startswith("2 models, and raters, each\nas one of 3 personas") for text in said)
        assert any(text.startswith("of 3 x 3 personas") for text in said)

    def test_many_reasons_end_in_a_sum(self, personas, prompts, pairs, kappas):
        """Oracle: reasons a to f once to six times; the four most frequent are named, three prompts are left."""
        reasons = [name for name, n in zip("abcdef", range(1, 7), strict=True) for _ in range(n)]
        table = pd.DataFrame({"reason": reasons, "prompt_split": "none", "is_kept": False})
        said = [text.get_text() for text in diagrams.feedback_creation(personas, table, pairs, kappas).axes[0].texts]
        assert "6 f\n5 e\n4 d\n3 c\n3 for other reasons" in said

    def test_the_sketch_is_an_upper_triangle(self, personas, prompts, pairs, kappas):
        axes = diagrams.feedback_creation(personas, prompts, pairs, kappas).axes[0]
        cells = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
        assert len(cells) == 21 + 6, "21 cells of six personas, six outlines"


def test_the_making_of_one_pair_counts_prompts_and_claims_no_number(personas, prompts):
    figure = diagrams.pair_creation(personas, prompts, simulated=True)
    said = [text.get_text() for text in figure.axes[0].texts]
    assert "one of 6 train and\n1 held-out prompts,\ndrawn independently" in said
    assert figure.texts[0].get_text() == "How a preference pair is made"
    assert STAMP in [text.get_text() for text in figure.texts]


def test_an_example_that_fills_its_lines_is_shown_whole():
    """By hand: 60 signs an attribute, 66 a line; so the two fill two lines, and three lines take no more."""
    rows = pd.DataFrame({"label": ["One", "Two"], "attribute": ["one", "two"]})
    persona = pd.Series({"one": "a" * 55, "two": "b" * 55})
    whole = diagrams._example(rows, persona, 2, 66)
    assert whole.replace("\n", " ") == f"One: {'a' * 55}; Two: {'b' * 55}" and whole.count("\n") == 1
    assert diagrams._example(rows, persona, 3, 66) == whole
    assert diagrams._example(rows, persona, 1, 66) == f"One: {'a' * 55} …"


def test_the_map_has_a_box_for_each_notebook_and_leaves_empty_lanes_out():
    figure = diagrams.notebook_map(
        {"01_census": ["census", "replicates"], "14_figures": ["figures"], "truth": ["truth"]}
    )
    said = texts(figure)
    assert {"01 census", "14 figures", "census, replicates", "Who they are"} <= set(said)
    assert "Do the pairs hold?" not in said and "truth" not in said
