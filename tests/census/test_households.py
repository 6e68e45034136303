"""Oracle: hand-made households; `tests/test_seven_states.py` has the published tables."""

import pytest
from pums_rows import ADULT, CHILD, LABELS, WIFE, described, household, one, read, text_of

from persona_lib.census import codebook, pums
from persona_lib.census.households import of_persons
from persona_lib.tables import schema
from persona_lib.tables.schema import NOT_IN_UNIVERSE

ALL_DERIVED = "household_type+family_presence+household_language"


@pytest.mark.parametrize(
    ("members", "kind", "presence"),
    [
        ([("00", "40", "1", "1"), ("01", "40", "2", "1")], "1", "4"),
        ([("00", "40", "1", "3"), ("02", "9", "2", "5"), ("02", "3", "2", "5")], "2", "3"),
        ([("00", "40", "2", "3"), ("02", "3", "2", "5")], "3", "1"),
        ([("00", "70", "2", "2"), ("07", "3", "2", "5")], "3", "4"),  # a grandchild is no own child
        ([("00", "40", "2", "3"), ("02", "17", "2", "1")], "3", "4"),  # nor is a married one
        ([("00", "40", "2", "3"), ("04", "17", "2", "5")], "3", "2"),
        ([("00", "40", "1", "5")], "4", "4"),
        ([("00", "40", "2", "5")], "6", "4"),
        ([("00", "40", "1", "5"), ("13", "41", "2", "5")], "5", "4"),
        ([("00", "40", "2", "5"), ("12", "41", "2", "5")], "7", "4"),
    ],
)
def test_hand_made_households(tmp_path, members, kind, presence):
    rows = read(tmp_path, household(*members, ESR="", COW="", INDP="", OCCP="", MIL=""))
    assert set(rows["household_type"]) == {codebook.PLAIN["HHT"][kind]}
    assert set(rows["family_presence"]) == {codebook.PLAIN["HUPAOC"][presence]}
    assert set(rows["household_derived"]) == {ALL_DERIVED}


@pytest.mark.parametrize(
    ("language", "expected"),
    [("1200", "2"), ("1170", "3"), ("1055", "3"), ("1970", "4"), ("2920", "4"), ("4500", "5"), ("6933", "5")],
)
def test_household_language_follows_the_first_speaker_in_order(tmp_path, language, expected):
    rows = household(("00", "40", "1", "1"), ("02", "15", "2", "5"), ("01", "40", "2", "1"))
    rows[1] |= {"LANX": "1", "LANP": "1110", "ENG": "1"}  # a child who speaks German comes after the wife
    rows[2] |= {"LANX": "1", "LANP": language, "ENG": "1"}
    assert set(read(tmp_path, rows)["household_language"]) == {codebook.PLAIN["HHL"][expected]}


def test_without_lanp_another_language_is_only_not_english(tmp_path):
    row = {k: v for k, v in (ADULT | {"LANX": "1", "ENG": "2"}).items() if k != "LANP"}
    assert read(tmp_path, [row])["household_language"].tolist() == ["Language other than English"]


def test_household_record_goes_before_derivation(tmp_path):
    people = [ADULT, WIFE, ADULT | {"SERIALNO": "2018HU0000002"}, ADULT | {"SERIALNO": "2018GQ0000003", "RELP": "17"}]
    homes = [
        {"SERIALNO": "2018HU0000001", "WGTP": "80", "HHT": "1", "HUPAOC": "2", "HHL": "2"},
        {"SERIALNO": "2018GQ0000003", "WGTP": "0", "HHT": "", "HUPAOC": "", "HHL": ""},
    ]
    (tmp_path / "psam_p44.csv").write_text(text_of(people), "utf-8")
    (tmp_path / "psam_h44.csv").write_text(text_of(homes), "utf-8")
    persons, households = pums.read_files([tmp_path / "psam_p44.csv", tmp_path / "psam_h44.csv"])
    assert of_persons(households, persons.head(2))["SERIALNO"].tolist() == ["2018HU0000001"], "theirs alone"
    labels = codebook.read_dictionary(LABELS)
    rows = schema.check(described(persons, households=households, dictionary=labels), "census")
    rows = rows.set_index("person_id")
    read_row, derived = rows.loc["2018-2018HU0000001-02"], rows.loc["2018-2018HU0000002-01"]
    assert (read_row["household_language"], read_row["household_derived"]) == ("Spanish", "")
    assert read_row["family_presence"] == "Own children 6 to 17 only"
    assert (derived["household_language"], derived["household_derived"]) == ("English only", ALL_DERIVED)
    assert rows.loc["2018-2018GQ0000003-01", "household_type"] == NOT_IN_UNIVERSE


def test_group_quarters_have_no_household(tmp_path):
    row = one(tmp_path, SERIALNO="2018GQ0000001", RELP="17")
    assert bool(row["is_group_quarters"])
    assert row[["household_type", "family_presence", "household_language"]].tolist() == [NOT_IN_UNIVERSE] * 3


def test_what_the_household_file_lacks_is_derived(tmp_path):
    (tmp_path / "psam_p44.csv").write_text(text_of([ADULT, WIFE, CHILD]), "utf-8")
    (tmp_path / "psam_h44.csv").write_text("SERIALNO,WGTP,HHT\n2018HU0000001,80,7\n", "utf-8")
    persons, homes = pums.read_files([tmp_path / "psam_p44.csv", tmp_path / "psam_h44.csv"])
    rows = described(persons, households=homes, dictionary=codebook.read_dictionary(LABELS))
    assert set(rows["household_type"]) == {codebook.PLAIN["HHT"]["7"]}
    assert set(rows["household_derived"]) == {"family_presence+household_language"}, "the type was read"
    assert set(rows["family_presence"]) == {"Own children under 6 only"}
    assert set(rows["household_language"]) == {"English only"}


@pytest.mark.parametrize(
    ("year", "language", "expected"),
    [
        *((2015, code, group) for code, group in (("625", "2"), ("607", "3"), ("701", "4"), ("777", "5"))),
        *((2016, code, group) for code, group in (("1200", "2"), ("1110", "3"), ("1970", "4"), ("4500", "5"))),
    ],
)
def test_language_codes_had_three_digits_until_2015(tmp_path, year, language, expected):
    row = ADULT | {"SERIALNO": "0000012", "LANX": "1", "LANP": language, "ENG": "1", "INDP": "4970"}
    made = read(tmp_path, [row], name=f"ss{year % 100}pri.csv")
    assert made["household_language"].tolist() == [codebook.PLAIN["HHL"][expected]]
