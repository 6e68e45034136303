"""Time the way from the shipped census sample to the paper's 1,586 personas, without the model stage.

    python benchmarks/personas.py [--n 1586] [--n-train 1000] [--n-draws 2200] [--cores 2]

Runs notebooks 01 to 03 in a scratch copy, as `make paper UNTIL=personas` would with
`personas.model_stage: false`. Prints seconds on the clock, CPU seconds, peak memory of the largest process and what was
made. Exits 1 above 60 CPU seconds a core, the target; on a machine shared with others the clock says little.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
import yaml
from kill_paper import copy_of_tree

TARGET_S = 60


def main() -> int:
    """Run once, print, compare with the target."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=1586)
    parser.add_argument("--n-train", type=int, default=1000)
    parser.add_argument("--n-draws", type=int, default=2200)
    parser.add_argument("--cores", type=int, default=2)
    args = parser.parse_args()
    sizes = {"n": args.n, "n_train": args.n_train, "model_stage": False}
    changes = {"run": "bench", "population": {"n_draws": args.n_draws}, "personas": sizes}
    with tempfile.TemporaryDirectory(prefix="persona-compendium-") as name:
        scratch = Path(name)
        copy_of_tree(scratch)
        (scratch / "config/bench.yaml").write_text(yaml.safe_dump(changes), "utf-8")
        command = [sys.executable, "-m", "workflow.paper", "--run", "bench", "--cores", str(args.cores)]
        started = time.perf_counter()
        done = subprocess.run(
            [*command, "--until", "personas"],
            cwd=scratch,
            env=os.environ | {"PYTHONPATH": name},
            capture_output=True,
            text=True,
            check=False,
        )
        clock = time.perf_counter() - started
        if done.returncode:
            sys.exit(done.stdout + done.stderr)
        made = pd.read_parquet(scratch / "data/runs/bench/personas.parquet")
        tried = pd.read_parquet(scratch / "data/runs/bench/candidates.parquet")
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = used.ru_utime + used.ru_stime
    print(f"{len(made):,} personas ({(made['persona_split'] == 'train').sum():,} train) from {len(tried):,} draws")
    print(f"{(tried['stage'] == 'rule').mean():.1%} of the draws rejected by rules")
    print(f"{clock:.0f} s on the clock, {cpu:.0f} s CPU, largest process {used.ru_maxrss / 1024:.0f} MiB")
    return 0 if min(clock, cpu / args.cores) <= TARGET_S else 1


if __name__ == "__main__":
    sys.exit(main())
