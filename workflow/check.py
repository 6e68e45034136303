"""`make test`: unit tests and doctests, then every notebook under nbval, strict, in a scratch copy, network off.

`make test-slow` runs the tests that are evidence rather than a guard, which take minutes and are marked `slow`.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from workflow.surroundings import pinned

COPIED = (
    "notebooks",
    "persona_lib",
    "workflow",
    "config",
    "data/reference",
    "data/prompts",
    "data/templates",
    "data/expected",
)


def unit_tests(*, slow: bool) -> int:
    """pytest over tests/ and the doctests of the library, or what is slow of them.

    Files are spread over one process more than the cores, as some wait; of the slow ones each test for itself.
    """
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-n",
        str((os.cpu_count() or 1) + 1),
        "--dist",
        "worksteal" if slow else "loadfile",
        "-m",
        f"{'' if slow else 'not '}slow and not system",
    ]
    return subprocess.run(command, env=pinned(Path()), check=False).returncode


def notebook_tests(scratch: Path) -> int:
    """nbval on a copy, because a run overwrites what notebooks write; a planted guard refuses the network."""
    for name in COPIED:
        shutil.copytree(name, scratch / name, ignore=shutil.ignore_patterns("__pycache__"))
    guard = Path("tests/offline").resolve()
    environment = pinned(scratch)
    environment["PYTHONPATH"] = f"{guard}{os.pathsep}{environment['PYTHONPATH']}"
    options = [
        "-q",
        "-p",
        "no:doctest",
        "-c",
        os.devnull,
        f"--rootdir={scratch}",
        "-n",
        str(os.cpu_count()),
        "--dist",
        "loadfile",
    ]
    command = [sys.executable, "-m", "pytest", *options, "--nbval", "--nbval-cell-timeout=120", "notebooks"]
    return subprocess.run(command, cwd=scratch, env=environment, check=False).returncode


def main() -> int:
    """Run both, say both, fail if one failed; or the slow tests."""
    parser = argparse.ArgumentParser(prog="python -m workflow.check", description=__doc__)
    parser.add_argument("--slow", action="store_true", help="the tests that are marked slow instead")
    if parser.parse_args().slow:
        return unit_tests(slow=True)
    print("tests of library, workflow and results", flush=True)
    status = unit_tests(slow=False)
    print("\nnotebooks against their committed outputs (nbval, strict)", flush=True)
    with tempfile.TemporaryDirectory(prefix="persona-compendium-") as folder:
        notebooks = notebook_tests(Path(folder))
    return status or notebooks


if __name__ == "__main__":
    sys.exit(main())
