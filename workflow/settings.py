"""The configuration: checked against `config/schema.yaml`, and the part of it that one stage sees."""

import os
from collections.abc import Sequence
from pathlib import Path

from snakemake.exceptions import WorkflowError

from persona_lib.commands.configuration import judge
from persona_lib.commands.inputs import UsageError
from persona_lib.messages.endpoint import SIMULATOR

CHANGES = Path("data/runs/.changes.yaml")  # what the command line changes, as one more file for Snakemake


def validated(config: dict, files: Sequence[str | Path] = ()) -> dict:
    """Return the configuration that Snakemake read from these files if it can be used, else stop.

    Raises
    ------
    WorkflowError
        One line a fault, with file, line, key and what to do.
    """
    try:
        return judge(config, [name for name in map(os.path.relpath, files) if Path(name) != CHANGES])
    except UsageError as error:
        raise WorkflowError(str(error)) from None


def _cast(config: dict) -> list[tuple[str, str]]:
    """Every role with the endpoint alias that plays it; a role of several models stands several times."""
    roles = config["roles"].items()
    return [(role, alias) for role, named in roles for alias in ([named] if isinstance(named, str) else named)]


def is_simulated(config: dict) -> bool:
    """Whether any role of the run is played by the simulator."""
    return any(config["endpoints"][alias]["base_url"] == SIMULATOR for _, alias in _cast(config))


def stage_settings(config: dict, blocks: list[str]) -> dict:
    """What `persona collect` is told: seed, mode, roles, endpoints, the named blocks, the simulator's version.

    It is a parameter of the rule, so a change here, and only here, asks the stage again.
    """
    settings = {key: config[key] for key in ("seed", "mode", "roles", "endpoints", *blocks)}
    if is_simulated(config):
        from persona_lib.simulator import VERSION

        settings["world"] = VERSION
    return settings
