"""The links of the notebooks: the way to the one before, the one after, the glossary and the paper, and what to read.

`python -m workflow.navigation` writes them into every notebook, from data/reference/reading.csv and the names of the
files in notebooks/. It changes two cells: a line that ends the first one, and the last one, which it makes if need be.
Run it after a notebook is added or a row of the list is changed; a test compares.
"""

from __future__ import annotations

import csv
from pathlib import Path

import nbformat
from nbformat import NotebookNode

READING, NOTEBOOKS = Path("data/reference/reading.csv"), Path("notebooks")
START, HEADING, CELL_ID = "Before: ", "## Further reading", "further-reading"


def reading_list(path: Path) -> dict[str, list[dict[str, str]]]:
    """The rows of the list by notebook.

    Raises
    ------
    ValueError
        A row is of no known kind or lacks its address; a notebook has no row of kind paper, or two.
    """
    rows: dict[str, list[dict[str, str]]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for line, row in enumerate(csv.DictReader(file), start=2):
            if row["kind"] not in ("paper", "reference") or not row["url"].startswith("https://"):
                raise ValueError(f"{path}, line {line}: kind must be paper or reference, url start with https://")
            rows.setdefault(row["notebook"], []).append(row)
    for name, mine in rows.items():
        if sum(row["kind"] == "paper" for row in mine) != 1:
            raise ValueError(f"{path}: {name} needs one row of kind paper, which says what of the paper it rebuilds")
    return rows


def line_of(name: str, names: list[str], rows: list[dict[str, str]]) -> str:
    """The line that ends a notebook's first cell.

    Examples
    --------
    >>> line_of("01_b", ["00_a", "01_b"], [{"kind": "paper", "text": "section 3", "url": "https://doi.org/1"}])
    'Before: [00 a](00_a.ipynb) · glossary: [00](00_a.ipynb#Glossary) · paper: [section 3](https://doi.org/1)'
    """
    place = names.index(name)
    said = [f"Before: {_link(names[place - 1])}" if place else "Before: nothing, start here"]
    said += [f"after: {_link(names[place + 1])}"] if place + 1 < len(names) else []
    said += [f"glossary: [{names[0][:2]}]({names[0]}.ipynb#Glossary)"] if place else ["[glossary](#Glossary)"]
    paper = next(row for row in rows if row["kind"] == "paper")
    return " · ".join([*said, f"paper: [{paper['text']}]({paper['url']})"])


def _link(name: str) -> str:
    return f"[{name.replace('_', ' ')}]({name}.ipynb)"


def last_cell(name: str, names: list[str], rows: list[dict[str, str]]) -> str:
    """The text of the last cell: what to read, and the way on."""
    listed = [f"- {row['text']} [{_short(row['url'])}]({row['url']})" for row in rows if row["kind"] == "reference"]
    place = names.index(name)
    onward = f"Next: {_link(names[place + 1])}" if place + 1 < len(names) else f"Back to the map: {_link(names[0])}"
    return "\n".join([HEADING, "", *listed, "", onward])


def _short(url: str) -> str:
    """
    >>> _short("https://doi.org/10.1000/1"), _short("https://arxiv.org/abs/1"), _short("https://www.census.gov/a")
    ('doi:10.1000/1', 'arXiv:1', 'www.census.gov')
    """
    for start, name in (("https://doi.org/", "doi:"), ("https://arxiv.org/abs/", "arXiv:")):
        if url.startswith(start):
            return name + url.removeprefix(start)
    return url.split("/")[2]


def with_links(notebook: NotebookNode, name: str, names: list[str], rows: list[dict[str, str]]) -> NotebookNode:
    """A copy of a notebook with its links as they should be."""
    linked = nbformat.from_dict(notebook)
    first = linked.cells[0]
    kept = [line for line in first.source.split("\n") if not line.startswith(START)]
    first.source = "\n".join(kept).rstrip() + "\n\n" + line_of(name, names, rows)
    text = last_cell(name, names, rows)
    if linked.cells[-1].get("id") != CELL_ID:
        linked.cells.append(nbformat.v4.new_markdown_cell(text, id=CELL_ID))
    linked.cells[-1].source = text
    return linked


def main() -> None:
    """Write the links into every notebook."""
    rows = reading_list(READING)
    paths = sorted(NOTEBOOKS.glob("*.ipynb"))
    names = [path.stem for path in paths]
    if lacking := sorted(set(names) ^ set(rows)):
        raise SystemExit(f"{READING}: {', '.join(lacking)}: a notebook without rows, or rows without a notebook")
    for path in paths:
        notebook = nbformat.read(path, as_version=4)
        nbformat.write(with_links(notebook, path.stem, names, rows[path.stem]), path)


if __name__ == "__main__":
    main()
