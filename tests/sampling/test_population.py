"""Oracles: published ACS totals, hand-worked replicate errors and shares, scipy's multinomial, identities."""

import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pums_rows import PUMS, few, needs_pums
from scipy import stats

from persona_lib.census.columns import REPLICATES
from persona_lib.sampling import population
from persona_lib.tables import schema
from persona_lib.tables.schema import SchemaError

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "data" / "reference"


def test_draws_follow_the_weights(sample):
    """Oracle: scipy's chi-square of 40,000 draws of four persons with weights 1, 2, 3, 4."""
    people = few(sample).assign(weight_persons=[1, 2, 3, 4])
    counts = population.draw(people, n_draws=40_000, seed=1)["person_id"].value_counts().reindex(people["person_id"])
    assert stats.chisquare(counts, np.array([1, 2, 3, 4]) * 4_000).pvalue > 0.001


def test_weight_zero_is_never_drawn_and_draws_come_with_replacement(sample):
    people = few(sample).assign(weight_persons=[0, 5, 5, 0])
    drawn = population.draw(people, n_draws=500, seed=2)["person_id"]
    assert set(drawn) == set(people["person_id"].iloc[1:3])


def test_same_seed_same_draws_and_a_longer_run_starts_with_the_shorter(sample):
    short, long = (population.draw(sample[0], n_draws=n, seed=3) for n in (10, 40))
    pd.testing.assert_frame_equal(short, long.head(10))
    shuffled = population.draw(sample[0].sample(frac=1, random_state=0), n_draws=10, seed=3)
    pd.testing.assert_frame_equal(short, shuffled)
    assert not short.equals(population.draw(sample[0], n_draws=10, seed=4))
    schema.check(short, "draws")


def strata_counts(people: pd.DataFrame, draws: pd.DataFrame) -> pd.Series:
    return draws.merge(people, on="person_id").groupby("sex").size().reindex(["Female", "Male"], fill_value=0)


def test_strata_get_their_share_in_every_first_part_of_the_draws(sample):
    """Largest deviation from proportion: 2 draws, where independent draws of 120 are off by 4 in the mean."""
    people = sample[0][sample[0]["age_years"] >= 18]
    share = people.groupby("sex")["weight_persons"].sum() / people["weight_persons"].sum()
    draws = population.draw(people, n_draws=120, seed=3, strata=["sex"])
    for n in (7, 50, 120):
        assert (strata_counts(people, draws.head(n)) - n * share).abs().max() <= 2
    pd.testing.assert_frame_equal(draws.head(50), population.draw(people, n_draws=50, seed=3, strata=["sex"]))
    by_state = population.draw(people, n_draws=400, seed=3, strata=["state", "sex"]).merge(people, on="person_id")
    expected = people.groupby("state")["weight_persons"].sum() / people["weight_persons"].sum() * 400
    assert (by_state.groupby("state").size().reindex(expected.index, fill_value=0) - expected).abs().max() <= 4


def test_small_strata_are_drawn_at_their_weight_on_average(sample):
    """Four persons, each a stratum; the lightest is worth a third of a draw. Oracle: the binomial of 300 runs."""
    people = few(sample).assign(weight_persons=[1, 9, 8, 12], state=list("abcd"))
    runs = [population.draw(people, n_draws=10, seed=seed, strata=["state"])["person_id"] for seed in range(300)]
    counts = pd.concat(runs).value_counts()[people["person_id"]]
    assert stats.binomtest(int(counts.iloc[0]), 300, 1 / 3).pvalue > 0.001
    assert np.allclose(counts / 300, np.array([1, 9, 8, 12]) / 3, atol=0.09)


@pytest.mark.parametrize("n", [1, 2, 3, 7])
def test_fewer_draws_than_strata_are_in_proportion_on_average(n):
    """Eight strata, the first with nine tenths of the weight: over 4,000 starts it has 0.9 n draws."""
    shares = np.array([0.9, *[0.1 / 7] * 7])
    starts = (np.arange(4_000) + 0.5) / 4_000
    orders = np.stack([population.stratum_order(shares, n_draws=n, start=start) for start in starts])
    assert (orders == 0).sum(axis=1).mean() == pytest.approx(0.9 * n, abs=0.002 * n)
    assert (orders == 3).sum(axis=1).mean() == pytest.approx(0.1 / 7 * n, abs=0.002 * n)


