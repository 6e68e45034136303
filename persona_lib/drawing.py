"""What all figures share: page, palette, stamp, and the one way they are saved.

Same tables, same bytes: the font ships with matplotlib, the resolution is fixed and no version is written.
"""

from __future__ import annotations

import os
import textwrap
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

DOTS_PER_INCH = 150
STAMP = "Simulated respondents"

# Okabe and Ito's palette, told apart by the colour blind, in the order in which series take it.
BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILION = "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00"
SERIES = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILION)
MARKERS = ("o", "s", "^", "D", "v", "P")
INK, SOFT, PALE, NOTHING = "#222222", "#666666", "#E3E3E3", "#BDBDBD"

STYLE = {
    "font.family": ["DejaVu Sans"],
    "font.size": 8.5,
    "text.color": INK,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 8.5,
    "axes.labelcolor": INK,
    "axes.edgecolor": SOFT,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid.axis": "x",
    "grid.color": PALE,
    "grid.linewidth": 0.7,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "hatch.linewidth": 0.5,
    "text.usetex": False,
    "axes.formatter.use_locale": False,
}
styled = matplotlib.rc_context(STYLE)


def page(title: str, note: str, *, width_in: float, height_in: float, simulated: bool) -> Figure:
    """An empty page with its title, a note on what is drawn, and the stamp where answers are simulated.

    `height_in` is the height left for the drawing; the head is added on top. `figure.body` is the
    share of the page that lies below the head.
    """
    characters = int((width_in - 0.3) * 14.2)
    lines = [line for part in note.split("\n") for line in textwrap.wrap(part, characters)]
    head_in = 0.62 + 0.165 * len(lines)
    figure = Figure(figsize=(width_in, height_in + head_in), dpi=100, facecolor="white")
    total = height_in + head_in
    figure.body = height_in / total
    figure.text(0.15 / width_in, 1 - 0.17 / total, title, size=12, weight="bold", va="top")
    figure.text(0.15 / width_in, 1 - 0.45 / total, "\n".join(lines), size=8.5, color=SOFT, va="top", linespacing=1.35)
    if simulated:
        figure.text(
            1 - 0.2 / width_in,
            1 - 0.2 / total,
            STAMP,
            size=8.5,
            weight="bold",
            color="white",
            ha="right",
            va="top",
            bbox={"boxstyle": "round,pad=0.35", "facecolor": VERMILION, "edgecolor": "none"},
        )
    return figure


def place(figure: Figure, left_in: float, top_in: float, width_in: float, height_in: float) -> Axes:
    """Axes at a place given in inches from the left edge of the page and from the lower edge of its head."""
    page_width, page_height = figure.get_size_inches()
    bottom = figure.body - (top_in + height_in) / page_height
    return figure.add_axes((left_in / page_width, bottom, width_in / page_width, height_in / page_height))


def save(figure: Figure, path: str | os.PathLike) -> Figure:
    """Write the figure as PNG, whole or not at all, and return it, so that a notebook shows what it saved."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f".{path.name}.{os.getpid()}.half")
    try:
        figure.savefig(half, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None}, facecolor="white")
        os.replace(half, path)
    finally:
        half.unlink(missing_ok=True)
    return figure


def pick(statistics: pd.DataFrame, statistic: str, *parts: str) -> pd.DataFrame:
    """Rows of one statistic whose group has exactly these `|`-parts, each part as its own column.

    Raises
    ------
    ValueError
        No row has the statistic with that many parts.

    Examples
    --------
    >>> rows = pd.DataFrame({"statistic": "pass_rate", "group": ["large|summary", "all"], "estimate": [0.5, 0.4]})
    >>> pick(rows, "pass_rate", "model", "mode")[["model", "mode", "estimate"]].values.tolist()
    [['large', 'summary', 0.5]]
    """
    chosen = statistics[
        (statistics["statistic"] == statistic) & (statistics["group"].str.count(r"\|") == len(parts) - 1)
    ]
    if chosen.empty:
        raise ValueError(f"no statistic {statistic} with group {'|'.join(parts)}; the table has {_names(statistics)}")
    split = chosen["group"].str.split("|", expand=True, regex=False)
    return chosen.assign(**{part: split[i] for i, part in enumerate(parts)}).reset_index(drop=True)


def _names(statistics: pd.DataFrame) -> str:
    return ", ".join(sorted(statistics["statistic"].unique())) or "no rows"


def colours(names: list[str]) -> dict[str, str]:
    """A colour for each name, in order; beyond six they repeat, so a legend must also use markers."""
    return {name: SERIES[i % len(SERIES)] for i, name in enumerate(names)}


def markers(names: list[str]) -> dict[str, str]:
    """A marker for each name, in order."""
    return {name: MARKERS[i % len(MARKERS)] for i, name in enumerate(names)}


def whiskers(table: pd.DataFrame) -> np.ndarray:
    """Distances of low and high from the estimate, as matplotlib's error bars want them; NaN draws none."""
    return np.vstack([table["estimate"] - table["low"], table["high"] - table["estimate"]]).clip(min=0)


def shorten(text: str, n_characters: int) -> str:
    """The text, cut with an ellipsis where it is longer.

    >>> shorten("Management, business and science", 12)
    'Management,…'
    """
    return text if len(text) <= n_characters else text[: n_characters - 1].rstrip() + "…"


def words(name: str) -> str:
    """A name from a table as words of a sentence.

    >>> words("chain_of_thought")
    'chain of thought'
    """
    return name.replace("_", " ")
