"""Draws beside published totals. Oracles: hand sums, planted shifts, official PUMS files."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from draws import drawn, value

from persona_lib.census import published
from persona_lib.sampling import official, population
from persona_lib.sampling.population import weight_matrix
from persona_lib.tables import schema

REFERENCE = Path(__file__).parents[2] / "data" / "reference"


class TestAgainstPublished:
    def test_the_shipped_sample_gets_no_test_but_its_draws_do(self, census, replicates, base, draws, totals):
        found = official.against_published(
            census, base, draws, weight_matrix(census, replicates), totals, seed=1, n_redraws=200
        )
        schema.check(found, "fidelity")
        gaps = found[found["statistic"] == "published_gap"]
        fitted = "not comparable: the file's weights were fitted to this table"
        assert gaps["method"].str.endswith(fitted).all() and gaps["low"].isna().all()
        tested = found[found["statistic"] == "drawn_chi_square"].set_index("group")
        assert set(tested.index) == set(published.ADULTS)
        assert tested["method"].str.endswith("no more than chance").all()
        assert value(found, "drawn_variation", "race")["method"] == "not comparable: not published for adults"
        assert np.isnan(value(found, "published_share_correlation")["low"])  # no error known, so no range

    def test_a_draw_of_the_old_is_found_out(self, census, replicates, base, totals):
        old = np.flatnonzero(base.pool["age_years"] >= 40)[:300]
        found = official.against_published(
            census,
            base,
            drawn(base, old.tolist()),
            weight_matrix(census, replicates),
            totals,
            seed=1,
            n_redraws=99,
        )
        assert value(found, "drawn_chi_square", "age_years")["method"].endswith("differs by more than chance")
        row = value(found, "drawn_gap", "age_years")
        assert row["high"] < 0 or row["low"] > 0

    def test_error_of_a_drawn_share_by_hand(self, census, replicates, base, draws, totals):
        """Two categories and no error of the file: half-width 1.96 sqrt(p (1 - p) / n) around the gap."""
        found = official.against_published(
            census, base, draws, weight_matrix(census, replicates.head(0)), totals, seed=1, n_redraws=4_000
        )
        row = value(found, "drawn_gap", "sex")
        p = published.shares(totals, "sex", areas=["United States"], adults=True)["share"].iloc[0]
        assert (row["high"] - row["low"]) / 2 == pytest.approx(1.96 * np.sqrt(p * (1 - p) / 400), rel=0.05)
        unknown = "not comparable: no replicate weights, so no error of the file is known"
        assert value(found, "published_gap", "sex")["method"].endswith(unknown)

    def test_draws_without_group_quarters_are_not_held_against_tables_that_count_them(self, census, replicates, totals):
        """By hand: the share of the weight of persons of the table who are in group quarters stands in the reason."""
        frame = population.frame(census, group_quarters=False)
        draws = population.draw(census, n_draws=200, seed=1, group_quarters=False)
        found = official.against_published(
            census, frame, draws, weight_matrix(census, replicates), totals, seed=1, n_redraws=50
        )
        rows = found[found["statistic"].str.startswith("drawn")].set_index("group")
        assert rows["estimate"].isna().all() and rows["method"].str.startswith("not comparable: ").all()
        adults = census[census["age_years"] >= 18].groupby("is_group_quarters")["weight_persons"].sum()
        share = f"{adults[True] / adults.sum():.1%}"
        assert rows.loc["sex", "method"] == f"not comparable: {share} of those whom the table counts may not be drawn"
        assert not found[found["statistic"] == "published_gap"].empty, "the file itself is compared as before"

    def test_an_area_of_which_one_has_no_table_is_never_a_sum_over_the_other(self, census, replicates, totals):
        """Rhode Island and Puerto Rico: the profile DP02 is not published of the latter, DP05 is."""
        two = census[census["state"] == "Rhode Island"].copy()
        two.loc[two.index[::3], "state"] = "Puerto Rico"
        frame = population.frame(two)
        draws = population.draw(two, n_draws=50, seed=1)
        found = official.against_published(
            two, frame, draws, weight_matrix(two, replicates), totals, seed=1, n_redraws=20
        )
        row = value(found, "published_variation", "education")
        assert np.isnan(row["estimate"]) and row["method"] == "not comparable: the tables of Puerto Rico lack DP02_0059"
        assert not np.isnan(value(found, "published_variation", "age_years")["estimate"])
        assert value(found, "drawn_variation", "education")["method"].startswith("not comparable: the tables of Puerto")

    def test_every_area_has_its_tables_of_adults(self, totals):
        for area in sorted(set(totals["area"]) - {"Puerto Rico"}):
            for attribute in published.ADULTS:
                assert published.lacking(totals, attribute, areas=[area], adults=True) == "", (area, attribute)

    def test_tables_of_five_years_serve_a_file_of_five_years_of_the_nation(self, census, replicates, totals):
        """Employment alone is published alike there, without margins of error: a gap, and no test."""
        later = census.assign(survey_year=np.where(np.arange(len(census)) % 2, 2020, 2024))
        both = pd.concat([totals, published.read_published(REFERENCE / "published_acs2020_2024_5yr.csv")])
        frame = population.frame(later)
        draws = population.draw(later, n_draws=50, seed=1)
        found = official.against_published(
            later, frame, draws, weight_matrix(later, replicates), both, seed=1, n_redraws=20
        )
        row = value(found, "published_gap", "employment_status")
        assert row["method"].endswith("not comparable: no margin of error is published") and abs(row["estimate"]) < 0.1
        assert set(found.dropna(subset="estimate")["group"]) == {"employment_status", "all"}
        one_year = official.against_published(
            census.assign(survey_year=2024), frame, draws, weight_matrix(census, replicates), both, seed=1, n_redraws=20
        )
        assert one_year["estimate"].isna().all(), "tables of five years do not serve a file of one"

    def test_a_category_that_nobody_has_is_left_out(self, census, totals):
        rows = census[census["employment_status"] != "Unemployed"]
        both = official.beside(rows, totals, rows[["weight_persons"]].to_numpy(float))
        here = (both.coded.labels["attribute"] == "employment_status").to_numpy()
        assert "Unemployed" not in set(both.coded.labels["category"][here])
        assert both.published[here].sum() == pytest.approx(1)

    def test_another_year_has_no_totals(self, census, replicates, draws, totals):
        later = census.assign(survey_year=2023)
        found = official.against_published(
            later, population.frame(later), draws, weight_matrix(later, replicates), totals, seed=1
        )
        assert found["statistic"].tolist() == ["published_share_correlation"] and found["estimate"].isna().all()
        assert found["method"].tolist() == [
            "not comparable: no published totals of the file's area and year are at hand"
        ]
