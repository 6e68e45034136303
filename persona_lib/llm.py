"""Asking models over the OpenAI chat protocol: the only module that knows a network.

`Asker` is the `ask` of a live or simulated run. It looks every request up in the ledger, sends
what is missing, and hands out only answers that the ledger has on disk.

A lost connection, a timeout, 408, 409, 429, 5xx and a body that is no chat completion are tried
again, after the time the endpoint asks for (Retry-After) or twice as long each time. What still
fails is status `failed`; ten failures of an endpoint in a row stop the run, as does an error that
would not go away (400, 401, 404, no credit left). What was answered is kept; the same command goes on.
"""

from __future__ import annotations

import asyncio
import email.utils
import logging
import os
import random
import re
import time
from collections import deque
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Protocol
from urllib.parse import urlsplit

import pandas as pd
from tqdm import tqdm

from persona_lib import request as words
from persona_lib import sealed
from persona_lib.ledger import Ledger, ReplayMiss
from persona_lib.request import Endpoint, Reply, Request
from persona_lib.templates import Template

SIMULATOR = "simulator"
MODES = ("simulate", "live", "replay")
_GIVE_UP_AFTER = 10
_LONGEST_WAIT_S = 120.0
_log = logging.getLogger(__name__)


class AskError(RuntimeError):
    """The run cannot go on; names the endpoint and what to do. What was answered is in the ledger."""


class _Again(Exception):
    """A try that may be repeated, and after how many seconds the endpoint wants it (None: it does not say)."""

    def __init__(self, detail: str, wait_s: float | None = None) -> None:
        super().__init__(detail)
        self.wait_s = wait_s


class Meter(Protocol):
    """What counts the money of a run; see `persona_lib.plan`. Sums are in USD; None where a price is not known."""

    def charge(self, reply: Reply, endpoint: Endpoint) -> None:
        """Count one answer that has become durable."""

    def stop_reason(self) -> str | None:
        """Why nothing more may be sent, None while it may."""

    def spent(self) -> float | None:
        """What the answers of this run have cost so far."""

    def remaining(self) -> float | None:
        """What the rest of the run will cost, as far as it can be told."""


