"""`persona simulate`: serve the simulated models on this machine until stdin closes."""

from __future__ import annotations

import argparse

from persona_lib.commands.inputs import UsageError, found


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `persona simulate`."""
    parser.add_argument("--port", type=int, default=0, help="0: any free port, printed as the only line")
    parser.add_argument("--templates", default="data/templates", metavar="DIR", help="folder of the templates")
    parser.add_argument(
        "--faults", metavar="FILE", help="misbehave as this file says (simulator/faults.py); if not given, behave"
    )
    parser.set_defaults(run=_simulate)


def _simulate(chosen: argparse.Namespace) -> None:
    serve = found("persona_lib.simulator.app:serve")
    serve(chosen.port, templates=chosen.templates, faults=_faults(chosen.faults))


def _faults(path: str | None) -> object | None:
    try:
        return found("persona_lib.simulator.faults:read")(path) if path else None
    except ValueError as error:
        raise UsageError(str(error)) from error
