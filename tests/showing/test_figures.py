"""Figures against the tables they draw: heights, places and words are read back from the drawing."""

import hashlib

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from persona_lib.showing import diagrams, distributions, drawing, figures, matrices
from persona_lib.tables import schema

ATTRIBUTES = schema.attributes()["attribute"].tolist()
MODELS = ["large", "small"]


def row(statistic, group, estimate, half=0.1, n=20, n_excluded=0):
    low, high = estimate - half, estimate + half
    return schema.statistic(statistic, group, estimate, low=low, high=high, n=n, n_excluded=n_excluded, method="hand")


@pytest.fixture
def personas():
    n = 10
    table = {name: ["Yes"] * 7 + ["No"] * 3 for name in ATTRIBUTES}
    table |= {"age_years": [18, 24, 25, 34, 35, 40, 50, 60, 70, 90], "income_usd": [np.nan, -5.0, 0.0, 1.0, *[3e4] * 6]}
    table |= {"job_description": [f"job {i}" for i in range(n)], "race": [f"r{i % 10}" for i in range(n)]}
    table |= {"fertility": ["not in universe"] * 6 + ["unknown", "No", "No", "Yes"]}
    table |= {trait: np.linspace(-2, 2, n) for trait in distributions.TRAITS}
    ids = [f"p{i:04d}" for i in range(1, n + 1)]
    return pd.DataFrame(table | {"persona_id": ids, "persona_split": ["train"] * 6 + ["heldout_persona"] * 4})


@pytest.fixture
def provenance(personas):
    origins = schema.attributes().set_index("attribute")["origin"].replace({"observed": "derived"})
    rows = [(who, field, origin) for who in personas["persona_id"] for field, origin in origins.items()]
    return pd.DataFrame(rows, columns=["persona_id", "field", "origin"])


@pytest.fixture
def prompts():
    fates = [("Work", "kept", "train")] * 4 + [("Faith", "kept", "train")] * 2 + [("Work", "kept", "heldout_prompt")]
    fates += [("", "no question mark", "none")] * 3
    table = pd.DataFrame(fates, columns=["topic", "reason", "prompt_split"])
    return table.assign(is_kept=table["reason"] == "kept", text="Is this a question?")


@pytest.fixture
def margins():
    rows = [("census", "sex", "Female", 0.51, 0.01, 510), ("census", "sex", "Male", 0.49, 0.01, 490)]
    rows += [("draws", "sex", "Female", 0.55, 0.05, 100), ("draws", "sex", "Male", 0.45, 0.05, 100)]
    rows += [("published", "sex", "Female", 0.508, 0.001, None), ("file", "sex", "Female", 0.515, 0.01, 600)]
    rows += [
        ("census", "age_years", c, s, 0.01, 250)
        for c, s in (("85 and over", 0.1), ("5 to 9", 0.3), ("Under 5", 0.2), ("10 to 14", 0.4))
    ]
    return pd.DataFrame(rows, columns=["source", "attribute", "category", "share", "standard_error", "n"])


@pytest.fixture
def influences():
    rows = [row("kappa", name, 0.5 + i / 100) for i, name in enumerate([*ATTRIBUTES, "placebo"])]
    rows += [row("kappa_retest", name, 0.9) for name in [*ATTRIBUTES, "placebo"]]
    rows += [row("excess_flip", name, i / 100) for i, name in enumerate([*ATTRIBUTES, "placebo"])]
    rows += [row("p_adjusted", name, 0.01 if name == "religion" else 0.6) for name in ATTRIBUTES]
    return pd.DataFrame([*rows, row("kappa", "all", 0.6), row("excess_flip", "all", 0.1)])


@pytest.fixture
def kappas():
    rows = []
    for a in ("p1", "p2", "p3"):
        for b in ("p1", "p2", "p3"):
            own = 0.8 if a == b else -0.1
            rows += [("model-rater", model, a, b, own, 0.8, 10) for model in MODELS]
            rows += [("model-model", "large|small", a, b, own / 2, 0.7, 10)]
    rows += [("rater-rater", "", "p1|people.1", "p1|people.2", 0.4, 0.7, 10)]
    table = pd.DataFrame(rows, columns=["comparison", "model", "rater_a", "rater_b", "kappa", "agreement", "n"])
    gone = (table["rater_a"] == "p1") & (table["rater_b"] == "p2") & (table["model"] == "large")
    return table.assign(kappa=table["kappa"].mask(gone))


