"""Packed ledgers: the lines of a live ledger whose stage is sealed, compressed to a sixth.

A pack is `{stage}-{shard}-of-{of}.{number}.jsonl.gz`, and `zcat` reads it. Its gzip members hold `LINES` lines each, so
that one line is found without the others. Only a run that asks nobody but the simulator packs: the books of what was
paid, and of batches under way, count bytes of the live ledger.
"""

from __future__ import annotations

import glob
import itertools
import os
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from persona_lib.ledger.errors import LedgerError
from persona_lib.ledger.lines import check_sum
from persona_lib.tables.files import whole

SUFFIX = ".jsonl.gz"
LINES = 16  # of a member
_GZIP = 31  # how zlib writes and reads the header and the sum of gzip
_OFFSET = 1 << 24  # a place is the member's first byte times this, plus that of the line within the member
_READ = 1 << 16


def write(lines: Iterable[bytes], path: Path) -> None:
    """Write lines, each with its end, to a pack, whole or not at all."""
    lines = iter(lines)
    with whole(path, private=True) as half, half.open("wb") as file:
        while member := b"".join(itertools.islice(lines, LINES)):
            packer = zlib.compressobj(1, wbits=_GZIP)
            file.write(packer.compress(member) + packer.flush())


class Pack:
    """An open pack; it stays readable when its file is replaced.

    Raises
    ------
    LedgerError
        From every method: the file is damaged; names it.
    """

    def __init__(self, path: Path) -> None:
        self.path, self._file = path, os.open(path, os.O_RDONLY)
        self._start, self._member = -1, b""

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Every line, with its place."""
        start, size = 0, os.fstat(self._file).st_size
        while start < size:
            member, length = self._read(start)
            at = 0
            for line in member.splitlines(keepends=True):
                yield start * _OFFSET + at, line
                at += len(line)
            start += length

    def line(self, place: int) -> bytes:
        """The line at a place."""
        start, at = divmod(place, _OFFSET)
        if start != self._start:
            self._member, self._start = self._read(start)[0], start
        return self._member[at : self._member.index(b"\n", at) + 1]

    def _read(self, start: int) -> tuple[bytes, int]:
        """What one member holds, and its length in the file."""
        opener, parts, at = zlib.decompressobj(_GZIP), [], start
        while not opener.eof:
            if not (block := os.pread(self._file, _READ, at)):
                raise LedgerError(f"{self.path} ends within a member at byte {start}; restore the file from a copy")
            try:
                parts.append(opener.decompress(block))
            except zlib.error as error:
                said = f"{self.path}: the member at byte {start} is damaged ({error})"
                raise LedgerError(f"{said}; restore the file, or delete it to ask its lines again") from error
            at += len(block)
        return b"".join(parts), at - len(opener.unused_data) - start


def of_stage(folder: Path, stage: str) -> list[Path]:
    """The packs of all shards of a stage, the older ones of a shard first."""
    return sorted(folder.glob(f"{stage}-*-of-*{SUFFIX}"))


def of_ledger(ledger: Path) -> list[Path]:
    """The packs of one live ledger, the older ones first."""
    return sorted(ledger.parent.glob(f"{glob.escape(ledger.stem)}.*{SUFFIX}"))


def following(ledger: Path) -> Path:
    """Where the next pack of a live ledger goes."""
    return ledger.with_name(f"{ledger.stem}.{len(of_ledger(ledger)):04d}{SUFFIX}")


def whole_lines(path: Path) -> Iterator[tuple[int, int, bytes]]:
    """Number, place and bytes of each line of a pack, checked against its sum."""
    pack = Pack(path)
    try:
        for number, (place, line) in enumerate(pack.lines(), start=1):
            check_sum(line, f"{path}: line {number}")
            yield number, place, line
    finally:
        pack.close()
