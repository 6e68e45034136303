"""Run notebooks 01 to 03 on census files, without the model stage; time and memory of each.

    python benchmarks/census_notebooks.py data/reference/census_sample.csv.gz --n 100 --n-draws 150
    python benchmarks/census_notebooks.py FOLDER/csv_pus.zip --n 1586 --n-draws 2200      the nation

Each notebook runs in a kernel of its own, as `make paper` runs it; prints its seconds on the clock, CPU seconds and the
largest resident set of its kernel. A national file is made by `python benchmarks/read_pums.py --file PATH`.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ONE = """
import json, papermill, resource, sys
from papermill.exceptions import PapermillExecutionError
quiet = {"kernel_name": "python3", "progress_bar": False, "cwd": "notebooks"}
try:
    papermill.execute_notebook(sys.argv[1], None, parameters=json.loads(sys.argv[2]), **quiet)
except PapermillExecutionError as error:
    sys.exit(f"{error.ename}: {error.evalue}")
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def run(name: str, given: dict) -> str:
    """Run one notebook; what it took, or its error."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-c", ONE, f"notebooks/{name}.ipynb", json.dumps(given)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    after, clock = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - started
    if done.returncode:
        return f"{name}: {done.stderr.strip().splitlines()[-1]}"
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return f"{name}: {clock:.0f} s on the clock, {cpu:.0f} s CPU, {int(done.stdout.split()[-1]) / 1024:.0f} MiB"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--dictionary", type=Path, default=ROOT / "data/reference/pums_labels.csv.gz")
    parser.add_argument("--n", type=int, default=100)
    parser.add_argument("--n-draws", type=int, default=150)
    parser.add_argument("--without-allocated", nargs="*", default=[])
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tables = {
            name: f"{folder}/{name}.parquet"
            for name in ("census", "replicates", "draws", "margins", "fidelity", "candidates", "personas", "provenance")
        }
        tables |= {name: f"{folder}/{name}.parquet" for name in ("persona_audit", "persona_weights")}
        files = [str(path.resolve()) for path in args.files]
        given = {"files": files, "dictionary": str(args.dictionary.resolve()), "records": f"{folder}/records"}
        first = {name: tables[name] for name in ("census", "replicates")}
        print(run("01_census", given | first), flush=True)
        more = {name: tables[name] for name in ("draws", "margins", "fidelity")}
        who = {"n_draws": args.n_draws, "without_allocated": args.without_allocated}
        print(run("02_population", first | more | who), flush=True)
        made = {name: tables[name] for name in tables if name not in ("replicates", "margins", "fidelity")}
        sizes = {"n": args.n, "n_train": args.n // 2, "ledger": None}
        print(run("03_personas", made | sizes), flush=True)


if __name__ == "__main__":
    main()
