"""The leaderboard. Oracles: hand-written rows, hostile text, files cut in half."""

import json

import pandas as pd
import pytest
from hostile import NASTY

from persona_lib.exporting import leaderboard
from persona_lib.tables import schema
from persona_lib.tables.schema import SchemaError

FACTS = {
    "model": NASTY,
    "date": "2026-11-26",
    "judge": "j",
    "n_items": 10,
    "is_simulated": True,
    "item_set": "0" * 64,
    "settings": {"seed": 1, "note": NASTY},
}


def statistics(n=8, n_excluded=2):
    counts = {"low": 0.2, "high": 0.6, "n": n, "n_excluded": n_excluded, "method": "m"}
    rows = [schema.statistic(name, "contestant|summary", 0.4, **counts) for name in ("pass_rate", "corrected")]
    return pd.DataFrame(rows)


def entry(**counts):
    return leaderboard.row(statistics(**counts), contestant="contestant", modes=["summary"], facts=FACTS)


def test_a_row_has_rates_with_intervals_and_fits_the_schema():
    found = leaderboard.checked(entry(), "row")
    rate = {"estimate": 0.4, "low": 0.2, "high": 0.6}
    assert found["modes"] == {
        "summary": {"verdict": "scored", "n": 8, "n_excluded": 2, "pass_rate": rate, "corrected": rate}
    }
    assert found["verdict"] == "scored"


@pytest.mark.parametrize("counts", [{"n": 4, "n_excluded": 6}, {"n": 0, "n_excluded": 10}, {"n": 0, "n_excluded": 0}])
def test_what_was_mostly_not_scored_has_counts_and_no_number(counts):
    found = leaderboard.checked(entry(**counts), "row")
    mine = found["modes"]["summary"]
    assert found["verdict"] == mine["verdict"] == "not scorable" and mine["pass_rate"] is None
    assert (mine["n"], mine["n_excluded"]) == (counts["n"], counts["n_excluded"])


def test_a_page_holds_no_markup_of_the_data():
    page = leaderboard.page(entry(), {NASTY: statistics().assign(group=NASTY)})
    assert NASTY not in page and "<script" not in page and "40.0 % (20.0 to 60.0)" in page
    assert leaderboard.STAMP in page and "no number" not in page
    assert "no number" in leaderboard.page(entry(n=1, n_excluded=9), {})


def test_a_row_that_does_not_fit_is_not_written(tmp_path):
    with pytest.raises(SchemaError, match="a.json: verdict: 'best' is not one of"):
        leaderboard.write(entry() | {"verdict": "best"}, tmp_path / "a.json")
    assert not list(tmp_path.iterdir())


def test_rows_are_read_again_best_first(tmp_path):
    leaderboard.write(entry(), tmp_path / "a.json")
    better = entry()
    better["modes"]["summary"]["pass_rate"] = {"estimate": 0.9, "low": None, "high": None}
    leaderboard.write(better | {"model": "b"}, tmp_path / "b.json")
    found = leaderboard.read(tmp_path)
    assert found["model"].tolist() == ["b", NASTY] and found["summary"].tolist() == [0.9, 0.4]
    assert leaderboard.read(tmp_path / "none").empty


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (json.dumps(FACTS)[:40], "half.json: no JSON, or half of it"),
        (json.dumps(FACTS), "half.json: the whole: 'verdict' is a required property"),
        ("[]", "half.json: the whole: "),
        (json.dumps(FACTS | {"verdict": "best", "modes": {}}), "half.json: "),
    ],
)
def test_a_half_full_file_is_one_line(tmp_path, text, message):
    (tmp_path / "half.json").write_text(text)
    with pytest.raises(SchemaError) as told:
        leaderboard.read(tmp_path)
    assert message in str(told.value) and "\n" not in str(told.value)


def test_the_item_set_is_what_was_asked_in_any_order():
    items = pd.DataFrame({"persona_id": ["p", "r"], "prompt_id": ["q", "q"]})
    personas = pd.DataFrame({"persona_id": ["p", "r"], "description": ["one", "two"]})
    prompts = pd.DataFrame({"prompt_id": ["q"], "text": ["why?"]})
    found = leaderboard.item_set(items, personas, prompts)
    assert found == leaderboard.item_set(items.iloc[[1, 0, 0]], personas, prompts)
    assert found != leaderboard.item_set(items, personas.assign(description=["one", "2"]), prompts)
