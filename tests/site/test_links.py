"""Links that lead out of the site become text; those within it are kept, seen from the new place."""

import pytest

from persona_lib.site.links import within

PAGES = {"notebooks/05_feedback.ipynb", "figures/expected/demo/figure_05.png"}


@pytest.mark.parametrize(
    ("place", "moved", "text", "becomes"),
    [
        ("README.md", ".", "[05](notebooks/05_feedback.ipynb)", "[05](notebooks/05_feedback.ipynb)"),
        ("README.md", ".", "see [the data](data/expected) first", "see the data first"),
        ("README.md", ".", "[`persona_lib`](persona_lib)", "`persona_lib`"),
        ("README.md", ".", "[arXiv](https://arxiv.org/abs/1)", "[arXiv](https://arxiv.org/abs/1)"),
        ("README.md", ".", "![F](figures/expected/demo/figure_05.png)", "![F](figures/expected/demo/figure_05.png)"),
        ("docs/run.md", ".", "[05](../notebooks/05_feedback.ipynb#why)", "[05](notebooks/05_feedback.ipynb#why)"),
        ("notebooks/06_validation.ipynb", "", "[05](05_feedback.ipynb)", "[05](05_feedback.ipynb)"),
        ("notebooks/06_validation.ipynb", "", "[a](05_feedback.ipynb#One-Pair)", "[a](05_feedback.ipynb#one-pair)"),
        ("notebooks/06_validation.ipynb", "", "[a](#One-Pair)", "[a](#one-pair)"),
        ("notebooks/06_validation.ipynb", "", "[config](../config/demo.yaml), [top](#top)", "config, [top](#top)"),
    ],
)
def test_a_link(place, moved, text, becomes):
    assert within(text, place=place, pages=PAGES, moved=moved) == becomes
