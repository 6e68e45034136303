"""The site's pages: every text of a table stands in them, escaped, and every figure is there."""

from html.parser import HTMLParser

import pandas as pd
import pytest
from site_rows import HOSTILE, ROOT, demo

from persona_lib.site import pages


class Read(HTMLParser):
    """The tags and the text of a page, as a browser would read them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def claims():
    return demo()["claims"]


def test_claims_are_all_there_with_their_verdict_and_no_text_is_a_tag(claims):
    hostile = claims.assign(claim=HOSTILE, note=HOSTILE, section=HOSTILE, group=HOSTILE)
    page = Read(pages.claims_page(hostile, simulated=True))
    assert page.text.count(HOSTILE) == 2 * len(claims) + (claims["statistic"] != "").sum() + 1
    assert not {"script", "img"} & set(page.tags)
    assert {value for name, value in page.attributes if name == "id"} >= set(claims["claim_id"])


def test_the_verdicts_are_counted(claims):
    page = pages.claims_page(claims, simulated=True)
    for verdict, count in claims["verdict"].value_counts().items():
        assert f'">{verdict}</span></td><td class="number">{count}</td>' in page


def test_the_truth_has_a_column_in_simulated_runs_alone(claims):
    assert "<th>truth</th>" in pages.claims_page(claims, simulated=True)
    assert "<th>truth</th>" not in pages.claims_page(claims, simulated=False)


def test_the_page_of_claims_alone_is_a_whole_document(claims):
    page = pages.claims_page(claims, simulated=True, alone=True)
    assert page.startswith("<!doctype html>") and pages.claims_page(claims, simulated=True) in page


def test_decisions_are_all_there():
    decisions = pd.read_csv(ROOT / "data/reference/decisions.csv", dtype=str, keep_default_na=False)
    page = Read(pages.decisions_page(decisions.assign(why=HOSTILE)))
    assert page.text.count(HOSTILE) == len(decisions) and not {"script", "img"} & set(page.tags)
    assert {f"decision-{each}" for each in decisions["decision_id"]} <= {value for _, value in page.attributes}


def figures(folder, *files: str) -> list[dict]:
    for file in files:
        (folder / file).write_bytes(b"")
    table = pd.DataFrame(
        {"figure": ["05"], "file": ["figure_05.png"], "title": [HOSTILE], "is_simulated": [True], "sha256": [""]}
    )
    return pages.figure_rows(table, folder)


def test_a_figure_has_a_caption_a_text_and_its_other_formats(tmp_path):
    rows = figures(tmp_path, "figure_05.png", "figure_05.svg", "figure_05.csv")
    page = Read(pages.figures_page(rows))
    assert ("href", "figures/figure_05.svg") in page.attributes and ("href", "figures/figure_05.csv") in page.attributes
    assert ("href", "figures/figure_05.pdf") not in page.attributes
    assert ("alt", f"Figure 5: {HOSTILE}") in page.attributes
    assert "Simulated respondents" in page.text and "script" not in page.tags


def test_a_figure_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="figure_05.png: no such file"):
        figures(tmp_path)


def test_the_leaderboard_has_a_row_a_model_and_says_so_where_there_is_none():
    page = Read(
        pages.leaderboard_page([{"model": HOSTILE, "pass_rate": 0.51234, "settings": {"n": 1}}, {"model": "b"}])
    )
    assert page.tags.count("tr") == 3 and "0.512" in page.text and HOSTILE in page.text and "script" not in page.tags
    assert "No model has been measured yet" in pages.leaderboard_page([])


def test_the_first_page_counts_and_says_who_answered():
    tables = demo()
    configuration = {
        "endpoints": {"one": {"model": "<m>"}, "two": {"model": "n"}},
        "roles": {"judge": "one", "panel": ["one", "two"], "nobody": None},
    }
    said = pages.home_page(tables, [], configuration=configuration, simulated=True)
    text = " ".join(Read(said).text.split())
    assert f"{len(tables['pairs']):,} preference pairs" in text and f"{len(tables['claims'])} claims" in text
    assert "judge<m>" in text.replace(" ", "") and "panel<m>,n" in text.replace(" ", "")
    assert "simulated respondents" in text


def test_a_template_without_a_value_stops():
    with pytest.raises(Exception, match="undefined"):
        pages.render("leaderboard.html")
