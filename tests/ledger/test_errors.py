"""Words for errors of the system: the system's own, and some where it has none."""

import errno
import os

import pytest

from persona_lib.ledger.errors import LedgerError, ReplayMiss, said


@pytest.mark.parametrize(
    ("error", "words"),
    [(OSError(errno.ENOSPC, "x"), os.strerror(errno.ENOSPC)), (OSError("no number"), os.strerror(errno.EIO))],
)
def test_the_systems_words(error, words):
    assert said(error) == words


def test_a_miss_is_an_error_of_a_ledger():
    assert issubclass(ReplayMiss, LedgerError)
