"""Does every notebook run where one role says nothing usable, or always the same?

    python -m benchmarks.nothing_usable --table benchmarks/nothing_usable.csv

Runs the rules after the prompts at the smallest sizes that a configuration may have (`tests/whole_runs.py`: three
personas, one model a role), once for each role and each of: refused, cut off, unparsed, not taken by the endpoint, and
constant (answer A, nothing to revise, everybody). A finding must name no "nan". Prints one line a case and adds it to
the table: role, kind, what went wrong (empty where all notebooks ran) and CPU seconds. A case that the table holds
already is not run again. About 50 CPU seconds a case.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import time
import traceback
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

import matplotlib  # noqa: E402
from whole_runs import ROLES, run_all  # noqa: E402

KINDS = ("refused", "cut_off", "unparsed", "not_taken", "constant")
COLUMNS = ["role", "kind", "went_wrong", "cpu_seconds"]


def outcome(role: str, kind: str) -> str:
    """What went wrong, in one line; empty where every notebook ran."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            said = run_all(Path(folder), {role: kind})
        except Exception as error:  # noqa: BLE001 - whatever a notebook raises is the finding
            frames = [
                frame for frame in traceback.extract_tb(error.__traceback__) if "site-packages" not in frame.filename
            ]
            where = f"{Path(frames[-1].filename).name}, {frames[-1].name}, {frames[-1].line}"
            return f"{type(error).__name__}: {' '.join(str(error).split())[:200]} ({where})"
    if "claims" not in said:
        return f"ended after {list(said)[-1]}"
    return "a finding says nan" if re.search(r"\bnan\b", " ".join(said.values())) else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--role", choices=ROLES, action="append", help="this role alone; may be repeated")
    parser.add_argument("--kind", choices=KINDS, action="append", help="this kind alone; may be repeated")
    parser.add_argument("--table", help="CSV file to go on with")
    chosen = parser.parse_args()
    table = Path(chosen.table).resolve() if chosen.table else None
    matplotlib.use("Agg")
    done = pd.DataFrame(columns=COLUMNS)
    if table and table.exists():
        done = pd.read_csv(table, keep_default_na=False)
    for role in chosen.role or ROLES:
        for kind in chosen.kind or KINDS:
            if ((done["role"] == role) & (done["kind"] == kind)).any():
                continue
            began = time.process_time()
            row = (role, kind, outcome(role, kind), round(time.process_time() - began, 1))
            print(*row, sep=" | ", flush=True)
            done.loc[len(done)] = row
            if table:
                done.to_csv(table, index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
