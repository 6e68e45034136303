"""`persona seal` gathers the sealed shards of a stage; `persona check-ledger` counts what ledgers hold."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from persona_lib.ledger import live, sealed
from persona_lib.ledger.summary import Summary


def add_seal_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `persona seal`."""
    parser.add_argument("shards", nargs="+", metavar="FILE", help="sealed shards")
    parser.add_argument("--out", required=True, metavar="FILE", help="the sealed ledger of the stage")
    parser.set_defaults(run=_seal)


def add_check_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `persona check-ledger`."""
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="live (.jsonl, with its packs) or sealed (.parquet) ledgers"
    )
    parser.set_defaults(run=_check)


def _seal(chosen: argparse.Namespace) -> None:
    count = sealed.gather(chosen.shards, chosen.out)
    print(f"{chosen.out}: {count} requests of {len(chosen.shards)} shards")


def _check(chosen: argparse.Namespace) -> None:
    still_open = [path for path in chosen.files if path.endswith(".jsonl")]
    if still_open:
        print(f"{len(still_open)} live: {_counted(live.check(still_open))}")
    for path in chosen.files:
        if path not in still_open:
            print(f"{path}: {_counted(sealed.check(path))}")
            for line in Summary(sealed.rows(path)).who():
                print(f"  {line}")


def _counted(count: Mapping[str, int]) -> str:
    return ", ".join(f"{n} {name.replace('_', ' ')}" for name, n in count.items())
