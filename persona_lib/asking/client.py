"""One endpoint over the official client: what is sent, what comes back, and what an error means.

With `batch_service`, one of the two modules that ask models. The client's aiohttp transport is taken: its default one
looks through all open connections at every request and costs twice the processor time (benchmarks/README.md).
"""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import os
import re
import socket
import time
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlsplit

from persona_lib.asking.rate_limits import asked_wait
from persona_lib.messages import errors, json_replies
from persona_lib.messages import request as words
from persona_lib.messages.endpoint import SIMULATOR, Endpoint
from persona_lib.messages.errors import Fault
from persona_lib.messages.reply import ReplyError, read
from persona_lib.messages.request import Reply, Request

_IN_PROCESS = "http://localhost/v1"
_LOCAL = ("127.0.0.1", "localhost", "::1")
_log = logging.getLogger(__name__)


class AskError(RuntimeError):
    """The run cannot go on; names the endpoint and what to do. What was answered is in the ledger."""


class Again(Exception):
    """A try that may be repeated; `load` if too many calls may be why, `wait_s` the wait that the endpoint asks for.

    `down` is how far it proves that the endpoint is down: 1 wholly, 0.5 if another request fares alike, 0 not at all.
    """

    def __init__(self, detail: str, *, load: bool = False, down: float = 0, wait_s: float | None = None) -> None:
        super().__init__(detail)
        self.load, self.down, self.wait_s = load, down, wait_s


def body(request: Request, *, seed: bool = True) -> dict:
    """The chat completion that a request becomes: exactly what is sent, over either transport.

    The seed is the sample index; without `seed` none is sent, for endpoints that do not know it.
    """
    found = {**request.parameters, "model": request.model, "messages": request.messages}
    if seed:
        found["seed"] = request.sample
    if request.response_schema is not None and not request.schema_in_prompt:
        form = {"name": "reply", "strict": True, "schema": json_replies.sent(request.response_schema)}
        found["response_format"] = {"type": "json_schema", "json_schema": form}
    return found


def cause(fault: Fault, endpoint: Endpoint) -> str:
    """Why an endpoint answers nothing before somebody acts, and what to do."""
    name, variable, said = endpoint.alias, endpoint.key_variable, fault.said
    if fault.kind == "credit":
        return f"endpoint {name}: no credit left ({said}); the answers so far are kept, run again later"
    if fault.kind == "key" and variable:
        return f"endpoint {name}: the key in {variable} was not accepted ({said})"
    if fault.kind == "key":
        return f"endpoint {name}: wants a key; name its variable in endpoints.{name}.key_variable ({said})"
    where = f"endpoint {name}: model {endpoint.model} at {endpoint.base_url} does not take what is sent ({said})"
    todo = f"change model, base_url, parameters, seed or json_schema of endpoints.{name}"
    return f"{where}; {todo}; the answers so far are kept"


