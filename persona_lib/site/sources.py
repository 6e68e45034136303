"""The folder of sources from which the site is built: executed notebooks, pages, texts of the repository, figures."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd

from persona_lib.site import front, links, other_runs, pages
from persona_lib.site.results import Results, SiteError, committed_others

TABLES = ("personas", "prompts", "pairs", "answers", "judgements", "figures", "claims")
FIRST_FIGURES = ("1", "5")  # on the first page
TEXTS = {"README.md": "readme", "CHANGELOG.md": "changelog", "CONTRIBUTING.md": "contributing"}


def read_tables(results: Results) -> dict[str, pd.DataFrame]:
    """The tables that the site shows, each checked.

    Raises
    ------
    SchemaError
        A table is missing or not as declared.
    """
    return {name: results.table(name) for name in TABLES}


def read_leaderboard(folder: Path) -> list[dict[str, Any]]:
    """The rows of data/leaderboard, file by file in the order of their names; nothing where there is no such folder.

    Raises
    ------
    SiteError
        A file is not JSON of an object or of a list of objects.
    """
    rows: list[dict[str, Any]] = []
    for path in sorted(folder.glob("*.json")):
        try:
            said = json.loads(path.read_text("utf-8"))
        except ValueError as error:
            raise SiteError(f"{path}: not JSON: {error}; mend the file or take it away") from error
        said = said if isinstance(said, list) else [said]
        if not all(isinstance(row, dict) for row in said):
            raise SiteError(f"{path}: holds something else than rows of a leaderboard; mend the file or take it away")
        rows += said
    return rows


def write_sources(results: Results, tables: Mapping[str, pd.DataFrame], folder: Path, *, root: Path) -> None:
    """Write the sources of the site.

    Parameters
    ----------
    results, tables : of one run
    folder : made anew
    root : the folder of the compendium, whose texts and registers are shown

    Raises
    ------
    SiteError
        There is no notebook, or a file of the leaderboard cannot be read.
    FileNotFoundError
        A figure is not where its table says.
    """
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "notebooks").mkdir(parents=True)
    notebooks = sorted(results.notebooks.glob("[0-9][0-9]_*.ipynb")) if results.notebooks else []
    if not notebooks:
        raise SiteError(f"{results.notebooks}: no notebook; make paper writes them")
    texts = [*(root / name for name in TEXTS), *sorted((root / "docs").glob("*.md"))]
    names = {path: TEXTS.get(path.name, path.stem) for path in texts if path.is_file()}
    figures = front.figure_rows(tables["figures"], results.figures)
    known = {f"notebooks/{path.name}" for path in notebooks}
    for path in notebooks:
        _write_notebook(path, folder / "notebooks" / path.name, known)
    words = {path: path.read_text("utf-8") for path in names}
    known |= _pictures(root, folder, " ".join(words.values()))
    for path, name in names.items():
        text = links.within(words[path], place=path.relative_to(root).as_posix(), pages=known, moved=".")
        (folder / f"{name}.md").write_text(text, "utf-8")
    shutil.copytree(results.figures, folder / "extra/figures", dirs_exist_ok=True)
    shutil.copytree(pages.PACKAGE / "static", folder / "static")
    decisions = pd.read_csv(root / "data/reference/decisions.csv", dtype=str, keep_default_na=False)
    bodies = {
        "browse": ("Personas and pairs", pages.render("browser.html")),
        "figures": ("Figures", front.figures_page(figures)),
        "claims": ("Claims", pages.claims_page(tables["claims"], simulated=results.is_simulated)),
        "leaderboard": ("Leaderboard", pages.leaderboard_page(read_leaderboard(root / "data/leaderboard"))),
        "decisions": ("Decisions", pages.decisions_page(decisions)),
    }
    home = front.home_page(
        tables,
        [row for row in figures if row["figure"] in FIRST_FIGURES],
        configuration=results.configuration,
        simulated=results.is_simulated,
    )
    for other in committed_others(root, shown=results.run):
        body = other_runs.run_page(other, shown=results.run, claims=tables["claims"])
        bodies[f"run_{other.run}"] = f"Run {other.run}", body
        other_runs.copy_figures(other, folder / "extra")
    for name, (title, body) in bodies.items():
        (folder / f"{name}.html.txt").write_text(body, "utf-8")
        page = pages.render("page.md", title=title, fragment=f"{name}.html.txt")
        (folder / f"{name}.md").write_text(page, "utf-8")
    contents = [
        ("Results", list(bodies)),
        ("Notebooks", [f"notebooks/{path.stem}" for path in notebooks]),
        ("Handbook", [f"{name.replace('_', ' ').capitalize()} <{name}>" for name in names.values()]),
    ]
    (folder / "index.html.txt").write_text(home, "utf-8")
    index = pages.render("index.md", fragment="index.html.txt", contents=contents)
    (folder / "index.md").write_text(index, "utf-8")


def _write_notebook(path: Path, copy: Path, known: set[str]) -> None:
    """A notebook with its outputs, its links held within the site, its pictures with what they say to the blind."""
    notebook, heading = nbformat.read(path, as_version=4), path.stem
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = links.within(cell.source, place=f"notebooks/{path.name}", pages=known)
            heading = ([line.lstrip("# ") for line in cell.source.splitlines() if line.startswith("#")] or [heading])[
                -1
            ]
            continue
        said = [output["data"]["text/plain"] for output in cell.outputs if "image/png" in output.get("data", {})]
        if said:  # a picture without words of its own is told as what matplotlib names it, <Figure ...>
            alt = said[0] if not said[0].startswith("<") else f"Picture under the heading: {heading}"
            cell.metadata["mystnb"] = {"image": {"alt": " ".join(alt.split())}}
    nbformat.write(notebook, copy)


def _pictures(root: Path, folder: Path, texts: str) -> set[str]:
    """The committed pictures that the repository's texts show, copied beside them."""
    committed = {path.relative_to(root).as_posix() for path in (root / "figures/expected").rglob("*.png")}
    found = {name for name in committed if name in texts}
    for name in found:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / name, folder / name)
    return found
