"""Figures 2 and 13: who the personas are, and who the census counts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from persona_lib.estimating.resample import Z_95, wilson
from persona_lib.showing import drawing
from persona_lib.showing.drawing import BLUE, GREEN, INK, NOTHING, ORANGE, PALE, PURPLE, SOFT, VERMILION
from persona_lib.showing.findings import number
from persona_lib.tables import schema
from persona_lib.tables.values import (
    ADULT_YEARS,
    AGE_BANDS,
    BIG_FIVE,
    INCOME_BANDS,
    OF_HOUSEHOLDS,
    adult_label,
    age_band,
    income_band,
)

ORIGIN_COLOURS = {"observed": BLUE, "imputed": ORANGE, "listed": GREEN, "written": PURPLE}
N_SHOWN, N_SHOWN_OF_MANY, MANY = 6, 3, 20
BESIDE = {
    "draws": ("|", INK, "draws"),
    "outside": ("|", VERMILION, "draws, outside their 95 % range"),
    "census": ("|", INK, "census"),
    "census outside": ("|", VERMILION, "census, outside the interval"),
    "file": ("o", SOFT, "census file, persons of the published table"),
    "published": ("D", INK, "published ACS table"),
}
NOTHINGS = (schema.NOT_IN_UNIVERSE, schema.UNKNOWN)
COLUMN_IN, LABEL_IN, BAR_IN, ROW_IN, GAP_IN, N_COLUMNS = 2.38, 1.28, 0.68, 0.108, 0.265, 3  # three on a printed page
ENOUGH = 5

BANDED = ("age_years", "income_usd")


def shares(personas: pd.DataFrame) -> pd.DataFrame:
    """Share of personas in each category of each attribute, with a Wilson 95 % interval.

    Age and income are cut into bands (`values`). No category is left out,
    so the shares of an attribute sum to one.

    Returns
    -------
    One row per (attribute, category): `position` (order of the category: bands as cut, others by
    count, the kinds of nothing last), `share`, `low`, `high`, `n` personas.
    """
    found = []
    for attribute in schema.attributes()["attribute"]:
        values, order = _categories(personas, attribute)
        counts = values.value_counts()
        counts = counts.rename_axis("category").sort_index().sort_values(ascending=False, kind="stable")
        named = [c for c in (order or counts.index) if c in counts.index and c not in NOTHINGS]
        named += [c for c in NOTHINGS if c in counts.index]
        found.append(pd.DataFrame({"attribute": attribute, "category": named, "n": counts.loc[named].to_numpy()}))
    table = pd.concat(found, ignore_index=True)
    table["position"] = table.groupby("attribute").cumcount()
    table["share"] = table["n"] / len(personas)
    table["low"], table["high"] = wilson(table["n"], len(personas))
    return table


def _categories(personas: pd.DataFrame, attribute: str) -> tuple[pd.Series, Sequence[str] | None]:
    if attribute == "age_years":
        bands, order = age_band(personas["age_years"]), list(AGE_BANDS)
        if personas["age_years"].min() >= ADULT_YEARS:
            bands, order = bands.map(adult_label), [adult_label(band) for band in order]
        return bands, order
    if attribute == "income_usd":
        return income_band(personas["income_usd"], personas["age_years"]), INCOME_BANDS
    return personas[attribute], None


@drawing.styled
def demographics(
    personas: pd.DataFrame,
    margins: pd.DataFrame | None = None,
    *,
    simulated: bool = False,
    synthetic: bool = False,
) -> Figure:
    """Figure 2: the personas' distribution over all 33 attributes, one panel each.

    With `margins`, the census shares stand beside every attribute that the census has.
    """
    known = schema.attributes()
    table, origins = shares(personas), dict(zip(known["attribute"], known["origin"], strict=True))
    beside = {} if margins is None else _census_beside(table, margins)
    compared = "; strokes: the census that was drawn from, in every panel that it has" if beside else ""
    note = (
        f"Share of the {len(personas):,} personas in each category, all bars on one scale from 0 to 100 %; thin lines "
        f"are Wilson 95 % intervals{compared}. Of attributes with many categories the most frequent are shown, the "
        "rest summed in a pale bar; the big five are drawn as the median, middle half and middle 90 % of the scores in "
        "standard deviations."
    )
    labels = _labels()
    tinted = {name: ORIGIN_COLOURS[origins[name]] for name in known["attribute"]}
    said = {"observed": "observed, or derived from it"}
    handles = [Patch(color=colour, label=said.get(name, name)) for name, colour in ORIGIN_COLOURS.items()]
    return _panels(
        table,
        title="Figure 2 · Demographics of the personas",
        note=note,
        labels=labels,
        tinted=tinted,
        handles=[*handles, Patch(color=NOTHING, label="not in universe, or unknown"), *_mark_handles(beside)],
        scores=personas[list(BIG_FIVE)],
        beside=beside,
        stamps={"simulated": simulated, "synthetic": synthetic},
    )


def _census_beside(table: pd.DataFrame, margins: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Census shares of the categories that are shown, those summed in one row too, of every attribute of the census."""
    census = margins.loc[margins["source"] == "labels", ["attribute", "category", "share"]]
    found = []
    for attribute in census["attribute"].unique():
        rows = _top(table[table["attribute"] == attribute]).assign(attribute=attribute)
        both = rows.merge(census, on=["attribute", "category"], how="left", suffixes=("_here", ""))
        rest = both["is_rest"].to_numpy()
        both.loc[rest, "share"] = 1 - both.loc[~rest, "share"].sum()
        found.append(both.dropna(subset="share"))
    shown = pd.concat(found) if found else table.assign(share=np.nan).iloc[:0]
    is_outside = (shown["share"] < shown["low"]) | (shown["share"] > shown["high"])
    return {"census": shown[~is_outside], "census outside": shown[is_outside]}


