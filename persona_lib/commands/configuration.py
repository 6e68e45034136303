"""The configuration of a run, judged before it is used: by its files, its schema, its sizes, for keys in it.

Whoever reads a configuration (`make paper`, `make plan`, the Snakefile, `persona plan`) reads it here.
"""

from __future__ import annotations

import difflib
import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, cast

import jsonschema

from persona_lib.asking.prices import SpendError, price_of, read_prices
from persona_lib.commands import sizes
from persona_lib.commands.inputs import REFERENCE
from persona_lib.commands.strict_yaml import ConfigurationError, dotted, read
from persona_lib.messages import keys
from persona_lib.messages.endpoint import SIMULATOR, RequestError, read_endpoints, used
from persona_lib.tables.files import read_yaml
from persona_lib.tables.schema import attributes, tables

SCHEMA = Path(__file__).resolve().parents[2] / "config" / "schema.yaml"
_ADDRESSES = {"files", "dictionary", "bank", "base_url"}  # may have long random parts that are no keys
_RUN = re.compile(r"[a-z0-9_]+")
_KINDS = {
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "null",
}
_CHECKER = jsonschema.Draft202012Validator.TYPE_CHECKER.redefine_many(
    {  # 1.0 is no whole number for `range`, and an endless timeout no number
        "integer": lambda _, value: type(value) is int,
        "number": lambda _, value: type(value) in (int, float) and math.isfinite(value),
    }
)
_Validator = jsonschema.validators.extend(jsonschema.Draft202012Validator, type_checker=_CHECKER)


@dataclass(frozen=True)
class Origin:
    """Where the values of a configuration stand: by the keys that lead to it, the file and line of each."""

    places: Mapping[tuple, str] = field(default_factory=dict)
    values: Mapping = field(default_factory=dict)  # of all files together
    file: str = "config"  # the last one, where a missing value belongs

    def of(self, config: Mapping, path: tuple) -> str:
        """`FILE: line N` of a value, or of the nearest mapping around it."""
        if path and (before := _at(self.values, path)) is not None and before != _at(config, path):
            return "command line"
        around = (path[:n] for n in range(len(path), 0, -1))
        return next((self.places[keys] for keys in around if keys in self.places), self.file)


def _at(values: Any, path: tuple) -> Any:
    for key in path:
        try:
            values = values[key]
        except (LookupError, TypeError):
            return None
    return values


def read_configuration(files: Sequence[str | Path], changes: Mapping | None = None) -> dict:
    """The configuration of YAML files, each overriding those before it key by key, as Snakemake does.

    `changes` are made last; they are those of a command line.

    Raises
    ------
    ConfigurationError
        One line a fault, with file, line, key and what to do.
    """
    values, origin = _merged(files)
    config = _laid_over(values, changes or {})
    return judge(config, files, origin)


def judge(config: dict, files: Sequence[str | Path], origin: Origin | None = None) -> dict:
    """Return a configuration that was read from these files if it can be used.

    Raises
    ------
    ConfigurationError
        One line a fault, with file, line, key and what to do.
    """
    origin = origin or _merged(files)[1]
    for find in (_pasted, _misnamed, _against_schema, _contradictions):
        if faults := find(config, files):
            lines = (": ".join(filter(None, (origin.of(config, path), dotted(path), what))) for path, what in faults)
            raise ConfigurationError("\n".join(dict.fromkeys(lines)))
    return config


def _merged(files: Sequence[str | Path]) -> tuple[dict, Origin]:
    values: dict = {}
    places: dict[tuple, str] = {}
    for file in files:
        new, lines = read(file)
        values = _laid_over(values, new)
        places |= {path: f"{file}: line {line}" for path, line in lines.items()}
        if "run" not in new:  # that of another file is not its own
            places.pop(("run",), None)
    return values, Origin(places, values, str(files[-1]) if files else "config")


def _laid_over(values: Mapping, new: Mapping) -> dict:
    """Snakemake's `update_config` without its side effect on mappings that aliases share."""
    merged = dict(values)
    for key, value in new.items():
        before = values.get(key)
        below = before if isinstance(before, Mapping) else {}
        merged[key] = _laid_over(below, value) if isinstance(value, Mapping) else value
    return merged


Faults = list[tuple[tuple, str]]  # the keys of a faulty value, what is wrong and what to do


def _pasted(config: Mapping, _: Sequence) -> Faults:
    """The places in which a key of an API was pasted; first of all, so that nothing ever shows it."""
    found = {
        path: None
        for path, text in keys.texts(config)
        if keys.looks_like_key(text) or (keys.is_random(text) and not _ADDRESSES & set(path))
    }
    return [(path, "looks like the key of an API; keys stand in environment variables: remove it") for path in found]


def _misnamed(config: Mapping, files: Sequence[str | Path]) -> Faults:
    """A run that is not named after its file: its tables would lie in another run's folder."""
    if not files:
        return []
    stem = Path(files[-1]).stem
    own, _ = read(files[-1])
    if not _RUN.fullmatch(stem):
        return [(("run",), f"a run is named after its file, by a-z, 0-9 and _; rename {files[-1]}")]
    if "run" not in own:
        return [(("run",), f"is missing, and a run is named after its file; write run: {stem}")]
    if config.get("run") != stem:
        return [(("run",), f"must be the name of the file; write run: {stem}")]
    return []


@cache
def _schema(path: Path = SCHEMA) -> dict:
    return read_yaml(path)


