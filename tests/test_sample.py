"""The shipped census sample, measured on its file, and the program that makes it.

Oracles: published ACS totals, the committed measurements of the weighted source, the real records where they are at
hand, and identities (a swap uses every value once; fitting keeps odds ratios).
"""

import sys
from collections import Counter
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pums_rows import described, needs_pums, replicate_weights, seven_states

from persona_lib.census import codebook, published, pums
from persona_lib.estimating.association import cramers_v, cross_table, effective_size
from persona_lib.sampling.population import replicate_error, weight_matrix
from persona_lib.tables import schema
from persona_lib.tables.schema import NOT_IN_UNIVERSE, UNKNOWN

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "data" / "reference"
PUMS = ROOT.parent / "shared" / "pums"
SAMPLE = REFERENCE / "census_sample.csv.gz"
sys.path.insert(0, str(REFERENCE))

import sample_card  # noqa: E402
import sample_mixing  # noqa: E402
import sample_privacy  # noqa: E402
import sample_quality  # noqa: E402
import sample_shares  # noqa: E402
import sample_weights  # noqa: E402

POPULATION = 327_167_439  # published, 2018
WITHIN_ONE_POINT = (
    *("age_years", "sex", "race", "education", "marital_status", "employment_status", "household_type"),
    *("health_insurance", "disability", "veteran_status", "citizenship"),
)


def in_words(persons: pd.DataFrame, homes: pd.DataFrame) -> pd.DataFrame:
    dictionary = codebook.read_dictionary(REFERENCE / "pums_labels.csv.gz")
    return described(persons, households=homes, dictionary=dictionary)


@pytest.fixture(scope="module")
def persons() -> pd.DataFrame:
    """PUMS rows of the shipped sample."""
    return pums.read_files(SAMPLE)[0]


@pytest.fixture(scope="module")
def people(persons) -> pd.DataFrame:
    """The shipped sample as the table `census`, in the order of its rows."""
    return in_words(persons, pd.DataFrame({"SERIALNO": pd.Series(dtype="str")}))


@pytest.fixture(scope="module")
def source() -> pd.DataFrame:
    """The real records that it was made from, as the table `census`."""
    return seven_states()[0]


@pytest.fixture(scope="module")
def quality() -> pd.DataFrame:
    return pd.read_csv(REFERENCE / "census_sample_quality.csv", keep_default_na=False, na_values=[""])


@pytest.fixture(scope="module")
def us() -> pd.Series:
    """Published totals of the United States by variable."""
    totals = published.read_published(REFERENCE / "published_acs2018_1yr.csv.gz")
    return totals[totals["area"] == "United States"].set_index("variable")["estimate"]


class TestFile:
    def test_it_is_whole_small_and_large_enough(self, persons, people):
        assert SAMPLE.stat().st_size < 5e6 and len(persons) >= 20_000
        checked = schema.check(people, "census")
        assert (checked["weight_persons"] > 0).all()
        assert checked["weight_persons"].sum() == pytest.approx(POPULATION, rel=0.001)
        assert not (checked.drop(columns="ancestry") == UNKNOWN).any().any()
        assert set(persons["SERIALNO"].str[:7]) <= {"2018HU9", "2018GQ9"}

    def test_every_household_is_whole(self, persons):
        homes = persons.assign(number=persons["SPORDER"].astype(int)).groupby("SERIALNO")
        assert (homes["number"].max() == homes.size()).all()
        heads = (persons["RELP"] == "00").groupby(persons["SERIALNO"]).sum()
        spouses = (persons["RELP"] == "01").groupby(persons["SERIALNO"]).sum()
        in_quarters = heads.index.str[4:6] == "GQ"
        assert (heads[~in_quarters] == 1).all() and (heads[in_quarters] == 0).all() and (spouses <= 1).all()

    def test_people_are_possible(self, persons, people):
        young = people[people["age_years"] < 17]
        assert set(young["veteran_status"]) == {NOT_IN_UNIVERSE}
        assert set(people.loc[people["age_years"] < 15, "marital_status"]) == {NOT_IN_UNIVERSE}
        assert (people.loc[people["education"] == "Doctorate degree", "age_years"] >= 22).all()
        forces = people["employment_status"].str.startswith("Armed forces")
        reserve = "Only on active duty for training in Reserves/National Guard"  # some, as in the source
        assert set(people.loc[forces, "veteran_status"]) <= {"Now on active duty", reserve}
        any_difficulty = (people[["hearing_difficulty", "vision_difficulty", "cognitive_difficulty"]] == "Yes").any(
            axis=1
        )
        assert (people.loc[any_difficulty, "disability"] == "With a disability").all()
        abroad = people["nativity"] == "Foreign born"
        assert set(people.loc[abroad, "citizenship"]) <= {"U.S. citizen by naturalization", "Not a U.S. citizen"}
        age = persons["AGEP"].astype(int)
        child = age[persons["RELP"] == "02"].groupby(persons["SERIALNO"]).max()
        head = age[persons["RELP"] == "00"].set_axis(persons.loc[persons["RELP"] == "00", "SERIALNO"])
        assert (head[child.index] - child >= 12).all()

    def test_weights_are_trimmed_and_replicates_vary(self, people, persons):
        weight = people["weight_persons"]
        assert weight.max() < 4 * weight.mean() and effective_size(weight) > 0.9 * len(people)
        matrix = weight_matrix(people, replicate_weights(persons))
        assert matrix.shape[1] == 81 and (matrix >= 0).all()
        totals = matrix.sum(axis=0)
        assert replicate_error(totals[0], totals[1:]) < 0.002 * POPULATION  # a total that each replicate is fitted to
        # a share that is not fitted varies like that of a simple sample, give or take households and weighting
        german = (people["ancestry"] == "German").to_numpy()
        shares = matrix[german].sum(axis=0) / totals
        simple = (shares[0] * (1 - shares[0]) / len(people)) ** 0.5
        assert 0.7 < replicate_error(shares[0], shares[1:]) / simple < 2.5


