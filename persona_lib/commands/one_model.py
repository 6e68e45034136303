"""What the commands that ask a user's own model have in common: its endpoint, what is still to pay, the collecting."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from persona_lib.asking.prices import read_prices
from persona_lib.commands import collect
from persona_lib.commands.inputs import UsageError, found
from persona_lib.cost.dry_run import DryRun
from persona_lib.cost.plan import read_lengths
from persona_lib.ledger.live import Ledger
from persona_lib.messages import templates as forms
from persona_lib.messages.endpoint import SIMULATOR, read_endpoints

TEMPLATES = "data/templates"


def endpoint(chosen: argparse.Namespace, base_url: str, model: str, key_variable: str | None) -> dict[str, Any]:
    """An endpoint as a configuration has it; `chosen` says its concurrency and max_tokens."""
    limits = {"concurrency": chosen.concurrency, "timeout_s": 120, "retries": 5}
    parameters = {"temperature": 1.0, "max_tokens": chosen.max_tokens}
    own: dict[str, Any] = {
        "base_url": base_url,
        "model": model,
        "key_variable": key_variable,
        "repairs": base_url != SIMULATOR,
    }
    return own | limits | {"parameters": parameters}


def confirm(
    chosen: argparse.Namespace,
    settings: Mapping,
    tables: Mapping[str, pd.DataFrame],
    folder: Path,
    stages: Sequence[str],
) -> None:
    """Say what is still to be asked and what it costs, and ask whether to go on.

    Raises
    ------
    UsageError
        Nobody is there to say yes, or who is there does not.
    """
    endpoints, templates = read_endpoints(settings["endpoints"]), forms.load(TEMPLATES)
    if settings["mode"] == "simulate":
        version = found("persona_lib.commands.collect:_world")(settings)
        endpoints = {alias: replace(one, model=f"{one.model}@{version}") for alias, one in endpoints.items()}
    prices, n_missing = read_prices(chosen.prices), 0
    for stage in stages:
        with Ledger(folder / "ledger", stage, shard=0, of=1) as ledger:
            dry = DryRun(endpoints, settings["roles"], templates, ledger, lengths=read_lengths(chosen.lengths))
            partial(found(collect.ALL[stage]), tables, settings, shard=0, of=1)(ask=dry)
        n_missing += sum(n for n, _ in dry.missing.values())
        print(f"{stage}: {dry.sentence(prices)}")
    if chosen.yes or not n_missing:
        return
    if not sys.stdin.isatty():
        raise UsageError("nobody is there to say yes; give --yes to make these calls")
    if input("make these calls? [y/N] ").strip().lower() not in ("y", "yes"):
        raise UsageError("nothing was asked")


def collected(
    chosen: argparse.Namespace,
    stage: str,
    settings: Mapping,
    read: Sequence[str],
    folder: Path,
    *,
    sealed: Path,
    quiet: bool,
) -> None:
    """Ask for a stage in one shard what the ledger in `folder` lacks, and seal it."""
    own: dict[str, Any] = {"stage": stage, "settings": json.dumps(settings), "read": read, "templates": TEMPLATES}
    own |= {"ledger": str(folder / "ledger"), "sealed": str(sealed), "shard": 0, "of": 1, "ask_again": None}
    own |= {"cap_usd": chosen.cap_usd, "quiet": quiet, "log": None, "prices": chosen.prices, "lengths": chosen.lengths}
    collect.collect(argparse.Namespace(**own))
