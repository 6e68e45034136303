"""Matrices and histograms of kappas: cells and means are read back from the drawing."""

import numpy as np
import pytest
from drawn_rows import axes_named, texts

from persona_lib.showing import matrices


class TestMatrices:
    def test_cells_are_the_kappas_and_nan_is_masked(self, kappas, agreement):
        axes = axes_named(matrices.rater_matrices(kappas, agreement), "large")
        cells = axes.collections[0].get_array()
        assert np.ma.getmaskarray(cells).sum() == 1 and np.ma.getmaskarray(cells).reshape(3, 3)[0, 1]
        assert float(cells.reshape(3, 3)[2, 2]) == 0.8
        assert len(axes.collections[1].get_segments()) == 1, "one stroke for the undefined cell"
        assert len(axes.patches) == 3, "the diagonal is outlined"

    def test_each_side_of_a_matrix_has_its_own_names_and_the_colours_their_scale(self, kappas, agreement):
        figure = matrices.rater_matrices(kappas[kappas["rater_a"] != "p3"], agreement)
        axes = axes_named(figure, "large")
        assert [tick.get_text() for tick in axes.get_xticklabels()] == ["p1", "p2", "p3"]
        assert [tick.get_text() for tick in axes.get_yticklabels()] == ["p1", "p2"]
        assert texts(figure).count("kappa") == 1, "the title of the bar of colours"

    def test_means_come_from_the_table_and_undefined_is_said(self, kappas, agreement):
        found = texts(matrices.rater_matrices(kappas, agreement))
        assert "mean: same 0.80 [0.70, 0.90], other -0.10" in found
        assert "mean: same 0.80 [0.70, 0.90], other undefined" in found

    def test_histogram_shares_sum_to_a_hundred(self, kappas, agreement):
        axes = axes_named(matrices.rater_histograms(kappas, agreement), "large")
        assert sum(patch.get_height() for patch in axes.patches if patch.get_height() > 1) == pytest.approx(100)
        assert "3 same, 6 other; 1 undefined" in texts(axes.figure)

    def test_no_rows_is_an_error(self, kappas):
        with pytest.raises(ValueError, match="no row to draw"):
            matrices.model_matrices(kappas[kappas["comparison"] != "model-model"])

    def test_a_panel_of_one_has_no_other_model(self, kappas, agreement):
        of_one = kappas[(kappas["comparison"] == "rater-rater") | (kappas["model"] == "large")]
        for drawn in (matrices.model_matrices(of_one), matrices.model_histograms(of_one, agreement)):
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
