"""Kinds of files that people take for PUMS: each is named in one line with what to do, or read, and leaves nothing.

Oracles: the magic numbers of the formats, written by their own libraries where they are at hand, and hand-made rows.
"""

import bz2
import gzip
import io
import lzma
import tarfile

import pandas as pd
import pyarrow.parquet as pq
import pytest
from pums_rows import ADULT, CHILD, LABELS, WIFE, described, read_labels, text_of, zipped

from persona_lib.census import pums
from persona_lib.census.archives import PumsError

TEXT = text_of([ADULT, WIFE, CHILD])


def tar(name: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        member = tarfile.TarInfo(name)
        member.size = len(TEXT)
        archive.addfile(member, io.BytesIO(TEXT.encode()))
    return out.getvalue()


def parquet() -> bytes:
    out = io.BytesIO()
    pd.DataFrame([ADULT]).to_parquet(out)
    return out.getvalue()


def zip_of(names: list[str], tmp_path) -> bytes:
    return zipped(tmp_path / "made", {name: "x" for name in names}).read_bytes()


def locked(tmp_path) -> bytes:
    """A zip that says of its member that it is encrypted, in both headers."""
    content = bytearray(zipped(tmp_path / "made", {"psam_p44.csv": TEXT}).read_bytes())
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


def otherwise_packed(tmp_path) -> bytes:
    """The same with a way of packing, Deflate64, that Python cannot undo."""
    content = bytearray(zipped(tmp_path / "made", {"psam_p44.csv": TEXT}).read_bytes())
    content[8] = content[content.index(b"PK\x01\x02") + 10] = 9
    return bytes(content)


IPUMS = "YEAR,SAMPLE,SERIAL,CBSERIAL,HHWT,GQ,PERNUM,PERWT,AGE,SEX\n2018,201801,1,2018010000001,80,1,1,87,43,1\n"
SERIAL = "lost; take the file as the Census Bureau publishes it"
KINDS = {
    "7z": (b"7z\xbc\xaf\x27\x1c\x00\x04", "a 7z archive; unpack it"),
    "bz2": (bz2.compress(TEXT.encode()), "a bzip2 file; unpack it"),
    "xz": (lzma.compress(TEXT.encode()), "an xz file; unpack it"),
    "tar": (tar("psam_p44.csv"), "a tar archive; unpack it"),
    "tar.gz": (gzip.compress(tar("psam_p44.csv")), "a tar archive; unpack it"),
    "rar": (b"Rar!\x1a\x07\x01\x00", "a RAR archive; unpack it"),
    "password": (locked, "psam_p44.csv: locked with a password; unpack it"),
    "deflate64": (otherwise_packed, "packed in a way that Python cannot read .*; unpack it"),
    "parquet": (parquet(), "a Parquet file; PUMS files are CSV: download"),
    "xlsx": (lambda p: zip_of(["[Content_Types].xml", "xl/workbook.xml"], p), r"workbook \(.xlsx\); save it as CSV"),
    "xls": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", r"an Excel workbook \(.xls\); save it as CSV"),
    "pdf": (b"%PDF-1.7\n", "a PDF document, not data; download"),
    "utf-16": (TEXT.encode("utf-16"), "a text in UTF-16; save it as UTF-8"),
    "utf-16 without a mark": (TEXT.encode("utf-16-le"), "no text; download"),
    "stata": (b"<stata_dta><header>", "a Stata file; save it as CSV"),
    "sas": (bytes(12) + b"\xc2\xea\x81\x60\xb3\x14\x11\xcf", "a SAS data set; download the CSV version"),
    "spss": (b"$FL2@(#) SPSS", "an SPSS file; save it as CSV"),
    "r": (gzip.compress(b"RDX3\nX\n"), "a file of R; save it as CSV"),
    "blocked": (b"<html><title>Request Rejected</title>", r"page \('Request Rejected'\), not a PUMS file: "),
    "invalid key": (b"<html><head><title>Invalid Key</title>", "page about an invalid key; activate your key"),
    "missing key": (b"<html><head><title>Missing Key</title>", "about a missing key; put yours into CENSUS_API_KEY"),
    "api page": (b'[["SERIALNO","SPORDER"],\n["2018HU0000001","1"]]', "JSON, as the Census API .*`persona census api`"),
    "api error": (b"error: unknown variable 'RELP'", r"an error of the Census API \(error: unknown variable 'RELP'\)"),
    "ipums": (IPUMS.encode(), "an IPUMS extract: .*are not read here; download"),
    "ipums fixed": (b"2018010000001" * 9 + b"\n", "a table of fixed width, as IPUMS makes them"),
    "ipums codebook": (b'<?xml version="1.0"?><codeBook xmlns="ddi:codebook:2_5">', "a codebook in XML, as IPUMS"),
    "dictionary": (b'NAME,RT,C,1,"Record Type"\nVAL,RT,C,1,"H","H","x"\n', "a data dictionary, not data; name it"),
    "published table": (b"GEO_ID,NAME,S0101_C01_001E\n1,2,3\n", "a published table of data.census.gov"),
    "serials as 2.018E+12": (text_of([ADULT | {"SERIALNO": "2.018E+12"}]).encode(), SERIAL),
    "serials without a year": (
        text_of([ADULT | {"SERIALNO": "12"}]).encode(),
        r"a serial number without a year; name the file as .*ss15pri.csv.*2015000000012",
    ),
    "negative weights": (text_of([ADULT, WIFE | {"PWGTP": "-3"}]).encode(), "line 3: PWGTP is -3: a weight is never"),
    "an age of 130": (text_of([ADULT, WIFE | {"AGEP": "130"}]).encode(), "line 3: AGEP is 130: an age is 0 to 99"),
    "an age of -1": (text_of([ADULT | {"AGEP": "-1"}]).encode(), "line 2: AGEP is -1: an age is 0 to 99"),
    "half a number": (text_of([ADULT, WIFE | {"AGEP": "41.5"}]).encode(), "line 3: AGEP is '41.5': not a whole number"),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_named_in_one_line_and_leaves_nothing(kind, tmp_path):
    content, words = KINDS[kind]
    path = tmp_path / "my file.csv"
    path.write_bytes(content(tmp_path) if callable(content) else content)
    with pytest.raises(PumsError, match=f"^my file.csv.*{words}|^my file.csv: line .*{words}") as caught:
        pums.load(pums.extract(path, tmp_path / "records"))
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400
    for stored in (tmp_path / "records").glob("*"):  # rows that `load` refuses were read as a whole
        assert pq.read_table(stored).num_rows == content.count(b"\n") - 1
    with pytest.raises(PumsError, match=words):
        persons, homes = pums.read_files(path)
        described(persons, households=homes, dictionary=read_labels(LABELS))


def test_a_folder_and_a_file_that_is_not_there(tmp_path):
    with pytest.raises(PumsError, match="a folder; name the files in it"):
        pums.read_files(tmp_path)
    with pytest.raises(PumsError, match="gone.csv: no such file"):
        pums.read_files(tmp_path / "gone.csv")


def saved_by_numbers(row: dict[str, str]) -> dict[str, str]:
    """The row as a program writes it that took every number for a measurement: 021 as 21.0."""
    return {c: f"{int(v)}.0" if v.isdigit() else v for c, v in row.items()}


@pytest.mark.parametrize(
    "text",
    [
        TEXT.replace(",", ";"),
        TEXT.replace(",", "\t"),
        TEXT.replace(",", "|"),
        text_of([saved_by_numbers(row) for row in (ADULT, WIFE, CHILD)]),
        "\ufeff" + "\r\n".join(",".join(f'"{v}"' for v in line.split(",")) for line in TEXT.splitlines()),
    ],
    ids=["semicolons", "tabs", "bars", "21.0", "quoted"],
)
def test_tables_in_other_dress_read_like_the_file_itself(text, tmp_path):
    tables = []
    for name, content in (("mine.csv", text), ("psam_p44.csv", TEXT)):
        (tmp_path / name).write_text(content, "utf-8", newline="")
        for persons, homes in (
            pums.load(pums.extract(tmp_path / name, tmp_path / "records")),
            pums.read_files(tmp_path / name),
        ):
            tables.append(described(persons, households=homes, dictionary=read_labels(LABELS)))
    for table in tables[1:]:
        pd.testing.assert_frame_equal(table, tables[0])
