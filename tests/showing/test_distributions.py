"""Distributions of attributes against the tables they draw: bars, marks and order are read back from the drawing."""

import numpy as np
import pandas as pd
import pytest
from drawn_rows import ATTRIBUTES, axes_named, hex_of, texts

from persona_lib.showing import distributions, drawing
from persona_lib.tables.values import BIG_FIVE


class TestDemographics:
    def test_shares_against_a_hand_count(self, personas):
        shares = distributions.shares(personas).set_index(["attribute", "category"])["share"]
        assert shares[("sex", "Yes")] == 0.7
        assert shares[("age_years", "18 to 19")] == shares[("age_years", "20 to 24")] == 0.1
        assert shares[("age_years", "25 to 34")] == 0.2 and shares[("age_years", "85 and over")] == 0.1
        assert shares[("income_usd", "Loss")] == shares[("income_usd", "None")] == 0.1
        assert shares[("income_usd", "Under $10,000")] == 0.1 and shares[("income_usd", "$25,000 to $49,999")] == 0.6
        assert shares[("income_usd", "unknown")] == 0.1, "of 18 years, so asked"

    def test_shares_of_an_attribute_sum_to_one(self, personas):
        sums = distributions.shares(personas).groupby("attribute")["share"].sum()
        assert len(sums) == 33
        np.testing.assert_allclose(sums, 1)

    def test_interval_is_that_of_statsmodels(self, personas):
        from statsmodels.stats.proportion import proportion_confint

        table = distributions.shares(personas)
        low, high = proportion_confint(table["n"], len(personas), method="wilson")
        np.testing.assert_allclose(table["low"], low, atol=1e-9)
        np.testing.assert_allclose(table["high"], high, atol=1e-9)

    def test_bars_are_the_shares_and_the_rest_is_summed(self, personas):
        figure = distributions.demographics(personas)
        assert [bar.get_width() for bar in axes_named(figure, "sex").patches] == [70, 30]
        race = axes_named(figure, "race")
        assert [tick.get_text() for tick in race.get_yticklabels()][-1] == "4 others"
        np.testing.assert_allclose([bar.get_width() for bar in race.patches], [10] * 6 + [40])

    def test_kinds_of_nothing_stand_last_and_grey(self, personas):
        axes = axes_named(distributions.demographics(personas), "fertility")
        assert [tick.get_text() for tick in axes.get_yticklabels()][-2:] == ["not in universe", "unknown"]
        greys = [drawing.NOTHING.lower() in str(hex_of(bar)) for bar in axes.patches]
        assert greys == [False, False, True, True]

    def test_big_five_scores_are_drawn_as_quantiles(self, personas):
        """By hand: ten scores from -2 to 2 in equal steps; the middle half is -1 to 1, its marker at 0."""
        axes = axes_named(distributions.demographics(personas), "big_five")
        assert [tick.get_text().lower() for tick in axes.get_yticklabels()] == list(BIG_FIVE)
        ends = [segment[:, 0].tolist() for lines in axes.collections for segment in lines.get_segments()]
        assert ends[1::2] == [pytest.approx([-1, 1])] * 5 and ends[::2] == [pytest.approx([-1.8, 1.8])] * 5
        assert [float(line.get_xdata()[0]) for line in axes.lines[:5]] == pytest.approx([0] * 5)

    def test_the_panels_begin_right_below_the_legend(self, personas):
        """By measure: between the legend and the highest panel is room for the panel's title, not for another panel."""
        figure = distributions.demographics(personas)
        figure.canvas.draw()
        top = max(axes.get_position().y1 for axes in figure.axes) * figure.get_size_inches()[1]
        assert 0.1 < figure.legends[0].get_window_extent().y0 / figure.dpi - top < 0.6

    def test_every_attribute_has_its_panel(self, personas):
        assert {axes.get_label() for axes in distributions.demographics(personas).axes} == set(ATTRIBUTES)


