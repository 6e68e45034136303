"""The console script `persona`: fetch census files, plan, collect answers, seal and check ledgers, simulate.

Whatever the user can put right ends with one line on stderr and status 1; Ctrl-C ends with status
130 and can be continued by the same command.
"""

from __future__ import annotations

import argparse
import logging
import math
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path

from persona_lib.asking import asker, budget
from persona_lib.census.archives import PumsError
from persona_lib.commands import census
from persona_lib.commands.inputs import UsageError, found, read_settings, read_tables
from persona_lib.commands.strict_yaml import ConfigurationError
from persona_lib.cost import quote as quotes
from persona_lib.cost.dry_run import Rehearsal
from persona_lib.cost.plan import read_lengths
from persona_lib.ledger import live as ledgers
from persona_lib.ledger import sealed
from persona_lib.messages import request as words
from persona_lib.messages import templates as forms
from persona_lib.tables import schema

# stage: the function that asks for one shard of it, imported when it is needed
STAGES = {
    "personas": "persona_lib.synthesis.personas:collect_personas",
    "prompts": "persona_lib.stages.prompts:collect_prompts",
    "feedback": "persona_lib.stages.feedback:collect_feedback",
    "validation": "persona_lib.stages.judging:collect_validation",
    "pool": "persona_lib.stages.judging:collect_pool",
    "ablation": "persona_lib.stages.ablation:collect_ablation",
    "benchmark": "persona_lib.stages.benchmark:collect_benchmark",
    "pass_at_k": "persona_lib.stages.benchmark:collect_pass_at_k",
}
REFERENCE = Path(__file__).resolve().parents[1] / "data" / "reference"
_log = logging.getLogger(__name__)


