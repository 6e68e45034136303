"""Who sends the calls of one endpoint over its line, as hard as it bears, and tries again where that may help."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import random
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path

from persona_lib.asking import concurrency
from persona_lib.asking.client import Again, AskError, Line
from persona_lib.asking.progress import Meter
from persona_lib.asking.rate_limits import Quota
from persona_lib.asking.sharing import Share
from persona_lib.messages.request import Reply, Request

_TOKENS_OUT = 256  # of a reply, before one has come
_SHARE_S = 1.0  # between two looks at who else asks


class Desk:
    """Who sends the calls of one endpoint: in order, as many at once as it bears, again where a try failed.

    Parameters
    ----------
    line : the line to the endpoint
    meter : what counts the money, if anything does
    ledger : file of this shard's ledger; beside it the shards of this machine share what the endpoint bears
    """

    def __init__(self, line: Line, meter: Meter | None, *, ledger: Path) -> None:
        self.line, self.n_retries = line, 0
        endpoint = line.endpoint
        self._meter, self._pressure = meter, concurrency.Pressure(endpoint.concurrency)
        self._share = Share(ledger.parent, endpoint.alias, ledger.stem, total=endpoint.concurrency)
        self._share_until = 0.0
        self._quota = Quota(
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
        await self.line.close()

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
        if said := self._pressure.why_give_up() or self._pressure.why_unfinished():
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
            if said := self._pressure.why_give_up():
                halt(stop, AskError(self._given_up(said)))
                break
            if (now := time.monotonic()) >= self._share_until:
                self._share_until = now + _SHARE_S
                self._pressure.share(self._share.size())
            until_due = self._again[0][0] - time.monotonic() if self._again else None
            is_due = until_due is not None and until_due <= 0
            pause = self._pressure.wait_s(len(under_way)) if waiting or is_due else until_due
            if pause != 0:
                await self._sleep(_SHARE_S if pause is None and not under_way else pause)
                continue
            request, number = heapq.heappop(self._again)[2:] if is_due else (waiting.popleft(), 1)
            if number == 1 and self._meter is not None and (said := self._meter.stop_reason(self.line.endpoint.alias)):
                if self._meter.n_under_way:  # these may turn out cheaper than what is set aside for them
                    waiting.appendleft(request)
                    await self._sleep(0.02)
                    continue
                halt(stop, AskError(f"{said}; the answers so far are kept, the same command goes on"))
                break
            n_tokens = sum(len(message["content"]) for message in request.messages) // 4 + self._tokens_out
            if self._quota.is_limited and not await self._may_send(n_tokens, stop):
                break
            task = asyncio.create_task(self._try(request, number, n_tokens, answers, stop))
            under_way.add(task)
            task.add_done_callback(ended)

    def _given_up(self, said: str) -> str:
        what = f"endpoint {self.line.endpoint.alias}: {said} ({self._last_failure})"
        return f"{what}; the answers so far are kept, run again later"

    async def _may_send(self, n_tokens: float, stop: asyncio.Future) -> bool:
        """Wait for this machine's share of the endpoint's budget; false if the run stopped meanwhile."""
        until = time.monotonic() + self._quota.take(n_tokens)
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
            reply, headers = await self.line.send(request)
            await answers.put((request, reply, self.line.endpoint))  # before all bookkeeping: it is paid for
            self._answered(reply, headers, n_tokens)
        except Again as error:
            if (reply := self._failed(request, number, error)) is not None:
                await answers.put((request, reply, self.line.endpoint))
        except Exception as error:
            halt(stop, error)

    def _failed(self, request: Request, number: int, error: Again) -> Reply | None:
        """Put a call that failed back in the queue, or give it up: a reply of status failed."""
        self._last_failure = str(error)
        is_too_long = (error.wait_s or 0) > concurrency.LONGEST_WAIT_S
        self._pressure.turned_away(request.hash, load=error.load, asked_s=None if is_too_long else error.wait_s)
        if number > self.line.endpoint.retries or is_too_long:
            self._pressure.lost(down=error.down)
            return Reply("failed", detail=f"{error}; tries: {number}")
        self.n_retries += 1
        pause = 0.0 if error.wait_s is not None else min(2.0 ** (number - 2), 30) * self._chance.uniform(0.75, 1)
        heapq.heappush(self._again, (time.monotonic() + pause, next(self._order), request, number + 1))
        return None

    def _answered(self, reply: Reply, headers: Mapping[str, str], n_tokens: float) -> None:
        self._pressure.answered()
        if reply.tokens_out is not None:
            self._tokens_out += (reply.tokens_out - self._tokens_out) / 20
            if self._quota.is_limited:
                self._quota.correct((reply.tokens_in or 0) + reply.tokens_out - n_tokens)
        if (pause := concurrency.exhausted_s(headers, n_tokens=n_tokens)) > 0:
            self._pressure.hold(pause)


def halt(stop: asyncio.Future, error: Exception) -> None:
    """Stop the run with this error, unless it is stopping already."""
    if not stop.done():
        stop.set_result(error)
