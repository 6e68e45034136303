"""Diagrams: the counts and the example in their boxes are those of the tables."""

import pandas as pd

from persona_lib.showing import diagrams
from persona_lib.tables import schema


class TestConstruction:
    def said(self, personas, provenance):
        return [text.get_text() for text in diagrams.construction(personas, provenance).axes[0].texts]

    def test_boxes_count_the_origins_of_this_run(self, personas, provenance):
        n = schema.attributes()["origin"].value_counts()
        said = self.said(personas, provenance)
        assert {f"{n[origin]} {origin}" for origin in n.index} <= set(said)
        assert any("declared rules first, then a\nmodel" in text for text in said)
        without = self.said(personas, provenance.replace({"origin": {"written": "listed"}}))
        assert f"{n['listed'] + n['written']} listed" in without
        assert not [text for text in without if "written by" in text or "model" in text]

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

    def test_an_example_that_fills_its_lines_is_shown_whole(self):
        """By hand: 60 signs an attribute, 66 a line; so the two fill two lines, and three lines take no more."""
        rows = pd.DataFrame({"label": ["One", "Two"], "attribute": ["one", "two"]})
        persona = pd.Series({"one": "a" * 55, "two": "b" * 55})
        whole = diagrams._example(rows, persona, 2)
        assert whole.replace("\n", " ") == f"One: {'a' * 55}; Two: {'b' * 55}" and whole.count("\n") == 1
        assert diagrams._example(rows, persona, 3) == whole
        assert diagrams._example(rows, persona, 1) == f"One: {'a' * 55} …"
