"""The small results of a finished run, ready to be committed: `python -m workflow.results RUN`.

Into data/expected/RUN go the tables of statistics, the claims and the plan, into figures/expected/RUN the figures, and
nowhere a text of a persona, a prompt or an answer; into `stamp.yaml` beside the tables what they were made of: the
configuration, and a hash of each part of the compendium that could change them. A test fails where a stamp is no longer
true. Of the demo everything is committed, texts too: see `workflow.expected`.
"""

import argparse
import hashlib
import json
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

import pyarrow.parquet as pq
import yaml

from persona_lib.site.results import FIGURES, STAMP, TABLES
from persona_lib.tables.schema import tables

DEMO = "demo"
BESIDES = ("claims", "plan", "figures")  # beside the tables of statistics
MOST_MIB = 8.0
PARTS = {
    "library": ("persona_lib", "**/*.py", "**/*.yaml"),
    "notebooks": ("notebooks", "*.ipynb"),
    "templates": ("data/templates", "*.yaml"),
    "reference": ("data/reference", "*.csv", "*.csv.gz"),
    "prompts": ("data/prompts", "*.csv"),
    "lock": (".", "requirements.lock"),
}


class ResultsError(RuntimeError):
    """Results that cannot be gathered; says what is missing."""


def small_tables() -> list[str]:
    """The tables that are small and hold no text of a persona, a prompt or an answer."""
    statistics = [name for name, table in tables().items() if {"statistic", "estimate"} <= set(table.columns)]
    return sorted({*statistics, *BESIDES} & set(tables()))


def stamp(root: Path = Path()) -> dict[str, str]:
    """The hash of each part of a checkout that could change a result.

    Of notebooks the sources of their cells count, of programs all but whole lines of comment.
    """
    found = {}
    for part, (folder, *patterns) in PARTS.items():
        digest = hashlib.sha256()
        for path in sorted({path for pattern in patterns for path in (root / folder).glob(pattern)}):
            digest.update(path.relative_to(root).as_posix().encode() + b"\0" + _content(path) + b"\0")
        found[part] = digest.hexdigest()[:16]
    return found


def _content(path: Path) -> bytes:
    if path.suffix == ".py":
        return re.sub(rb"(?m)^[ \t]*#.*\n", b"", path.read_bytes())
    if path.suffix != ".ipynb":
        return path.read_bytes()
    cells = json.loads(path.read_text("utf-8"))["cells"]
    return "\0".join("".join(cell["source"]) for cell in cells).encode()


def small_results(run: str, root: Path = Path()) -> dict[Path, Path]:
    """The small results of a finished run: where each is committed (relative path), and where the run has it.

    Raises
    ------
    ResultsError
        The run is not finished, or its results are larger than may be committed.
    """
    made, drawn = root / "data/runs" / run, root / "figures/runs" / run
    found = {TABLES / run / f"{name}.parquet": made / f"{name}.parquet" for name in small_tables()}
    if missing := [path.name for path in found.values() if not path.is_file()]:
        raise ResultsError(f"{made}: {', '.join(missing)} is not there; finish the run: make paper RUN={run}")
    found |= {FIGURES / run / path.name: path for path in sorted(drawn.glob("*.png"))}
    if (size := sum(path.stat().st_size for path in found.values()) / 2**20) > MOST_MIB:
        raise ResultsError(f"{made}: {size:.1f} MiB of results, and at most {MOST_MIB:.0f} may be committed")
    return found


def gather(run: str, root: Path = Path(), target: Path = Path()) -> Path:
    """Copy the small results of a run in `root` to where `target` commits them, and stamp them; return their folder.

    Raises
    ------
    ResultsError
        As `small_results`; or the run is the demo, of which everything is committed.
    """
    if run == DEMO:
        raise ResultsError("of the demo everything is committed: make refresh")
    found = small_results(run, root)
    replace(run, found, target)
    configuration = yaml.safe_load((root / "data/runs" / run / "configuration.yaml").read_text("utf-8"))
    rows = {
        place.stem: pq.ParquetFile(source).metadata.num_rows
        for place, source in found.items()
        if place.suffix == ".parquet"
    }
    told = {"made_of": stamp(root), "rows": rows, "configuration": configuration}
    (target / TABLES / run / STAMP).write_text(yaml.safe_dump(told, sort_keys=False, allow_unicode=True), "utf-8")
    return target / TABLES / run


def replace(run: str, found: Mapping[Path, Path], target: Path = Path()) -> None:
    """Put the files that were found, by their place in `target`, where those stood that are committed of a run."""
    for folder in (TABLES, FIGURES):
        shutil.rmtree(target / folder / run, ignore_errors=True)
    for place, source in found.items():
        (target / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target / place)


def stale(folder: Path, root: Path = Path()) -> list[str]:
    """The parts of a checkout that have changed since the results in a folder were made, or have no stamp."""
    try:
        told = yaml.safe_load((folder / STAMP).read_text("utf-8"))["made_of"]
    except (OSError, KeyError, TypeError):
        return [f"no {STAMP}"]
    return [part for part, digest in stamp(root).items() if told.get(part) != digest]


def main() -> int:
    """Gather the results of the run named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", help="a finished run, as in data/runs/RUN")
    try:
        print(f"{gather(parser.parse_args().run)} and its figures: ready to be committed")
    except ResultsError as error:
        sys.exit(str(error))
    return 0


if __name__ == "__main__":
    sys.exit(main())
