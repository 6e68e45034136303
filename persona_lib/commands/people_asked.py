"""`persona people ask-history` and `judge-prism`: a model is asked about real people whose answers the user holds.

Both keep a ledger in the folder of their results, so that the same command goes on where it stopped and asks nothing
twice. What people answered stays in that folder.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pandas as pd

from persona_lib.commands import one_model
from persona_lib.commands.inputs import REFERENCE, UsageError, add_prices, add_way, found, read_tables
from persona_lib.messages.endpoint import SIMULATOR
from persona_lib.stages.history import KS
from persona_lib.tables.files import whole

JUDGE = "judge"
EXAMPLES = {
    "ask-history": "persona people ask-history --layout anes1996 --base-url simulator --model sim-large "
    "--out data/raw/history",
    "judge-prism": "persona people judge-prism --survey survey.jsonl --utterances utterances.jsonl "
    "--base-url https://api.openai.com/v1 --key-variable OPENAI_API_KEY --model gpt-4.1-mini-2025-04-14 "
    "--out data/raw/prism",
}


def add_arguments(ways: argparse._SubParsersAction) -> None:
    """The two ways of `persona people` that ask a model."""
    about = "a person given as k of its past answers, or by its attributes: how often a model tells the next answer"
    history = add_way(ways, "ask-history", about, EXAMPLES["ask-history"])
    history.add_argument("--layout", required=True, help="as of persona people tables; anes1996 needs no file")
    history.add_argument("--file", metavar="FILE", help="the survey's file; anes1996's own if not given")
    history.add_argument(
        "--year", type=int, help="the year of the answers, in a file of several years; all if not given"
    )
    history.add_argument("--n-people", type=int, default=50, help="people who are drawn")
    history.add_argument("--n-targets", type=int, default=4, help="answers of each that are asked for")
    history.set_defaults(run=_ask_history)
    about = "PRISM's people: how often a model that sees what they said of themselves tells their best-scored answer"
    judge = add_way(ways, "judge-prism", about, EXAMPLES["judge-prism"])
    judge.add_argument("--survey", required=True, metavar="FILE", help="PRISM's survey.jsonl")
    judge.add_argument("--utterances", required=True, metavar="FILE", help="PRISM's utterances.jsonl")
    judge.add_argument(
        "--n-pairs", type=int, default=500, help="pairs of answers that are drawn; all if there are fewer"
    )
    judge.set_defaults(run=_judge_prism)
    for parser in (history, judge):
        parser.add_argument("--base-url", required=True, metavar="URL", help=f"the model's API; or {SIMULATOR}")
        parser.add_argument("--model", required=True, metavar="NAME", help="the model, as its API knows it")
        parser.add_argument(
            "--key-variable", metavar="NAME", help="environment variable that holds the key; no key if not given"
        )
        parser.add_argument("--concurrency", type=int, default=16, help="requests under way at once")
        parser.add_argument("--max-tokens", type=int, default=1024, help="of a reply")
        parser.add_argument(
            "--cap-usd", type=float, metavar="USD", help="what it may cost at most; no cap if not given"
        )
        parser.add_argument("--seed", type=int, default=1, help="of people, answers and orders")
        parser.add_argument("--yes", action="store_true", help="do not ask before calls are made")
        parser.add_argument("--out", required=True, metavar="DIR", help="where ledger and results go")
        add_prices(parser)


def _ask_history(chosen: argparse.Namespace) -> None:
    stage, made = "persona_lib.stages.history:", "persona_lib.people.layouts:"
    if chosen.layout == "anes1996" and chosen.file is None:
        people = found(f"{made}respondents")(found("statsmodels.datasets.anes96:load_pandas")().data, "anes1996")
    elif chosen.file is None:
        raise UsageError(f"--file FILE is missing: the file of layout {chosen.layout}")
    else:
        people = found(f"{made}read_people")(chosen.file, chosen.layout, year=chosen.year)
    register = pd.read_csv(REFERENCE / "survey_items.csv", dtype=str)
    items = found("persona_lib.people.tables:questions")(chosen.layout, people, register)
    told = people[["person_id", *items["item_id"]]].astype({"person_id": str})
    given = told.melt(id_vars="person_id", var_name="item_id", value_name="answer").dropna(subset="answer")
    n_past = [k for k in KS if k < len(items)]
    sizes = {"n_people": chosen.n_people, "n_targets": chosen.n_targets, "ks": n_past}
    described = found("persona_lib.people.respondents:described")(people)
    tables = {"given": given.assign(answer=given["answer"].astype(int)), "people": described, "items": items}
    ask = _ask(chosen, "history", tables, {"history": sizes})
    plan = found(f"{stage}plan_history")(tables["given"], **sizes, seed=chosen.seed)
    answers = found(f"{stage}ask_survey")(plan, tables["given"], described, items, endpoint=JUDGE, ask=ask)
    rows = found("persona_lib.people.asked:asked_history_statistics")(answers, whose=chosen.layout)
    _tell(rows, Path(chosen.out) / "history.csv")


def _judge_prism(chosen: argparse.Namespace) -> None:
    from persona_lib.people import prism  # statistics are imported when they are needed

    people = prism.read_people(chosen.survey)
    pairs, answers = prism.read_pairs(chosen.utterances, seed=chosen.seed)
    known = people.loc[people["description"] != "", "person_id"]
    pairs = pairs[pairs["person_id"].isin(known)].reset_index(drop=True)
    if len(pairs) > chosen.n_pairs:
        pairs = pairs.sample(chosen.n_pairs, random_state=chosen.seed).sort_index().reset_index(drop=True)
    answers = answers[answers["answer_id"].isin({*pairs["answer_a_id"], *pairs["answer_b_id"]})]
    tables = {"pairs_of_people": pairs, "answers_of_people": answers, "people": people[["person_id", "description"]]}
    ask = _ask(chosen, "prism", tables, {})
    judged = found("persona_lib.stages.judging:choose_for_people")(
        pairs, answers, tables["people"], endpoint=JUDGE, ask=ask
    )
    _tell(prism.accuracy_statistics(pairs, answers, people, judged), Path(chosen.out) / "prism.csv")


def _tell(rows: list[dict], path: Path) -> None:
    table = pd.DataFrame(rows)
    with whole(path) as half:
        table.to_csv(half, index=False, lineterminator="\n")
    for row in table.itertuples():
        print(f"{row.statistic} {row.group}: {row.estimate:.3f} ({row.low:.3f} to {row.high:.3f}), n {row.n}")
    print(path)


def _ask(chosen: argparse.Namespace, stage: str, tables: dict[str, pd.DataFrame], more: dict) -> Any:
    """Ask what the ledger of the folder lacks, after saying what that costs; the replay of its sealed ledger."""
    folder = Path(chosen.out)
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False, lineterminator="\n")
    is_live = chosen.base_url != SIMULATOR
    settings = {"seed": chosen.seed, "mode": "live" if is_live else "simulate", "roles": {"judge": JUDGE}, **more}
    endpoint = one_model.endpoint(chosen, chosen.base_url, chosen.model, chosen.key_variable)
    settings |= {"endpoints": {JUDGE: endpoint}}
    read = [f"{name}={folder / f'{name}.csv'}" for name in tables]
    if is_live and not chosen.yes:
        one_model.confirm(chosen, settings, read_tables(read), folder, [stage])
    one_model.collected(chosen, stage, settings, read, folder, sealed=folder / "sealed.parquet", quiet=True)
    return found("persona_lib.ledger.replay:replay")(folder / "sealed.parquet")
