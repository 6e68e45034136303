"""Plant one fault at a time and see whether the tests of its package die.

    python benchmarks/mutation.py draw             write benchmarks/mutants.csv: the list, before tests are written;
                                                   where it stands, add to packages of which it has fewer than LEAST
    python benchmarks/mutation.py run              plant each, write what became of it beside it
    python benchmarks/mutation.py run --survivors  only those that lived through the run before, or are not planted yet
    python benchmarks/mutation.py run --own        a first, quick pass: only the tests of the module itself
    python benchmarks/mutation.py table            package, planted, died, survivors

From every package PER_PACKAGE faults were drawn with SEED, LEAST from those that came later, each kind of fault with
the same chance (faults.py says which there are). A fault is planted in a copy of the tree. Then the module's own tests
and doctests run, and if they pass, the others of its package; results are not compared with committed tables
(tests/test_results.py, nbval). The first failure ends it, if the test that failed passes without the fault; so does a
run of more than LIMIT_S, because a program that hangs is found out as well.
"""

import argparse
import csv
import importlib
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import astuple, fields
from functools import cache
from pathlib import Path

import pytest
from faults import Fault, faults
from kill_paper import copy_of_tree

LIST = Path("benchmarks/mutants.csv")
SEED, PER_PACKAGE, LEAST, LIMIT_S = 20261126, 12, 5, 900
PRELOADED = (
    "numpy",
    "pandas",
    "scipy.stats",
    "pyarrow.parquet",
    "seaborn",
    "statsmodels.api",
    "openai",
    "snakemake.cli",
)
KEPT = [field.name for field in fields(Fault) if field.name != "span"]
COLUMNS = ["mutant", "package", *KEPT, "verdict", "by"]


def programs() -> dict[str, list[Path]]:
    """The modules of every package; the console script counts with its commands."""
    found: dict[str, list[Path]] = {}
    for path in sorted([*Path("persona_lib").rglob("*.py"), *Path("workflow").glob("*.py")]):
        package = (
            path.parts[1] if len(path.parts) > 2 else {"persona_lib": "commands"}.get(path.parts[0], path.parts[0])
        )
        found.setdefault(package, []).append(path)
    return found


@cache
def faults_of(file: str) -> list[Fault]:
    """Every fault that can be planted in a file as it is today."""
    return list(faults(file, Path(file).read_text("utf-8")))


def draw(rows: list[dict]) -> list[dict]:
    """`rows` and new ones, so that each package has its number of distinct faults; the kind is drawn first.

    The number is PER_PACKAGE for a new list and LEAST for one that stands, without rows whose code is gone.
    """
    rng, number = random.Random(SEED + len(rows)), LEAST if rows else PER_PACKAGE
    for package, paths in programs().items():
        kinds: dict[str, list[Fault]] = {}
        for path in paths:
            for fault in faults_of(path.as_posix()):
                kinds.setdefault(fault.kind, []).append(fault)
        listed = [fault for fault in map(located, rows) if fault]
        missing = number - sum(row["package"] == package and row["verdict"] != "gone" for row in rows)
        chosen: list[Fault] = []
        while len(chosen) < missing:
            fault = rng.choice(kinds[rng.choice(sorted(kinds))])
            if all((fault.file, fault.span) != (other.file, other.span) for other in [*listed, *chosen]):
                chosen.append(fault)
        for fault in sorted(chosen, key=lambda fault: (fault.file, fault.span)):
            row = dict(zip([f.name for f in fields(Fault)], astuple(fault), strict=True))
            kept = {name: row[name] for name in KEPT}
            rows = [*rows, {"mutant": f"m{len(rows) + 1:03}", "package": package, **kept, "verdict": "", "by": ""}]
    return rows


def located(row: dict) -> Fault | None:
    """The fault of a row in the program as it is today; None where its place is gone."""
    same = ("scope", "kind", "before", "after")
    for fault in faults_of(row["file"]) if Path(row["file"]).is_file() else []:
        if all(getattr(fault, name) == row[name] for name in same) and str(fault.occurrence) == str(row["occurrence"]):
            return fault
    return None


def tests_of(package: str, file: str, tree: Path) -> tuple[list[str], list[str]]:
    """The module's own tests, then the others of its package."""
    name = Path(file).stem
    whole = [tree / f"tests/{package}", tree / f"persona_lib/{package}", tree / "workflow"]
    whole = whole[:2] if package != "workflow" else whole[::2]
    files = [path for folder in whole for path in sorted(folder.glob("*.py")) if path.name != "__init__.py"]
    files += {"workflow": [tree / "tests/test_workflow.py"], "commands": [tree / "tests/test_cli.py"]}.get(package, [])
    names = [path.relative_to(tree).as_posix() for path in files if path.is_file() and path.name != "conftest.py"]
    of_module = (file, f"tests/test_{package}.py")
    own = [test for test in names if test in of_module or Path(test).name == f"test_{name}.py"]
    return own, [test for test in names if test not in own]


