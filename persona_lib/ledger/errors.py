"""What is wrong with a ledger, or missing from it."""

from __future__ import annotations

import errno
import os


class LedgerError(ValueError):
    """A ledger that cannot be read, written or trusted; names the file, the line or the request."""


class ReplayMiss(LedgerError):
    """A request that the ledger holds no answer to; names the nearest recorded one and the first difference."""


def said(error: OSError) -> str:
    """The system's words for an error; those of a failed input or output where it has no number."""
    return os.strerror(error.errno or errno.EIO)
