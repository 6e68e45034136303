"""Draws beside their source. Oracles: binomial distributions, plain cross-tables, identities."""

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from draws import drawn, no_totals, two_persons, value
from scipy import stats

from persona_lib.estimating.association import chi_square
from persona_lib.sampling import fidelity, population
from persona_lib.sampling.margins import tabulate
from persona_lib.sampling.population import weight_matrix
from persona_lib.tables import schema
from persona_lib.tables.schema import SchemaError

ROOT = Path(__file__).parents[2]
REFERENCE, EXPECTED = ROOT / "data" / "reference", ROOT / "data" / "expected" / "demo"


class TestAgainstSource:
    def test_sixty_to_forty_by_hand(self, census):
        """Variation 0.1, chi-square 4; p is the binomial's, 2 P(X >= 60) = .0569, before the adjustment."""
        frame = two_persons(census)
        women = int(frame.pool["sex"].eq("Male").iloc[0])
        sample = drawn(frame, [women] * 60 + [1 - women] * 40)
        found = fidelity.against_source(frame, sample, seed=1, n_redraws=4_000)
        assert value(found, "total_variation", "sex")["estimate"] == pytest.approx(0.1)
        chi = value(found, "chi_square", "sex")
        assert chi["estimate"] == pytest.approx(4)
        n_tests = (found["statistic"] == "chi_square").sum()
        p = float(chi["method"].split("Holm-adjusted: ")[1].split(";")[0])
        assert p == pytest.approx(min(1, n_tests * 2 * stats.binom.sf(59, 100, 0.5)), abs=0.2)
        assert chi["method"].endswith("no more than chance")

    def test_range_by_chance_is_the_binomials(self, census):
        """|k/100 - 1/2| with k binomial: mean and 95 % range by enumeration."""
        frame = two_persons(census)
        found = fidelity.against_source(frame, drawn(frame, [0, 1] * 50), seed=1, n_redraws=4_000)
        k = np.arange(101)
        gap, chance = np.abs(k / 100 - 0.5), stats.binom.pmf(k, 100, 0.5)
        row = value(found, "total_variation_by_chance", "sex")
        assert row["estimate"] == pytest.approx((gap * chance).sum(), abs=0.003)
        order = np.argsort(gap, kind="stable")
        upper = gap[order][np.searchsorted(np.cumsum(chance[order]), 0.975)]
        assert row["high"] == pytest.approx(upper, abs=0.011)

    def test_a_skewed_draw_differs_by_more_than_chance(self, census):
        frame = two_persons(census)
        found = fidelity.against_source(frame, drawn(frame, [0] * 80 + [1] * 20), seed=1)
        assert value(found, "chi_square", "sex")["method"].endswith("differs by more than chance")

    def test_false_alarms_are_as_stated(self):
        """Of 400 samples from the shares themselves one in twenty has p below .05: binomial, .1 % and 99.9 %."""
        rng, p = np.random.default_rng(5), np.array([0.6, 0.3, 0.1])
        seen, redrawn = rng.multinomial(150, p, 400) / 150, rng.multinomial(150, p, (400, 199)) / 150
        chi, chance = chi_square(seen, p, 150), chi_square(redrawn, p, 150)
        alarms = sum(fidelity.beyond(one, many) < 0.05 for one, many in zip(chi, chance, strict=True))
        assert stats.binom.ppf(0.001, 400, 0.05) <= alarms <= stats.binom.ppf(0.999, 400, 0.05)

    def test_statistics_follow_from_the_margins(self, census, replicates, base, draws):
        """The same by another way: shares of `tabulate`, numpy's correlation."""
        found = fidelity.against_source(base, draws, seed=1, n_redraws=50)
        margins = tabulate(census, draws, weight_matrix(census, replicates.head(0)), no_totals())
        grouped = margins[margins["source"] != "labels"]
        wide = grouped.pivot(index=["attribute", "category"], columns="source", values="share").fillna(0)
        far = (wide["draws"] - wide["census"]).abs()
        expected = far.groupby("attribute").sum() / 2
        got = found[found["statistic"] == "total_variation"].set_index("group")["estimate"]
        assert np.allclose(got, expected.reindex(got.index)) and len(got) == 24
        r = value(found, "share_correlation")
        assert r["estimate"] == pytest.approx(np.corrcoef(wide["draws"], wide["census"])[0, 1])
        assert r["low"] < r["high"] < 1
        assert value(found, "largest_gap")["estimate"] == pytest.approx(far.max())

    def test_same_seed_same_statistics_whatever_the_order_of_rows(self, census, draws):
        first = fidelity.against_source(population.frame(census), draws, seed=1, n_redraws=20)
        shuffled = population.frame(census.sample(frac=1, random_state=1))
        pd.testing.assert_frame_equal(first, fidelity.against_source(shuffled, draws, seed=1, n_redraws=20))
        schema.check(first, "fidelity")

    def test_a_stranger_stops(self, base):
        with pytest.raises(SchemaError, match="2018-nobody-01 is not among those who may be drawn"):
            fidelity.against_source(base, pd.DataFrame({"draw": [0], "person_id": ["2018-nobody-01"]}), seed=1)

    def test_nobody_in_the_universe_is_said(self, base):
        men = np.flatnonzero(base.pool["sex"] == "Male")[:5]
        found = fidelity.against_source(base, drawn(base, men.tolist()), seed=1, n_redraws=20)
        row = value(found, "total_variation", "fertility")
        assert np.isnan(row["estimate"]) and row["method"] == "no draw is in its universe"


@pytest.mark.slow
@pytest.mark.parametrize("n_draws", [150, 1586])
def test_intervals_cover_what_they_promise(n_draws):
    """60 simulated surveys with known truth: 93 to 97 %, give or take three Monte-Carlo errors."""
    path = ROOT / "benchmarks" / "coverage_of_fidelity.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = module.coverage(60, n_draws)
    promises = found[~found.index.str.startswith("(")]
    slack = 3 * promises["error"].clip(lower=0.005)
    assert promises["coverage"].between(0.93 - slack, 0.97 + slack).all(), promises
