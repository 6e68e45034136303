"""PUMS files on disk: the CSV members of a zip, .csv or .csv.gz, and what is wrong with a file that is none."""

from __future__ import annotations

import gzip
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, cast

from persona_lib.census import sniffing

MEMBER = r"(psam_|ss\d\d)[ph]\w+\.csv"  # psam_ since 2017
LONGEST_HEADER = 1 << 16  # bytes; that of a person file of 500 columns has 4,000


class PumsError(ValueError):
    """A file or value that is not PUMS; names file, line, column and code, and what to do."""


class DamagedError(PumsError):
    """A file that broke on its way: another copy of it may be whole."""


def members(path: Path, *, name: str | None = None, form: str = MEMBER) -> list[tuple[str, Callable[[], IO[bytes]]]]:
    """Label and opener of every CSV member of one file: those of a zip whose name matches `form`, sorted.

    The label is the file's name (or `name`), for a zip with that of the member.

    Raises
    ------
    PumsError
        No such file; a file of another kind (see `sniffing`), locked or packed in a way that is not read; a zip without
        a PUMS member.
    DamagedError
        A zip that is cut short or broken.
    """
    name = name or path.name
    if path.is_dir():
        raise PumsError(f"{name}: a folder; name the files in it")
    if not path.is_file():
        raise PumsError(f"{name}: no such file")
    with path.open("rb") as file:
        start = file.read(sniffing.ENOUGH)
    if start[:2] == b"PK":
        return _zip_members(path, name, form)
    if start[:2] == b"\x1f\x8b":
        with reading(name), gzip.open(path, "rb") as unpacked:
            _refuse_foreign(unpacked.read(sniffing.ENOUGH), name)
        return [(name, lambda: cast(IO[bytes], gzip.open(path, "rb")))]  # to typeshed a GzipFile is no IO
    _refuse_foreign(start, name)
    if name.lower().endswith(".zip"):
        raise PumsError(f"{name}: not a zip (no PK signature); download it again")
    return [(name, lambda: path.open("rb"))]


def _refuse_foreign(start: bytes, label: str) -> None:
    if what := sniffing.foreign(start):
        raise PumsError(f"{label}: {what}")


def _zip_members(path: Path, name: str, form: str) -> list[tuple[str, Callable[[], IO[bytes]]]]:
    try:
        with zipfile.ZipFile(path) as archive:
            held = archive.namelist()
            if what := sniffing.foreign_zip(held):
                raise PumsError(f"{name}: {what}")
            found = sorted(m for m in held if re.fullmatch(form, m.rsplit("/", 1)[-1], re.IGNORECASE))
            if not found:
                wanted = (
                    "psam_p*.csv or psam_h*.csv (ss??p*.csv until 2016)" if form == MEMBER else f"of the form {form}"
                )
                raise PumsError(f"{name}: no member {wanted}; it holds {', '.join(held[:9]) or 'nothing'}")
            for member in found:
                label = f"{name}/{member}"
                if archive.getinfo(member).flag_bits & 1:
                    raise PumsError(f"{label}: locked with a password; unpack it and give the .csv")
                with reading(label), archive.open(member) as file:
                    _refuse_foreign(file.read(sniffing.ENOUGH), label)
    except zipfile.BadZipFile as error:
        raise DamagedError(f"{name}: a truncated or damaged zip ({error}); download it again") from error
    except NotImplementedError as error:
        raise PumsError(
            f"{name}: a zip packed in a way that Python cannot read ({error}); unpack it and give the .csv"
        ) from error
    return [(f"{name}/{member}", partial(_opened, path, member)) for member in found]


def _opened(path: Path, member: str) -> IO[bytes]:
    return zipfile.ZipFile(path).open(member)


def first_line(file: IO[bytes], label: str) -> bytes:
    """The header of a member, read with a bound: a small zip may hold a line that fills the memory.

    Raises
    ------
    PumsError
        The first line is longer than any header.
    """
    line = file.readline(LONGEST_HEADER + 1)
    if len(line) > LONGEST_HEADER:
        raise PumsError(f"{label}: its first line is longer than {LONGEST_HEADER:,} bytes: no PUMS file")
    return line


@contextmanager
def reading(label: str) -> Iterator[None]:
    """Say `DamagedError` for whatever a broken zip or gzip raises while it is read."""
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, gzip.BadGzipFile, EOFError) as error:
        raise DamagedError(f"{label}: a truncated or damaged file ({error}); download it again") from error
