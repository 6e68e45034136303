"""The simulated models behind the OpenAI protocol: `/v1/chat/completions` and `/v1/models`, on loopback only."""

from __future__ import annotations

import json
import os
import re
import socket
import sys
import threading
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from persona_lib.simulator import roles, version
from persona_lib.simulator.forms import TEMPLATES, Forms
from persona_lib.simulator.world import Model, load

_HALF = re.compile("[\ud800-\udfff]")
CREATED = 1721779200  # 24 July 2024, when the paper appeared; a clock would make replies differ


class ProtocolError(Exception):
    """A request that cannot be answered: HTTP status, the OpenAI error's type, code and parameter."""

    def __init__(self, status: int, message: str, *, code: str | None = None, param: str | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.param = status, code, param


def complete(body: Any, forms: Forms) -> dict:
    """The chat completion of one request body.

    Raises
    ------
    ProtocolError
        400 where the body is not a chat request; 404 where no such model, or not in this version, is served.
    """
    who, messages, sample, schema = _parsed(body)
    said = roles.reply(forms, who, messages, sample=sample, schema=schema)
    prompt_tokens = sum(tokens(m["content"]) + 4 for m in messages) + 2
    completion_tokens = tokens(said.text)
    digest = roles.digest(who.name, messages, sample).hex()
    return {
        "id": f"chatcmpl-{digest[:24]}",
        "object": "chat.completion",
        "created": CREATED,
        "model": f"{who.name}@{version()}",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": None if said.refused else said.text,
                    "refusal": said.text if said.refused else None,
                },
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": prompt_tokens + completion_tokens,
        },
        "system_fingerprint": f"fp_{version()}",
    }


def tokens(text: str) -> int:
    """Tokens as this simulator counts them: four characters each, rounded up."""
    return -(-len(text) // 4)


def _parsed(body: Any) -> tuple[Model, list[dict], int, dict | None]:
    if not isinstance(body, dict):
        raise ProtocolError(400, "The body must be a JSON object.")
    name, messages = body.get("model"), body.get("messages")
    if not isinstance(name, str):
        raise ProtocolError(400, "you must provide a model parameter", param="model")
    if not isinstance(messages, list) or not messages:
        raise ProtocolError(400, "'messages' must be a list with at least one message", param="messages")
    for i, message in enumerate(messages):
        whole = isinstance(message, dict) and isinstance(message.get("role"), str)
        if not whole or not isinstance(message.get("content"), str):
            raise ProtocolError(400, "a message needs the texts 'role' and 'content'", param=f"messages.[{i}]")
        if not message["content"].isascii() and _HALF.search(message["content"]):
            raise ProtocolError(400, "a message holds half a character (a lone surrogate)", param=f"messages.[{i}]")
    if body.get("stream"):
        raise ProtocolError(400, "this simulator does not stream; leave 'stream' out", param="stream")
    if body.get("n") not in (None, 1):
        raise ProtocolError(400, "one choice a request; tell samples apart by 'seed'", param="n")
    sample = body.get("seed")
    if sample is not None and (not isinstance(sample, int) or isinstance(sample, bool)):
        raise ProtocolError(400, "'seed' must be an integer", param="seed")
    shape = body.get("response_format") or {}
    if not isinstance(shape, dict):
        raise ProtocolError(400, "'response_format' must be an object", param="response_format")
    schema = None
    if shape.get("type") == "json_schema":
        schema = (shape.get("json_schema") or {}).get("schema")
        if not isinstance(schema, dict):
            raise ProtocolError(400, "'json_schema' needs a 'schema'", param="response_format.json_schema.schema")
    plain = [{"role": m["role"], "content": m["content"]} for m in messages]
    return _model(name), plain, sample or 0, schema


def _model(name: str) -> Model:
    short, at, wanted = name.partition("@")
    if short not in load().models:
        raise ProtocolError(
            404,
            f"The model {short!r} does not exist; there are {', '.join(load().models)}.",
            code="model_not_found",
            param="model",
        )
    if at and wanted != version():
        raise ProtocolError(
            404,
            f"The model {short!r} is served in version {version()}, not {wanted}: the "
            "simulated world has changed since.",
            code="model_not_found",
            param="model",
        )
    return load().models[short]


def _json(content: dict, status: int = 200) -> Response:
    return Response(json.dumps(content, ensure_ascii=True), status, media_type="application/json")


def _error(error: ProtocolError) -> Response:
    said = {"message": str(error), "type": "invalid_request_error", "param": error.param, "code": error.code}
    return _json({"error": said}, error.status)


def make_app(templates: str | os.PathLike = TEMPLATES) -> Starlette:
    """The ASGI application over the templates of one folder.

    Raises
    ------
    TemplateError
        The folder holds no template, or one that is not as it must be.
    """
    forms = Forms(Path(templates))

    async def chat_completions(request: Request) -> Response:
        try:
            try:
                body = json.loads(await request.body())
            except (ValueError, RecursionError) as error:
                raise ProtocolError(400, f"The body is not JSON: {error}") from error
            return _json(complete(body, forms))
        except ProtocolError as error:
            return _error(error)

    async def models(request: Request) -> Response:
        served = [f"{name}@{version()}" for name in load().models]
        listed = [{"id": name, "object": "model", "created": CREATED, "owned_by": "simulator"} for name in served]
        return _json({"object": "list", "data": listed})

    async def missing(request: Request, error: Exception) -> Response:
        return _error(ProtocolError(getattr(error, "status_code", 404), f"No such path: {request.url.path}"))

    return Starlette(
        routes=[
            Route("/v1/chat/completions", chat_completions, methods=["POST"]),
            Route("/v1/models", models, methods=["GET"]),
        ],
        exception_handlers={404: missing, 405: missing},
    )


def serve(port: int = 0, *, templates: str | os.PathLike = TEMPLATES) -> None:
    """Serve on 127.0.0.1 until stdin closes, which it does when the parent process is gone.

    The port (any free one for 0) is printed as the only line on stdout once connections are accepted.
    """
    app = make_app(templates)
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
