"""The figure of topics against its table."""

from drawn_rows import axes_named

from persona_lib.showing.topics import topics


def test_topics_are_counted_by_split(prompts):
    figure = topics(prompts)
    bars = axes_named(figure, "topics").patches
    assert [bar.get_width() for bar in bars] == [4, 2, 1, 0]
    assert [bar.get_width() for bar in axes_named(figure, "fates").patches] == [7, 3]
