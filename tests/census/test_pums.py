"""PUMS files on disk: what is read, and one test per way in which a file can be broken."""

import gzip

import pandas as pd
import pyarrow.parquet as pq
import pytest
from pums_rows import ADULT, CHILD, LABELS, WIFE, described, read, replicate_weights, text_of, zipped

from persona_lib.census import codebook, pums
from persona_lib.census.archives import PumsError
from persona_lib.census.columns import REPLICATES
from persona_lib.tables import schema


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
    made = schema.check(replicate_weights(pums.read_files(path)[0]), "replicates")
    assert made.shape == (1, 81) and made.loc[0, ["replicate_01", "replicate_80"]].tolist() == [-2, 77]
    path.write_text(text_of([ADULT]), "utf-8")
    assert schema.check(replicate_weights(pums.read_files(path)[0]), "replicates").empty
    del weights["PWGTP7"]
    path.write_text(text_of([ADULT | weights]), "utf-8")
    with pytest.raises(PumsError, match="column PWGTP7 is missing"):
        pums.read_files(path)


def test_lacking_required_column_names_file_and_column(tmp_path):
    with pytest.raises(PumsError, match="psam_p44.csv: column AGEP is missing"):
        read(tmp_path, [{k: v for k, v in ADULT.items() if k != "AGEP"}])


def test_numbers_are_typed_and_codes_are_text(tmp_path):
    path = tmp_path / "psam_p44.csv"
    path.write_text(text_of([ADULT | {"PWGTP": " 00087"}, CHILD]), "utf-8")
    stored = pums.extract(path, tmp_path / "records")
    table = pq.read_table(stored[0])
    assert table["PWGTP"].to_pylist() == [87, 87] and table["PINCP"].to_pylist() == [50_000, None]
    assert table["SCHL"].to_pylist() == ["21", "02"] and table["ESR"].to_pylist() == ["1", ""]
    assert {str(table.schema.field(c).type) for c in ("AGEP", "ADJINC")} == {"int32"}
    persons, _ = pums.load(stored)
    assert persons["SCHL"].dtype == "category" and persons["line"].tolist() == [2, 3]


def test_a_second_extract_leaves_nothing_of_the_first(tmp_path):
    for name, rows in (("a.csv", [ADULT]), ("b.csv", [WIFE, CHILD])):
        (tmp_path / name).write_text(text_of(rows), "utf-8")
    pums.extract([tmp_path / "a.csv", tmp_path / "b.csv"], tmp_path / "records")
    pums.extract(tmp_path / "b.csv", tmp_path / "records")
    assert [len(pq.read_table(path)) for path in (tmp_path / "records").glob("*")] == [2]


@pytest.mark.parametrize(("column", "value"), [("PWGTP", "99999999999"), ("PINCP", "1e3"), ("ADJINC", "1.01")])
def test_typed_numbers_name_their_bad_cell(tmp_path, column, value):
    path = tmp_path / "psam_p44.csv"
    path.write_text(text_of([ADULT, WIFE, CHILD | {column: value}]), "utf-8")
    with pytest.raises(PumsError, match=f"psam_p44.csv: (line 4: {column} is '{value}'|a number that is too large)"):
        pums.extract(path, tmp_path / "records")


def test_serial_numbers_of_2015_and_2016_take_their_year_from_the_name(tmp_path):
    old = ADULT | {"SERIALNO": "12", "INDP": "4970"}
    for name in ("ss15pri.csv", "ss16pri.csv"):
        (tmp_path / name).write_text(text_of([old]), "utf-8")
    packed = zipped(tmp_path / "csv_pri.zip", {"ss15pri.csv": text_of([old | {"SERIALNO": "0000013"}])})
    persons, homes = pums.read_files([tmp_path / "ss15pri.csv", tmp_path / "ss16pri.csv", packed])
    labels = codebook.read_dictionary(LABELS)
    rows = schema.check(described(persons, households=homes, dictionary=labels), "census")
    assert rows["person_id"].tolist() == [f"{y}-{y}0000000{n}-01" for y, n in ((2015, 12), (2015, 13), (2016, 12))]
    assert set(rows["occupation"]) == {"Sales"} and set(rows["survey_year"]) == {2015, 2016}
    (tmp_path / "mine.csv").write_text(text_of([old]), "utf-8")
    with pytest.raises(
        PumsError, match="mine.csv: line 2: SERIALNO is '12': a serial number without a year; name the file"
    ):
        pums.read_files(tmp_path / "mine.csv")


def test_a_year_before_2015(tmp_path):
    (tmp_path / "ss13pri.csv").write_text(text_of([ADULT | {"SERIALNO": "0000012"}]), "utf-8")
    with pytest.raises(PumsError, match="ss13pri.csv: a file of 2013; 2015 and later can be read"):
        pums.read_files(tmp_path / "ss13pri.csv")


def test_a_five_year_file_is_coded_as_its_last_year(tmp_path):
    old, new = ADULT | {"SERIALNO": "2015000000012"}, ADULT | {"SERIALNO": "2019HU0000001"}
    rows = read(tmp_path, [old, new])
    assert rows["survey_year"].tolist() == [2015, 2019] and set(rows["occupation"]) == {"Sales"}
    assert rows["job_description"].nunique() == 1  # INDP 4971 does not exist before 2018


def test_household_and_person_files_of_2016_join(tmp_path):
    (tmp_path / "ss16pri.csv").write_text(text_of([ADULT | {"SERIALNO": "12", "INDP": "4970"}]), "utf-8")
    (tmp_path / "ss16hri.csv").write_text("SERIALNO,WGTP,HHT,HUPAOC,HHL\n0000012,80,1,4,2\n", "utf-8")
    persons, homes = pums.read_files([tmp_path / "ss16pri.csv", tmp_path / "ss16hri.csv"])
    labels = codebook.read_dictionary(LABELS)
    row = described(persons, households=homes, dictionary=labels).iloc[0]
    assert (row["household_language"], row["household_derived"]) == ("Spanish", "")


def test_parts_out_of_order_are_refused_and_leave_nothing(tmp_path):
    parts = [pd.DataFrame({"draw": [k], "person_id": ["p"]}) for k in (1, 2, 2)]
    with pytest.raises(schema.SchemaError, match=r"draws: key draw = \(2,\) comes after \(2,\)"):
        schema.write_parts(parts, tmp_path / "draws.parquet", "draws")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["mine.csv", "ss15pri.csv"])
def test_the_first_row_without_a_serial_number_is_named(tmp_path, name):
    """By hand: rows 3 and 5 of the file have none; that a name has a year does not give them one."""
    rows = [ADULT | {"SERIALNO": serial, "INDP": "4970"} for serial in ("2015000000001", "X1", "2015000000002", "X2")]
    (tmp_path / name).write_text(text_of(rows), "utf-8")
    with pytest.raises(PumsError, match="line 3: SERIALNO is 'X1': no serial number; take"):
        pums.read_files(tmp_path / name)
