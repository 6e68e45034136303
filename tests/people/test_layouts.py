"""Readers of public layouts, on made-up rows; nobody in these files exists."""

from pathlib import Path

import pandas as pd
import pytest

from persona_lib.people.layouts import layouts, read_people, respondents
from persona_lib.tables.schema import SchemaError

FILES = Path(__file__).parent / "files"


def test_a_gss_file():
    """By hand, from the file's second year: its first row is the twenty-first respondent."""
    raw = pd.read_csv(FILES / "gss.csv").iloc[20]
    found = read_people(FILES / "gss.csv", "gss", year=2022)
    one = found.iloc[0]
    assert one["person_id"] == "21" and one["weight"] == raw["wtssps"] and len(found) == 140
    assert one["sex"] == {1: "Male", 2: "Female"}[raw["sex"]]
    assert one["schooling"] == (
        "High school or less" if raw["educ"] < 13 else "Some college" if raw["educ"] < 16 else "Bachelor's or more"
    )
    assert found["natspac"].isin([0, 1, 2]).sum() == found["natspac"].notna().sum() > 100


def test_a_cces_file_tells_ages_by_birth():
    found = read_people(FILES / "cces.csv", "cces", items={"CC20_327a": [1, 2]}, year=2020)
    raw = pd.read_csv(FILES / "cces.csv")
    assert found["weight"].tolist() == raw["commonweight"].tolist()
    young = 2020 - raw["birthyr"] < 35
    assert ((found["age_group"] == "18-34") == young).all()
    assert (found["party"].isna() == raw["pid7"].eq(8)).all() and (found["ideology"].isna() == raw["ideo5"].eq(6)).all()
    with pytest.raises(SchemaError, match="give the year"):
        read_people(FILES / "cces.csv", "cces", items={"CC20_327a": [1, 2]})


def test_an_anes_file():
    found = read_people(FILES / "anes.csv", "anes", items={"VCF0839": [1, 2, 3, 4, 5, 6, 7]}, year=2016)
    raw = pd.read_csv(FILES / "anes.csv")
    answered = raw[raw["VCF0839"] != 9].reset_index(drop=True)
    assert len(found) == len(answered) and (found["VCF0839"] == answered["VCF0839"] - 1).all()
    assert (found["party"].isna() == answered["VCF0301"].eq(" ")).all()


def test_a_pew_file_finds_its_wave_by_pattern():
    found = read_people(FILES / "pew.csv", "pew", items={"OPTIMIST_W41": [1, 2]})
    raw = pd.read_csv(FILES / "pew.csv").query("OPTIMIST_W41 != 99").reset_index(drop=True)
    assert found["weight"].tolist() == raw["WEIGHT_W41"].tolist()
    assert (found["age_group"] == "65+").sum() == (raw["F_AGECAT_FINAL"] == 4).sum()
    assert set(found["party"]) == {"Democrat", "Republican", "Independent"}


@pytest.mark.parametrize(
    ("file", "layout", "rest", "said"),
    [
        ("none.csv", "gss", {}, "none.csv: no such file"),
        ("gss.csv", "gallup", {}, "'gallup' is no layout; there are"),
        ("gss.csv", "gss", {"year": 1950}, "gss.csv: no row of the year 1950"),
        ("gss.csv", "gss", {"items": {"natnone": [1, 2]}}, "column natnone is missing"),
        ("gss.csv", "gss", {"items": {"natspac": [8, 9]}}, "nobody answered any of natspac"),
        ("pew.csv", "pew", {}, "name the items and their codes"),
        ("gss.csv", "cces", {"items": {"natspac": [1, 2]}}, "none of the weights commonweight"),
    ],
)
def test_what_is_missing_is_named(file, layout, rest, said):
    with pytest.raises(SchemaError, match=said):
        read_people(FILES / file, layout, **rest)


def test_every_layout_names_its_source():
    assert all(told["title"] and told["cite"] for told in layouts().values())


def test_the_election_study_of_statsmodels():
    """Oracle: its own description: 944 people, PID 0 strong Democrat to 6 strong Republican, vote 1 for Dole."""
    import statsmodels.api as sm

    raw = sm.datasets.anes96.load_pandas().data
    found = respondents(raw, "anes1996")
    assert len(found) == 944 and (found["party"] == "Republican").sum() == (raw["PID"] >= 4).sum()
    assert found["vote"].mean() == pytest.approx(393 / 944)
