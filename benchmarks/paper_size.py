"""Wall clock, CPU seconds and peak memory of each step of a whole run: `python benchmarks/paper_size.py RUN [CORES]`.

Every 0.2 s it reads from Linux's /proc what the run's processes have taken so far; a step is the script that Snakemake
starts, with all that it starts. Goes on with a run that is half done. Writes `logs/resources.csv` of the run, one row a
step, and prints the same with the calls of the ledgers and the size of the folder.
"""

import csv
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq

TICKS = os.sysconf("SC_CLK_TCK")
COLUMNS = ["step", "seconds", "cpu_s", "peak_mib"]  # peak of the largest process, resident


def processes() -> dict[int, tuple[int, str, float]]:
    """Every process: its parent, its command line, its CPU seconds with those of the children it has waited for."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            stat = (folder / "stat").read_text().rpartition(")")[2].split()
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # it has ended meanwhile
            continue
        found[int(folder.name)] = (int(stat[1]), line, sum(map(int, stat[11:13])) / TICKS)
    return found


def peak_mib(process: int) -> float:
    """The most memory it has had at once; 0 where it has ended."""
    try:
        match = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    except OSError:
        return 0.0
    return int(match[1]) / 1024 if match else 0.0


def step_of(line: str) -> str | None:
    """The step that a command line runs, named by its log; none where it is no script of Snakemake's."""
    if not (match := re.search(r"(\S+/\.snakemake/scripts/\S+\.py)", line)):
        return None
    try:
        log = re.search(rb"/logs/([\w-]+)\.log", Path(match[1]).read_bytes())
    except OSError:
        return None
    return log[1].decode() if log else None


def measured(command: list[str]) -> tuple[int, dict[str, list[float]]]:
    """Run the command: its status, and of each step since when, until when, CPU seconds and peak memory."""
    run = subprocess.Popen(command)
    steps: dict[str, list[float]] = {}
    names: dict[int, str] = {run.pid: "snakemake"}
    cpu: dict[int, float] = {}
    while run.poll() is None:
        now, all_of_them = time.monotonic(), processes()
        for process, (parent, line, taken) in sorted(all_of_them.items()):
            if process not in names:
                if parent not in names:
                    continue
                names[process] = step_of(line) or names[parent]
            elif names[process] == "snakemake" and (step := step_of(line)):
                names[process] = step
            row = steps.setdefault(names[process], [now, now, 0.0, 0.0])
            row[1], row[3] = now, max(row[3], peak_mib(process))
            cpu[process] = taken
        time.sleep(0.2)
    for process, taken in cpu.items():
        steps[names[process]][2] += taken
    return run.returncode, steps


def calls(run: Path) -> int:
    """The answers of all sealed ledgers of a run; the shards are not counted twice."""
    return sum(
        pq.ParquetFile(path).metadata.num_rows for path in run.glob("sealed/*.parquet") if "-of-" not in path.name
    )


def folder_mib(folder: Path) -> float:
    """What the files of a folder take."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 2**20


def main(run: str = "paper", cores: str = "2") -> int:
    """Run, measure, and print."""
    status, steps = measured([sys.executable, "-m", "workflow.paper", f"--run={run}", f"--cores={cores}"])
    folder = Path("data/runs", run)
    with (folder / "logs/resources.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for step, (since, until, cpu_s, peak) in steps.items():
            row = [step, f"{until - since:.0f}", f"{cpu_s:.1f}", f"{peak:.0f}"]
            writer.writerow(row)
            print(("{:<28}" + "{:>10}" * 3).format(*row))
    cpu_s, n = sum(row[2] for row in steps.values()), calls(folder)
    print(f"{cpu_s:.0f} CPU s, {n:,} calls, {1000 * cpu_s / max(n, 1):.2f} CPU s per 1,000 calls")
    for part in ("", "ledger", "sealed", "notebooks", "dataset"):
        print(f"{folder / part}: {folder_mib(folder / part):.0f} MiB")
    return status


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
