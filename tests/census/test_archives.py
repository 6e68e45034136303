"""PUMS files on disk: one test per way in which a file can be none."""

import gzip
import tracemalloc

import pytest
from pums_rows import ADULT, text_of, zipped

from persona_lib.census import pums
from persona_lib.census.archives import PumsError


def test_html_page_saved_as_zip(tmp_path):
    (tmp_path / "csv_pri.zip").write_text("\n<html><title>Request Rejected</title></html>", "utf-8")
    with pytest.raises(PumsError, match="csv_pri.zip: an HTML page \\('Request Rejected'\\)"):
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


def test_a_first_line_without_an_end_is_not_read_into_memory(tmp_path):
    """50 MB of one letter, in a zip of 50 kB: the oracle is the peak of what Python allocates."""
    path = zipped(tmp_path / "csv_pri.zip", {"psam_p44.csv": "x" * 50_000_000})
    tracemalloc.start()
    with pytest.raises(PumsError, match="psam_p44.csv: its first line is longer than 65,536 bytes: no PUMS file"):
        pums.read_files(path)
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()
