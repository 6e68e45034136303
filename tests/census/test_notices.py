"""Sentences on the files at hand. Oracle: hand-made rows of each kind."""

import re

import pytest
from pums_rows import ADULT, text_of

from persona_lib.census import pums
from persona_lib.census.notices import notices
from persona_lib.census.vintages import flag_columns

FLAGS = dict.fromkeys(flag_columns(2018), "0")


def said(tmp_path, **files: dict) -> list[str]:
    """What is said of files of one row each."""
    for name, changed in files.items():
        (tmp_path / f"{name}.csv").write_text(text_of([ADULT | FLAGS | changed]), "utf-8")
    return notices(pums.read_files([tmp_path / f"{name}.csv" for name in files])[0])


def test_an_official_file_of_one_year_needs_none(tmp_path):
    assert said(tmp_path, a={}) == []


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"a": {"SERIALNO": "2020HU0000001"}}, "a.csv: the 1-year file of 2020 is experimental"),
        ({"a": {}, "b": {"SERIALNO": "2019HU0000001"}}, r"files of 2 releases \(2018, 2019\) are pooled"),
        ({"a": {"ST": "72"}}, "all records are of Puerto Rico"),
        ({"a": {}, "b": {"ST": "72", "SERIALNO": "2018HU0000009"}}, "1 records are of Puerto Rico"),
    ],
)
def test_each_kind_is_told(tmp_path, files, words):
    found = said(tmp_path, **files)
    assert len(found) == 1 and re.search(words, found[0])


def test_a_file_of_five_years_and_one_without_flags(tmp_path):
    rows = [ADULT | {"SERIALNO": serial} for serial in ("2015000000012", "2019HU0000001")]
    (tmp_path / "five.csv").write_text(text_of(rows), "utf-8")
    found = notices(pums.read_files(tmp_path / "five.csv")[0])
    assert [sentence.partition(";")[0] for sentence in found] == [
        "five.csv: records of 2015 to 2019",
        "five.csv: no allocation flags (F...): nothing says which values the Census Bureau filled in.",
    ]
