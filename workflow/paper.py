"""`make paper`: run the Snakefile, one run at a time, and say where the results are."""

import argparse
import fcntl
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def stop(number: int, _: object) -> None:
    """End at a signal that comes before Snakemake has been started, or after it has ended."""
    print("\ninterrupted; no step was under way, the same command goes on", file=sys.stderr)
    sys.exit(128 + number)  # as a shell counts it


if __name__ == "__main__":  # before the imports below, which take a second or two
    for each in ENDING:
        if signal.getsignal(each) is not signal.SIG_IGN:
            signal.signal(each, stop)

import yaml  # noqa: E402

from persona_lib.asking.prices import read_prices  # noqa: E402
from persona_lib.cli import INTERRUPTED  # noqa: E402
from persona_lib.commands.configuration import read_configuration  # noqa: E402
from persona_lib.commands.inputs import UsageError  # noqa: E402
from persona_lib.cost import parts, plan, quote  # noqa: E402
from persona_lib.messages import templates  # noqa: E402
from persona_lib.tables.files import HALF  # noqa: E402
from workflow import steps  # noqa: E402
from workflow.model_server import ServerError, environment_of, serving  # noqa: E402
from workflow.paths import named_files  # noqa: E402
from workflow.settings import CHANGES  # noqa: E402
from workflow.start_snakemake import PARENT  # noqa: E402
from workflow.surroundings import pinned  # noqa: E402

LOCK = Path("data/runs/.lock")
DEMO = Path("config/demo.yaml")  # what the others change
SNAKEMAKE = [sys.executable, "-m", "workflow.start_snakemake"]


def main() -> int:
    """Run Snakemake for the run named on the command line; return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", default="demo", help="config/<run>.yaml")
    parser.add_argument("--until", default="", help="stop after this rule")
    parser.add_argument("--census", default="", help="PUMS files, written as for a shell: quotes, ~ and patterns count")
    parser.add_argument("--dictionary", default="", help="what the codes mean: an official PUMS data dictionary")
    parser.add_argument("--prompts", default="", help="a prompt bank: .csv, or PRISM's conversations.jsonl")
    parser.add_argument("--confirm", default="", help="yes: spend what the plan says")
    parser.add_argument("--plan", action="store_true", help="say what the run would still ask and cost, and stop")
    parser.add_argument("--cores", type=int, default=os.cpu_count())
    parser.add_argument("rest", nargs="*", help="further arguments for snakemake")
    args = parser.parse_args()
    config_file = Path("config") / f"{args.run}.yaml"
    if not config_file.is_file():
        known = sorted(p.stem for p in Path("config").glob("*.yaml") if p.stem != "schema")
        sys.exit(f"{config_file}: no such file; RUN is one of {', '.join(known)}")
    if args.run == "real" and not args.census:
        sys.exit('RUN=real reads census files of yours: make paper RUN=real CENSUS="csv_pvt.zip csv_pri.zip"')
    _judge_until(args.until.split())
    changes = _changes(args)
    config = _merged(config_file, changes)
    if args.plan or config["mode"] == "live":
        _tell_price(config, config_file, confirmed=args.confirm.lower() == "yes" or args.plan)
    if args.plan:
        return 0
    LOCK.parent.mkdir(parents=True, exist_ok=True)
    logs = Path("data/runs", config["run"], "logs")
    logs.mkdir(parents=True, exist_ok=True)
    with LOCK.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit(f"another run is under way here ({LOCK} is held); wait for it, or stop it")
        environment = pinned(Path())
        _clear_remains(config["run"], environment)
        command = [*SNAKEMAKE, "--workflow-profile", "profiles/default", "--cores", str(args.cores)]
        command += _logger(logs=logs, size=_size(config), shards=config["shards"] or args.cores)
        command += ["--configfile", str(config_file), _written(changes)]
        command += ["--until", *args.until.split()] if args.until else []
        with _model_server(config, cores=args.cores):
            status, signalled = _waited_for([*command, *args.rest], environment, lock=lock.fileno())
    if status == 0:
        _say_where(config["run"])
        return 0
    if signalled is None:
        print(f"\nwhat Snakemake says of it: {logs / steps.SAID}", file=sys.stderr)
        return status
    print(f"\n{INTERRUPTED}", file=sys.stderr)
    return 128 + signalled


def _judge_until(named: list[str]) -> None:
    """Stop at a name after which no run can stop: of no rule, or of one whose steps wait for one another."""
    text = Path("Snakefile").read_text("utf-8")
    rules = [
        name
        for name in re.findall(r"^(?:rule|use rule \w+ as) (\w+)", text, flags=re.M)
        if name not in ("seal", "executed")
    ]
    if unknown := [name for name in named if name not in rules]:
        sys.exit(f"UNTIL={unknown[0]}: no rule to stop after; these are {', '.join(rules)}")


def _waited_for(command: list[str], environment: dict[str, str], *, lock: int) -> tuple[int, int | None]:
    """The status of a command, and the signal that was to end this process meanwhile, if one came.

    Ctrl-C, SIGTERM and the end of the session reach the command and its steps as Ctrl-C, which lets the calls under
    way come home; a second one drops them. The command is in a process group of its own, so that it hears of each
    once, and it holds the lock as long as it lives. It starts with Ctrl-C held back, because Python prints a fatal
    error where one comes before the first line of its program; the command lets it through as soon as it can take it.
    """
    came: list[int] = []
    started: list[subprocess.Popen] = []

    def pass_on(number: int, _: object) -> None:
        came.append(number)
        for process in started:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGINT)

    heard = [number for number in ENDING if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, pass_on) for number in heard}
    try:
        environment = environment | {PARENT: str(os.getpid())}
        held = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            started += [subprocess.Popen(command, env=environment, process_group=0, pass_fds=[lock])]
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, held)
        if came:  # while it started
            pass_on(came.pop(), None)
        return started[0].wait(), came[0] if came else None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _changes(args: argparse.Namespace) -> dict:
    """What CENSUS=, DICTIONARY= and PROMPTS= change in the configuration.

    Raises
    ------
    SystemExit
        One of them names no file, or DICTIONARY= or PROMPTS= several.
    """
    changes: dict[str, dict] = {}
    if files := named_files(args.census, name="CENSUS"):
        changes["census"] = {"files": files}
    if books := named_files(args.dictionary, name="DICTIONARY"):
        if len(books) > 1:
            sys.exit(f"DICTIONARY: {args.dictionary}: these are {len(books)} files; a run has one dictionary")
        changes.setdefault("census", {})["dictionary"] = books[0]
    if banks := named_files(args.prompts, name="PROMPTS"):
        if len(banks) > 1:
            sys.exit(f"PROMPTS: {args.prompts}: these are {len(banks)} files; a run has one prompt bank")
        changes["prompts"] = {"bank": banks[0]}
    return changes


@contextmanager
def _model_server(config: dict, *, cores: int) -> Iterator[None]:
    """The server of the model that RUN=smollm asks; for every other run nothing.

    Raises
    ------
    SystemExit
        It does not start.
    """
    if config["run"] != "smollm":
        yield
        return
    address = config["endpoints"]["smollm"]["base_url"]
    environment, log = environment_of(os.environ.get("VENV")), Path("data/runs/smollm/logs/server.log")
    try:
        with serving(address, environment=environment, log=log, threads=cores):  # the steps mostly wait for it
            yield
    except ServerError as error:
        sys.exit(str(error))


def _written(changes: dict) -> str:
    """The changes as one more file of configuration: `--config` would read their text a second time."""
    CHANGES.write_text(yaml.safe_dump(changes, allow_unicode=True), "utf-8")
    return str(CHANGES)


def _clear_remains(run: str, environment: dict[str, str]) -> None:
    """Remove what a killed run left behind: its half-written files and Snakemake's lock. We hold the only lock."""
    for folder in (Path("data/runs", run), Path("figures/runs", run)):
        for half in folder.rglob(f".*{HALF}"):
            half.unlink()
    if any(Path(".snakemake/locks").glob("*")):
        subprocess.run([*SNAKEMAKE, "--unlock", "--cores", "1"], env=environment, check=True, capture_output=True)


