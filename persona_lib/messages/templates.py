"""The exact words that models are sent: one file per template, slots filled in one pass.

A slot stands in the user text as `{{prompt}}`. What fills it is never read as template, so
a text may hold braces, quotes, markup or the name of another slot. Where an endpoint takes no
JSON schema, `instruction` and `correction` are added to the user text; `without_additions` undoes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from persona_lib.tables.files import read_yaml

SLOTS = (
    "persona",
    "prompt",
    "topics",
    "answer",
    "answer_a",
    "answer_b",
    "critique",
    "summary",
    "revision",
    "fault",
    "people",
    "options",
)
_KEYS = ("version", "source", "least_max_tokens", "system", "user")
_SLOT = re.compile(r"\{\{(\w+)\}\}")
_INSTRUCTION = "\n\nReply with one JSON object and nothing else, valid against this JSON schema:\n"
_WRONG = "\n\nA reply to this was given before and could not be used. What was wrong with it, and the reply:\n"
_AGAIN = "\n\nGive the reply again, as one JSON object and nothing else."
_ADDED = re.compile(f"(?P<text>.*){re.escape(_INSTRUCTION)}[^\n]*({re.escape(_WRONG)}.*{re.escape(_AGAIN)})?", re.S)


class TemplateError(ValueError):
    """A template file, or what its slots are filled with, is not as it must be; names the file or the slot."""


@dataclass(frozen=True)
class Template:
    """One template: `system` is fixed, `user` has the slots; `response_schema` (JSON Schema) if the reply is JSON.

    With fewer tokens than `least_max_tokens` an ordinary reply is cut off. An `enum` of the schema may stand for the
    lines that fill a slot: `enum: ["{{topics}}"]`.
    """

    name: str
    version: int
    source: str
    system: str
    user: str
    response_schema: dict | None = None
    least_max_tokens: int = 1

    @cached_property
    def slots(self) -> tuple[str, ...]:
        """The slots' names in order of first appearance."""
        return tuple(dict.fromkeys(_SLOT.findall(self.user)))

    def to_dict(self) -> dict:
        """The template as plain values; `from_dict` is its inverse."""
        return asdict(self)

    @staticmethod
    def from_dict(values: Mapping) -> Template:
        """A template from what `to_dict` gave, checked again."""
        return _checked(Template(**values), f"template {values.get('name')}")


def load(folder: str | Path) -> dict[str, Template]:
    """Every template of a folder by its name, which is its file's name without `.yaml`.

    Raises
    ------
    TemplateError
        No template in the folder; not YAML; a key missing or unknown; a slot unknown, misspelt or
        in the system text; a response schema that is none. The message names the file.
    """
    paths = sorted(Path(folder).glob("*.yaml"))
    if not paths:
        raise TemplateError(f"{folder}: no template (*.yaml) in this folder; the shipped ones are in data/templates")
    return {path.stem: _read(path) for path in paths}


def _read(path: Path) -> Template:
    try:
        values = read_yaml(path)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise TemplateError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise TemplateError(f"{path}: must be a mapping with keys {', '.join(_KEYS)}")
    if unknown := [str(key) for key in values if key not in (*_KEYS, "response_schema")]:
        raise TemplateError(f"{path}: unknown key {', '.join(unknown)}; known are {', '.join(_KEYS)}, response_schema")
    if missing := [key for key in _KEYS if key not in values]:
        raise TemplateError(f"{path}: key {', '.join(missing)} is missing")
    return _checked(Template(name=path.stem, **values), str(path))


def _checked(template: Template, where: str) -> Template:
    for key, kind in (("version", int), ("source", str), ("least_max_tokens", int), ("system", str), ("user", str)):
        if not isinstance(getattr(template, key), kind):
            raise TemplateError(f"{where}: {key} must be {'a whole number' if kind is int else 'text'}")
    if "{{" in template.system:
        raise TemplateError(f"{where}: system holds '{{{{'; slots stand in user only")
    for line, text in enumerate(template.user.split("\n"), start=1):
        if "{{" in _SLOT.sub("", text):
            raise TemplateError(f"{where}: user, line {line}: '{{{{' opens no slot; a slot is written {{{{prompt}}}}")
    for slot in template.slots:
        if slot not in SLOTS:
            raise TemplateError(f"{where}: unknown slot {slot}; known are {', '.join(SLOTS)}")
    if not template.slots:
        raise TemplateError(f"{where}: user has no slot; known are {', '.join(SLOTS)}")
    if template.response_schema is not None:
        try:
            jsonschema.Draft202012Validator.check_schema(template.response_schema)
        except jsonschema.SchemaError as error:
            raise TemplateError(f"{where}: response_schema: {error.message}") from error
        if strange := [slot for slot in _listed(template.response_schema) if slot not in template.slots]:
            raise TemplateError(f"{where}: response_schema: an enum stands for slot {strange[0]}, which user has not")
        if away := [place for place in _references(template.response_schema) if not place.startswith("#")]:
            raise TemplateError(f"{where}: response_schema: $ref {away[0]!r} leads out of it; nothing is fetched")
    return template


