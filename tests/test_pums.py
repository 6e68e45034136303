"""PUMS files on disk: what is read, and one test per way in which a file can be broken."""

import gzip

import pandas as pd
import pytest
from pums_rows import ADULT, WIFE, read, text_of, zipped

from persona_lib import census, pums, schema
from persona_lib.archives import PumsError
from persona_lib.pums import REPLICATES


def test_text_that_looks_missing_is_not_missing(tmp_path):
    path = tmp_path / "psam_p44.csv"
    path.write_text(text_of([ADULT | {"PUMA": "00100", "SCHL": "01", "MIL": "NA"}]), "utf-8")
    persons, _ = pums.read_files(path)
    assert persons.loc[0, ["SCHL", "MIL", "FER"]].tolist() == ["01", "NA", ""]


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


def test_lacking_required_column_names_file_and_column(tmp_path):
    with pytest.raises(PumsError, match="psam_p44.csv: column AGEP is missing"):
        read(tmp_path, [{k: v for k, v in ADULT.items() if k != "AGEP"}])
