"""Where the record of each request is: an index on disk, so that memory does not grow with the ledger.

A dict from hash to place takes about 330 bytes an entry. This is a private SQLite database without a
name, in the machine's temporary folder: it is built when a ledger is opened and gone with its process,
keeps 2 MB of pages in memory, and takes about 50 bytes an entry on disk once these are full.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from persona_lib.ledger.errors import LedgerError


class Index:
    """File and first byte of records, by the SHA-256 (64 hexadecimal digits) of their request.

    One thread may add while another finds.

    Raises
    ------
    LedgerError
        From every method: the temporary folder is full or cannot be written. The ledger itself is whole.

    Examples
    --------
    >>> index = Index()
    >>> index.add("ab" * 32, file=3, byte=70), index.add("ab" * 32, file=4, byte=90)
    (True, False)
    >>> index.find("ab" * 32), index.find("cd" * 32), len(index)
    ((3, 70), None, 1)
    """

    def __init__(self) -> None:
        self._base = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._do("pragma journal_mode=off")  # nothing is ever taken back
        self._do("create table records (hash blob primary key, file int, byte int, is_marked int) without rowid")
        self._do(
            "begin"
        )  # and nothing is kept: one transaction to the end, so that pages are written when memory is full

    def _do(self, command: str, *values: object) -> sqlite3.Cursor:
        try:
            return self._base.execute(command, values)
        except sqlite3.Error as error:
            said = f"the index of answers in the temporary folder (SQLITE_TMPDIR): {error}"
            raise LedgerError(f"{said}; the answers so far are kept, make room there and run again") from error

    def close(self) -> None:
        """Give its memory and disk back; afterwards it can only be closed."""
        self._base.close()

    def __len__(self) -> int:
        return self._do("select count(*) from records").fetchone()[0]

    def add(self, digest: str, *, file: int, byte: int, replace: bool = False) -> bool:
        """Remember a place; false, and nothing done, if there is one for this hash that it does not `replace`."""
        how = "replace" if replace else "ignore"
        added = self._do(f"insert or {how} into records values (?, ?, ?, 0)", bytes.fromhex(digest), file, byte)
        return added.rowcount == 1

    def remove(self, digest: str) -> None:
        """Forget a place; nothing if there is none."""
        self._do("delete from records where hash = ?", bytes.fromhex(digest))

    def find(self, digest: str) -> tuple[int, int] | None:
        """File and byte of a record, None if there is none."""
        return self._do("select file, byte from records where hash = ?", bytes.fromhex(digest)).fetchone()

    def mark(self, digest: str) -> bool:
        """Choose an entry for `marked`; false if it is chosen already, or there is none."""
        chosen = self._do("update records set is_marked = 1 where hash = ? and not is_marked", bytes.fromhex(digest))
        return chosen.rowcount == 1

    def marked(self) -> Iterator[tuple[int, int]]:
        """File and byte of the chosen entries, in the order of their hashes."""
        return self._do("select file, byte from records where is_marked order by hash")

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """File and byte of all entries, in the order of their hashes."""
        return self._do("select file, byte from records order by hash")
