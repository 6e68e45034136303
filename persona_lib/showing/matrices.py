"""Figures 6 to 9: agreement persona by persona, as matrices and as histograms of their cells.

Every interval drawn is the 95 % interval that the statistics table states. A cell without a value is drawn
as such, never as zero.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from persona_lib.showing import drawing
from persona_lib.showing.drawing import BLUE, INK, PALE, SOFT, VERMILION

ALONE = "The panel has one model (roles.panel), so there is no other to compare it with."
BINS = np.linspace(-1, 1, 21)


@drawing.styled
def rater_matrices(kappas: pd.DataFrame, agreement: pd.DataFrame, *, simulated: bool = False) -> Figure:
    """Figure 6: kappa of a model as one persona with the raters of another, one matrix per model."""
    return _matrices(
        kappas[kappas["comparison"] == "model-rater"],
        title="Figure 6 · Agreement of models with raters, persona by persona",
        axes_of=lambda model: ("persona of the raters", "persona shown to the model"),
        heads=_means(agreement),
        about="the model shown one persona (row) and the majority of the raters of another (column)",
        simulated=simulated,
    )


@drawing.styled
def model_matrices(kappas: pd.DataFrame, *, simulated: bool = False) -> Figure:
    """Figure 8: kappa of one model as one persona with another model as another, one matrix per pair of models."""
    title = "Figure 8 · Agreement between models, persona by persona"
    cells = kappas[kappas["comparison"] == "model-model"]
    if _is_alone(kappas):
        return drawing.page(title, ALONE, width_in=9.6, height_in=0.2, simulated=simulated).figure
    return _matrices(
        cells,
        title=title,
        axes_of=lambda model: tuple(f"persona shown to {name}" for name in reversed(model.split("|"))),
        heads={},
        about="two models, each shown a persona",
        simulated=simulated,
    )


def _is_alone(kappas: pd.DataFrame) -> bool:
    return kappas.loc[kappas["comparison"] == "model-rater", "model"].nunique() == 1


def _means(agreement: pd.DataFrame) -> dict[str, str]:
    """Per model the mean of its diagonal and of the rest, as a sentence with the interval."""
    own = agreement[agreement["statistic"] == "mean_kappa"].set_index("group")
    other = agreement[agreement["statistic"] == "mean_kappa_other"].set_index("group")["estimate"]
    heads = {}
    for model, row in own.iterrows():
        interval = f"[{_number(row.low)}, {_number(row.high)}]"
        heads[model] = f"mean: same {_number(row.estimate)} {interval}, other {_number(other.get(model))}"
    return heads


def _number(value: float | None) -> str:
    return "undefined" if value is None or np.isnan(value) else f"{value:.2f}"


def _matrices(
    cells: pd.DataFrame, *, title: str, axes_of: Callable, heads: dict[str, str], about: str, simulated: bool
) -> Figure:
    import seaborn as sns

    models = list(dict.fromkeys(cells["model"]))
    if not models:
        raise ValueError(f"kappas: no row to draw in {title!r}")
    n_columns = 2 if len(models) <= 4 else 3
    n_rows = -(-len(models) // n_columns)
    side, step_x, step_y = 3.0, 3.95, 4.0
    if n_columns == 3:
        side, step_x, step_y = 2.35, 3.2, 3.3
    undefined = int(cells["kappa"].isna().sum())
    note = (
        f"Cohen's kappa, coded by content, between {about}. The diagonal, outlined, is the same persona on both sides. "
        f"Grey with a stroke: undefined ({undefined:,} of {len(cells):,} cells; too few shared items, or one constant "
        f"side). {_shared(cells)} A single cell carries little; the next figure shows their spread."
    )
    width = 0.8 + n_columns * step_x + 0.5
    page = drawing.page(title, note, width_in=width, height_in=n_rows * step_y + 0.25, simulated=simulated)
    bar = page.place(left_in=width - 0.75, top_in=0.35, width_in=0.14, height_in=min(3.0, side))
    for i, model in enumerate(models):
        matrix = cells[cells["model"] == model].pivot(index="rater_a", columns="rater_b", values="kappa")
        top = (i // n_columns) * step_y + 0.35
        axes = page.place(left_in=0.8 + (i % n_columns) * step_x, top_in=top, width_in=side, height_in=side)
        axes.set_label(model)
        axes.set_facecolor(PALE)
        sns.heatmap(
            matrix, vmin=-1, vmax=1, cmap="PuOr_r", ax=axes, cbar=i == 0, cbar_ax=bar, mask=matrix.isna(), linewidths=0
        )
        strokes = [((x + 0.2, y + 0.8), (x + 0.8, y + 0.2)) for y, x in zip(*np.where(matrix.isna()), strict=True)]
        axes.add_collection(LineCollection(strokes, colors=SOFT, linewidths=0.6))
        for row, name in enumerate(matrix.index):
            if name in matrix.columns:
                column = matrix.columns.get_loc(name)
                axes.add_patch(Rectangle((column, row), 1, 1, fill=False, edgecolor=INK, linewidth=0.8))
        across, down = axes_of(model)
        axes.set(xlabel=across, ylabel=down)
        axes.set_title(drawing.words(model.replace("|", " and ")), pad=15 if model in heads else 5)
        if model in heads:
            axes.text(0, 1.012, heads[model], transform=axes.transAxes, size=7.3, color=SOFT, va="bottom")
        many = len(matrix) > 40
        axes.set_xticks([] if many else np.arange(matrix.shape[1]) + 0.5, [] if many else matrix.columns, rotation=90)
        axes.set_yticks([] if many else np.arange(matrix.shape[0]) + 0.5, [] if many else matrix.index, rotation=0)
        axes.tick_params(length=0, labelsize=5.8 if n_columns == 2 else 4.8, pad=1.5)
    bar.set_ylabel("")
    bar.set_title("kappa", size=8, loc="left", weight="normal")
    bar.tick_params(length=2, labelsize=7.5)
    return page.figure


def _shared(cells: pd.DataFrame) -> str:
    low, high = int(cells["n"].min()), int(cells["n"].max())
    return f"n\u00a0=\u00a0{low}{'' if low == high else f' to {high}'} shared items a cell."


@drawing.styled
def rater_histograms(kappas: pd.DataFrame, agreement: pd.DataFrame, *, simulated: bool = False) -> Figure:
    """Figure 7: the spread of the cells of Figure 6, with two raters of one persona as the baseline."""
    cells = kappas[kappas["comparison"].isin(["model-rater", "rater-rater"])]
    between = cells["comparison"] == "rater-rater"
    cells = cells.assign(
        panel=cells["model"].where(~between, "two raters of one persona"),
        is_own=between | (cells["rater_a"] == cells["rater_b"]),
    )
    headline = agreement[agreement["statistic"] == "kappa_content"].set_index("group")
    headline = headline.rename(index={"rater_rater": "two raters of one persona"})
    return _histograms(
        cells,
        headline,
        title="Figure 7 · Spread of the agreement of models with raters",
        about="a model with the raters; the last panel, two raters with each other, is the baseline",
        simulated=simulated,
    )


@drawing.styled
def model_histograms(kappas: pd.DataFrame, agreement: pd.DataFrame, *, simulated: bool = False) -> Figure:
    """Figure 9: the spread of the cells of Figure 8."""
    title = "Figure 9 · Spread of the agreement between models"
    if _is_alone(kappas):
        return drawing.page(title, ALONE, width_in=9.6, height_in=0.2, simulated=simulated).figure
    cells = kappas[kappas["comparison"] == "model-model"]
    cells = cells.assign(panel=cells["model"], is_own=cells["rater_a"] == cells["rater_b"])
    return _histograms(
        cells,
        agreement[agreement["statistic"] == "kappa_content"].set_index("group"),
        title=title,
        about="two models",
        simulated=simulated,
    )


def _histograms(cells: pd.DataFrame, headline: pd.DataFrame, *, title: str, about: str, simulated: bool) -> Figure:
    import seaborn as sns

    panels = list(dict.fromkeys(cells["panel"]))
    if not panels:
        raise ValueError(f"kappas: no row to draw in {title!r}")
    n_columns = 3
    n_rows = -(-len(panels) // n_columns)
    note = (
        f"Cohen's kappa, coded by content, of {about}: one count per pair of personas, as a share of the panel's "
        "defined cells. Dashed line and band: kappa over all choices for the same persona, with its 95 % interval. "
        f"{_shared(cells)}"
    )
    page = drawing.page(title, note, width_in=9.6, height_in=n_rows * 2.15 + 0.35, simulated=simulated)
    top_share = 0.0
    drawn = []
    for i, panel in enumerate(panels):
        rows = cells[cells["panel"] == panel]
        axes = page.place(
            left_in=0.75 + (i % n_columns) * 3.0, top_in=0.65 + (i // n_columns) * 2.15, width_in=2.55, height_in=1.3
        )
        axes.set_label(panel)
        for is_own, colour, element in ((False, SOFT, "step"), (True, BLUE, "bars")):
            values = rows.loc[rows["is_own"] == is_own, "kappa"].dropna()
            if len(values):
                sns.histplot(
                    x=values.to_numpy(),
                    bins=BINS,
                    stat="percent",
                    ax=axes,
                    color=colour,
                    element=element,
                    fill=is_own,
                    alpha=0.7 if is_own else 1,
                    linewidth=0.4 if is_own else 1.1,
                )
        if panel in headline.index:
            row = headline.loc[panel]
            axes.axvspan(row["low"], row["high"], color="#F7DCCB", linewidth=0, zorder=0.5)
            axes.axvline(row["estimate"], color=VERMILION, linewidth=1.3, linestyle=(0, (4, 2)))
        n_own, n_out = int(rows["is_own"].sum()), int(rows["kappa"].isna().sum())
        axes.set_title(drawing.words(panel.replace("|", " and ")), pad=14)
        counts = f"{n_own:,} same, {len(rows) - n_own:,} other" if n_own < len(rows) else f"{n_own:,} pairs"
        axes.text(
            0, 1.02, f"{counts}; {n_out:,} undefined", transform=axes.transAxes, size=7.3, color=SOFT, va="bottom"
        )
        axes.set(xlim=(-1, 1), xlabel="Cohen's kappa" if i >= len(panels) - n_columns else "", ylabel="")
        axes.set_ylabel("share of cells (%)" if i % n_columns == 0 else "")
        axes.grid(axis="y")
        top_share = max(top_share, axes.get_ylim()[1])
        drawn.append(axes)
    for axes in drawn:
        axes.set_ylim(0, top_share)
    handles = [
        Patch(color=BLUE, alpha=0.7, label="same persona"),
        Line2D([], [], color=SOFT, linewidth=1.1, label="different personas"),
        Line2D([], [], color=VERMILION, linestyle=(0, (4, 2)), label="over all choices, same persona"),
    ]
    drawn[0].legend(handles=handles, loc="lower left", bbox_to_anchor=(0, 1.28), ncols=3, borderaxespad=0)
    return page.figure
