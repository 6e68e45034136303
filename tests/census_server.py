"""What a scripted census server gives: a file, a part of it, a page in its place, rows of the API."""

import json
import zipfile
from io import BytesIO
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from pums_rows import ADULT, CHILD, LABELS, WIFE, text_of

from persona_lib import cli
from persona_lib.census import columns, vintages

ROWS = [ADULT | {"SPORDER": f"{k:02d}", "PINCP": str(1_000 * k)} for k in range(1, 21)]


def zip_of(members: dict[str, str]) -> bytes:
    held = BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return held.getvalue()


WHOLE = zip_of({"psam_p44.csv": text_of(ROWS), "ACS2018_PUMS_README.pdf": "x"})


BLOCK_PAGE = b"<html><head><title>Request Rejected</title></head><body>The requested URL was rejected.</body></html>"


def page(status: int, body: bytes = BLOCK_PAGE, **headers: str):
    return lambda http: http.reply(status, body, Content_Type="text/html", **headers)


def whole(http):
    """The file, or from the byte on that is asked for if it is still the same file."""
    start = http.headers.get("Range", "")
    if start and http.headers.get("If-Range") == '"a"':
        at = int(start.removeprefix("bytes=").removesuffix("-"))
        http.reply(206, WHOLE[at:], ETag='"a"', Content_Range=f"bytes {at}-{len(WHOLE) - 1}/{len(WHOLE)}")
    else:
        http.reply(200, WHOLE, ETag='"a"', Content_Type="application/zip")


KEY = "c3ns0s-key-0123456789"
JOINED = {"HHT": "1", "HUPAOC": "1", "HHL": "1", **{weight: "9" for weight in columns.REPLICATES}}
JOINED |= dict.fromkeys(vintages.flag_columns(2018), "0")


def as_api(row: dict[str, str]) -> dict[str, str]:
    """A person as the API writes it: no leading zeros, blanks as 0, -1 or N."""
    blanks = {"OCCP": "N", "INDP": "N", "LANP": "N", "PINCP": "-19999", "SCHL": "-1"}
    spelled = {c: (v.lstrip("0") or "0") if v.isdigit() else v or blanks.get(c, "0") for c, v in row.items()}
    return spelled | JOINED | {"ADJINC": "1.013097", "SERIALNO": row["SERIALNO"]}


PEOPLE = [as_api(row) for row in (ADULT, WIFE, CHILD)]
VACANT = PEOPLE[0] | {"SERIALNO": "2018HU0000009", "SPORDER": "0"}


def names_asked_for(http) -> list[str]:
    query = parse_qs(urlsplit(http.path).query)
    assert query["for"] == ["state:44"]
    return query["get"][0].split(",")


def answer(http, people=(*PEOPLE, VACANT)):
    """The columns asked for, with the state beside them as the API puts it."""
    asked = names_asked_for(http)
    assert len(asked) <= 50
    rows = [[*asked, "state"], *([person[c] for c in asked] + ["44"] for person in people)]
    http.reply(200, json.dumps(rows).encode(), Content_Type="application/json;charset=utf-8")


def says(status: int, body: bytes = b"", **headers: str):
    return lambda http: http.reply(status, body, **headers)


def run(base: str, folder: Path, *more: str) -> int:
    words = ["census", "api", "--year", "2018", "--states", "RI", "--to", str(folder), "--base", base, "--quiet"]
    return cli.main([*words, "--dictionary", str(LABELS), *more])
