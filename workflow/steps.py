"""What `make paper` shows of a run: one line a finished step, and what stopped a step that failed.

A logger plugin of Snakemake's, which hands over its events as log records; `workflow.start_snakemake` registers it.
What Snakemake itself says goes to a file, from its start to its end.
"""

import csv
import logging
import re
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from snakemake.logging import DefaultFormatter
from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent
from snakemake_interface_logger_plugins.settings import LogHandlerSettingsBase

NAME = "steps"  # of the plugin, as in `--logger steps`
SAID = "snakemake.log"  # in the run's folder of logs: what Snakemake itself says
MEASURED = "seconds.csv"  # there: what the steps of this run have taken
USUAL = Path(__file__).with_name(MEASURED)  # what they take in RUN=demo and RUN=paper; only the ratios count
USUAL_SHARDS = 2  # in so many those runs collected each stage
CLEAR = "\r\x1b[K"  # takes a progress bar off the line of a terminal


@dataclass
class LogHandlerSettings(LogHandlerSettingsBase):
    """What Snakemake's command line says of the plugin: `--logger-steps-logs` and so on."""

    logs: Path = field(default=Path(), metadata={"help": "the run's folder of logs"})
    size: float = field(default=0.0, metadata={"help": "of the run in calls: 0 like RUN=demo, 1 like RUN=paper"})
    shards: int = field(default=USUAL_SHARDS, metadata={"help": "in how many a stage is collected"})


class LogHandler(LogHandlerBase):
    """Shows steps on stdout, and what went wrong on stderr."""

    writes_to_stream, writes_to_file = True, False
    has_filter, has_formatter, needs_rulegraph = True, False, False
    is_interrupted = False  # set by Ctrl-C: what its steps die of is no news

    def __post_init__(self) -> None:
        told = self.settings if isinstance(self.settings, LogHandlerSettings) else LogHandlerSettings()
        self._logs = Path(told.logs)
        self._file = (self._logs / SAID).open("w", encoding="utf-8")
        self.setFormatter(DefaultFormatter(self.common_settings.quiet, self.common_settings.show_failed_logs))
        self._usual = usual_seconds(told.size, told.shards) | seconds(self._logs / MEASURED)
        self._measured: dict[str, list[float]] = {}
        self._planned: Counter[str] = Counter()
        self._running: dict[int, tuple[str, str, float]] = {}  # job: rule, what the reader is told, since
        self._faults: list[str] = []
        self._has_failed, self._start = False, time.monotonic()

    def emit(self, record: logging.LogRecord) -> None:
        """Take one event of Snakemake's."""
        said, event, now = self.format(record), getattr(record, "event", None), time.monotonic()
        facts = vars(record)
        if said and said != "None":
            print(said, file=self._file, flush=True)
        if self.common_settings.dryrun:
            print(said)
        elif event == LogEvent.RUN_INFO:
            self._planned = Counter({rule: n for rule, n in facts["stats"].items() if rule not in ("all", "total")})
            self._start = now
        elif event == LogEvent.JOB_INFO:
            told = (facts["rule_msg"] or facts["rule_name"]).removesuffix(", shard 0 of 1")
            self._running[facts["jobid"]] = (facts["rule_name"], told, now)
        elif event == LogEvent.JOB_FINISHED and facts["job_id"] in self._running:
            self._finished(*self._running.pop(facts["job_id"]), now)
        elif event == LogEvent.JOB_ERROR and not self.is_interrupted:
            _, told, _ = self._running.pop(facts["jobid"], ("", facts["rule_name"], now))
            self._fail(f"stopped: {told}: {last_message([Path(path) for path in facts['log']])}")
        elif record.levelno >= logging.ERROR:
            self._faults.append(said)

    def close(self) -> None:
        """Say what stopped Snakemake where it was no step; keep what the steps took."""
        if self._file.closed:  # logging closes what is closed once more at the end
            return
        if not (self._has_failed or self.is_interrupted):
            for fault in self._faults:
                self._fail(fault)
        if not (self._planned or self._faults or self.is_interrupted or self.common_settings.dryrun):
            print("nothing to do: every step is up to date", flush=True)
        self._faults = []
        if self._measured:
            kept = seconds(self._logs / MEASURED) | {rule: sum(s) / len(s) for rule, s in self._measured.items()}
            with (self._logs / MEASURED).open("w", encoding="utf-8", newline="") as file:
                csv.writer(file).writerows([("rule", "seconds"), *((r, f"{s:.1f}") for r, s in sorted(kept.items()))])
        self._file.close()
        super().close()

    def _finished(self, rule: str, told: str, since: float, now: float) -> None:
        if rule not in self._planned:
            return
        self._measured.setdefault(rule, []).append(now - since)
        done, total = sum(map(len, self._measured.values())), self._planned.total()
        line = f"{done:>{len(str(total))}}/{total}  {told:<32} {clock(now - since):>7}"
        if done < total:
            running = [(rule, now - start) for rule, _, start in self._running.values()]
            left = left_s(self._planned, self._measured, running, usual=self._usual, elapsed_s=now - self._start)
            line += f"   about {clock(left)} left"
        print((CLEAR if sys.stdout.isatty() else "") + line, flush=True)

    def _fail(self, line: str) -> None:
        self._has_failed = True
        print((CLEAR if sys.stderr.isatty() else "") + f"\n{line}", file=sys.stderr, flush=True)