def test_a_stratum_is_never_far_from_its_share():
    rng = np.random.default_rng(1)
    shares = rng.dirichlet(np.full(50, 0.3))
    order = population.stratum_order(shares, n_draws=2_000, start=rng.random())
    counts = np.cumsum(order[:, None] == np.arange(50), axis=0)
    assert np.abs(counts - np.arange(1, 2_001)[:, None] * shares).max() < 4


def test_within_a_stratum_draws_follow_the_weights(sample):
    people = few(sample).assign(weight_persons=[1, 3, 2, 6], sex=["Female", "Female", "Male", "Male"])
    counts = population.draw(people, n_draws=12_000, seed=4, strata=["sex"])["person_id"].value_counts()
    assert stats.chisquare(counts[people["person_id"]], np.array([1, 3, 2, 6]) * 1_000).pvalue > 0.001


def test_a_redraw_keeps_to_the_strata_and_to_the_weights(sample):
    people = few(sample).assign(weight_persons=[1, 3, 2, 6], sex=["Female", "Female", "Male", "Male"])
    frame = population.frame(people, strata=["sex"])
    rows = np.array([0] * 3_000 + [2] * 6_000)  # 3,000 women, 6,000 men, whoever they were
    counts = sum(np.bincount(again, minlength=4) for again in frame.again(rows, np.random.default_rng(1), 2))
    assert counts[:2].sum() == 6_000
    weight = frame.pool["weight_persons"].to_numpy()
    expected = np.concatenate([6_000 * weight[:2] / 4, 12_000 * weight[2:] / 8])
    assert stats.chisquare(counts, expected).pvalue > 0.001


def test_a_stratum_that_is_no_column_stops(sample):
    with pytest.raises(SchemaError, match=r"population\.strata: 'county' is no column of the census"):
        population.draw(sample[0], n_draws=5, seed=1, strata=["sex", "county"])


def test_adults_by_default_minors_by_switch(sample):
    rows = sample[0]
    drawn = population.draw(rows, n_draws=2_000, seed=5).merge(rows, on="person_id")
    assert drawn["age_years"].min() >= 18
    everyone = population.draw(rows, n_draws=2_000, seed=5, adults_only=False).merge(rows, on="person_id")
    assert everyone["age_years"].min() < 18


def test_group_quarters_by_switch(sample):
    drawn = population.draw(sample[0], n_draws=2_000, seed=5, group_quarters=False).merge(sample[0], on="person_id")
    assert not drawn["is_group_quarters"].any()


def test_no_adult_stops_loudly(sample):
    with pytest.raises(SchemaError, match="no person of 18 or over"):
        population.draw(few(sample).assign(age_years=9), n_draws=5, seed=1)


def test_no_weight_stops_loudly(sample):
    with pytest.raises(SchemaError, match="have no weight"):
        population.draw(few(sample).assign(weight_persons=0), n_draws=5, seed=1)


def test_replicate_error_by_hand():
    """4/80 x (4 x 3^2 + 76 x 0) = 1.8; its root."""
    replicates = np.array([13.0] * 2 + [7.0] * 2 + [10.0] * 76)
    assert population.replicate_error(10.0, replicates) == pytest.approx(1.8**0.5)


def test_replicate_error_is_about_the_estimate_not_the_mean():
    assert population.replicate_error(10.0, np.full(80, 11.0)) == pytest.approx(2.0)


def test_replicate_error_wants_eighty():
    with pytest.raises(ValueError, match="79 replicate estimates"):
        population.replicate_error(1.0, np.ones(79))


@needs_pums
def test_replicate_errors_are_those_of_the_r_package_survey():
    """Persons by PUMA and sex in Vermont, 2018: totals and errors as R's survey prints them in tidycensus's article
    on census microdata, which also finds the Census Bureau's own verification estimates with the same code."""
    printed = {
        ("00100", 1): (108732, 1122.9765),
        ("00100", 2): (111564, 1360.3476),
        ("00200", 1): (73768, 754.0906),
        ("00200", 2): (73416, 808.7364),
        ("00300", 1): (61601, 490.5432),
        ("00300", 2): (64806, 578.3529),
        ("00400", 1): (65675, 702.0659),
        ("00400", 2): (66737, 775.9812),
    }
    used = ["PUMA", "SEX", "PWGTP", *REPLICATES]
    with zipfile.ZipFile(PUMS / "csv_pvt.zip") as archive, archive.open("psam_p50.csv") as member:
        rows = pd.read_csv(member, usecols=used, dtype={"PUMA": "str"})
    sums = rows.groupby(["PUMA", "SEX"])[used[2:]].sum()
    error = population.replicate_error(sums["PWGTP"].to_numpy(), sums.iloc[:, 1:].to_numpy())
    assert list(zip(sums["PWGTP"], error.round(4), strict=True)) == [printed[key] for key in sums.index]


