"""`persona utilities`: what answers are worth to held-out personas in the simulated world.

What draws and weighs them is imported when it is needed: every other command would wait for it.
"""

from __future__ import annotations

import argparse

from persona_lib.commands.inputs import UsageError, add_inputs, found, read_settings, read_tables
from persona_lib.tables import schema


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `persona utilities`."""
    parser.add_argument("--out", required=True, metavar="FILE", help="the table utilities to write")
    add_inputs(parser)
    parser.set_defaults(run=_utilities)


def _utilities(chosen: argparse.Namespace) -> None:
    settings, tables = read_settings(chosen.settings), read_tables(chosen.read)
    if not {"n_prompts", "n_candidates"} <= set(settings.get("learning", {})):
        raise UsageError("--settings: learning.n_prompts and learning.n_candidates are missing")
    sizes = {key: settings["learning"][key] for key in ("n_prompts", "n_candidates")}
    plan = found("persona_lib.learning.best_of_n:plan_candidates")
    candidates = plan(tables["pairs"], tables["answers"], **sizes, seed=settings["seed"])
    worth = found("persona_lib.simulator.utilities:utilities")
    schema.write(worth(candidates, tables["personas"], tables["answers"]), chosen.out, "utilities")