class TestAgainstPublished:
    @pytest.mark.parametrize("attribute", WITHIN_ONE_POINT)
    def test_shares_are_within_one_point(self, people, us, attribute):
        """Summed here from the labels and the published variables that `published.GROUPS` puts side by side."""
        inside = people[published.universe(people, attribute)]
        weights = inside["weight_persons"].groupby(published.category(inside, attribute)).sum()
        totals = {
            group: sum(-us[v[1:]] if v.startswith("-") else us[v] for v in variables)
            for group, (_, variables) in published.GROUPS[attribute].items()
            if variables
        }
        official = pd.Series(totals)
        ours = weights.reindex(official.index).fillna(0)
        assert (ours / ours.sum() - official / official.sum()).abs().max() < 0.01

    def test_origin_nativity_and_language_are_within_one_point(self, persons, us):
        weight, age = persons["PWGTP"].astype(float), persons["AGEP"].astype(int)

        def share(condition: pd.Series, among: pd.Series) -> float:
            return weight[condition & among].sum() / weight[among].sum()

        everyone, asked = age >= 0, age >= 5
        hispanic, alone = persons["HISP"] != "01", persons["RAC1P"]
        speaks, tongue = persons["LANX"] == "1", pd.to_numeric(persons["LANP"])
        assert share(hispanic, everyone) == pytest.approx(us["DP05_0071"] / us["DP05_0070"], abs=0.01)
        assert share(~hispanic & (alone == "1"), everyone) == pytest.approx(us["DP05_0077"] / us["DP05_0070"], abs=0.01)
        assert share(~hispanic & (alone == "2"), everyone) == pytest.approx(us["DP05_0078"] / us["DP05_0070"], abs=0.01)
        assert share(persons["NATIVITY"] == "2", everyone) == pytest.approx(us["DP02_0092"] / us["DP05_0001"], abs=0.01)
        assert share(~speaks, asked) == pytest.approx(us["DP02_0111"] / us["DP02_0110"], abs=0.01)
        assert share(speaks & (tongue == 1200), asked) == pytest.approx(us["DP02_0114"] / us["DP02_0110"], abs=0.01)

    def test_nativity_and_tongue_within_origin_are_not_those_of_seven_states(self, persons):
        """The 2024 shares themselves, summed by hand; a year of immigration and margins of 2018 lie between."""
        shares = pd.read_csv(REFERENCE / "national_shares_2024.csv").query("age == 'adult'")
        adults = persons[persons["AGEP"].astype(int) >= 18]
        weight = adults["PWGTP"].astype(float)
        for origin, race in (("black", "2"), ("asian", "6"), ("white", "1")):
            rows = shares[shares["origin"] == origin]
            abroad = rows.loc[rows["nativity"] == "foreign-born", "share"].sum() / rows["share"].sum()
            group = (adults["HISP"] == "01") & (adults["RAC1P"] == race)
            ours = weight[group & (adults["NATIVITY"] == "2")].sum() / weight[group].sum()
            assert ours == pytest.approx(abroad, abs=0.02), origin