class TestCensusBesidePersonas:
    def strokes(self, figure, attribute) -> list[tuple[float, str]]:
        lines = [line for line in axes_named(figure, attribute).lines if line.get_marker() == "|"]
        return sorted((x, line.get_markeredgecolor()) for line in lines for x in line.get_xdata())

    def test_census_shares_stand_in_every_panel_of_the_census(self, personas):
        """Even shares in the census; a stroke is marked where it lies outside the personas' interval."""
        table = distributions.shares(personas)
        table["even"] = 1 / table.groupby("attribute")["category"].transform("size")
        margins = table.assign(source="labels", share=table["even"])
        figure = distributions.demographics(personas, margins)
        sex = table[table["attribute"] == "sex"]
        inside = (sex["low"] <= sex["even"]) & (sex["even"] <= sex["high"])
        names = np.where(inside, "census", "census outside")
        assert self.strokes(figure, "sex") == sorted((100 / len(sex), distributions.BESIDE[name][1]) for name in names)
        for attribute in ATTRIBUTES:
            n_bars = len(axes_named(figure, attribute).patches)
            assert attribute == "big_five" or len(self.strokes(figure, attribute)) == n_bars, attribute

    def test_the_stroke_of_the_others_is_what_the_shown_leave(self, personas):
        """By hand: six races of 0.05 each are shown; 0.7 of the census are of the four others and of any more."""
        race = distributions.shares(personas).query("attribute == 'race'")
        margins = race.assign(source="labels", share=0.05)
        figure = distributions.demographics(personas, margins)
        assert [round(x) for x, _ in self.strokes(figure, "race")] == [5] * 6 + [70]
        assert not self.strokes(figure, "sex"), "no share of it is known"

    def test_other_sources_are_no_strokes(self, personas):
        margins = distributions.shares(personas).assign(source="census")
        assert not self.strokes(distributions.demographics(personas, margins), "sex")


def test_adults_alone_are_not_called_15_to_19(personas):
    older = personas.assign(age_years=personas["age_years"].clip(lower=18))
    younger = personas.assign(age_years=[17, *personas["age_years"].iloc[1:]])
    named = [set(distributions.shares(p).query("attribute == 'age_years'")["category"]) for p in (older, younger)]
    assert "18 to 19" in named[0] and "15 to 19" not in named[0]
    assert "15 to 19" in named[1] and "18 to 19" not in named[1]


class TestCensusDemographics:
    def test_bars_are_the_census_and_markers_the_others(self, margins, fidelity):
        axes = axes_named(distributions.census_demographics(margins, fidelity), "sex")
        np.testing.assert_allclose([bar.get_width() for bar in axes.patches], [51, 49])
        marks = {line.get_marker(): list(line.get_xdata()) for line in axes.lines}
        np.testing.assert_allclose(marks["|"], [55, 45])
        np.testing.assert_allclose(marks["D"], [50.8])
        np.testing.assert_allclose(marks["o"], [51.5])

    def test_a_share_beyond_its_range_is_drawn_apart(self, margins, fidelity):
        """Of 200 draws 95 % give 51 % women +- 6.9 points: 55 is inside, 60 is not. Two draws decide nothing."""
        seen = {}
        for n, women in ((200, 0.55), (200, 0.60), (2, 0.60)):
            of_draws = margins["source"] == "draws"
            shares = margins["share"].mask(of_draws, pd.Series([np.nan] * 2 + [women, 1 - women]))
            changed = margins.assign(share=shares, n=margins["n"].mask(of_draws, n / 2))
            axes = axes_named(distributions.census_demographics(changed, fidelity), "sex")
            lines = [line for line in axes.lines if line.get_marker() == "|"]
            seen[n, women] = {line.get_markeredgecolor() for line in lines}
        within, apart = (distributions.BESIDE[name][1] for name in ("draws", "outside"))
        assert seen == {(200, 0.55): {within}, (200, 0.60): {apart}, (2, 0.60): {within}}

    def test_the_caption_tells_the_correlation_of_the_table(self, margins, fidelity):
        said = " ".join(" ".join(texts(distributions.census_demographics(margins, fidelity))).split())
        assert "correlate with the census at 0.950 (0.940 to 0.960) over redraws" in said
        gone = fidelity.assign(estimate=np.nan)
        said = " ".join(" ".join(texts(distributions.census_demographics(margins, gone))).split())
        assert "correlate with the census at undefined" in said

    def test_bands_keep_their_order(self, margins, fidelity):
        axes = axes_named(distributions.census_demographics(margins, fidelity), "age_years")
        assert [tick.get_text() for tick in axes.get_yticklabels()] == ["Under 5", "5 to 9", "10 to 14", "85 and over"]

    def test_without_census_rows_it_says_so(self, margins, fidelity):
        with pytest.raises(ValueError, match="no row has source census"):
            distributions.census_demographics(margins[margins["source"] != "census"], fidelity)


def test_a_dollar_sign_is_a_dollar_sign(personas):
    axes = axes_named(distributions.demographics(personas), "income_usd")
    assert not any(tick.get_parse_math() for tick in axes.get_yticklabels())
