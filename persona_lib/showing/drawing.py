"""What all figures share: page, palette, stamp, and the one way they are saved.

Same tables, same bytes: the font ships with matplotlib, the resolution is fixed and no version is written.
"""

from __future__ import annotations

import hashlib
import os
import re
import textwrap
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from persona_lib.tables.files import whole

if TYPE_CHECKING:
    from matplotlib.typing import RcKeyType

DOTS_PER_INCH = 150
STAMP = "Simulated respondents"

# Okabe and Ito's palette, told apart by the colour blind, in the order in which series take it.
BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILION = "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00"
SERIES = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILION)
MARKERS = ("o", "s", "^", "D", "v", "P")
INK, SOFT, PALE, NOTHING = "#222222", "#666666", "#E3E3E3", "#BDBDBD"

STYLE: dict[RcKeyType, Any] = {
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
    "text.parse_math": False,  # a dollar sign in a label is a dollar sign
    "axes.formatter.use_locale": False,
}
styled = matplotlib.rc_context(STYLE)


@dataclass(frozen=True)
class Page:
    """A figure with its head drawn; what follows is placed below the head, in inches."""

    figure: Figure
    head_in: float

    def place(self, *, left_in: float, top_in: float, width_in: float, height_in: float) -> Axes:
        """Axes at a distance from the left edge of the page and from the lower edge of its head."""
        width, height = self.figure.get_size_inches()
        bottom = height - self.head_in - top_in - height_in
        return self.figure.add_axes((left_in / width, bottom / height, width_in / width, height_in / height))


def page(title: str, note: str, *, width_in: float, height_in: float, simulated: bool) -> Page:
    """An empty page with its title, a note on what is drawn, and the stamp where answers are simulated.

    `height_in` is the height left for the drawing; the head is added on top.
    """
    characters = int((width_in - 0.3) * 15.8)
    lines = [line for part in note.split("\n") for line in textwrap.wrap(part, characters)]
    head_in = 0.62 + 0.165 * len(lines)
    total = height_in + head_in
    figure = Figure(figsize=(width_in, total), dpi=100, facecolor="white")
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
    return Page(figure, head_in)


def save(figure: Figure, path: str | os.PathLike) -> Path:
    """Write the figure as PNG, whole or not at all, with its title and stamp also as text inside the file.

    Shades that no eye tells apart are made one, which makes the file a third as large.
    """
    drawn = BytesIO()
    figure.savefig(drawn, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None}, facecolor="white")
    image = _fewer_shades(np.asarray(Image.open(drawn).convert("RGB")))
    about = PngInfo()
    about.add_text("Title", figure.texts[0].get_text().encode("latin-1", "replace"))
    about.add_text("Comment", STAMP if STAMP in [text.get_text() for text in figure.texts] else "")
    with whole(path) as half:
        image.save(half, format="PNG", dpi=(DOTS_PER_INCH, DOTS_PER_INCH), pnginfo=about)
    return Path(path)


def _fewer_shades(pixels: np.ndarray) -> Image.Image:
    """The picture with each channel rounded to steps of 4, or 8, of 255, whichever first leaves 256 colours."""
    for step in (4, 8):
        rounded = np.minimum((pixels.astype(np.uint32) + step // 2) // step * step, 255)
        packed = rounded[..., 0] << 16 | rounded[..., 1] << 8 | rounded[..., 2]
        shades, index = np.unique(packed, return_inverse=True)
        if len(shades) <= 256:
            image = Image.fromarray(index.reshape(packed.shape).astype(np.uint8), mode="P")
            image.putpalette([channel for shade in shades for channel in int(shade).to_bytes(3, "big")])
            return image
    return Image.fromarray(pixels)


def catalogue(paths: list[str | os.PathLike]) -> pd.DataFrame:
    """What the saved figures say of themselves: one row per file, as table `figures` wants it.

    Raises
    ------
    ValueError
        A file is missing, or was not written by `save`.
    """
    rows = []
    for path in map(Path, paths):
        if not path.is_file():
            raise ValueError(f"{path}: no such figure; save it first")
        with Image.open(path) as image:
            about = dict(image.info)
        number = re.match(r"Figure (\d+) · (.+)", about.get("Title", ""))
        if not number:
            raise ValueError(f"{path}: names no figure in its title; write it with drawing.save")
        rows.append(
            {
                "figure": f"{int(number[1]):02d}",
                "file": path.name,
                "title": number[2],
                "is_simulated": about.get("Comment") == STAMP,
                "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            }
        )
    return pd.DataFrame(rows)


def pick(statistics: pd.DataFrame, statistic: str, *parts: str, may_lack: bool = False) -> pd.DataFrame:
    """Rows of one statistic whose group has exactly these `|`-parts, each part as its own column.

    With `may_lack` there may be none, as of groups that are all too small to be compared.

    Raises
    ------
    ValueError
        No row has the statistic with that many parts, and it may not lack.

    Examples
    --------
    >>> rows = pd.DataFrame({"statistic": "pass_rate", "group": ["large|summary", "all"], "estimate": [0.5, 0.4]})
    >>> pick(rows, "pass_rate", "model", "mode")[["model", "mode", "estimate"]].values.tolist()
    [['large', 'summary', 0.5]]
    """
    chosen = statistics[
        (statistics["statistic"] == statistic) & (statistics["group"].str.count(r"\|") == len(parts) - 1)
    ]
    if chosen.empty and not may_lack:
        raise ValueError(f"no statistic {statistic} with group {'|'.join(parts)}; the table has {_names(statistics)}")
    split = [group.split("|") for group in chosen["group"]]
    return chosen.assign(**{part: [one[i] for one in split] for i, part in enumerate(parts)}).reset_index(drop=True)


def _names(statistics: pd.DataFrame) -> str:
    return ", ".join(sorted(statistics["statistic"].unique())) or "no rows"


def colours(names: list[str]) -> dict[str, str]:
    """A colour for each name, in order; beyond six they repeat, so a legend must also use markers."""
    return {name: SERIES[i % len(SERIES)] for i, name in enumerate(names)}


def markers(names: list[str]) -> dict[str, str]:
    """A marker for each name, in order."""
    return {name: MARKERS[i % len(MARKERS)] for i, name in enumerate(names)}


def shorten(text: str, n_characters: int) -> str:
    """The text, cut with an ellipsis where it is longer.

    >>> shorten("Management, business and science", 12)
    'Management,…'
    """
    return text if len(text) <= n_characters else text[: n_characters - 1].rstrip() + "…"


def percent(share: float) -> str:
    """A share as a percentage, with a decimal below ten.

    >>> percent(0.0333), percent(0.5)
    ('3.3 %', '50 %')
    """
    return f"{share * 100:.1f} %" if share < 0.0995 else f"{share * 100:.0f} %"


def words(name: str) -> str:
    """A name from a table as words of a sentence.

    >>> words("chain_of_thought")
    'chain of thought'
    """
    return name.replace("_", " ")
