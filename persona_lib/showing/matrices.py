"""Figures 6 to 9: agreement persona by persona, as matrices and as histograms of their cells.

Every interval drawn is the 95 % interval that the statistics table states. A cell without a value is drawn
as such, never as zero.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import Collection, LineCollection, PatchCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from persona_lib.showing import drawing
from persona_lib.showing.drawing import INK, PALE, SOFT, VERMILION
from persona_lib.showing.findings import number

ALONE = "The panel has one model (roles.panel), so there is no other to compare it with."
UNUSED = "On one side of the comparison no choice could be used, so there is nothing to compare."
LEAST_CELL_IN = 0.1  # below it the names of the personas would run into each other: they stand in the CSV
BINS = np.linspace(-1, 1, 21)
SAME = "#8CBCE0"  # bars of one persona on both sides, pale enough for the outline that crosses them
OWN = {"facecolor": SAME, "edgecolor": INK, "linewidth": 0.4, "alpha": 1, "zorder": 2}
OTHER = {"color": INK, "linewidth": 1.3, "fill": False, "element": "step", "zorder": 3}
RATERS = "held-out rater and majority"
LIKENESS = ("rater-majority", "model-rater", "model-model")  # whose agreement orders the personas, the first at hand


@drawing.styled
def rater_matrices(kappas: pd.DataFrame, agreement: pd.DataFrame, *, simulated: bool = False) -> Figure:
    """Figure 6: kappa of a model as one persona with the raters of another, one matrix per model.

    The last matrix has the rater held out of the majority in the model's place. The lower triangles are left blank.
    """
    title = "Figure 6 · Agreement of models with raters, persona by persona"
    if why := _lacking(kappas, "model-rater"):
        return _blank(title, why, simulated)
    return _matrices(
        kappas,
        "model-rater",
        title=title,
        axes_of=lambda model: ("persona of the raters", "persona shown to the model"),
        heads=_means(agreement),
        about="the model shown one persona (row) and the majority of the raters of another (column)",
        simulated=simulated,
    )


@drawing.styled
def model_matrices(kappas: pd.DataFrame, agreement: pd.DataFrame, *, simulated: bool = False) -> Figure:
    """Figure 8: kappa of one model as one persona with another model as another, one matrix per pair of models.

    The last matrix is that of Figure 6 between raters. The lower triangles are left blank.
    """
    title = "Figure 8 · Agreement between models, persona by persona"
    if why := _lacking(kappas, "model-model"):
        return _blank(title, why, simulated)
    return _matrices(
        kappas,
        "model-model",
        title=title,
        axes_of=lambda model: tuple(f"persona shown to {name}" for name in reversed(model.split("|"))),
        heads=_pooled(agreement),
        about="two models, each shown a persona",
        simulated=simulated,
    )


def by_likeness(kappas: pd.DataFrame) -> list[str]:
    """The personas of the matrices, alike ones beside each other: one order for all panels.

    Distance is the share of items on which the raters of two personas choose differently, averaged over both
    directions (the held-out rater of one, the majority of the other); average linkage, leaves in the order that makes
    neighbours most alike [1]_. Without a held-out rater the models' agreement with the raters takes their place,
    without raters that between models. Pairs that share no item count as farthest.

    Parameters
    ----------
    kappas : rows of table `kappas`

    References
    ----------
    .. [1] Z. Bar-Joseph, D. Gifford, T. Jaakkola (2001). Fast optimal leaf ordering for hierarchical clustering.
       Bioinformatics 17, S22-S29.
    """
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    names = sorted({*kappas["rater_a"], *kappas["rater_b"]})
    if len(names) < 3:
        return names
    found = next(name for name in LIKENESS if name in set(kappas["comparison"]))
    both = kappas[kappas["comparison"] == found].groupby(["rater_a", "rater_b"])["agreement"].mean()
    alike = both.unstack().reindex(index=names, columns=names)
    alike = pd.concat([alike, alike.T]).groupby(level=0).mean().fillna(0).to_numpy()
    distance = squareform(1 - alike, checks=False)
    return [names[i] for i in leaves_list(linkage(distance, "average", optimal_ordering=True))]


def _lacking(kappas: pd.DataFrame, comparison: str) -> str:
    """Why there is no cell of a comparison; '' where there is one."""
    if kappas["comparison"].eq(comparison).any():
        return ""
    is_alone = kappas.loc[kappas["comparison"] == "model-rater", "model"].nunique() == 1
    return ALONE if comparison == "model-model" and is_alone else UNUSED


def _blank(title: str, why: str, simulated: bool) -> Figure:
    """A figure that says why it shows nothing."""
    return drawing.page(title, why, width_in=7.2, height_in=0.2, simulated=simulated).figure


def _cells(kappas: pd.DataFrame, comparison: str) -> pd.DataFrame:
    """The rows of one comparison and, last, those between raters, with the panel that each is drawn in."""
    cells = [kappas[kappas["comparison"] == name] for name in (comparison, "rater-majority")]
    joined = pd.concat(cells, ignore_index=True)
    between = joined["comparison"] == "rater-majority"
    return joined.assign(panel=joined["model"].mask(between, RATERS), is_own=joined["rater_a"] == joined["rater_b"])


def _means(agreement: pd.DataFrame) -> dict[str, str]:
    """Per model the mean of its diagonal and of the rest, as a sentence with the interval."""
    own = agreement[agreement["statistic"] == "mean_kappa"].set_index("group")
    other = agreement[agreement["statistic"] == "mean_kappa_other"].set_index("group")["estimate"]
    heads = _pooled(agreement)
    for model, row in own.iterrows():
        heads[model] = f"mean: same {_interval(row)}, other {number(other.get(model, np.nan))}"
    return heads


def _pooled(agreement: pd.DataFrame) -> dict[str, str]:
    """Per panel the kappa over all choices for the same persona, as a sentence with the interval."""
    return {panel: f"all choices, same: {_interval(row)}" for panel, row in _headline(agreement).iterrows()}


def _headline(agreement: pd.DataFrame) -> pd.DataFrame:
    found = agreement[agreement["statistic"] == "kappa_content"].set_index("group")
    return found.rename(index={"held_out_rater": RATERS})


def _interval(row: pd.Series) -> str:
    return number(row["estimate"], row["low"], row["high"])


def _matrices(
    kappas: pd.DataFrame,
    comparison: str,
    *,
    title: str,
    axes_of: Callable,
    heads: dict[str, str],
    about: str,
    simulated: bool,
) -> Figure:
    cells = _cells(kappas, comparison)
    panels, order = list(dict.fromkeys(cells["panel"])), by_likeness(kappas)
    order = [name for name in order if name in {*cells["rater_a"], *cells["rater_b"]}]
    found = {
        panel: rows.pivot(index="rater_a", columns="rater_b", values="kappa").reindex(index=order, columns=order)
        for panel, rows in cells.groupby("panel")
    }
    n_columns = 2 if len(panels) <= 6 else 3
    n_rows = -(-len(panels) // n_columns)
    side, step_x, step_y = (2.1, 3.05, 2.68) if n_columns == 2 else (1.5, 2.05, 2.1)
    upper = np.triu(np.ones((len(order), len(order)), dtype=bool))
    undefined = sum(int((matrix.isna() & upper).sum(axis=None)) for matrix in found.values())
    unnamed = " The file of this figure's rows names the personas." if side < LEAST_CELL_IN * len(order) else ""
    last = "; last panel: the rater held out of the majority, and the majority" if RATERS in found else ""
    note = (
        f"Cohen's kappa, coded by content, between {about}{last}. The outlined diagonal is the same persona on both "
        "sides; the lower triangle is left blank as in the paper, while all statistics use every cell. Personas stand "
        "in one order in all panels, those whose raters choose alike beside each other (hierarchical clustering). "
        f"A dash: below zero. Grey with a stroke: undefined, {undefined:,} of {len(panels) * int(upper.sum()):,} cells "
        f"(too few shared items, or one side's choices all the same). {_shared(cells)} A single cell carries little; "
        f"the next figure shows their spread.{unnamed}"
    )
    width = 0.7 + n_columns * step_x + 0.45
    page = drawing.page(title, note, width_in=width, height_in=n_rows * step_y + 0.55, simulated=simulated)
    page.keep(cells=cells[["panel", "rater_a", "rater_b", "kappa", "n"]])
    bar = page.place(left_in=width - 0.65, top_in=0.35, width_in=0.14, height_in=side)
    for i, panel in enumerate(panels):
        top = (i // n_columns) * step_y + 0.35
        axes = page.place(left_in=0.7 + (i % n_columns) * step_x, top_in=top, width_in=side, height_in=side)
        axes.set_label(panel)
        drawn = _draw_matrix(axes, found[panel], upper)
        if i == 0:
            page.figure.colorbar(drawn, cax=bar)
            bar.spines[:].set_visible(False)
        if i + n_columns < len(panels) or side < LEAST_CELL_IN * len(order):
            axes.set_xticks([])  # all panels have the order of the lowest
        if i % n_columns or side < LEAST_CELL_IN * len(order):
            axes.set_yticks([])
        across, down = axes_of(panel) if panel != RATERS else ("persona of the majority", "persona of the rater")
        axes.set(xlabel=across, ylabel=down)
        axes.set_title(drawing.words(panel.replace("|", " and ")), pad=14)
        axes.text(0, 1.012, heads.get(panel, ""), transform=axes.transAxes, size=6.5, color=SOFT, va="bottom")
        axes.tick_params(length=0, labelsize=6, pad=1.5)
    bar.set_ylabel("")
    bar.set_title("kappa", size=8, loc="left", weight="normal")
    bar.tick_params(length=2, labelsize=7.5)
    return page.figure


def _draw_matrix(axes: Axes, matrix: pd.DataFrame, upper: np.ndarray) -> Collection:
    """The upper triangle: undefined cells grey with a stroke, the diagonal outlined; a dash, seen in grey, below 0."""
    import seaborn as sns

    gone = matrix.isna().to_numpy() & upper
    hidden = matrix.isna().to_numpy() | ~upper
    sns.heatmap(matrix, vmin=-1, vmax=1, cmap="PuOr_r", ax=axes, cbar=False, mask=hidden, square=True)
    spots = list(zip(*np.where(gone), strict=True))
    axes.add_collection(PatchCollection([Rectangle((x, y), 1, 1) for y, x in spots], facecolor=PALE, linewidth=0))
    strokes = [((x + 0.2, y + 0.8), (x + 0.8, y + 0.2)) for y, x in spots]
    negative = list(zip(*np.where(matrix.lt(0) & upper), strict=True))
    below = [((x + 0.25, y + 0.5), (x + 0.75, y + 0.5)) for y, x in negative]
    inks = ["white" if matrix.iat[y, x] < -0.5 else INK for y, x in negative]
    axes.add_collection(LineCollection(strokes, colors=SOFT, linewidths=0.6))
    axes.add_collection(LineCollection(below, colors=inks, linewidths=0.5))
    for place in range(len(matrix)):
        axes.add_patch(Rectangle((place, place), 1, 1, fill=False, edgecolor=INK, linewidth=0.8))
    places = np.arange(len(matrix)) + 0.5
    axes.set_xticks(places, matrix.index, rotation=90)
    axes.set_yticks(places, matrix.index, rotation=0)
    return axes.collections[0]


def _shared(cells: pd.DataFrame) -> str:
    low, high = int(cells["n"].min()), int(cells["n"].max())
    return f"n\u00a0=\u00a0{low}{'' if low == high else f' to {high}'} shared items a cell."


@drawing.styled
def rater_histograms(kappas: pd.DataFrame, agreement: pd.DataFrame, *, simulated: bool = False) -> Figure:
    """Figure 7: the spread of the cells of Figure 6, all of them."""
    title = "Figure 7 · Spread of the agreement of models with raters"
    if why := _lacking(kappas, "model-rater"):
        return _blank(title, why, simulated)
    cells = _cells(kappas, "model-rater")
    return _histograms(cells, agreement, title=title, about="a model and the raters", simulated=simulated)


@drawing.styled
def model_histograms(kappas: pd.DataFrame, agreement: pd.DataFrame, *, simulated: bool = False) -> Figure:
    """Figure 9: the spread of the cells of Figure 8, all of them."""
    title = "Figure 9 · Spread of the agreement between models"
    if why := _lacking(kappas, "model-model"):
        return _blank(title, why, simulated)
    cells = _cells(kappas, "model-model")
    return _histograms(cells, agreement, title=title, about="two models", simulated=simulated)


def _histograms(cells: pd.DataFrame, agreement: pd.DataFrame, *, title: str, about: str, simulated: bool) -> Figure:
    import seaborn as sns

    panels, headline = list(dict.fromkeys(cells["panel"])), _headline(agreement)
    n_columns = 3
    n_rows = -(-len(panels) // n_columns)
    last = "the last panel, a rater and the majority of others, is the yardstick; " if RATERS in panels else ""
    note = (
        f"Cohen's kappa, coded by content, of {about}: one count per pair of personas, as a share of the panel's "
        f"defined cells; {last}undefined: too few shared items, or one side's choices all the same. Dashed line and "
        f"band: kappa over all choices for the same persona, with its 95 % interval. {_shared(cells)}"
    )
    page = drawing.page(title, note, width_in=7.3, height_in=n_rows * 2.15 + 0.35, simulated=simulated)
    page.keep(cells=cells[["panel", "is_own", "kappa"]])
    top_share = 0.0
    drawn = []
    for i, panel in enumerate(panels):
        rows = cells[cells["panel"] == panel]
        axes = page.place(
            left_in=0.65 + (i % n_columns) * 2.25, top_in=0.65 + (i // n_columns) * 2.15, width_in=1.9, height_in=1.3
        )
        axes.set_label(panel)
        for is_own in (True, False):
            values = rows.loc[rows["is_own"] == is_own, "kappa"].dropna().to_numpy()
            if len(values):
                sns.histplot(x=values, bins=BINS, stat="percent", ax=axes, **(OWN if is_own else OTHER))
        if panel in headline.index:
            row = headline.loc[panel]
            axes.axvspan(row["low"], row["high"], color="#F7DCCB", linewidth=0, zorder=0.5)
            axes.axvline(row["estimate"], color=VERMILION, linewidth=1.3, linestyle=(0, (4, 2)), zorder=4)
        n_own, n_out = int(rows["is_own"].sum()), int(rows["kappa"].isna().sum())
        axes.set_title(drawing.words(panel.replace("|", " and ")), pad=14)
        counts = f"{n_own:,} same, {len(rows) - n_own:,} other; {n_out:,} undefined"
        axes.text(0, 1.02, counts, transform=axes.transAxes, size=6.5, color=SOFT, va="bottom")
        axes.set(
            xlim=(-1, 1),
            xticks=[-1, -0.5, 0, 0.5, 1],
            xlabel="Cohen's kappa" if i >= len(panels) - n_columns else "",
            ylabel="",
        )
        axes.set_ylabel("share of cells (%)" if i % n_columns == 0 else "")
        axes.grid(axis="y")
        top_share = max(top_share, axes.get_ylim()[1])
        drawn.append(axes)
    for axes in drawn:
        axes.set_ylim(0, top_share)
    handles = [
        Patch(facecolor=SAME, edgecolor=INK, linewidth=0.4, label="same persona"),
        Line2D([], [], color=INK, linewidth=1.3, label="different personas"),
        Line2D([], [], color=VERMILION, linestyle=(0, (4, 2)), label="over all choices, same persona"),
    ]
    drawn[0].legend(handles=handles, loc="lower left", bbox_to_anchor=(0, 1.28), ncols=3, borderaxespad=0)
    return page.figure
