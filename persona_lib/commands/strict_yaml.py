"""Read a YAML file of settings strictly: each key once, no guess, and the line of every value.

PyYAML alone takes the last of two equal keys, reads 010 as 8 and 1:30 as 90, and shows the faulty line
in its messages, in which a key may stand.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import yaml

from persona_lib.commands.inputs import UsageError
from persona_lib.messages.keys import HIDDEN, shown

Lines = dict[tuple, int]  # the line of a value, by the keys that lead to it

_TAG = "tag:yaml.org,2002:"
_PLAIN = {
    "int": re.compile(r"[-+]?(0|[1-9]\d*)"),
    "float": re.compile(r"[-+]?(\d+\.\d*|\.\d+)([eE][-+]\d+)?"),
}
_TAGS = [_TAG + kind for kind in ("str", "int", "float", "bool", "null")]
_REASONS = (  # part of PyYAML's problem: what to say
    ("undefined alias", "no value of this file has this anchor (&); an alias (*) sees its own file only"),
    ("duplicate anchor", "this anchor (&) stands twice; rename one"),
    ("but found another document", "a second document begins here; remove this line (---)"),
    ("constructor for the tag", "tags (!) are not used here; remove it"),
    ("for merging", "<<: takes an alias of a mapping, such as <<: *name"),
)


class ConfigurationError(UsageError):
    """A configuration that cannot be used: one line a fault, each with file, line and key."""


def read(path: str | Path) -> tuple[dict, Lines]:
    """The settings of a file, {} if it holds only comments, and the line on which each stands.

    Merge keys work; what `<<:` brings stands on the line of its anchor.

    Raises
    ------
    ConfigurationError
        No such file, not UTF-8, not YAML, no mapping, a key that repeats or is no text, a number that
        versions of YAML read differently, an alias without its anchor; names the file and the line.
    """
    loader = yaml.SafeLoader(_text(path))
    try:
        node = loader.get_single_node()
        if node is None:
            return {}, {}
        if not isinstance(node, yaml.MappingNode):
            raise _error(path, node, "settings are lines of the form key: value; this is none")
        lines = dict(_lines(node, path))
        return loader.construct_document(node), lines
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        # from None: PyYAML's own message shows the line
        line = "" if mark is None else f"line {mark.line + 1}: "
        raise ConfigurationError(f"{path}: {line}{_reason(error)}") from None
    except RecursionError:
        raise ConfigurationError(f"{path}: brackets within brackets, too deep to be read") from None
    except ValueError as error:
        if isinstance(error, ConfigurationError):
            raise
        raise ConfigurationError(f"{path}: not YAML: a number in it is too long") from None
    finally:
        loader.dispose()


def _text(path: str | Path) -> str:
    if not os.path.isfile(path):
        raise ConfigurationError(f"{path}: no such file; name a configuration, such as config/demo.yaml")
    raw = Path(path).read_bytes()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        at = raw[: error.start].count(b"\n") + 1
        raise ConfigurationError(f"{path}: line {at}: not UTF-8; save the file as UTF-8") from None
    for number, line in enumerate(text.splitlines(), start=1):
        if "\t" in line[: len(line) - len(line.lstrip())] and line.strip() and not line.lstrip().startswith("#"):
            raise ConfigurationError(f"{path}: line {number}: begins with a tab; indent with blanks")
        if unprintable := yaml.reader.Reader.NON_PRINTABLE.search(line):
            sign = f"U+{ord(unprintable.group()):04X}"
            raise ConfigurationError(f"{path}: line {number}: the character {sign} cannot stand in YAML; remove it")
    return text


def _reason(error: yaml.MarkedYAMLError) -> str:
    problem, context = error.problem or "", error.context or ""
    said = next((text for part, text in _REASONS if part in f"{context} {problem}"), "")
    return said or f"not YAML, here or just before: {problem if shown(problem) != HIDDEN else 'see the line'}"


def _error(path: str | Path, node: yaml.Node, what: str, keys: tuple = ()) -> ConfigurationError:
    key = f"{dotted(keys)}: " if keys else ""
    return ConfigurationError(f"{path}: line {node.start_mark.line + 1}: {key}{what}")


def dotted(keys: tuple) -> str:
    """Keys as messages name them, such as endpoints.large.model; one that may be an API's key is not shown."""
    return ".".join(key if repr(key) == shown(key) else shown(key) for key in map(str, keys))


def _lines(node: yaml.Node, path: str | Path, keys: tuple = (), within: tuple = ()) -> Iterator[tuple[tuple, int]]:
    """Every value's line, what is merged before what stands in the mapping itself; stops at the first fault."""
    if node in within:
        raise _error(path, node, "an alias (*) of what it is a part of; remove it", keys)
    within = (*within, node)
    if isinstance(node, yaml.MappingNode):
        own: dict[str, int] = {}
        for key, value in sorted(node.value, key=lambda pair: pair[0].tag != f"{_TAG}merge"):
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode) or key.tag not in (f"{_TAG}str", f"{_TAG}merge"):
                what = "a key must be text; put it in quotes (no, yes, on, off, null and numbers are not text)"
                raise _error(path, key, what, keys)
            if key.value in own:
                what = f"stands twice, first on line {own[key.value]}; remove one"
                raise _error(path, key, what, (*keys, key.value))
            own[key.value] = line
            if key.tag == f"{_TAG}merge":
                for source in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                    yield from (pair for pair in _lines(source, path, keys, within) if pair[0] != keys)
            else:
                yield from _lines(value, path, (*keys, key.value), within)
                yield (*keys, key.value), line
    elif isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            yield (*keys, number), item.start_mark.line + 1
            yield from _lines(item, path, (*keys, number), within)
    elif node.tag not in _TAGS:
        raise _error(path, node, "a date, or a tag (!): put quotes around a text, remove a tag", keys)
    elif (form := _PLAIN.get(node.tag.removeprefix(_TAG))) and not form.fullmatch(node.value):
        what = (
            "a number of another form (octal, base 60, with _, infinite): write plain digits, or quotes around a text"
        )
        raise _error(path, node, what, keys)