@pytest.fixture
def agreement():
    rows = [row("kappa_content", group, 0.5) for group in (*MODELS, "rater_rater", "large|small")]
    rows += [row("mean_kappa", model, 0.8) for model in MODELS]
    return pd.DataFrame([*rows, row("mean_kappa_other", "large", -0.1), row("mean_kappa_other", "small", np.nan)])


@pytest.fixture
def benchmark():
    rates = {
        ("large", "baseline"): 0.05,
        ("large", "summary"): 0.4,
        ("small", "baseline"): np.nan,
        ("small", "summary"): 0.3,
    }
    rows = [row("pass_rate", "|".join(key), rate, n_excluded=1) for key, rate in rates.items()]
    rows += [row("pass_rate", "all|baseline", 0.05), row("drop_rate", "all", 0.3), row("drop_rate_by_rule", "all", 0.4)]
    for i, name in enumerate(ATTRIBUTES):
        rows += [row("drop_rate", name, i / 40), row("drop_rate_by_rule", name, i / 40)]
        rows += [row("drop_rate", f"{model}|{name}", i / 40) for model in MODELS]
    return pd.DataFrame(rows)


@pytest.fixture
def dropped():
    rows = [(p, m, a, "ok") for p in ("p1", "p2") for m in MODELS for a in ATTRIBUTES]
    return pd.DataFrame(rows, columns=["persona_id", "model", "attribute", "status"])


@pytest.fixture
def pass_at_k():
    rates = {1: 0.2, 2: 0.4, 4: 0.8}
    rows = [
        row("pass_at_k", f"{m}|{mode}|{k}", v)
        for m in MODELS
        for mode in ("output_only", "baseline")
        for k, v in rates.items()
    ]
    return pd.DataFrame(rows)


@pytest.fixture
def every(personas, provenance, prompts, margins, influences, kappas, agreement, benchmark, dropped, pass_at_k):
    """Each figure as a function of whether the run is simulated."""
    return {
        1: lambda s: diagrams.construction(personas, provenance, simulated=s),
        2: lambda s: distributions.demographics(personas, simulated=s),
        3: lambda s: distributions.topics(prompts, simulated=s),
        4: lambda s: diagrams.feedback_creation(personas, prompts, simulated=s),
        5: lambda s: figures.influence(influences, simulated=s),
        6: lambda s: matrices.rater_matrices(kappas, agreement, simulated=s),
        7: lambda s: matrices.rater_histograms(kappas, agreement, simulated=s),
        8: lambda s: matrices.model_matrices(kappas, simulated=s),
        9: lambda s: matrices.model_histograms(kappas, agreement, simulated=s),
        10: lambda s: figures.modes(benchmark, simulated=s),
        11: lambda s: figures.dropped_attributes(benchmark, dropped, simulated=s),
        12: lambda s: figures.pass_curves(pass_at_k, simulated=s),
        13: lambda s: distributions.census_demographics(margins, simulated=s),
    }


def axes_named(figure, name):
    return next(axes for axes in figure.axes if axes.get_label() == name)


