"""The figure of topics against its table."""

import numpy as np
import pandas as pd
from drawn_rows import axes_named, hex_of

from persona_lib.showing.topics import topics


def test_topics_are_counted_by_split(prompts):
    figure = topics(prompts)
    bars = axes_named(figure, "topics").patches
    assert [bar.get_width() for bar in bars] == [4, 2, 1, 0]
    assert [bar.get_width() for bar in axes_named(figure, "fates").patches] == [7, 3]


def test_the_legend_names_the_split_of_each_colour(prompts):
    """By hand: four and two prompts are of the train split, one is held out."""
    axes = axes_named(topics(prompts), "topics")
    drawn = {hex_of(bars[0]): bars[0].get_width() for bars in axes.containers}
    legend = axes.get_legend()
    named = {text.get_text(): hex_of(bar) for text, bar in zip(legend.get_texts(), legend.get_patches(), strict=True)}
    assert {name: drawn[colour] for name, colour in named.items()} == {"train": 4, "held out": 1}


def test_prisms_own_clusters_stand_in_the_rows_of_our_topics(prompts):
    """One topic of ours with 70 conversations, and a cluster that none of ours is of."""
    first = topics(prompts).get_axes()[0].get_yticklabels()[0].get_text()
    clusters = pd.DataFrame({"topic": [first, "Weather"], "conversations": [70, 9]})
    figure = topics(prompts, clusters=clusters)
    names = [label.get_text() for label in axes_named(figure, "topics").get_yticklabels()]
    bars = [bar.get_width() for bar in axes_named(figure, "clusters").patches]
    assert names[-1] == "Weather" and names[0] == first and len(bars) == len(names)
    assert bars[0] == 70 and bars[-1] == 9 and all(np.isnan(bars[1:-1]))
    assert not [axes for axes in topics(prompts).get_axes() if axes.get_label() == "clusters"]
