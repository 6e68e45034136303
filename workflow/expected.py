"""The expected result of the demo run: `verify` rebuilds it from nothing and compares, `refresh` replaces it.

What is expected stands in the repository: data/expected/demo (tables, sealed ledgers), figures/expected/demo,
and the outputs kept in notebooks/. `refresh` is their only writer.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat

from workflow.compare import DIFFERENT, IDENTICAL, Verdict, compare_file, worst
from workflow.notebook import committed
from workflow.surroundings import pinned

TABLES, FIGURES, NOTEBOOKS = Path("data/expected/demo"), Path("figures/expected/demo"), Path("notebooks")


def rebuild(scratch: Path, cores: int) -> None:
    """Copy the working tree into `scratch` and run the demo there from nothing, asking the simulator anew."""
    listed = subprocess.run(
        ["git", "ls-files", "-coz", "--exclude-standard"], check=True, capture_output=True, text=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        source = Path(name)
        if source.is_file() and not source.is_relative_to(TABLES) and not source.is_relative_to(FIGURES):
            (scratch / source).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, scratch / source)
    command = [sys.executable, "-m", "workflow.paper", "--run", "demo", "--cores", str(cores)]
    if subprocess.run(command, cwd=scratch, env=pinned(scratch), check=False).returncode:
        sys.exit("the demo run did not finish; its messages are above")


def gathered(scratch: Path) -> dict[Path, Path]:
    """Where each expected file (relative path) stands in the rebuilt tree; notebooks in their committed form."""
    run, figures = scratch / "data/runs/demo", scratch / "figures/runs/demo"
    found = {TABLES / path.name: path for path in sorted(run.glob("*.parquet"))}
    found |= {
        TABLES / "sealed" / path.name: path for path in sorted(run.glob("sealed/*.parquet")) if "-of-" not in path.name
    }
    found |= {FIGURES / path.name: path for path in sorted(figures.glob("figure_*.*"))}
    for executed in sorted((run / "notebooks").glob("*.ipynb")):
        clean = scratch / "committed" / executed.name
        clean.parent.mkdir(exist_ok=True)
        nbformat.write(committed(nbformat.read(executed, as_version=4)), clean)
        found[NOTEBOOKS / executed.name] = clean
    return found


def verify(scratch: Path) -> int:
    """Compare the rebuilt files with the expected ones; print each difference and one verdict."""
    rebuilt = gathered(scratch)
    present = {
        p
        for folder, pattern in ((TABLES, "**/*.parquet"), (FIGURES, "figure_*.*"), (NOTEBOOKS, "*.ipynb"))
        for p in folder.glob(pattern)
    }
    verdicts = [Verdict(DIFFERENT, f"{path}: expected, but not rebuilt") for path in sorted(present - set(rebuilt))]
    verdicts += [Verdict(DIFFERENT, f"{path}: rebuilt, but not expected") for path in sorted(set(rebuilt) - present)]
    verdicts += [compare_file(path, rebuilt[path]) for path in sorted(present & set(rebuilt))]
    for verdict in verdicts:
        if verdict.word != IDENTICAL:
            print(f"{verdict.word}: {verdict.detail}")
    word = worst(verdicts)
    print(f"\nverify: {len(present)} files: {word}")
    return 1 if word == DIFFERENT else 0


def refresh(scratch: Path) -> int:
    """Replace the expected files by the rebuilt ones."""
    rebuilt = gathered(scratch)
    for folder in (TABLES, FIGURES):
        shutil.rmtree(folder, ignore_errors=True)
    for path, source in rebuilt.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, path)
    size = sum(path.stat().st_size for path in rebuilt) / 1e6
    print(f"\nrefresh: {len(rebuilt)} files, {size:.1f} MB; read the difference before you commit it")
    return 0


def main() -> int:
    """Rebuild in a scratch folder, then verify or refresh."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("action", choices=["verify", "refresh"])
    parser.add_argument("--cores", type=int, default=2)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="persona-compendium-") as folder:
        rebuild(Path(folder), args.cores)
        return {"verify": verify, "refresh": refresh}[args.action](Path(folder))


if __name__ == "__main__":
    sys.exit(main())
