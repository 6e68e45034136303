"""The chain of beliefs. Oracles: closed forms, scikit-learn, committed survey margins, Monte Carlo."""

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import mutual_info_score

from persona_lib.census import codebook
from persona_lib.synthesis import beliefs
from persona_lib.tables.schema import NOT_IN_UNIVERSE, UNKNOWN, SchemaError

REFERENCE = Path(__file__).parents[2] / "data" / "reference"
ONE = {
    "age_years": 43,
    "sex": "Female",
    "race": "White",
    "hispanic_origin": "Not Hispanic or Latino",
    "education": "Bachelor's degree",
}


def people(n=1, **changes):
    return pd.DataFrame({key: [value] * n for key, value in (ONE | changes).items()})


def tiny(coefficients):
    """A chain table of one field from {(value, predictor, level): coefficient}."""
    rows = [("religion", *key, str(number)) for key, number in coefficients.items()]
    return pd.DataFrame(rows, columns=["field", "value", "predictor", "level", "coefficient"])


def test_every_census_label_has_a_survey_category():
    dictionary = codebook.read_dictionary(REFERENCE / "pums_labels.csv.gz")
    for year in dictionary["dictionary_year"].unique():
        known = codebook.codes(dictionary, year=int(year))
        for column, variable in {
            "sex": "SEX",
            "race": "RAC1P",
            "hispanic_origin": "HISP",
            "education": "SCHL",
        }.items():
            labels = [*known[variable].values(), UNKNOWN]
            found = beliefs.predictors(people(len(labels)).assign(**{column: labels}))
            assert found.notna().all(axis=None), f"{year} {variable}"


def test_hispanic_origin_comes_before_race():
    assert beliefs.predictors(people(race="Asian", hispanic_origin="Cuban"))["race_ethnicity"].item() == "Hispanic"
    assert beliefs.predictors(people(race="Asian", hispanic_origin=UNKNOWN))["race_ethnicity"].item() == "Asian"


def test_age_groups_at_their_edges():
    ages = pd.Series([0, 17, 18, 29, 30, 44, 45, 64, 65, 99])
    expected = [group for group in ("under 18", "18-29", "30-44", "45-64", "65+") for _ in range(2)]
    assert beliefs.age_group(ages).tolist() == expected


def test_a_strange_label_is_named():
    with pytest.raises(SchemaError, match=r"people\.education: row 0 is 'PhD'"):
        beliefs.predictors(people(education="PhD"))


def test_probabilities_are_a_softmax_of_summed_coefficients():
    table = tiny(
        {
            ("A", "intercept", ""): np.log(3),
            ("A", "calibration", ""): 0.0,
            ("A", "sex", "Female"): np.log(2),
            ("A", "sex", "Male"): 0.0,
            ("B", "intercept", ""): 0.0,
            ("B", "calibration", ""): 0.0,
            ("B", "sex", "Female"): 0.0,
            ("B", "sex", "Male"): 0.0,
        }
    )
    known = pd.DataFrame({"sex": ["Female", "Male", UNKNOWN]})
    assert beliefs.chain_probabilities(known, table, "religion")["A"].round(6).tolist() == [0.857143, 0.75, 0.75]
    with pytest.raises(SchemaError, match="religion.*missing or not a finite"):
        beliefs.chain_probabilities(known, table.iloc[:-1], "religion")
    with pytest.raises(SchemaError, match="stands twice"):
        beliefs.chain_probabilities(known, pd.concat([table, table]), "religion")
    with pytest.raises(SchemaError, match=r"people\.sex: row 0 is 'Other'"):
        beliefs.chain_probabilities(pd.DataFrame({"sex": ["Other"]}), table, "religion")
    with pytest.raises(SchemaError, match="no row of field ideology"):
        beliefs.chain_probabilities(known, table, "ideology")


def test_draws_follow_the_chains_own_probabilities(chain):
    n = 40_000
    crowd = people(n, age_years=70)
    drawn = beliefs.draw_chain(crowd, chain, seed=5)
    known = beliefs.predictors(crowd.iloc[:1])
    chance = beliefs.chain_probabilities(known, chain, "religion").iloc[0]
    counts = drawn["religion"].value_counts().reindex(chance.index, fill_value=0)
    common = chance * n > 5
    assert stats.chisquare(counts[common], chance[common] / chance[common].sum() * counts[common].sum()).pvalue > 1e-4
    mine = drawn[drawn["religion"] == "Protestant"]
    given = beliefs.chain_probabilities(known.assign(religion="Protestant"), chain, "ideology").iloc[0]
    shares = mine["ideology"].value_counts(normalize=True)
    assert (np.abs(shares - given) < 4.5 * np.sqrt(given * (1 - given) / len(mine))).all()
    first = drawn.iloc[0]
    assert first["religion_probability"] == pytest.approx(chance[first["religion"]])
    assert drawn["religion"].nunique() > 4, "drawn, not the likeliest value"


