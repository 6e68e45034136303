"""Years of PUMS. Oracles: the Census Bureau's user notes and file names, and identities over all years."""

import re

import pandas as pd
import pytest

from persona_lib.census import vintages

YEARS = range(vintages.first_year(), vintages.last_year() + 1)


def test_every_column_has_one_name_a_year():
    declared = vintages._declared()["columns"]
    for quantity, spans in declared.items():
        for year in YEARS:
            held = [name for name, (first, last) in spans.items() if first <= year <= last]
            assert held == [vintages.name(quantity, year=year)], (quantity, year)
        assert vintages.names(quantity) == tuple(spans)
        assert vintages.name(quantity, year=vintages.last_year() + 9) == list(spans)[-1]


def test_names_are_those_of_the_user_notes():
    """RELSHIPP replaced RELP in 2019; STATE replaced ST in 2023."""
    assert [vintages.name("relationship", year=year) for year in (2018, 2019)] == ["RELP", "RELSHIPP"]
    assert [vintages.name("state", year=year) for year in (2022, 2023)] == ["ST", "STATE"]


class TestCodes:
    def test_years_share_a_code_list_exactly_where_they_say_the_same_words(self):
        """Identity: both functions cut the years into the same spans."""
        for variable in ("OCCP", "INDP", "LANP", "SCHL"):
            for one in YEARS:
                for other in YEARS:
                    same = vintages.code_years(variable, one) == vintages.code_years(variable, other)
                    assert vintages.same_codes(variable, one, other) == same, (variable, one, other)
                    assert vintages.same_codes(variable, other, one) == same

    @pytest.mark.parametrize(
        ("variable", "starts"), [("OCCP", [2018]), ("INDP", [2018, 2023]), ("LANP", [2016]), ("SCHL", [])]
    )
    def test_code_lists_begin_in_the_years_of_the_user_notes(self, variable, starts):
        changes = [year for year in YEARS if year > min(YEARS) and not vintages.same_codes(variable, year - 1, year)]
        assert changes == starts

    def test_languages_have_three_digits_until_2015_and_four_after(self):
        for year in YEARS:
            digits = {len(str(code)) for codes in vintages.languages(year=year).values() for code in codes}
            assert digits == {3 if year <= 2015 else 4}
            groups = vintages.languages(year=year)
            low, high = groups["indo_european"]
            assert high < groups["asian"][0] and all(low <= code <= high for code in groups["spanish"])


class TestNames:
    """Oracle: names of members as the official zips of these years hold them."""

    @pytest.mark.parametrize(
        ("member", "arguments", "year"),
        [
            ("ss15pri.csv", ("p", "ri", "44", 2015), 2015),
            ("ss16husb.csv", ("h", "us", "us", 2016), 2016),
            ("psam_p44.csv", ("p", "ri", "44", 2017), None),
            ("psam_husa.csv", ("h", "us", "us", 2024), None),
        ],
    )
    def test_members(self, member, arguments, year):
        *area, of = arguments
        assert re.fullmatch(vintages.member_form(*area, year=of), member)
        assert vintages.year_of_name(member) == year
        other = 2018 if of < 2017 else 2016
        assert not re.fullmatch(vintages.member_form(*area, year=other), member)
        assert not re.fullmatch(vintages.member_form(area[0], "vt", "50", year=of), member)

    @pytest.mark.parametrize(
        "file", ["mine.csv", "psam_p44.csv", "mine_2016.csv", "2016/csv_pri.zip", "ss15pri_mine.csv", "boss15phi.csv"]
    )
    def test_a_name_without_a_year(self, file):
        """Digits in a name are no year, unless the Census Bureau gave the name."""
        assert vintages.year_of_name(file) is None

    def test_the_census_bureaus_own_names(self):
        assert vintages.year_of_name("CSV_PRI.ZIP/SS15PRI.CSV") == vintages.year_of_name("ss15pri.csv.gz") == 2015


class TestSerials:
    FORMS = ["12.0", " 0000012 ", "2017000000012", "2018HU0000001", "2024GQ0000001", "2018XX0000001", "123456789", ""]

    def test_each_form(self):
        found = vintages.full_serials(pd.Series(self.FORMS), year=2015)
        whole = ["2015000000012"] * 2 + ["2017000000012", "2018HU0000001", "2024GQ0000001"]
        assert found.tolist()[:5] == whole and found.isna().tolist()[5:] == [True] * 3

    def test_without_a_year_a_number_stays_unknown(self):
        found = vintages.full_serials(pd.Series(self.FORMS), year=None)
        assert found.isna().tolist() == [True, True, False, False, False, True, True, True]

    def test_two_serials_stay_two(self):
        serials = pd.Series([f"{k}" for k in range(1, 2000, 7)])
        assert vintages.full_serials(serials, year=2016).is_unique


def test_of_2020_there_is_no_standard_one_year_file():
    assert [year for year in YEARS if not vintages.has_one_year(year)] == [2020]
