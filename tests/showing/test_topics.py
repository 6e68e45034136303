"""The figure of topics against its table."""

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
