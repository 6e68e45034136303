"""`persona plan`: calls, tokens and cost of what a run has still to ask."""

from __future__ import annotations

import argparse
from pathlib import Path

from persona_lib.asking.prices import read_prices
from persona_lib.commands.configuration import read_configuration
from persona_lib.commands.inputs import add_prices
from persona_lib.cost import quote as quotes
from persona_lib.cost.plan import read_lengths
from persona_lib.messages import templates as forms
from persona_lib.tables import schema


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `persona plan`."""
    parser.add_argument("config", nargs="+", metavar="FILE", help="configuration; a later file overrides an earlier")
    parser.add_argument("--folder", metavar="DIR", help="folder of the run; data/runs/RUN if not given")
    parser.add_argument("--templates", default="data/templates", metavar="DIR", help="folder of the templates")
    add_prices(parser)
    parser.set_defaults(run=_plan)


def _plan(chosen: argparse.Namespace) -> None:
    from persona_lib.cost import precision  # scipy is imported when it is needed

    settings = read_configuration(chosen.config)
    prices, templates = read_prices(chosen.prices), forms.load(chosen.templates)
    planned = quotes.quote(
        settings,
        chosen.folder or Path("data/runs") / settings["run"],
        templates=templates,
        lengths=read_lengths(chosen.lengths),
        prices=prices,
    )
    print(quotes.sentences(planned, settings, prices))
    pluralism = Path(chosen.folder or Path("data/runs") / settings["run"]) / "pluralism.parquet"
    # None before a run has measured its components of variance
    shares = precision.shares_of(schema.read(pluralism, "pluralism")) if pluralism.is_file() else None
    measured = shares is not None
    print(f"\n{precision.precision_sentences(settings, shares=shares or precision.SHARES, measured=measured)}")
    for line in quotes.too_short(planned, settings, templates):
        print(line)
