"""`persona bench`: PERSONA Bench for one model: what it would cost, a question, its score, a page, a leaderboard row.

It asks stage benchmark, and pass_at_k if wanted, for the personas and prompts of a run (the shipped demo run). Each
model, judge and size has a folder of its own with its ledger: the same command goes on where it was interrupted.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from persona_lib.asking.client import AskError
from persona_lib.commands import one_model
from persona_lib.commands.inputs import REFERENCE, UsageError, add_prices, found, read_tables
from persona_lib.messages.endpoint import SIMULATOR
from persona_lib.tables import schema
from persona_lib.tables.values import MODES

CONTESTANT, EXAMINER = "contestant", "examiner"
NEEDED = ("personas", "prompts", "pairs", "answers", "judgements")
POOL = ("pool_items", "pool_answers", "pool_judgements", "persona_weights")
UNUSABLE = re.compile("too few can be used|no reply can be used")
SIMULATED_JUDGE = "sim-judge"


EXTRAS = {  # stage: its title in the report, and what scores it
    "left_out": ("Leave one out", "persona_lib.evals.evaluations:score_left_out"),
    "comparison": ("Gold comparison", "persona_lib.evals.evaluations:score_gold"),
    "survey": ("Survey beside real people", "persona_lib.evals.evaluations:score_survey"),
}


class NotScorable(UsageError):
    """What the model or its judge said cannot be scored; holds the counts."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `persona bench`."""
    parser.add_argument(
        "--base-url", required=True, metavar="URL", help=f"the model's API, ending in /v1; or {SIMULATOR}"
    )
    parser.add_argument("--model", required=True, metavar="NAME", help="the model, as its API knows it")
    parser.add_argument(
        "--key-variable", metavar="NAME", help="environment variable that holds the key; if not given, none is sent"
    )
    parser.add_argument(
        "--judge", metavar="NAME", help="model that examines the answers; with the simulator its own if not given"
    )
    parser.add_argument("--judge-base-url", metavar="URL", help="the judge's API; that of the model if not given")
    parser.add_argument("--judge-key-variable", metavar="NAME", help="its key; that of the model if not given")
    parser.add_argument("--modes", nargs="+", choices=MODES, default=MODES, help="what the model is shown and asked")
    parser.add_argument("--n", type=int, default=700, help="persona x prompt items; the paper has 700")
    parser.add_argument("--n-calibration", type=int, default=100, help="pairs that try the judge, three calls each")
    parser.add_argument("--pass-at-k", type=int, default=0, metavar="K", help="attempts an item for pass@k; 0: none")
    parser.add_argument("--loo", type=int, default=0, metavar="ITEMS", help="items for leave-one-out; 0: none")
    what = "personas for the gold comparison, at most those whom the run's raters judged for; 0: none"
    parser.add_argument("--comparison", type=int, default=0, metavar="PERSONAS", help=what)
    parser.add_argument("--survey", type=int, default=0, metavar="PERSONAS", help="personas for the survey; 0: none")
    parser.add_argument("--concurrency", type=int, default=16, help="requests under way at once")
    parser.add_argument("--max-tokens", type=int, default=1024, help="of a reply")
    parser.add_argument("--seed", type=int, default=20240724, help="which items are drawn")
    parser.add_argument("--yes", action="store_true", help="do not ask before calls are made")
    parser.add_argument(
        "--tables", default="data/expected/demo", metavar="DIR", help="tables of the run that is asked of"
    )
    parser.add_argument("--out", default="data/runs/bench", metavar="DIR", help="where ledgers, results and pages go")
    parser.add_argument("--leaderboard", default="data/leaderboard", metavar="DIR", help="where the row goes")
    parser.add_argument(
        "--cap-usd", type=float, default=None, metavar="USD", help="what it may cost at most; no cap if not given"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    add_prices(parser)
    parser.set_defaults(run=bench)


def bench(chosen: argparse.Namespace) -> None:
    """Ask, score, and write results.parquet, results.json, report.html and the leaderboard's row.

    Raises
    ------
    UsageError
        An argument that cannot be used, an unknown simulated model, or no answer to the question.
    NotScorable
        Too few replies can be used; with counts.
    """
    settings = _settings(chosen)
    needed = [*NEEDED, *(POOL if chosen.comparison else [])]
    read = [f"{name}={Path(chosen.tables) / f'{name}.parquet'}" for name in needed]
    read += [f"survey_items={REFERENCE}/survey_items.csv"] if chosen.survey else []
    tables = read_tables(read)
    folder = Path(chosen.out) / _name(chosen, settings)
    wanted = {"pass_at_k": chosen.pass_at_k, "left_out": chosen.loo, "comparison": chosen.comparison}
    stages = ["benchmark", *(name for name, n in (wanted | {"survey": chosen.survey}).items() if n)]
    one_model.confirm(chosen, settings, tables, folder, stages)
    for stage in stages:
        try:
            sealed = folder / "sealed" / f"{stage}.parquet"
            one_model.collected(chosen, stage, settings, read, folder, sealed=sealed, quiet=chosen.quiet)
        except AskError as error:
            if UNUSABLE.search(str(error)):
                raise NotScorable(f"not scorable: {error}") from error
            raise
    entry, shown = _scored(chosen, settings, tables, folder, stages)
    board = found("persona_lib.exporting.leaderboard:write")
    target = Path(chosen.leaderboard) / f"{folder.name}.json"
    board(entry, target)
    board(entry, folder / "results.json")
    (folder / "report.html").write_text(found("persona_lib.exporting.leaderboard:page")(entry, shown), "utf-8")
    for mode, mine in entry["modes"].items():
        rate = mine["pass_rate"]
        score = mine["verdict"] if rate is None else f"{100 * rate['estimate']:.1f} %"
        ends = "" if rate is None or rate["low"] is None else f" ({100 * rate['low']:.1f} to {100 * rate['high']:.1f})"
        print(f"{mode:<17} {score}{ends}; {mine['n']} scored, {mine['n_excluded']} not")
    print(f"{entry['verdict']}; report: {folder / 'report.html'}; row: {target}")


def _settings(chosen: argparse.Namespace) -> dict[str, Any]:
    judge_url = chosen.judge_base_url or chosen.base_url
    judge = chosen.judge or (SIMULATED_JUDGE if judge_url == SIMULATOR else None)
    if judge is None:
        raise UsageError(
            "--judge NAME is missing: which model says whether an answer needs revision? Not the model itself"
        )
    if chosen.n < 2 or chosen.n_calibration < 1 or chosen.pass_at_k == 1 or chosen.pass_at_k < 0:
        raise UsageError("--n must be 2 or more, --n-calibration 1 or more, --pass-at-k 0 or 2 and more")
    asked = {
        CONTESTANT: (chosen.base_url, chosen.model, chosen.key_variable),
        EXAMINER: (judge_url, judge, chosen.judge_key_variable or chosen.key_variable),
    }
    endpoints = {}
    for alias, (url, model, key) in asked.items():
        if url == SIMULATOR:
            _known(model)
        endpoints[alias] = one_model.endpoint(chosen, url, model, key)
    is_live = any(url != SIMULATOR for url, _, _ in asked.values())
    sizes = {
        "n_items": chosen.n,
        "n_calibration": chosen.n_calibration,
        "modes": [m for m in MODES if m in chosen.modes],
    }
    return {
        "seed": chosen.seed,
        "mode": "live" if is_live else "simulate",
        "roles": {"contestants": [CONTESTANT], "examiner": EXAMINER, "panel": [CONTESTANT]},
        "endpoints": endpoints,
        "benchmark": sizes,
        "pass_at_k": {"n_items": min(chosen.n, 200), "n_attempts": chosen.pass_at_k},
        "left_out": {"n_items": chosen.loo},
        "comparison": {"n_personas": chosen.comparison},
        "survey": {"n_items": 10, "n_personas": chosen.survey, "n_oneself": 20, "n_history_personas": 0},
    }


def _known(model: str) -> None:
    try:
        found("persona_lib.simulator.respondents:model")(model)
    except KeyError as error:
        raise UsageError(f"--model: {error.args[0]}") from error


def _name(chosen: argparse.Namespace, settings: Mapping) -> str:
    """A folder's name for all that decides what is asked: the model, and a hash of the rest."""
    digest = hashlib.sha256(
        json.dumps([settings, str(Path(chosen.tables).resolve())], sort_keys=True).encode()
    ).hexdigest()
    return f"{re.sub('[^a-z0-9]+', '-', chosen.model.lower()).strip('-') or 'model'}-{digest[:8]}"


def _scored(
    chosen: argparse.Namespace, settings: dict, tables: Mapping[str, pd.DataFrame], folder: Path, stages: list[str]
) -> tuple[dict, dict[str, pd.DataFrame]]:
    """The leaderboard's row, and the tables of the report; writes results.parquet."""
    personas, prompts, seed, sizes = tables["personas"], tables["prompts"], settings["seed"], settings["benchmark"]
    bench_, measured = "persona_lib.stages.benchmark:", "persona_lib.measuring."
    ask = found("persona_lib.ledger.replay:replay")(folder / "sealed" / "benchmark.parquet")
    planned = {"n_items": sizes["n_items"], "modes": sizes["modes"], "contestants": [CONTESTANT], "seed": seed}
    plan = found(f"{bench_}plan_benchmark")(personas, prompts, **planned)
    attempts = found(f"{bench_}run")(plan, personas, prompts, ask=ask)
    dropped = found(f"{bench_}find_dropped")(attempts, personas, prompts, ask=ask)
    known = found("persona_lib.stages.calibration:plan_calibration")(
        tables["pairs"], tables["judgements"], personas, n_calibration=sizes["n_calibration"], seed=seed
    )
    known = found("persona_lib.stages.calibration:calibrate")(known, personas, prompts, tables["answers"], ask=ask)
    statistics = pd.concat(
        [
            found(f"{measured}benchmark:benchmark_statistics")(attempts, dropped),
            found(f"{measured}calibration:examiner_statistics")(attempts, known, personas, prompts),
        ]
    )
    schema.write(attempts, folder / "attempts.parquet", "attempts")
    statistics = schema.write(statistics, folder / "results.parquet", "benchmark")
    last = sizes["modes"][-1]
    shown = {
        "The examiner": statistics[statistics["statistic"].isin(["sensitivity", "specificity", "calibration"])],
        "Differences between modes": statistics[statistics["statistic"].eq("difference") & _mine(statistics)],
        f"Groups and where they meet, mode {last}": found("persona_lib.evals.intersections:intersection_statistics")(
            attempts, personas, mode=last
        ),
    }
    if "pass_at_k" in stages:
        shown["pass@k"] = _repeated(settings, tables, folder)
    for stage, (title, scored) in EXTRAS.items():
        if stage in stages:
            replies = found("persona_lib.ledger.replay:replay")(folder / "sealed" / f"{stage}.parquet")
            shown[title] = found(scored)(chosen.tables, settings, ask=replies)
    facts = {
        "model": chosen.model,
        "date": date.today().isoformat(),
        "judge": settings["endpoints"][EXAMINER]["model"],
        "n_items": sizes["n_items"],
        "is_simulated": any(one["base_url"] == SIMULATOR for one in settings["endpoints"].values()),
        "item_set": found("persona_lib.exporting.leaderboard:item_set")(attempts, personas, prompts),
        "settings": {"seed": seed, **sizes, **settings["endpoints"][CONTESTANT]["parameters"]},
    }
    kwargs = {"contestant": CONTESTANT, "modes": sizes["modes"], "facts": facts}
    return found("persona_lib.exporting.leaderboard:row")(statistics, **kwargs), shown


def _mine(statistics: pd.DataFrame) -> pd.Series:
    return statistics["group"].str.startswith(f"{CONTESTANT}|")


def _repeated(settings: dict, tables: Mapping[str, pd.DataFrame], folder: Path) -> pd.DataFrame:
    ask = found("persona_lib.ledger.replay:replay")(folder / "sealed" / "pass_at_k.parquet")
    people, sizes = (tables["personas"], tables["prompts"]), settings["pass_at_k"]
    plan = found("persona_lib.stages.pass_at_k:plan_pass_at_k")(
        *people, **sizes, contestants=[CONTESTANT], seed=settings["seed"]
    )
    tried = found("persona_lib.stages.benchmark:run")(plan, *people, ask=ask)
    table = found("persona_lib.measuring.pass_at_k:pass_at_k_statistics")(tried, n_attempts=sizes["n_attempts"])
    schema.write(table, folder / "pass_at_k.parquet", "pass_at_k")
    return table[table["statistic"].isin(["pass_at_k", "reexamined"])]