def _mark_handles(beside: dict[str, pd.DataFrame]) -> list[Line2D]:
    """Legend entries of the marks that are drawn somewhere."""
    found = []
    for mark, colour, label in (BESIDE[source] for source, rows in beside.items() if len(rows)):
        fill = "none" if mark == "o" else colour
        found.append(
            Line2D([], [], linestyle="", marker=mark, markersize=5.5, color=fill, markeredgecolor=colour, label=label)
        )
    return found


@drawing.styled
def census_demographics(margins: pd.DataFrame, fidelity: pd.DataFrame, *, synthetic: bool = False) -> Figure:
    """Figure 13: Figure 2 of the weighted census, with the draws and the published tables that have the category.

    How well the shares of draws and census correlate is told from table `fidelity`.
    """
    census = margins[margins["source"] == "census"]
    if census.empty:
        raise ValueError("margins: no row has source census; notebook 02 writes them")
    census = census.assign(
        low=(census["share"] - Z_95 * census["standard_error"]).clip(lower=0),
        high=(census["share"] + Z_95 * census["standard_error"]).clip(upper=1),
    )
    shown, labels = _margin_order(census), _labels()
    labels = {name: labels.get(name, drawing.words(name).capitalize()) for name in shown["attribute"].unique()}
    n_records = int(census.groupby("attribute")["n"].sum().max())
    draws = _drawn(census, margins[margins["source"] == "draws"])
    outside = draws[draws["is_outside"]]
    correlated = drawing.pick(fidelity, "share_correlation", "group").set_index("group").loc["all"]
    correlation = "undefined"
    if not np.isnan(correlated["estimate"]):
        correlation = number(correlated["estimate"], correlated["low"], correlated["high"]) + " over redraws"
    note = (
        f"Laid out as Figure 2, for the {census['attribute'].nunique()} attributes whose census shares stand in table "
        f"margins. Bars: weighted share of the {n_records:,} census records that may be drawn, with 95 % intervals "
        "from the replicate weights; strokes: the draws from them, whose shares correlate with the census at "
        f"{correlation}. Of the {draws['is_counted'].sum()} shares that expect five draws {len(outside)} are further "
        "off than 95 % of such draws; by chance one in twenty would be. All bars on one scale from 0 to 100 %. "
        "Published tables count other persons, minors for one: compare diamonds with rings, the file's records of just "
        "these persons. Tables that count households, by type and by children, are not drawn beside persons. Where the "
        "file was fitted to the published totals, as the shipped synthetic sample was, they "
        "agree by construction."
    )
    beside = {"draws": draws[~draws["is_outside"]], "outside": outside}
    alike = margins[
        ~margins["attribute"].isin(OF_HOUSEHOLDS)
    ]  # tables of households beside persons are of other shares
    beside |= {source: alike[alike["source"] == source] for source in ("file", "published")}
    handles = [Patch(color=BLUE, label="census file"), *_mark_handles(beside)]
    return _panels(
        shown,
        title="Figure 13 · Demographics of the census",
        note=note,
        labels=labels,
        tinted=dict.fromkeys(labels, BLUE),
        handles=handles,
        beside=beside,
        stamps={"simulated": False, "synthetic": synthetic},
    )


