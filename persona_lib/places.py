"""Where the record of each request is: a table of whole numbers that grows to millions of entries.

A dict from hash to place takes about 330 bytes an entry; this takes 36 to 72, so that a ledger of a
million answers is open in the memory of one of ten thousand.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator

import numpy as np

_FILE_BIT = 44  # a place is the number of a file above the first byte in it, which may be 16 TiB


class Places:
    """First byte and file of records, by the SHA-256 (64 hexadecimal digits) of their request.

    Half of the digits tell entries apart: among a million, two share them with a chance of 10^-27.
    A byte is 1 or more: at 0 there is a header.

    Examples
    --------
    >>> places = Places()
    >>> places.add("ab" * 32, file=3, byte=70), places.add("ab" * 32, file=4, byte=90)
    (True, False)
    >>> places.find("ab" * 32), places.find("cd" * 32), len(places)
    ((3, 70), None, 1)
    """

    def __init__(self) -> None:
        self._n = 0
        self._make(1 << 10)

    def _make(self, n_slots: int) -> None:
        self._high, self._low, self._values = (array("Q", bytes(8 * n_slots)) for _ in range(3))
        self._mask = n_slots - 1

    def __len__(self) -> int:
        return self._n

    def _slot(self, high: int, low: int) -> int:
        """Where the entry is, or the free slot where it would be."""
        slot = high & self._mask
        while self._values[slot] and (self._high[slot] != high or self._low[slot] != low):
            slot = (slot + 1) & self._mask
        return slot

    def add(self, digest: str, *, file: int, byte: int) -> bool:
        """Remember a place; false, and nothing done, if there is one for this hash."""
        high, low = _key(digest)
        slot = self._slot(high, low)
        if self._values[slot]:
            return False
        self._high[slot], self._low[slot], self._values[slot] = high, low, (file << _FILE_BIT | byte) << 1
        self._n += 1
        if 3 * self._n > 2 * len(self._values):
            self._grow()
        return True

    def find(self, digest: str) -> tuple[int, int] | None:
        """File and byte of a record, None if there is none."""
        value = self._values[self._slot(*_key(digest))]
        return _place(value) if value else None

    def mark(self, digest: str) -> None:
        """Choose an entry for `marked`; nothing if there is none."""
        slot = self._slot(*_key(digest))
        if self._values[slot]:
            self._values[slot] |= 1

    def marked(self) -> Iterator[tuple[int, int]]:
        """File and byte of the chosen entries, in the order of their hashes."""
        high, low, values = (np.frombuffer(part, "u8") for part in (self._high, self._low, self._values))
        chosen = np.flatnonzero(values & 1)
        order = np.lexsort((low[chosen], high[chosen]))
        return (_place(value) for value in array("Q", values[chosen][order].tobytes()))

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return (_place(value) for value in self._values if value)

    def _grow(self) -> None:
        old = zip(self._high, self._low, self._values, strict=True)
        self._make(2 * len(self._values))
        for high, low, value in old:
            if value:
                slot = self._slot(high, low)
                self._high[slot], self._low[slot], self._values[slot] = high, low, value


def _key(digest: str) -> tuple[int, int]:
    return int(digest[:16], 16), int(digest[16:32], 16)


def _place(value: int) -> tuple[int, int]:
    return value >> (_FILE_BIT + 1), (value >> 1) & ((1 << _FILE_BIT) - 1)
