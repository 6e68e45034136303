"""Figures 1 and 4: how a persona and how a preference pair come about, with this run's own counts."""

from __future__ import annotations

import textwrap

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from persona_lib.showing import drawing
from persona_lib.showing.drawing import BLUE, GREEN, INK, ORANGE, PURPLE, SOFT, VERMILION
from persona_lib.tables import schema

ORIGINS = (
    ("observed", BLUE, "read from one record of the census file, never rewritten"),
    ("imputed", ORANGE, "drawn given the record: big five;\nreligion, ideology, party in a chain"),
    ("listed", GREEN, "drawn from hand-made lists"),
    ("written", PURPLE, "written by a model that reads the rest"),
)


def _box(axes: Axes, x: float, y: float, width: float, height: float, head: str, text: str, colour: str) -> None:
    """A rounded box in inches; `y` is its upper edge. An empty text leaves room below the head."""
    axes.add_patch(
        FancyBboxPatch(
            (x, y - height),
            width,
            height,
            boxstyle="round,pad=0,rounding_size=0.07",
            facecolor=colour + "14",
            edgecolor=colour,
            linewidth=1.2,
        )
    )
    axes.text(x + 0.1, y - 0.1, head, va="top", size=9.5, weight="bold", color=INK)
    axes.text(x + 0.1, y - 0.34, text, va="top", size=8, color=INK, linespacing=1.4)


def _arrow(
    axes: Axes, start: tuple[float, float], end: tuple[float, float], *, bend: float = 0, colour: str = SOFT
) -> None:
    axes.add_patch(
        FancyArrowPatch(
            start,
            end,
            arrowstyle="-|>,head_length=4,head_width=2.4",
            connectionstyle=f"arc3,rad={bend}",
            color=colour,
            linewidth=1.2,
            shrinkA=2,
            shrinkB=2,
        )
    )


def _canvas(page: drawing.Page, width_in: float, height_in: float) -> Axes:
    axes = page.place(left_in=0, top_in=0, width_in=width_in, height_in=height_in)
    axes.set(xlim=(0, width_in), ylim=(0, height_in))
    axes.set_axis_off()
    axes.set_label("diagram")
    return axes


@drawing.styled
def construction(personas: pd.DataFrame, provenance: pd.DataFrame, *, simulated: bool = False) -> Figure:
    """Figure 1: from a record of the census file to a persona; the first persona's own values stand as the example.

    An attribute's origin is that of most personas in table `provenance`; what was derived from the record counts
    as observed.
    """
    origins = (
        provenance.replace({"origin": {"derived": "observed"}})
        .groupby("field")["origin"]
        .agg(lambda found: found.mode()[0])
    )
    known = schema.attributes().assign(origin=lambda table: table["attribute"].map(origins))
    is_written = "written" in set(known["origin"])
    first = personas.sort_values("persona_id").iloc[0]
    split = personas["persona_split"].value_counts()
    width, height = 10.4, 5.0
    note = (
        f"Where the {len(known)} attributes of a persona come from. The example is {first['persona_id']} of this run's "
        f"{len(personas):,} personas."
    )
    page = drawing.page("Figure 1 · How a persona is made", note, width_in=width, height_in=height, simulated=simulated)
    axes = _canvas(page, width, height)
    records = "person records of the\nACS PUMS file, each with\nits person weight"
    drawn = "records drawn in order,\nwith probability\nproportional to the weight"
    _box(axes, 0.2, 4.1, 2.15, 1.0, "Census", records, SOFT)
    _box(axes, 0.2, 2.45, 2.15, 1.05, "Draws", drawn, SOFT)
    _arrow(axes, (1.27, 3.1), (1.27, 2.45))
    tops, heights, n_lines = (4.9, 3.4, 2.2, 1.2), (1.4, 1.1, 0.9, 0.85), (5, 3, 2, 2)
    for (origin, colour, how), top, tall, n in zip(ORIGINS, tops, heights, n_lines, strict=True):
        rows = known[known["origin"] == origin]
        if rows.empty:
            continue
        _box(axes, 3.0, top, 4.1, tall, f"{len(rows)} {origin}", "", colour)
        axes.text(7.0, top - 0.12, how, va="top", ha="right", size=7.2, color=SOFT, linespacing=1.25)
        axes.text(3.1, top - 0.42, _example(rows, first, n), va="top", size=7.5, linespacing=1.4)
        _arrow(axes, (2.35, 1.95), (3.0, top - tall / 2), colour=colour)
        _arrow(axes, (7.1, top - tall / 2), (7.75, 3.3), colour=colour)
    asked = "declared rules first, then a\nmodel" if is_written else "declared rules"
    rules = f"{asked}; the next draw takes\nthe place of one that\ncontradicts itself"
    _box(axes, 7.75, 3.95, 2.4, 1.15, "Consistent?", rules, VERMILION)
    _arrow(axes, (8.95, 2.8), (8.95, 2.05))
    kept = f"{split.get('train', 0):,} train\n{split.get('heldout_persona', 0):,} held out\nevery field with its origin"
    _box(axes, 7.75, 2.05, 2.4, 1.0, f"{len(personas):,} personas", kept, SOFT)
    return page.figure


