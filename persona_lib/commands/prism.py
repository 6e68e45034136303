"""`persona prism`: fetch PRISM's conversations by the `datasets` client, as a prompt bank."""

from __future__ import annotations

import argparse

from persona_lib.stages import prism


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `persona prism`."""
    parser.add_argument("--to", default="data/raw/conversations.jsonl", metavar="FILE", help="where the file goes")
    parser.add_argument("--revision", default=None, metavar="COMMIT", help="of the data set; its newest if not given")
    parser.set_defaults(run=_fetch)


def _fetch(chosen: argparse.Namespace) -> None:
    n = prism.fetch(chosen.to, revision=chosen.revision)
    print(f"{chosen.to}: {n} conversations; make paper PROMPTS={chosen.to}")
