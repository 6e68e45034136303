"""The simulated models behind the OpenAI protocol, on loopback only.

`/v1/chat/completions`, `/v1/embeddings`, `/v1/models`, and for batches `/v1/files` and `/v1/batches`. Whatever goes
wrong is said as an error of the protocol, a fault of the simulator's own as well.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from persona_lib.simulator.batches import BatchStore
from persona_lib.simulator.faults import Faults, Plan
from persona_lib.simulator.forms import TEMPLATES, Forms
from persona_lib.simulator.protocol import ProtocolError, complete, embed, model, models

_log = logging.getLogger(__name__)


def make_app(templates: str | os.PathLike = TEMPLATES, *, faults: Plan | None = None) -> Faults:
    """The ASGI application over the templates of one folder, misbehaving as `faults` says.

    Raises
    ------
    TemplateError
        The folder holds no template, or one that is not as it must be.
    """
    forms = Forms(Path(templates))
    answer = partial(complete, forms=forms)
    store = BatchStore({"/v1/chat/completions": answer, "/v1/embeddings": embed}, faults.batches if faults else ())

    async def refused(request: Request, error: HTTPException) -> Response:
        said = f"No such path: {request.url.path}" if error.status_code == 404 else error.detail
        return _refused(request, ProtocolError(error.status_code, said))

    inner = Starlette(
        routes=[
            _route("/v1/chat/completions", "POST", _posted(answer)),
            _route("/v1/embeddings", "POST", _posted(embed)),
            _route("/v1/models", "GET", lambda request: models()),
            _route("/v1/models/{id}", "GET", lambda request: model(request.path_params["id"])),
            *(_route(*each) for each in store.routes()),
        ],
        exception_handlers={HTTPException: refused, ProtocolError: _refused},  # type: ignore[dict-item]  # each gets its own
    )
    return Faults(inner, faults or Plan())


def _route(path: str, method: str, act: Callable[[Request], Any]) -> Route:
    """A route whose `act` gives the object of a JSON response, or a response, at once or as a coroutine."""

    async def respond(request: Request) -> Response:
        try:
            found = act(request)
            found = await found if asyncio.iscoroutine(found) else found
        except (ProtocolError, HTTPException, ClientDisconnect):
            raise
        except Exception as error:
            _log.exception("a fault of the simulator")
            raise ProtocolError(500, f"The simulator has a fault of its own: {type(error).__name__}") from error
        return found if isinstance(found, Response) else _json(found)

    return Route(path, respond, methods=[method])


def _posted(answer: Callable[[Any], dict]) -> Callable:
    async def answered(request: Request) -> dict:
        try:
            body = json.loads(await request.body())
        except (ValueError, RecursionError) as error:
            raise ProtocolError(400, f"The body is not JSON: {error}") from error
        return answer(body)

    return answered


def _json(content: dict, status: int = 200) -> Response:
    return Response(json.dumps(content, ensure_ascii=True), status, media_type="application/json")


def _refused(request: Request, error: ProtocolError) -> Response:
    return _json(error.body(), error.status)


def serve(port: int = 0, *, templates: str | os.PathLike = TEMPLATES, faults: Plan | None = None) -> None:
    """Serve on 127.0.0.1 until stdin closes, which it does when the parent process is gone.

    The port (any free one for 0) is printed as the only line on stdout once connections are accepted.
    """
    app = make_app(templates, faults=faults)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(2048)
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False, lifespan="off"))

        def stop_with_parent() -> None:
            while sys.stdin.buffer.read(4096):
                pass
            server.should_exit = True
            server.force_exit = True

        threading.Thread(target=stop_with_parent, daemon=True).start()
        sys.stdout.write(f"{listener.getsockname()[1]}\n")
        sys.stdout.flush()
        server.run(sockets=[listener])
