"""What is wrong with a ledger, or missing from it."""

from __future__ import annotations


class LedgerError(ValueError):
    """A ledger that cannot be read, written or trusted; names the file, the line or the request."""


class ReplayMiss(LedgerError):
    """A request that the ledger holds no answer to; names the nearest recorded one and the first difference."""
