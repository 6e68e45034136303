"""Asking by batches: files of requests handed to an endpoint, and the answers fetched when it is done.

The second way to the network beside `client`, over the same connections: the same requests, statuses and
ledger. A batch has at most 50,000 requests and 200 MB and is done within 24 hours or expires; what
it answered is kept, the rest is handed over again.

A batch in flight outlives this process. Its id stands in a file beside the ledger (`batch_journal`) before
it counts; the next run of the stage, here or on another machine with that folder, waits for it and
pays nothing twice. Answers are told apart by `custom_id`, which is the hash of their request: one
with an unknown id, or two different ones with the same id, are not recorded.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import IO, Any

from persona_lib.asking.batch_service import BatchService, Gone
from persona_lib.asking.budget import Budget
from persona_lib.asking.client import AskError, Client, body
from persona_lib.ledger.batch_journal import BatchJournal, SentBatch
from persona_lib.ledger.live import Ledger
from persona_lib.messages.batch_files import NoAnswer, asking, doubtful, outcome, rows
from persona_lib.messages.endpoint import SIMULATOR
from persona_lib.messages.request import Reply, Request

MOST_REQUESTS = 50_000
MOST_BYTES = 200_000_000
_SLICE = 1_000  # answers in memory at once
_POLL_S = (0.2, 60.0)  # between two looks at what is in flight: at first, and at most
_log = logging.getLogger(__name__)


class Batches:
    """The batches of one endpoint for one shard; `ask` hands over, waits and gives the replies.

    Parameters
    ----------
    client : the way to the endpoint, which has the official client and knows its errors
    ledger : the open ledger of the shard; beside it stands the record of what is in flight
    answers : takes each request with its reply and the endpoint as it was asked, to be made durable in the ledger
    stop : done as soon as the run must stop
    budget : keeps the cap, if there is one
    """

    def __init__(
        self,
        client: Client,
        ledger: Ledger,
        *,
        answers: asyncio.Queue,
        stop: asyncio.Future,
        budget: Budget | None = None,
    ) -> None:
        self._client, self._ledger, self._journal = client, ledger, BatchJournal(ledger.path)
        self._endpoint = replace(client.endpoint, transport="batch")  # whatever it is now: batches cost what they cost
        self._answers, self._stop, self._budget = answers, stop, budget
        self._service = BatchService(client, stop=stop)
        self._waiting: dict[str, Request] = {}
        self._asked: frozenset[str] = frozenset()
        self._tries: Counter[str] = Counter()
        self._under_way: dict[str, SentBatch] = {}
        self._most, self._is_full = MOST_REQUESTS, False

    def pending(self, requests: Iterable[Request]) -> list[Request]:
        """Those requests that earlier runs left in a batch: they are on their way, whatever the transport is now."""
        pending = {digest for sent in self._journal.open(self._endpoint.alias) for digest in sent.left}
        return [request for request in requests if request.hash in pending]

    async def ask(self, requests: Iterable[Request]) -> None:
        """Answer every request, or return early when the run stops; what is in flight then stays there.

        Raises
        ------
        AskError
            The endpoint does not take the requests, cancelled a batch, lost one, or stays down; the cap is reached.
        LedgerError
            The journal of batches cannot be written.
        """
        self._waiting = {request.hash: request for request in requests}
        self._asked = frozenset(self._waiting)
        try:
            await self._answer_all()
        except Gone as error:
            where = f"endpoint {self._endpoint.alias} at {self._endpoint.base_url}"
            raise AskError(f"{where}: {error}; if it has no batches, set its transport to chat") from None

    async def _answer_all(self) -> None:
        await self._rejoin()
        wait_s = _POLL_S[0]
        while self._waiting and not self._stop.done():
            await self._hand_over()
            await asyncio.wait([self._stop], timeout=wait_s)
            before = len(self._waiting)
            for sent in list(self._under_way.values()):
                if not self._stop.done():
                    await self._check(sent)
            wait_s = _POLL_S[0] if len(self._waiting) < before else min(wait_s * 1.5, _POLL_S[1])

    async def _rejoin(self) -> None:
        """Take up what earlier runs left in flight, if it holds what is wanted now."""
        for sent in self._journal.open(self._endpoint.alias):
            if not sent.left & self._waiting.keys():
                continue
            if sent.batch is None:
                batch = await self._service.find(sent.key)
                if batch is None:
                    self._journal.write("ended", sent.key, status="never made")
                    continue
                self._journal.write("made", sent.key, batch=batch)
            self._follow(sent)
            if self._budget is not None:
                self._budget.hold(sent.usd, already_sent=True)

    async def _hand_over(self) -> None:
        """Send what is in no batch yet, in as many batches as it takes."""
        pending = {digest for sent in self._under_way.values() for digest in sent.hashes}
        ready = [request for digest, request in self._waiting.items() if digest not in pending]
        while ready and not self._stop.done():
            if self._is_full and self._under_way:
                return
            with tempfile.TemporaryFile() as file:
                part, usd, reason = self._packed(ready, file)
                if not part:
                    if self._under_way:
                        return  # what is in flight may turn out cheaper than what is held for it
                    raise AskError(f"{reason}; the answers so far are kept, the same command goes on")
                key = secrets.token_hex(16)
                sent = self._journal.write(
                    "planned", key, endpoint=self._endpoint.alias, hashes=[one.hash for one in part], usd=usd
                )
                await self._submit(sent, file)
            ready = ready[len(part) :]

    def _packed(self, ready: list[Request], file: IO[bytes]) -> tuple[list[Request], float, str]:
        """Write the first requests that fit in one batch and under the cap; which, the money held, why no more."""
        part, n_bytes, usd, reason = [], 0, 0.0, ""
        for request in ready[: self._most]:
            block = asking(request, body(request, seed=self._endpoint.seed))
            if n_bytes + len(block) > MOST_BYTES:
                reason = f"a request of {len(block)} bytes is too large for a batch"
                break
            if self._budget is not None:
                one = self._budget.bound(request, self._endpoint)
                if reason := self._budget.hold(one) or "":
                    break
                usd += one
            file.write(block)
            part.append(request)
            n_bytes += len(block)
        return part, usd, reason

    async def _submit(self, sent: SentBatch, file: IO[bytes]) -> None:
        batch = await self._service.create(await self._service.upload(sent.key, file), sent.key)
        self._journal.write("made", sent.key, batch=batch)
        self._follow(sent)

    def _follow(self, sent: SentBatch) -> None:
        self._under_way[sent.key] = sent
        _log.info("endpoint %s: batch %s of %d requests", self._endpoint.alias, sent.batch, len(sent.hashes))

    async def _check(self, sent: SentBatch) -> None:
        """See how a batch fares; when it has ended, take what it brought."""
        assert sent.batch is not None, "only a batch that was made is followed"
        try:
            batch = await self._service.show(sent.batch)
        except Gone:
            if self._endpoint.base_url != SIMULATOR:
                raise AskError(
                    f"endpoint {self._endpoint.alias} knows no batch {sent.batch}, which {self._journal.path.name} "
                    "records: is the key of another account? If it is gone for good, delete that file and ask again"
                ) from None
            self._close(sent, "lost with its simulator")
            return
        if batch.status not in ("completed", "failed", "expired", "cancelled"):
            return
        reasons: dict[str, NoAnswer] = {}
        n_completed = batch.request_counts.completed if batch.request_counts else 0
        for file, n_rows in ((batch.output_file_id, n_completed), (batch.error_file_id, 0)):
            if file is not None:
                with tempfile.TemporaryFile() as copy:
                    try:
                        await self._service.download(file, copy, n_rows)
                    except Gone:
                        self._close(sent, "its answers are gone")
                        raise AskError(
                            f"endpoint {self._endpoint.alias} no longer has file {file} of batch {batch.id}, so what "
                            "it held is lost; the same command asks for that again, and it is paid for again"
                        ) from None
                    reasons |= await self._take(copy, sent)
        if self._stop.done():
            return
        ours = [none.reason for digest, none in reasons.items() if none.is_ours and digest in self._waiting]
        refused = (
            f"does not answer what batch {batch.id} holds ({ours[0]}); the answers so far are kept" if ours else ""
        )
        if batch.status == "failed":
            refused = self._why_not_taken(batch, sent)
        elif batch.status == "cancelled":
            refused = f"batch {batch.id} was cancelled; the answers so far are kept"
        elif not refused:
            await self._count_tries(sorted(sent.hashes & self._waiting.keys()), reasons, batch.status)
        self._close(sent, batch.status)
        if refused:
            raise AskError(f"endpoint {self._endpoint.alias}: {refused}; the same command hands over the rest")

    def _close(self, sent: SentBatch, status: str) -> None:
        part = sent.left & self._asked
        facts = {} if part == sent.left else {"hashes": sorted(part)}  # what is left is for who wants it
        self._journal.write("ended", sent.key, status=status, **facts)
        del self._under_way[sent.key]
        if self._budget is not None:
            self._budget.release(sent.usd)
        _log.info("endpoint %s: batch %s: %s", self._endpoint.alias, sent.batch, status)

    async def _take(self, copy: IO[bytes], sent: SentBatch) -> dict[str, NoAnswer]:
        """Record the answers of one file, a slice at a time; which requests it has no answer to, and why."""
        twofold, n_strangers = doubtful(copy, sent.hashes)
        reasons = dict.fromkeys(twofold, NoAnswer("two different answers came back"))
        if n_strangers:
            _log.warning("batch %s: %d answers to requests that it does not hold", sent.batch, n_strangers)
        part: dict[str, Request] = {}
        for row in rows(copy):
            digest = row["custom_id"]
            request = self._waiting.get(digest)
            if request is None or digest not in sent.hashes or digest in twofold or digest in part:
                continue
            said = outcome(request, row, clean=self._client.clean)
            if isinstance(said, NoAnswer):
                reasons[digest] = said
                continue
            await self._answers.put((request, said, self._endpoint))
            part[digest] = request
            if len(part) >= _SLICE:
                await self._until_kept(part)
                part = {}
        await self._until_kept(part)
        return reasons

    async def _until_kept(self, part: Mapping[str, Request]) -> None:
        while not self._stop.done() and not all(request in self._ledger for request in part.values()):
            await asyncio.sleep(0.01)
        if not self._stop.done():
            for digest in part:
                del self._waiting[digest]

    async def _count_tries(self, missing: list[str], reasons: Mapping[str, NoAnswer], status: str) -> None:
        """What a batch did not answer is handed over again, until it has been often enough."""
        for digest in missing:
            self._tries[digest] += 1
            if self._tries[digest] > self._endpoint.retries:
                none = reasons.get(digest, NoAnswer(f"no answer in a batch that is {status}"))
                reply = Reply("failed", detail=f"{none.reason}; tries: {self._tries[digest]}")
                await self._answers.put((self._waiting.pop(digest), reply, self._endpoint))

    def _why_not_taken(self, batch: Any, sent: SentBatch) -> str:
        """Why a batch was not taken; '' where its endpoint's queue was full, which calls for smaller ones."""
        errors = (batch.errors.data if batch.errors else None) or []
        code, message = (errors[0].code, errors[0].message) if errors else (None, "no reason given")
        if code == "token_limit_exceeded" and len(sent.hashes) > 1:
            self._most, self._is_full = max(1, min(self._most, len(sent.hashes)) // 2), True
            _log.warning("endpoint %s: its queue is full; batches of %d now", self._endpoint.alias, self._most)
            return ""
        line = f", line {errors[0].line}" if errors and errors[0].line else ""
        said = " ".join(self._client.clean(f"{code}: {message}{line}").split())[:300]
        return f"batch {batch.id} was not taken ({said}); the answers so far are kept"
