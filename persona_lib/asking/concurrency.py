"""How many calls an endpoint bears at once, the waits that it asks for, when to give up on it.

No network here and no clock but the one handed in, so that every rule can be tried out in no time.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

_LOST_IN_ROW = 10
_SILENCES = ((5, 120.0), (2, 600.0))  # calls that were tried, seconds in which none was answered
_GROWTH, _CUT, _NICK = 0.1, 0.5, 0.1


class Concurrency:
    """What one endpoint bears, learnt from how its calls fare.

    Calls at once start at the ceiling. Each call that is turned away for load (429, 503, a timeout) takes
    half a call off the limit, any other failure a tenth; each answer gives a tenth back, more where the limit is low.
    So they halve if all calls are turned away and settle where one in six is.

    Parameters
    ----------
    ceiling : calls at once at most, 1 or more
    now : seconds of a clock that never goes back; `time.monotonic` if None

    Examples
    --------
    >>> bears = Concurrency(4, now=lambda: 0.0)
    >>> for call in "abcd":
    ...     bears.turned_away(call, load=True)
    >>> bears.limit, bears.wait_s(n_under_way=1), bears.wait_s(n_under_way=2)
    (2, 0.0, None)
    """

    def __init__(self, ceiling: int, *, now: Callable[[], float] | None = None) -> None:
        self._ceiling, self._now = ceiling, now or time.monotonic
        self._limit, self._open_at = float(ceiling), self._now()
        self._n_lost_in_row, self._proof = 0, 0.0
        self._silent_calls: set[str] = set()
        self._silent_since = 0.0

    def share(self, ceiling: int) -> None:
        """From now on so many calls at once at most; 0: none, until there is a share again."""
        if self._limit >= self._ceiling:
            self._limit = max(float(ceiling), 1.0)
        self._ceiling = ceiling
        if ceiling == 0:
            self._silent_calls.clear()  # who may not call hears no answer

    @property
    def limit(self) -> int:
        """Calls that may be under way at once now, from 1, or 0 without a share, to the ceiling."""
        return min(max(int(self._limit), 1), self._ceiling)

    def wait_s(self, n_under_way: int) -> float | None:
        """Seconds until another call may start; 0 at once, None not before one of those under way has ended."""
        if (left := self._open_at - self._now()) > 0:
            return left
        return 0.0 if n_under_way < self.limit else None

    def hold(self, seconds: float) -> None:
        """Start no call for so long, because the endpoint asks for it."""
        self._open_at = max(self._open_at, self._now() + seconds)

    def answered(self) -> None:
        """A call has been answered."""
        self._limit = min(self._limit + max(_GROWTH, self._limit**-2), max(self._ceiling, 1))
        self._n_lost_in_row, self._proof = 0, 0.0
        self._silent_calls.clear()

    def turned_away(self, call: str, *, load: bool, asked_s: float | None = None) -> None:
        """A try of a call has failed; `load` if that may be because of too many calls; the wait asked for, if any."""
        self._limit = max(self._limit - (_CUT if load else _NICK), 1.0)
        if not self._silent_calls:
            self._silent_since = self._now()
        self._silent_calls.add(call)
        if asked_s is not None:
            before = max(self._open_at, self._now())
            self.hold(asked_s)
            self._silent_since += max(self._open_at - before, 0)  # a wait that is asked for is no silence

    def lost(self, *, down: float) -> None:
        """All tries of a call have failed; `down` is how far that proves that the endpoint is down, from 0 to 1."""
        self._proof += down or -math.inf  # what may be the call's own fault proves nothing of the others
        self._n_lost_in_row += 1

    def why_give_up(self) -> str | None:
        """Why nothing more should be sent for now, None if it may.

        Ten calls in a row were lost with all their tries; or no call was answered for two minutes, not counting
        the waits that were asked for, though five were tried, or for ten minutes, though two were.
        """
        if self._n_lost_in_row >= _LOST_IN_ROW:
            return f"{self._n_lost_in_row} calls in a row failed"
        silent_s, n_calls = self._now() - self._silent_since, len(self._silent_calls)
        if any(n_calls >= least_calls and silent_s >= least_s for least_calls, least_s in _SILENCES):
            return f"no call was answered for {silent_s:.0f} s"
        return None

    def why_unfinished(self) -> str | None:
        """Why the calls that were lost last are not to count as failed, None if they are: the endpoint was down."""
        return f"calls could not be made, the last {self._n_lost_in_row}" if self._proof >= 1 else None