def _against_schema(config: Mapping, _: Sequence) -> Faults:
    errors = sorted(_Validator(_schema()).iter_errors(config), key=lambda error: list(map(str, error.absolute_path)))
    return [fault for error in errors for fault in _sentences(error)]


def _sentences(error: jsonschema.ValidationError) -> Faults:
    """What an error of the schema says in our words; jsonschema's own show values."""
    path, kind = tuple(error.absolute_path), str(error.validator)
    rule: Any = error.validator_value
    value: Any = error.instance
    known: list = list(cast(Mapping, error.schema).get("properties", ()))
    if "propertyNames" in error.absolute_schema_path:
        return [((*path, value), "aliases are made of a-z, 0-9 and _; rename it")]
    if kind == "additionalProperties":
        return [((*path, key), _unknown(str(key), known)) for key in value if key not in known]
    if kind == "required":
        missing = ", ".join(key for key in rule if key not in value)
        return [(path, f"lacks {missing}; " + ("add what is missing" if path else "name config/demo.yaml first"))]
    said = {
        "type": lambda: f"{_found(value, rule, path)}",
        "enum": lambda: f"{_shown(value, path)} is none of {', '.join(map(str, rule))}",
        "minimum": lambda: f"{value} is too small; at least {rule}",
        "maximum": lambda: f"{value} is too large; at most {rule}",
        "exclusiveMinimum": lambda: f"{value} must be above {rule}",
        "minItems": lambda: f"needs {rule} or more entries",
        "minProperties": lambda: f"needs {rule} or more entries",
        "uniqueItems": lambda: "names something twice; remove one",
        "pattern": lambda: f"{_shown(value, path)} must be made of a-z, 0-9 and _",
    }
    return [(path, said[kind]())]


def _unknown(key: str, known: list[str]) -> str:
    near = difflib.get_close_matches(key, known, n=1)
    return f"unknown; did you mean {near[0]}?" if near else f"unknown; known are {', '.join(known)}"


def _shown(value: Any, path: tuple) -> str:
    """A value as a message shows it; a text of an endpoint never, for a key may have been pasted there."""
    if isinstance(value, str):
        return "the text" if path[:1] == ("endpoints",) else keys.shown(value)
    kinds = ((bool, str(value).lower()), (type(None), "nothing"), (Mapping, "a mapping"), (list, "a list"))
    return next((text for kind, text in kinds if isinstance(value, kind)), str(value))


def _found(value: Any, wanted: str | list[str], path: tuple) -> str:
    """What is there and what should be; with the remedy for what YAML reads differently than it looks."""
    wanted = [wanted] if isinstance(wanted, str) else wanted
    what = f"{_shown(value, path)} is not {' or '.join(_KINDS[kind] for kind in wanted)}"
    if isinstance(value, str) and {"integer", "number"} & set(wanted):
        return f"{what} but text; write {_digits(value)}"
    if "string" in wanted and not isinstance(value, Mapping | list | type(None)):
        read_as = " (no, yes, on and off are read so)" if isinstance(value, bool) else ""
        return f"{what}{read_as}; put it in quotes"
    digits = isinstance(value, float) and value.is_integer()
    return f"{what}; write {int(value) if digits else _KINDS[wanted[0]]}"


def _digits(text: str) -> str:
    try:
        return f"{float(text):.15g}, in digits and without quotes"
    except ValueError:
        return "it in digits"


def _strange(config: Mapping, block: str, key: str, known: list[str]) -> Iterator[tuple[tuple, str]]:
    """The entries of a list that are none of the known names."""
    for number, name in enumerate(config[block][key] or []):
        if name not in known:
            yield (block, key, number), f"{keys.shown(name)}: {_unknown(name, known)}"


def _grouping() -> list[str]:
    """The columns of the census whose combinations can be strata."""
    return [name for name in tables()["census"].columns if name not in ("person_id", "household_id")]


def _contradictions(config: Mapping, _: Sequence) -> Faults:
    """Faults that no schema sees: of endpoints and roles, files, and sizes against each other."""
    try:
        asked = used(read_endpoints(config["endpoints"]), config["roles"])
        prices = read_prices(REFERENCE / "prices.csv")
        for endpoint in asked.values():
            price_of(endpoint, prices)
    except (RequestError, SpendError) as error:
        where, _, what = str(error).partition(": ")
        return [(tuple(where.split(".")), what)]
    live = [endpoint.alias for endpoint in asked.values() if endpoint.base_url != SIMULATOR]
    if config["mode"] == "simulate" and live:
        return [(("mode",), f"is simulate, but endpoint {live[0]} is not the simulator; write mode: live to ask it")]
    if unknown := [*_strange(config, "ablation", "attributes", attributes()["attribute"].tolist())]:
        return unknown
    if unknown := [*_strange(config, "population", "strata", _grouping())]:
        return unknown
    files: list[tuple[tuple, str]] = [
        (("census", "files", i), path) for i, path in enumerate(config["census"]["files"])
    ]
    files += [(("census", "dictionary"), config["census"]["dictionary"])]
    files += [(("prompts", "bank"), config["prompts"]["bank"])]
    lost = [(path, f"{keys.shown(name)}: no such file") for path, name in files if not os.path.isfile(name)]
    advice = "; give a path relative to the folder of the Snakefile"
    return [(path, what + advice) for path, what in lost] or sizes.faults(config)
