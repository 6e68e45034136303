"""Oracles: the official dictionaries and published ACS totals, hand-made households, one test per trap."""

import csv
import gzip
import io
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from persona_lib import census, codebook, pums, schema
from persona_lib.pums import REPLICATES, PumsError
from persona_lib.schema import NOT_IN_UNIVERSE, UNKNOWN

ROOT = Path(__file__).parents[1]
PUMS = ROOT.parent / "shared" / "pums"
LABELS = ROOT / "data" / "reference" / "pums_labels.csv.gz"
needs_pums = pytest.mark.skipif(not PUMS.is_dir(), reason="the official PUMS files are not at hand")

ADULT = {
    **{"RT": "P", "SERIALNO": "2018HU0000001", "SPORDER": "01", "PUMA": "00100", "ST": "44", "ADJINC": "1013097"},
    **{"PWGTP": "87", "AGEP": "43", "SEX": "1", "RELP": "00", "PINCP": "50000", "RAC1P": "1", "HISP": "01"},
    **{"ANC1P": "050", "NATIVITY": "1", "CIT": "1", "POBP": "044", "LANX": "2", "LANP": "", "ENG": "", "SCHL": "21"},
    **{"ESR": "1", "COW": "1", "INDP": "4971", "OCCP": "4720", "MAR": "1", "MIL": "4", "DIS": "2", "HICOV": "1"},
    **{"DREM": "2", "DEYE": "2", "DEAR": "2", "FER": ""},
}
CHILD = ADULT | {
    **{"SPORDER": "03", "AGEP": "4", "SEX": "2", "RELP": "02", "PINCP": "", "SCHL": "02", "ESR": "", "COW": ""},
    **{"INDP": "", "OCCP": "", "MAR": "5", "MIL": "", "DREM": "", "LANX": ""},
}
WIFE = ADULT | {"SPORDER": "02", "AGEP": "41", "SEX": "2", "RELP": "01", "FER": "2"}


