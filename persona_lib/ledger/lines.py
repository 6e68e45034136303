"""The lines of a live ledger: how one is written, checked, and told apart without reading its JSON."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from persona_lib.ledger.errors import LedgerError

FORMAT = 1
_HASH, _STATUS, _READ = slice(26, 90), b'"reply":{"status":"', 8192
_AGAIN = b',"again":true,'


def whole_lines(path: str | Path, opened: int | None = None) -> Iterator[tuple[int, int, bytes]]:
    """Number, first byte and bytes of each line after the header, checked against its sum; no torn last line."""
    start = 0
    with open(path, "rb") if opened is None else open(os.dup(opened), "rb") as file:
        file.seek(0)
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return
            check_sum(line, f"{path}: line {number}")
            if number > 1:
                yield number, start, line
            elif (form := json.loads(line).get("format")) != FORMAT:
                raise LedgerError(f"{path}: format {form}; this version reads format {FORMAT}")
            start += len(line)


def read_line(number: int, start: int, path: Path) -> dict:
    """The record of the line that begins at byte `start` of an open file."""
    size = _READ
    while not (end := (block := os.pread(number, size, start)).find(b"\n") + 1) and len(block) == size:
        size *= 4
    line = block[:end]
    check_sum(line, f"{path}: byte {start}")
    return json.loads(line)


def hash_of(line: bytes) -> str:
    """The request's hash, which stands at the same place in every line."""
    return line[_HASH].decode("ascii")


def status_of(line: bytes) -> str:
    """The reply's status: the reply is a line's last part and begins with it, and no text holds a bare quote."""
    return line[line.rindex(_STATUS) + len(_STATUS) :].split(b'"', 1)[0].decode("ascii")


def is_again(line: bytes) -> bool:
    """Whether the line holds what came when a request that had a final reply was asked again."""
    return line.startswith(_AGAIN, _HASH.stop + 1)


def line_of(record: Mapping) -> bytes:
    """A record, or the header, as a line with its sum."""
    body = json.dumps(record, separators=(",", ":"))[1:].encode()
    return b'{"crc":"%08x",%s\n' % (zlib.crc32(body), body)


def check_sum(line: bytes, where: str) -> None:
    """Raise LedgerError where a line is not what was written."""
    if line[:18] != b'{"crc":"%08x",' % zlib.crc32(line[18:-1]):
        raise LedgerError(f"{where} is damaged; restore the file from a copy, or remove that line to ask it again")
