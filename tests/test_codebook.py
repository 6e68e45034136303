"""Oracles: the official dictionaries, and hand-made excerpts of the older ones."""

import pandas as pd
import pytest
from pums_rows import ADULT, LABELS, PUMS, WIFE, needs_pums, one, read

from persona_lib import census, codebook, pums
from persona_lib.archives import PumsError


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


def test_a_label_without_its_prefix_takes_its_neighbours(tmp_path):
    assert one(tmp_path, OCCP="8000")["occupation"] == "Production"  # 2018: "Grinding, ..." without "PRD-"
    assert one(tmp_path, OCCP="1555")["occupation"] == "Architecture and engineering"


def test_same_prefix_means_two_things(tmp_path):
    row = one(tmp_path, INDP="8191", OCCP="3255")
    assert (row["industry"], row["occupation"]) == ("Health care", "Health care practitioners and technicians")


def test_unknown_code_names_file_line_column_and_code(tmp_path):
    with pytest.raises(PumsError, match="psam_p44.csv: line 3: SCHL is '77'"):
        read(tmp_path, [ADULT, WIFE | {"SCHL": "77"}])
