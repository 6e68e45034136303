"""What the simulated models say over the OpenAI protocol: one request body in, one response body out.

No server is here: `app` hands over what came in by HTTP, `batches` the lines of a file.
"""

from __future__ import annotations

import base64
import hashlib
import math
import re
import struct
from typing import Any

from persona_lib.simulator import roles, version
from persona_lib.simulator.forms import Forms
from persona_lib.simulator.world import Model, load

CREATED = 1721779200  # 24 July 2024, when the paper appeared; a clock would make replies differ
EMBEDDER = "sim-embedding"
_HALF = re.compile("[\ud800-\udfff]")
_LONGEST = 2048  # inputs of one embeddings request, as the protocol has it


class ProtocolError(Exception):
    """A request that cannot be answered: HTTP status, the OpenAI error's type, code and parameter."""

    def __init__(self, status: int, message: str, *, code: str | None = None, param: str | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.param = status, code, param

    def body(self) -> dict:
        """The error as the protocol writes it."""
        kind = "invalid_request_error" if self.status < 500 else "server_error"
        return {"error": {"message": str(self), "type": kind, "param": self.param, "code": self.code}}


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


def models() -> dict:
    """The list of what is served: every simulated respondent, and the embedder."""
    served = [f"{name}@{version()}" for name in (*load().models, EMBEDDER)]
    listed = [{"id": name, "object": "model", "created": CREATED, "owned_by": "simulator"} for name in served]
    return {"object": "list", "data": listed}


def embed(body: Any) -> dict:
    """The embeddings of one request body: texts that share words lie close, whatever the words mean.

    Each word is a fixed pseudo-random direction; a text is the sum of its words, of length 1.

    Raises
    ------
    ProtocolError
        400 where the body is not an embeddings request of texts; 404 where the model is not the embedder.
    """
    if not isinstance(body, dict):
        raise ProtocolError(400, "The body must be a JSON object.")
    name = body.get("model")
    if not isinstance(name, str) or name.partition("@")[0] != EMBEDDER:
        said = f"The model {name!r} does not embed; {EMBEDDER} does."
        raise ProtocolError(404, said, code="model_not_found", param="model")
    texts = body.get("input")
    texts = [texts] if isinstance(texts, str) else texts
    whole = isinstance(texts, list) and all(isinstance(text, str) and text for text in texts)
    if not whole or not 0 < len(texts) <= _LONGEST:
        raise ProtocolError(400, f"'input' must be a text that is not empty, or 1 to {_LONGEST} of them", param="input")
    size = body.get("dimensions", 256)
    if not isinstance(size, int) or isinstance(size, bool) or not 1 <= size <= 4096:
        raise ProtocolError(400, "'dimensions' must be 1 to 4096", param="dimensions")
    form = body.get("encoding_format", "float")
    if form not in ("float", "base64"):
        raise ProtocolError(400, "'encoding_format' must be float or base64", param="encoding_format")
    found = []
    for index, text in enumerate(texts):
        vector: list[float] | str = _direction(text, size)
        if form == "base64":
            vector = base64.b64encode(struct.pack(f"<{size}f", *vector)).decode()
        found.append({"object": "embedding", "index": index, "embedding": vector})
    n = sum(tokens(text) for text in texts)
    usage = {"prompt_tokens": n, "total_tokens": n}
    return {"object": "list", "data": found, "model": f"{EMBEDDER}@{version()}", "usage": usage}


def _direction(text: str, size: int) -> list[float]:
    total = [0.0] * size
    for word in re.findall(r"\w+", text.casefold()) or [text]:
        stream = hashlib.shake_256(word.encode("utf-8", "surrogatepass")).digest(2 * size)
        for i, (number,) in enumerate(struct.iter_unpack("<H", stream)):
            total[i] += number - 32767.5
    length = math.sqrt(sum(value * value for value in total))
    return [value / length for value in total]