def text_of(rows: list[dict]) -> str:
    """Rows as a CSV text, columns in the order of the first row."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def read(tmp_path: Path, rows: list[dict], *, dictionary: Path = LABELS, name: str = "psam_p44.csv") -> pd.DataFrame:
    """The census table of hand-written PUMS rows."""
    path = tmp_path / name
    path.write_text(text_of(rows), "utf-8")
    persons, homes = pums.read_files(path)
    made = census.describe(persons, households=homes, dictionary=codebook.read_dictionary(dictionary))
    return schema.check(made, "census")


def one(tmp_path: Path, **changes: str) -> pd.Series:
    """The census row of one changed adult."""
    return read(tmp_path, [ADULT | changes]).iloc[0]


def test_an_ordinary_row_reads_in_plain_words(tmp_path):
    row = one(tmp_path)
    assert row["person_id"] == "2018-2018HU0000001-01"
    assert (row["state"], row["education"], row["race"]) == ("Rhode Island", "Bachelor's degree", "White")
    assert (row["ancestry"], row["sex"], row["marital_status"]) == ("Irish", "Male", "Married")
    assert row["job_description"] == "Cashiers; industry: Supermarkets and other grocery (except convenience) stores"
    assert (row["industry"], row["occupation"]) == ("Retail trade", "Sales")


def test_income_is_adjusted_with_six_implied_decimals(tmp_path):
    assert one(tmp_path)["income_usd"] == pytest.approx(50_654.85)  # 50,000 x 1.013097, by hand


@pytest.mark.parametrize("factor", ["1", "1.013097", ""])
def test_adjinc_is_never_one(tmp_path, factor):
    with pytest.raises(PumsError, match=r"psam_p44.csv: line 2: ADJINC is"):
        one(tmp_path, ADJINC=factor)


def test_negative_income_stays_negative_and_none_stays_zero(tmp_path):
    assert one(tmp_path, PINCP="-5000")["income_usd"] == pytest.approx(-5_065.485)
    assert one(tmp_path, PINCP="0")["income_usd"] == 0


def test_stripped_zeros_read_like_padded_codes(tmp_path):
    stripped = {"SPORDER": "1", "HISP": "1", "ANC1P": "50", "POBP": "44", "RELP": "0"}
    pd.testing.assert_series_equal(one(tmp_path), one(tmp_path, **stripped))


def test_text_that_looks_missing_is_not_missing(tmp_path):
    path = tmp_path / "psam_p44.csv"
    path.write_text(text_of([ADULT | {"PUMA": "00100", "SCHL": "01", "MIL": "NA"}]), "utf-8")
    persons, _ = pums.read_files(path)
    assert persons.loc[0, ["SCHL", "MIL", "FER"]].tolist() == ["01", "NA", ""]


@pytest.mark.parametrize("code", ["999", "000", "0", "996"])
def test_ancestry_not_reported_or_suppressed_is_unknown(tmp_path, code):
    assert one(tmp_path, ANC1P=code)["ancestry"] == UNKNOWN


def test_not_in_the_labour_force_may_have_a_last_occupation(tmp_path):
    row = one(tmp_path, ESR="6")
    assert row["occupation"] == "Sales"
    assert row["job_description"].startswith("Last job: Cashiers")


def test_never_worked_is_no_job_text(tmp_path):
    row = one(tmp_path, ESR="3", COW="9", INDP="9920", OCCP="9920")
    assert row["job_description"] == row["occupation"] == row["class_of_worker"] == codebook.NEVER_WORKED


def test_three_kinds_of_nothing_stay_apart(tmp_path):
    rows = read(tmp_path, [ADULT, WIFE, CHILD])
    man, wife, child = (rows.iloc[k] for k in range(3))
    assert (man["fertility"], wife["fertility"], child["fertility"]) == (NOT_IN_UNIVERSE, "No", NOT_IN_UNIVERSE)
    assert child["employment_status"] == child["veteran_status"] == child["cognitive_difficulty"] == NOT_IN_UNIVERSE
    assert child["marital_status"] == NOT_IN_UNIVERSE  # MAR 5 also means under 15
    assert pd.isna(child["income_usd"]) and man["english_ability"] == NOT_IN_UNIVERSE


def test_blank_inside_the_universe_is_unknown(tmp_path):
    row = one(tmp_path, SCHL="", MIL="", ESR="", DREM="")
    assert row[["education", "veteran_status", "employment_status", "cognitive_difficulty"]].tolist() == [UNKNOWN] * 4


def test_lacking_column_is_unknown_not_outside_the_universe(tmp_path):
    lacking = ("ANC1P", "FER", "ADJINC", "HISP", "OCCP", "MAR")
    row = read(tmp_path, [{k: v for k, v in ADULT.items() if k not in lacking}]).iloc[0]
    columns = ["ancestry", "fertility", "hispanic_origin", "occupation", "job_description", "marital_status"]
    assert row[columns].tolist() == [UNKNOWN] * 6
    assert pd.isna(row["income_usd"])


def test_lacking_required_column_names_file_and_column(tmp_path):
    with pytest.raises(PumsError, match="psam_p44.csv: column AGEP is missing"):
        read(tmp_path, [{k: v for k, v in ADULT.items() if k != "AGEP"}])


def test_unknown_code_names_file_line_column_and_code(tmp_path):
    with pytest.raises(PumsError, match="psam_p44.csv: line 3: SCHL is '77'"):
        read(tmp_path, [ADULT, WIFE | {"SCHL": "77"}])


@pytest.mark.parametrize(("column", "value"), [("PWGTP", ""), ("AGEP", "b"), ("PINCP", "12.5"), ("SERIALNO", "X1")])
def test_values_that_are_no_numbers_name_their_cell(tmp_path, column, value):
    with pytest.raises(PumsError, match=f"psam_p44.csv: line 2: {column} is '{value}'"):
        one(tmp_path, **{column: value})


def test_group_quarters_have_no_household(tmp_path):
    row = one(tmp_path, SERIALNO="2018GQ0000001", RELP="17")
    assert bool(row["is_group_quarters"])
    assert row[["household_type", "family_presence", "household_language"]].tolist() == [NOT_IN_UNIVERSE] * 3


def test_2017_serial_number_takes_group_quarters_from_relp(tmp_path):
    old = {"SERIALNO": "2017000000001", "ADJINC": "1011189", "INDP": "4970"}  # the industry's code until 2017
    assert bool(one(tmp_path, **old, RELP="16")["is_group_quarters"])
    assert not bool(one(tmp_path, **old)["is_group_quarters"])
    without = {k: v for k, v in ADULT.items() if k != "RELP"} | old
    with pytest.raises(PumsError, match="neither HU nor GQ"):
        read(tmp_path, [without])


def test_relshipp_and_state_of_later_years(tmp_path):
    later = {"SERIALNO": "2023HU0000001", "RELSHIPP": "20", "STATE": "44", "ADJINC": "1019518"}
    row = read(tmp_path, [{k: v for k, v in ADULT.items() if k not in ("RELP", "ST")} | later]).iloc[0]
    assert (row["relationship"], row["state"], row["survey_year"]) == ("Reference person", "Rhode Island", 2023)
    assert row["household_type"] == "Man living alone"


def test_a_label_without_its_prefix_takes_its_neighbours(tmp_path):
    assert one(tmp_path, OCCP="8000")["occupation"] == "Production"  # 2018: "Grinding, ..." without "PRD-"
    assert one(tmp_path, OCCP="1555")["occupation"] == "Architecture and engineering"


def test_same_prefix_means_two_things(tmp_path):
    row = one(tmp_path, INDP="8191", OCCP="3255")
    assert (row["industry"], row["occupation"]) == ("Health care", "Health care practitioners and technicians")


def household(*members: tuple[str, str, str, str], **changes: str) -> list[dict]:
    """A hand-made household: (RELP, AGEP, SEX, MAR) per member."""
    return [
        ADULT | {"SPORDER": f"{k:02d}", "RELP": r, "AGEP": a, "SEX": s, "MAR": m, "FER": "", **changes}
        for k, (r, a, s, m) in enumerate(members, start=1)
    ]


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
    assert rows["is_household_derived"].all()


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
    labels = codebook.read_dictionary(LABELS)
    rows = schema.check(census.describe(persons, households=households, dictionary=labels), "census")
    rows = rows.set_index("person_id")
    read_row, derived = rows.loc["2018-2018HU0000001-02"], rows.loc["2018-2018HU0000002-01"]
    assert (read_row["household_language"], read_row["is_household_derived"]) == ("Spanish", False)
    assert read_row["family_presence"] == "Own children 6 to 17 only"
    assert (derived["household_language"], derived["is_household_derived"]) == ("English only", True)
    assert rows.loc["2018-2018GQ0000003-01", "household_type"] == NOT_IN_UNIVERSE


def test_replicate_weights_may_be_negative_and_are_all_or_none(tmp_path):
    weights = {name: str(k - 2) for k, name in enumerate(REPLICATES)}
    path = tmp_path / "psam_p44.csv"
    path.write_text(text_of([ADULT | weights]), "utf-8")
    made = schema.check(census.replicate_weights(pums.read_files(path)[0]), "replicates")
    assert made.shape == (1, 81) and made.loc[0, ["replicate_01", "replicate_80"]].tolist() == [-2, 77]
    path.write_text(text_of([ADULT]), "utf-8")
    assert schema.check(census.replicate_weights(pums.read_files(path)[0]), "replicates").empty
    del weights["PWGTP7"]
    path.write_text(text_of([ADULT | weights]), "utf-8")
    with pytest.raises(PumsError, match="column PWGTP7 is missing"):
        pums.read_files(path)


def zipped(path: Path, members: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return path


def test_zip_csv_and_gz_read_alike(tmp_path):
    text = text_of([ADULT, WIFE])
    (tmp_path / "a.csv").write_text(text, "utf-8")
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(text.encode()))
    zipped(tmp_path / "csv_pri.zip", {"psam_p44.csv": text, "readme.pdf": "x"})
    frames = [pums.read_files(tmp_path / name)[0] for name in ("a.csv", "a.csv.gz", "csv_pri.zip")]
    assert frames[2]["file"].tolist() == ["csv_pri.zip/psam_p44.csv"] * 2 and frames[0]["line"].tolist() == [2, 3]
    for frame in frames[1:]:
        pd.testing.assert_frame_equal(frame.drop(columns="file"), frames[0].drop(columns="file"))


def test_national_zip_has_two_members(tmp_path):
    other = text_of([ADULT | {"SERIALNO": "2018HU0000009"}])
    path = zipped(tmp_path / "csv_pus.zip", {"psam_pusa.csv": text_of([ADULT]), "psam_pusb.csv": other})
    assert len(pums.read_files(path)[0]) == 2


def test_html_page_saved_as_zip(tmp_path):
    (tmp_path / "csv_pri.zip").write_text("\n<html><title>Request Rejected</title></html>", "utf-8")
    with pytest.raises(PumsError, match="csv_pri.zip: an HTML page"):
        pums.read_files(tmp_path / "csv_pri.zip")


def test_truncated_zip_and_gz(tmp_path):
    path = zipped(tmp_path / "csv_pri.zip", {"psam_p44.csv": text_of([ADULT] * 3)})
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(PumsError, match="csv_pri.zip: a truncated or damaged zip"):
        pums.read_files(path)
    packed = tmp_path / "a.csv.gz"
    packed.write_bytes(gzip.compress(text_of([ADULT] * 3).encode())[:-20])
    with pytest.raises(PumsError, match="a.csv.gz: a truncated or damaged file"):
        pums.read_files(packed)


def test_damaged_member(tmp_path):
    path = zipped(
        tmp_path / "csv_pri.zip", {"psam_p44.csv": text_of([ADULT | {"SPORDER": f"{k:02d}"} for k in range(90)])}
    )
    content = bytearray(path.read_bytes())
    content[200:240] = bytes(40)
    path.write_bytes(content)
    with pytest.raises(PumsError, match="csv_pri.zip/psam_p44.csv: a truncated or damaged file"):
        pums.read_files(path)


def test_zip_without_its_member_and_no_zip(tmp_path):
    with pytest.raises(PumsError, match=r"csv_pri.zip: no member psam_p\*.csv .*; it holds readme.pdf"):
        pums.read_files(zipped(tmp_path / "csv_pri.zip", {"readme.pdf": "x"}))
    (tmp_path / "x.zip").write_bytes(b"hello")
    with pytest.raises(PumsError, match="x.zip: not a zip"):
        pums.read_files(tmp_path / "x.zip")
    with pytest.raises(PumsError, match="gone.zip: no such file"):
        pums.read_files(tmp_path / "gone.zip")


def test_broken_line_and_empty_file(tmp_path):
    path = tmp_path / "psam_p44.csv"
    path.write_text(text_of([ADULT]) + "P,2018HU\n", "utf-8")
    with pytest.raises(PumsError, match="psam_p44.csv: not a PUMS table: .*Expected"):
        pums.read_files(path)
    path.write_text(text_of([ADULT]).split("\n")[0] + "\n", "utf-8")
    with pytest.raises(PumsError, match="a header without a single record"):
        pums.read_files(path)
    path.write_text("", "utf-8")
    with pytest.raises(PumsError, match="psam_p44.csv: column SERIALNO"):
        pums.read_files(path)


def test_a_file_given_twice_and_households_alone(tmp_path):
    (tmp_path / "psam_p44.csv").write_text(text_of([ADULT]), "utf-8")
    with pytest.raises(PumsError, match="line 2: person 2018HU0000001 01 was already read"):
        pums.read_files([tmp_path / "psam_p44.csv"] * 2)
    (tmp_path / "psam_h44.csv").write_text("SERIALNO,WGTP,HHT\n2018HU0000001,80,1\n", "utf-8")
    with pytest.raises(PumsError, match="psam_h44.csv: no person records"):
        pums.read_files(tmp_path / "psam_h44.csv")


def test_dictionary_that_is_none(tmp_path):
    (tmp_path / "d.csv").write_text("a,b\n1,2\n", "utf-8")
    with pytest.raises(PumsError, match="d.csv: neither the shipped labels nor"):
        codebook.read_dictionary(tmp_path / "d.csv")
    (tmp_path / "d.csv").write_text("NAME,SEX,C,1,Sex\nVAL,SEX,C,1,1,1,Male\n", "utf-8")
    with pytest.raises(PumsError, match="a dictionary without its year"):
        codebook.read_dictionary(tmp_path / "d.csv")


@needs_pums
@pytest.mark.parametrize("year", [2018, 2019, 2023])
def test_shipped_labels_are_the_official_dictionarys(year):
    """Compare the shipped labels with the official dictionary of the year, label for label."""
    official = codebook.read_dictionary(PUMS / f"PUMS_Data_Dictionary_{year}.csv")
    shipped = codebook.read_dictionary(LABELS)
    shipped = shipped[shipped["dictionary_year"] == year]
    official = official[official["variable"].isin(shipped["variable"])].reset_index(drop=True)
    both = shipped.merge(official, on=["dictionary_year", "variable", "code"], how="outer", suffixes=("", "_official"))
    words = both[["label", "label_official"]].apply(lambda c: c.str.replace(r"\s+", " ", regex=True))
    assert len(both) > 1_000 and (words["label"] == words["label_official"]).all()


@needs_pums
def test_real_rows_read_alike_by_either_dictionary():
    persons, homes = pums.read_files(PUMS / "csv_pvt.zip")
    tables = [
        census.describe(persons, households=homes, dictionary=codebook.read_dictionary(path))
        for path in (LABELS, PUMS / "PUMS_Data_Dictionary_2018.csv")
    ]
    pd.testing.assert_frame_equal(*tables)


@needs_pums
def test_2024_extract_with_stripped_codes_and_without_most_columns():
    """Codes lost their zeros, STATE stands for ST, there is no RELSHIPP, no ADJINC and no replicate weight."""
    files = [PUMS / f"national_{kind}_2024_sample10_{n}areas.csv.gz" for kind, n in (("person", 49), ("household", 51))]
    persons, homes = pums.read_files(files)
    some = persons[persons["SERIALNO"].isin(persons["SERIALNO"].drop_duplicates().iloc[::40])].reset_index(drop=True)
    labels = codebook.read_dictionary(LABELS)
    rows = schema.check(census.describe(some, households=homes, dictionary=labels), "census")
    assert set(rows["ancestry"]) == set(rows["place_of_birth"]) == set(rows["relationship"]) == {UNKNOWN}
    assert rows["income_usd"].isna().all() and census.replicate_weights(some).empty
    housed = rows[~rows["is_group_quarters"]]
    assert not housed["is_household_derived"].any()
    assert UNKNOWN not in set(housed["household_type"]) and set(housed["family_presence"]) == {UNKNOWN}
