"""Time the collection of personas in one shard, in one a core, and in sixteen.

    python benchmarks/shards.py --cores 2 --shards 1 2 16

At the demo's size (150 draws) and at the paper's (2,200), in a scratch copy: notebooks 01 and 02 once, then what `make
paper UNTIL=personas` asks the simulated models, from nothing for each number of shards. Prints seconds on the clock and
CPU seconds of all processes, Snakemake's own included, and stops if the sealed ledgers differ by one byte.
"""

import argparse
import hashlib
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml
from kill_paper import copy_of_tree

SIZES = {
    "demo": {},
    "paper": {"population": {"n_draws": 2200}, "personas": {"n": 1586, "n_train": 1000}},
}


def timed(scratch: Path, until: str, cores: int) -> tuple[float, float]:
    """Seconds on the clock and of CPU that a run up to a rule takes."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, "-m", "workflow.paper", "--run", "bench", "--cores", str(cores), "--until", until]
    environment = os.environ | {"PYTHONPATH": str(scratch)}
    done = subprocess.run(command, cwd=scratch, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.perf_counter() - start, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Print one line a size and number of shards."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--shards", type=int, nargs="+", default=[1, 2, 16])
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="persona-compendium-") as name:
        scratch = Path(name)
        copy_of_tree(scratch)
        run = scratch / "data/runs/bench"
        for size, changes in SIZES.items():
            sealed = set()
            for shards in args.shards:
                configuration = {"run": "bench", "shards": shards} | changes
                (scratch / "config/bench.yaml").write_text(yaml.safe_dump(configuration), "utf-8")
                timed(scratch, "population", args.cores)
                for folder in ("ledger", "sealed"):
                    shutil.rmtree(run / folder, ignore_errors=True)
                clock, cpu = timed(scratch, "collect_personas", args.cores)
                timed(scratch, "personas", args.cores)
                sealed.add(hashlib.sha256((run / "sealed/personas.parquet").read_bytes()).hexdigest())
                print(f"{size}: {shards} shards: {clock:.1f} s on the clock, {cpu:.1f} s CPU", flush=True)
            if len(sealed) > 1:
                sys.exit(f"{size}: the sealed ledgers differ with the number of shards")


if __name__ == "__main__":
    main()