class TestAllocated:
    """Hand-made flags: person 0 has an allocated income, person 1 an allocated income and age, the others none."""

    @pytest.fixture
    def flagged(self, sample) -> pd.DataFrame:
        rows = few(sample).assign(unflagged="household_type", allocated="")
        rows.loc[[0, 1], "allocated"] = ["income_usd", "age_years+income_usd"]
        return rows

    @pytest.mark.parametrize(
        ("attributes", "left"),
        [([], [0, 1, 2, 3]), (["age_years"], [0, 2, 3]), (["income_usd", "sex"], [2, 3]), (["any"], [2, 3])],
    )
    def test_who_is_left(self, flagged, attributes, left):
        kept = population.eligible(flagged, without_allocated=attributes)
        assert kept.index.tolist() == left
        drawn = population.draw(flagged, n_draws=50, seed=1, without_allocated=attributes)
        assert set(drawn["person_id"]) <= set(kept["person_id"])

    def test_no_name_is_taken_for_a_part_of_another(self, flagged):
        assert not population.is_allocated(flagged.assign(allocated="race+disability"), ["sex"]).any()

    @pytest.mark.parametrize(
        ("attributes", "words"),
        [
            (
                ["household_type"],
                "'household_type' has no allocation flag in PUMS; give \\[any\\] or some of age_years",
            ),
            (["haircut"], "'haircut' has no allocation flag"),
        ],
    )
    def test_an_attribute_without_a_flag(self, flagged, attributes, words):
        with pytest.raises(SchemaError, match=f"population.without_allocated: {words}"):
            population.eligible(flagged, without_allocated=attributes)

    @pytest.mark.parametrize("attributes", [["income_usd"], ["any"]])
    def test_the_shipped_sample_says_that_it_has_no_flags(self, sample, attributes):
        with pytest.raises(SchemaError, match="a census file has no allocation flags .*leave the key empty"):
            population.frame(sample[0], without_allocated=attributes)

    def test_nobody_is_left(self, flagged):
        with pytest.raises(SchemaError, match="everybody has an allocated value"):
            population.eligible(flagged.head(2), without_allocated=["income_usd"])


class TestReadWeights:
    """Six hand-made persons whose replicate k is their weight plus k, in files of one to six rows a part."""

    PEOPLE = pd.DataFrame({"person_id": [f"p{k}" for k in range(6)], "weight_persons": range(1, 7)})

    @pytest.fixture
    def written(self, tmp_path, monkeypatch):
        def write(people: pd.DataFrame, heavy: int = 0) -> Path:
            values = people["weight_persons"].to_numpy()[:, None] + np.arange(1, 81)
            values[-1:, -1] += heavy
            names = [f"replicate_{k:02d}" for k in range(1, 81)]
            table = pd.DataFrame(values, columns=names).assign(person_id=people["person_id"].to_numpy())
            schema.write(table, tmp_path / "replicates.parquet", "replicates")
            monkeypatch.setattr(population, "BLOCK", 4)
            return tmp_path / "replicates.parquet"

        return write

    @pytest.mark.parametrize(("heavy", "size"), [(0, "int16"), (32_767, "int32")])
    def test_the_weights_and_their_replicates_in_as_few_bytes_as_hold_them(self, written, heavy, size):
        found = population.read_weights(written(self.PEOPLE, heavy), self.PEOPLE)
        assert found.dtype == size and found[:, 0].tolist() == [1, 2, 3, 4, 5, 6]
        assert found[2, 1:].tolist() == list(range(4, 84)) and found[5, 80] == 86 + heavy

    def test_without_replicates_there_is_the_weight_alone(self, written):
        assert population.read_weights(written(self.PEOPLE.head(0)), self.PEOPLE).tolist() == [[k] for k in range(1, 7)]

    def test_a_file_about_other_persons_or_about_some(self, written):
        with pytest.raises(SchemaError, match="replicates.parquet: person p5 has no row; give files of one kind"):
            population.read_weights(written(self.PEOPLE.head(5)), self.PEOPLE)
        with pytest.raises(SchemaError, match="it is about other persons than the census"):
            population.read_weights(written(self.PEOPLE), self.PEOPLE.head(5))
        with pytest.raises(SchemaError, match="it is about other persons than the census"):
            population.read_weights(written(self.PEOPLE), self.PEOPLE.iloc[::-1])
