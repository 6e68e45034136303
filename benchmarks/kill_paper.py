"""Kill `make paper` at random moments, start it again, compare with an undisturbed run.

    python benchmarks/kill_paper.py --runs 5 --kills 4
    python benchmarks/scaled.py tenth 0.1; python benchmarks/kill_paper.py --run tenth --runs 1 --kills 5

Each run starts from nothing in a scratch copy and is killed (SIGKILL, to it and to all that it has started) `--kills`
times at random moments before it may finish. Then every table, sealed ledger, figure and executed notebook must have
the bytes of an undisturbed run, and no half-written file may be left.
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psutil

sys.path.insert(0, os.getcwd())

from workflow.compare import compare_file  # noqa: E402


def copy_of_tree(scratch: Path) -> None:
    """The working tree without what git ignores."""
    listed = subprocess.run(
        ["git", "ls-files", "-coz", "--exclude-standard"], check=True, capture_output=True, text=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        (scratch / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(name, scratch / name)


def results(scratch: Path, name: str) -> dict[str, bytes]:
    """The bytes of everything that a rule declares as its result."""
    found = {}
    for folder in (f"data/runs/{name}", f"figures/runs/{name}"):
        for path in sorted((scratch / folder).rglob("*")):
            if path.is_file() and "ledger" not in path.parts and "logs" not in path.parts:
                found[path.relative_to(scratch).as_posix()] = path.read_bytes()
    return found


def run(scratch: Path, name: str, kill_after: float | None) -> bool:
    """Run to the end, or kill after so many seconds; true if it ended by itself, successfully."""
    log = (scratch / "kill.log").open("ab")
    environment = os.environ | {"PYTHONPATH": str(scratch)}
    command = [sys.executable, "-m", "workflow.paper", f"--run={name}"]
    started = subprocess.Popen(command, cwd=scratch, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        status = started.wait(timeout=kill_after)
    except subprocess.TimeoutExpired:
        everything = psutil.Process(started.pid).children(recursive=True)  # steps are in process groups of their own
        for process in [started, *everything]:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        started.wait()
        psutil.wait_procs(everything)
        return False
    if status:
        sys.exit(f"a run failed; see {scratch / 'kill.log'}")
    return True


def first_difference(expected: Path, found: Path) -> str:
    """One line on two files of which one may be missing."""
    if not (expected.is_file() and found.is_file()):
        return f"only one of {expected} and {found} is there"
    return compare_file(expected, found).detail


def main() -> None:
    """Print one line per disturbed run and fail on the first difference."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", default="demo")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--kills", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    rng = random.Random(args.seed)
    with tempfile.TemporaryDirectory(prefix="persona-compendium-") as folder:
        calm = Path(folder) / "calm"
        copy_of_tree(calm)
        start = time.monotonic()
        run(calm, args.run, None)
        duration = time.monotonic() - start
        expected = results(calm, args.run)
        print(f"undisturbed: {duration:.0f} s, {len(expected)} files", flush=True)
        total = 0
        for number in range(args.runs):
            scratch = Path(folder) / f"run{number}"
            copy_of_tree(scratch)
            moments = []
            for _ in range(args.kills):
                moment = rng.uniform(0.5, duration / args.kills)
                if run(scratch, args.run, moment):
                    break
                moments.append(round(moment, 1))
            run(scratch, args.run, None)
            found = results(scratch, args.run)
            wrong = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
            total += len(moments)
            print(f"run {number}: killed after {moments} s: {'same bytes' if not wrong else wrong[:5]}", flush=True)
            if wrong:
                sys.exit(first_difference(calm / wrong[0], scratch / wrong[0]))
            shutil.rmtree(scratch)
        print(f"{total} kills, every run ended with the same bytes")


if __name__ == "__main__":
    main()
