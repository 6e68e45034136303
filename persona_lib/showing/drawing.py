"""What all pictures share: page, palette, stamps, and the one way they are shown and saved.

Same tables, same bytes: the font ships with matplotlib, the resolution is fixed and no version is written.
"""

from __future__ import annotations

import hashlib
import os
import re
import textwrap
from base64 import b64encode
from collections.abc import Sequence
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

DOTS_PER_INCH, ON_SCREEN = 150, 110
STAMP, SYNTHETIC = "Simulated respondents", "Synthetic census sample"  # what a picture rests on that is not the world

# Okabe and Ito's palette, told apart by the colour blind: of kinds of things, such as the origins of a value.
BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILION = "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00"
INK, SOFT, PALE, NOTHING = "#222222", "#666666", "#E3E3E3", "#BDBDBD"

# Of modes and of models, the same in every picture. Each set is told apart by the colour blind and, by lightness alone,
# in grey: `tests/showing/test_drawing.py` simulates both.
MODE_COLOURS = {"baseline": "#CFCFCF", "output_only": SKY, "chain_of_thought": VERMILION, "summary": "#0B3C6F"}
SERIES = ("#12396B", "#874610", "#31835F", "#9083ED", "#BBB13A", "#41E3A1")
MARKERS = ("o", "s", "^", "D", "v", "P")
KNOWN_MODELS = ("large", "medium", "small", "terse", "rater", "judge")  # the simulated ones, by their endpoints

