"""JSON schema response formats: which of them strict mode takes, and the smallest value that fits one.

Strict mode takes a part of JSON Schema only, and which part has changed from model to model. What not every model
takes is refused here, in the words of the real endpoint [1]_; its limits of size are not kept.

.. [1] OpenAI, Structured Outputs guide, "Supported schemas": the root is an object, every object is closed by
   additionalProperties false and requires all its properties. The words are those that users of the endpoint report.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

import jsonschema

_STRICT = {"type", "properties", "required", "additionalProperties", "items", "enum", "const", "anyOf"}
_STRICT |= {"$ref", "$defs", "definitions", "$schema", "title", "description"}
_BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_BY_NAME = ("properties", "$defs", "definitions")
_REFERENCE = re.compile(r'"\$ref": ("[^"]*")')  # in JSON a quote within a text never stands bare
_OTHER_BASE = re.compile(r'"(\$id|\$dynamicRef)": ')
_LONGEST = 10_000  # characters or items that a value is made of at most


class Misfit(ValueError):
    """No value that fits was found."""


@lru_cache(maxsize=1_000)
def fault(schema: str, *, strict: bool) -> str:
    """What keeps a schema, as JSON, from being a response format; '' if nothing does.

    Examples
    --------
    >>> closed = {"type": "object", "additionalProperties": False, "required": ["a"]}
    >>> fault(json.dumps({**closed, "properties": {"a": {"type": "string"}}}), strict=True)
    ''
    >>> fault(json.dumps({**closed, "properties": {"a": {"type": "string", "minLength": 1}}}), strict=True)
    "In context=('properties', 'a'), 'minLength' is not permitted."
    """
    found = json.loads(schema)
    try:
        jsonschema.Draft202012Validator.check_schema(found)
        if other := _OTHER_BASE.search(schema):
            return f"'{other[1]}' is not permitted."
        for place in map(json.loads, _REFERENCE.findall(schema)):
            _referred(place, found)
        return next(_strict_faults(found), "") if strict else ""
    except jsonschema.SchemaError as error:
        return f"In context={tuple(error.path)}, {error.message[:200]}"
    except LookupError as error:
        return f"reference {error} leads nowhere."
    except RecursionError:
        return "the schema is nested too deeply."


def _strict_faults(root: Mapping) -> Iterator[str]:
    if root.get("type") != "object":
        yield f"schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{root.get('type')}\"'."
    for place, schema in _parts(root, ()):
        here, properties, required = f"In context={place},", schema.get("properties", {}), schema.get("required")
        if unknown := [keyword for keyword in schema if keyword not in _STRICT or not place and keyword == "anyOf"]:
            yield f"{here} '{unknown[0]}' is not permitted."
        kinds = schema.get("type", "")
        if "properties" not in schema and "object" not in ([kinds] if isinstance(kinds, str) else kinds):
            continue
        if schema.get("additionalProperties") is not False:
            yield f"{here} 'additionalProperties' is required to be supplied and to be false."
        missing = [key for key in properties if key not in (required or ())]
        if missing or required is None:
            said = "'required' is required to be supplied and to be an array including every key in properties."
            yield f"{here} {said}" + (f" Missing '{missing[0]}'." if missing else "")
        if extra := [key for key in required or () if key not in properties]:
            yield f"{here} 'required' holds a key that is not in properties: '{extra[0]}'."


def _parts(schema: Any, place: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Mapping]]:
    """The schema and every schema in it, each with its place."""
    if not isinstance(schema, Mapping):
        return
    yield place, schema
    for keyword in _BY_NAME:
        for name, part in schema.get(keyword, {}).items():
            yield from _parts(part, (*place, keyword, name))
    for i, part in enumerate(schema.get("anyOf", ())):
        yield from _parts(part, (*place, "anyOf", str(i)))
    yield from _parts(schema.get("items"), (*place, "items"))


def smallest(schema: Mapping) -> object:
    """The smallest value that fits a JSON schema, by the length of its JSON.

    Made of type, enum, const, anyOf, oneOf, local references, properties, required, items and bounds.

    Raises
    ------
    Misfit
        What these make does not fit: other keywords (pattern, allOf, not, ...) matter, or nothing fits at all.

    Examples
    --------
    >>> smallest({"type": "object", "required": ["a"], "properties": {"a": {"enum": ["x", "y"]}}})
    {'a': 'x'}
    >>> smallest({"type": "integer", "maximum": -3}), smallest({"$ref": "#/$defs/yes", "$defs": {"yes": {"const": 1}}})
    (-3, 1)
    """
    try:
        found = _made(schema, schema, ())
        jsonschema.Draft202012Validator(schema).validate(found)
    except (jsonschema.ValidationError, LookupError, ValueError, ArithmeticError, RecursionError) as error:
        raise Misfit("no value that fits the schema was found") from error
    return found


def _made(schema: Any, root: Mapping, within: tuple[str, ...]) -> object:
    if not isinstance(schema, Mapping):
        return None
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return min(schema["enum"], key=_size, default=None)
    if (place := schema.get("$ref")) is not None:
        if place in within:
            raise LookupError("the smallest value holds none of its own kind")
        return _made(_referred(place, root), root, (*within, place))
    choices = schema.get("anyOf") or schema.get("oneOf")
    kinds = schema.get("type", "object" if "required" in schema else "null")
    if choices is None and isinstance(kinds, list):
        choices = [{**schema, "type": kind} for kind in kinds]
    if choices is None:
        return _of_kind(kinds, schema, root, within)
    found = []
    for choice in choices:
        with suppress(LookupError):
            found.append(_made(choice, root, within))
    if not found:
        raise LookupError("no choice can be made")
    return min(found, key=_size)


def _of_kind(kind: str, schema: Mapping, root: Mapping, within: tuple[str, ...]) -> object:
    if kind == "object":
        properties = schema.get("properties", {})
        return {key: _made(properties.get(key), root, within) for key in schema.get("required", ())}
    if kind in ("array", "string"):
        n = int(schema.get("minItems" if kind == "array" else "minLength", 0))
        if n > _LONGEST:
            raise LookupError(f"{n} items or characters")
        return "x" * n if kind == "string" else [_made(schema.get("items"), root, within)] * n if n else []
    if kind in ("integer", "number"):
        return _number({**schema, "type": kind})
    return False if kind == "boolean" else None


def _number(schema: Mapping) -> float:
    """The number of few digits that fits, tried at 0 and beside the bounds."""
    bounds = [schema[name] for name in _BOUNDS if name in schema]
    step = schema.get("multipleOf", 1)
    near = [number for bound in bounds for number in (math.floor(bound / step) * step, math.ceil(bound / step) * step)]
    tried = [0, *near, *(n + sign * step for n in near for sign in (1, -1)), *bounds, sum(bounds) / max(len(bounds), 1)]
    fits = jsonschema.Draft202012Validator(schema).is_valid
    return next((number for number in tried if fits(number)), 0)


def _referred(place: str, root: Mapping) -> Any:
    """The schema that a local reference, such as `#/$defs/name`, names.

    Raises
    ------
    LookupError
        Nothing is there.
    """
    first, *names = place.split("/")
    found = root if first == "#" else None
    for name in names:
        name = unquote(name).replace("~1", "/").replace("~0", "~")
        found = found.get(name) if isinstance(found, Mapping) else None
    if not isinstance(found, bool | Mapping):
        raise LookupError(place)
    return found


def _size(value: object) -> int:
    return len(json.dumps(value))