def _drawn(census: pd.DataFrame, draws: pd.DataFrame) -> pd.DataFrame:
    """The shares of the draws, and whether they are further off than 95 % of draws of this size: `is_outside`.

    The range is p +- 1.96 sqrt(p (1 - p) / n) around the census share p, n draws being in the attribute's
    universe. A category that expects fewer than five draws is not counted (`is_counted`): there the range
    means nothing.
    """
    key = ["attribute", "category"]
    aim = draws[key].merge(census[[*key, "share"]], on=key, how="left")["share"].fillna(0).to_numpy()
    n = draws.groupby("attribute")["n"].transform("sum").to_numpy(dtype="float64")
    far = np.abs(draws["share"].to_numpy() - aim) > Z_95 * np.sqrt(aim * (1 - aim) / n)
    counted = (n * aim >= ENOUGH) & (aim < 1)
    return draws.assign(is_counted=counted, is_outside=far & counted)


def _labels() -> dict[str, str]:
    """The panel titles: each attribute's label, with its unit where it has one."""
    columns = schema.tables()["personas"].columns
    named = {name: columns[name] for name in schema.attributes()["attribute"]}
    return {name: f"{column.label} ({column.unit})" if column.unit else column.label for name, column in named.items()}


def _margin_order(census: pd.DataFrame) -> pd.DataFrame:
    """Bands in their own order, other categories by share, the kinds of nothing last."""
    first = census["category"].str.extract(r"(\d[\d,]*)")[0].str.replace(",", "").astype(float)
    lowest = census["category"].str.contains(r"^(?:under|none|loss)", case=False, regex=True)
    size = np.where(census["attribute"].isin(BANDED), first.where(~lowest, -1), -census["share"])
    ordered = census.assign(nothing=census["category"].isin(NOTHINGS), size=size)
    ranks = {name: i for i, name in enumerate(schema.attributes()["attribute"])}
    ordered = ordered.assign(rank=ordered["attribute"].map(ranks).fillna(len(ranks)))
    ordered = ordered.sort_values(["rank", "attribute", "nothing", "size", "category"], kind="stable")
    return ordered.assign(position=ordered.groupby("attribute").cumcount()).drop(columns=["nothing", "size", "rank"])


def _panels(
    table: pd.DataFrame,
    *,
    title: str,
    note: str,
    labels: dict[str, str],
    tinted: dict[str, str],
    handles: list,
    scores: pd.DataFrame | None = None,
    beside: dict[str, pd.DataFrame] | None = None,
    stamps: dict[str, bool],
) -> Figure:
    """One panel of bars per attribute, laid into columns from the top, each into the shortest column."""
    drawn = {name: _top(table[table["attribute"] == name]) for name in labels}
    heights = {
        name: ROW_IN * (len(BIG_FIVE) if _is_scores(name, scores) else len(rows)) for name, rows in drawn.items()
    }
    fill, spots = [0.0] * N_COLUMNS, {}
    for name in labels:
        column = int(np.argmin(fill))
        spots[name] = (column, fill[column])
        fill[column] += heights[name] + GAP_IN
    page = drawing.page(title, note, width_in=0.2 + N_COLUMNS * COLUMN_IN, height_in=max(fill) + 0.3, **stamps)
    page.keep(bars=pd.concat([rows.assign(attribute=name) for name, rows in drawn.items()]), **(beside or {}))
    for name, (column, top) in spots.items():
        left = 0.15 + column * COLUMN_IN + LABEL_IN
        axes = page.place(left_in=left, top_in=top + 0.34, width_in=BAR_IN, height_in=heights[name])
        axes.set_label(name)
        if _is_scores(name, scores):
            _draw_scores(axes, scores, tinted[name])
        else:
            _draw_bars(axes, drawn[name], tinted[name])
            for source, rows in (beside or {}).items():
                _draw_beside(axes, drawn[name], rows[rows["attribute"] == name], source)
        axes.set_title(labels[name], x=-LABEL_IN / BAR_IN, pad=2.5, size=7.5)
    page.figure.legend(
        handles=handles,
        loc="upper left",
        ncols=4,
        fontsize=7,
        bbox_to_anchor=(
            0.08 / page.figure.get_size_inches()[0],
            1 - (page.head_in - 0.14) / page.figure.get_size_inches()[1],
        ),
        borderaxespad=0,
        handlelength=1.1,
    )
    return page.figure