class Asker:
    """`ask(requests) -> replies` over a live ledger; use it as a context manager.

    Attributes: `roles`, `simulated` (any endpoint is the simulator), `asked` (hashes of every
    request handed in so far), `facts` (what the sealed ledger will say of the run).

    Parameters
    ----------
    endpoints, roles, templates : by alias, role and name
    ledger : the open ledger of this shard
    mode : simulate and live send what the ledger lacks; replay sends nothing and stops there
    simulator : address of the running simulator, for endpoints whose base_url says so
    meter : counts what is spent and may stop the run
    transport : httpx transport that reaches the simulator inside this process, instead of its address
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
        roles: Mapping[str, str | Sequence[str]],
        templates: Mapping[str, Template],
        ledger: Ledger,
        *,
        mode: str = "live",
        simulator: str | None = None,
        meter: Meter | None = None,
        transport: object | None = None,
        quiet: bool = False,
    ) -> None:
        if mode not in MODES:
            raise AskError(f"mode {mode!r} is none of {', '.join(MODES)}")
        self.roles = dict(roles)
        self.simulated = any(endpoint.base_url == SIMULATOR for endpoint in endpoints.values())
        self.asked: set[str] = set()
        self._endpoints, self._templates, self._used = endpoints, templates, set()
        self._ledger, self._mode, self._quiet, self._meter = ledger, mode, quiet, meter
        self._runner = asyncio.Runner()
        self._lines: dict[str, _Line] = {}
        for alias, endpoint in words.used(endpoints, self.roles).items():
            if mode != "replay":
                self._lines[alias] = _Line(endpoint, simulator, meter, transport)

    def __enter__(self) -> Asker:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            self._runner.run(self._close())
        finally:
            self._runner.close()

    async def _close(self) -> None:
        for line in self._lines.values():
            await line.close()

    @property
    def facts(self) -> dict:
        """What a sealed ledger says of this run."""
        used = [self._templates[name] for name in sorted(self._used)]
        return sealed.about(
            self._ledger.stage, roles=self.roles, endpoints=self._endpoints, simulated=self.simulated, templates=used
        )

    def __call__(self, requests: pd.DataFrame) -> pd.DataFrame:
        """Replies on the requests' index; see `request.build` and `request.table`.

        Raises
        ------
        AskError, ReplayMiss, LedgerError, RequestError
            The run cannot go on; in mode replay, the ledger lacks an answer; the disk refused; a bad row.
        """
        built = words.build(requests, endpoints=self._endpoints, templates=self._templates)
        distinct = {request.hash: request for request in built}
        self.asked |= distinct.keys()
        self._used |= set(requests["template"])
        missing = [request for request in distinct.values() if request not in self._ledger]
        _log.info("%d requests, %d distinct, %d to ask", len(built), len(distinct), len(missing))
        if missing and self._mode == "replay":
            raise ReplayMiss(sealed.miss(missing[0], self._ledger.requests(), where=self._ledger.path))
        if unnamed := sorted({request.endpoint for request in missing} - set(self._lines)):
            raise AskError(f"endpoint {', '.join(unnamed)} is asked, but no role names it")
        if missing:
            self._runner.run(self._ask_all(missing, n_known=len(distinct) - len(missing)))
        return words.table(built, [self._ledger.find(request) for request in built], index=requests.index)

    async def _ask_all(self, missing: Sequence[Request], *, n_known: int) -> None:
        waiting: dict[str, deque[Request]] = {}
        for request in missing:
            waiting.setdefault(request.endpoint, deque()).append(request)
        answers, stop = asyncio.Queue(), asyncio.get_running_loop().create_future()
        off = True if self._quiet else None
        name, total = self._ledger.path.stem, n_known + len(missing)
        with tqdm(desc=name, total=total, initial=n_known, disable=off, unit="call", leave=False) as bar:
            keeper = asyncio.create_task(self._keep(answers, stop, bar))
            workers = [
                asyncio.create_task(self._lines[alias].work(line, answers, stop))
                for alias, line in waiting.items()
                for _ in range(min(self._endpoints[alias].concurrency, len(line)))
            ]
            try:
                await asyncio.gather(*workers)
            finally:
                for worker in workers:
                    worker.cancel()
                await asyncio.gather(*workers, return_exceptions=True)
                answers.put_nowait(None)
                await keeper
        for alias in waiting:
            self._lines[alias].report()
        if stop.done():
            raise stop.result()

    async def _keep(self, answers: asyncio.Queue, stop: asyncio.Future, bar: tqdm) -> None:
        """Write what has come in while the disk was busy with the batch before, until None comes."""
        ended = False
        while not ended:
            batch = [await answers.get()]
            while not answers.empty():
                batch.append(answers.get_nowait())
            ended = batch[-1] is None
            if new := [answer for answer in batch if answer is not None]:
                try:
                    await asyncio.to_thread(self._ledger.append, new)
                except Exception as error:
                    _stop(stop, error)
                    return
                for request, reply in new:
                    if self._meter is not None:
                        self._meter.charge(reply, self._endpoints[request.endpoint])
                bar.update(len(new))


class _Line:
    """The line to one endpoint: its client, its key, how it fares."""

    def __init__(
        self, endpoint: Endpoint, simulator: str | None, meter: Meter | None = None, transport: object | None = None
    ) -> None:
        self._endpoint, self._meter, self._transport = endpoint, meter, None
        self._url = endpoint.base_url
        self._key = ""
        if endpoint.base_url == SIMULATOR:
            if simulator is None and transport is None:
                raise AskError(f"endpoint {endpoint.alias}: the simulator is not running")
            self._url, self._transport = simulator or "http://localhost/v1", transport
        elif endpoint.key_variable:
            self._key = os.environ.get(endpoint.key_variable, "").strip()
            if not self._key.isascii() or not self._key.isprintable():
                raise AskError(f"endpoint {endpoint.alias}: {endpoint.key_variable} holds signs that no key has")
            if not self._key:
                raise AskError(f"endpoint {endpoint.alias}: its key is not set; export {endpoint.key_variable}=...")
        self._client = None
        self._open_at = 0.0
        self._n_failed_in_row = self._n_retries = 0
        self._chance = random.Random()

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()

    def report(self) -> None:
        if self._n_retries:
            _log.info("endpoint %s: %d tries were repeated so far", self._endpoint.alias, self._n_retries)

    async def work(self, waiting: deque[Request], answers: asyncio.Queue, stop: asyncio.Future) -> None:
        """Ask what is waiting, one at a time, until there is nothing left or the run must stop."""
        while waiting and not stop.done():
            if self._meter is not None and (said := self._meter.stop_reason()):
                _stop(stop, AskError(f"{said}; the answers so far are kept, the same command goes on"))
                return
            request = waiting.popleft()
            try:
                reply = await self._ask(request, stop)
            except Exception as error:
                _stop(stop, error)
                return
            if reply is None:
                return
            answers.put_nowait((request, reply))
            self._n_failed_in_row = self._n_failed_in_row + 1 if reply.status == "failed" else 0
            if self._n_failed_in_row >= _GIVE_UP_AFTER:
                said = (
                    f"endpoint {self._endpoint.alias}: {self._n_failed_in_row} calls in a row failed ({reply.detail})"
                )
                _stop(stop, AskError(f"{said}; the answers so far are kept, run again later"))

    async def _ask(self, request: Request, stop: asyncio.Future) -> Reply | None:
        """The reply, after as many tries as are allowed; None if the run stopped while this waited."""
        for attempt in range(self._endpoint.retries + 1):
            while (wait := self._open_at - time.monotonic()) > 0:
                await asyncio.wait([stop], timeout=wait)
                if stop.done():
                    return None
            try:
                return await self._send(request)
            except _Again as error:
                detail, asked_wait = str(error), error.wait_s
            if attempt == self._endpoint.retries or (asked_wait or 0) > _LONGEST_WAIT_S:
                break
            self._n_retries += 1
            if asked_wait is not None:
                self._open_at = max(self._open_at, time.monotonic() + asked_wait)
            else:
                await asyncio.wait([stop], timeout=min(0.5 * 2**attempt, 30) * self._chance.uniform(0.75, 1))
            if stop.done():
                return None
        return Reply("failed", detail=f"{detail}; tries: {attempt + 1}")

    async def _send(self, request: Request) -> Reply:
        import openai

        if self._client is None:
            self._client = self._connect()
        body = {
            **request.parameters,
            "model": request.model,
            "messages": request.messages,
            "seed": request.sample,
        }
        if request.response_schema is not None:
            form = {"name": "reply", "strict": True, "schema": request.response_schema}
            body["response_format"] = {"type": "json_schema", "json_schema": form}
        try:
            async with asyncio.timeout(self._endpoint.timeout_s):
                said = await self._client.post("/chat/completions", body=body, cast_to=str)
        except (openai.APITimeoutError, TimeoutError):
            raise _Again(f"no answer within {self._endpoint.timeout_s:g} s") from None
        except openai.APIConnectionError as error:
            raise _Again(f"connection lost: {type(error.__cause__).__name__}") from None
        except openai.APIStatusError as error:
            return self._refusal_or_raise(error)
        try:
            return words.read(request, self._clean(said))
        except words.ReplyError as error:
            raise _Again(str(error)) from None

    def _connect(self):
        import openai

        # Its own pool of exactly as many connections as there are workers; no proxy on the way to this machine.
        n = self._endpoint.concurrency
        transport = openai.DefaultAsyncHttpxClient(
            transport=self._transport,
            limits=type(openai.DEFAULT_CONNECTION_LIMITS)(max_connections=n, max_keepalive_connections=n),
            trust_env=urlsplit(self._url).hostname not in ("127.0.0.1", "localhost", "::1"),
        )
        return openai.AsyncOpenAI(
            api_key=self._key or "none",
            base_url=self._url,
            max_retries=0,
            timeout=self._endpoint.timeout_s,
            http_client=transport,
        )

    def _refusal_or_raise(self, error) -> Reply:
        """A reply for a filtered request, `_Again` for what passes, AskError for what does not."""
        code, name, variable = error.status_code, self._endpoint.alias, self._endpoint.key_variable
        plain = error.body.get("message") if isinstance(error.body, dict) else None
        said = " ".join(f"{code}: {self._clean(str(plain or error.message))}".split())[:300]
        if error.code in ("content_filter", "content_policy_violation"):
            return Reply("refused", detail=said, finish_reason="content_filter")
        if error.code == "insufficient_quota":
            raise AskError(f"endpoint {name}: no credit left ({said}); the answers so far are kept, run again later")
        if code in (408, 409, 429) or code >= 500:
            raise _Again(said, _retry_after(error.response.headers))
        if code == 401 and variable:
            raise AskError(f"endpoint {name}: the key in {variable} was not accepted ({said})")
        if code == 401:
            raise AskError(f"endpoint {name}: wants a key; name its variable in endpoints.{name}.key_variable ({said})")
        if code == 404:
            raise AskError(f"endpoint {name}: no model {self._endpoint.model} at {self._endpoint.base_url} ({said})")
        raise AskError(f"endpoint {name}: did not take the request ({said})")

    def _clean(self, text: str) -> str:
        """The text without the key, should the endpoint repeat it; short stand-ins such as EMPTY are no secrets."""
        return text.replace(self._key, "[key]") if len(self._key) >= 12 else text


def _stop(stop: asyncio.Future, error: Exception) -> None:
    if not stop.done():
        stop.set_result(error)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    for name, unit in (("retry-after-ms", 1000), ("retry-after", 1)):
        value = headers.get(name, "")
        if re.fullmatch(r"\d+(\.\d+)?", value.strip()):
            return float(value) / unit
    date = email.utils.parsedate_tz(headers.get("retry-after"))
    return None if date is None else max(email.utils.mktime_tz(date) - time.time(), 0.0)
