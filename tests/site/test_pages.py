"""The site's pages: every text of a table stands in them, escaped."""

import pandas as pd
import pytest
from jinja2 import UndefinedError
from site_rows import HOSTILE, ROOT, Read, demo

from persona_lib.site import pages


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


def test_a_share_is_told_as_in_the_notebooks(claims):
    """Oracle: notebook 15, whose claims are told by showing.findings."""
    share = claims.head(1).assign(statistic="pass_rate", estimate=0.176, low=0.123, high=0.245, truth=0.2)
    text = Read(pages.claims_page(share, simulated=True)).text
    assert "18 % (12 to 24)" in text and "20 %" in text and "0.176" not in text


def test_the_page_of_claims_alone_is_a_whole_document(claims):
    page = pages.claims_page(claims, simulated=True, alone=True)
    assert page.startswith("<!doctype html>") and pages.claims_page(claims, simulated=True) in page


def test_decisions_are_all_there():
    decisions = pd.read_csv(ROOT / "data/reference/decisions.csv", dtype=str, keep_default_na=False)
    page = Read(pages.decisions_page(decisions.assign(why=HOSTILE)))
    assert page.text.count(HOSTILE) == len(decisions) and not {"script", "img"} & set(page.tags)
    assert {f"decision-{each}" for each in decisions["decision_id"]} <= {value for _, value in page.attributes}


def test_the_leaderboard_has_a_row_a_model_and_says_so_where_there_is_none():
    page = Read(
        pages.leaderboard_page([{"model": HOSTILE, "pass_rate": 0.51234, "settings": {"n": 1}}, {"model": "b"}])
    )
    assert page.tags.count("tr") == 3 and "0.512" in page.text and HOSTILE in page.text and "script" not in page.tags
    assert "No model has been measured yet" in pages.leaderboard_page([])


def test_the_leaderboard_shows_each_mode_with_its_interval_best_first():
    def entry(model, rate):
        scored = {"verdict": "scored", "n": 9, "pass_rate": {"estimate": rate, "low": rate - 0.1, "high": rate + 0.1}}
        return {
            "model": model,
            "modes": {"summary": scored, "baseline": {"verdict": "not scorable", "pass_rate": None}},
        }

    text = Read(pages.leaderboard_page([entry("worse", 0.25), entry("better", 0.5)])).text
    assert text.index("better") < text.index("worse") and "50 % (40 to 60)" in text
    assert text.count("not scorable") == 2


def test_a_template_without_a_value_stops():
    with pytest.raises(UndefinedError, match="undefined"):
        pages.render("leaderboard.html")
