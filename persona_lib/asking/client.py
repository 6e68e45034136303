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
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from persona_lib.asking.rate_limits import asked_wait
from persona_lib.messages import errors, json_replies
from persona_lib.messages import request as words
from persona_lib.messages.credentials import CredentialError, Credentials
from persona_lib.messages.endpoint import SIMULATOR, Endpoint
from persona_lib.messages.errors import Fault
from persona_lib.messages.reply import ReplyError, read
from persona_lib.messages.request import Reply, Request

_IN_PROCESS = "http://localhost/v1"
_CONNECT_S = 10.0  # for the check before the first call
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
    transport : httpx transport that reaches the simulator inside this process, instead of its address; one with a
        `post` takes chat completions by that, without the HTTP of the official client

    Raises
    ------
    AskError
        The simulator is not running; a variable of the key, a header or the query is not set or cannot be
        sent. Names the variable, never what it holds.
    """

    def __init__(self, endpoint: Endpoint, *, simulator: str | None = None, transport: object | None = None) -> None:
        self.endpoint = endpoint
        self._url, self._transport, self._connection = endpoint.base_url, None, None
        self._heard = _Heard()
        if endpoint.base_url == SIMULATOR:
            if simulator is None and transport is None:
                raise AskError(f"endpoint {endpoint.alias}: the simulator is not running")
            self._url, self._transport = simulator or _IN_PROCESS, transport
            endpoint = replace(endpoint, key_variable=None, headers={}, query={})  # nobody to be let in by
        try:
            self._credentials = Credentials(endpoint, os.environ)
        except CredentialError as error:
            raise AskError(str(error)) from None

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
            It will not: a key that is not accepted, no credit, no such model, settings that are not taken, a
            certificate that is not trusted.
        """
        import openai

        # Errors of our own are raised outside: chained to them, the client's would show what the endpoint echoed.
        started, endpoint, lost = time.monotonic(), self.endpoint, None
        said: Any = None
        try:
            async with asyncio.timeout(endpoint.timeout_s):
                said = await self._post(body(request, seed=endpoint.seed))
        except TimeoutError:
            lost = Again(f"no answer within {endpoint.timeout_s:g} s", load=True)
        except openai.APIConnectionError as error:
            root = _root(error)
            if untrusted := self._untrusted(root):
                raise AskError(f"endpoint {endpoint.alias}: {untrusted}") from None
            lost = Again(f"connection lost: {type(root).__name__}", down=_is_nobody_there(root))
        except openai.APIStatusError as error:
            said = error.response
        if lost is not None:
            raise lost
        if said.status_code >= 400:
            return self.reply_or_raise(errors.read(said.content, said.status_code), request, said.headers)
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

    async def _post(self, found: Mapping) -> Any:
        """The response to the body of a chat completion."""
        if (inside := getattr(self._transport, "post", None)) is not None:
            return await inside("/v1/chat/completions", found)
        import httpx2

        return await self.connection.post("/chat/completions", body=found, cast_to=httpx2.Response)

    async def has_models(self) -> bool:
        """Whether the endpoint answers at `/models`, as most do; asked before the first call.

        Raises
        ------
        AskError
            Nobody is there, or whoever is there cannot be trusted or does not let us in; names the address.
        """
        import aiohttp
        import httpx2
        import openai

        where, lost, refused = f"GET {self.endpoint.base_url}/models", "", None
        try:
            await self.connection.get("/models", cast_to=httpx2.Response, options={"timeout": _CONNECT_S})
        except openai.APIStatusError as error:
            if error.status_code != 401:
                return error.status_code not in (404, 405)
            refused = error.response
        except openai.APIConnectionError as error:
            chain = [*_causes(error)]
            if untrusted := self._untrusted(chain[-1]):
                lost = untrusted
            elif _is_nobody_there(chain[-1]):
                lost = f"{where}: nobody is there ({type(chain[-1]).__name__}); is the server up, and base_url right?"
            elif any(isinstance(each, aiohttp.ConnectionTimeoutError) for each in chain):
                lost = f"{where}: no connection within {_CONNECT_S:g} s; is base_url right, http or https too?"
        if refused is not None:
            fault = errors.cleaned(errors.read(refused.content, refused.status_code), self.clean)
            raise self.refusal(fault, refused.headers)
        if lost:
            raise AskError(f"endpoint {self.endpoint.alias}: {lost}")
        return True

    def clean(self, text: str) -> str:
        """The text without what lets us in, should the endpoint repeat it."""
        return self._credentials.clean(text)

    def _connect(self):
        import httpx2
        import openai

        # As many connections as calls at once; no proxy on the way to this machine, but certificates from the
        # environment (SSL_CERT_FILE) there too; `send` keeps the time.
        n, credentials = self.endpoint.concurrency, self._credentials
        connected = openai.DefaultAioHttpClient(
            transport=self._transport,
            verify=self._certificates(),
            limits=httpx2.Limits(max_connections=n, max_keepalive_connections=n),
            trust_env=urlsplit(self._url).hostname not in _LOCAL,
            event_hooks={"request": [] if credentials.lets_in else [_without_key]},
        )
        return openai.AsyncOpenAI(
            api_key=credentials.key or "none",
            base_url=self._url,
            max_retries=0,
            timeout=None,
            http_client=connected,
            default_headers=credentials.headers,
            default_query=credentials.query,
        )

    def _certificates(self) -> ssl.SSLContext:
        import httpx2

        try:
            return httpx2.create_ssl_context()
        except OSError as error:
            files = " or ".join(name for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if os.environ.get(name))
            what = f"the certificates that {files or 'the system'} names cannot be read ({error.strerror or error})"
            raise AskError(f"endpoint {self.endpoint.alias}: {what}") from None

    def _untrusted(self, error: BaseException) -> str:
        """Why the address cannot be trusted and what to do, '' if that is not why a connection failed."""
        if isinstance(error, ssl.SSLCertVerificationError):
            found = f"the certificate of {self._url} was not accepted ({error.verify_message or error.reason})"
            return f"{found}; if an authority of your own signed it, export SSL_CERT_FILE=/path/to/its/certificate.pem"
        if isinstance(error, ssl.SSLError) and error.reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"):
            return f"{self._url} speaks no TLS; does base_url begin with http:// there?"
        return ""

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


async def _without_key(request) -> None:
    """Take off the stand-in that the official client sends where there is no key: gateways refuse it."""
    del request.headers["Authorization"]


def _is_nobody_there(error: BaseException) -> bool:
    """Whether no connection could be made at all."""
    unreachable = (errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH)
    return isinstance(error, socket.gaierror) or (isinstance(error, OSError) and error.errno in unreachable)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error, what it came from, and so on."""
    yield error
    if error.__cause__ is not None:
        yield from _causes(error.__cause__)


def _root(error: BaseException) -> BaseException:
    return [*_causes(error)][-1]