STYLE: dict[RcKeyType, Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": 8.5,
    "text.color": INK,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titley": 1.0,  # said, so that matplotlib does not measure every tick to find it
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


class Sheet(Figure):
    """A figure that holds what it says of itself and the rows that it draws, which are saved beside it."""

    about: str = ""
    stamps: tuple[str, ...] = ()
    rows: list[pd.DataFrame]


@dataclass(frozen=True)
class Page:
    """A figure with its head drawn; what follows is placed below the head, in inches."""

    figure: Sheet
    head_in: float

    def keep(self, **tables: pd.DataFrame) -> None:
        """Rows that are drawn, by the part of the figure that they are drawn in; `save` writes them beside it."""
        self.figure.rows += [table.reset_index(drop=True).assign(part=part) for part, table in tables.items()]

    def place(self, *, left_in: float, top_in: float, width_in: float, height_in: float) -> Axes:
        """Axes at a distance from the left edge of the page and from the lower edge of its head."""
        width, height = self.figure.get_size_inches()
        bottom = height - self.head_in - top_in - height_in
        return self.figure.add_axes((left_in / width, bottom / height, width_in / width, height_in / height))


def page(title: str, note: str, *, width_in: float, height_in: float, simulated: bool, synthetic: bool = False) -> Page:
    """An empty page with its title, a note on what is drawn, and a stamp where answers or the census are not real.

    `height_in` is the height left for the drawing; the head is added on top. Title and note are its alternative text.
    """
    characters = int((width_in - 0.3) * 15.8)
    kept = note.replace(" %", "\u00a0%")  # a number and its sign stay on one line
    lines = [line for part in kept.split("\n") for line in textwrap.wrap(part, characters)]
    stamps = (STAMP,) * simulated + (SYNTHETIC,) * synthetic
    top_in = 0.42 if stamps else 0.17  # the stamps stand above the title, so that neither covers the other
    head_in = 0.45 + top_in + 0.165 * len(lines)
    total = height_in + head_in
    figure = Sheet(figsize=(width_in, total), dpi=100, facecolor="white")
    figure.about, figure.stamps, figure.rows = f"{title}. {note}", stamps, []
    figure.text(0.15 / width_in, 1 - top_in / total, title, size=11.5, weight="bold", va="top")
    below = 1 - (top_in + 0.28) / total
    figure.text(0.15 / width_in, below, "\n".join(lines), size=8.5, color=SOFT, va="top", linespacing=1.35)
    for place, said in enumerate(stamps):
        _stamp(figure, said, 1 - (0.2 + 1.75 * place) / width_in, 1 - 0.14 / total)
    return Page(figure, head_in)


def _stamp(figure: Figure, said: str, x: float, y: float) -> None:
    box = {"boxstyle": "round,pad=0.35", "facecolor": INK if said == SYNTHETIC else "#A63C06", "edgecolor": "none"}
    figure.text(x, y, said, size=8, weight="bold", color="white", ha="right", va="top", bbox=box)


class Picture:
    """A PNG with its alternative text, as a notebook shows it."""

    def __init__(self, data: bytes, alt: str) -> None:
        self.data, self.alt = data, alt

    def __repr__(self) -> str:
        return self.alt

    def _repr_mimebundle_(self, include=None, exclude=None):
        return {"image/png": b64encode(self.data).decode(), "text/plain": self.alt}, {"image/png": {"alt": self.alt}}


def picture(figure: Figure, *, alt: str, stamps: Sequence[str] = ()) -> Picture:
    """A figure drawn in a notebook, stamped, with its alternative text; the figure is closed.

    Parameters
    ----------
    alt : what is to be seen, in a sentence or two, for those who do not see it
    stamps : `STAMP` and `SYNTHETIC`, as far as they apply: what the picture rests on that is not the world
    """
    from matplotlib import pyplot as plt

    for axes in figure.axes:
        _in_style(axes)
    drawn_in, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    for place, said in enumerate(stamps):
        _stamp(figure, said, drawn_in.x1 / width, (drawn_in.y1 + 0.32 + 0.27 * place) / height)
    drawn = BytesIO()
    figure.savefig(
        drawn, format="png", dpi=ON_SCREEN, metadata={"Software": None}, facecolor="white", bbox_inches="tight"
    )
    plt.close(figure)
    return Picture(drawn.getvalue(), alt if not stamps else f"{alt} ({', '.join(stamps)}.)")


def _in_style(axes: Axes) -> None:
    """What `STYLE` says of frame and ticks, for axes that were made without it, as in the cell of a notebook."""
    if axes.images or axes.get_label() == "<colorbar>":
        return
    axes.spines[["top", "right"]].set_visible(False)
    for spine in axes.spines.values():
        spine.set(edgecolor=SOFT, linewidth=STYLE["axes.linewidth"])
    axes.tick_params(color=SOFT, labelcolor=INK)
    for text in (axes.xaxis.label, axes.yaxis.label):
        text.set_color(INK)


def save(figure: Figure, path: str | os.PathLike) -> Path:
    """Write the figure as PNG, and beside it as PDF and its rows as CSV, each file whole or not at all.

    Title, alternative text and stamps stand as text inside the PNG. Shades that no eye tells apart are made one, which
    makes it a third as large. The PDF is for print; it names no program and no date.
    """
    sheet = figure if isinstance(figure, Sheet) else Sheet()
    drawn = BytesIO()
    figure.savefig(drawn, format="png", dpi=DOTS_PER_INCH, facecolor="white", pil_kwargs={"compress_level": 0})
    image = _fewer_shades(np.asarray(Image.open(drawn).convert("RGB")))
    about = PngInfo()
    about.add_text("Title", figure.texts[0].get_text().encode("latin-1", "replace"))
    about.add_text("Description", " ".join(sheet.about.split()).encode("latin-1", "replace"))
    about.add_text("Comment", "; ".join(sheet.stamps))
    with whole(path) as half:
        image.save(half, format="PNG", dpi=(DOTS_PER_INCH, DOTS_PER_INCH), pnginfo=about)
    with whole(Path(path).with_suffix(".pdf")) as half:
        figure.savefig(half, format="pdf", metadata=dict.fromkeys(("Creator", "Producer", "CreationDate")))
    if getattr(sheet, "rows", None):
        table = pd.concat(sheet.rows, ignore_index=True)
        with whole(Path(path).with_suffix(".csv")) as half:
            table.to_csv(half, index=False, float_format="%.6g", lineterminator="\n")
    return Path(path)


def shown(path: str | os.PathLike) -> Picture:
    """A saved figure with the alternative text that stands inside it."""
    with Image.open(path) as image:
        alt = image.info.get("Description", "")
    return Picture(Path(path).read_bytes(), alt)


def _fewer_shades(pixels: np.ndarray) -> Image.Image:
    """The picture with each channel rounded to steps of 4, or 8, of 255, whichever first leaves 256 colours."""
    for step in (4, 8):
        n_levels = 256 // step + 1
        red, green, blue = np.moveaxis((pixels.astype(np.uint32) + step // 2) // step, -1, 0)
        packed = (red * n_levels + green) * n_levels + blue
        shades = np.flatnonzero(np.bincount(packed.ravel(), minlength=n_levels**3))
        if len(shades) <= 256:
            number = np.zeros(n_levels**3, np.uint8)
            number[shades] = np.arange(len(shades))
            image = Image.fromarray(number[packed], mode="P")
            channels = np.stack(np.unravel_index(shades, (n_levels,) * 3), axis=-1) * step
            image.putpalette(np.minimum(channels, 255).ravel().tolist())
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
                "is_simulated": STAMP in about.get("Comment", ""),
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


def model_colours(models: Sequence[str]) -> dict[str, str]:
    """A colour for each model, whatever the order of the names: a known one has its own, the others the free ones.

    Beyond six they repeat, so a picture must also use `model_markers`.

    Examples
    --------
    >>> model_colours(["small", "large"]) == {"small": SERIES[2], "large": SERIES[0]}
    True
    """
    return {model: SERIES[place % len(SERIES)] for model, place in _places(models).items()}


def model_markers(models: Sequence[str]) -> dict[str, str]:
    """A marker for each model, paired with its colour."""
    return {model: MARKERS[place % len(MARKERS)] for model, place in _places(models).items()}


def _places(models: Sequence[str]) -> dict[str, int]:
    taken = {model: KNOWN_MODELS.index(model) for model in models if model in KNOWN_MODELS}
    free = [place for place in range(len(SERIES)) if place not in taken.values()] or list(range(len(SERIES)))
    others = sorted(set(models) - set(KNOWN_MODELS))
    return {
        model: taken.get(model, free[others.index(model) % len(free)] if model in others else 0) for model in models
    }


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
