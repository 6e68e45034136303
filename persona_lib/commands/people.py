"""`persona people`: what real people answered, from survey files of the user's own.

What measures is imported when it is needed: every other command would wait for it.
"""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path

import pandas as pd

from persona_lib.commands.inputs import REFERENCE, UsageError, found

POLIS = "polis"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The ways of `persona people`, each with its arguments."""
    ways = parser.add_subparsers(title="ways", required=True, metavar="WAY")
    about = "shares by group, agreement of people alike, what attributes tell: two tables of a survey's file"
    tables = ways.add_parser("tables", help=about, description=about, formatter_class=parser.formatter_class)
    tables.add_argument(
        "--file", required=True, metavar="FILE", help=".csv, .csv.gz or .dta, as its publisher lays it out"
    )
    layouts = "gss, cces, anes, pew; polis for a conversation's participants-votes.csv; or a layout of layouts.yaml"
    tables.add_argument("--layout", required=True, help=layouts)
    tables.add_argument("--year", type=int, help="the year of the answers, in a file of several years")
    what = "an item's column and its codes in the order of the answers, with words for them if you like"
    tables.add_argument("--items", nargs="+", default=[], metavar="NAME=CODE,CODE[=WORDS|WORDS]", help=what)
    tables.add_argument("--out", required=True, metavar="DIR", help="where the tables go")
    tables.set_defaults(run=_tables)


def _tables(chosen: argparse.Namespace) -> None:
    out, made = Path(chosen.out), import_module("persona_lib.people.tables")
    if chosen.layout == POLIS:
        votes, group = found("persona_lib.people.polis:read_votes")(chosen.file)
        rows = pd.DataFrame(found("persona_lib.people.polis:conversation_statistics")(votes, group))
        statistics = rows.assign(source=POLIS, year=chosen.year or "")[made.STATISTICS]
        made.write(statistics, out / "people_statistics.csv")
        print(f"{len(votes):,} participants, {len(statistics)} statistics: {out}/people_statistics.csv")
        return
    items, words = _items(chosen.items)
    read = found("persona_lib.people.layouts:read_people")
    people = read(chosen.file, chosen.layout, items=items or None, year=chosen.year)
    answers = _answers(made, chosen.layout, people, items) | words
    shares, statistics = made.reference(people, answers, source=chosen.layout, year=chosen.year or "")
    made.write(shares, out / "people_shares.csv")
    made.write(statistics, out / "people_statistics.csv")
    n_hidden = int((shares["n"] == 0).sum())
    print(
        f"{len(people):,} people, {len(answers)} items: {out}/people_shares.csv, {out}/people_statistics.csv; "
        f"{n_hidden} cells of fewer than ten people are not shown"
    )


def _items(named: list[str]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """The codes and, where they are given, the words of each item's answers, of `NAME=CODE,CODE=WORDS|WORDS`."""
    codes: dict[str, list[str]] = {}
    words: dict[str, list[str]] = {}
    for argument in named:
        name, *parts = argument.split("=")
        if not name or not 1 <= len(parts) <= 2 or len(parts[0].split(",")) < 2:
            raise UsageError(f"--items {argument}: must be NAME=CODE,CODE or NAME=CODE,CODE=WORDS|WORDS")
        codes[name] = parts[0].split(",")
        words[name] = parts[1].split("|") if len(parts) == 2 else codes[name]
        if len(words[name]) != len(codes[name]):
            raise UsageError(f"--items {argument}: {len(codes[name])} codes, but words for {len(words[name])} answers")
    return codes, words


def _answers(made, layout: str, people: pd.DataFrame, items: dict[str, list[str]]) -> dict[str, list[str]]:
    """The words of the answers to items that the compendium knows, by variable; the codes of those it does not."""
    known = {
        variable: answers
        for source in made.answers(pd.read_csv(REFERENCE / "survey_items.csv", dtype=str)).values()
        for variable, answers in source.items()
    }
    of_layout = found("persona_lib.people.layouts:layouts")()[layout]["items"]
    codes = {name: [str(code) for code in codes] for name, codes in of_layout.items()} | items
    asked = found("persona_lib.people.respondents:items_of")(people)
    return {
        item: known[item] if item in known and len(known[item]) == len(codes[item]) else codes[item] for item in asked
    }