def _is_scores(name: str, scores: pd.DataFrame | None) -> bool:
    return name == "big_five" and scores is not None


def _top(rows: pd.DataFrame) -> pd.DataFrame:
    """The most frequent categories, what is left of them in one row, then the kinds of nothing."""
    nothing = rows["category"].isin(NOTHINGS)
    named = rows[~nothing].sort_values("position")
    keep = N_SHOWN if len(named) <= MANY else N_SHOWN_OF_MANY
    keep = len(named) if rows["attribute"].isin(BANDED).all() else keep
    rest = named.iloc[0:0]
    if len(named) > keep + 1:
        rest = named.iloc[keep:]
        named = named.iloc[:keep]
    summed = pd.DataFrame({"category": [f"{len(rest)} others"], "share": [rest["share"].sum()], "is_rest": True})
    parts = [named, summed if len(rest) else rest, rows[nothing]]
    joined = pd.concat([part for part in parts if len(part)], ignore_index=True)
    joined["is_rest"] = joined["is_rest"].eq(True) if "is_rest" in joined else False
    return joined


def _draw_bars(axes: Axes, rows: pd.DataFrame, colour: str) -> None:
    tint = [NOTHING if c in NOTHINGS else colour for c in rows["category"]]
    places = np.arange(len(rows))
    bars = axes.barh(places, rows["share"] * 100, height=0.78, color=tint)
    for bar, is_rest in zip(bars, rows["is_rest"], strict=True):
        bar.set_alpha(0.45 if is_rest else 0.85)
    axes.hlines(places, rows["low"] * 100, rows["high"] * 100, color=INK, linewidth=0.8)
    for place, share in zip(places, rows["share"], strict=True):
        axes.text(138, float(place), drawing.percent(share), va="center", ha="right", size=6, color=SOFT)
    axes.set(xlim=(0, 100), ylim=(len(rows) - 0.5, -0.5), xticks=[])
    axes.set_yticks(places, [drawing.shorten(c, 27) for c in rows["category"]], size=6.2)
    axes.tick_params(axis="y", length=0, pad=2)
    axes.spines["bottom"].set_visible(False)


def _draw_beside(axes: Axes, rows: pd.DataFrame, beside: pd.DataFrame, source: str) -> None:
    places = {category: i for i, category in enumerate(rows["category"])}
    same = beside[beside["category"].isin(places)]
    if same.empty:
        return
    marker, colour, _ = BESIDE[source]
    axes.plot(
        same["share"] * 100,
        same["category"].map(places),
        linestyle="",
        marker=marker,
        markersize={"|": 6, "o": 4, "D": 2.2}[marker],
        color="none" if marker == "o" else colour,
        markeredgecolor=colour,
        markeredgewidth=1.5 if marker == "|" else 0.7,
    )


def _draw_scores(axes: Axes, scores: pd.DataFrame, colour: str) -> None:
    for place, trait in enumerate(scores.columns):
        low, first, middle, third, high = np.percentile(scores[trait].dropna(), [5, 25, 50, 75, 95])
        axes.hlines(place, low, high, color=colour, linewidth=1)
        axes.hlines(place, first, third, color=colour, linewidth=4)
        axes.plot(middle, place, "o", color="white", markersize=3.5, markeredgecolor=INK, markeredgewidth=0.7)
    axes.set(xlim=(-2.6, 2.6), ylim=(len(scores.columns) - 0.5, -0.5))
    axes.axvline(0, color=PALE, zorder=0)
    axes.set_xticks([-2, 0, 2], ["-2", "0", "2 SD"], size=6)
    axes.set_yticks(range(len(scores.columns)), [t.capitalize() for t in scores.columns], size=6.2)
    axes.tick_params(axis="y", length=0, pad=2)
    axes.tick_params(axis="x", length=2, pad=1)
