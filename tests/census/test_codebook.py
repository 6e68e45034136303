"""Oracles: the official dictionaries, and hand-made excerpts of the older ones."""

import pandas as pd
import pytest
from pums_rows import ADULT, LABELS, PUMS, WIFE, described, needs_pums, one, read, text_of

from persona_lib.census import codebook, pums
from persona_lib.census.archives import PumsError


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
    shipped = shipped[(shipped["dictionary_year"] == year) & (shipped["first_year"] == year)]
    official = official[official["variable"].isin(shipped["variable"])].reset_index(drop=True)
    both = shipped.merge(official, on=["dictionary_year", "variable", "code"], how="outer", suffixes=("", "_official"))
    words = both[["label", "label_official"]].apply(lambda c: c.str.replace(r"\s+", " ", regex=True))
    assert len(both) > 1_000 and (words["label"] == words["label_official"]).all()


@needs_pums
def test_real_rows_read_alike_by_either_dictionary():
    persons, homes = pums.read_files(PUMS / "csv_pvt.zip")
    tables = [
        described(persons, households=homes, dictionary=codebook.read_dictionary(path))
        for path in (LABELS, PUMS / "PUMS_Data_Dictionary_2018.csv")
    ]
    pd.testing.assert_frame_equal(*tables)


def test_a_label_without_its_prefix_takes_its_neighbours(tmp_path):
    assert one(tmp_path, OCCP="8000")["occupation"] == "Production"  # 2018: "Grinding, ..." without "PRD-"
    assert one(tmp_path, OCCP="1555")["occupation"] == "Architecture and engineering"


def test_same_prefix_means_two_things(tmp_path):
    row = one(tmp_path, INDP="8191", OCCP="3255")
    assert (row["industry"], row["occupation"]) == ("Health care", "Health care practitioners and technicians")


def test_unknown_code_names_file_line_column_and_code(tmp_path):
    with pytest.raises(PumsError, match="psam_p44.csv: line 3: SCHL is '77'"):
        read(tmp_path, [ADULT, WIFE | {"SCHL": "77"}])


TEXT = """2015 ACS PUMS DATA DICTIONARY
October 20, 2016

PERSON RECORD

SERIALNO   7
    Housing unit/GQ person serial number
           0000001..9999999 .Unique identifier

SEX        1
    Sex
           1 .Male
           2 .Female

Note: a line that is no value, though it ends with 1
SCHL       2
    Educational attainment
           bb .N/A (less than 3 years old)
           01 .No schooling completed
           21 .Bachelor's degree

RAC1P      1
    Recoded detailed race code
           5 .American Indian and Alaska Native tribes specified; or American
             .Indian or Alaska native, not specified and no other
             .races

PINCP      7
    Total person's income (signed)
           000000 .None
           -00001..-19998 .Loss
\t0000001..4209995 .Income
OCCP       Character 4
    Occupation
           0010 .MGR-Chief Executives And Legislators
"""


def test_text_layout_of_the_older_dictionaries(tmp_path):
    (tmp_path / "PUMSDataDict15.txt").write_text(TEXT, "utf-8")
    found = codebook.read_dictionary(tmp_path / "PUMSDataDict15.txt")
    labels = {(r.variable, r.code): r.label for r in found.itertuples()}
    assert set(found["dictionary_year"]) == {2015} and len(found) == 7
    assert labels["SEX", "2"] == "Female" and labels["SCHL", "1"] == "No schooling completed"
    race = "American Indian and Alaska Native tribes specified; or American Indian or Alaska native, not specified"
    assert labels["RAC1P", "5"] == f"{race} and no other races"
    assert labels["OCCP", "10"] == "MGR-Chief Executives And Legislators" and labels["PINCP", "0"] == "None"


def test_year_of_a_text_dictionary(tmp_path):
    for name, text, year in (
        ("d.txt", TEXT.replace("2015 ACS", "2012-2016 ACS 5-year"), 2016),
        ("PUMSDataDict16.txt", TEXT.split("\n", 1)[1], 2016),
    ):
        (tmp_path / name).write_text(text, "utf-8")
        assert set(codebook.read_dictionary(tmp_path / name)["dictionary_year"]) == {year}
    (tmp_path / "d.txt").write_text(TEXT.split("\n", 1)[1], "utf-8")
    with pytest.raises(PumsError, match="d.txt: a dictionary without its year"):
        codebook.read_dictionary(tmp_path / "d.txt")


def test_labels_never_cross_a_change_of_the_code_list(tmp_path):
    """4720 are cashiers in 2018; a dictionary of 2018 must not say so of a file of 2017."""
    rows = [("SERIALNO", "2018HU0000001", "x"), ("OCCP", "4720", "SAL-Cashiers"), ("SCHL", "21", "Bachelor's degree")]
    text = "".join(f"NAME,{v},C,1,{v}\nVAL,{v},C,1,{c},{c},{label}\n" for v, c, label in rows)
    (tmp_path / "d.csv").write_text(text, "utf-8")
    labels = codebook.read_dictionary(tmp_path / "d.csv")
    assert codebook.codes(labels, year=2018)["OCCP"] == codebook.codes(labels, year=2024)["OCCP"] != {}
    assert "OCCP" not in codebook.codes(labels, year=2017) and codebook.codes(labels, year=2015)["SCHL"]
    columns = ("SERIALNO", "SPORDER", "PWGTP", "AGEP", "SEX", "OCCP", "ESR")
    row = {c: ADULT[c] for c in columns} | {"SERIALNO": "2017000000001", "SEX": "", "ESR": "", "RELP": "16"}
    labels = pd.concat([labels, labels.assign(variable="RELP", code="16", label="Institutionalized")])
    (tmp_path / "psam_p44.csv").write_text(text_of([row]), "utf-8")
    persons, homes = pums.read_files(tmp_path / "psam_p44.csv")
    with pytest.raises(PumsError, match="OCCP is '4720': .* give that of 2017 or earlier"):
        described(persons, households=homes, dictionary=labels)
