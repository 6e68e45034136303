"""Draws beside published totals. Oracles: hand sums, planted shifts, official PUMS files."""

import numpy as np
import pytest
from draws import drawn, value
from pums_rows import PUMS, needs_pums, tables_of

from persona_lib.census import published
from persona_lib.synthesis import official, population
from persona_lib.tables import schema


class TestAgainstPublished:
    def test_the_shipped_sample_gets_no_test_but_its_draws_do(self, census, replicates, base, draws, totals):
        found = official.against_published(census, base, draws, replicates, totals, seed=1, n_redraws=200)
        schema.check(found, "fidelity")
        gaps = found[found["statistic"] == "published_gap"]
        assert gaps["method"].str.contains("fitted to this table: no test").all() and gaps["low"].isna().all()
        tested = found[found["statistic"] == "drawn_chi_square"].set_index("group")
        assert set(tested.index) == set(published.ADULTS)
        assert tested["method"].str.endswith("no more than chance").all()
        assert value(found, "drawn_variation", "race")["method"] == "not published for adults"
        assert np.isnan(value(found, "published_share_correlation")["low"])  # no error known, so no range

    def test_a_draw_of_the_old_is_found_out(self, census, replicates, base, totals):
        old = np.flatnonzero(base.pool["age_years"] >= 40)[:300]
        found = official.against_published(
            census, base, drawn(base, old.tolist()), replicates, totals, seed=1, n_redraws=99
        )
        assert value(found, "drawn_chi_square", "age_years")["method"].endswith("differs by more than chance")
        row = value(found, "drawn_gap", "age_years")
        assert row["high"] < 0 or row["low"] > 0

    def test_error_of_a_drawn_share_by_hand(self, census, replicates, base, draws, totals):
        """Two categories and no error of the file: half-width 1.96 sqrt(p (1 - p) / n) around the gap."""
        found = official.against_published(census, base, draws, replicates.head(0), totals, seed=1, n_redraws=4_000)
        row = value(found, "drawn_gap", "sex")
        p = published.shares(totals, "sex", areas=["United States"], adults=True)["share"].iloc[0]
        assert (row["high"] - row["low"]) / 2 == pytest.approx(1.96 * np.sqrt(p * (1 - p) / 400), rel=0.05)
        assert value(found, "published_gap", "sex")["method"].endswith("no test")

    def test_without_group_quarters_the_draws_are_of_other_persons(self, census, replicates, totals):
        """One in eight adults moved into group quarters, all of them men, who then cannot be drawn: found out."""
        inside = (census["sex"] == "Male") & (np.arange(len(census)) % 4 == 0)
        moved = census.assign(is_group_quarters=census["is_group_quarters"] | inside)
        frame = population.frame(moved, group_quarters=False)
        draws = population.draw(moved, n_draws=1_500, seed=1, group_quarters=False)
        found = official.against_published(moved, frame, draws, replicates, totals, seed=1, n_redraws=200)
        assert value(found, "drawn_chi_square", "sex")["method"].endswith("differs by more than chance")
        row = value(found, "drawn_variation_by_chance", "sex")
        assert value(found, "drawn_variation", "sex")["estimate"] > row["high"]

    def test_a_category_that_nobody_has_is_left_out(self, census, totals):
        rows = census[census["employment_status"] != "Unemployed"]
        both = official.beside(rows, totals, rows[["weight_persons"]].to_numpy(float))
        here = (both.coded.labels["attribute"] == "employment_status").to_numpy()
        assert "Unemployed" not in set(both.coded.labels["category"][here])
        assert both.published[here].sum() == pytest.approx(1)

    def test_another_year_has_no_totals(self, census, replicates, draws, totals):
        later = census.assign(survey_year=2023)
        found = official.against_published(later, population.frame(later), draws, replicates, totals, seed=1)
        assert found["statistic"].tolist() == ["published_share_correlation"] and found["estimate"].isna().all()

    @needs_pums
    def test_official_files_err_as_part_of_the_tables_sample(self, totals):
        """Of the gaps between official files and tables 3 to 9 % lie beyond 1.96 errors with the file taken as a
        part of the table's sample, under 2 % with the two as independent: the latter interval is too wide."""
        persons, weights = tables_of([PUMS / f"csv_p{state}.zip" for state in ("vt", "ri", "sd", "nm")])
        within, apart = [], []
        for state in persons["state"].unique():
            rows = persons[persons["state"] == state]
            both = official.beside(rows, totals, population.weight_matrix(rows, weights))
            assert 0.3 < both.overlap < 0.8 and not both.untested
            error = np.sqrt((both.spread**2).sum(axis=1))
            gap, large = np.abs(both.file - both.published), (both.file > 0.005) & (error > 3e-4)
            within.append((gap > 1.96 * error)[large])
            apart.append((gap > 1.96 * error * np.sqrt((1 + both.overlap) / (1 - both.overlap)))[large])
        within, apart = np.concatenate(within), np.concatenate(apart)
        assert len(within) > 250 and 0.03 < within.mean() < 0.09 and apart.mean() < 0.02
