"""Oracles: published ACS totals, hand-made persons, one test per trap of the records."""

import pandas as pd
import pytest
from pums_rows import (
    ADULT,
    CHILD,
    LABELS,
    PUMS,
    WIFE,
    described,
    needs_pums,
    one,
    read,
    replicate_weights,
    text_of,
)

from persona_lib.census import codebook, pums, records
from persona_lib.census.archives import PumsError
from persona_lib.census.columns import REPLICATES
from persona_lib.tables import schema
from persona_lib.tables.schema import NOT_IN_UNIVERSE, UNKNOWN


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


@pytest.mark.parametrize(("column", "value"), [("PWGTP", ""), ("AGEP", "b"), ("PINCP", "12.5"), ("SERIALNO", "X1")])
def test_values_that_are_no_numbers_name_their_cell(tmp_path, column, value):
    with pytest.raises(PumsError, match=f"psam_p44.csv: line 2: {column} is '{value}'"):
        one(tmp_path, **{column: value})


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


@needs_pums
def test_2024_extract_with_stripped_codes_and_without_most_columns():
    """Codes lost their zeros, STATE stands for ST, there is no RELSHIPP, no ADJINC and no replicate weight."""
    files = [PUMS / f"national_{kind}_2024_sample10_{n}areas.csv.gz" for kind, n in (("person", 49), ("household", 51))]
    persons, homes = pums.read_files(files)
    some = persons[persons["SERIALNO"].isin(persons["SERIALNO"].drop_duplicates().iloc[::40])].reset_index(drop=True)
    labels = codebook.read_dictionary(LABELS)
    rows = schema.check(described(some, households=homes, dictionary=labels), "census")
    assert set(rows["ancestry"]) == set(rows["place_of_birth"]) == set(rows["relationship"]) == {UNKNOWN}
    assert rows["income_usd"].isna().all() and replicate_weights(some).empty
    housed = rows[~rows["is_group_quarters"]]
    assert set(housed["household_derived"]) == {""}
    assert UNKNOWN not in set(housed["household_type"]) and set(housed["family_presence"]) == {UNKNOWN}


def test_parts_are_the_whole_table_in_its_order(tmp_path):
    """Three files, households torn between none of the parts; the parts are the checked table, cut."""
    weights = {name: str(k) for k, name in enumerate(REPLICATES)}
    files = []
    for k in range(3):
        homes = [{"SERIALNO": f"2018HU{n:07d}"} for n in range(k, 9, 3)]
        rows = [row | home | weights for home in reversed(homes) for row in (CHILD, ADULT, WIFE)]
        files.append(tmp_path / f"psam_p{k}.csv")
        files[-1].write_text(text_of(rows), "utf-8")
    labels = codebook.read_dictionary(LABELS)
    persons, homes = pums.load(stored := pums.extract(files, tmp_path / "records"))
    parts = list(records.describe_parts(persons, households=homes, dictionary=labels, most_unlabelled=0.01, n_rows=4))
    assert len(parts) > 3 and all(part["household_id"].isin(parts[0]["household_id"]).sum() == 0 for part in parts[1:])
    whole = schema.check(described(persons, households=homes, dictionary=labels), "census")
    assert schema.write_parts(parts, tmp_path / "census.parquet", "census") == 27
    pd.testing.assert_frame_equal(schema.read(tmp_path / "census.parquet", "census"), whole)
    schema.write_parts(records.replicate_parts(stored, persons, n_rows=5), tmp_path / "r.parquet", "replicates")
    expected = schema.check(replicate_weights(pums.read_files(files)[0]), "replicates")
    pd.testing.assert_frame_equal(schema.read(tmp_path / "r.parquet", "replicates"), expected)
