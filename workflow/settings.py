"""The configuration: checked against `config/schema.yaml`, and the part of it that one stage sees."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import jsonschema
import yaml
from snakemake.exceptions import WorkflowError

SIMULATOR = "simulator"


class Settings(dict):
    """A dict that prints as JSON, so that a shell command can carry it."""

    def __str__(self) -> str:
        return json.dumps(self, sort_keys=True)


def validated(config: dict, schema: str = "config/schema.yaml") -> dict:
    """Return the configuration if every key is known, of its type and consistent, else stop with one line.

    Raises
    ------
    WorkflowError
        Names the key and what is wrong with it.
    """
    rules = yaml.safe_load(Path(schema).read_text("utf-8"))
    errors = sorted(jsonschema.Draft202012Validator(rules).iter_errors(config), key=lambda e: list(map(str, e.path)))
    if errors:
        raise WorkflowError(f"config: {_sentence(errors[0])}")
    for role, alias in _cast(config):
        if alias not in config["endpoints"]:
            known = ", ".join(config["endpoints"])
            raise WorkflowError(f"config: roles.{role}: {alias!r} is no endpoint; endpoints are {known}")
    for key, parent in (("personas", "n_train"), ("prompts", "n_train")):
        if config[key][parent] >= config[key]["n"]:
            raise WorkflowError(f"config: {key}.n_train must be below {key}.n = {config[key]['n']}")
    for path in (*config["census"]["files"], config["census"]["dictionary"], config["prompts"]["bank"]):
        if not Path(path).is_file():
            raise WorkflowError(f"config: {path}: no such file; give a path relative to the folder of the Snakefile")
    return config


def _sentence(error: jsonschema.ValidationError) -> str:
    where = ".".join(str(part) for part in error.absolute_path) or "top level"
    if error.validator == "additionalProperties" and isinstance(error.schema, Mapping):
        unknown = sorted(set(cast(Mapping, error.instance)) - set(error.schema["properties"]))
        return f"{where}: unknown key {', '.join(unknown)}; known are {', '.join(error.schema['properties'])}"
    return f"{where}: {error.message}"


def _cast(config: dict) -> list[tuple[str, str]]:
    """Every role with the endpoint alias that plays it; a role of several models stands several times."""
    roles = config["roles"].items()
    return [(role, alias) for role, named in roles for alias in ([named] if isinstance(named, str) else named)]


def is_simulated(config: dict) -> bool:
    """Whether any role of the run is played by the simulator."""
    return any(config["endpoints"][alias]["base_url"] == SIMULATOR for _, alias in _cast(config))


def stage_settings(config: dict, blocks: list[str]) -> Settings:
    """What `persona collect` is told: seed, mode, roles, endpoints, the named blocks, the simulator's version.

    It is a parameter of the rule, so a change here, and only here, asks the stage again.
    """
    settings = Settings({key: config[key] for key in ("seed", "mode", "roles", "endpoints", *blocks)})
    if is_simulated(config):
        from persona_lib.simulator import VERSION

        settings["world"] = VERSION
    return settings
