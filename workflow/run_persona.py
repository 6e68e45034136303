"""Run one rule's command of `persona` in this process: a path is one argument, and no shell reads it.

Called by Snakemake's `script:`, with the rule as the global `snakemake`.
"""

import json
import os
import signal
import sys

sys.path.insert(0, os.getcwd())

if __name__ == "__main__" and (before := signal.getsignal(signal.SIGINT)) is not signal.SIG_IGN:
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))  # nothing is asked yet, so nothing is to be said

from persona_lib import cli  # noqa: E402
from workflow.surroundings import print_to  # noqa: E402

NOT_READ = ("templates", "library", "steps")


def collect(rule) -> list[str]:
    """`persona collect` of the stage after which the rule is named; the cap is no parameter of the rule.

    Were it one, raising the cap would ask anew what has been answered.
    """
    cap = rule.config["spend"]["cap_usd"]
    return [
        *("collect", rule.rule.removeprefix("collect_"), "--shard", rule.wildcards.shard, "--of", rule.wildcards.of),
        *("--templates", "data/templates", "--ledger", rule.params.ledger, "--sealed", rule.output.sealed),
        *("--cap-usd", "none" if cap is None else str(cap), "--log", rule.log[0], *_tables(rule)),
    ]


def truth(rule) -> list[str]:
    """`persona truth`."""
    return ["truth", "--out", rule.output.truth, *_tables(rule)]


def utilities(rule) -> list[str]:
    """`persona utilities`."""
    return ["utilities", "--out", rule.output.utilities, *_tables(rule)]


def seal(rule) -> list[str]:
    """`persona seal`."""
    return ["seal", *rule.input.shards, "--out", rule.output.ledger]


def _tables(rule) -> list[str]:
    read = [f"{name}={path}" for name, path in rule.input.items() if name not in NOT_READ]
    return ["--settings", json.dumps(rule.params.settings, sort_keys=True), "--read", *read]


def run(rule) -> int:
    """The status of the rule's command; what the others print is their log, collect writes its own.

    On stderr collect shows its progress, and says what a reader must know.
    """
    command = {"seal": seal, "truth": truth, "utilities": utilities}.get(rule.rule, collect)
    if command is not collect:
        print_to(rule.log[0])
    return cli.main(command(rule), is_step=True)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, before)
    sys.exit(run(snakemake))  # type: ignore[name-defined]  # noqa: F821
