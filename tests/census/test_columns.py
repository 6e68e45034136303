"""Allocation flags. Oracles: hand-made rows; shares of a real file's adults counted without the library."""

import zipfile

import pandas as pd
import pytest
from pums_rows import ADULT, CHILD, PUMS, WIFE, needs_pums, read, tables_of

from persona_lib.census import columns, pums, vintages
from persona_lib.census.archives import PumsError

NONE = dict.fromkeys(vintages.flag_columns(2018), "0")
OLD = dict.fromkeys(vintages.flag_columns(2015), "0")  # without FPINCP, FDISP and FHICOVP


def test_flags_name_the_attributes_that_were_filled_in(tmp_path):
    rows = [ADULT | NONE | {"FPINCP": "1", "FOCCP": "1"}, WIFE | NONE, CHILD | NONE | {"FAGEP": "1.0", "FRACP": "01"}]
    made = read(tmp_path, rows)
    assert made["allocated"].tolist() == ["occupation+job_description+income_usd", "", "age_years+race"]
    assert set(made["unflagged"]) == {"household_language+household_type+family_presence"}


def test_a_sum_without_a_flag_takes_those_of_its_parts(tmp_path):
    rows = [ADULT | OLD | {"FWAGP": "1", "FHINS3P": "1"}, WIFE | OLD | {"FDOUTP": "1"}]
    made = read(tmp_path, rows)
    assert made["allocated"].tolist() == ["income_usd+health_insurance", "disability"]


def test_a_file_without_flags_says_so_of_every_attribute(tmp_path):
    row = read(tmp_path, [ADULT]).iloc[0]
    assert row["allocated"] == "" and set(vintages.flags()) <= set(row["unflagged"].split("+"))
    partly = read(tmp_path, [ADULT | {"FAGEP": "1", "FOCCP": "1"}]).iloc[0]
    assert partly["allocated"] == "age_years+occupation"
    assert "job_description" in partly["unflagged"].split("+")  # it has the industry in it, of which there is no flag


def test_files_with_and_without_flags_keep_their_own(tmp_path):
    for name, row in (("a.csv", ADULT | NONE | {"FSEXP": "1"}), ("b.csv", ADULT | {"SERIALNO": "2018HU0000009"})):
        (tmp_path / name).write_text(",".join(row) + "\n" + ",".join(row.values()) + "\n", "utf-8")
    persons, _ = pums.read_files([tmp_path / "a.csv", tmp_path / "b.csv"])
    assert persons[columns.ALLOCATED].tolist() == [2, 0] and persons["flags"].iloc[1] == ""


def test_a_bit_for_every_attribute():
    assert 0 < len(vintages.flags()) < 31  # bits of an int32 that are not its sign


def test_a_file_of_published_tables_is_named():
    with pytest.raises(PumsError, match="a published table of data.census.gov"):
        columns.layout("x.csv", "GEO_ID,NAME,S0101_C01_001E")


@needs_pums
def test_shares_of_allocated_values_are_those_of_a_plain_count():
    """Vermont, weighted, adults: pandas over the raw columns against the table, for each attribute with one flag."""
    with zipfile.ZipFile(PUMS / "csv_pvt.zip") as archive, archive.open("psam_p50.csv") as member:
        raw = pd.read_csv(member, dtype=str, keep_default_na=False)
    made, _ = tables_of(PUMS / "csv_pvt.zip")
    adults = raw[raw["AGEP"].astype(int) >= 18]
    weight, ours = adults["PWGTP"].astype(int), made[made["age_years"] >= 18]
    for attribute, ((flag, *others), *_) in vintages.flags().items():
        expected = weight[(adults[[flag, *others]] == "1").any(axis=1)].sum() / weight.sum()
        hit = ("+" + ours["allocated"] + "+").str.contains(f"+{attribute}+", regex=False)
        assert ours.loc[hit, "weight_persons"].sum() / ours["weight_persons"].sum() == pytest.approx(expected), (
            attribute
        )
    assert (ours["allocated"] != "").mean() > 0.3
