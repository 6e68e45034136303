"""How long do the statistics of each notebook take at the paper's sizes, given their tables, and in how much memory?

    python -m benchmarks.statistics_at_paper_size data/runs/paper --table benchmarks/statistics_at_paper_size.csv

Needs a finished run (`make paper RUN=paper`), which it only reads: the cells of notebooks 06 to 11 run one after the
other in a process of their own, without a kernel, on the run's tables and parameters; what they write goes to a
temporary folder. Cells that make tables out of the ledger count as reading; all others are statistics and their
pictures. Target: 60 CPU seconds of statistics, 2 GB.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import io
import multiprocessing
import os
import resource
import tempfile
import time
from pathlib import Path

import nbformat
import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = (
    "06_validation",
    "07_agreement",
    "08_ablation",
    "09_benchmark",
    "10_pass_at_k",
    "11_pluralism",
)
OF_THE_LEDGER = "replay("  # what a cell that asks the ledger holds


def measured(notebook: str, run: Path) -> dict:
    """CPU seconds of a notebook's cells, the dearest cell, and the peak of the process in MB."""
    import matplotlib

    from persona_lib.tables import schema

    matplotlib.use("Agg")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    executed = nbformat.read(run / "notebooks" / f"{notebook}.ipynb", 4)
    [parameters] = [cell.source for cell in executed.cells if "injected-parameters" in cell.metadata.get("tags", [])]
    cells = [cell for cell in nbformat.read(ROOT / "notebooks" / f"{notebook}.ipynb", 4).cells]
    writing, space = schema.writing, {"__name__": "__main__"}
    spent: dict[str, float] = {}
    reading = 0.0
    os.chdir(run.parents[2] / "notebooks")  # from which the run's own paths start
    with tempfile.TemporaryDirectory() as folder:
        schema.writing = lambda path, name: writing(Path(folder) / Path(path).name, name)
        for cell in cells:
            if cell.cell_type != "code":
                continue
            source = cell.source + ("\n" + parameters if "parameters" in cell.metadata.get("tags", []) else "")
            began = time.process_time()
            with contextlib.redirect_stdout(io.StringIO()):
                _run(source, cell.id, space)
            seconds = time.process_time() - began
            if OF_THE_LEDGER in source or "import " in source:
                reading += seconds
            else:
                spent[cell.id] = seconds
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    dearest = max(spent, key=lambda cell: spent[cell])
    found = {"notebook": notebook, "statistics_cpu_seconds": sum(spent.values()), "reading_cpu_seconds": reading}
    found |= {"dearest_cell": dearest, "its_cpu_seconds": spent[dearest], "peak_mb": peak}
    return {key: value if isinstance(value, str) else round(value, 1) for key, value in found.items()}


def _run(source: str, name: str, space: dict) -> None:
    """A cell and what it shows: the last line is also put into the words of HTML, as a kernel would."""
    tree = ast.parse(source)
    last = ast.Expression(tree.body.pop().value) if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, name, "exec"), space)  # noqa: S102 - the project's own notebooks
    if last is not None:
        shown = eval(compile(last, name, "eval"), space)  # noqa: S307
        getattr(shown, "_repr_html_", lambda: None)()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="folder of a finished run, such as data/runs/paper")
    parser.add_argument("--notebook", choices=NOTEBOOKS, action="append", help="this one alone; may be repeated")
    parser.add_argument("--table", help="CSV file to write")
    chosen = parser.parse_args()
    rows = []
    for notebook in chosen.notebook or NOTEBOOKS:
        with multiprocessing.get_context("spawn").Pool(1) as one:
            rows.append(one.apply(measured, (notebook, chosen.run.resolve())))
        print(rows[-1], flush=True)
    if chosen.table:
        pd.DataFrame(rows).to_csv(chosen.table, index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