def test_more_people_at_the_end_move_nobody(chain):
    few, many = (beliefs.draw_chain(people(n), chain, seed=3) for n in (5, 9))
    pd.testing.assert_frame_equal(few, many.iloc[:5])


def test_minors_are_outside_the_surveys_universe(chain):
    mixed = people(3).assign(age_years=[17, 18, 40])
    drawn = beliefs.draw_chain(mixed, chain, seed=1)
    assert (drawn.loc[0, list(beliefs.CHAIN)] == NOT_IN_UNIVERSE).all() and pd.isna(
        drawn.loc[0, "religion_probability"]
    )
    alone = beliefs.draw_chain(people(3), chain, seed=1)
    pd.testing.assert_frame_equal(drawn.iloc[2:], alone.iloc[2:])


def test_draw_leaves_its_argument_alone(chain):
    before = people(3)
    beliefs.draw_chain(before, chain, seed=1)
    pd.testing.assert_frame_equal(before, people(3))


def survey_population(margins, predictors, levels):
    """The joint of the predictors by iterative fitting to the committed two-way margins with n >= 10."""
    grid = pd.DataFrame(itertools.product(*(levels[p] for p in predictors)), columns=predictors)
    weight, known = np.full(len(grid), 1 / len(grid)), []
    for a, b in itertools.combinations(predictors, 2):
        rows = margins[(margins["row"] == a) & (margins["column"] == b)]
        target = rows.set_index(["row_value", "column_value"])["share"].astype(float)
        cell, cells = pd.MultiIndex.from_frame(grid[[a, b]]).factorize()
        known.append((cell, target.reindex(cells).to_numpy()))
    for _ in range(60):
        for cell, wanted in known:
            now = np.bincount(cell, weights=weight)
            is_rest = np.isnan(wanted)
            left = (1 - np.nansum(wanted)) * now / max(now[is_rest].sum(), 1e-12)
            weight = weight * (np.where(is_rest, left, wanted) / np.maximum(now, 1e-300))[cell]
    weight = pd.Series(weight, index=grid.index)
    return grid, weight


@pytest.mark.parametrize("field", beliefs.CHAIN)
def test_coefficients_reproduce_the_two_way_margins(chain, field):
    margins = pd.read_csv(REFERENCE / "chain_margins.csv", keep_default_na=False, na_values={"fitted_share": [""]})
    margins = margins[margins["table"] == field]
    bare = chain.assign(coefficient=chain["coefficient"].mask(chain["predictor"] == "calibration", "0"))
    mine = chain[(chain["field"] == field) & ~chain["predictor"].isin(["intercept", "calibration"])]
    predictors = list(dict.fromkeys(mine["predictor"]))
    levels = {p: sorted(mine.loc[mine["predictor"] == p, "level"].unique()) for p in predictors}
    grid, weight = survey_population(margins, predictors, levels)
    fitted = beliefs.chain_probabilities(grid, bare, field).mul(weight, axis=0)
    outcome = margins[margins["row"] == field]
    again = [fitted.loc[grid[r.column] == r.column_value, r.row_value].sum() for r in outcome.itertuples()]
    assert np.abs(again - outcome["share"]).max() < 0.008
    assert np.abs(again - outcome["fitted_share"]).max() < 0.004


def survey_people():
    """One person per cell of the religion table's predictors, with census labels, and the cells' weights."""
    margins = pd.read_csv(REFERENCE / "chain_margins.csv", keep_default_na=False)
    levels = {
        "age_group": {"18-29": 25, "30-44": 35, "45-64": 55, "65+": 70},
        "sex": {"Female": "Female", "Male": "Male"},
        "race_ethnicity": {
            "White": "White",
            "Black": "Black or African American",
            "Asian": "Asian",
            "Other": "Two or more races",
            "Hispanic": "White",
        },
        "education": {
            "High school or less": "Grade 9",
            "Some college": "Associate's degree",
            "Bachelor's or more": "Master's degree",
        },
    }
    grid, weight = survey_population(margins[margins["table"] == "religion"], list(levels), levels)
    crowd = pd.DataFrame(
        {
            "age_years": grid["age_group"].map(levels["age_group"]),
            "sex": grid["sex"],
            "race": grid["race_ethnicity"].map(levels["race_ethnicity"]),
            "hispanic_origin": np.where(grid["race_ethnicity"] == "Hispanic", "Mexican", "Not Hispanic or Latino"),
            "education": grid["education"].map(levels["education"]),
        }
    )
    return crowd, weight


def test_calibrated_chain_meets_the_national_margins(chain):
    crowd, weight = survey_people()
    joint = beliefs.chain_joint(crowd, chain, weight=weight)
    assert joint["share"].sum() == pytest.approx(1)
    for row in pd.read_csv(REFERENCE / "national_margins.csv").itertuples():
        ours = joint.loc[joint[row.field].isin(row.survey_values.split("|")), "share"].sum()
        assert ours == pytest.approx(row.share, abs=0.005), f"{row.field} {row.category}"


