"""`persona people`: what real people answered, from survey files of the user's own, and a study with people.

What measures is imported when it is needed: every other command would wait for it.
"""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path

import pandas as pd

from persona_lib.commands import people_asked
from persona_lib.commands.inputs import REFERENCE, UsageError, add_way, found
from persona_lib.tables import schema

POLIS = "polis"
EXAMPLES = {
    "tables": "persona people tables --layout gss --file GSS2022.dta --year 2022 --out data/raw/gss2022",
    "write-study": "persona people write-study --run data/runs/demo --out data/raw/study --contact you@example.org "
    "--completion-code C1",
    "read-study": "persona people read-study --study data/raw/study --out data/raw/people_judgements.parquet",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The ways of `persona people`, each with its arguments."""
    ways = parser.add_subparsers(title="ways", required=True, metavar="WAY")
    about = "shares by group, agreement of people alike, what attributes tell: two tables of a survey's file"
    tables = add_way(ways, "tables", about, EXAMPLES["tables"])
    tables.add_argument(
        "--file", required=True, metavar="FILE", help=".csv, .csv.gz or .dta, as its publisher lays it out"
    )
    layouts = "gss, cces, anes, pew; polis for a conversation's participants-votes.csv; or a layout of layouts.yaml"
    tables.add_argument("--layout", required=True, help=layouts)
    tables.add_argument(
        "--year", type=int, help="the year of the answers, in a file of several years; all if not given"
    )
    what = "an item's column and its codes in order, with words if you like; those of the layout if not given"
    tables.add_argument("--items", nargs="+", default=[], metavar="NAME=CODE,CODE[=WORDS|WORDS]", help=what)
    tables.add_argument("--out", required=True, metavar="DIR", help="where the tables go")
    tables.set_defaults(run=_tables)
    about = "the human study as a project for potato-annotation, from the tables of a run; tells what it will cost"
    study = add_way(ways, "write-study", about, EXAMPLES["write-study"])
    study.add_argument("--run", dest="folder", required=True, metavar="DIR", help="folder of a run's tables")
    study.add_argument("--out", required=True, metavar="DIR", help="where the project goes; must be new or empty")
    study.add_argument("--contact", required=True, help="whom raters can ask, for the page of consent")
    study.add_argument("--completion-code", required=True, help="what a rater hands to Prolific at the end")
    study.add_argument("--personas", type=int, default=20, help="personas")
    study.add_argument("--items", type=int, default=10, help="items of a persona")
    study.add_argument("--raters", type=int, default=4, help="raters of a persona; each rates for one")
    made, prolific = import_module("persona_lib.study.project"), "prolific.com/pricing, 2026-09-20"
    numbers = {
        "hourly": (made.HOURLY, f"pay an hour, in your currency; what Prolific recommends in USD ({prolific})"),
        "fee": (made.FEE, f"Prolific's share on top of the pay: 0.333 academic, 0.428 corporate ({prolific})"),
        "tax": (made.TAX, "of the fee; an assumption: the United Kingdom's VAT"),
        "minutes-page": (made.MINUTES_PAGE, "minutes for one comparison with its reason; an assumption"),
        "minutes-start": (made.MINUTES_START, "minutes for consent, instructions and the persona; an assumption"),
    }
    for name, (default, what) in numbers.items():
        study.add_argument(f"--{name}", type=float, default=default, help=what)
    study.add_argument("--seed", type=int, default=1, help="of personas, items and orders")
    study.set_defaults(run=_write_study)
    about = "what people chose in a study, as judgements with rater kind person; excludes nobody"
    back = add_way(ways, "read-study", about, EXAMPLES["read-study"])
    back.add_argument("--study", required=True, metavar="DIR", help="the project's folder")
    back.add_argument("--out", required=True, metavar="FILE", help="table pool_judgements (.parquet) to write")
    back.set_defaults(run=_read_study)
    people_asked.add_arguments(ways)


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


def _write_study(chosen: argparse.Namespace) -> None:
    study, tables = import_module("persona_lib.study.project"), {}
    for name in ("personas", "prompts", "pool_items", "pool_answers", "pool_judgements"):
        tables[name] = schema.read(Path(chosen.folder) / f"{name}.parquet", name)
    answers, prompts = tables["pool_answers"].query("status == 'ok'"), tables["prompts"]
    whole = tables["pool_items"][
        tables["pool_items"][["answer_a_id", "answer_b_id"]].isin(set(answers["answer_id"])).all(axis=1)
    ]
    sizes = {"n_personas": chosen.personas, "n_items": chosen.items}
    minutes = {"minutes_page": chosen.minutes_page, "minutes_start": chosen.minutes_start}
    plan = study.plan_study(whole, study.panel_cells(tables["pool_judgements"]), **sizes, seed=chosen.seed)
    study.write_study(
        chosen.out,
        plan,
        tables["personas"],
        dict(zip(prompts["prompt_id"], prompts["text"], strict=True)),
        dict(zip(answers["answer_id"], answers["text"], strict=True)),
        n_raters=chosen.raters,
        contact=chosen.contact,
        completion_code=chosen.completion_code,
        seed=chosen.seed,
        **minutes,
    )
    pay = {"hourly": chosen.hourly, "fee": chosen.fee, "tax": chosen.tax}
    cost = study.cost(**sizes, n_raters=chosen.raters, **pay, **minutes)
    print(
        f"{chosen.out}: {chosen.personas} tasks; {cost['raters']:.0f} raters, about {cost['hours']:.0f} hours; pay"
        f" {cost['pay']:,.0f}, Prolific's fee {cost['fee']:,.0f}, tax on it {cost['tax']:,.0f}:"
        f" {cost['total']:,.0f} in all"
    )


def _read_study(chosen: argparse.Namespace) -> None:
    judgements, raters, reasons = found("persona_lib.study.answers:read_study")(chosen.study)
    out = Path(chosen.out)
    schema.write(judgements, out, "pool_judgements")
    raters.to_csv(out.with_name("human_raters.csv"), index=False)
    reasons.to_csv(out.with_name("human_reasons.csv"), index=False)
    failed, refused = int((raters["n_checks_failed"] > 0).sum()), int((~raters["agreed"].astype(bool)).sum())
    short = int((raters["n_answered"] < raters["n_items"]).sum())
    print(
        f"{len(raters)} people, {int((judgements['status'] == 'ok').sum())} choices: {out}; nobody is left out:"
        f" {failed} failed an attention check, {short} did not finish, {refused} did not agree to take part"
    )
