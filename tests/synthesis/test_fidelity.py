"""Oracles: binomial distributions, scipy, scikit-learn, plain cross-tables, official PUMS files, identities."""

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pums_rows import PUMS, needs_pums, tables_of
from scipy import stats
from sklearn.linear_model import LogisticRegression

from persona_lib.census import published
from persona_lib.measuring import association
from persona_lib.measuring.association import chi_square, rao_scott
from persona_lib.synthesis import coding, discriminator, fidelity, joint, official, population
from persona_lib.tables import schema
from persona_lib.tables.schema import NOT_IN_UNIVERSE, SchemaError

ROOT = Path(__file__).parents[2]
REFERENCE, EXPECTED = ROOT / "data" / "reference", ROOT / "data" / "expected" / "demo"


@pytest.fixture(scope="module")
def census() -> pd.DataFrame:
    return schema.read(EXPECTED / "census.parquet", "census")


@pytest.fixture(scope="module")
def replicates() -> pd.DataFrame:
    return schema.read(EXPECTED / "replicates.parquet", "replicates")


@pytest.fixture(scope="module")
def totals() -> pd.DataFrame:
    return published.read_published(REFERENCE / "published_acs2018_1yr.csv.gz")


@pytest.fixture(scope="module")
def base(census) -> population.Frame:
    return population.frame(census)


@pytest.fixture(scope="module")
def draws(census) -> pd.DataFrame:
    return population.draw(census, n_draws=400, seed=7)


def value(found: pd.DataFrame, statistic: str, group: str = "all") -> pd.Series:
    return found.set_index(["statistic", "group"]).loc[(statistic, group)]


def two_persons(census: pd.DataFrame) -> population.Frame:
    """A woman and a man of equal weight: every difference of draws is one of sex."""
    adults = census[census["age_years"] >= 25]
    rows = pd.concat([adults[adults["sex"] == sex].head(1) for sex in ("Female", "Male")])
    return population.frame(rows.assign(weight_persons=5))


def drawn(frame: population.Frame, rows: list[int]) -> pd.DataFrame:
    ids = frame.pool["person_id"].iloc[rows].to_numpy()
    return pd.DataFrame({"draw": range(len(rows)), "person_id": pd.Series(ids, dtype="str")})


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
        margins = population.tabulate(census, draws, replicates.head(0), no_totals())
        wide = margins.pivot(index=["attribute", "category"], columns="source", values="share").fillna(0)
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


def no_totals() -> pd.DataFrame:
    return pd.DataFrame({name: [] for name in published.COLUMNS})


class TestRaoScott:
    def test_a_simple_random_sample_needs_no_correction(self):
        p, seen, n = np.array([0.5, 0.3, 0.2]), np.array([0.56, 0.3, 0.14]), 200
        found = rao_scott(seen, p, (np.diag(p) - np.outer(p, p)) / n, n=n)
        oracle = stats.chisquare(seen * n, p * n)
        assert found["chi_square"] == pytest.approx(oracle.statistic)
        assert found["p"] == pytest.approx(oracle.pvalue) and found["design_effect"] == pytest.approx(1)

    def test_p_is_uniform_under_unequal_design_effects(self):
        """Shares that vary five times as much in one direction as in another: about 5 % of p below .05."""
        rng, p = np.random.default_rng(1), np.full(4, 0.25)
        root = np.array([[3, -1, -1, -1], [0, 1, -1, 0], [0, 0, 1, -1]], float) * np.array([[0.01], [0.006], [0.004]])
        covariance = root.T @ root
        seen = p + rng.standard_normal((4_000, 3)) @ root
        low = np.mean([rao_scott(one, p, covariance, n=100)["p"] < 0.05 for one in seen])
        assert 0.035 < low < 0.065

    def test_without_variance_there_is_no_test(self):
        assert np.isnan(rao_scott(np.array([0.5, 0.5]), np.array([0.4, 0.6]), np.zeros((2, 2)), n=9)["p"])


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


@pytest.fixture(scope="module")
def found(base, draws) -> pd.DataFrame:
    return joint.against_source(base, draws, seed=1, n_redraws=40)