def _merged(config_file: Path, changes: dict) -> dict:
    """The configuration of a run as the Snakefile will see it, judged."""
    try:
        return read_configuration([DEMO, config_file], changes)
    except UsageError as error:
        sys.exit(str(error))


def _logger(**told: object) -> list[str]:
    """The arguments by which Snakemake hands its events to `workflow.steps`; a number below 0 looks like an option."""
    return ["--logger", steps.NAME, *(f"--logger-{steps.NAME}-{key}={value}" for key, value in told.items())]


def _size(config: dict) -> float:
    """Where the calls of a run lie between those of RUN=demo, 0, and RUN=paper, 1."""
    small, large, here = (
        plan.planned_calls(settings)["calls_expected"].sum()
        for settings in (_merged(DEMO, {}), _merged(DEMO.with_stem("paper"), {}), config)
    )
    return float((here - small) / (large - small))


def _tell_price(config: dict, config_file: Path, *, confirmed: bool) -> None:
    """Print the plan of a run; stop where it may cost money that nobody has allowed, by a cap or by word.

    What counts is the plan of the whole run: that its folder holds answers does not say that they will do.

    Raises
    ------
    SystemExit
        The run is not confirmed, has no cap and may cost something; or its plan cannot be made.
    """
    prices = read_prices("data/reference/prices.csv")
    try:
        forms = templates.load("data/templates")
        left, whole, of_pilot = (
            quote.quote(
                settings,
                folder,
                templates=forms,
                lengths=plan.read_lengths("data/reference/typical_lengths.csv"),
                prices=prices,
            )
            for settings, folder in (
                (config, Path("data/runs") / config["run"]),
                (config, None),
                (parts.pilot(config), None),
            )
        )
    except (ValueError, OSError) as error:
        sys.exit(f"the plan of this run cannot be made: {error}")
    print(quote.sentences(left, config, prices))
    print(f"\n{parts.sentences(parts.parts(whole, of_pilot), prices)}")
    for line in quote.too_short(left, config, forms):
        print(line)
    if quote.unpaid(whole) and not confirmed and config["spend"]["cap_usd"] is None:
        sys.exit(
            "\nmode is live: this run is paid for, and so is what a change of its settings or texts asks anew. "
            f"Set spend.cap_usd in {config_file}, or say CONFIRM=yes, and run again"
        )


def _say_where(run: str) -> None:
    claims = Path(f"data/runs/{run}/claims.parquet")
    print(f"\ntables     data/runs/{run}/*.parquet")
    print(f"notebooks  data/runs/{run}/notebooks/")
    print(f"figures    figures/runs/{run}/")
    print(f"claims     {claims}" if claims.exists() else "claims     not reached yet")


if __name__ == "__main__":
    sys.exit(main())
