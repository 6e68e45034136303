"""Figure 3: what the prompts are about."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from persona_lib.showing import drawing
from persona_lib.showing.drawing import BLUE, NOTHING, ORANGE, SOFT


@drawing.styled
def topics(prompts: pd.DataFrame, *, clusters: pd.DataFrame | None = None, simulated: bool = False) -> Figure:
    """Figure 3: kept prompts per topic and split, and what became of the prompts of the bank.

    Parameters
    ----------
    prompts : table `prompts`
    clusters : PRISM's own clusters, `topic` and `conversations`: drawn beside our topics, row by row, if given; a
        cluster that no kept prompt is of has a row too
    """
    kept = prompts[prompts["is_kept"]]
    counts = kept.groupby(["topic", "prompt_split"]).size().unstack(fill_value=0)
    counts = counts.reindex(columns=["train", "heldout_prompt"], fill_value=0)
    counts = counts.loc[counts.sum(axis=1).sort_values(ascending=False, kind="stable").index]
    if clusters is not None:
        counts = counts.reindex([*counts.index, *clusters.loc[~clusters["topic"].isin(counts.index), "topic"]])
        counts = counts.fillna(0).astype(int)
    note = (
        f"Left: the {len(kept):,} prompts kept, by the topic that the classifier gave them, train "
        f"({counts['train'].sum():,}) and held out ({counts['heldout_prompt'].sum():,}). Right: what became of all "
        f"{len(prompts):,} prompts of the bank. These are counts of the whole bank, so no interval is drawn."
    )
    if clusters is not None:
        note += (
            f" Middle: PRISM's own clusters of opening prompts, {clusters['conversations'].sum():,} conversations of "
            "people, found by its authors without our classifier; ours are kept evenly, so only the names are alike."
        )
    rows = max(len(counts), 6)
    height = 0.24 * rows + 1.0
    page = drawing.page("Figure 3 · Topics of the prompts", note, width_in=7.3, height_in=height, simulated=simulated)
    width = 1.75 if clusters is None else 1.1
    axes = page.place(left_in=2.45, top_in=0.4, width_in=width, height_in=0.24 * rows)
    axes.set_label("topics")
    left = np.zeros(len(counts))
    for split, colour in (("train", BLUE), ("heldout_prompt", ORANGE)):
        name = "train" if split == "train" else "held out"
        axes.barh(range(len(counts)), counts[split], left=left, height=0.74, color=colour, label=name)
        left += counts[split].to_numpy()
    for place, total in enumerate(left):
        axes.text(total + 0.012 * left.max(), place, f"{int(total):,}", va="center", size=7.5, color=SOFT)
    axes.set_yticks(range(len(counts)), [drawing.shorten(t or "(none)", 40) for t in counts.index])
    axes.set(ylim=(rows - 0.5, -0.5), xlim=(0, left.max() * 1.12), xlabel="prompts kept")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, borderaxespad=0.2, handlelength=1.2)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    if clusters is not None:
        _beside(page, clusters.set_index("topic")["conversations"].reindex(counts.index), rows)
    fates = prompts["reason"].value_counts()
    fates = fates.loc[
        ["kept", *sorted(set(fates.index) - {"kept"}, key=lambda r: (-fates[r], r))] if "kept" in fates else fates.index
    ]
    page.keep(topics=counts.reset_index(), fates=fates.rename_axis("fate").rename("prompts").reset_index())
    beside = page.place(left_in=6.05, top_in=0.4, width_in=0.8, height_in=0.24 * len(fates))
    beside.set_label("fates")
    beside.barh(range(len(fates)), fates, height=0.74, color=[SOFT if r == "kept" else NOTHING for r in fates.index])
    for place, total in enumerate(fates):
        beside.text(total + 0.02 * fates.max(), place, f"{total:,}", va="center", size=7.5, color=SOFT)
    beside.set_yticks(range(len(fates)), [drawing.shorten(r, 32) for r in fates.index])
    beside.set(ylim=(len(fates) - 0.5, -0.5), xlim=(0, fates.max() * 1.05), xticks=[], xlabel="prompts of the bank")
    beside.spines["bottom"].set_visible(False)
    beside.tick_params(axis="y", length=0)
    return page.figure


def _beside(page: drawing.Page, conversations: pd.Series, rows: int) -> None:
    """PRISM's clusters in the rows of our topics; no bar where PRISM has no such cluster."""
    axes = page.place(left_in=3.7, top_in=0.4, width_in=0.8, height_in=0.24 * rows)
    axes.set_label("clusters")
    axes.barh(range(len(conversations)), conversations, height=0.74, color=NOTHING)
    for place, total in enumerate(conversations):
        if not np.isnan(total):
            axes.text(total + 0.02 * conversations.max(), place, f"{int(total):,}", va="center", size=7.5, color=SOFT)
    axes.set(ylim=(rows - 0.5, -0.5), xlim=(0, conversations.max() * 1.35), xlabel="in PRISM", yticks=[])
    page.keep(clusters=conversations.rename("conversations").reset_index())
