"""Cards of personas. Oracles: the tables themselves, an HTML parser."""

import re
from html.parser import HTMLParser

import pandas as pd
import pytest
from hostile import NASTY

from persona_lib.showing import cards
from persona_lib.tables import schema
from persona_lib.tables.schema import SchemaError


def test_card_has_every_attribute_once_with_its_origin(made):
    table = cards.card(made[0], made[1], "p0003")
    assert sorted(table["label"]) == sorted([*schema.attributes()["label"], "Core values"])
    mine = made[0].set_index("persona_id").loc["p0003"]
    value = table.set_index("label")["value"]
    assert value["Age"] == str(mine["age_years"]) and value["Core values"] == mine["core_values"]
    assert value["Personal time"] == NASTY
    origin = table.set_index("label")["origin"]
    assert origin[["Age", "Religion", "Mannerisms", "Personal time"]].tolist() == [
        "observed",
        "imputed",
        "listed",
        "written",
    ]
    assert origin.drop_duplicates().tolist() == [o for o in cards.ORIGINS if o in set(origin)], "one block per origin"


def test_a_card_of_nobody_or_without_provenance_is_refused(made):
    with pytest.raises(SchemaError, match="p9999 stands in 0 rows"):
        cards.card(made[0], made[1], "p9999")
    with pytest.raises(SchemaError, match="p0001 lacks sex"):
        cards.card(made[0], made[1][made[1]["field"] != "sex"], "p0001")


def test_text_on_a_card_is_never_markup(made):
    class Reader(HTMLParser):
        tags, said = set(), []

        def handle_starttag(self, tag, attrs):
            self.tags.add(tag)

        def handle_data(self, data):
            self.said.append(data)

    reader = Reader()
    reader.feed(cards.card_html(cards.card(made[0], made[1], "p0001"), title="<i>p0001</i>"))
    assert reader.tags == {"p", "b", "table", "tbody", "tr", "th", "td"}
    assert NASTY in reader.said and "<i>p0001</i>" in reader.said


class TestPair:
    def test_marks_the_words_that_only_one_answer_has(self):
        shown = cards.pair_html(title="t", rejected="We keep the old rule here", chosen="We keep a new rule here")
        assert re.findall(r"<del[^>]*>(.*?)</del>", shown) == ["the old"]
        assert re.findall(r"<ins[^>]*>(.*?)</ins>", shown) == ["a new"]
        assert shown.count("We keep") == 2 and shown.count("rule here") == 2

    def test_equal_answers_have_no_mark_and_a_missing_one_is_said(self):
        assert not re.search("<del|<ins", cards.pair_html(title="t", rejected="same words", chosen="same words"))
        assert "none" in cards.pair_html(title="t", rejected="said", chosen="")

    def test_nothing_in_a_text_is_read_as_markup(self):
        shown = cards.pair_html(title=NASTY, rejected=NASTY, chosen=f"<script>alert(1)</script> {NASTY}")
        assert set(re.findall(r"</?([a-zA-Z]+)", shown)) == {"p", "b", "table", "tr", "th", "td", "ins"}


def test_a_table_of_prose_keeps_whole_cells_and_their_lines():
    """Oracle: the standard library's parser."""
    long = "word " * 200 + "end"
    table = pd.DataFrame({"why": [long, "one\ntwo"], "n": [3, 4]}, index=pd.Index(["01", "<i>02</i>"], name="id"))
    read: list[list[str]] = []

    class Cells(HTMLParser):
        def handle_starttag(self, tag, attrs):
            if tag == "tr":
                read.append([])
            elif tag in ("th", "td"):
                read[-1].append("")

        def handle_data(self, data):
            if read and read[-1] and data.strip():
                read[-1][-1] += data

    Cells().feed(cards.prose_html(table))
    assert read == [["id", "why", "n"], ["01", long, "3"], ["<i>02</i>", "one\ntwo", "4"]]