def texts(figure):
    return [text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text"))]


@pytest.mark.parametrize("number", range(1, 14))
class TestEveryFigure:
    def test_names_its_number_and_carries_the_stamp_only_if_simulated(self, every, number):
        for simulated in (True, False):
            head = [text.get_text() for text in every[number](simulated).texts]
            assert head[0].startswith(f"Figure {number} · ")
            assert (drawing.STAMP in head) == simulated

    def test_same_table_same_bytes_and_no_program_named(self, every, number, tmp_path):
        figure = every[number](True)
        one = drawing.save(figure, tmp_path / "a.png")
        other = drawing.save(every[number](True), tmp_path / "deeper" / "b.png")
        assert one.read_bytes() == other.read_bytes()
        assert not list(tmp_path.rglob(".*")), "a half-written file stayed behind"
        with Image.open(one) as image:
            assert set(image.info) == {"dpi", "Title", "Comment"}
            assert image.info["Comment"] == drawing.STAMP
            np.testing.assert_allclose(image.size, figure.get_size_inches() * drawing.DOTS_PER_INCH, atol=1)

    def test_text_stays_on_the_page(self, every, number):
        figure = every[number](True)
        figure.draw_without_rendering()
        width, height = figure.get_size_inches()
        used = figure.get_tightbbox()
        assert used.x0 >= 0 and used.x1 <= width, f"from {used.x0:.2f} to {used.x1:.2f} of {width:.2f} inches"
        assert used.y0 >= 0 and used.y1 <= height, f"from {used.y0:.2f} to {used.y1:.2f} of {height:.2f} inches"

    def test_leaves_its_tables_alone(self, every, number, personas, kappas, benchmark):
        before = [table.copy(deep=True) for table in (personas, kappas, benchmark)]
        every[number](True)
        for old, new in zip(before, (personas, kappas, benchmark), strict=True):
            pd.testing.assert_frame_equal(old, new)


class TestDemographics:
    def test_shares_against_a_hand_count(self, personas):
        shares = distributions.shares(personas).set_index(["attribute", "category"])["share"]
        assert shares[("sex", "Yes")] == 0.7
        assert shares[("age_years", "15 to 19")] == shares[("age_years", "20 to 24")] == 0.1
        assert shares[("age_years", "25 to 34")] == 0.2 and shares[("age_years", "85 and over")] == 0.1
        assert shares[("income_usd", "Loss")] == shares[("income_usd", "None")] == 0.1
        assert shares[("income_usd", "Under $10,000")] == 0.1 and shares[("income_usd", "$25,000 to $49,999")] == 0.6
        assert shares[("income_usd", "not in universe")] == 0.1

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
        assert [tick.get_text() for tick in race.get_yticklabels()][-1] == "2 others"
        np.testing.assert_allclose([bar.get_width() for bar in race.patches], [10] * 8 + [20])

    def test_kinds_of_nothing_stand_last_and_grey(self, personas):
        axes = axes_named(distributions.demographics(personas), "fertility")
        assert [tick.get_text() for tick in axes.get_yticklabels()][-2:] == ["not in universe", "unknown"]
        greys = [drawing.NOTHING.lower() in str(_hex(bar)) for bar in axes.patches]
        assert greys == [False, False, True, True]

    def test_every_attribute_has_its_panel(self, personas):
        assert {axes.get_label() for axes in distributions.demographics(personas).axes} == set(ATTRIBUTES)


def _hex(bar):
    from matplotlib.colors import to_hex

    return to_hex(bar.get_facecolor())


class TestCensusBesidePersonas:
    def test_census_shares_stand_where_categories_are_the_same(self, personas):
        """Even shares of sex in the census; a stroke is marked where it lies outside the personas' interval."""
        table = distributions.shares(personas)
        sex = table[table["attribute"] == "sex"].set_index("category")
        even = 1 / len(sex)
        rows = [("census", "sex", category, even) for category in sex.index]
        rows += [("census", "education", "High school graduate", 1.0)]  # grouped otherwise: no stroke
        margins = pd.DataFrame(rows, columns=["source", "attribute", "category", "share"])
        figure = distributions.demographics(personas, margins)
        lines = [line for line in axes_named(figure, "sex").lines if line.get_marker() == "|"]
        drawn = [(x, line.get_markeredgecolor()) for line in lines for x in line.get_xdata()]
        names = np.where((sex["low"] <= even) & (even <= sex["high"]), "census", "census outside")
        assert sorted(drawn) == sorted((100 * even, distributions.BESIDE[name][1]) for name in names)
        assert not [line for line in axes_named(figure, "education").lines if line.get_marker() == "|"]


class TestCensusDemographics:
    def test_bars_are_the_census_and_markers_the_others(self, margins):
        axes = axes_named(distributions.census_demographics(margins), "sex")
        np.testing.assert_allclose([bar.get_width() for bar in axes.patches], [51, 49])
        marks = {line.get_marker(): list(line.get_xdata()) for line in axes.lines}
        np.testing.assert_allclose(marks["|"], [55, 45])
        np.testing.assert_allclose(marks["D"], [50.8])
        np.testing.assert_allclose(marks["o"], [51.5])

    def test_a_share_beyond_its_range_is_drawn_apart(self, margins):
        """Of 200 draws 95 % give 51 % women +- 6.9 points: 55 is inside, 60 is not. Two draws decide nothing."""
        seen = {}
        for n, women in ((200, 0.55), (200, 0.60), (2, 0.60)):
            of_draws = margins["source"] == "draws"
            shares = margins["share"].mask(of_draws, pd.Series([np.nan] * 2 + [women, 1 - women]))
            changed = margins.assign(share=shares, n=margins["n"].mask(of_draws, n / 2))
            axes = axes_named(distributions.census_demographics(changed), "sex")
            lines = [line for line in axes.lines if line.get_marker() == "|"]
            seen[n, women] = {line.get_markeredgecolor() for line in lines}
        within, apart = (distributions.BESIDE[name][1] for name in ("draws", "outside"))
        assert seen == {(200, 0.55): {within}, (200, 0.60): {apart}, (2, 0.60): {within}}

    def test_bands_keep_their_order(self, margins):
        axes = axes_named(distributions.census_demographics(margins), "age_years")
        assert [tick.get_text() for tick in axes.get_yticklabels()] == ["Under 5", "5 to 9", "10 to 14", "85 and over"]

    def test_without_census_rows_it_says_so(self, margins):
        with pytest.raises(ValueError, match="no row has source census"):
            distributions.census_demographics(margins[margins["source"] != "census"])


class TestConstruction:
    def said(self, personas, provenance):
        return [text.get_text() for text in diagrams.construction(personas, provenance).axes[0].texts]

    def test_boxes_count_the_origins_of_this_run(self, personas, provenance):
        n = schema.attributes()["origin"].value_counts()
        said = self.said(personas, provenance)
        assert {f"{n[origin]} {origin}" for origin in n.index} <= set(said)
        assert any("declared rules first, then a\nmodel" in text for text in said)
        without = self.said(personas, provenance.replace({"origin": {"written": "listed"}}))
        assert f"{n['listed'] + n['written']} listed" in without
        assert not [text for text in without if "written by" in text or "model" in text]

    def test_the_example_ends_between_two_attributes(self, personas, provenance):
        """Oracle: the labels and values of the first persona, in the order of the table."""
        (example,) = [text for text in self.said(personas, provenance) if text.startswith("Age: ")]
        shown = " ".join(example.split()).removesuffix(" …").split("; ")
        first = personas.iloc[0]
        for part, row in zip(shown, schema.attributes().itertuples(), strict=False):
            value = first[row.attribute]
            assert part == f"{row.label}: {schema.NOT_IN_UNIVERSE if pd.isna(value) else value}"
        assert example.endswith(" …") and len(example.split("\n")) <= 5

    def test_a_first_value_that_does_not_fit_is_cut_between_words(self, personas, provenance):
        personas["defining_quirks"] = "hums while waiting " * 30
        (example,) = [text for text in self.said(personas, provenance) if "hums" in text]
        assert set(example.split()) == {"Defining", "quirks:", "hums", "while", "waiting", "…"}


def test_topics_are_counted_by_split(prompts):
    figure = distributions.topics(prompts)
    bars = axes_named(figure, "topics").patches
    assert [bar.get_width() for bar in bars] == [4, 2, 1, 0]
    assert [bar.get_width() for bar in axes_named(figure, "fates").patches] == [7, 3]


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


class TestMatrices:
    def test_cells_are_the_kappas_and_nan_is_masked(self, kappas, agreement):
        axes = axes_named(matrices.rater_matrices(kappas, agreement), "large")
        cells = axes.collections[0].get_array()
        assert np.ma.getmaskarray(cells).sum() == 1 and np.ma.getmaskarray(cells).reshape(3, 3)[0, 1]
        assert float(cells.reshape(3, 3)[2, 2]) == 0.8
        assert len(axes.collections[1].get_segments()) == 1, "one stroke for the undefined cell"
        assert len(axes.patches) == 3, "the diagonal is outlined"

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


def test_a_dollar_sign_is_a_dollar_sign(personas):
    axes = axes_named(distributions.demographics(personas), "income_usd")
    assert not any(tick.get_parse_math() for tick in axes.get_yticklabels())


def test_saving_moves_no_pixel_by_more_than_the_eye_sees(every, tmp_path):
    figure = every[6](True)
    figure.savefig(tmp_path / "raw.png", dpi=drawing.DOTS_PER_INCH, facecolor="white")
    raw, saved = (
        np.asarray(Image.open(p).convert("RGB"), int)
        for p in (tmp_path / "raw.png", drawing.save(figure, tmp_path / "s.png"))
    )
    assert np.abs(raw - saved).max() <= 4


class TestCatalogue:
    def test_reads_the_files_and_passes_the_schema(self, every, tmp_path):
        paths = [drawing.save(every[n](n != 13), tmp_path / f"figure_{n:02d}.png") for n in (4, 13)]
        table = schema.check(drawing.catalogue(paths), "figures")
        assert table["figure"].tolist() == ["04", "13"]
        assert table["is_simulated"].tolist() == [True, False]
        assert table["sha256"][0] == hashlib.sha256(paths[0].read_bytes()).hexdigest()

    def test_missing_file_and_foreign_file_are_named(self, tmp_path):
        with pytest.raises(ValueError, match="no such figure"):
            drawing.catalogue([tmp_path / "none.png"])
        Image.new("RGB", (2, 2)).save(tmp_path / "plain.png")
        with pytest.raises(ValueError, match="plain.png: names no figure"):
            drawing.catalogue([tmp_path / "plain.png"])
