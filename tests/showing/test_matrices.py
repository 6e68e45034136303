"""Matrices and histograms of kappas: cells and means are read back from the drawing."""

import numpy as np
import pytest
from drawn_rows import axes_named, texts
from matplotlib.patches import Rectangle

from persona_lib.showing import matrices

ORDER = ["p1", "p3", "p2"]  # see ALIKE in conftest: p3 is alike to both others


def cells_of(axes):
    return np.ma.filled(axes.collections[0].get_array().astype(float), np.nan).reshape(3, 3)


class TestMatrices:
    def test_upper_cells_are_the_kappas_and_nan_is_marked(self, kappas, agreement):
        """Oracle: own 0.8, others -0.1, in the order of likeness; p1 with p2 is undefined in panel large."""
        figure = matrices.rater_matrices(kappas, agreement)
        axes = axes_named(figure, "large")
        assert [tick.get_text() for tick in axes.get_yticklabels()] in (ORDER, ORDER[::-1])
        drawn = [[0.8, -0.1, np.nan], [np.nan, 0.8, -0.1], [np.nan, np.nan, 0.8]]
        np.testing.assert_array_equal(cells_of(axes_named(figure, "small"))[0], [0.8, -0.1, -0.1])
        np.testing.assert_array_equal(cells_of(axes), drawn)
        assert len(axes.collections[1].get_paths()) == len(axes.collections[2].get_segments()) == 1, "one undefined"
        assert len(axes.patches) == 3, "the diagonal is outlined"
        below = {tuple(segment.mean(axis=0)) for segment in axes.collections[3].get_segments()}
        assert below == {(1.5, 0.5), (2.5, 1.5)}, "in grey a dash tells a negative cell from a positive one"
        assert any("undefined, 1 of 18 cells" in " ".join(text.split()) for text in texts(figure))

    def test_the_last_panel_is_between_raters_in_the_same_order(self, kappas, agreement):
        for draw, name in ((matrices.rater_matrices, "large"), (matrices.model_matrices, "large|small")):
            figure = draw(kappas, agreement)
            panels = [axes for axes in figure.axes if axes.get_title(loc="left") != "kappa"]
            assert panels[0].get_label() == name and panels[-1].get_label() == matrices.RATERS
            orders = [[tick.get_text() for tick in axes.get_xticklabels()] for axes in panels]
            named = [order for order in orders if order]
            assert orders[-1] and all(order == orders[-1] for order in named), "the lowest of a column names them"
            np.testing.assert_array_equal(np.diag(cells_of(panels[-1])), [0.2] * 3)

    def test_order_does_not_depend_on_the_order_of_rows(self, kappas):
        assert matrices.by_likeness(kappas) == matrices.by_likeness(kappas.iloc[::-1])
        assert matrices.by_likeness(kappas) in (ORDER, ORDER[::-1])

    def test_without_raters_personas_are_ordered_by_what_is_there(self, kappas):
        between = kappas[kappas["comparison"] == "model-model"]
        assert sorted(matrices.by_likeness(between)) == ["p1", "p2", "p3"]
        one = kappas[(kappas["rater_a"] == "p1") & (kappas["rater_b"] == "p1")]
        assert matrices.by_likeness(one) == ["p1"]

    def test_each_side_of_a_matrix_has_its_own_names_and_the_colours_their_scale(self, kappas, agreement):
        figure = matrices.rater_matrices(kappas, agreement)
        top, lowest = axes_named(figure, "large"), axes_named(figure, matrices.RATERS)
        for ticks in (lowest.get_xticklabels(), top.get_yticklabels()):
            assert [tick.get_text() for tick in ticks] == matrices.by_likeness(kappas)
        assert texts(figure).count("kappa") == 1, "the title of the bar of colours"

    def test_means_come_from_the_table_and_undefined_is_said(self, kappas, agreement):
        found = texts(matrices.rater_matrices(kappas, agreement))
        assert "mean: same 0.80 (0.70 to 0.90), other -0.10" in found
        assert "mean: same 0.80 (0.70 to 0.90), other undefined" in found

    def test_histogram_shares_sum_to_a_hundred(self, kappas, agreement):
        axes = axes_named(matrices.rater_histograms(kappas, agreement), "large")
        bars = [
            patch.get_height() for patch in axes.patches if isinstance(patch, Rectangle) and patch.get_zorder() == 2
        ]
        assert sum(bars) == pytest.approx(100)
        outline = axes.lines[0]  # a step a bin, its last height twice
        assert len(outline.get_ydata()) == len(matrices.BINS)
        assert outline.get_ydata()[:-1].sum() == pytest.approx(100)
        assert "3 same, 6 other; 2 undefined" in texts(axes.figure)
        assert axes.figure.axes[-1].get_label() == matrices.RATERS
        assert axes.figure.axes[-1].lines[-1].get_xdata()[0] == 0.5, "kappa_content of the held-out rater"

    @pytest.mark.parametrize(
        ("draw", "comparison"),
        [
            (matrices.rater_matrices, "model-rater"),
            (matrices.rater_histograms, "model-rater"),
            (matrices.model_matrices, "model-model"),
            (matrices.model_histograms, "model-model"),
        ],
    )
    def test_without_a_choice_that_can_be_used_a_figure_says_why_it_is_blank(self, kappas, agreement, draw, comparison):
        for left in (kappas[kappas["comparison"] != comparison], kappas.head(0)):
            drawn = draw(left, agreement)
            assert not drawn.axes
            assert any("no choice could be used" in text.get_text().replace("\n", " ") for text in drawn.texts)

    def test_a_panel_of_one_has_no_other_model(self, kappas, agreement):
        of_one = kappas[(kappas["comparison"] == "rater-majority") | (kappas["model"] == "large")]
        for drawn in (matrices.model_matrices(of_one, agreement), matrices.model_histograms(of_one, agreement)):
            assert any("one model (roles.panel)" in text.get_text().replace("\n", " ") for text in drawn.texts)

    @pytest.mark.parametrize(
        ("draw", "panel"), [(matrices.rater_histograms, "small"), (matrices.model_histograms, "large|small")]
    )
    def test_the_band_is_the_interval_of_kappa_and_the_dashed_line_its_estimate(self, kappas, agreement, draw, panel):
        """Oracle: the table; kappa is 0.5 with the interval 0.4 to 0.6 in every group."""
        axes = axes_named(draw(kappas, agreement), panel)
        bands = [patch for patch in axes.patches if patch.get_zorder() == 0.5]
        assert [(band.get_x(), band.get_x() + band.get_width()) for band in bands] == [pytest.approx((0.4, 0.6))]
        dashed = [line for line in axes.lines if line.get_linestyle() == "--"]
        assert [list(line.get_xdata()) for line in dashed] == [[0.5, 0.5]]
