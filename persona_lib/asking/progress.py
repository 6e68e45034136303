"""The progress bar of a collection: calls, rate, time left, failures, tries again, what it has cost and will cost."""

from __future__ import annotations

from contextlib import suppress

from tqdm import tqdm

from persona_lib.asking.budget import Budget
from persona_lib.messages.request import Reply


class Progress:
    """One bar for all that a shard asks; it goes to stderr, and only where that is a terminal.

    Parameters
    ----------
    name : stands before the bar
    n_expected : requests that are planned, None if unknown; the bar grows where there are more
    budget : what counts the money
    quiet : no bar
    """

    def __init__(
        self, name: str, *, n_expected: int | None = None, budget: Budget | None = None, quiet: bool = False
    ) -> None:
        self._budget, self._n_failed, self._n_asked, self._n_expected = budget, 0, 0, n_expected or 0
        self._bar = tqdm(desc=name, total=n_expected, disable=True if quiet else None, unit="call", leave=False)

    def expect(self, n_asked: int, *, n_known: int) -> None:
        """So many more requests, of which so many are answered already."""
        if self._bar.disable:
            return
        self._n_asked += n_asked
        self._bar.total = max(self._n_expected, self._n_asked)
        self._bar.initial += n_known  # what costs no time says nothing of the rate
        self._bar.update(n_known)
        self._bar.refresh()

    def count(self, replies: list[Reply], *, n_retries: int) -> None:
        """These have become durable; so many tries were repeated since the start."""
        self._n_failed += sum(reply.status == "failed" for reply in replies)
        self._bar.set_postfix_str(self.cost(n_retries), refresh=False)
        self._bar.update(len(replies))

    def cost(self, n_retries: int) -> str:
        """What stands behind the bar.

        Examples
        --------
        >>> Progress("feedback", quiet=True).cost(n_retries=3)
        '0 failed, 3 tried again'
        """
        said = f"{self._n_failed} failed, {n_retries} tried again"
        if self._budget is None:
            return said
        return f"{said}, cost {_usd(self._budget.spent())}, to go {_usd(self._budget.remaining())}"

    def say(self, line: str) -> None:
        """A line above the bar, if there still is a terminal."""
        if not self._bar.disable:
            with suppress(OSError):
                self._bar.write(line)

    def close(self) -> None:
        """Take the bar away."""
        self._bar.close()


def _usd(amount: float | None) -> str:
    return "unknown" if amount is None else f"{amount:.2f} USD"
