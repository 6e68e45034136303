"""What the simulated models say over the OpenAI protocol: one request body in, one response body out.

No server is here: `app` hands over what came in by HTTP, `batches` the lines of a file.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
import struct
from dataclasses import dataclass
from typing import Any

from persona_lib.simulator import formats, roles, version
from persona_lib.simulator.forms import Forms
from persona_lib.simulator.world import Model, load

CREATED = 1721779200  # 24 July 2024, when the paper appeared; a clock would make replies differ
EMBEDDER = "sim-embedding"
_HALF = re.compile("[\ud800-\udfff]")
_NAME = re.compile("[a-zA-Z0-9_-]{1,64}")
_LONGEST = 2048  # inputs of one embeddings request, as the protocol has it
_CHARACTERS = 4  # of a token, as this simulator counts them
_UNSERVED = ("stream", "tools", "tool_choice", "functions", "function_call", "logprobs", "logit_bias", "audio")
_RANGES = {"temperature": (0, 2), "top_p": (0, 1), "presence_penalty": (-2, 2), "frequency_penalty": (-2, 2)}


class ProtocolError(Exception):
    """A request that cannot be answered: HTTP status, the OpenAI error's type, code and parameter."""

    def __init__(self, status: int, message: str, *, code: str | None = None, param: str | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.param = status, code, param

    def body(self) -> dict:
        """The error as the protocol writes it."""
        kind = "invalid_request_error" if self.status < 500 else "server_error"
        return {"error": {"message": str(self), "type": kind, "param": self.param, "code": self.code}}


@dataclass(frozen=True)
class Asked:
    """One chat request, read and checked; `schema` is that of its response format."""

    who: Model
    messages: list[dict]
    sample: int
    schema: dict | None
    max_tokens: int | None
    stops: tuple[str, ...]


def complete(body: Any, forms: Forms) -> dict:
    """The chat completion of one request body.

    What is said depends on the model, the messages and the seed; `stop` and `max_tokens` then cut it. The numbers
    that real models draw by (`temperature` and the like) are checked and change nothing.

    Raises
    ------
    ProtocolError
        400 where the body is not a chat request, or one for what is not served; 404 where no such model, or not in
        this version, is served.
    """
    asked = _parsed(body)
    try:
        said = roles.reply(forms, asked.who, asked.messages, sample=asked.sample, schema=asked.schema)
    except formats.Misfit as error:
        raise ProtocolError(400, f"Invalid schema for response_format: {error}", param="response_format") from error
    text, finish_reason = _cut(said.text, asked)
    prompt_tokens = sum(tokens(m["content"]) + 4 for m in asked.messages) + 2
    completion_tokens = tokens(text)
    return {
        "id": f"chatcmpl-{said.digest.hex()[:24]}",
        "object": "chat.completion",
        "created": CREATED,
        "model": f"{asked.who.name}@{version()}",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": None if said.refused else text,
                    "refusal": text if said.refused else None,
                },
                "logprobs": None,
                "finish_reason": finish_reason,
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
    return -(-len(text) // _CHARACTERS)


def _cut(text: str, asked: Asked) -> tuple[str, str]:
    """The text up to the first stop, if that comes before the most tokens are used up; and why it ends."""
    ends = [at for stop in asked.stops if (at := text.find(stop)) >= 0]
    text = text[: min(ends, default=None)]
    most = None if asked.max_tokens is None else _CHARACTERS * asked.max_tokens
    return (text, "stop") if most is None or len(text) <= most else (text[:most], "length")


def _parsed(body: Any) -> Asked:
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
    for unserved in _UNSERVED:
        if body.get(unserved):
            raise ProtocolError(400, f"this simulator has no '{unserved}'; leave it out", param=unserved)
    for number, (low, high) in _RANGES.items():
        value = body.get(number)
        if value is not None and not (_is_number(value, int | float) and low <= value <= high):
            raise ProtocolError(400, f"'{number}' must be a number from {low} to {high}", param=number)
    if body.get("n") not in (None, 1):
        raise ProtocolError(400, "one choice a request; tell samples apart by 'seed'", param="n")
    sample = body.get("seed")
    if sample is not None and not (_is_number(sample, int) and -(2**63) <= sample < 2**63):
        raise ProtocolError(400, "'seed' must be an integer of 64 bits", param="seed")
    plain = [{"role": m["role"], "content": m["content"]} for m in messages]
    schema = _schema(body.get("response_format"))
    return Asked(_model(name), plain, sample or 0, schema, _max_tokens(body), _stops(body.get("stop")))


def _is_number(value: Any, kind: Any) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def _max_tokens(body: dict) -> int | None:
    given = {name: body[name] for name in ("max_tokens", "max_completion_tokens") if body.get(name) is not None}
    for name, value in given.items():
        if not _is_number(value, int):
            said = f"Invalid type for '{name}': it must be an integer."
            raise ProtocolError(400, said, code="invalid_type", param=name)
        if value < 1:
            said = f"Invalid '{name}': integer below minimum value. Expected a value >= 1, but got {value} instead."
            raise ProtocolError(400, said, code="integer_below_min_value", param=name)
    if len(given) > 1:
        raise ProtocolError(400, "'max_tokens' and 'max_completion_tokens' are one thing; give one", param="max_tokens")
    return next(iter(given.values()), None)


def _stops(stop: Any) -> tuple[str, ...]:
    stops = [stop] if isinstance(stop, str) else [] if stop is None else stop
    if not isinstance(stops, list) or len(stops) > 4 or not all(isinstance(each, str) and each for each in stops):
        raise ProtocolError(400, "'stop' must be a text that is not empty, or up to 4 of them", param="stop")
    return tuple(stops)


def _schema(shape: Any) -> dict | None:
    """The JSON schema of a response format, None if it asks for plain text.

    As of the real endpoint, a strict schema is refused where it goes beyond what strict mode takes.
    """
    if shape is None:
        return None
    where = "response_format"
    if not isinstance(shape, dict) or shape.get("type") not in ("text", "json_schema"):
        raise ProtocolError(400, "'response_format' must be an object of type text or json_schema", param=where)
    if shape["type"] == "text":
        return None
    form = shape.get("json_schema")
    if not isinstance(form, dict) or not isinstance(form.get("schema"), dict):
        raise ProtocolError(400, "'json_schema' needs a 'schema'", param=f"{where}.json_schema.schema")
    name, strict = form.get("name"), form.get("strict")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        said = "'json_schema' needs a 'name' of up to 64 letters, digits, underscores and dashes"
        raise ProtocolError(400, said, param=f"{where}.json_schema.name")
    if not isinstance(strict, bool | None):
        raise ProtocolError(400, "'strict' must be true or false", param=f"{where}.json_schema.strict")
    if fault := formats.fault(json.dumps(form["schema"]), strict=bool(strict)):
        raise ProtocolError(400, f"Invalid schema for response_format '{name}': {fault}", param=where)
    return form["schema"]


def _model(name: str) -> Model:
    short = _served(name)
    if short == EMBEDDER:
        raise ProtocolError(404, f"{EMBEDDER} does not chat.", code="model_not_found", param="model")
    return load().models[short]


def _served(name: str) -> str:
    """The name without its version of a model that is served in this version."""
    short, at, wanted = name.partition("@")
    names = [*load().models, EMBEDDER]
    said = ""
    if short not in names:
        said = f"The model {short!r} does not exist; there are {', '.join(names)}."
    elif at and wanted != version():
        said = f"The model {short!r} is served in version {version()}, not {wanted}: the simulated world has changed."
    if said:
        raise ProtocolError(404, said, code="model_not_found", param="model")
    return short


def models() -> dict:
    """The list of what is served: every simulated respondent, and the embedder."""
    return {"object": "list", "data": [model(name) for name in (*load().models, EMBEDDER)]}


def model(name: str) -> dict:
    """What the protocol says of one model, with or without its version in the name.

    Raises
    ------
    ProtocolError
        404 where no such model, or not in this version, is served.
    """
    return {"id": f"{_served(name)}@{version()}", "object": "model", "created": CREATED, "owned_by": "simulator"}


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
    if not isinstance(name, str):
        raise ProtocolError(400, "you must provide a model parameter", param="model")
    if _served(name) != EMBEDDER:
        said = f"The model {name!r} does not embed; {EMBEDDER} does."
        raise ProtocolError(404, said, code="model_not_found", param="model")
    texts = body.get("input")
    texts = [texts] if isinstance(texts, str) else texts
    whole = isinstance(texts, list) and all(isinstance(text, str) and text for text in texts)
    if not isinstance(texts, list) or not whole or not 0 < len(texts) <= _LONGEST:
        raise ProtocolError(400, f"'input' must be a text that is not empty, or 1 to {_LONGEST} of them", param="input")
    size = body.get("dimensions", 256)
    if not _is_number(size, int) or not 1 <= size <= 4096:
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
