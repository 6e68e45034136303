"""Figures 5, 10, 11 and 12: statistics tables in, matplotlib figures out; nothing is computed anew.

Every interval drawn is the 95 % interval that the statistics table states. A cell without a value is drawn
as such, never as zero.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from persona_lib.showing import drawing
from persona_lib.showing.drawing import BLUE, GREEN, INK, NOTHING, ORANGE, PURPLE, SKY, SOFT, VERMILION, pick
from persona_lib.tables import schema
from persona_lib.tables.values import MODES, PLACEBO

MODE_COLOURS = {"baseline": NOTHING, "output_only": SKY, "chain_of_thought": ORANGE, "summary": BLUE}
ROW_IN = 0.19


@drawing.styled
def influence(influences: pd.DataFrame, *, simulated: bool = False) -> Figure:
    """Figure 5: for each attribute, the agreement of choices with and without it, and the excess of changed choices.

    Attributes are sorted by kappa, lowest first; the placebo, an irrelevant line, stands last.
    """
    kappas = pick(influences, "kappa", "attribute").set_index("attribute")
    names = [n for n in kappas["estimate"].sort_values(kind="stable").index if n not in (PLACEBO, "all")]
    names += [n for n in (PLACEBO,) if n in kappas.index]
    excess = pick(influences, "excess_flip", "attribute").set_index("attribute").reindex(names)
    again = pick(influences, "kappa_retest", "attribute").set_index("attribute").reindex(names)
    kappas = kappas.reindex(names)
    found = set(_significant(influences))
    note = (
        "Left: Cohen's kappa between the choices of the same persona with and without the attribute, coded by content; "
        "rings: the same question asked twice without it. Right: share of choices that the attribute changes, beyond "
        "what asking twice changes, in percentage points; filled where it differs from zero after Benjamini-Hochberg "
        f"over the attributes ({len(found)} of {len(names) - ('placebo' in names)}). "
        f"{_sizes(kappas, 'pairs of choices an attribute')} Lines are 95 % intervals."
    )
    height = ROW_IN * (len(names) + 0.6)
    page = drawing.page(
        "Figure 5 · Leaving one attribute out", note, width_in=9.6, height_in=height + 0.65, simulated=simulated
    )
    left = page.place(left_in=2.2, top_in=0.1, width_in=3.4, height_in=height)
    right = page.place(left_in=5.9, top_in=0.1, width_in=3.4, height_in=height)
    left.set_label("kappa")
    right.set_label("excess_flip")
    places = np.arange(len(names), dtype=float)
    places[-1] += 0.6 if PLACEBO in names else 0
    tint = [VERMILION if n == PLACEBO else BLUE for n in names]
    _points(left, kappas, places, tint)
    left.plot(again["estimate"], places, "o", color="none", markeredgecolor=SOFT, markersize=4.5, markeredgewidth=0.8)
    filled = [c if n in found else "white" for n, c in zip(names, tint, strict=True)]
    _points(right, excess.assign(**{c: excess[c] * 100 for c in ("estimate", "low", "high")}), places, tint, filled)
    left.set_yticks(places, [_label(n) for n in names])
    right.set_yticks([])
    right.axvline(0, color=SOFT, linewidth=0.8)
    lowest = np.nanmin([-0.17, *kappas["low"]])
    left.set(xlabel="Cohen's kappa, with against without", xlim=(lowest - 0.03, 1.03))
    right.set(xlabel="excess of changed choices (percentage points)")
    for axes in (left, right):
        axes.set_ylim(places[-1] + 0.6, -0.6)
        axes.grid(axis="x")
        axes.tick_params(axis="y", length=0)
    return page.figure


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
    width = max(7.6, 1.1 + 1.9 * len(models))
    page = drawing.page("Figure 10 · PERSONA Bench by mode", note, width_in=width, height_in=3.6, simulated=simulated)
    axes = page.place(left_in=0.75, top_in=0.35, width_in=width - 1.0, height_in=2.75)
    axes.set_label("modes")
    step = 0.8 / len(shown)
    for i, mode in enumerate(shown):
        rows = rates[rates["mode"] == mode].set_index("model").reindex(models)
        places = np.arange(len(models)) + (i - (len(shown) - 1) / 2) * step
        axes.bar(places, rows["estimate"] * 100, width=step * 0.92, color=MODE_COLOURS[mode], label=drawing.words(mode))
        axes.vlines(places, rows["low"] * 100, rows["high"] * 100, color=INK, linewidth=1.1)
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
    """Figure 11: how often a persona summary does not convey each attribute, most often dropped first."""
    pooled = pick(benchmark, "drop_rate", "attribute").set_index("attribute").drop(index="all", errors="ignore")
    pooled = pooled.sort_values("estimate", ascending=False, kind="stable", na_position="last")
    names, places = list(pooled.index), np.arange(len(pooled))
    by_rule = pick(benchmark, "drop_rate_by_rule", "attribute").set_index("attribute").reindex(names)
    by_model = pick(benchmark, "drop_rate", "model", "attribute")
    models = list(dict.fromkeys(by_model["model"]))
    summaries = dropped.groupby(["model", "persona_id"]).ngroups
    unscored = int((dropped["status"] != "ok").sum())
    note = (
        f"Share of {summaries:,} summaries by {len(models)} models that do not convey the attribute, as the examiner "
        f"says; {unscored:,} of {len(dropped):,} answers unscored. Bars and 95 % intervals: all models; small marks: "
        "each model; diamonds: the rule that no word of the value stands in the summary."
    )
    height = ROW_IN * len(names)
    page = drawing.page(
        "Figure 11 · Attributes that a summary leaves out",
        note,
        width_in=8,
        height_in=height + 0.85,
        simulated=simulated,
    )
    axes = page.place(left_in=2.3, top_in=0.35, width_in=5.4, height_in=height)
    axes.set_label("dropped")
    axes.barh(places, pooled["estimate"] * 100, height=0.72, color=SKY, alpha=0.55, label="all models")
    axes.hlines(places, pooled["low"] * 100, pooled["high"] * 100, color=INK, linewidth=1)
    tint, mark = dict(zip(models, (BLUE, ORANGE, GREEN, PURPLE, VERMILION, INK), strict=False)), drawing.markers(models)
    for i, model in enumerate(models):
        rows = by_model[by_model["model"] == model].set_index("attribute").reindex(names)
        shift = (i - (len(models) - 1) / 2) * 0.2
        axes.plot(
            rows["estimate"] * 100,
            places + shift,
            linestyle="",
            marker=mark[model],
            color=tint.get(model, SOFT),
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
    axes.set(xlim=(0, 101), ylim=(len(names) - 0.4, -0.6), xlabel="summaries that do not convey the attribute (%)")
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=len(models) + 2, borderaxespad=0.2, handlelength=1.2)
    return page.figure


@drawing.styled
def pass_curves(pass_at_k: pd.DataFrame, *, simulated: bool = False) -> Figure:
    """Figure 12: chance that at least one of k attempts passes, by model, with and without the persona."""
    rates = pick(pass_at_k, "pass_at_k", "model", "mode", "k")
    rates = rates.assign(k=rates["k"].astype(int)).sort_values(["model", "mode", "k"], kind="stable")
    models = list(dict.fromkeys(rates["model"]))
    shown = [m for m in ("output_only", "baseline") if m in set(rates["mode"])]
    tint, mark = drawing.colours(models), drawing.markers(models)
    ks = sorted(rates["k"].unique())
    note = (
        "Unbiased estimate over independent attempts; bands are 95 % intervals by a bootstrap over personas. "
        f"{_sizes(rates, 'items a curve')} The baseline knows nothing of the persona: what it gains is the examiner's "
        "noise, which any-of-k rewards."
    )
    titles = {"output_only": "Shown the persona (output only)", "baseline": "Not shown the persona (baseline)"}
    page = drawing.page(
        f"Figure 12 · Passing with up to {max(ks)} attempts", note, width_in=8.6, height_in=3.7, simulated=simulated
    )
    for i, mode in enumerate(shown):
        axes = page.place(left_in=0.75 + i * 3.95, top_in=0.3, width_in=3.4, height_in=2.8)
        axes.set_label(mode)
        for model in models:
            rows = rates[(rates["model"] == model) & (rates["mode"] == mode)]
            axes.fill_between(
                rows["k"], rows["low"] * 100, rows["high"] * 100, color=tint[model], alpha=0.13, linewidth=0
            )
            axes.plot(
                rows["k"],
                rows["estimate"] * 100,
                color=tint[model],
                marker=mark[model],
                markersize=4.5,
                linewidth=1.6,
                label=drawing.words(model),
            )
        axes.set_xscale("log", base=2)
        axes.set_xticks(ks, [str(k) for k in ks])
        axes.minorticks_off()
        axes.set(
            ylim=(0, 102), xlabel="attempts k (log scale)", ylabel="items passed at least once (%)" if i == 0 else ""
        )
        axes.set_title(titles[mode])
        axes.grid(axis="both")
        if i == 0:
            axes.legend(loc="upper left")
    return page.figure
