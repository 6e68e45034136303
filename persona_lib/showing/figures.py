"""Figures 5, 10, 11 and 12: statistics tables in, matplotlib figures out; nothing is computed anew.

Every interval drawn is the 95 % interval that the statistics table states. A cell without a value is drawn
as such, never as zero.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import Normal, Stroke

from persona_lib.showing import drawing
from persona_lib.showing.drawing import BLUE, INK, MODE_COLOURS, PALE, SKY, SOFT, VERMILION, pick
from persona_lib.showing.findings import number, percentage
from persona_lib.tables import schema
from persona_lib.tables.values import MODES, PLACEBO

ROW_IN, SPREAD_IN = 0.19, 0.21
HALO = [Stroke(linewidth=2.8, foreground="white"), Normal()]  # so that a line is seen on a dark bar
MANY = 200  # points of one row, from which on they are drawn faint
ARMS = {
    "chain_of_thought": "Chain of thought, persona",
    "output_only": "Output only, persona",
    "baseline": "Baseline, no persona",
}


@drawing.styled
def influence(influences: pd.DataFrame, *, simulated: bool = False) -> Figure:
    """Figure 5: for each attribute the kappas of all personas, with and without it, and the excess of changed choices.

    Attributes are sorted by the median of their kappas, lowest first and those without a defined one last; below them
    stand the placebo, an irrelevant line, and the kappas of asking the same question twice, the reference of both.
    """
    kappas = pick(influences, "persona_kappa", "attribute", "persona")
    again = pick(influences, "persona_kappa_retest", "attribute", "persona")
    of_each = kappas.groupby("attribute")["estimate"]
    names = [n for n in of_each.median().sort_values(kind="stable").index if n != PLACEBO]
    n_attributes = len(names)
    names += [PLACEBO] * (PLACEBO in of_each.groups)
    spreads = [*(of_each.get_group(name).to_numpy() for name in names), again["estimate"].to_numpy()]
    excess = pick(influences, "excess_flip", "attribute").set_index("attribute").reindex(names)
    found = set(_significant(influences))
    note = (
        "Left, as in the paper: choices between an answer and its revision. One point is one persona's Cohen's kappa "
        "between its choices with and without the attribute, coded by content; the bar is the middle half and the tick "
        f"the median. {_sizes(kappas, 'questions a kappa')} A kappa is undefined, and counted beside, where all "
        "choices of one side are the same. The grey band is the middle half of the last row: the same question asked "
        "twice, without the attribute. Right: choices between the two answers of the common pool. The excess is the "
        "share of choices that the attribute changes, less the share that asking twice changes, with its 95 % "
        "interval. A point is filled if it is not zero after Benjamini and Hochberg's correction "
        f"({len(found)} of {n_attributes})."
    )
    places = np.arange(len(spreads), dtype=float)
    places[n_attributes:] += 0.6
    height = SPREAD_IN * (places[-1] + 1.2)
    page = drawing.page(
        "Figure 5 · Leaving one attribute out", note, width_in=7.3, height_in=height + 0.95, simulated=simulated
    )
    left = page.place(left_in=1.85, top_in=0.4, width_in=2.45, height_in=height)
    right = page.place(left_in=5.2, top_in=0.4, width_in=1.9, height_in=height)
    page.keep(kappa=kappas, kappa_retest=again, excess_flip=excess.reset_index())
    left.set_label("kappa")
    right.set_label("excess_flip")
    tint = [VERMILION if n == PLACEBO else BLUE for n in names] + [SOFT]
    defined = spreads[-1][~np.isnan(spreads[-1])]
    if len(defined):
        left.axvspan(*np.quantile(defined, [0.25, 0.75]), color=PALE, linewidth=0, zorder=0, alpha=0.7)
    for place, values, colour in zip(places, spreads, tint, strict=True):
        _spread(left, values, place, colour)
    left.set_yticks(places, [*(_label(n) for n in names), "Asked twice, without"])
    left.text(1.025, 1.0, "undefined", transform=left.transAxes, size=7, color=SOFT, va="bottom")
    filled = [c if n in found else "white" for n, c in zip(names, tint, strict=False)]
    in_points = excess.assign(**{c: excess[c] * 100 for c in ("estimate", "low", "high")})
    _points(right, in_points, places[:-1], tint[:-1], filled)
    right.set_yticks([])
    right.axvline(0, color=SOFT, linewidth=0.8)
    lowest = np.nanmin([-0.17, *(value for values in spreads for value in values)])
    left.set_title("Answer and revision")
    right.set_title("Common pool")
    left.set(xlabel="Cohen's kappa, with against without", xlim=(lowest - 0.05, 1.05))
    right.set(xlabel="excess of changes (points)")
    for axes in (left, right):
        axes.set_ylim(places[-1] + 0.6, -0.6)
        axes.grid(axis="x")
        axes.tick_params(axis="y", length=0)
    return page.figure


def _spread(axes: Axes, values: np.ndarray, place: float, colour: str) -> None:
    """A point per value, equal ones side by side as far as the row is high; bar and tick at the quartiles."""
    defined = np.sort(values[~np.isnan(values)])
    axes.text(
        1.025,
        place,
        f"{len(values) - len(defined)} of {len(values):,}",
        transform=axes.get_yaxis_transform(),
        va="center",
        size=7,
        color=SOFT,
    )
    if not len(defined):
        axes.text(0.02, place, "undefined", transform=axes.get_yaxis_transform(), va="center", size=7, color=SOFT)
        return
    _, first, count = np.unique(defined.round(6), return_index=True, return_counts=True)
    rank = np.arange(len(defined)) - np.repeat(first, count) - np.repeat((count - 1) / 2, count)
    height = rank * np.minimum(0.12, 0.6 / np.repeat(np.maximum(count, 2) - 1, count))
    low, middle, high = np.quantile(defined, [0.25, 0.5, 0.75])
    alpha = 0.75 if len(defined) < MANY else 0.2
    axes.hlines(place, low, high, color=colour, linewidth=5, alpha=0.35)
    axes.plot(defined, place + height, "o", color=colour, markersize=2.6, markeredgewidth=0, alpha=alpha)
    axes.vlines(middle, place - 0.38, place + 0.38, color=INK, linewidth=1.6, zorder=3)


def _significant(influences: pd.DataFrame) -> list[str]:
    adjusted = influences[(influences["statistic"] == "p_adjusted") & (influences["estimate"] < 0.05)]
    return adjusted["group"].tolist()


def _label(attribute: str) -> str:
    known = schema.attributes().set_index("attribute")["label"]
    return drawing.shorten(known.get(attribute, drawing.words(attribute).capitalize()), 30)


def _sizes(table: pd.DataFrame, of: str) -> str:
    low, high, out = int(table["n"].min()), int(table["n"].max()), int(table["n_excluded"].sum())
    size = f"n\u00a0=\u00a0{low:,}" if low == high else f"n\u00a0=\u00a0{low:,} to {high:,}"
    return f"{size} {of}" + (f"; {out:,} left out as unscored." if out else ".")


def _told(benchmark: pd.DataFrame, statistic: str, form: Callable[[float, float, float], str]) -> str:
    """The statistic of group all in words, with its interval where it has one."""
    row = pick(benchmark, statistic, "group").set_index("group").loc["all"]
    return form(row["estimate"], row["low"], row["high"])


def _points(
    axes: Axes, table: pd.DataFrame, places: np.ndarray, tint: list[str], filled: list[str] | None = None
) -> None:
    """A point and its interval per row; the word "undefined" where there is none."""
    axes.hlines(places, table["low"], table["high"], color=tint, linewidth=1.3)
    axes.scatter(table["estimate"], places, s=22, c=filled or tint, edgecolors=tint, linewidths=1, zorder=3)
    for place, estimate in zip(places, table["estimate"], strict=True):
        if np.isnan(estimate):
            axes.text(0.02, place, "undefined", transform=axes.get_yaxis_transform(), va="center", size=7, color=SOFT)


@drawing.styled
def modes(benchmark: pd.DataFrame, *, simulated: bool = False) -> Figure:
    """Figure 10: share of answers in which the examiner finds nothing to revise, by model and mode."""
    rates = pick(benchmark, "pass_rate", "model", "mode")
    models = [m for m in dict.fromkeys(rates["model"]) if m != "all"]
    rates = rates[rates["model"].isin(models)]
    shown = [m for m in MODES if m in set(rates["mode"])]
    note = (
        "Share of answers in which the examiner, judging for the persona, finds nothing to revise. "
        f"{_sizes(rates, 'items a model and mode')} Lines are 95 % intervals; the same items stand behind every bar, "
        "so differences are surer than the overlap of two lines suggests."
    )
    width = min(10.2, max(7.2, 1.1 + 1.55 * len(models)))
    page = drawing.page("Figure 10 · PERSONA Bench by mode", note, width_in=width, height_in=3.6, simulated=simulated)
    axes = page.place(left_in=0.75, top_in=0.35, width_in=width - 1.0, height_in=2.75)
    axes.set_label("modes")
    page.keep(modes=rates)
    step = 0.8 / len(shown)
    for i, mode in enumerate(shown):
        rows = rates[rates["mode"] == mode].set_index("model").reindex(models)
        places = np.arange(len(models)) + (i - (len(shown) - 1) / 2) * step
        axes.bar(places, rows["estimate"] * 100, width=step * 0.92, color=MODE_COLOURS[mode], label=drawing.words(mode))
        axes.vlines(places, rows["low"] * 100, rows["high"] * 100, color=INK, linewidth=1.1, path_effects=HALO)
        for place, value, high in zip(places, rows["estimate"], rows["high"], strict=True):
            text = "none scored" if np.isnan(value) else drawing.percent(value)
            end = np.nanmax([value, high, 0]) * 100
            axes.text(
                place,
                end + 1.2,
                text,
                ha="center",
                va="bottom",
                size=7,
                color=SOFT,
                rotation=90 if np.isnan(value) else 0,
            )
    axes.set_xticks(range(len(models)), [drawing.words(m) for m in models])
    axes.set(
        ylabel="answers with nothing to revise (%)", ylim=(0, min(108, np.nanmax(rates["high"].fillna(0)) * 112 + 6))
    )
    axes.tick_params(axis="x", length=0)
    axes.grid(axis="y")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=len(shown), borderaxespad=0.2, handlelength=1.2)
    return page.figure


@drawing.styled
def dropped_attributes(benchmark: pd.DataFrame, dropped: pd.DataFrame, *, simulated: bool = False) -> Figure:
    """Figure 11: how often a summary, made of a persona for a question, leaves each attribute out, most often first."""
    title = "Figure 11 · Attributes that a summary leaves out"
    if dropped.empty:
        why = "No summary could be used, so there is nothing to be left out of one."
        return drawing.page(title, why, width_in=7.2, height_in=0.2, simulated=simulated).figure
    pooled = pick(benchmark, "drop_rate", "attribute").set_index("attribute").drop(index="all", errors="ignore")
    pooled = pooled.sort_values("estimate", ascending=False, kind="stable", na_position="last")
    names, places = list(pooled.index), np.arange(len(pooled))
    by_rule = pick(benchmark, "drop_rate_by_rule", "attribute").set_index("attribute").reindex(names)
    by_model = pick(benchmark, "drop_rate", "model", "attribute")
    models = list(dict.fromkeys(by_model["model"]))
    summary = dropped.groupby(["item_id", "model"])["status"].agg(lambda status: (status == "ok").all())
    forms = {"equivalent": percentage, "kendall_w": number, "kendall_w_question": number}
    said = {name: _told(benchmark, name, form) for name, form in forms.items()}
    note = (
        "A summary says what of a persona matters to one question. Share of summaries that leave the attribute out, "
        f"as the examiner lists it: {len(summary):,} summaries by {len(models)} models of "
        f"{dropped['persona_id'].nunique():,} personas, each for one of {dropped['prompt_id'].nunique():,} questions; "
        f"{int((~summary).sum()):,} unscored. Bars and 95 % intervals: all models; small marks: each model; diamonds: "
        "the rule that neither a word of the value nor a declared synonym stands in the summary. Called equivalent to "
        f"the persona with respect to the question: {said['equivalent']}. Kendall's W between the models, 1 where they "
        f"drop alike: {said['kendall_w']} over the attributes; on the same question {said['kendall_w_question']}, "
        f"{1 / len(models):.2f} by chance."
    )
    height = ROW_IN * len(names)
    page = drawing.page(title, note, width_in=7.2, height_in=height + 0.85, simulated=simulated)
    page.keep(all_models=pooled.reset_index(), each_model=by_model, by_rule=by_rule.reset_index())
    axes = page.place(left_in=2.0, top_in=0.35, width_in=4.95, height_in=height)
    axes.set_label("dropped")
    axes.barh(places, pooled["estimate"] * 100, height=0.72, color=SKY, alpha=0.55, label="all models")
    axes.hlines(places, pooled["low"] * 100, pooled["high"] * 100, color=INK, linewidth=1)
    tint, mark = drawing.model_colours(models), drawing.model_markers(models)
    for i, model in enumerate(models):
        rows = by_model[by_model["model"] == model].set_index("attribute").reindex(names)
        shift = (i - (len(models) - 1) / 2) * 0.2
        axes.plot(
            rows["estimate"] * 100,
            places + shift,
            linestyle="",
            marker=mark[model],
            color=tint[model],
            markersize=3.6,
            clip_on=False,
            label=drawing.words(model),
        )
    axes.plot(
        by_rule["estimate"] * 100,
        places,
        clip_on=False,
        linestyle="",
        marker="D",
        markersize=4.5,
        color="none",
        markeredgecolor=SOFT,
        label="by rule",
    )
    for place, estimate in zip(places, pooled["estimate"], strict=True):
        if np.isnan(estimate):
            axes.text(1, float(place), "none scored", va="center", size=7, color=SOFT)
    axes.set_yticks(places, [_label(n) for n in names])
    end = 100 * np.nanmax([0.1, *pooled["high"], *(x for t in (pooled, by_model, by_rule) for x in t["estimate"])])
    axes.set(xlim=(0, end * 1.02), ylim=(len(names) - 0.4, -0.6))
    axes.set_xlabel("summaries that leave the attribute out (%)")
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=len(models) + 2, borderaxespad=0.2, handlelength=1.2)
    return page.figure


@drawing.styled
def pass_curves(pass_at_k: pd.DataFrame, *, simulated: bool = False) -> Figure:
    """Figure 12: chance that at least one of k attempts passes, by model and arm; dashed, one answer examined k times.

    The arms are chain of thought with the persona, which is the paper's, output only, and no persona. An arm that no
    model was asked in has no panel.
    """
    curves = {name: _curves(pass_at_k, name) for name in ("pass_at_k", "reexamined")}
    rates = curves["pass_at_k"]
    models, ks = list(dict.fromkeys(rates["model"])), sorted(rates["k"].unique())
    shown = [mode for mode in ARMS if mode in set(rates["mode"])]
    tint, mark = drawing.model_colours(models), drawing.model_markers(models)
    of_curves = rates.drop_duplicates(["model", "mode"])  # of one k: the same items stand behind the others
    note = (
        "Solid: the chance that at least one of k fresh answers passes the examiner, estimated without bias from "
        "independent attempts; upright lines are 95 % intervals over personas and prompts. "
        f"{_sizes(of_curves, 'items a curve')} Dashed: one and the same answer, examined k times; it rises by the "
        "examiner's noise alone. Fresh answers rise by noise and by variety, so the distance of the two curves is what "
        "variety adds. The paper's arm is chain of thought with the persona."
    )
    width = max(7.2, 0.6 + 2.25 * len(shown))
    page = drawing.page(
        f"Figure 12 · Passing with up to {max(ks)} attempts", note, width_in=width, height_in=3.85, simulated=simulated
    )
    page.keep(fresh=curves["pass_at_k"], examined_again=curves["reexamined"])
    end = min(102, 105 * np.nanmax([0.1, *rates["high"], *rates["estimate"], *curves["reexamined"]["estimate"]]))
    for i, mode in enumerate(shown):
        axes = page.place(left_in=0.65 + i * 2.25, top_in=0.6, width_in=1.9, height_in=2.7)
        axes.set_label(mode)
        for place, model in enumerate(models):
            of_both = (table[(table["model"] == model) & (table["mode"] == mode)] for table in curves.values())
            fresh, again = of_both
            beside = fresh["k"] * 2 ** (0.1 * (place - (len(models) - 1) / 2))  # so that no interval hides another
            axes.vlines(beside, fresh["low"] * 100, fresh["high"] * 100, color=tint[model], alpha=0.6, linewidth=1.1)
            look: dict[str, Any] = {"color": tint[model], "marker": mark[model], "markersize": 4.5}
            axes.plot(fresh["k"], fresh["estimate"] * 100, linewidth=1.6, label=model, **look)
            axes.plot(
                again["k"],
                again["estimate"] * 100,
                linewidth=1.1,
                linestyle=(0, (4, 2)),
                markerfacecolor="white",
                **look,
            )
        axes.set_xscale("log", base=2)
        axes.set_xticks(ks, [str(k) for k in ks])
        axes.minorticks_off()
        axes.set(ylim=(0, end), xlabel="attempts k (log scale)")
        axes.set_ylabel("items passed at least once (%)" if i == 0 else "")
        axes.set_title(ARMS[mode])
        axes.grid(axis="both")
    handles = [
        Line2D([], [], color=tint[m], marker=mark[m], markersize=4.5, linewidth=1.6, label=drawing.words(m))
        for m in models
    ]
    handles += [
        Line2D([], [], color=SOFT, linewidth=1.6, label="fresh answers"),
        Line2D([], [], color=SOFT, linewidth=1.1, linestyle=(0, (4, 2)), label="one answer, examined again"),
    ]
    first = page.figure.axes[0]
    first.legend(handles=handles, loc="lower left", bbox_to_anchor=(0, 1.09), ncols=len(handles), borderaxespad=0)
    return page.figure


def _curves(pass_at_k: pd.DataFrame, statistic: str) -> pd.DataFrame:
    rows = pick(pass_at_k, statistic, "model", "mode", "k")
    return rows.assign(k=rows["k"].astype(int)).sort_values(["model", "mode", "k"], kind="stable")
