"""One writer per file, also between machines: a lock that the kernel frees when its holder ends, however it ends.

The lock file says which process on which machine holds it and is empty when that process let go of it. On a
network file system the lock is the server's, unless it is mounted to lock within one machine only: there a
file that another machine has not let go of is refused.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import time
from contextlib import suppress
from pathlib import Path

from persona_lib.ledger.errors import LedgerError, said

_MOUNTS = Path("/proc/self/mounts")
_WITHIN_ONE_MACHINE = {"nolock", "local_lock=all", "local_lock=flock", "localflock"}


def take(path: Path, *, shared: bool = False) -> int:
    """Take a lock; give the number of its open file, which `release` wants.

    Shared, it only says that nobody writes: a run cut into another number of shards may ask the same.

    Raises
    ------
    LedgerError
        Another process holds it; says which. Or the file system cannot tell.
    """
    number = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    guarded = path.with_suffix(".jsonl")
    try:
        _lock(number, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        holder = _holder(number)
        if holder and not holder.endswith(f" on {socket.gethostname()}") and _is_within_one_machine(path):
            raise LedgerError(
                f"{guarded}: {holder} has not let go of it, and this file system does not lock between machines; "
                f"if that process has ended, delete {path}"
            )
    except OSError as error:
        holder = _holder(number) or "another process"
        os.close(number)
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            raise LedgerError(f"{guarded}: {holder} writes to it; wait for it or stop it") from error
        raise LedgerError(f"{path}: this file system cannot lock ({said(error)}); use another") from error
    except LedgerError:
        os.close(number)
        raise
    if not shared:
        os.ftruncate(number, 0)
        os.pwrite(number, f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)
    return number


def is_held(path: Path) -> bool:
    """Whether some process holds a lock, as far as this machine can see."""
    try:
        number = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(number, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(number)
    return False


def release(number: int) -> None:
    """Let go of a lock that `take` gave."""
    os.ftruncate(number, 0)
    os.close(number)


def _lock(number: int, kind: int) -> None:
    """Lock, after a second of tries: who only looks whether a lock is held, holds it for a moment."""
    for _ in range(20):
        with suppress(BlockingIOError):
            return fcntl.flock(number, kind | fcntl.LOCK_NB)
        time.sleep(0.05)
    fcntl.flock(number, kind | fcntl.LOCK_NB)


def _holder(number: int) -> str:
    return os.pread(number, 1000, 0).decode("utf-8", "replace").strip()


def _is_within_one_machine(path: Path) -> bool:
    """Whether the mount options of a path's file system say that its locks reach no other machine."""
    try:
        mounts = [line.split() for line in _MOUNTS.read_text("utf-8", "replace").splitlines()]
    except OSError:
        return False
    real = path.resolve()
    over = [(len(point), options) for _, point, _, options, *_ in mounts if real.is_relative_to(point)]
    return bool(over) and not _WITHIN_ONE_MACHINE.isdisjoint(max(over)[1].split(","))
