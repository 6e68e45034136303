"""`persona collect`: ask models for one shard of a stage; keep and seal its ledger."""

from __future__ import annotations

import argparse
import logging
import math
import signal
import sys
from collections import ChainMap
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from importlib import import_module
from typing import Any, Protocol

from persona_lib.asking import check
from persona_lib.asking.asker import Asker
from persona_lib.asking.budget import Budget
from persona_lib.asking.client import AskError
from persona_lib.asking.outcomes import nothing_usable
from persona_lib.asking.prices import read_prices
from persona_lib.commands.inputs import UsageError, add_inputs, add_prices, found, read_settings, read_tables
from persona_lib.cost.dry_run import DryRun
from persona_lib.cost.plan import read_lengths
from persona_lib.ledger.live import FINAL, Ledger
from persona_lib.ledger.summary import Summary
from persona_lib.messages import templates as forms
from persona_lib.messages.ask import Ask
from persona_lib.messages.endpoint import SIMULATOR, Endpoint, read_endpoints, used

# stage: the function that asks for one shard of it, imported when it is needed
STAGES = {
    "personas": "persona_lib.stages.personas:collect_personas",
    "prompts": "persona_lib.stages.prompts:collect_prompts",
    "feedback": "persona_lib.stages.feedback:collect_feedback",
    "validation": "persona_lib.stages.validation:collect_validation",
    "pool": "persona_lib.stages.pool:collect_pool",
    "ablation": "persona_lib.stages.ablation:collect_ablation",
    "benchmark": "persona_lib.stages.benchmark:collect_benchmark",
    "pass_at_k": "persona_lib.stages.pass_at_k:collect_pass_at_k",
    "survey": "persona_lib.stages.survey:collect_survey",
}
# of one model, beside the Snakefile's: `persona bench`
OF_BENCH = {
    "left_out": "persona_lib.stages.left_out:collect_left_out",
    "comparison": "persona_lib.stages.comparison:collect_comparison",
}
# of real people whose answers the user holds: `persona people`
OF_PEOPLE = {
    "history": "persona_lib.stages.history:collect_history",
    "prism": "persona_lib.stages.judging:collect_prism",
}
ALL = ChainMap(STAGES, OF_BENCH, OF_PEOPLE)


class Stage(Protocol):
    """One shard of a stage: asks what it has to ask; the answers go to the ledger of `ask`."""

    def __call__(self, *, ask: Ask) -> None: ...


