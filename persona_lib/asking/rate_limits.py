"""What an endpoint bears, shared by all processes of one machine, and the waits that its headers ask for.

Requests and tokens per minute are shared through one small file, which says until when each is used up: a call takes
its part under a lock and waits until the time that was reached before it, so calls are spaced evenly and come in the
order in which they asked. Calls at once are shared in equal parts among the processes that ask: each holds a lock on
a file of its own, which the kernel frees however it ends, and who wants to know counts the locks. On a network file
system that locks between machines the processes of the others count too.
"""

from __future__ import annotations

import email.utils
import fcntl
import math
import os
import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from persona_lib.ledger import locks

LONGEST_WAIT_S = 120.0
_SUFFIX = ".asking"
# A time further ahead than the longest honest queue was left by another clock: each shard has one call in it.
_QUEUE, _AHEAD_S = 1_000, 120.0


class RateLimit:
    """The budget of one endpoint; `take` before a call, `correct` when its tokens are known.

    Parameters
    ----------
    path : the shared file; made if it is not there, started anew if it is damaged
    requests_per_minute, tokens_per_minute : None for no limit
    now : seconds of a clock that all processes of the machine share; `time.time` if None

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> file = Path(mkdtemp()) / "large.rate"
    >>> limit = RateLimit(file, requests_per_minute=60, tokens_per_minute=None, now=lambda: 0.0)
    >>> limit.take(5), limit.take(5), limit.take(5)
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


def asked_wait(headers: Mapping[str, str]) -> float | None:
    """Seconds that the headers of a refused call ask to wait, None if they do not say.

    `retry-after-ms`, `retry-after` (seconds or a date), else the rate-limit headers.

    Examples
    --------
    >>> asked_wait({"retry-after": "2"}), asked_wait({"retry-after-ms": "20"}), asked_wait({"retry-after": "soon"})
    (2.0, 0.02, None)
    """
    for name, unit in (("retry-after-ms", 1000), ("retry-after", 1)):
        value = headers.get(name, "")
        if re.fullmatch(r"\d+(\.\d+)?", value.strip()):
            return float(value) / unit
    date = email.utils.parsedate_tz(headers.get("retry-after"))
    if date is not None:
        with suppress(ValueError, OverflowError):  # a year that no clock knows
            return max(email.utils.mktime_tz(date) - time.time(), 0.0)
    return exhausted_s(headers) or None


def exhausted_s(headers: Mapping[str, str], *, n_tokens: float = 1) -> float:
    """Seconds until a budget of the rate-limit headers has room for one more call; 0 while it has.

    `x-ratelimit-{limit,remaining,reset}-{requests,tokens}`: a budget of `limit` is back to full after
    `reset`. What is lacking comes back in proportion; without `limit`, not before the end.

    Parameters
    ----------
    n_tokens : tokens of a call, in and out

    Examples
    --------
    Of 60 requests none is left and all are back in a minute: one is back after a second.

    >>> said = {"limit-requests": "60", "remaining-requests": "0", "reset-requests": "1m0s"}
    >>> exhausted_s({f"x-ratelimit-{name}": value for name, value in said.items()})
    1.0
    """
    longest = 0.0
    for what, needed in (("requests", 1.0), ("tokens", n_tokens)):
        left = _number(headers.get(f"x-ratelimit-remaining-{what}"))
        reset = _seconds(headers.get(f"x-ratelimit-reset-{what}"))
        if left is None or reset is None or left >= needed:
            continue
        limit = _number(headers.get(f"x-ratelimit-limit-{what}"))
        share = 1.0 if limit is None or limit <= left else min((needed - left) / (limit - left), 1.0)
        longest = max(longest, reset * share)
    return min(longest, LONGEST_WAIT_S)


def _number(value: str | None) -> float | None:
    return float(value) if value and re.fullmatch(r"\d+(\.\d+)?", value) else None


def _seconds(value: str | None) -> float | None:
    """A duration as rate-limit headers write it: `6m0s`, `1.5s`, `20ms`, plain seconds; None for anything else."""
    if (plain := _number(value)) is not None:
        return plain
    units = {"d": 86400, "h": 3600, "m": 60, "s": 1, "ms": 0.001}
    if not value or not re.fullmatch(r"(\d+(\.\d+)?(ms|[dhms]))+", value):
        return None
    return sum(float(n) * units[unit] for n, unit in re.findall(r"(\d+(?:\.\d+)?)(ms|[dhms])", value))


class Share:
    """One process's part of the calls that an endpoint bears at once.

    Parameters
    ----------
    folder : where the ledgers of the run are
    alias : the endpoint's
    name : this process's, unlike any other's
    total : calls at once, all processes together

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> folder = Path(mkdtemp())
    >>> one, two = (Share(folder, "large", f"pool-{k}-of-2", total=5) for k in range(2))
    >>> one.take(), two.take(), one.size(), two.size()
    (None, None, 3, 2)
    >>> one.release(), two.size()
    (None, 5)
    >>> two.release()
    """

    def __init__(self, folder: Path, alias: str, name: str, *, total: int) -> None:
        self._own, self._all, self._total = folder / f"{alias}.{name}{_SUFFIX}", f"{alias}.*{_SUFFIX}", total
        self._lock = -1

    def take(self) -> None:
        """Be one of those who ask, if this process is none yet."""
        if self._lock < 0:
            self._lock = locks.take(self._own)

    def release(self) -> None:
        """Be none of them any more."""
        if self._lock >= 0:
            self._own.unlink(missing_ok=True)
            locks.release(self._lock)
            self._lock = -1

    def size(self) -> int:
        """Calls at once for this process: an equal part, the rest to the first by name; 0 where none is left.

        The first by name is so for every endpoint: of two who wait for each other, it goes on.
        """
        asking = sorted(path for path in self._own.parent.glob(self._all) if path == self._own or locks.is_held(path))
        return self._total // len(asking) + (asking.index(self._own) < self._total % len(asking))
