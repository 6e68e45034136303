"""Cells of beliefs as they are shown. Oracles: counts by hand of a table of four cells, the committed table itself."""

from pathlib import Path

import pandas as pd
import pytest

from persona_lib.showing import belief_cells

REFERENCE = Path(__file__).parents[2] / "data" / "reference"


@pytest.fixture
def cells():
    rows = [
        ("gss", "religion", "sex", "Female", "Catholic", 200, 0.2, 0.31, 0.22, 0.05, False, True, None),
        ("gss", "religion", "sex", "Male", "Catholic", 150, None, 0.2, 0.2, 0.05, False, False, "surveys"),
        ("anes", "ideology", "sex", "Male", "Left", 100, 0.2, 0.2, 0.21, 0.05, True, True, None),
        ("anes", "ideology", "sex", "Male", "Right", 100, 0.2, 0.2, 0.4, 0.05, True, False, "chain"),
    ]
    columns = ["survey", "field", "by", "level", "answer", "n", "share", "before", "now", "allowed"]
    return pd.DataFrame(rows, columns=[*columns, "holds_before", "holds", "put_down_to"])


def test_shares_held_by_hand(cells):
    found = belief_cells.shares_held(cells).set_index(["field", "survey"])
    assert found["n_cells"].tolist() == [2, 2, 4] and found["share_before"].tolist() == [0, 1, 0.5]
    assert found["share_now"].tolist() == [0.5, 0.5, 0.5]
    assert found.loc[("religion", "gss"), list(belief_cells.REASONS)].tolist() == [0, 1, 0, 0]
    assert found.loc[("all", "all"), list(belief_cells.REASONS)].tolist() == [0, 1, 0, 1]


def test_one_answer_beside_the_surveys(cells):
    found = belief_cells.beside_surveys(cells, answer="Catholic", by="sex")
    assert found["level"].tolist() == ["Female", "Male"] and found["before"].tolist() == [31.0, 20.0]
    assert found["survey_percent"].iloc[0] == 20.0 and pd.isna(found["survey_percent"].iloc[1])
    assert found["holds"].tolist() == [True, False]


def test_the_card_counts_every_failure_and_names_none_of_a_few_people(cells):
    text = belief_cells.card_section(cells.assign(by="race_ethnicity"))
    assert "| religion | gss | 2 | 0% | 50% |" in text and "| all | all | 4 | 50% | 50% |" in text
    assert "1: the fitted surveys themselves are further away" in text and "1: the chain itself" in text
    assert "| Catholic | Male | gss | under 10 people | 20.0 | 20.0 | 5.0 | no |" in text


def test_cells_that_fail_by_hand(cells):
    """|40 - 20| - 5 is 15 points; the cell of a few people has a verdict and no distance, and comes last."""
    found = belief_cells.failures(cells)
    assert found["answer"].tolist() == ["Right", "Catholic"] and found["beyond"].iloc[0] == 15.0
    assert pd.isna(found["beyond"].iloc[1]) and pd.isna(found["survey_percent"].iloc[1])
    groups = belief_cells.failed_groups(cells).set_index(["field", "by"])
    assert groups.loc[("religion", "sex"), ["n_cells", "n_fail", "surveys", "chain"]].tolist() == [2, 1, 1, 0]
    assert groups.loc[("ideology", "sex"), "median_beyond"] == 15.0
    assert pd.isna(groups.loc[("religion", "sex"), "median_beyond"])
    said = belief_cells.in_one_sentence(cells)
    assert said.startswith("2 of 4 cells hold and 2 do not. Of these, 1 are out of reach") and " 0 of those" in said


def test_the_committed_cells_are_shown_whole():
    cells = pd.read_csv(REFERENCE / "chain_cells.csv")
    held = belief_cells.shares_held(cells)
    assert held["n_cells"].iloc[-1] == len(cells) == held["n_cells"].iloc[:-1].sum()
    failed = held.iloc[-1][list(belief_cells.REASONS)].sum()
    assert failed == (~cells["holds"]).sum() == len(belief_cells.failures(cells))
    groups = belief_cells.failed_groups(cells)
    assert groups["n_cells"].sum() == len(cells) and groups["n_fail"].sum() == failed
    assert (groups[list(belief_cells.REASONS)].sum(axis=1) == groups["n_fail"]).all()
    assert "| Republican or leaning | Black | cces | 5.4 |" in belief_cells.card_section(cells)
