"""Asking models: what the ledger lacks is sent, as hard as each endpoint bears, and kept before it counts.

`Asker` is the `ask` of a live or simulated run. It looks every request up in the ledger, sends
what is missing, and hands out only answers that the ledger has on disk.

A lost connection, a timeout, a limit of calls, an outage and a body that is no chat completion are tried
again, after the time the endpoint asks for (Retry-After, rate-limit headers, the error's own words) or twice as long
each time; what still fails is status `failed`. A reply that is not the JSON asked for is asked for once more, at once.
Calls at once adapt to what an endpoint bears (`persona_lib.asking.concurrency`); requests and tokens per minute are
shared by the shards of a machine (`persona_lib.asking.rate_limits`). An endpoint that stays down, an error that would
not go away, and a step whose replies cannot be used (`persona_lib.asking.outcomes`) stop the run. What was answered is
kept; the same command goes on.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType

import pandas as pd

from persona_lib.asking.batch import Batches
from persona_lib.asking.budget import Budget
from persona_lib.asking.client import AskError, Client
from persona_lib.asking.dispatch import Dispatcher, halt
from persona_lib.asking.outcomes import Outcomes
from persona_lib.asking.progress import Progress
from persona_lib.ledger import sealed
from persona_lib.ledger.errors import ReplayMiss
from persona_lib.ledger.live import Ledger
from persona_lib.ledger.replay import miss
from persona_lib.messages import request as words
from persona_lib.messages.ask import Roles
from persona_lib.messages.endpoint import SIMULATOR, Endpoint, used
from persona_lib.messages.request import Reply, Request
from persona_lib.messages.templates import Template

MODES = ("simulate", "live", "replay")
_log = logging.getLogger(__name__)


class Asker:
    """`ask(requests) -> replies` over a live ledger; use it as a context manager.

    Attributes: `roles`, `endpoints`, `simulated` (any endpoint is the simulator), `by_batch` (any is asked by
    batches), `facts` (what the sealed ledger will say of the run).

    Parameters
    ----------
    endpoints, roles, templates : by alias, role and name
    ledger : the open ledger of this shard
    mode : simulate and live send what the ledger lacks; replay sends nothing and stops there
    simulator : address of the running simulator, for endpoints whose base_url says so
    transport : httpx transport that reaches the simulator inside this process, instead of its address
    budget : counts what is spent and may stop the run
    n_expected : requests that this shard is planned to ask, for the progress bar
    quiet : no progress bar; there is none either where stderr is no terminal

    Raises
    ------
    AskError
        No such mode, or a key is not set; the message names the variable, never the key.
    RequestError
        A role names no endpoint.
    """

    def __init__(
        self,
        endpoints: Mapping[str, Endpoint],
        roles: Roles,
        templates: Mapping[str, Template],
        ledger: Ledger,
        *,
        mode: str = "live",
        simulator: str | None = None,
        transport: object | None = None,
        budget: Budget | None = None,
        n_expected: int | None = None,
        quiet: bool = False,
    ) -> None:
        if mode not in MODES:
            raise AskError(f"mode {mode!r} is none of {', '.join(MODES)}")
        self.roles = roles.copy()
        self.simulated = any(endpoint.base_url == SIMULATOR for endpoint in endpoints.values())
        self.by_batch = any(endpoint.transport == "batch" for endpoint in endpoints.values())
        self.endpoints, self._templates = endpoints, templates
        self._used: set[str] = set()
        self._ledger, self._mode, self._budget = ledger, mode, budget
        self._outcomes = Outcomes(endpoints)
        self._dispatchers: dict[str, Dispatcher] = {}
        for alias, endpoint in used(endpoints, self.roles).items():
            if mode != "replay":
                client = Client(endpoint, simulator=simulator, transport=transport)
                self._dispatchers[alias] = Dispatcher(client, budget, ledger=ledger.path)
        self._progress = Progress(ledger.path.stem, n_expected=n_expected, budget=budget, quiet=quiet)
        self._runner = asyncio.Runner()

    def __enter__(self) -> Asker:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._progress.close()
        try:
            self._runner.run(self._close())
        finally:
            self._runner.close()

    async def _close(self) -> None:
        for dispatcher in self._dispatchers.values():
            await dispatcher.close()

    @property
    def facts(self) -> dict:
        """What a sealed ledger says of this run."""
        used = [self._templates[name] for name in sorted(self._used)]
        return sealed.about(
            self._ledger.stage, roles=self.roles, endpoints=self.endpoints, simulated=self.simulated, templates=used
        )

    def __call__(self, requests: pd.DataFrame) -> pd.DataFrame:
        """Replies on the requests' index; see `request.build` and `request.table`.

        Raises
        ------
        AskError, ReplayMiss, LedgerError, RequestError
            The run cannot go on; in mode replay, the ledger lacks an answer; the disk refused; a bad row.
        """
        built = words.build(requests, endpoints=self.endpoints, templates=self._templates)
        self._used |= set(requests["template"])
        self._fetch(built)
        doubtful = [request for request in built if request.response_schema is not None]
        repairs = [self._repair(request, self._ledger.find(request)) for request in doubtful]
        self._fetch(repair for repair in repairs if repair is not None)
        return words.table(built, [self._settled(request) for request in built], index=requests.index)

    def _settled(self, request: Request) -> Reply:
        reply = self._ledger.use(request)
        repair = self._repair(request, reply)
        return reply if repair is None else words.settled(reply, self._ledger.use(repair))

    def _repair(self, request: Request, reply: Reply | None) -> Request | None:
        return words.repair(request, reply, self.endpoints[request.endpoint])

    def _fetch(self, requests: Iterable[Request]) -> None:
        """See to it that the ledger has a reply to each request."""
        distinct = {request.hash: request for request in requests}
        missing = [request for request in distinct.values() if request not in self._ledger]
        self._progress.expect(len(distinct), n_known=len(distinct) - len(missing))
        if not missing:
            return
        _log.info("%d distinct requests, %d to ask", len(distinct), len(missing))
        if self._mode == "replay":
            raise ReplayMiss(miss(missing[0], self._ledger.requests(), where=self._ledger.path))
        if unnamed := sorted({request.endpoint for request in missing} - set(self._dispatchers)):
            raise AskError(f"endpoint {', '.join(unnamed)} is asked, but no role names it")
        self._runner.run(self._ask_all(missing))

    async def _ask_all(self, missing: Sequence[Request]) -> None:
        waiting: dict[str, deque[Request]] = {}
        for request in missing:
            waiting.setdefault(request.endpoint, deque()).append(request)
        stop = asyncio.get_running_loop().create_future()
        answers: asyncio.Queue[tuple[Request, Reply, Endpoint] | None] = asyncio.Queue(
            maxsize=sum(self.endpoints[alias].concurrency for alias in waiting)
        )
        keeper = asyncio.create_task(self._keep(answers, stop, waiting))
        dispatchers = [asyncio.create_task(self._work(alias, queue, answers, stop)) for alias, queue in waiting.items()]
        try:
            await asyncio.wait(dispatchers)
        except asyncio.CancelledError:
            halt(stop, AskError("interrupted"))
            self._progress.say("interrupted: waiting for the calls under way; Ctrl-C again drops them")
            await asyncio.wait(dispatchers)
            raise
        finally:
            await _wholly(asyncio.create_task(answers.put(None)), keeper)
        _log.info("tries repeated so far: %s", {alias: self._dispatchers[alias].n_retries for alias in waiting})
        if stop.done():
            raise stop.result()

    async def _work(self, alias: str, waiting: deque[Request], answers: asyncio.Queue, stop: asyncio.Future) -> None:
        dispatcher = self._dispatchers[alias]
        try:
            batches = Batches(dispatcher.client, self._ledger, answers=answers, stop=stop, budget=self._budget)
            by_batch = list(waiting) if dispatcher.client.endpoint.transport == "batch" else batches.pending(waiting)
            await batches.ask(by_batch)
        except Exception as error:
            halt(stop, error)
            return
        done = {request.hash for request in by_batch}
        left = [request for request in waiting if request.hash not in done]
        waiting.clear()  # the same queue: repairs join it while it is worked off
        waiting.extend(left)
        await dispatcher.work(waiting, answers, stop)

    async def _keep(self, answers: asyncio.Queue, stop: asyncio.Future, waiting: Mapping[str, deque]) -> None:
        """Write what has come in while the disk was busy with the batch before, until None comes."""
        is_refused = False
        while True:
            batch = [await answers.get()]
            while not answers.empty():
                batch.append(answers.get_nowait())
            new = [answer for answer in batch if answer is not None]
            if new and not is_refused:
                pairs = [(request, reply) for request, reply, _ in new]
                try:
                    usd = [self._cost(reply, endpoint) for _, reply, endpoint in new]
                    await asyncio.to_thread(self._ledger.append, pairs, usd=usd)
                    self._count(new)
                    self._judge(pairs, stop, waiting)
                except Exception as error:
                    halt(stop, error)
                    is_refused = True  # go on taking, so that no call under way waits for ever
            if len(new) < len(batch):
                return

    def _judge(self, new: Sequence[tuple[Request, Reply]], stop: asyncio.Future, waiting: Mapping[str, deque]) -> None:
        """Ask once more, and next, for what can be repaired; stop where too little of the rest can be used."""
        for request, reply in new:
            if (repair := self._repair(request, reply)) is None:
                if (why := self._outcomes.count(request, reply)) is not None:
                    halt(stop, AskError(why))
            elif repair not in self._ledger and self.endpoints[request.endpoint].transport == "chat":
                self._progress.expect(1, n_known=0)
                waiting[request.endpoint].appendleft(repair)  # what comes too late for this round has the next

    def _cost(self, reply: Reply, endpoint: Endpoint) -> float | None:
        if self._budget is not None:
            return self._budget.cost(reply, endpoint)
        return 0.0 if endpoint.base_url == SIMULATOR else None

    def _count(self, new: Sequence[tuple[Request, Reply, Endpoint]]) -> None:
        if self._budget is not None:
            for _, reply, endpoint in new:
                self._budget.charge(reply, endpoint)
        self._progress.count(
            [reply for _, reply, _ in new],
            n_retries=sum(dispatcher.n_retries for dispatcher in self._dispatchers.values()),
        )


async def _wholly(*tasks: asyncio.Task) -> None:
    """Wait until tasks have ended, also when Ctrl-C comes meanwhile; then be interrupted."""
    try:
        await asyncio.wait(tasks)
    except asyncio.CancelledError:
        await asyncio.wait(tasks)
        raise