_log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `persona collect`."""
    parser.add_argument("stage", help=f"one of {', '.join(STAGES)}")
    parser.add_argument("--shard", type=int, default=0, help="which shard, from 0")
    parser.add_argument("--of", type=int, default=1, help="into how many shards the stage is cut")
    parser.add_argument("--templates", required=True, metavar="DIR", help="folder of the templates")
    parser.add_argument("--ledger", required=True, metavar="DIR", help="folder of the live ledgers")
    parser.add_argument("--sealed", required=True, metavar="FILE", help="the sealed ledger to write")
    parser.add_argument("--log", metavar="FILE", help="where the log goes; nowhere if not given")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    what = "ask again what has this final status, nothing if not given; old replies stay (may be given several times)"
    parser.add_argument("--ask-again", action="append", choices=[name for name in FINAL if name != "ok"], help=what)
    what = "what the run may cost; any sum if not given, or none"
    parser.add_argument("--cap-usd", type=_cap, default=None, metavar="USD", help=what)
    add_inputs(parser)
    add_prices(parser)
    parser.set_defaults(run=collect)


def _cap(text: str) -> float | None:
    if text.lower() in ("none", "null"):
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a sum of USD above 0 nor none")
    return value


def collect(chosen: argparse.Namespace) -> None:
    """Ask for one shard what its ledger lacks, and seal it.

    Raises
    ------
    UsageError
        No such stage, or a mode that does not fit the endpoints or --ask-again.
    AskError
        Among much else: no reply of the stage can be used.
    """
    if chosen.stage not in ALL:
        raise UsageError(f"no stage {chosen.stage!r}; stages are {', '.join(STAGES)}")
    settings = read_settings(chosen.settings)
    templates = forms.load(chosen.templates)
    endpoints = used(read_endpoints(settings["endpoints"]), settings["roles"])
    mode, simulated = settings["mode"], [e for e in endpoints.values() if e.base_url == SIMULATOR]
    if mode == "simulate" and len(simulated) < len(endpoints):
        alias = next(e.alias for e in endpoints.values() if e not in simulated)
        raise UsageError(f"mode is simulate, but endpoint {alias} is not the simulator; set mode: live to ask it")
    if mode == "replay" and chosen.ask_again:
        raise UsageError("--ask-again: mode is replay, which asks nobody; set mode: live")
    if simulated:
        version = _world(settings)
        endpoints |= {e.alias: replace(e, model=f"{e.model}@{version}") for e in simulated}
    stage: Stage = partial(
        found(ALL[chosen.stage]), read_tables(chosen.read), settings, shard=chosen.shard, of=chosen.of
    )
    with _like_ctrl_c(), ExitStack() as stack:
        place = {"shard": chosen.shard, "of": chosen.of, "ask_again": chosen.ask_again or ()}
        ledger = stack.enter_context(Ledger(chosen.ledger, chosen.stage, **place))
        if ledger.n_cut_bytes:
            _log.warning("%s: cut %d bytes of an answer that a crash tore", ledger.path, ledger.n_cut_bytes)
        budget = n_expected = None
        if mode == "live":
            dry_run = DryRun(endpoints, settings["roles"], templates, ledger, lengths=read_lengths(chosen.lengths))
            stage(ask=dry_run)
            to_check = dry_run.checks()
            budget = stack.enter_context(_budgeted(chosen, settings, endpoints, dry_run, ledger))
            n_expected = dry_run.n_asked
            for line in check.check(to_check, ledger, shard=chosen.shard, of=chosen.of, budget=budget):
                _log.warning(line)
                print(f"persona: {line}", file=sys.stderr)
        reached = {}
        if simulated and mode != "replay":
            reached = stack.enter_context(simulator(chosen.templates, ledger))
        ask = stack.enter_context(
            Asker(
                endpoints,
                settings["roles"],
                templates,
                ledger,
                mode=mode,
                budget=budget,
                n_expected=n_expected,
                quiet=chosen.quiet,
                **reached,
            )
        )
        stage(ask=ask)
        summary = ledger.summary
        if (why := nothing_usable(summary, endpoints)) is not None:
            raise AskError(f"{_where(chosen)}: {why}")
        ledger.seal(chosen.sealed, facts=ask.facts)
        if mode == "simulate":  # nothing was paid for, and a million requests with their texts take 3 GB
            ledger.pack()
    _log.info("sealed %s", chosen.sealed)
    _tell(chosen, summary, len(simulated) < len(endpoints))


@contextmanager
def simulator(templates: str, ledger: Ledger) -> Iterator[dict[str, Any]]:
    """How simulated endpoints are reached: inside this process. Tests put other ways in its place."""
    yield {"transport": found("persona_lib.simulator.inside:transport")(templates)}


def _world(settings: Mapping) -> str:
    version = import_module("persona_lib.simulator").VERSION
    if settings.get("world", version) != version:
        raise UsageError(f"settings are for world {settings['world']}, but the simulator is {version}; start again")
    return version


def _budgeted(
    chosen: argparse.Namespace,
    settings: Mapping,
    endpoints: Mapping[str, Endpoint],
    dry_run: DryRun,
    ledger: Ledger,
) -> Budget:
    """Say what this shard has still to ask and what it will cost, then open the budget that keeps the cap."""
    prices, cap = read_prices(chosen.prices), chosen.cap_usd
    capped = "no cap" if cap is None else f"the run is capped at USD {cap:,.2f}"
    line = f"{_where(chosen)}: {dry_run.sentence(prices)}; {capped}"
    _log.info(line)
    print(f"persona: {line}", file=sys.stderr)
    configured = {**read_endpoints(settings["endpoints"]), **endpoints}
    expected = dry_run.estimate(prices)["expected"][2]
    return Budget(ledger.path, configured, prices, asked=endpoints, cap_usd=cap, expected_usd=expected)


def _where(chosen: argparse.Namespace) -> str:
    return f"{chosen.stage} {chosen.shard} of {chosen.of}"


def _tell(chosen: argparse.Namespace, summary: Summary, is_real: bool) -> None:
    """Say on stderr what a reader of the results must know: what became of the requests, who answered, what is odd.

    Of the simulator, whose refusals and slips are declared, only what is odd; its counts go to the log.
    """
    lines = [*((summary.sentence(), *summary.who()) if is_real else ()), *summary.warnings()]
    if summary.statuses["cut_off"]:
        lines.append("to have whole what was cut off, raise max_tokens in the parameters of its endpoint")
    if is_real and summary.statuses["unparsed"] + summary.statuses["not_taken"]:
        lines.append("to ask again for what is unparsed or not taken: this command with --ask-again STATUS")
    if summary.statuses["failed"]:
        again = f"python -m workflow.paper --run RUN -- --forcerun collect_{chosen.stage}"
        lines.append(f"to ask again for what failed: this command once more, or {again}")
    if not is_real:
        _log.info(summary.sentence())
    for line in lines:
        _log.info(line)
        print(f"persona: {_where(chosen)}: {line}", file=sys.stderr)


@contextmanager
def _like_ctrl_c() -> Iterator[None]:
    """The end of a session or of a job's time (SIGHUP, SIGTERM) lets the calls under way come home, as Ctrl-C does."""

    def interrupt(*_: object) -> None:
        for number in both:  # some who end a job send both
            signal.signal(number, signal.SIG_IGN)
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
            raise KeyboardInterrupt
        signal.raise_signal(signal.SIGINT)

    both = [number for number in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, interrupt) for number in both}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
