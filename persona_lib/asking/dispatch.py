"""Who sends the calls of one endpoint over its client, as hard as it bears, and tries again where that may help."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import random
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path

from persona_lib.asking.budget import Budget
from persona_lib.asking.client import Again, AskError, Client
from persona_lib.asking.concurrency import Concurrency
from persona_lib.asking.rate_limits import LONGEST_WAIT_S, RateLimit, Share, exhausted_s
from persona_lib.messages.request import Reply, Request

_TOKENS_OUT = 256  # of a reply, before one has come
_SHARE_S = 1.0  # between two looks at who else asks


class Dispatcher:
    """Who sends the calls of one endpoint: in order, as many at once as it bears, again where a try failed.

    Parameters
    ----------
    client : the way to the endpoint
    budget : what counts the money, if anything does
    ledger : file of this shard's ledger; beside it the shards of this machine share what the endpoint bears
    """

    def __init__(self, client: Client, budget: Budget | None, *, ledger: Path) -> None:
        self.client, self.n_retries = client, 0
        endpoint = client.endpoint
        self._budget, self._concurrency = budget, Concurrency(endpoint.concurrency)
        self._share = Share(ledger.parent, endpoint.alias, ledger.stem, total=endpoint.concurrency)
        self._share_until = 0.0
        self._rate_limit = RateLimit(
            ledger.with_name(f"{endpoint.alias}.rate"),
            requests_per_minute=endpoint.requests_per_minute,
            tokens_per_minute=endpoint.tokens_per_minute,
        )
        self._tokens_out = float(endpoint.max_tokens or _TOKENS_OUT)
        self._last_failure = ""
        self._again: list[tuple[float, int, Request, int]] = []  # when due, order, request, number of the try
        self._order, self._chance = itertools.count(), random.Random()
        self._bell: asyncio.Future | None = None

    async def close(self) -> None:
        """Leave the endpoint to others."""
        self._share.release()
        await self.client.close()

    async def work(self, waiting: deque[Request], answers: asyncio.Queue, stop: asyncio.Future) -> None:
        """Ask what is waiting until nothing is left or the run must stop; what is under way then is waited for."""
        if not waiting:
            return
        under_way: set[asyncio.Task] = set()
        try:
            self._share.take()
            await self._send_out(waiting, under_way, answers, stop)
        except Exception as error:  # of the bookkeeping: what is under way is paid for all the same
            halt(stop, error)
        if under_way:
            await asyncio.wait(under_way)
        if said := self._concurrency.why_give_up() or self._concurrency.why_unfinished():
            halt(stop, AskError(self._given_up(said)))

    async def _send_out(
        self, waiting: deque[Request], under_way: set[asyncio.Task], answers: asyncio.Queue, stop: asyncio.Future
    ) -> None:
        def ended(task: asyncio.Task) -> None:
            under_way.discard(task)
            self._ring()

        self._again.clear()
        stop.add_done_callback(self._ring)
        while (waiting or self._again or under_way) and not stop.done():
            if said := self._concurrency.why_give_up():
                halt(stop, AskError(self._given_up(said)))
                break
            if (now := time.monotonic()) >= self._share_until:
                self._share_until = now + _SHARE_S
                self._concurrency.share(self._share.size())
            until_due = self._again[0][0] - time.monotonic() if self._again else None
            is_due = until_due is not None and until_due <= 0
            pause = self._concurrency.wait_s(len(under_way)) if waiting or is_due else until_due
            if pause != 0:
                await self._sleep(_SHARE_S if pause is None and not under_way else pause)
                continue
            request, number = heapq.heappop(self._again)[2:] if is_due else (waiting.popleft(), 1)
            alias, budget = self.client.endpoint.alias, self._budget
            if number == 1 and budget is not None and (said := budget.stop_reason(alias)):
                if budget.n_under_way:  # these may turn out cheaper than what is set aside for them
                    waiting.appendleft(request)
                    await self._sleep(0.02)
                    continue
                halt(stop, AskError(f"{said}; the answers so far are kept, the same command goes on"))
                break
            n_tokens = sum(len(message["content"]) for message in request.messages) // 4 + self._tokens_out
            if self._rate_limit.is_limited and not await self._may_send(n_tokens, stop):
                break
            task = asyncio.create_task(self._try(request, number, n_tokens, answers, stop))
            under_way.add(task)
            task.add_done_callback(ended)

    def _given_up(self, said: str) -> str:
        what = f"endpoint {self.client.endpoint.alias}: {said} ({self._last_failure})"
        return f"{what}; the answers so far are kept, run again later"

    async def _may_send(self, n_tokens: float, stop: asyncio.Future) -> bool:
        """Wait for this machine's share of the endpoint's budget; false if the run stopped meanwhile."""
        until = time.monotonic() + self._rate_limit.take(n_tokens)
        while not stop.done() and (left := until - time.monotonic()) > 0:
            await self._sleep(left)
        return not stop.done()

    async def _sleep(self, seconds: float | None) -> None:
        """Wait so long (None: as long as it takes), or until a call ends or the run stops."""
        loop = asyncio.get_running_loop()
        self._bell = loop.create_future()
        alarm = None if seconds is None else loop.call_later(seconds, self._ring)
        try:
            await self._bell
        finally:
            if alarm is not None:
                alarm.cancel()

    def _ring(self, _: object = None) -> None:
        if self._bell is not None and not self._bell.done():
            self._bell.set_result(None)

    async def _try(
        self, request: Request, number: int, n_tokens: float, answers: asyncio.Queue, stop: asyncio.Future
    ) -> None:
        try:
            reply, headers = await self.client.send(request)
            await answers.put((request, reply, self.client.endpoint))  # before all bookkeeping: it is paid for
            self._answered(reply, headers, n_tokens)
        except Again as error:
            if (given_up := self._failed(request, number, error)) is not None:
                await answers.put((request, given_up, self.client.endpoint))
        except Exception as error:
            halt(stop, error)

    def _failed(self, request: Request, number: int, error: Again) -> Reply | None:
        """Put a call that failed back in the queue, or give it up: a reply of status failed."""
        self._last_failure = str(error)
        is_too_long = (error.wait_s or 0) > LONGEST_WAIT_S
        self._concurrency.turned_away(request.hash, load=error.load, asked_s=None if is_too_long else error.wait_s)
        if number > self.client.endpoint.retries or is_too_long:
            self._concurrency.lost(down=error.down)
            return Reply("failed", detail=f"{error}; tries: {number}")
        self.n_retries += 1
        pause = 0.0 if error.wait_s is not None else min(2.0 ** (number - 2), 30) * self._chance.uniform(0.75, 1)
        heapq.heappush(self._again, (time.monotonic() + pause, next(self._order), request, number + 1))
        return None

    def _answered(self, reply: Reply, headers: Mapping[str, str], n_tokens: float) -> None:
        self._concurrency.answered()
        if reply.tokens_out is not None:
            self._tokens_out += (reply.tokens_out - self._tokens_out) / 20
            if self._rate_limit.is_limited:
                self._rate_limit.correct((reply.tokens_in or 0) + reply.tokens_out - n_tokens)
        if (pause := exhausted_s(headers, n_tokens=n_tokens)) > 0:
            self._concurrency.hold(pause)


def halt(stop: asyncio.Future, error: Exception) -> None:
    """Stop the run with this error, unless it is stopping already."""
    if not stop.done():
        stop.set_result(error)