def tested(tree: Path, tests: list[str]) -> tuple[str, str]:
    """(verdict, by): whether one of these tests failed, and which. They run in a fork, which has PRELOADED already."""
    options = ["-xq", "--no-header", "--tb=no", "-p", "no:cacheprovider", "-m", "not slow and not system"]
    with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
        child = os.fork()
        if child == 0:
            os.setsid()
            os.chdir(tree)
            os.environ["PYTHONPATH"] = str(tree)
            here = str(Path(__file__).parent)  # its coverage.py would be taken for the package that nbval imports
            sys.path[:] = [str(tree), *(place for place in sys.path if place not in (here, str(Path(here).parent)))]
            for name in [name for name in sys.modules if name.split(".")[0] in ("persona_lib", "workflow")]:
                del sys.modules[name]  # they came with kill_paper, from another tree
            for stream in (1, 2):
                os.dup2(output.fileno(), stream)
            code = int(pytest.main([*options, *tests]))
            sys.stdout.flush()
            os._exit(code)
        code, end = None, time.monotonic() + LIMIT_S
        while code is None and time.monotonic() < end:
            time.sleep(0.05)
            done, status = os.waitpid(child, os.WNOHANG)
            code = os.waitstatus_to_exitcode(status) if done else None
        if code is None:
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return "died", ""
        output.seek(0)
        said = output.read()
    if code in (0, 5):  # 5: a module without doctests
        return "survived", ""
    failed = [line for line in said.splitlines() if line.startswith(("FAILED ", "ERROR "))]
    return "died", failed[0].split(" - ")[0].split(" ", 1)[1] if failed else tests[0]


def planted(tree: Path, row: dict, fault: Fault, moment: int, *, only_own: bool) -> tuple[str, str]:
    """What becomes of a fault, and by which test; `moment` tells Python that the file is another."""
    path = tree / row["file"]
    right = path.read_bytes()
    own, others = tests_of(row["package"], row["file"], tree)
    for tests in filter(None, [own or others] if only_own else [own, others]):
        path.write_bytes(fault.planted(right))
        os.utime(path, (moment, moment))
        verdict, by = tested(tree, tests)
        path.write_bytes(right)
        if verdict == "died":
            if by and tested(tree, [by])[0] == "died":
                return "doubtful", f"{by} fails without the fault, too"
            return verdict, by or f"still running after {LIMIT_S} s"
    return "survived", ""


def run(rows: list[dict], *, only_survivors: bool, only_own: bool) -> None:
    """Plant each fault, write the verdict into its row and the list after each."""
    with tempfile.TemporaryDirectory(prefix="persona-compendium-") as folder:
        tree = Path(folder)
        copy_of_tree(tree)
        for number, row in enumerate(rows):
            if only_survivors and row["verdict"] == "died":
                continue
            fault = located(row)
            gone = ("gone", "")
            row["verdict"], row["by"] = planted(tree, row, fault, number, only_own=only_own) if fault else gone
            write(rows)
            print(row["mutant"], row["file"], row["line"], row["verdict"], row["by"], flush=True)


def write(rows: list[dict]) -> None:
    """The list, whole."""
    with LIST.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


def read() -> list[dict]:
    """The list as it was written."""
    with LIST.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def main() -> None:
    """Draw, run or tell."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=["draw", "run", "table"])
    parser.add_argument("--survivors", action="store_true", help="only those that survived or were not planted yet")
    parser.add_argument("--own", action="store_true", help="only the tests of the module itself")
    args = parser.parse_args()
    if args.action == "draw":
        write(draw(read() if LIST.is_file() else []))
    elif args.action == "run":
        for name in PRELOADED:
            importlib.import_module(name)
        run(read(), only_survivors=args.survivors, only_own=args.own)
    counts = Counter((row["package"], row["verdict"]) for row in read())
    packages = sorted({package for package, _ in counts})
    print("| package | planted | died | survivors |\n|---|---|---|---|")
    for package in packages:
        died, lived = counts[package, "died"], counts[package, "survived"]
        print(f"| {package} | {died + lived} | {died} | {lived} |")
    died, lived = (sum(counts[package, word] for package in packages) for word in ("died", "survived"))
    print(f"| all | {died + lived} | {died} | {lived} |")


if __name__ == "__main__":
    main()
