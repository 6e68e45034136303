"""What a reader meets in each notebook, counted: links, pictures, alternative texts, words, prose per code cell, lines.

python -m benchmarks.reading [FOLDER]        notebooks/ by default; prints a Markdown table
"""

import re
import sys
from pathlib import Path

import nbformat
import pandas as pd


def measures(path: Path) -> dict:
    """One notebook's counts, by what its cells and its outputs hold."""
    cells = nbformat.read(path, as_version=4).cells
    prose = [cell.source for cell in cells if cell.cell_type == "markdown"]
    code = [cell for cell in cells if cell.cell_type == "code"]
    outputs = [output for cell in code for output in cell.outputs]
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    n_words = sum(len(text.split()) for text in prose)
    return {
        "notebook": path.stem,
        "links": sum(len(re.findall(r"\]\([^)\s]+\)", text)) for text in prose),
        "pictures": len(pictures),
        "alternative texts": sum("alt" in output.metadata.get("image/png", {}) for output in pictures),
        "words": n_words,
        "words per code cell": round(n_words / len(code)),
        "code cells": len(code),
        "longest line": max(len(line) for cell in code for line in cell.source.split("\n")),
    }


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "notebooks")
    table = pd.DataFrame([measures(path) for path in sorted(folder.glob("*.ipynb"))])
    print("|", " | ".join(table.columns), "|")
    print("|---" * len(table.columns) + "|")
    for row in table.itertuples(index=False):
        print("|", " | ".join(map(str, row)), "|")


if __name__ == "__main__":
    main()
