"""What a file is that is no PUMS table, told by its first bytes or its header, and what to do about it."""

from __future__ import annotations

import csv
import re
from collections.abc import Collection

ENOUGH = 512  # bytes from the start of a file that tell its kind; a tar says its name at 257
_PACKED = "unpack it and give the .csv, or the zip as the Census Bureau publishes it"
_AS_CSV = "save it as CSV in UTF-8, every column as text, or give the Census Bureau's own zip"
_BUREAU = "download csv_p*.zip of the Census Bureau (persona census download)"
_KINDS = (
    (b"7z\xbc\xaf\x27\x1c", f"a 7z archive; {_PACKED}"),
    (b"BZh", f"a bzip2 file; {_PACKED}"),
    (b"\xfd7zXZ\x00", f"an xz file; {_PACKED}"),
    (b"\x28\xb5\x2f\xfd", f"a zstd file; {_PACKED}"),
    (b"Rar!", f"a RAR archive; {_PACKED}"),
    (b"PAR1", f"a Parquet file; PUMS files are CSV: {_BUREAU}"),
    (b"%PDF", f"a PDF document, not data; {_BUREAU}"),
    (b"\xff\xfe", "a text in UTF-16; save it as UTF-8"),
    (b"\xfe\xff", "a text in UTF-16; save it as UTF-8"),
    (b"\xd0\xcf\x11\xe0", f"an Excel workbook (.xls); {_AS_CSV}"),
    (b"SQLite format 3", f"an SQLite database; {_AS_CSV}"),
    (b"\x00" * 12 + b"\xc2\xea\x81\x60", f"a SAS data set; download the CSV version: {_BUREAU}"),
    (b"$FL2", f"an SPSS file; {_AS_CSV}"),
    (b"<stata_dta>", f"a Stata file; {_AS_CSV}"),
    (b"RDX3\n", f"a file of R; {_AS_CSV}"),
    (b"RDX2\n", f"a file of R; {_AS_CSV}"),
)
_IPUMS = "an IPUMS extract: its variables and codes are IPUMS's own and are not read here; " + _BUREAU


def foreign(start: bytes) -> str | None:
    """What a file is that begins with these bytes and cannot be read, with what to do; None if it may be a table.

    Examples
    --------
    >>> foreign(b"%PDF-1.7 ...").partition(",")[0], foreign(b"SERIALNO,SPORDER,PWGTP")
    ('a PDF document', None)
    """
    for mark, words in _KINDS:
        if start.startswith(mark):
            return words
    if start[257:262] == b"ustar":
        return f"a tar archive; {_PACKED}"
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text[:1] == b"<":
        return _page(text)
    if text[:2] in (b"[[", b"[{") or text[:1] == b"{":
        return "JSON, as the Census API answers; let `persona census api` fetch it, which writes it as a table"
    if re.match(rb"(?:error:|\"?error\"?\s*:)", text, re.IGNORECASE):
        said = " ".join(text[:120].decode("utf-8", "replace").split())
        return f"an error of the Census API ({said}); ask anew with `persona census api`"
    if re.match(rb"NAME,\w+,[CN],", text):
        return "a data dictionary, not data; name it under census.dictionary (DICTIONARY=)"
    if b"\x00" in start:
        return f"no text; {_BUREAU}"
    line = text.partition(b"\n")[0].rstrip()
    if len(line) >= 40 and re.fullmatch(rb"[\d ]+", line):
        return f"a table of fixed width, as IPUMS makes them: {_IPUMS}"
    return None


def _page(text: bytes) -> str:
    """The kinds of pages that stand in for a file."""
    lower = text.lower()
    for words, what in (
        (b"invalid key", "the Census API's page about an invalid key; activate your key, then ask anew"),
        (b"missing key", "the Census API's page about a missing key; put yours into CENSUS_API_KEY, then ask anew"),
        (b"<ddi", f"a codebook in XML, as IPUMS makes them: {_IPUMS}"),
        (b"<codebook", f"a codebook in XML, as IPUMS makes them: {_IPUMS}"),
        (b"<?xml", f"XML; {_AS_CSV}"),
    ):
        if words in lower:
            return what
    said = " ('Request Rejected')" if b"request rejected" in lower else ""
    return f"an HTML page{said}, not a PUMS file: the server refused; download it again"


def foreign_zip(names: Collection[str]) -> str | None:
    """What a zip with these members is that holds no table, with what to do; None if it may hold one.

    Examples
    --------
    >>> foreign_zip(["[Content_Types].xml", "xl/workbook.xml"]).partition(";")[0]
    'an Excel workbook (.xlsx)'
    """
    if "[Content_Types].xml" in names:
        kind = "an Excel workbook (.xlsx)" if any(name.startswith("xl/") for name in names) else "an Office document"
        return f"{kind}; {_AS_CSV}"
    return None


def header_of(line: str) -> tuple[str, list[str]]:
    """The delimiter of a header (comma, semicolon, tab or bar) and its names, without quotes and blanks.

    Examples
    --------
    >>> header_of('"SERIALNO";"SPORDER";PWGTP')
    (';', ['SERIALNO', 'SPORDER', 'PWGTP'])
    """
    delimiter = max(",;\t|", key=line.count)
    return delimiter, [name.strip() for name in next(csv.reader([line], delimiter=delimiter), [])]


def foreign_header(columns: Collection[str]) -> str | None:
    """What a table with these columns (in capitals) is, if it is one that people take for PUMS; else None."""
    if {"SERIAL", "PERNUM"} <= set(columns) or ("YEAR" in columns and {"PERWT", "HHWT"} & set(columns)):
        return _IPUMS
    if {"GEO_ID", "NAME"} <= set(columns):
        return f"a published table of data.census.gov, not microdata; {_BUREAU}"
    return None