class Client:
    """The way to one endpoint.

    Parameters
    ----------
    endpoint : whom to call
    simulator : address of the running simulator, for an endpoint whose base_url says so
    transport : httpx transport that reaches the simulator inside this process, instead of its address

    Raises
    ------
    AskError
        The simulator is not running; the key is not set or cannot be one. Names the variable, never the key.
    """

    def __init__(self, endpoint: Endpoint, *, simulator: str | None = None, transport: object | None = None) -> None:
        self.endpoint = endpoint
        self._url, self._key, self._transport, self._connection = endpoint.base_url, "", None, None
        self._heard = _Heard()
        if endpoint.base_url == SIMULATOR:
            if simulator is None and transport is None:
                raise AskError(f"endpoint {endpoint.alias}: the simulator is not running")
            self._url, self._transport = simulator or _IN_PROCESS, transport
        elif endpoint.key_variable:
            self._key = os.environ.get(endpoint.key_variable, "").strip()
            if not self._key.isascii() or not self._key.isprintable():
                raise AskError(f"endpoint {endpoint.alias}: {endpoint.key_variable} holds signs that no key has")
            if not self._key:
                raise AskError(f"endpoint {endpoint.alias}: its key is not set; export {endpoint.key_variable}=...")

        # The key as JSON within JSON may write it: each sign after backslashes, or as \\u and four digits.
        signs = [rf"\\*(?:{re.escape(sign)}|u{ord(sign):04x})" for sign in self._key]
        self._escaped = re.compile(r"(?<!\\)" + "".join(signs), re.IGNORECASE)

    @property
    def connection(self):
        """The official asynchronous client, made when it is first needed."""
        if self._connection is None:
            self._connection = self._connect()
        return self._connection

    async def close(self) -> None:
        """Close the connections."""
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    async def send(self, request: Request) -> tuple[Reply, Mapping[str, str]]:
        """One try: the reply with its latency, and the headers that came with it.

        Raises
        ------
        Again
            It may pass: a lost connection, a timeout, a limit of calls, an outage, a body that is no chat completion.
        AskError
            It will not: a key that is not accepted, no credit, no such model, settings that are not taken.
        """
        import httpx2
        import openai

        # Errors of our own are raised outside: chained to them, the client's would show what the endpoint echoed.
        started, endpoint, said, lost = time.monotonic(), self.endpoint, None, None
        try:
            async with asyncio.timeout(endpoint.timeout_s):
                said = await self.connection.post(
                    "/chat/completions", body=body(request, seed=endpoint.seed), cast_to=httpx2.Response
                )
        except TimeoutError:
            lost = Again(f"no answer within {endpoint.timeout_s:g} s", load=True)
        except openai.APIConnectionError as error:
            root = _root(error)
            lost = Again(f"connection lost: {type(root).__name__}", down=_is_nobody_there(root))
        except openai.APIStatusError as error:
            refused = error
        if lost is not None:
            raise lost
        if said is None:
            response = refused.response
            return self.reply_or_raise(errors.read(response.content, response.status_code), request, response.headers)
        latency_s = round(time.monotonic() - started, 3)
        text = said.content.decode("utf-8-sig", "replace")  # JSON is UTF-8, whatever a header says
        fault: Fault | None = None
        try:
            reply = words.cleaned(read(request, text), self.clean)
        except ReplyError as error:
            detail = self.clean(str(error))
        except errors.EndpointError as error:
            fault = error.fault
        else:
            if self._heard.is_new(text, request):
                return replace(reply, latency_s=latency_s), said.headers
            detail = "the answer to another request came back"
        if fault is not None:
            return self.reply_or_raise(fault, request, said.headers)
        raise Again(detail)

    def clean(self, text: str) -> str:
        """The text without the key, should the endpoint repeat it; short stand-ins such as EMPTY are no secrets."""
        if len(self._key) < 12:
            return text
        text = text.replace(self._key, "[key]")
        return self._escaped.sub("[key]", text) if "\\" in text else text

    def _connect(self):
        import httpx2
        import openai

        # As many connections as calls at once; no proxy on the way to this machine; `send` keeps the time.
        n = self.endpoint.concurrency
        connected = openai.DefaultAioHttpClient(
            transport=self._transport,
            limits=httpx2.Limits(max_connections=n, max_keepalive_connections=n),
            trust_env=urlsplit(self._url).hostname not in _LOCAL,
        )
        return openai.AsyncOpenAI(
            api_key=self._key or "none", base_url=self._url, max_retries=0, timeout=None, http_client=connected
        )

    def reply_or_raise(
        self, fault: Fault, request: Request, headers: Mapping[str, str]
    ) -> tuple[Reply, Mapping[str, str]]:
        """A reply where the request alone is at fault; `Again` for what passes, AskError for what does not."""
        fault = errors.cleaned(fault, self.clean)
        if (reply := fault.reply) is None:
            raise self.refusal(fault, headers)
        if reply.status == "not_taken":
            messages = self.clean(json.dumps(request.messages))
            _log.warning("request %s was not taken (%s); its messages: %s", request.hash[:12], fault.said, messages)
        return reply, headers

    def refusal(self, fault: Fault, headers: Mapping[str, str]) -> Again | AskError:
        """What an error of the endpoint is to who asked: to be tried again, or the end of the run."""
        if fault.passes:
            status = fault.status or 0
            down = 0.5 * (fault.kind == "rate" or status in (502, 503, 504, 529))
            asked_s = asked_wait(headers)
            wait_s = fault.wait_s if asked_s is None else asked_s
            return Again(fault.said, load=fault.kind == "rate" or status in (408, 503, 529), down=down, wait_s=wait_s)
        return AskError(cause(fault, self.endpoint))


class _Heard:
    """The last few thousand responses, to notice one that is given to a second request.

    The protocol repeats nothing of the request in its response, so a mix-up shows only where the very response,
    by its id and every byte, has been given to another request before. Two answers that are exchanged, or one
    that is another's and reaches us first, cannot be told from right ones.
    """

    def __init__(self, most: int = 4096) -> None:
        self._most = most
        self._seen: dict[tuple[str, int], str] = {}

    def is_new(self, body: str, request: Request) -> bool:
        """Whether no other request was given this response; one without an id says nothing."""
        named = re.search(r'"id"\s*:\s*"([^"]+)"', body)
        if named is None:
            return True
        first = self._seen.setdefault((named[1], hash(body)), request.hash)
        if len(self._seen) > self._most:
            del self._seen[next(iter(self._seen))]
        return first == request.hash


def _is_nobody_there(error: BaseException) -> bool:
    """Whether no connection could be made at all."""
    unreachable = (errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH)
    return isinstance(error, socket.gaierror) or (isinstance(error, OSError) and error.errno in unreachable)


def _root(error: BaseException) -> BaseException:
    while error.__cause__ is not None:
        error = error.__cause__
    return error
