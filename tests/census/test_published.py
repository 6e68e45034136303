"""Published totals and their categories. Oracles: printed ACS percentages, hand-worked shares and errors."""

import numpy as np
import pandas as pd
import pytest
from pums_rows import few

from persona_lib.census import published
from persona_lib.tables.schema import NOT_IN_UNIVERSE, UNKNOWN, SchemaError


def test_categories_keep_unknown_and_drop_who_was_not_asked(sample):
    people = few(sample).assign(education=[UNKNOWN, NOT_IN_UNIVERSE, "GED or alternative credential", "Grade 3"])
    found = published.category(people, "education")
    assert found.isna().tolist() == [False, True, False, False]
    assert found.dropna().tolist() == [UNKNOWN, "High school graduate", "Less than 9th grade"]


def test_a_label_of_no_category_stops(sample):
    with pytest.raises(SchemaError, match="'Bachelor' belongs to no category"):
        published.category(few(sample).assign(education="Bachelor"), "education")


def test_every_label_belongs_to_one_category_at_most():
    for attribute, groups in published.GROUPS.items():
        members = [label for labels, _ in groups.values() for label in labels]
        assert len(members) == len(set(members)), attribute


def test_income_bands_at_their_bounds(sample):
    income = [-1.0, 0.0, 9_999.99, 10_000.0]
    found = published.category(few(sample).assign(income_usd=income), "income_usd")
    assert found.tolist() == ["Loss", "None", "Under $10,000", "$10,000 to $24,999"]
    nothing = few(sample).assign(income_usd=np.nan, age_years=[14, 15, 40, 3])
    assert published.category(nothing, "income_usd").isna().tolist() == [True, False, False, True]


def test_a_birthplace_is_named_as_a_reader_would_put_it(sample):
    lives = ["Vermont"] * 4
    born = few(sample).assign(place_of_birth=["Vermont", "Maine", "Canada", "Germany"], state=lives)
    native, abroad = published._BORN[0], published._BORN[2]
    found = published.category(born.assign(citizenship=[native, native, published._BORN[4], abroad]), "place_of_birth")
    assert found.tolist() == ["State of residence", "Another state", "Foreign country", "Abroad, but native"]
    unknown = published.category(born.assign(citizenship=[UNKNOWN, native, native, native]), "place_of_birth")
    assert unknown.tolist() == [UNKNOWN, *["Another state"] * 3]


def test_published_shares_are_the_published_percentages(totals):
    """Percentages as printed in the nation's DP02 and DP05, 2018."""
    education = published.shares(totals, "education", areas=["United States"]).set_index("category")["share"]
    printed = {"Less than 9th grade": 5.0, "High school graduate": 26.9, "Bachelor's degree": 20.0}
    for category, percent in printed.items():
        assert 100 * education[category] == pytest.approx(percent, abs=0.05)
    race = published.shares(totals, "race", areas=["United States"]).set_index("category")["share"]
    assert 100 * race["Black or African American"] == pytest.approx(12.7, abs=0.05)


def test_published_error_by_hand(totals):
    """Female share of the nation: controlled totals, so almost no error; Vermont's bachelors by the formula."""
    rows = totals[totals["area"] == "Vermont"].set_index("variable")
    found = published.shares(totals, "disability", areas=["Vermont"]).set_index("category")
    yes, all_ = rows.loc["DP02_0071"], rows.loc["DP02_0070"]
    share = yes["estimate"] / all_["estimate"]
    assert found.loc["With a disability", "share"] == pytest.approx(share)
    assert 0 < found.loc["With a disability", "standard_error"] < 2 * yes["moe"] / 1.645 / all_["estimate"]


def test_unpublished_attribute_or_area_has_no_shares(totals):
    assert published.shares(totals, "ancestry", areas=["United States"]).empty
    assert published.shares(totals, "sex", areas=["Atlantis"]).empty
    assert published.shares(totals, "sex", areas=[]).empty


def test_areas_are_states_or_the_nation(sample, totals):
    assert published.areas(sample[0], totals) == ["United States"]
    two = sample[0][sample[0]["state"].isin(["Idaho", "Texas"])]
    assert published.areas(two, totals) == ["Idaho", "Texas"]
    without_ohio = sample[0][sample[0]["state"] != "Ohio"]
    assert len(published.areas(without_ohio, totals)) == 50, "a state short of the nation is not the nation"
    first = two.head(1).assign(state="Puerto Rico")  # no United States total counts it
    assert published.areas(pd.concat([sample[0], first]), totals) == ["United States", "Puerto Rico"]
    assert published.areas(pd.concat([two, first]), totals) == ["Idaho", "Texas", "Puerto Rico"]
    assert published.areas(two.assign(survey_year=2023), totals) == []
    assert published.areas(two.assign(state=UNKNOWN), totals) == []


def test_published_shares_of_adults_by_hand(totals):
    """Of 253,815,197 adults 123,578,869 are men; 28,565,542 less 4,055,110 uninsured of all ages and below 19."""
    rows = totals[totals["area"] == "United States"].set_index("variable")["estimate"]
    shares = {a: published.shares(totals, a, areas=["United States"], adults=True) for a in published.ADULTS}
    shares = {a: table.set_index("category")["share"] for a, table in shares.items()}
    assert shares["sex"]["Male"] == pytest.approx(123_578_869 / 253_815_197)
    uninsured = (rows["DP03_0099"] - rows["DP03_0101"]) / (rows["DP03_0095"] - rows["DP03_0100"])
    assert shares["health_insurance"]["No health insurance"] == pytest.approx(uninsured)
    disabled = (20_212_750 + 17_329_760) / (197_888_546 + 51_137_346)
    assert shares["disability"]["With a disability"] == pytest.approx(disabled)
    assert shares["age_years"].sum() == pytest.approx(1) and "15 to 19" not in shares["age_years"]
    assert published.shares(totals, "race", areas=["United States"], adults=True).empty


def test_the_universe_of_adults_has_none_younger(sample):
    for attribute, (youngest, _) in published.ADULTS.items():
        inside = published.universe(sample[0], attribute, adults=True)
        assert sample[0]["age_years"][inside].min() == youngest
    assert not published.universe(sample[0], "race", adults=True).any()


def test_two_categories_have_one_error(totals):
    errors = published.shares(totals, "health_insurance", areas=["Vermont"])["standard_error"]
    assert errors.iloc[0] == errors.iloc[1] > 0
