"""Figures 1 and 4, how one preference pair is made, and the map of the notebooks: diagrams with a run's own counts."""

from __future__ import annotations

import textwrap

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle

from persona_lib.showing import drawing
from persona_lib.showing.drawing import BLUE, GREEN, INK, ORANGE, PURPLE, SKY, SOFT, VERMILION
from persona_lib.tables import schema

ORIGINS = (  # origin, colour, how, height of the box in inches, lines of the example
    ("observed", BLUE, "one record of the census file, never rewritten", 1.4, 5),
    ("derived", SKY, "worked out from other columns of the record", 0.85, 2),
    ("imputed", ORANGE, "drawn given the record: big five;\nreligion, ideology, party in a chain", 1.1, 3),
    ("listed", GREEN, "drawn from hand-made lists", 0.85, 2),
    ("written", PURPLE, "by a model that reads the rest", 1.1, 3),
)
SPLITS = {
    "prompt_split": {"train": "train", "heldout_prompt": "held out"},
    "persona_split": {"train": "train", "heldout_persona": "held out"},
    "pair_split": {
        "train": "train",
        "heldout_pair": "held out, seen prompts",
        "heldout_prompt": "held out, unseen prompts",
    },
}
TWO_ORDERS = (
    "The paper names two orders: in the caption of its Figure 1 consistency is checked before the procedural fields "
    "are filled, in its section 3.1 at the end."
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


def _route(axes: Axes, points: list[tuple[float, float]], colour: str) -> None:
    """An arrow round corners."""
    axes.plot(*zip(*points[:-1], strict=True), color=colour, linewidth=1.2, solid_joinstyle="miter")
    _arrow(axes, points[-2], points[-1], colour=colour)


@drawing.styled
def construction(
    personas: pd.DataFrame, provenance: pd.DataFrame, *, simulated: bool = False, synthetic: bool = False
) -> Figure:
    """Figure 1: from a record of the census file to a persona; the first persona's own values stand as the example.

    An attribute's origin is that of most personas in table `provenance`; an origin that no attribute has gets no box.
    """
    origins = provenance.groupby("field")["origin"].agg(lambda found: found.mode()[0])
    known = schema.attributes().assign(origin=lambda table: table["attribute"].map(origins))
    is_written = "written" in set(known["origin"])
    first = personas.sort_values("persona_id").iloc[0]
    here = "Here declared rules check at the end, when everything is drawn; no model does."
    if is_written:
        here = (
            "Here it is both: declared rules check a draw when all but its written field is filled, and a model checks "
            "the completed persona."
        )
    width, height = 10.4, 5.0
    note = (
        f"Where the {len(known)} attributes of a persona come from. The example is {first['persona_id']} of this run's "
        f"{len(personas):,} personas. {TWO_ORDERS} {here} The next draw takes the place of one that contradicts itself."
    )
    title = "Figure 1 · How a persona is made"
    stamps = {"simulated": simulated, "synthetic": synthetic}
    page = drawing.page(title, note, width_in=width, height_in=height, **stamps)
    page.keep(attributes=known[["attribute", "label", "origin"]])
    axes = _canvas(page, width, height)
    records = "person records of the\nACS PUMS file, each\nwith its weight"
    drawn = "records drawn in order,\nwith probability\nproportional to the\nweight"
    _box(axes, 0.2, 4.5, 1.9, 1.05, "Census", records, SOFT)
    _box(axes, 0.2, 2.85, 1.9, 1.2, "Draws", drawn, SOFT)
    _arrow(axes, (1.15, 3.45), (1.15, 2.85))
    rules = (
        "declared rules, once the fields beside\nare filled"
        if is_written
        else "declared rules, once all fields are filled"
    )
    _box(axes, 7.0, 4.9, 3.2, 0.85, "Consistent? Rules", rules, VERMILION)
    top = 4.9
    for origin, colour, how, tall, n_lines in ORIGINS:
        rows = known[known["origin"] == origin]
        if rows.empty:
            continue
        x, y, wide = (7.0, 3.7, 3.2) if origin == "written" else (2.6, top, 3.85)
        _box(axes, x, y, wide, tall, f"{len(rows)} {origin}", "", colour)
        axes.text(x + wide - 0.1, y - 0.12, how, va="top", ha="right", size=7.2, color=SOFT, linespacing=1.25)
        axes.text(
            x + 0.1, y - 0.42, _example(rows, first, n_lines, int(wide * 15.8)), va="top", size=7.5, linespacing=1.4
        )
        if origin != "written":
            _arrow(axes, (2.1, 2.25), (x, y - tall / 2), colour=colour)
            _arrow(axes, (x + wide, y - tall / 2), (7.0, 4.45), colour=colour)
            top -= tall + 0.12
    if is_written:
        _box(axes, 7.0, 2.25, 3.2, 0.7, "Consistent? Model", "reads the completed persona", VERMILION)
        for y in (4.05, 2.6):
            _arrow(axes, (8.6, y), (8.6, y - 0.35))
    end = 1.2 if is_written else 3.7
    _arrow(axes, (8.6, end + 0.35), (8.6, end))
    split = personas["persona_split"].value_counts()
    kept = f"{split.get('train', 0):,} train, {split.get('heldout_persona', 0):,} held out\nevery field with its origin"
    _box(axes, 7.0, end, 3.2, 0.85, f"{len(personas):,} personas", kept, SOFT)
    return page.figure


def _example(rows: pd.DataFrame, persona: pd.Series, n_lines: int, n_characters: int) -> str:
    """As many whole `Label: value` as fit in so many lines of the box; the first is cut between words if need be."""
    parts = []
    for row in rows.itertuples():
        value = persona[row.attribute]
        shown = (
            schema.NOT_IN_UNIVERSE if pd.isna(value) else f"{value:,.0f}" if isinstance(value, float) else str(value)
        )
        parts.append(f"{row.label}: {textwrap.shorten(shown, 110, placeholder=' …')}")
    said = ["; ".join(parts[:n]) + " …" * (n < len(parts)) for n in range(len(parts), 0, -1)]
    wrapped = [textwrap.wrap(text, n_characters) for text in said]
    fitting = [lines for lines in wrapped if len(lines) <= n_lines]
    return "\n".join(fitting[0] if fitting else [*wrapped[-1][: n_lines - 1], f"{wrapped[-1][n_lines - 1]} …"])


@drawing.styled
def feedback_creation(
    personas: pd.DataFrame,
    prompts: pd.DataFrame,
    pairs: pd.DataFrame,
    kappas: pd.DataFrame,
    *,
    simulated: bool = False,
) -> Figure:
    """Figure 4: the whole way from the opening prompts to a matrix of kappas between personas.

    The counts are those of the four tables; the matrix is a sketch.
    """
    width, height = 10.5, 5.2
    note = (
        "Prompts are filtered and split. An answer that knows no persona, a persona's critique of it and the revision "
        "make a preference pair. On common items the choices made for one persona are compared with those made for "
        "another: a matrix of kappas, here a sketch, in Figures 6 and 8 that of this run."
    )
    title = "Figure 4 · From opening prompts to the agreement of personas"
    page = drawing.page(title, note, width_in=width, height_in=height, simulated=simulated)
    axes = _canvas(page, width, height)
    counted = ((prompts, ["reason", "prompt_split"]), (personas, ["persona_split"]), (pairs, ["status", "pair_split"]))
    for table, columns in counted:
        page.keep(**{columns[-1]: table.groupby(columns).size().rename("n").reset_index()})
    lefts, wides, tops, talls = (0.2, 2.65, 5.45, 7.95), (2.0, 2.35, 2.05, 2.25), (5.1, 3.25, 1.5), (1.25, 1.1, 1.3)
    made, cells = pairs[pairs["status"] == "ok"], kappas[kappas["comparison"] == "model-rater"]
    n_common = 0 if kappas.empty else int(kappas["n"].max())
    n_compared, n_models = cells["rater_b"].nunique(), cells["model"].nunique()
    common = "held-out prompts, each\nwith its answer and one\nthat differs on purpose"
    chosen = f"{n_models:,} models, and raters, each\nas one of {n_compared:,} personas:\nwhich of the two answers?"
    for row, column, head, text, colour in (
        (0, 0, f"{len(prompts):,} opening prompts", "the bank: first messages\nof a conversation", SOFT),
        (0, 1, "Rules and classifier", _dropped(prompts), SOFT),
        (0, 2, f"{int(prompts['is_kept'].sum()):,} kept", _split(prompts["prompt_split"]), SOFT),
        (0, 3, f"{len(personas):,} personas", _split(personas["persona_split"]), PURPLE),
        (1, 0, "Answer", "written without the\npersona: the\nrepresentative user's", BLUE),
        (1, 1, "Critique", "as the persona: what\nresonates and what does not", PURPLE),
        (1, 2, "Revision", "follows the critique,\nnever naming an\nattribute", GREEN),
        (1, 3, f"{len(made):,} pairs", f"of {len(pairs):,} asked\n{_split(made['pair_split'])}", VERMILION),
        (2, 0, f"{n_common:,} common items", common, BLUE),
        (2, 1, "Raters choose", chosen, PURPLE),
    ):
        _box(axes, lefts[column], tops[row], wides[column], talls[row], head, text, colour)
    for row, column in ((0, 0), (0, 1), (1, 0), (1, 1), (1, 2), (2, 0), (2, 1)):
        y = tops[row] - talls[row] / 2
        _arrow(axes, (lefts[column] + wides[column], y), (lefts[column + 1], y))
    _arrow(axes, (1.2, 2.15), (1.2, 1.5), colour=BLUE)
    _route(axes, [(6.45, 3.85), (6.45, 3.67), (1.2, 3.67), (1.2, 3.25)], SOFT)
    _route(axes, [(9.05, 3.85), (9.05, 3.48), (3.8, 3.48), (3.8, 3.25)], PURPLE)
    _route(axes, [(10.2, 4.5), (10.35, 4.5), (10.35, 1.83), (3.8, 1.83), (3.8, 1.5)], PURPLE)
    _sketch(axes, lefts[2], tops[2], talls[2])
    compared = (
        f"of {n_compared:,} x {n_compared:,} personas: choices for one\n(row) with those for another (column)\n"
        "on the same items; outlined, one\npersona on both sides"
    )
    axes.text(7.0, 1.4, "Cohen's kappa", va="top", size=9.5, weight="bold", color=INK)
    axes.text(7.0, 1.16, compared, va="top", size=8, color=INK, linespacing=1.4)
    return page.figure


def _split(splits: pd.Series) -> str:
    """The count of each value of a column of splits, a line each; those that are in no split are left out."""
    counts = splits.value_counts()
    return "\n".join(f"{counts.get(name, 0):,} {words}" for name, words in SPLITS[str(splits.name)].items())


def _dropped(prompts: pd.DataFrame) -> str:
    """The most frequent reasons for which prompts were not kept, a line each, and the rest summed."""
    counts = prompts.loc[~prompts["is_kept"], "reason"].value_counts()
    shown = counts if len(counts) <= 5 else counts.iloc[:4]
    lines = [drawing.shorten(f"{count:,} {reason}", 36) for reason, count in shown.items()]
    rest = int(counts.sum() - shown.sum())
    return "\n".join(lines + [f"{rest:,} for other reasons"] * (rest > 0))


def _sketch(axes: Axes, x: float, y: float, side: float) -> None:
    """The upper triangle of a matrix of six personas, the darker the more alike; `y` is its upper edge."""
    n = 6
    step = side / n
    for row in range(n):
        for column in range(row, n):
            near = (0.9, 0.5, 0.3, 0.18, 0.1, 0.05)[column - row]
            spot = (x + column * step, y - (row + 1) * step)
            axes.add_patch(Rectangle(spot, step, step, facecolor=ORANGE, alpha=near, linewidth=0))
            if row == column:
                axes.add_patch(Rectangle(spot, step, step, fill=False, edgecolor=INK, linewidth=0.8))


@drawing.styled
def pair_creation(personas: pd.DataFrame, prompts: pd.DataFrame, *, simulated: bool = False) -> Figure:
    """How the critique of a persona turns two answers into one preference pair: a part of Figure 4, by itself."""
    n_train = int((prompts["prompt_split"] == "train").sum())
    n_out = int((prompts["prompt_split"] == "heldout_prompt").sum())
    width, height = 10.4, 3.75
    note = (
        "Direct principle feedback: the revision that follows a persona's critique is preferred to the answer that "
        "knew no persona. A pair is for training, or held out on a seen or an unseen prompt; whether its order holds "
        "is judged in a later step. A call that is refused, unparsed or failed leaves its status and no text."
    )
    page = drawing.page("How a preference pair is made", note, width_in=width, height_in=height, simulated=simulated)
    axes = _canvas(page, width, height)
    persona = f"one of {len(personas):,}: its\ndescription, one line\nper attribute"
    prompt = f"one of {n_train:,} train and\n{n_out:,} held-out prompts,\ndrawn independently"
    critique = "as the persona: what\nresonates and what does\nnot, quoting both; ends in\nan evaluation and advice"
    revision = "follows the advice, subtly:\nnever names an attribute,\nfewer words than the\nanswer"
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


LANES = (  # of the map: what a column of notebooks is about, their numbers, colour
    ("Who they are", ("01", "02", "03"), BLUE),
    ("What they are asked", ("04", "05"), GREEN),
    ("Do the pairs hold?", ("06", "07", "08"), PURPLE),
    ("Whom do models serve?", ("09", "10", "11"), ORANGE),
    ("People and training", ("12", "13"), SKY),
    ("What it comes to", ("14", "15"), VERMILION),
)


@drawing.styled
def notebook_map(written: dict[str, list[str]]) -> Figure:
    """The notebooks as a map: columns of one subject, each box a notebook with the tables that it writes.

    Parameters
    ----------
    written : the tables that each notebook writes, by its name, such as `05_feedback`; a number that is in no lane,
        and a lane without a notebook, are left out
    """
    named = {name[:2]: name for name in written}
    lanes = [(head, [n for n in numbers if n in named], colour) for head, numbers, colour in LANES]
    lanes = [lane for lane in lanes if lane[1]]
    step, wide, tall, height = 1.72, 1.52, 1.2, 4.4
    note = (
        "Each box is a notebook, with the tables that it writes; each column a subject. Later columns read the tables "
        "of earlier ones, never the other way round. Models are asked before the notebooks run: these replay."
    )
    width = 0.3 + step * len(lanes)
    page = drawing.page("The notebooks and what each writes", note, width_in=width, height_in=height, simulated=False)
    axes = _canvas(page, width, height)
    for i, (head, numbers, colour) in enumerate(lanes):
        x = 0.2 + i * step
        axes.text(x, 4.25, head, va="top", size=8.5, weight="bold", color=SOFT)
        for j, number in enumerate(numbers):
            text = textwrap.fill(", ".join(written[named[number]]), 24)
            _box(axes, x, 3.95 - j * (tall + 0.12), wide, tall, named[number].replace("_", " "), text, colour)
        if i + 1 < len(lanes):
            _arrow(axes, (x + wide, 3.35), (x + step, 3.35))
    return page.figure
