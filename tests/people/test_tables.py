"""The committed reference tables, and that they are what their program says."""

from pathlib import Path

import pandas as pd
import pytest
import statsmodels.api as sm

from persona_lib.people import tables
from persona_lib.people.layouts import layouts, respondents
from persona_lib.people.respondents import LEAST_N

REFERENCE = Path(__file__).parents[2] / "data/reference"
SHARES = pd.read_csv(REFERENCE / "people_shares.csv", keep_default_na=False, na_values=[""], dtype={"answer": "str"})
STATISTICS = pd.read_csv(REFERENCE / "people_statistics.csv")
ITEMS = pd.read_csv(REFERENCE / "survey_items.csv", dtype=str)


def test_no_cell_of_fewer_than_ten_people_is_committed():
    assert len(SHARES) > 2000 and not SHARES["n"].between(1, LEAST_N - 1).any()
    hidden = SHARES["answer"].isna()
    assert (SHARES.loc[hidden, "n"] == 0).all() and SHARES.loc[hidden, "share"].isna().all() and hidden.sum() > 0


def test_shares_of_a_group_sum_to_one_and_lie_in_their_intervals():
    shown = SHARES.dropna(subset=["share"])
    sums = shown.groupby(["source", "item", "attribute", "value"])["share"].sum()
    assert sums.between(0.998, 1.002).all()
    assert ((shown["low"] <= shown["share"] + 1e-4) & (shown["share"] <= shown["high"] + 1e-4)).all()


def test_items_are_declared_once_and_every_survey_has_its_layout():
    assert not ITEMS["item_id"].duplicated().any() and set(ITEMS["source"]) <= set(layouts())
    for row in ITEMS.itertuples():
        assert row.item_id == f"{row.source}.{row.variable}" and row.question.endswith("?")
        assert len(row.answers.split("|")) == len(layouts()[row.source]["items"][row.variable])


def test_what_everybody_can_recompute_is_what_is_committed():
    """Oracle: the election study of statsmodels, by groupby alone."""
    raw = sm.datasets.anes96.load_pandas().data
    dole = raw.groupby(
        pd.cut(raw["PID"], [-1, 2, 3, 6], labels=["Democrat", "Independent", "Republican"]), observed=True
    )["vote"].mean()
    rows = SHARES[(SHARES["source"] == "anes1996") & (SHARES["item"] == "vote") & (SHARES["attribute"] == "party")]
    found = rows[rows["answer"] == "Bob Dole"].set_index("value")["share"]
    assert found.to_dict() == pytest.approx(dole.to_dict(), abs=1e-4)


def test_people_alike_on_paper_hardly_agree_and_are_hardly_told():
    one = STATISTICS[STATISTICS["source"] == "gss2018_spending"].set_index(["statistic", "group"])
    alike = one.loc[("kappa_alike", "all attributes")]
    assert 0.05 < alike["low"] < alike["estimate"] < alike["high"] < 0.13
    assert one.loc[("explained_share", "demographics, party and ideology"), "high"] < 0.06


def test_the_tables_of_a_small_file_are_made_and_rounded(tmp_path):
    raw = sm.datasets.anes96.load_pandas().data.head(120)
    people = respondents(raw, "anes1996", items={"vote": [0, 1]})
    shares, statistics = tables.reference(people, {"vote": ["Bill Clinton", "Bob Dole"]}, source="anes1996", year=1996)
    tables.write(statistics, tmp_path / "s.csv")
    back = pd.read_csv(tmp_path / "s.csv")
    assert list(back) == tables.STATISTICS and len(back) == len(statistics)
    assert back["estimate"].round(4).equals(back["estimate"]) and list(shares) == tables.SHARES
