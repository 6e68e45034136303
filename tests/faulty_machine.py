"""Faults of the machine that asks: a clock that jumps, a disk that fills up; at an answer of one's choice.

A clock jumps as clocks do: the wall clock by so many seconds to and fro, the one that never goes back only forward,
and with it every wait of the process. A full disk takes the last bytes that it has room for and then refuses.
"""

from __future__ import annotations

import errno
import math
import os
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

_ROOM_BYTES = 100


@dataclass(frozen=True)
class MachineFault:
    """What happens, clock_jump or disk_full, when the n-th answer is about to be kept."""

    fault: str
    answer: int = 1
    seconds: float = 3600.0


class Keeper(Protocol):
    """Where answers are kept: a ledger."""

    append: Callable[..., None]


@contextmanager
def disturbed(faults: Sequence[MachineFault], ledger: Keeper) -> Iterator[None]:
    """Meanwhile each fault comes true when `ledger` is about to keep the answer that it names, counted from 1."""
    real_time, real_monotonic, real_write, real_append = time.time, time.monotonic, os.write, ledger.append
    n_kept, wall_s, monotonic_s, room_bytes = 0, 0.0, 0.0, math.inf

    def write(number: int, data: bytes | memoryview) -> int:
        nonlocal room_bytes
        if room_bytes == math.inf or not stat.S_ISREG(os.fstat(number).st_mode):
            return real_write(number, data)
        if room_bytes == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        n_written = real_write(number, data[:room_bytes])
        room_bytes -= n_written
        return n_written

    def append(answers: Sequence, **more: Any) -> None:
        nonlocal n_kept, wall_s, monotonic_s, room_bytes
        for fault in faults:
            if n_kept < fault.answer <= n_kept + len(answers):
                if fault.fault == "disk_full":
                    room_bytes = _ROOM_BYTES
                else:
                    wall_s, monotonic_s = wall_s + fault.seconds, monotonic_s + max(fault.seconds, 0)
        n_kept += len(answers)
        real_append(answers, **more)

    time.time, time.monotonic = lambda: real_time() + wall_s, lambda: real_monotonic() + monotonic_s
    os.write, ledger.append = write, append
    try:
        yield
    finally:
        time.time, time.monotonic, os.write, ledger.append = real_time, real_monotonic, real_write, real_append