class TestAgainstSource:
    def test_every_association_is_within_five_hundredths_of_the_weighted_source(self, quality):
        rows = quality[quality["part"] == "association"]
        assert len(rows) == 26 * 25 / 2 - 1  # of 26 attributes; fertility is asked of one sex
        assert (rows["sample"] - rows["reference"]).abs().max() < 0.05

    def test_the_table_says_what_the_file_says(self, people, quality):
        """Measured again wherever no rare categories had to be put together."""
        groups = sample_quality.categories(people)
        few = [name for name in groups if groups[name].nunique() <= sample_quality.MOST]
        rows = quality[(quality["part"] == "association") & quality["first"].isin(few) & quality["second"].isin(few)]
        assert len(rows) > 200
        for row in rows.itertuples():
            table, n = cross_table(groups[row.first], groups[row.second], people["weight_persons"])
            assert row.sample == pytest.approx(cramers_v(table, n=n), abs=2e-5), (row.first, row.second)

    @needs_pums
    @pytest.mark.slow
    def test_the_reference_is_that_of_the_weighted_source(self, source, quality, us):
        import make_census_sample

        rows, _ = pums.read_files(sorted(PUMS.glob("csv_p??.zip")))
        rows["home"] = rows["SERIALNO"]
        totals = pd.read_csv(REFERENCE / "published_acs2018_1yr.csv.gz", dtype=str, keep_default_na=False)
        shares = pd.read_csv(REFERENCE / "national_shares_2024.csv")
        targets = sample_weights.targets_of(totals, shares, rows)
        of_home = make_census_sample.raked(rows, targets)
        weight = rows["SERIALNO"].map(of_home).to_numpy()
        assert weight[rows["HISP"] != "01"].sum() == pytest.approx(us["DP05_0071"], rel=0.01)
        assert weight.max() <= 12.1 * weight.mean()
        found = sample_quality.categories(source)
        in_order = source["household_id"].str[5:].map(of_home).to_numpy()  # of person_id, not of the files' rows
        groups = sample_quality.grouped(found, sample_quality.kept_categories(found, in_order))
        again = sample_quality.all_pairs(groups, in_order).set_index(["first", "second"])["v"]
        committed = quality[quality["part"] == "association"].set_index(["first", "second"])["reference"]
        assert (again[committed.index] - committed).abs().max() < 1e-4

    def test_the_card_is_written_from_the_table(self, quality, people):
        assert sample_card.card(quality) == (REFERENCE / "census_sample.md").read_text("utf-8")
        facts = quality[quality["part"] == "facts"].set_index("first")["sample"]
        weight = people["weight_persons"]
        assert facts["persons"] == len(people) and facts["kish"] == pytest.approx(effective_size(weight), rel=1e-6)
        assert facts["largest_weight"] == pytest.approx(weight.max() / weight.mean(), abs=1e-4)

    @needs_pums
    def test_nobody_is_a_unique_record_and_no_household_is_copied(self, people, source):
        """Whole rows of labels compared, without the program's fingerprints."""
        columns = [name for name, c in schema.tables()["census"].columns.items() if c.label]
        columns += ["hispanic_origin", "nativity"]

        def rows_of(rows: pd.DataFrame) -> list[tuple]:
            values = rows[columns].assign(income_usd=rows["income_usd"].fillna(-1e9))
            near = published.category(rows, "place_of_birth")
            is_state = near.isin(["State of residence", "Another state"])
            return list(
                values.assign(place_of_birth=rows["place_of_birth"].mask(is_state, near)).itertuples(
                    index=False, name=None
                )
            )

        def homes_of(rows: pd.DataFrame, found: list[tuple]) -> set[tuple]:
            homes: dict[str, list] = {}
            for home, row in zip(rows["household_id"], found, strict=True):
                homes.setdefault(home, []).append(row)
            return {tuple(sorted(members)) for members in homes.values()}

        real, made = rows_of(source), rows_of(people)
        unique = {row for row, n in Counter(real).items() if n == 1}
        assert len(unique) > 50_000 and not unique & set(made)
        assert not homes_of(source, real) & homes_of(people, made)
        assert not set(people["household_id"]) & set(source["household_id"])

    @needs_pums
    def test_the_shares_are_those_of_the_2024_records(self):
        path = PUMS / "national_person_2024_sample10_49areas.csv.gz"
        found = sample_shares.shares(pd.read_csv(path, dtype=str, keep_default_na=False))
        committed = pd.read_csv(REFERENCE / "national_shares_2024.csv")
        pd.testing.assert_frame_equal(found, committed, check_dtype=False)
        assert committed["n_records"].min() >= 10 and 0.999 < committed["share"].sum() <= 1


