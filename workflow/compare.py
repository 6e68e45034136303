"""Are two result files identical, equal within stated tolerances, or different? With the first difference."""

import re
from dataclasses import dataclass
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
from matplotlib.image import imread

IDENTICAL, EQUAL, DIFFERENT = "identical", "equal within tolerances", "different"
RELATIVE, ABSOLUTE = 1e-9, 1e-12  # another processor's last bits
SHOWN = 1e-5  # numbers in notebook text are shown with up to six digits
PIXELS = 0.001  # share of pixels of a figure that may differ

_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")


@dataclass(frozen=True)
class Verdict:
    """One of the three words, and the first difference behind it."""

    word: str
    detail: str


def worst(verdicts: list[Verdict]) -> str:
    """The gravest word among them; identical if there is none."""
    words = {verdict.word for verdict in verdicts}
    return next((word for word in (DIFFERENT, EQUAL) if word in words), IDENTICAL)


def compare_file(expected: Path, rebuilt: Path) -> Verdict:
    """Compare two files of one kind: .parquet, .csv, .png, .pdf or .ipynb."""
    if expected.read_bytes() == rebuilt.read_bytes():
        return Verdict(IDENTICAL, str(expected))
    compare = COMPARE[expected.suffix]
    difference, is_tolerable = compare(expected, rebuilt)
    return Verdict(EQUAL if is_tolerable else DIFFERENT, f"{expected}: {difference}")


def _tables(expected: Path, rebuilt: Path) -> tuple[str, bool]:
    old, new = ((pd.read_csv if path.suffix == ".csv" else pd.read_parquet)(path) for path in (expected, rebuilt))
    if list(old.columns) != list(new.columns):
        return f"columns {list(old.columns)} became {list(new.columns)}", False
    if len(old) != len(new):
        return f"{len(old)} rows became {len(new)}", False
    first = ""
    for column in old.columns:
        a, b = old[column], new[column]
        same = (a == b) | (a.isna() & b.isna())
        if same.all():
            continue
        row = int(np.flatnonzero(~same.to_numpy(dtype=bool))[0])
        first = first or f"row {row}, column {column}: {a.iloc[row]!r} became {b.iloc[row]!r}"
        if not pd.api.types.is_float_dtype(a) or not np.allclose(a, b, rtol=RELATIVE, atol=ABSOLUTE, equal_nan=True):
            return f"row {row}, column {column}: {a.iloc[row]!r} became {b.iloc[row]!r}", False
    return first or "same values in other bytes", True


def _figures(expected: Path, rebuilt: Path) -> tuple[str, bool]:
    old, new = imread(expected), imread(rebuilt)
    if old.shape != new.shape:
        return f"size {old.shape} became {new.shape}", False
    share = float((np.abs(old - new).max(axis=-1) > 2 / 255).mean())
    return f"{share:.2%} of the pixels differ", share <= PIXELS


def _prints(expected: Path, rebuilt: Path) -> tuple[str, bool]:
    """A PDF of other bytes is no difference by itself: its PNG and its rows, beside it, are compared by value."""
    old, new = (path.read_bytes() for path in (expected, rebuilt))
    return f"{len(old):,} bytes became {len(new):,}", new.startswith(b"%PDF") and abs(len(new) / len(old) - 1) < 0.02


def _notebooks(expected: Path, rebuilt: Path) -> tuple[str, bool]:
    old, new = (nbformat.read(path, as_version=4) for path in (expected, rebuilt))
    if [c.source for c in old.cells] != [c.source for c in new.cells]:
        return "its cells differ", False
    first = ""
    for number, (a, b) in enumerate(zip(old.cells, new.cells, strict=True)):
        before, after = _text(a), _text(b)
        if before == after:
            continue
        first = first or f"cell {number}: {_first_line(before, after)}"
        numbers = [np.array(_NUMBER.findall(text), dtype=float) for text in (before, after)]
        is_same_text = _NUMBER.sub("#", before) == _NUMBER.sub("#", after)
        if not is_same_text or not np.allclose(numbers[0], numbers[1], rtol=SHOWN, atol=0):
            return f"cell {number}: {_first_line(before, after)}", False
    return first or "pictures inside differ", True


def _text(cell: nbformat.NotebookNode) -> str:
    """What nbval compares: everything printed and shown as text."""
    parts = []
    for output in cell.get("outputs", []):
        parts.append(output.get("text", ""))
        parts += [v for k, v in output.get("data", {}).items() if k.startswith("text/")]
    return "\n".join(parts)


def _first_line(before: str, after: str) -> str:
    pairs = zip([*before.splitlines(), ""], [*after.splitlines(), ""], strict=False)
    old, new = next(((a, b) for a, b in pairs if a != b), ("", ""))
    return f"{old.strip()!r} became {new.strip()!r}"


COMPARE = {".parquet": _tables, ".csv": _tables, ".png": _figures, ".pdf": _prints, ".ipynb": _notebooks}
