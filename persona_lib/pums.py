"""Official PUMS files as text: find the members, keep the needed columns, refuse what is not PUMS.

A blank cell stays the empty text; a column that a file does not have is missing (NaN) in its rows.
"""

from __future__ import annotations

import gzip
import os
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO

import pandas as pd
import pyarrow as pa
import pyarrow.csv as pacsv

N_REPLICATES = 80
REQUIRED = ("SERIALNO", "SPORDER", "PWGTP", "AGEP", "SEX")
OPTIONAL = (
    *("ST", "STATE", "RELP", "RELSHIPP", "ADJINC", "PINCP", "RAC1P", "HISP", "ANC1P", "NATIVITY", "CIT", "POBP"),
    *("LANX", "LANP", "ENG", "SCHL", "ESR", "COW", "INDP", "OCCP", "MAR", "MIL", "DIS", "HICOV"),
    *("DREM", "DEYE", "DEAR", "FER"),
)
REPLICATES = tuple(f"PWGTP{number}" for number in range(1, N_REPLICATES + 1))
HOUSEHOLD = ("SERIALNO", "WGTP", "HHT", "HUPAOC", "HHL")
_MEMBER = re.compile(r"(^|/)psam_[ph]\w+\.csv$", re.IGNORECASE)


class PumsError(ValueError):
    """A file or value that is not PUMS; names file, line, column and code, and what to do."""


def read_files(paths: str | os.PathLike | Iterable[str | os.PathLike]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read PUMS zips, .csv or .csv.gz files, person and household files mixed, as text.

    Every value is text, as in the file (no NA parsing, leading zeros kept). Columns `file` (file and
    member name, without folders) and `line` (line of the member, its header being 1) say where a row
    comes from.

    Parameters
    ----------
    paths : one path or several; a zip may hold several members (`psam_pusa.csv`, `psam_pusb.csv`)

    Returns
    -------
    Person rows (`REQUIRED`, those of `OPTIONAL` and `REPLICATES` that any file has) and household rows
    (`HOUSEHOLD`), in the order of the files. A column that one file lacks is NaN in its rows.

    Raises
    ------
    PumsError
        No such file; an HTML page saved as a zip; a truncated archive; no `psam_*.csv` member; a broken
        line; a required column missing; a person or household that stands in two places; no person at all.
    """
    paths = [paths] if isinstance(paths, (str, os.PathLike)) else list(paths)
    persons, households = [], []
    for path in map(Path, paths):
        for name, opened in _members(path):
            frame = _read_member(name, opened)
            (persons if "PWGTP" in frame else households).append(frame)
    if not persons:
        raise PumsError(f"{', '.join(Path(p).name for p in paths) or 'no file'}: no person records; give a csv_p file")
    found = pd.concat(persons, ignore_index=True)
    homes = pd.concat(households, ignore_index=True) if households else pd.DataFrame(columns=["SERIALNO"], dtype="str")
    _refuse_repeated(found, ["SERIALNO", "SPORDER"], "person")
    _refuse_repeated(homes, ["SERIALNO"], "household")
    return found, homes


def _refuse_repeated(rows: pd.DataFrame, key: list[str], noun: str) -> None:
    repeated = rows.duplicated(key)
    if repeated.any():
        row = rows[repeated].iloc[0]
        raise PumsError(
            f"{row['file']}: line {row['line']}: {noun} {' '.join(row[key])} was already read; is a file given twice?"
        )


def _members(path: Path) -> list[tuple[str, Callable[[], IO[bytes]]]]:
    """Name and opener of every PUMS member of one file."""
    if not path.is_file():
        raise PumsError(f"{path.name}: no such file")
    with path.open("rb") as file:
        start = file.read(512).lstrip()
    if start[:1] == b"<":
        raise PumsError(f"{path.name}: an HTML page, not a PUMS file: the server refused; download it again")
    if path.suffix.lower() == ".zip":
        return _zip_members(path, start)
    if start[:2] == b"\x1f\x8b":
        return [(path.name, lambda: gzip.open(path, "rb"))]
    return [(path.name, lambda: path.open("rb"))]


def _zip_members(path: Path, start: bytes) -> list[tuple[str, Callable[[], IO[bytes]]]]:
    if start[:2] != b"PK":
        raise PumsError(f"{path.name}: not a zip (no PK signature); download it again")
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile as error:
        raise PumsError(f"{path.name}: a truncated or damaged zip ({error}); download it again") from error
    members = sorted(name for name in names if _MEMBER.search(name))
    if not members:
        raise PumsError(f"{path.name}: no member psam_p*.csv or psam_h*.csv; it holds {', '.join(names) or 'nothing'}")
    return [(f"{path.name}/{m}", lambda m=m: zipfile.ZipFile(path).open(m)) for m in members]


def _read_member(name: str, opened: Callable[[], IO[bytes]]) -> pd.DataFrame:
    try:
        with opened() as file:
            header = file.readline().decode("utf-8-sig").strip()
        named = {column.strip().strip('"').upper(): column.strip().strip('"') for column in header.split(",")}
        wanted = _wanted(name, named)
        with opened() as file:
            table = _read_text(file, [named[column] for column in wanted])
    except (zipfile.BadZipFile, zlib.error, gzip.BadGzipFile, EOFError) as error:
        raise PumsError(f"{name}: a truncated or damaged file ({error}); download it again") from error
    except (pa.ArrowInvalid, pa.ArrowKeyError, UnicodeDecodeError) as error:
        raise PumsError(f"{name}: not a PUMS table: {str(error).splitlines()[0][:160]}") from error
    frame = table.rename_columns(wanted).to_pandas()
    if frame.empty:
        raise PumsError(f"{name}: a header without a single record; download it again")
    return frame.assign(file=name, line=range(2, len(frame) + 2))


def _wanted(name: str, named: dict[str, str]) -> list[str]:
    """The needed columns that the member has, or a sentence about the required one that it has not."""
    is_household = "WGTP" in named and "PWGTP" not in named
    required = HOUSEHOLD[:2] if is_household else REQUIRED
    if missing := [column for column in required if column not in named]:
        raise PumsError(f"{name}: column {', '.join(missing)} is missing; a PUMS person file has {', '.join(REQUIRED)}")
    if is_household:
        return [column for column in HOUSEHOLD if column in named]
    replicates = [column for column in REPLICATES if column in named]
    if replicates and len(replicates) < N_REPLICATES:
        lacking = next(column for column in REPLICATES if column not in named)
        raise PumsError(f"{name}: column {lacking} is missing; a file has all {N_REPLICATES} replicate weights or none")
    return [*REQUIRED, *(column for column in OPTIONAL if column in named), *replicates]


def _read_text(file: IO[bytes], columns: list[str]) -> pa.Table:
    return pacsv.read_csv(
        file,
        read_options=pacsv.ReadOptions(block_size=8 << 20),
        convert_options=pacsv.ConvertOptions(
            include_columns=columns,
            column_types={column: pa.string() for column in columns},
            strings_can_be_null=False,
        ),
    )
