"""The console script `persona`: fetch census files, plan, collect, score one model, read surveys of people, simulate.

`make paper` gives the commands collect, seal, truth and utilities by itself; the others are for your own use.

Whatever the user can put right ends with one line on stderr and status 1; Ctrl-C ends with status
130 and can be continued by the same command.
"""

from __future__ import annotations

import argparse
import errno
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from persona_lib.asking.client import AskError
from persona_lib.asking.prices import SpendError
from persona_lib.census.archives import PumsError
from persona_lib.commands import bench, census, collect, ledgers, people, plan, simulate, truth, utilities
from persona_lib.commands.inputs import Help, Parser, UsageError
from persona_lib.commands.strict_yaml import ConfigurationError
from persona_lib.ledger.errors import LedgerError
from persona_lib.messages.endpoint import RequestError
from persona_lib.messages.templates import TemplateError
from persona_lib.tables.schema import SchemaError

COMMANDS = {  # name: what adds its arguments, what it does, an example
    "collect": (
        collect.add_arguments,
        "ask models for one shard of a stage; keeps and seals a ledger",
        "persona collect prompts --settings settings.json --templates data/templates "
        "--read bank=data/prompts/bank.csv topics=data/reference/prism_topics.csv "
        "--ledger data/runs/mine/ledger --sealed data/runs/mine/sealed/prompts-0-of-1.parquet",
    ),
    "plan": (
        plan.add_arguments,
        "calls, tokens and cost of what a run has still to ask",
        "persona plan config/demo.yaml config/paper.yaml",
    ),
    "truth": (
        truth.add_arguments,
        "write what the simulated world would answer on average",
        "persona truth --settings settings.json --read census=census.parquet prompts=prompts.parquet "
        "--out truth.parquet",
    ),
    "utilities": (
        utilities.add_arguments,
        "write what answers are worth to held-out personas in the simulated world",
        "persona utilities --settings settings.json --read personas=personas.parquet pairs=pairs.parquet "
        "answers=answers.parquet --out utilities.parquet",
    ),
    "bench": (
        bench.add_arguments,
        "score one model by PERSONA Bench: plan, question, pass rates, report, leaderboard row",
        "persona bench --base-url simulator --model sim-large --n 100 --yes",
    ),
    "seal": (
        ledgers.add_seal_arguments,
        "gather the sealed shards of a stage into one file",
        "persona seal sealed/pool-0-of-2.parquet sealed/pool-1-of-2.parquet --out sealed/pool.parquet",
    ),
    "simulate": (
        simulate.add_arguments,
        "serve the simulated models on this machine until stdin closes",
        "tail -f /dev/null | persona simulate --port 8000",
    ),
    "census": (
        census.add_arguments,
        "fetch PUMS from the Census Bureau into data/raw",
        "persona census download --year 2023 --states vt dc",
    ),
    "people": (
        people.add_arguments,
        "what real people answered, from a survey file of your own",
        "persona people tables --layout gss --file GSS2022.dta --year 2022 --out data/raw/gss2022",
    ),
    "check-ledger": (
        ledgers.add_check_arguments,
        "count what ledgers hold; stop at the first fault",
        "persona check-ledger data/runs/demo/ledger/pool-0-of-2.jsonl",
    ),
}
OURS = (
    UsageError,
    SchemaError,
    TemplateError,
    RequestError,
    LedgerError,
    AskError,
    SpendError,
    PumsError,
)
REMEDIES = {  # by the number of the system's error
    errno.ENOENT: "name a file or folder that is there",
    errno.EACCES: "see to whom it belongs, or name another",
    errno.EISDIR: "name a file",
    errno.ENOTDIR: "name a folder",
    errno.ENOSPC: "make room and give the same command again; what was answered is kept",
}
INTERRUPTED = "interrupted; what was answered is kept, the same command goes on"
_log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None, *, is_step: bool = False) -> int:
    """Run one command; return the exit status.

    That it was interrupted goes to its log, and to stderr unless it is a step of a run, which tells that itself.
    """
    chosen = _parser().parse_args(arguments)
    _start_log(getattr(chosen, "log", None))
    try:
        chosen.run(chosen)
    except KeyboardInterrupt:
        return _end(INTERRUPTED, status=130, is_told=not is_step)
    except ConfigurationError as error:
        return _end(str(error).replace("\n", "\npersona: "), status=1)
    except OSError as error:
        return _end(_of_the_system(error), status=1)
    except OURS as error:
        return _end(" ".join(str(error).split()) or type(error).__name__, status=1)
    except Exception:
        _log.exception("a fault of the program")
        raise
    return 0


def _of_the_system(error: OSError) -> str:
    """What the system says of a file, and what to do."""
    said = error.strerror or " ".join(str(error).split()) or type(error).__name__
    line = f"{error.filename}: {said}" if error.filename is not None else said
    return f"{line}; {REMEDIES[error.errno]}" if error.errno in REMEDIES else line


def _end(line: str, *, status: int, is_told: bool = True) -> int:
    if logging.getLogger().handlers:  # without a log file the line would stand on stderr twice
        _log.error(line)
    if is_told:
        print(f"persona: {line}", file=sys.stderr)
    return status


def _parser() -> argparse.ArgumentParser:
    examples = "\n".join(f"  {example}" for _, _, example in COMMANDS.values())
    epilog = f"an example of each:\n{examples}\n\npersona COMMAND --help shows its arguments and their defaults"
    parser = Parser(prog="persona", description=__doc__, epilog=epilog, formatter_class=Help)
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for name, (add_arguments, about, example) in COMMANDS.items():
        epilog = f"example:\n  {example}"
        add_arguments(commands.add_parser(name, help=about, description=about, epilog=epilog, formatter_class=Help))
    return parser


def _start_log(path: str | None) -> None:
    if path is not None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        form = "%(asctime)s %(levelname)s %(name)s: %(message)s"
        logging.basicConfig(filename=path, filemode="w", level=logging.INFO, format=form, force=True)
    for name in ("openai", "httpx", "httpx2", "httpcore", "httpcore2"):
        logging.getLogger(name).setLevel(logging.WARNING)


if __name__ == "__main__":
    sys.exit(main())
