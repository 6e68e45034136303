"""The simulator inside the asking process: the same application and the same bytes, without sockets.

Its `post` gives the application the body of a chat completion as it is. By way of the client's whole HTTP, which is
made for networks, the same call takes half as much processor time again as the simulator does (benchmarks/README.md).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from persona_lib.simulator.app import make_app
from persona_lib.simulator.faults import Plan
from persona_lib.simulator.forms import TEMPLATES


def transport(templates: str | os.PathLike = TEMPLATES, *, faults: Plan | None = None) -> object:
    """What the openai client takes as transport: every request goes straight to `make_app`.

    Raises
    ------
    TemplateError
        The folder holds no template, or one that is not as it must be.
    """
    import openai

    # The client's own HTTP library, which has changed its name between releases of openai.
    library: Any = import_module(type(openai.DEFAULT_CONNECTION_LIMITS).__module__.partition(".")[0])

    class Inside(library.ASGITransport):
        async def handle_async_request(self, request: Any) -> Any:
            try:
                return await super().handle_async_request(request)
            except ConnectionError as error:  # of a planned fault
                raise library.ReadError(str(error), request=request) from error

        async def post(self, path: str, body: Mapping) -> Any:
            """The response to a body, whatever its status; openai.APIConnectionError where a fault drops it."""
            try:
                status, headers, said = await _called(self.app, path, json.dumps(body).encode())
            except ConnectionError as error:
                raise openai.APIConnectionError(request=library.Request("POST", path)) from error
            return library.Response(status, headers=headers, content=said)

    return Inside(app=make_app(templates, faults=faults))


async def _called(app: Any, path: str, body: bytes) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Status, headers and body of what an ASGI application says to one POST."""
    start: dict[str, Any] = {}
    parts: list[bytes] = []

    async def receive() -> dict:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Mapping) -> None:
        if message["type"] == "http.response.start":
            start.update(message)
        else:
            parts.append(message.get("body", b""))

    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
    }
    scope |= {"path": path, "raw_path": path.encode(), "root_path": "", "query_string": b""}
    scope |= {"headers": [(b"content-type", b"application/json")], "server": ("localhost", 80), "client": None}
    await app(scope, receive, send)
    return start["status"], start["headers"], b"".join(parts)