OURS = (
    UsageError,
    schema.SchemaError,
    forms.TemplateError,
    words.RequestError,
    ledgers.LedgerError,
    asker.AskError,
    budget.SpendError,
    PumsError,
    OSError,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status."""
    chosen = _parser().parse_args(arguments)
    _start_log(getattr(chosen, "log", None))
    try:
        chosen.run(chosen)
    except KeyboardInterrupt:
        return _end("interrupted; what was answered is kept, the same command goes on", status=130)
    except ConfigurationError as error:
        return _end(str(error).replace("\n", "\npersona: "), status=1)
    except OURS as error:
        return _end(" ".join(str(error).split()) or type(error).__name__, status=1)
    except Exception:
        _log.exception("a fault of the program")
        raise
    return 0


def _end(line: str, *, status: int) -> int:
    if logging.getLogger().handlers:  # without a log file the line would stand on stderr twice
        _log.error(line)
    print(f"persona: {line}", file=sys.stderr)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="persona", description=__doc__)
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    collect = commands.add_parser("collect", help="ask models for one shard of a stage; keeps and seals a ledger")
    collect.add_argument("stage", help=f"one of {', '.join(STAGES)}")
    collect.add_argument("--shard", type=int, default=0, help="which shard, from 0")
    collect.add_argument("--of", type=int, default=1, help="into how many shards the stage is cut")
    collect.add_argument("--templates", required=True, metavar="DIR", help="folder of the templates")
    collect.add_argument("--ledger", required=True, metavar="DIR", help="folder of the live ledgers")
    collect.add_argument("--sealed", required=True, metavar="FILE", help="the sealed ledger to write")
    collect.add_argument("--log", metavar="FILE", help="where the log goes")
    collect.add_argument(
        "--server", action="store_true", help="ask simulated models over a socket, not in this process"
    )
    collect.add_argument(
        "--faults", metavar="FILE", help="simulated models and this machine misbehave as this file says"
    )
    collect.add_argument("--quiet", action="store_true", help="no progress bar")
    collect.set_defaults(run=_collect)

    collect.add_argument(
        "--cap-usd", type=_cap, default=None, metavar="USD", help="what the run may cost; none: any sum"
    )

    plan = commands.add_parser("plan", help="calls, tokens and cost of what a run has still to ask")
    plan.add_argument("config", nargs="+", metavar="FILE", help="configuration; a later file overrides an earlier one")
    plan.add_argument("--folder", metavar="DIR", help="folder of the run; data/runs/RUN if not given")
    plan.set_defaults(run=_plan)
    for command in (collect, plan):
        command.add_argument("--prices", default=f"{REFERENCE}/prices.csv", metavar="FILE", help="the price table")
        lengths = f"{REFERENCE}/typical_lengths.csv"
        command.add_argument("--lengths", default=lengths, metavar="FILE", help="typical lengths in tokens")
    plan.add_argument("--templates", default="data/templates", metavar="DIR", help="folder of the templates")

    truth = commands.add_parser("truth", help="write what the simulated world would answer on average")
    truth.add_argument("--out", required=True, metavar="FILE", help="the table truth to write")
    truth.set_defaults(run=_truth)
    for command in (collect, truth):
        command.add_argument("--settings", required=True, metavar="JSON|FILE", help="settings as JSON, or a file of it")
        command.add_argument("--read", nargs="+", default=[], metavar="NAME=FILE", help="input tables by name")

    seal = commands.add_parser("seal", help="gather the sealed shards of a stage into one file")
    seal.add_argument("shards", nargs="+", metavar="FILE", help="sealed shards")
    seal.add_argument("--out", required=True, metavar="FILE", help="the sealed ledger of the stage")
    seal.set_defaults(run=_seal)

    simulate = commands.add_parser("simulate", help="serve the simulated models on this machine until stdin closes")
    simulate.add_argument("--port", type=int, default=0, help="0: any free port, printed as the only line")
    simulate.add_argument("--templates", default="data/templates", metavar="DIR", help="folder of the templates")
    simulate.add_argument("--faults", metavar="FILE", help="misbehave as this file says (simulator/faults.py)")
    simulate.set_defaults(run=_simulate)

    census.add_arguments(commands.add_parser("census", help="fetch PUMS from the Census Bureau into data/raw"))

    check = commands.add_parser("check-ledger", help="count what ledgers hold; stop at the first fault")
    check.add_argument("files", nargs="+", metavar="FILE", help="live (.jsonl) or sealed (.parquet) ledgers")
    check.set_defaults(run=_check)
    return parser


def _start_log(path: str | None) -> None:
    if path is not None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        form = "%(asctime)s %(levelname)s %(name)s: %(message)s"
        logging.basicConfig(filename=path, filemode="w", level=logging.INFO, format=form, force=True)
    for name in ("openai", "httpx", "httpx2", "httpcore", "httpcore2"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _collect(chosen: argparse.Namespace) -> None:
    if chosen.stage not in STAGES:
        raise UsageError(f"no stage {chosen.stage!r}; stages are {', '.join(STAGES)}")
    settings = read_settings(chosen.settings)
    templates = forms.load(chosen.templates)
    endpoints = words.used(words.endpoints(settings["endpoints"]), settings["roles"])
    mode, simulated = settings["mode"], [e for e in endpoints.values() if e.base_url == asker.SIMULATOR]
    if mode == "simulate" and len(simulated) < len(endpoints):
        alias = next(e.alias for e in endpoints.values() if e not in simulated)
        raise UsageError(f"mode is simulate, but endpoint {alias} is not the simulator; set mode: live to ask it")
    if simulated:
        version = _world(settings)
        endpoints |= {e.alias: replace(e, model=f"{e.model}@{version}") for e in simulated}
    faults = _faults(chosen.faults)
    if faults and (mode == "replay" or not simulated):
        raise UsageError("--faults: no simulated endpoint is asked here, and only these misbehave on demand")
    collect, tables = found(STAGES[chosen.stage]), read_tables(chosen.read)
    collect = partial(collect, tables, settings, shard=chosen.shard, of=chosen.of)
    with _like_ctrl_c(), ExitStack() as stack:
        ledger = stack.enter_context(ledgers.Ledger(chosen.ledger, chosen.stage, shard=chosen.shard, of=chosen.of))
        if ledger.n_cut_bytes:
            _log.warning("%s: cut %d bytes of an answer that a crash tore", ledger.path, ledger.n_cut_bytes)
        meter = n_expected = None
        if mode == "live":
            rehearsal = Rehearsal(endpoints, settings["roles"], templates, ledger, lengths=read_lengths(chosen.lengths))
            collect(ask=rehearsal)
            meter = stack.enter_context(_metered(chosen, settings, endpoints, rehearsal, ledger))
            n_expected = rehearsal.n_asked
        address = inside = None
        if simulated and mode != "replay":
            if chosen.server:
                address = stack.enter_context(_serving(chosen.templates, chosen.faults))
            else:
                inside = found("persona_lib.simulator.inside:transport")(chosen.templates, faults=faults)
            if faults:
                stack.enter_context(found("persona_lib.simulator.machine:disturbed")(faults.machine, ledger))
        ask = stack.enter_context(
            asker.Asker(
                endpoints,
                settings["roles"],
                templates,
                ledger,
                mode=mode,
                simulator=address,
                transport=inside,
                meter=meter,
                n_expected=n_expected,
                quiet=chosen.quiet,
            )
        )
        collect(ask=ask)
        count = ledger.seal(chosen.sealed, facts=ask.facts)
    _log.info("sealed %s: %s", chosen.sealed, count)
    where, n = f"{chosen.stage} {chosen.shard} of {chosen.of}", sum(count[status] for status in words.STATUSES)
    if count["cut_off"]:
        said = f"{where}: {count['cut_off']} of {n} replies were cut off at their endpoint's limit of tokens"
        print(f"persona: {said}; to have them whole, raise max_tokens in its parameters", file=sys.stderr)
    if count["failed"]:
        said = f"{where}: {count['failed']} of {n} calls failed"
        again = f"python -m workflow.paper --run RUN -- --forcerun collect_{chosen.stage}"
        print(f"persona: {said}; to ask these again: this command once more, or {again}", file=sys.stderr)


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


def _metered(
    chosen: argparse.Namespace,
    settings: dict,
    endpoints: dict[str, words.Endpoint],
    rehearsal: Rehearsal,
    ledger: ledgers.Ledger,
) -> budget.Meter:
    """Say what this shard has still to ask and what it will cost, then open the meter that keeps the cap."""
    prices, cap = budget.read_prices(chosen.prices), chosen.cap_usd
    capped = "no cap" if cap is None else f"the run is capped at USD {cap:,.2f}"
    line = f"{chosen.stage} {chosen.shard} of {chosen.of}: {rehearsal.sentence(prices)}; {capped}"
    _log.info(line)
    print(f"persona: {line}", file=sys.stderr)
    configured, expected = words.endpoints(settings["endpoints"]) | endpoints, rehearsal.estimate(prices)["expected"][2]
    return budget.Meter(ledger.path, configured, prices, asked=endpoints, cap_usd=cap, expected_usd=expected)


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


def _plan(chosen: argparse.Namespace) -> None:
    settings = found("persona_lib.commands.configuration:read_configuration")(chosen.config)
    prices = budget.read_prices(chosen.prices)
    planned = quotes.quote(
        settings,
        chosen.folder or Path("data/runs") / settings["run"],
        templates=forms.load(chosen.templates),
        lengths=read_lengths(chosen.lengths),
        prices=prices,
    )
    print(quotes.sentences(planned, settings, prices))


def _truth(chosen: argparse.Namespace) -> None:
    settings, tables = read_settings(chosen.settings), read_tables(chosen.read)
    world = import_module("persona_lib.simulator.truth")
    declared = found("persona_lib.commands.truth:declared")(tables, settings, told=world.spoken)
    truth = world.truth(declared, tables, settings)
    schema.write(truth, chosen.out, "truth")


def _seal(chosen: argparse.Namespace) -> None:
    count = sealed.gather(chosen.shards, chosen.out)
    print(f"{chosen.out}: {count} requests of {len(chosen.shards)} shards")


def _simulate(chosen: argparse.Namespace) -> None:
    serve = found("persona_lib.simulator.app:serve")
    serve(chosen.port, templates=chosen.templates, faults=_faults(chosen.faults))


def _faults(path: str | None) -> object | None:
    try:
        return found("persona_lib.simulator.faults:read")(path) if path else None
    except ValueError as error:
        raise UsageError(str(error)) from error


def _check(chosen: argparse.Namespace) -> None:
    live = [path for path in chosen.files if path.endswith(".jsonl")]
    if live:
        print(f"{len(live)} live: {_counted(ledgers.check(live))}")
    for path in chosen.files:
        if path not in live:
            print(f"{path}: {_counted(sealed.check(path))}")


def _counted(count: dict) -> str:
    return ", ".join(f"{n} {name.replace('_', ' ')}" for name, n in count.items())


def _world(settings: dict) -> str:
    version = import_module("persona_lib.simulator").VERSION
    if settings.get("world", version) != version:
        raise UsageError(f"settings are for world {settings['world']}, but the simulator is {version}; start again")
    return version


@contextmanager
def _serving(templates: str, faults: str | None = None) -> Iterator[str]:
    """A simulator of our own on a free loopback port, by its address; it ends when this process does, however."""
    command = [sys.executable, "-m", "persona_lib.cli", "simulate", "--port", "0", "--templates", templates]
    command += ["--faults", faults] if faults else []
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, start_new_session=True) as server:
        try:
            port = server.stdout.readline().strip()
            if not port.isdigit():
                raise UsageError("the simulator did not start; its own message stands above")
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            server.stdin.close()
            try:
                server.wait(timeout=10)
            except subprocess.TimeoutExpired:
                server.kill()


if __name__ == "__main__":
    sys.exit(main())
