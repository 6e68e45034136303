"""The batch service of one endpoint: its files and batches, over the official client, with tries where one may pass.

With `client` one of the two modules that ask models.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import IO, Any, TypeVar

import tenacity

from persona_lib.asking.client import Again, AskError, Client
from persona_lib.asking.rate_limits import LONGEST_WAIT_S
from persona_lib.messages import errors
from persona_lib.messages.batch_files import PATH, rows

_KEY = "persona_batch"  # in the metadata of a batch
_FILE_S = 600.0  # for a file to go or come
T = TypeVar("T")


class Gone(Exception):
    """The endpoint does not know what it is asked about."""


class BatchService:
    """Files and batches of one endpoint.

    Parameters
    ----------
    client : the way to the endpoint, which has the official client and knows its errors
    stop : done as soon as the run must stop; no pause between two tries outlasts it

    Raises
    ------
    AskError
        From every method: the endpoint still fails after all tries that it is allowed.
    Gone
        From every method: the endpoint does not know the file or batch.
    """

    def __init__(self, client: Client, *, stop: asyncio.Future) -> None:
        self._client, self._endpoint, self._stop = client, client.endpoint, stop

    async def upload(self, key: str, file: IO[bytes]) -> str:
        """The id under which the endpoint keeps a file of requests."""

        async def upload() -> str:
            file.seek(0)
            return (await self._client.connection.files.create(file=(f"{key}.jsonl", file), purpose="batch")).id

        return await self._patiently("take a file", upload, limit_s=_FILE_S)

    async def create(self, uploaded: str, key: str) -> str:
        """The id of a batch of an uploaded file, with our key in its metadata; made once, however often it is tried."""
        was_tried: list[bool] = []

        async def create() -> str:
            if was_tried and (found := await self._found(key)):
                return found
            was_tried.append(True)
            made = await self._client.connection.batches.create(
                input_file_id=uploaded, endpoint=PATH, completion_window="24h", metadata={_KEY: key}
            )
            return made.id

        return await self._patiently("make a batch", create)

    async def find(self, key: str) -> str | None:
        """The id of the batch that has this key in its metadata, None if there is none."""
        return await self._patiently("list batches", partial(self._found, key))

    async def _found(self, key: str) -> str | None:
        async for batch in self._client.connection.batches.list(limit=100):
            if (batch.metadata or {}).get(_KEY) == key:
                return batch.id
        return None

    async def show(self, batch_id: str) -> Any:
        """What the endpoint says of a batch."""
        return await self._patiently("show a batch", partial(self._show, batch_id))

    async def _show(self, batch_id: str) -> Any:
        batch = await self._client.connection.batches.retrieve(batch_id)
        if batch.id != batch_id:
            raise ValueError(f"asked for {batch_id}, shown {batch.id}")
        return batch

    async def download(self, file_id: str, copy: IO[bytes], n_rows: int) -> None:
        """Fetch a file of at least so many rows; one that is not whole must not look like missing answers."""
        await self._patiently("give a file", partial(self._download, file_id, copy, n_rows), limit_s=_FILE_S)

    async def _download(self, file_id: str, copy: IO[bytes], n_rows: int) -> None:
        copy.seek(0)
        copy.truncate()
        async with self._client.connection.files.with_streaming_response.content(file_id) as response:
            async for block in response.iter_bytes():
                copy.write(block)
        if sum(1 for _ in rows(copy)) < n_rows:
            raise ValueError(f"{file_id} has fewer lines than answers")

    async def _patiently(self, what: str, call: Callable[[], Awaitable[T]], *, limit_s: float | None = None) -> T:
        """What a call gives, after as many tries as are allowed, each within `limit_s` (the endpoint's timeout)."""
        retrying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception(lambda error: isinstance(error, Again) and not _is_too_long(error)),
            stop=tenacity.stop_after_attempt(self._endpoint.retries + 1),
            wait=_pause_s,
            sleep=self._pause,
            reraise=True,
        )
        try:
            return await retrying(self._tried, call, limit_s or self._endpoint.timeout_s)
        except Again as error:
            detail = f"{error}; asks to wait {error.wait_s:.0f} s" if _is_too_long(error) else str(error)
        said = f"endpoint {self._endpoint.alias} does not {what} ({detail})"
        raise AskError(f"{said}; the answers so far are kept and what is in flight stays there, run again later")

    async def _pause(self, seconds: float) -> None:
        await asyncio.wait([self._stop], timeout=seconds)

    async def _tried(self, call: Callable[[], Awaitable[T]], limit_s: float) -> T:
        import httpx2
        import openai

        # Errors of our own are raised outside: chained to them, the client's would show what the endpoint echoed.
        lost: Exception | None = None
        try:
            async with asyncio.timeout(limit_s):
                return await call()
        except TimeoutError:
            lost = Again(f"no answer within {limit_s:g} s")
        except (openai.APIConnectionError, httpx2.HTTPError) as error:
            lost = Again(f"connection lost: {type(error).__name__}")
        except openai.NotFoundError as error:
            lost = Gone(self._client.clean(" ".join(str(error).split()))[:200])
        except openai.APIStatusError as error:
            refused = error
        except (openai.APIResponseValidationError, AttributeError, TypeError, ValueError) as error:
            lost = Again(f"not understood: {' '.join(self._client.clean(str(error)).split())[:80]}")
        if lost is not None:
            raise lost
        fault = errors.cleaned(errors.read(refused.response.content, refused.status_code), self._client.clean)
        raise self._client.refusal(fault, refused.response.headers)


def _is_too_long(error: Again) -> bool:
    return (error.wait_s or 0) > LONGEST_WAIT_S


def _pause_s(state: tenacity.RetryCallState) -> float:
    """Seconds before the next try: what the endpoint asks for, else doubled each time from half a second."""
    asked = None if state.outcome is None else getattr(state.outcome.exception(), "wait_s", None)
    return min(0.5 * 2 ** (state.attempt_number - 1), 30) if asked is None else asked
