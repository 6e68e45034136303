"""What a command is given: settings and tables, each checked before anything is done."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import pandas as pd

from persona_lib.tables import schema

# inputs that have a reader of their own
REFERENCE = Path(__file__).resolve().parents[2] / "data" / "reference"
READERS = {"bank": "persona_lib.stages.prompts:read_bank", "topics": "persona_lib.stages.prompts:read_topics"}
NOT_READ = {"pairs": ["critique"]}  # long texts that no stage asks about
SETTINGS = ("seed", "mode", "roles", "endpoints")


class UsageError(ValueError):
    """An argument or a setting that cannot be used; names it."""


class Help(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """The help of a command: its examples as they are written, and the default of every option that has one."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if isinstance(action.default, list) and action.default:
            return f"{action.help} (default: {' '.join(action.default)})"
        return super()._get_help_string(action) if action.default or type(action.default) is int else action.help


class Parser(argparse.ArgumentParser):
    """A parser whose errors say where to look."""

    def error(self, message: str) -> NoReturn:
        """End with status 2: the usage, what is wrong, and the command that shows how it is done."""
        self.print_usage(sys.stderr)
        self.exit(2, f"{self.prog}: error: {message}; {self.prog} --help shows an example\n")


class Tables(dict[str, pd.DataFrame]):
    """Tables by name; a stage that asks for one that was not given says which.

    Raises
    ------
    UsageError
        From a look-up: there is no such table; names what writes it.
    """

    def __missing__(self, name: str) -> pd.DataFrame:
        known = schema.tables()
        whence = "the Snakefile's rule of this command names its file"
        if name in known:
            written_by = known[name].written_by
            whence = f"it is written by notebook {written_by}, rule {written_by.partition('_')[2] or written_by}"
        raise UsageError(f"--read {name}=FILE is missing: this command needs table {name}; {whence}")


def add_inputs(parser: argparse.ArgumentParser) -> None:
    """The arguments of a command that works on the tables of a run."""
    parser.add_argument(
        "--settings",
        required=True,
        metavar="JSON|FILE",
        help="seed, mode, roles, endpoints and the keys of the stage, as JSON or a file of it",
    )
    parser.add_argument(
        "--read",
        nargs="+",
        default=[],
        metavar="NAME=FILE",
        help="input tables by name; a command that lacks one says which",
    )


def add_prices(parser: argparse.ArgumentParser) -> None:
    """The arguments of a command that tells a cost."""
    parser.add_argument("--prices", default=f"{REFERENCE}/prices.csv", metavar="FILE", help="the price table")
    lengths = f"{REFERENCE}/typical_lengths.csv"
    parser.add_argument("--lengths", default=lengths, metavar="FILE", help="typical lengths in tokens")


def read_settings(text: str) -> dict:
    """The settings from JSON, or from a file of JSON.

    Raises
    ------
    UsageError
        Not JSON, or a key that every stage needs is missing.
    """
    where = "--settings" if text.lstrip().startswith("{") else text
    if where == text:
        if not Path(text).is_file():
            raise UsageError(f"--settings: {text}: no such file, and not JSON; give an object of JSON or a file of it")
        text = Path(text).read_text("utf-8")
    try:
        settings = json.loads(text)
    except ValueError as error:
        raise UsageError(f"{where}: not JSON: {error}") from error
    if not isinstance(settings, dict) or (missing := [key for key in SETTINGS if key not in settings]):
        keys = ", ".join(missing if isinstance(settings, dict) else SETTINGS)
        raise UsageError(f"{where}: key {keys} is missing; config/demo.yaml has them all")
    return settings


def read_tables(named: Sequence[str]) -> Tables:
    """The tables of `NAME=FILE` arguments: .parquet by their declaration, .csv as text, bank and topics by theirs.

    Raises
    ------
    UsageError, SchemaError
        An argument without a name, a name given twice, another kind of file; a table that is not as declared.
    """
    tables = Tables()
    for argument in named:
        name, sign, path = argument.partition("=")
        if not (name and sign and path):
            raise UsageError(f"--read {argument}: must be NAME=FILE")
        if name in tables:
            raise UsageError(f"--read {name}: given twice")
        tables[name] = _table(name, path)
    return tables


def _table(name: str, path: str) -> pd.DataFrame:
    if name in READERS:
        return found(READERS[name])(path)
    if path.endswith(".parquet"):
        return schema.read(path, name, without=NOT_READ.get(name, ()))
    if not Path(path).is_file():
        raise UsageError(f"--read {name}: {path}: no such file")
    try:
        if path.endswith((".csv", ".csv.gz")):
            return pd.read_csv(path, dtype=str, keep_default_na=False)
        if path.endswith(".jsonl"):
            return pd.read_json(path, lines=True)
    except ValueError as error:
        raise UsageError(f"--read {name}: {path}: {error}") from error
    raise UsageError(f"--read {name}: {path}: must be .parquet, .csv, .csv.gz or .jsonl")


def found(name: str) -> Callable[..., Any]:
    """The function that `module:function` names, imported now."""
    module, _, function = name.partition(":")
    return getattr(import_module(module), function)