def _example(rows: pd.DataFrame, persona: pd.Series, n_lines: int) -> str:
    """As many whole `Label: value` as fit in so many lines of the box; the first is cut between words if need be."""
    parts = []
    for row in rows.itertuples():
        value = persona[row.attribute]
        shown = (
            schema.NOT_IN_UNIVERSE if pd.isna(value) else f"{value:,.0f}" if isinstance(value, float) else str(value)
        )
        parts.append(f"{row.label}: {textwrap.shorten(shown, 110, placeholder=' …')}")
    wrapped = [textwrap.wrap("; ".join(parts[:n]) + " …" * (n < len(parts)), 66) for n in range(len(parts), 0, -1)]
    fitting = [lines for lines in wrapped if len(lines) <= n_lines]
    return "\n".join(fitting[0] if fitting else [*wrapped[-1][: n_lines - 1], f"{wrapped[-1][n_lines - 1]} …"])


@drawing.styled
def feedback_creation(personas: pd.DataFrame, prompts: pd.DataFrame, *, simulated: bool = False) -> Figure:
    """Figure 4: how the critique of a persona turns two answers into a preference."""
    n_train = int((prompts["prompt_split"] == "train").sum())
    n_out = int((prompts["prompt_split"] == "heldout_prompt").sum())
    width, height = 10.4, 3.75
    note = (
        "Direct principle feedback: the revision that follows a persona's critique is preferred to the answer that "
        "knew no persona. A pair is for training, or held out on a seen or an unseen prompt; whether its order holds "
        "is judged in a later step. A call that is refused, unparsed or failed leaves its status and no text."
    )
    page = drawing.page(
        "Figure 4 · How a preference pair is made", note, width_in=width, height_in=height, simulated=simulated
    )
    axes = _canvas(page, width, height)
    persona = f"one of {len(personas):,}: its\ndescription, one line\nper attribute"
    prompt = f"one of {n_train:,} train and\n{n_out:,} held-out prompts,\ndrawn independently"
    critique = "as the persona: what\nresonates and what does\nnot, quoting both; ends in\nan evaluation and advice"
    revision = "follows the advice, subtly:\nnever names an attribute,\nnot longer than the\nanswer"
    _box(axes, 0.2, 3.6, 2.0, 1.25, "Persona", persona, PURPLE)
    _box(axes, 0.2, 1.4, 2.0, 1.2, "Prompt", prompt, SOFT)
    _box(axes, 2.8, 3.6, 2.1, 1.25, "Critique", critique, PURPLE)
    _box(axes, 2.8, 1.4, 2.1, 1.2, "Answer", "written without the\npersona: the\nrepresentative user's", BLUE)
    _box(axes, 5.5, 3.6, 2.1, 1.25, "Revision", revision, GREEN)
    _box(axes, 8.2, 3.6, 2.0, 3.4, "Preference pair", "", VERMILION)
    for y, word in ((2.97, "chosen"), (0.8, "rejected")):
        axes.text(8.3, y, word, va="center", size=9, weight="bold", color=INK)
    axes.text(8.3, 1.9, "is to be preferred by this\npersona on this prompt to", va="center", size=8, linespacing=1.4)
    for start, end, colour in (
        ((2.2, 2.97), (2.8, 2.97), PURPLE),
        ((2.2, 0.8), (2.8, 0.8), SOFT),
        ((1.5, 1.4), (3.1, 2.35), SOFT),
        ((3.85, 1.4), (3.85, 2.35), BLUE),
        ((4.9, 2.97), (5.5, 2.97), PURPLE),
        ((4.75, 1.4), (6.0, 2.35), BLUE),
        ((7.6, 2.97), (8.2, 2.97), GREEN),
        ((4.9, 0.8), (8.2, 0.8), BLUE),
    ):
        _arrow(axes, start, end, colour=colour)
    return page.figure
