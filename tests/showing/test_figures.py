"""Figures against the tables they draw: heights, places and words are read back from the drawing."""

import numpy as np
import pytest
from drawn_rows import ATTRIBUTES, axes_named, texts

from persona_lib.showing import drawing, figures


class TestInfluence:
    def test_points_are_the_kappas_in_rising_order_with_the_placebo_last(self, influences):
        axes = axes_named(figures.influence(influences), "kappa")
        drawn = np.asarray(axes.collections[1].get_offsets())[:, 0]
        np.testing.assert_allclose(drawn, [0.5 + i / 100 for i in range(34)])
        assert [tick.get_text() for tick in axes.get_yticklabels()][-1] == "Placebo"

    def test_only_adjusted_findings_are_filled(self, influences):
        axes = axes_named(figures.influence(influences), "excess_flip")
        filled = [tuple(colour) != (1, 1, 1, 1) for colour in axes.collections[1].get_facecolors()]
        assert sum(filled) == 1 and filled[ATTRIBUTES.index("religion")]

    def test_undefined_kappa_is_said_not_drawn_as_zero(self, influences):
        gone = influences["group"].eq("sex") & influences["statistic"].eq("kappa")
        found = figures.influence(
            influences.assign(**{c: influences[c].mask(gone) for c in ("estimate", "low", "high")})
        )
        assert texts(found).count("undefined") == 1

    def test_missing_statistic_is_named(self, influences):
        with pytest.raises(ValueError, match="no statistic kappa_retest"):
            figures.influence(influences[influences["statistic"] != "kappa_retest"])


class TestModes:
    def test_bars_are_the_pass_rates(self, benchmark):
        axes = axes_named(figures.modes(benchmark), "modes")
        heights = [bar.get_height() for bar in axes.patches]
        np.testing.assert_allclose(heights, [5, np.nan, 40, 30])

    def test_a_rate_without_scored_answers_is_said(self, benchmark):
        assert "none scored" in texts(figures.modes(benchmark))


def test_dropped_bars_are_the_rates_most_dropped_first(benchmark, dropped):
    axes = axes_named(figures.dropped_attributes(benchmark, dropped), "dropped")
    widths = [bar.get_width() for bar in axes.patches]
    np.testing.assert_allclose(widths, [i / 40 * 100 for i in reversed(range(33))])


def test_curves_are_pass_at_k(pass_at_k):
    line = axes_named(figures.pass_curves(pass_at_k), "output_only").lines[0]
    assert list(line.get_xdata()) == [1, 2, 4]
    np.testing.assert_allclose(line.get_ydata(), [20, 40, 80])


def test_curves_do_not_depend_on_the_order_of_rows(pass_at_k, tmp_path):
    one = drawing.save(figures.pass_curves(pass_at_k), tmp_path / "1.png").read_bytes()
    other = drawing.save(figures.pass_curves(pass_at_k.iloc[::-1]), tmp_path / "2.png").read_bytes()
    assert one == other