class TestJoint:
    def test_gap_of_v_by_plain_cross_tables(self, base, draws, found):
        weights = base.pool["weight_persons"].to_numpy(float)
        columns = joint.grouped(base.pool, weights).replace(NOT_IN_UNIVERSE, np.nan)
        rows = fidelity.locate(base, draws)
        for a, b in (("race", "education"), ("occupation", "ancestry")):
            table, n = association.cross_table(columns[a].iloc[rows], columns[b].iloc[rows], np.ones(len(rows)))
            truth, _ = association.cross_table(columns[a], columns[b], weights)
            gap = association.cramers_v(table) - association.cramers_v(truth, n=1e12)
            row = value(found, "cramers_v_gap", f"{a}|{b}")
            assert row["estimate"] == pytest.approx(gap, abs=1e-6) and row["n"] == n

    def test_k_marginal_by_pandas(self, base, draws, found):
        weights = base.pool["weight_persons"].to_numpy(float)
        columns = joint.grouped(base.pool, weights)
        sample, gaps = columns.iloc[fidelity.locate(base, draws)], []
        for place, a in enumerate(columns):
            for b in columns.columns[place + 1 :]:
                ours = sample.groupby([a, b]).size() / len(sample)
                theirs = pd.Series(weights).groupby([columns[a], columns[b]]).sum() / weights.sum()
                gaps.append(ours.sub(theirs, fill_value=0).abs().sum() / 2)
        assert value(found, "k_marginal_2")["estimate"] == pytest.approx(1000 * (1 - np.mean(gaps)))

    def test_a_faithful_draw_is_inside_its_range(self, found):
        schema.check(found, "fidelity")
        pairs = found[found["statistic"] == "cramers_v_gap"].dropna(subset="estimate")
        outside = (pairs["estimate"] < pairs["low"]) | (pairs["estimate"] > pairs["high"])
        assert len(pairs) > 250 and outside.mean() < 0.2
        assert found["method"].str.endswith("no more than chance").sum() == 3

    def test_a_torn_mixture_is_found_out_though_every_share_is_right(self, base, draws):
        """Eight attributes are each shuffled over the pool: its shares stay, the pairs do not."""
        rng = np.random.default_rng(3)
        torn = base.pool.copy()
        shuffled = ["age_years", "race", "education", "marital_status", "employment_status", "occupation", "industry"]
        for column in (*shuffled, "household_type"):
            torn[column] = rng.permutation(torn[column].to_numpy())
        torn["person_id"] = torn["person_id"] + "t"
        both = pd.concat([base.pool, torn.assign(weight_persons=1)])
        frame = population.frame(both)
        sample = draws.assign(person_id=torn["person_id"].iloc[fidelity.locate(base, draws)].to_numpy())
        found = joint.against_source(frame, sample, seed=1, n_redraws=40)
        for name in ("cramers_v_mean_gap", "k_marginal_2", "k_marginal_3"):
            assert value(found, name)["method"].endswith("differs by more than chance")


class TestDiscriminator:
    def test_error_by_scikit_learn(self, base, draws):
        weights = base.pool["weight_persons"].to_numpy(float)
        terms = discriminator.design_matrix(base.pool, weights, n_draws=60)
        census = weights / weights.sum() * len(draws)
        counts = np.bincount(fidelity.locate(base, draws), minlength=len(terms)).astype(float)
        model = LogisticRegression(C=np.inf, fit_intercept=False, max_iter=500, tol=1e-8, solver="newton-cholesky")
        model.fit(np.vstack([terms, terms]), np.repeat([0, 1], len(terms)), np.concatenate([census, counts]))
        guess = model.predict_proba(terms)[:, 1]
        oracle = ((census + counts) * (guess - 0.5) ** 2).sum() / (census + counts).sum()
        assert discriminator.propensity_error(terms, census, counts) == pytest.approx(oracle, rel=1e-3)

    def test_terms_are_independent_and_their_span_is_that_of_all(self, base):
        weights = base.pool["weight_persons"].to_numpy(float)
        terms = discriminator.design_matrix(base.pool, weights, n_draws=150)
        assert np.linalg.matrix_rank(terms) == terms.shape[1] > 60

    def test_expectation_is_that_of_faithful_draws(self, base):
        """Snoke's expectation, and the chi-square behind the verdict: 30 faithful draws of 300 persons."""
        weights = base.pool["weight_persons"].to_numpy(float)
        terms = discriminator.design_matrix(base.pool, weights, n_draws=60)  # few terms, for speed
        df, ratios = terms.shape[1] - 1, []
        for rows in base.again(np.zeros(300, dtype=int), np.random.default_rng(2), 30):
            counts = np.bincount(rows, minlength=len(terms)).astype(float)
            error = discriminator.propensity_error(terms, weights / weights.sum() * 300, counts)
            ratios.append(error / (df / 8 / 600))
        assert np.mean(ratios) == pytest.approx(1, abs=3 * np.sqrt(2 / df / 30) + 0.02)
        p = stats.chi2.sf(df * np.array(ratios), df)
        assert (p < 0.05).sum() <= 6  # the 99.7 % point of a binomial of 30 and .05

    def test_a_draw_of_the_old_is_found_out(self, base):
        old = np.flatnonzero(base.pool["age_years"] >= 40)[:300]
        found = discriminator.against_source(base, drawn(base, old.tolist()))
        assert value(found, "propensity_ratio")["estimate"] > 2
        assert value(found, "propensity_ratio")["method"].endswith("differs by more than chance")


def test_codes_count_persons_as_often_as_they_are_given():
    coded = coding.code(pd.DataFrame({"sex": ["F", "M", "F"], "work": ["yes", None, "no"]}))
    assert coded.tally(np.array([0, 0, 1])).tolist() == [2, 1, 0, 2]
    assert coded.tally(weights=np.array([1.0, 2.0, 4.0])).tolist() == [5, 2, 4, 1]
    assert coded.asked(coded.tally()).tolist() == [3, 3, 2, 2]
    assert coded.indicators().sum(axis=0).tolist() == coded.tally().tolist()


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
