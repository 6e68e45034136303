"""The expected result of a run: `verify` rebuilds it from nothing and compares, `refresh` replaces it.

What is expected stands in the repository: of the demo in data/expected/demo (tables, sealed ledgers),
figures/expected/demo and the outputs kept in notebooks/; of another run, such as that at the paper's size, its small
results in data/expected/RUN and figures/expected/RUN. `refresh` is their only writer, but for `workflow.results`, which
takes the small results of a run that has ended.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat

from persona_lib.site.results import FIGURES, TABLES
from workflow import results
from workflow.compare import DIFFERENT, IDENTICAL, Verdict, compare_file, worst
from workflow.notebook import committed
from workflow.surroundings import pinned

NOTEBOOKS = Path("notebooks")


def rebuild(run: str, scratch: Path, cores: int) -> None:
    """Copy the working tree into `scratch` and make the run there from nothing, asking the simulator anew."""
    listed = subprocess.run(
        ["git", "ls-files", "-coz", "--exclude-standard"], check=True, capture_output=True, text=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        source = Path(name)
        if source.is_file() and not source.is_relative_to(TABLES) and not source.is_relative_to(FIGURES):
            (scratch / source).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, scratch / source)
    command = [sys.executable, "-m", "workflow.paper", "--run", run, "--cores", str(cores)]
    if subprocess.run(command, cwd=scratch, env=pinned(scratch), check=False).returncode:
        sys.exit(f"the run {run} did not finish; its messages are above")


def gathered(run: str, scratch: Path) -> dict[Path, Path]:
    """Where each expected file (relative path) stands in the rebuilt tree; notebooks in their committed form."""
    if run != results.DEMO:
        return results.small_results(run, scratch)
    made, figures = scratch / "data/runs" / run, scratch / "figures/runs" / run
    found = {TABLES / run / path.name: path for path in sorted(made.glob("*.parquet"))}
    found |= {
        TABLES / run / "sealed" / path.name: path
        for path in sorted(made.glob("sealed/*.parquet"))
        if "-of-" not in path.name
    }
    found |= {FIGURES / run / path.name: path for path in sorted(figures.glob("figure_*.*"))}
    for executed in sorted((made / "notebooks").glob("*.ipynb")):
        clean = scratch / "committed" / executed.name
        clean.parent.mkdir(exist_ok=True)
        nbformat.write(committed(nbformat.read(executed, as_version=4)), clean)
        found[NOTEBOOKS / executed.name] = clean
    return found


def committed_files(run: str) -> set[Path]:
    """The files that are expected of a run; the stamp of small results, which a test looks at, is not among them."""
    found = {*(TABLES / run).rglob("*.parquet"), *(FIGURES / run).glob("figure_*.*")}
    return found | (set(NOTEBOOKS.glob("*.ipynb")) if run == results.DEMO else set())


def verify(run: str, scratch: Path) -> int:
    """Compare the rebuilt files with the expected ones; print each difference and one verdict."""
    rebuilt, present = gathered(run, scratch), committed_files(run)
    verdicts = [Verdict(DIFFERENT, f"{path}: expected, but not rebuilt") for path in sorted(present - set(rebuilt))]
    verdicts += [Verdict(DIFFERENT, f"{path}: rebuilt, but not expected") for path in sorted(set(rebuilt) - present)]
    verdicts += [compare_file(path, rebuilt[path]) for path in sorted(present & set(rebuilt))]
    for verdict in verdicts:
        if verdict.word != IDENTICAL:
            print(f"{verdict.word}: {verdict.detail}")
    word = worst(verdicts)
    print(f"\nverify: {len(present)} files: {word}")
    return 1 if word == DIFFERENT else 0


def refresh(run: str, scratch: Path) -> int:
    """Replace the expected files by the rebuilt ones."""
    rebuilt = gathered(run, scratch)
    if run == results.DEMO:
        results.replace(run, rebuilt)
    else:
        results.gather(run, scratch)
    size = sum(path.stat().st_size for path in rebuilt) / 1e6
    print(f"\nrefresh: {len(rebuilt)} files, {size:.1f} MB; read the difference before you commit it")
    return 0


def main() -> int:
    """Rebuild in a scratch folder, then verify or refresh."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("action", choices=["verify", "refresh"])
    parser.add_argument("--run", default=results.DEMO)
    parser.add_argument("--cores", type=int, default=2)
    args = parser.parse_args()
    if args.action == "verify" and not (TABLES / args.run).is_dir():
        sys.exit(f"{TABLES / args.run}: no such folder; nothing is expected of the run: make refresh RUN={args.run}")
    with tempfile.TemporaryDirectory(prefix="persona-compendium-") as folder:
        rebuild(args.run, Path(folder), args.cores)
        return {"verify": verify, "refresh": refresh}[args.action](args.run, Path(folder))


if __name__ == "__main__":
    sys.exit(main())
