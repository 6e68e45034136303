"""Requests and tokens per minute, shared by all processes of one machine through one small file.

The file says until when each budget is used up. A call takes its share under a lock and waits until
the time that was reached before it: calls are spaced evenly and come in the order in which they asked.
"""

from __future__ import annotations

import fcntl
import math
import os
import time
from collections.abc import Callable
from pathlib import Path

# A time further ahead than the longest honest queue was left by another clock: each shard has one call in it.
_QUEUE, _AHEAD_S = 1_000, 120.0


class Quota:
    """The budget of one endpoint; `take` before a call, `correct` when its tokens are known.

    Parameters
    ----------
    path : the shared file; made if it is not there, started anew if it is damaged
    requests_per_minute, tokens_per_minute : None for no limit
    now : seconds of a clock that all processes of the machine share; `time.time` if None

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> quota = Quota(Path(mkdtemp()) / "large.rate", requests_per_minute=60, tokens_per_minute=None, now=lambda: 0.0)
    >>> quota.take(5), quota.take(5), quota.take(5)
    (0.0, 1.0, 2.0)
    """

    def __init__(
        self,
        path: str | Path,
        *,
        requests_per_minute: float | None,
        tokens_per_minute: float | None,
        now: Callable[[], float] | None = None,
    ) -> None:
        self._path, self._now = Path(path), now or time.time
        self._seconds = [60 / limit if limit else 0.0 for limit in (requests_per_minute, tokens_per_minute)]
        self.is_limited = any(self._seconds)
        self._most_tokens = 0.0

    def take(self, n_tokens: float) -> float:
        """Take one request and so many tokens; the seconds to wait before it is sent."""
        self._most_tokens = max(self._most_tokens, n_tokens)
        now, used = self._spend(1, n_tokens)
        return max(max(used) - now, 0.0)

    def correct(self, n_tokens: float) -> None:
        """Take so many tokens more, or give them back if negative."""
        if self._seconds[1]:
            self._spend(0, n_tokens)

    def _spend(self, *amounts: float) -> tuple[float, list[float]]:
        number = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(number, fcntl.LOCK_EX)
            now = self._now()
            try:
                used = [float(part) for part in os.pread(number, 100, 0).split()]
            except ValueError:
                used = []
            if len(used) != 2 or not all(map(math.isfinite, used)):
                used = [now, now]
            queues = [_QUEUE * most * each for most, each in zip((1, self._most_tokens), self._seconds, strict=True)]
            used = [min(max(until, now), now + max(_AHEAD_S, ahead)) for until, ahead in zip(used, queues, strict=True)]
            after = [until + n * each for until, n, each in zip(used, amounts, self._seconds, strict=True)]
            text = " ".join(f"{until:.6f}" for until in after).encode()
            os.pwrite(number, text, 0)
            os.ftruncate(number, len(text))
            return now, used
        finally:
            os.close(number)
