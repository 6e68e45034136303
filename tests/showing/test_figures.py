"""Figures against the tables they draw: heights, places and words are read back from the drawing."""

import numpy as np
import pytest
from drawn_rows import ATTRIBUTES, axes_named, texts

from persona_lib.showing import drawing, figures


def medians(axes):
    """The places and values of the ticks that stand for medians."""
    ticks = [segment for drawn in axes.collections for segment in segments(drawn) if segment[0][0] == segment[1][0]]
    return {round(float(np.mean(segment[:, 1])), 1): float(segment[0][0]) for segment in ticks}


def segments(drawn):
    return drawn.get_segments() if hasattr(drawn, "get_segments") else []


class TestInfluence:
    def test_every_persona_is_a_point_and_rows_rise_by_the_median(self, influences):
        """Oracle: medians 0.5, 0.51, ... but for sex, whose third kappa is undefined: 0.4 + 0.01 + 0.05."""
        axes = axes_named(figures.influence(influences), "kappa")
        labels = [tick.get_text() for tick in axes.get_yticklabels()]
        assert labels[:3] == ["Sex", "Age", "Race"] and labels[-2:] == ["Placebo", "Asked twice, without"]
        found = medians(axes)
        drawn = [found[place] for place in sorted(found)]
        np.testing.assert_allclose(drawn, [0.46, 0.5, *(0.5 + i / 100 for i in range(2, 34)), 0.9])
        np.testing.assert_allclose(axes.lines[0].get_xdata(), [0.41, 0.51])
        np.testing.assert_allclose(axes.lines[1].get_xdata(), [0.4, 0.5, 0.6])
        assert len(axes.lines[-1].get_xdata()) == 34 * 3

    def test_undefined_ones_are_counted(self, influences):
        found = texts(figures.influence(influences))
        assert found.count("1 of 3") == 1 and found.count("0 of 3") == 33 and "0 of 102" in found

    def test_equal_kappas_do_not_hide_each_other(self, influences):
        points = axes_named(figures.influence(influences), "kappa").lines[-1]
        assert len(set(zip(*points.get_data(), strict=True))) == 34 * 3

    def test_only_adjusted_findings_are_filled(self, influences):
        axes = axes_named(figures.influence(influences), "excess_flip")
        filled = [tuple(colour) != (1, 1, 1, 1) for colour in axes.collections[1].get_facecolors()]
        assert sum(filled) == 1 and filled[ATTRIBUTES.index("religion")]

    @pytest.mark.parametrize("n", [1, 33])
    def test_one_persona_without_a_defined_kappa(self, influences, n):
        """Nothing is drawn as zero: the word stands in every row, and the effects are drawn all the same."""
        kept = influences["group"].str.split("|").str[0].isin([*ATTRIBUTES[:n], "placebo"])
        kept &= ~influences["group"].str.contains(r"\|p[23]")
        rows = influences[kept]
        is_kappa = rows["statistic"].str.startswith("persona_kappa")
        figure = figures.influence(rows.assign(estimate=rows["estimate"].mask(is_kappa)))
        assert texts(figure).count("undefined") == 1 + n + 2, "the head of the column, and each row"
        assert len(axes_named(figure, "excess_flip").collections[1].get_offsets()) == n + 1

    def test_missing_statistic_is_named(self, influences):
        with pytest.raises(ValueError, match="no statistic persona_kappa_retest"):
            figures.influence(influences[influences["statistic"] != "persona_kappa_retest"])


class TestModes:
    def test_bars_are_the_pass_rates(self, benchmark):
        axes = axes_named(figures.modes(benchmark), "modes")
        heights = [bar.get_height() for bar in axes.patches]
        np.testing.assert_allclose(heights, [5, np.nan, 40, 30])

    def test_a_rate_without_scored_answers_is_said(self, benchmark):
        assert "none scored" in texts(figures.modes(benchmark))


class TestDropped:
    def test_bars_are_the_rates_most_dropped_first(self, benchmark, dropped):
        axes = axes_named(figures.dropped_attributes(benchmark, dropped), "dropped")
        widths = [bar.get_width() for bar in axes.patches]
        np.testing.assert_allclose(widths, [i / 40 * 100 for i in reversed(range(33))])

    def test_the_caption_counts_summaries_and_says_what_the_table_says(self, benchmark, dropped):
        """Oracle: two personas with two questions each, of three questions, and two models; one call refused."""
        said = " ".join(" ".join(texts(figures.dropped_attributes(benchmark, dropped))).split())
        assert "8 summaries by 2 models of 2 personas, each for one of 3 questions; 1 unscored" in said
        assert "question: 2.0 % [1.0 %, 3.0 %]." in said
        assert "0.90 [0.80, 1.00] over the attributes; on the same question undefined, 0.50 by chance" in said


class TestPassCurves:
    def test_curves_are_pass_at_k_and_dashed_the_same_answer_again(self, pass_at_k):
        figure = figures.pass_curves(pass_at_k)
        fresh, again = axes_named(figure, "chain_of_thought").lines[:2]
        assert list(fresh.get_xdata()) == [1, 2, 4]
        np.testing.assert_allclose(fresh.get_ydata(), [20, 40, 80])
        np.testing.assert_allclose(again.get_ydata(), [10, 20, 40])
        assert (fresh.get_linestyle(), again.get_linestyle()) == ("-", "--")

    def test_the_caption_counts_an_item_left_out_once_and_not_at_every_k(self, pass_at_k):
        """Oracle: each of the five curves of fresh answers misses one item, at all three k."""
        said = texts(figures.pass_curves(pass_at_k.assign(n_excluded=1)))
        assert "5 left out as unscored" in " ".join(" ".join(said).split())

    def test_the_arm_of_the_paper_stands_first_and_models_may_lack_one(self, pass_at_k):
        figure = figures.pass_curves(pass_at_k)
        assert [axes.get_label() for axes in figure.axes] == ["chain_of_thought", "output_only", "baseline"]
        drawn = [sum(len(line.get_xdata()) > 0 for line in axes.lines) for axes in figure.axes]
        assert drawn == [2, 2, 4], "fresh and again of large; fresh of both; fresh and again of both"
        two = pass_at_k[~pass_at_k["group"].str.contains("chain")]
        assert [axes.get_label() for axes in figures.pass_curves(two).axes] == ["output_only", "baseline"]


def test_curves_do_not_depend_on_the_order_of_rows(pass_at_k, tmp_path):
    one = drawing.save(figures.pass_curves(pass_at_k), tmp_path / "1.png").read_bytes()
    other = drawing.save(figures.pass_curves(pass_at_k.iloc[::-1]), tmp_path / "2.png").read_bytes()
    assert one == other