def test_chain_joint_is_what_draws_tend_to(chain):
    crowd = pd.concat([people(20_000, age_years=25), people(20_000, age_years=80)], ignore_index=True)
    joint = beliefs.chain_joint(crowd.iloc[[0, -1]], chain, weight=pd.Series(1.0, index=[0, 39_999]))
    drawn = beliefs.draw_chain(crowd, chain, seed=8)
    for field in beliefs.CHAIN:
        expected = joint.groupby(field)["share"].sum()
        shares = drawn[field].value_counts(normalize=True).reindex(expected.index, fill_value=0)
        assert np.abs(shares - expected).max() < 4.5 * np.sqrt(0.25 / 40_000)


def test_draws_reproduce_every_two_way_table_of_the_chain_and_the_survey(chain):
    """Within Monte-Carlo error: z of each cell of the chain's own tables; the survey's religion tables beside them."""
    n = 40_000
    cells, weight = survey_people()
    crowd = cells.loc[np.random.default_rng(6).choice(len(cells), n, p=weight / weight.sum())].reset_index(drop=True)
    drawn = beliefs.draw_chain(crowd, chain, seed=13)
    share = pd.Series(crowd.value_counts(normalize=True), name="share").reset_index()
    joint = beliefs.chain_joint(share, chain, weight=share["share"])
    for pair in itertools.combinations(beliefs.CHAIN, 2):
        expected = joint.groupby(list(pair))["share"].sum()
        found = drawn.groupby(list(pair)).size().reindex(expected.index, fill_value=0) / n
        z = (found - expected) / np.sqrt(expected * (1 - expected) / n)
        assert (z[expected * n > 5].abs() < 4.5).all(), pair
        assert abs((z[expected * n > 5] ** 2).mean() - 1) < 0.6, pair
    bare = chain.assign(coefficient=chain["coefficient"].mask(chain["predictor"] == "calibration", "0"))
    drawn = beliefs.draw_chain(crowd, bare, seed=12).join(beliefs.predictors(crowd))
    margins = pd.read_csv(REFERENCE / "chain_margins.csv", keep_default_na=False)
    for row in margins[(margins["table"] == "religion") & (margins["row"] == "religion")].itertuples():
        p = float(row.fitted_share)
        ours = ((drawn["religion"] == row.row_value) & (drawn[row.column] == row.column_value)).mean()
        assert abs(ours - p) < 0.004 + 4.5 * np.sqrt(p * (1 - p) / n), row


def test_committed_calibration_finds_no_group_that_the_chain_gets_wrong():
    """Of cells of held-out respondents, one in twenty beyond 1.96 if the chain were true."""
    by_group = pd.read_csv(REFERENCE / "chain_calibration.csv")
    assert by_group.groupby("field")["groups"].nunique().to_dict() == dict.fromkeys(beliefs.CHAIN, 10)  # 4 + 4 * 3 / 2
    assert by_group["n_beyond"].sum() < 0.05 * by_group["n_cells"].sum()
    assert by_group["root_mean_square_z"].max() < 1.3


def test_committed_chain_discloses_no_small_cell_and_predicts():
    margins, scores = pd.read_csv(REFERENCE / "chain_margins.csv"), pd.read_csv(REFERENCE / "chain_scores.csv")
    assert margins["n"].min() >= 10
    chain = pd.read_csv(REFERENCE / "chain_coefficients.csv", keep_default_na=False)
    slopes = chain[(chain["value"] == "Not stated") & ~chain["predictor"].isin(["intercept", "calibration"])]
    assert (slopes["coefficient"] == 0).all(), "one respondent must not shape a slope"
    assert (chain["held_out_bits"] < chain["held_out_bits_margin"]).all()
    worth = scores.set_index(["field", "predictors"])["worse_by_bits"]
    assert worth["political_views", "without ideology"] > 0.3 and worth["ideology", "without religion"] > 0.05


def test_mutual_information():
    drawn = pd.DataFrame({"a": [0, 0, 1, 1, 2, 2, 2], "b": list("xxyyxyx")})
    joint = drawn.groupby(["a", "b"], as_index=False).size().rename(columns={"size": "share"})
    expected = mutual_info_score(drawn["a"], drawn["b"]) / np.log(2)
    assert beliefs.mutual_information(joint, between=("a", "b")) == pytest.approx(expected)
    independent = pd.DataFrame({"a": [0, 0, 1, 1], "b": [0, 1, 0, 1], "share": [0.06, 0.14, 0.24, 0.56]})
    assert beliefs.mutual_information(independent, between=("a", "b")) == pytest.approx(0, abs=1e-12)
