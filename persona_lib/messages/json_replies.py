"""JSON replies: what was asked for, and what came.

An endpoint is asked for JSON by a response format, or by the schema in the prompt (`templates.instruction`) where it
takes none. Many that take one do not keep to it, so both are read alike: text may stand around the JSON, such as a
fence of Markdown, and the last object of the form that was asked for counts. If there is none, the model is asked once
more and told what was wrong.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import jsonschema

# OpenAI's strict mode takes these; others, such as minLength, it refuses, and other servers do not know them all.
_SENT = {"type", "properties", "required", "additionalProperties", "enum", "const", "items", "anyOf", "$defs", "$ref"}
_SENT |= {"title", "description"}
_HALVES = re.compile("[\ud800-\udfff]")
_STARTS = 200  # places where an object may begin, from the end; ours have no braces within but those of a schema


def sent(schema: Mapping) -> dict:
    """The part of a schema that is sent as a response format; a reply is held to the whole schema here.

    Examples
    --------
    >>> sent({"type": "object", "properties": {"minLength": {"type": "string", "minLength": 1}}})
    {'type': 'object', 'properties': {'minLength': {'type': 'string'}}}
    """
    found = {name: part for name, part in schema.items() if name in _SENT}
    for name in {"properties", "$defs"} & found.keys():
        found[name] = {key: sent(part) for key, part in found[name].items()}
    if isinstance(found.get("items"), Mapping):
        found["items"] = sent(found["items"])
    if "anyOf" in found:
        found["anyOf"] = [sent(part) for part in found["anyOf"]]
    return found


def parsed(text: str, schema: str) -> tuple[Any, str]:
    """The JSON of a text, and what keeps it from being JSON of the schema, '' if nothing.

    The whole text, or else the last of its objects that is valid: who weighs A before saying B means B.

    Examples
    --------
    >>> parsed('Sure:\\n```json\\n{"choice": "A"}\\n```', '{"required": ["choice"]}')
    ({'choice': 'A'}, '')
    >>> parsed('Not {"choice": "A"} but {"choice": "B"}, since {"kind": 1}', '{"required": ["choice"]}')[0]
    {'choice': 'B'}
    """
    try:
        data = loaded(text)
    except (ValueError, RecursionError) as error:
        found = _objects(text)
        if not found:
            return None, f"not JSON ({error})"
        data = next((each for each in reversed(found) if not _fault(each, schema)), found[-1])
    return data, _fault(data, schema)


def whole(text: str) -> str:
    """The text with each half character (lone surrogate) as U+FFFD."""
    return text if text.isascii() else _HALVES.sub("\ufffd", text)


def loaded(text: str) -> Any:
    """The JSON of a text, its strings whole.

    Raises
    ------
    ValueError, RecursionError
        It is not JSON.

    Examples
    --------
    >>> loaded('{"why": "' + chr(92) + 'ud83d?"}') == {"why": chr(0xFFFD) + "?"}
    True
    """
    data = json.loads(text, parse_constant=_no_constant)
    return _whole_data(data) if "\\u" in text else data


def _whole_data(data: Any) -> Any:
    if isinstance(data, str):
        return whole(data)
    if isinstance(data, list):
        return [_whole_data(part) for part in data]
    return {whole(name): _whole_data(part) for name, part in data.items()} if isinstance(data, dict) else data


def _objects(text: str) -> list[dict]:
    """The JSON objects that stand in a text one after the other, from left to right; of the last 200 braces."""
    at = len(text)
    for _ in range(_STARTS):
        if (before := text.rfind("{", 0, at)) < 0:
            break
        at = before
    decoder, found = json.JSONDecoder(parse_constant=_no_constant), []
    while (at := text.find("{", at)) >= 0:
        try:
            data, at = decoder.raw_decode(text, at)
            found.append(_whole_data(data))
        except (ValueError, RecursionError):
            at += 1
    return found


def _fault(data: Any, schema: str) -> str:
    error = jsonschema.exceptions.best_match(_validator(schema).iter_errors(data))
    return "" if error is None else f"not the JSON asked for ({error.json_path}: {error.message[:200]})"


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON value")


@cache
def _validator(schema: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json.loads(schema))