def seconds(path: Path) -> dict[str, float]:
    """What each rule takes, of a table rule, seconds; nothing where there is none yet."""
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        return {row["rule"]: float(row["seconds"]) for row in csv.DictReader(file)}


def usual_seconds(size: float, shards: int) -> dict[str, float]:
    """What a step of each rule is expected to take, in seconds, for a run of any size.

    Parameters
    ----------
    size : where the calls of the run lie between those of RUN=demo, 0, and of RUN=paper, 1; each rule's seconds lie
        there, too, and never below a tenth of the demo's
    shards : in how many each stage is collected
    """
    with USUAL.open(encoding="utf-8", newline="") as file:
        ends = {row["rule"]: (float(row["demo"]), float(row["paper"])) for row in csv.DictReader(file)}
    found = {rule: max(demo + size * (paper - demo), demo / 10) for rule, (demo, paper) in ends.items()}
    return {rule: s * (USUAL_SHARDS / shards if rule.startswith("collect_") else 1) for rule, s in found.items()}


def left_s(
    planned: Mapping[str, int],
    measured: Mapping[str, list[float]],
    running: list[tuple[str, float]],
    *,
    usual: Mapping[str, float],
    elapsed_s: float,
) -> float:
    """About how long the rest of a run takes: as long for its size as the part that is done.

    Parameters
    ----------
    planned : how many steps of each rule the run has
    measured : seconds of its steps that are done, one at least
    running : (rule, seconds so far) of those under way; at most what is usual of them counts as done
    usual : what a step of each rule takes in another run; an unknown rule takes the mean of the others
    elapsed_s : seconds since the start; less than the steps took together where several run at once

    Examples
    --------
    Two of three equal steps took 4 s side by side; the third would take the time of one such pair, halved.

    >>> left_s({"a": 3}, {"a": [4.0, 4.0]}, [], usual={}, elapsed_s=4.0)
    2.0
    """
    known = [usual[rule] for rule in planned if rule in usual]
    mean = sum(known) / len(known) if known else 1.0
    size = {rule: max(usual.get(rule, mean), 0.1) for rule in planned}
    done = sum(size[rule] * len(took) for rule, took in measured.items())
    pace = done / max(sum(map(sum, measured.values())), 0.001)
    done += sum(min(size[rule], so_far * pace) for rule, so_far in running if rule in size)
    whole = sum(size[rule] * n for rule, n in planned.items())
    return elapsed_s * (whole - done) / done


def clock(duration_s: float) -> str:
    """Minutes and seconds, or hours before them.

    Examples
    --------
    >>> clock(14.4), clock(100), clock(3725)
    ('0:14', '1:40', '1:02:05')
    """
    minutes, rest = divmod(round(duration_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def last_message(logs: list[Path]) -> str:
    """What stopped a step, by its log: a notebook's first line, the last error of `persona`, else the last line."""
    for log in logs:
        lines = log.read_text("utf-8", errors="replace").strip().splitlines() if log.is_file() else []
        errors = [line.split(": ", 1)[1] for line in lines if re.match(r"\S+ \S+ ERROR \S+: ", line)]
        if lines:
            return lines[0] if re.match(r"notebooks/\S+: cell ", lines[0]) else [*lines, *errors][-1]
    return "it left no message"