def _references(schema: Any) -> Iterator[str]:
    """Where the `$ref`s of a schema lead, at whatever depth: a validator would fetch what is elsewhere."""
    if isinstance(schema, Mapping):
        yield from (str(schema[name]) for name in ("$ref", "$dynamicRef") if name in schema)
    for part in schema.values() if isinstance(schema, Mapping) else schema if isinstance(schema, list) else ():
        yield from _references(part)


def _listed(schema: Any) -> Iterator[str]:
    """The slots whose lines an enum of a schema stands for, at whatever depth."""
    if isinstance(schema, Mapping) and (slot := _slot_of(schema.get("enum"))):
        yield slot
    for part in schema.values() if isinstance(schema, Mapping) else schema if isinstance(schema, list) else ():
        yield from _listed(part)


def _slot_of(enum: Any) -> str:
    found = _SLOT.fullmatch(enum[0]) if isinstance(enum, list) and len(enum) == 1 and isinstance(enum[0], str) else None
    return "" if found is None else found[1]


def schema(template: Template, slots: Mapping[str, str]) -> dict | None:
    """The response schema of one request: an enum that stands for a slot holds the lines that fill it.

    Examples
    --------
    >>> form = Template("t", 1, "ours", "", "{{topics}}", {"enum": ["{{topics}}"]})
    >>> schema(form, {"topics": "Animals\\nWar"}), schema(Template("t", 1, "ours", "", "{{topics}}"), {})
    ({'enum': ['Animals', 'War']}, None)
    """
    found = template.response_schema
    return found if found is None or not any(_listed(found)) else _filled(found, slots)


def _filled(part: Any, slots: Mapping[str, str]) -> Any:
    if isinstance(part, Mapping):
        slot = _slot_of(part.get("enum"))
        rest = {key: _filled(value, slots) for key, value in part.items()}
        return rest | {"enum": slots[slot].split("\n")} if slot else rest
    return [_filled(value, slots) for value in part] if isinstance(part, list) else part


def render(template: Template, slots: Mapping[str, str]) -> tuple[dict[str, str], ...]:
    """The messages that a template becomes: `({"role": "system", ...}, {"role": "user", ...})`.

    Raises
    ------
    TemplateError
        A slot is not filled, is not the template's, or is not text that UTF-8 can carry.

    Examples
    --------
    >>> template = Template("t", 1, "ours", "Be kind.", "{{prompt}} ({{answer}})")
    >>> render(template, {"prompt": "{{answer}}?", "answer": "yes"})[1]["content"]
    '{{answer}}? (yes)'
    """
    if missing := [name for name in template.slots if name not in slots]:
        raise TemplateError(f"template {template.name}: slot {', '.join(missing)} is not filled")
    if extra := [str(name) for name in slots if name not in template.slots]:
        raise TemplateError(f"template {template.name}: has no slot {', '.join(extra)}")
    for name in template.slots:
        text = slots[name]
        if not isinstance(text, str):
            raise TemplateError(f"template {template.name}: slot {name} is {text!r}, not text")
        if not text.isascii() and re.search("[\ud800-\udfff]", text):
            raise TemplateError(f"template {template.name}: slot {name} holds half a character (a lone surrogate)")
    user = _SLOT.sub(lambda found: slots[found[1]], template.user)
    return {"role": "system", "content": template.system}, {"role": "user", "content": user}


def invert(template: Template, text: str) -> dict[str, str] | None:
    """The slots that a user text was rendered from, or None if this template never gives it.

    A slot is the shortest text that lets the rest fit, first slots first. Where a text in a slot
    holds the very words that follow the slot, the division is not unique and this one is taken.

    Examples
    --------
    >>> template = Template("t", 1, "ours", "", "<q>{{prompt}}</q> {{answer}}")
    >>> invert(template, "<q>Why?</q> So.</q>"), invert(template, "Why?")
    ({'prompt': 'Why?', 'answer': 'So.</q>'}, None)
    """
    found = _inverse(template.user).fullmatch(text)
    return None if found is None else found.groupdict()


def instruction(schema: str) -> str:
    """What is added to the user text in the place of a response format; `schema` is canonical JSON, one line."""
    return f"{_INSTRUCTION}{schema}"


def correction(detail: str) -> str:
    """What is added to the user text when it is asked for the second and last time."""
    return f"{_WRONG}{detail}{_AGAIN}"


def without_additions(text: str) -> str:
    """A user text without the instruction, and the correction after it, that were added at its end, if any.

    Examples
    --------
    >>> without_additions("A or B?" + instruction("{}") + correction("not JSON: A.")), without_additions("A or B?")
    ('A or B?', 'A or B?')
    """
    found = _ADDED.fullmatch(text)
    return text if found is None else found["text"]


@cache
def _inverse(user: str) -> re.Pattern:
    pattern, seen = "", set()
    for i, part in enumerate(_SLOT.split(user)):
        if i % 2 == 0:
            pattern += re.escape(part)
        else:
            pattern += f"(?P={part})" if part in seen else f"(?P<{part}>.*?)"
            seen.add(part)
    return re.compile(pattern, re.S)
