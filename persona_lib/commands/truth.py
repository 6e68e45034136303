"""`persona truth`: what the simulated world would answer on average over all that the run could have drawn.

What draws it is imported when it is needed: every other command would wait for it.
"""

from __future__ import annotations

import argparse
from importlib import import_module

from persona_lib.commands.inputs import add_inputs, found, read_settings, read_tables
from persona_lib.tables import schema


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `persona truth`."""
    parser.add_argument("--out", required=True, metavar="FILE", help="the table truth to write")
    add_inputs(parser)
    parser.set_defaults(run=_truth)


def _truth(chosen: argparse.Namespace) -> None:
    settings, tables = read_settings(chosen.settings), read_tables(chosen.read)
    world = import_module("persona_lib.simulator.truth")
    drawn = found("persona_lib.commands.superpopulation:superpopulation")
    could = drawn(tables, settings, told=world.spoken)
    schema.write(world.truth(could, tables, settings), chosen.out, "truth")