class TestProgram:
    def test_fitted_weights_meet_their_totals_within_bounds(self):
        rng = np.random.default_rng(1)
        counts = rng.integers(0, 3, (500, 4)).astype(float)
        targets = counts.T @ rng.uniform(0.5, 2, 500)
        start = np.ones(500)
        made = sample_weights.calibrated(counts, targets, start, low=0.2, high=4, ridge=1e-9, steps=50)
        assert np.allclose(counts.T @ made, targets, rtol=1e-4) and made.min() >= 0.2 and made.max() <= 4
        tight = sample_weights.calibrated(counts, targets * 3, start, low=0.2, high=2, ridge=1e-3, steps=50)
        assert tight.max() == 2  # out of reach: at the bound, not beyond

    def test_joint_totals_have_the_margins_of_2018_and_the_odds_of_2024(self, us):
        shares = pd.read_csv(REFERENCE / "national_shares_2024.csv")
        joint = sample_shares.joint_targets(shares, us)
        keys = pd.DataFrame([name.split("|") for name in joint.index], columns=sample_shares.KEYS)
        by_origin = joint.groupby(keys["origin"].to_numpy()).sum()
        assert by_origin["hispanic"] == pytest.approx(us["DP05_0071"], rel=1e-4)
        foreign = joint.groupby(keys["nativity"].to_numpy()).sum()["foreign-born"]
        assert foreign == pytest.approx(us["DP02_0092"], rel=1e-4)

        def odds(counts: pd.Series) -> float:
            native, foreign = (
                counts[f"black|adult|{nativity}|very well"] / counts[f"asian|adult|{nativity}|very well"]
                for nativity in ("native-born", "foreign-born")
            )
            return native / foreign

        raw = shares.set_index(pd.Index(["|".join(k) for k in shares[sample_shares.KEYS].to_numpy()]))["share"]
        assert odds(joint) == pytest.approx(odds(raw), rel=1e-3)

    def test_replicate_factors_are_those_of_successive_differences(self):
        """Values 1 and 1 +- 1/sqrt(2), half of the 80 off by it: 4/80 x 40 x 1/2 = 1."""
        factors = sample_weights.replicate_factors(79)
        values = np.unique(factors.round(6))
        assert np.allclose(values, [1 - 2**-0.5, 1, 1 + 2**-0.5], atol=1e-5)
        assert np.allclose(((factors - 1) ** 2).sum(axis=1) * 4 / 80, 1)

    def test_points_count_the_attributes_in_which_two_people_differ(self, people, persons):
        """Somebody beside the same person of another sex, and beside the same whose ancestry was not asked."""
        groups = sample_quality.categories(people).iloc[[0, 0, 0]]
        groups.iloc[1, groups.columns.get_loc("sex")] = "Female" if groups["sex"].iloc[0] == "Male" else "Male"
        groups.iloc[2, groups.columns.get_loc("ancestry")] = np.nan
        at = sample_mixing.points(groups, persons.iloc[[0, 0, 0]], {})
        assert ((at[1:] - at[0]) ** 2).sum(axis=1) == pytest.approx([1, 1])

    def test_a_swap_uses_every_block_once_and_never_ones_own_household(self):
        rng = np.random.default_rng(2)
        n = 60
        rows = pd.DataFrame({"SERIALNO": np.repeat(np.arange(n // 2).astype(str), 2), "SEX": "1", "RELP": "00"})
        rows = rows.assign(AGEP=rng.integers(36, 50, n).astype(str), PINCP="1000", SCHL="16")
        groups = pd.DataFrame({"race": rng.choice(list("abc"), n), "industry": rng.choice(list("xyz"), n)})
        picked = sample_mixing.swapped(np.arange(n), rows, groups)
        for block in picked.T:
            assert sorted(block) == list(range(n))
            assert (rows["SERIALNO"].to_numpy()[block] != rows["SERIALNO"].to_numpy()).all()
        assert all((a != b).all() for a, b in combinations(picked.T, 2))
        same_race = (groups["race"].to_numpy()[picked[:, 0]] == groups["race"].to_numpy()).mean()
        assert same_race > 0.9  # by chance it would be a third

    def test_a_copied_household_is_found_in_any_order_and_a_common_record_is_not(self, people):
        real = people[~people["is_group_quarters"]].head(40)
        twice = pd.concat([real, real.assign(household_id=real["household_id"] + "x")], ignore_index=True)
        turned = twice.iloc[::-1].assign(household_id=lambda rows: rows["household_id"] + "y").reset_index(drop=True)
        assert sample_privacy.copied(turned, twice).all()  # nobody is unique, every household is there
        together = turned.assign(household_id="all of them")
        assert not sample_privacy.copied(together, twice).any()
        assert sample_privacy.copied(together, real).all()  # each is unique there
