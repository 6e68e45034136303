"""The chain of beliefs. Oracles: closed forms, MNLogit itself, scikit-learn, committed survey margins, Monte Carlo."""

import importlib.util
import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import mutual_info_score
from small_personas import reference

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


@pytest.fixture(scope="module")
def chain():
    return reference("chain_coefficients")


def program(name):
    spec = importlib.util.spec_from_file_location(name, REFERENCE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def fit_chain():
    return program("fit_chain")


def tiny(coefficients):
    """A chain table of one field from {(value, predictor, level): coefficient}."""
    rows = [("religion", *key, str(number)) for key, number in coefficients.items()]
    return pd.DataFrame(rows, columns=["field", "value", "predictor", "level", "coefficient"])


# ------------------------------------------------------------------ labels


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


# ------------------------------------------------------------------ the chain


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


# ------------------------------------------------------------------ the program that fits the chain


def survey(n=600, seed=0):
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame({"sex": rng.choice(["Female", "Male"], n), "education": rng.choice(["a", "b", "c"], n)})
    score = np.column_stack([np.zeros(n), 0.8 * (rows["sex"] == "Male") - 0.5, 0.9 * (rows["education"] == "c")])
    p = np.exp(score) / np.exp(score).sum(axis=1, keepdims=True)
    drawn = (p.cumsum(axis=1) < rng.random(n)[:, None]).sum(axis=1)
    return rows.assign(religion=np.array(["X", "Y", "Z"])[drawn], weight=1.0)


def test_unpenalised_fit_is_statsmodels_mnlogit(fit_chain):
    from statsmodels.discrete.discrete_model import MNLogit

    rows = survey()
    model = fit_chain.Model(rows, "religion", ("sex", "education"), penalty=1e-7)
    x = np.column_stack([np.ones(len(rows)), rows["sex"] == "Male", rows["education"] == "b", rows["education"] == "c"])
    codes = rows["religion"].map({"X": 0, "Y": 1, "Z": 2})
    oracle = MNLogit(codes, x.astype(float)).fit(disp=0).predict()
    assert np.abs(model.probabilities(rows) - oracle).max() < 1e-4


def test_ridge_fit_is_scikit_learns(fit_chain):
    """Its penalty of every outcome's slopes around 0 is ours around their mean: at the optimum the mean is 0."""
    rows = survey().assign(weight=np.random.default_rng(1).gamma(2, 0.5, 600))
    model = fit_chain.Model(rows, "religion", ("sex", "education"), penalty=5.0)
    x = fit_chain.design(rows, model.levels)
    oracle = LogisticRegression(C=1 / 5.0, tol=1e-10, max_iter=5000)
    oracle.fit(x, rows["religion"], sample_weight=rows["weight"])
    assert np.abs(model.probabilities(rows) - oracle.predict_proba(x)).max() < 1e-5


def test_held_out_chances_come_from_models_that_have_not_seen_the_respondent(fit_chain, monkeypatch):
    monkeypatch.setattr(fit_chain, "PENALTIES", (1.0, 10.0))
    rows = survey(200)
    chance = fit_chain.held_out(rows, "religion", ("sex",))
    assert chance.index.equals(rows.index) and np.allclose(chance.sum(axis=1), 1)
    changed = rows.assign(religion=rows["religion"].where(rows.index != 7, "X" if rows["religion"][7] == "Z" else "Z"))
    again = fit_chain.held_out(changed, "religion", ("sex",))
    pd.testing.assert_series_equal(chance.loc[7], again.loc[7])
    assert not np.allclose(chance.drop(index=7), again.drop(index=7))


def test_calibration_is_one_for_a_true_model_and_above_for_a_false_one(fit_chain, monkeypatch):
    monkeypatch.setitem(fit_chain.FIELDS, "religion", ("sex", "education"))
    rows = survey(6000)
    score = np.column_stack([np.zeros(6000), 0.8 * (rows["sex"] == "Male") - 0.5, 0.9 * (rows["education"] == "c")])
    true = pd.DataFrame(np.exp(score) / np.exp(score).sum(axis=1, keepdims=True), columns=["X", "Y", "Z"])
    fair = fit_chain.calibration(rows, "religion", true)
    assert fair["groups"].tolist() == ["sex", "education", "sex x education"]
    assert fair["n_cells"].tolist() == [6, 9, 18] and fair["root_mean_square_z"].between(0.3, 1.7).all()
    flat = fit_chain.calibration(rows, "religion", true * 0 + 1 / 3)
    assert (flat["root_mean_square_z"] > 3).all()


def test_calibration_counts_the_answers_that_a_model_expects_and_few_give(fit_chain, monkeypatch):
    """100 people of whom a model expects 40 W, 30 X, 27 Y and 3 Z; 5 say W, 70 X, 13 Y, 12 Z.

    By hand, from observed less expected over the root of the squared misses: W -35 / sqrt(5 x 0.36 + 95 x 0.16)
    = -8.489, X 40 / sqrt(70 x 0.49 + 30 x 0.09) = 6.576, Y -14 / sqrt(13 x 0.5329 + 87 x 0.0729) = -3.843.
    """
    monkeypatch.setitem(fit_chain.FIELDS, "religion", ("sex",))
    rows = pd.DataFrame({"religion": [*"W" * 5, *"X" * 70, *"Y" * 13, *"Z" * 12], "sex": "Female", "weight": 1.0})
    chance = pd.DataFrame({"W": 0.4, "X": 0.3, "Y": 0.27, "Z": 0.03}, index=rows.index)
    found = fit_chain.calibration(rows, "religion", chance).iloc[0]
    assert (found["n_cells"], found["n_beyond"]) == (3, 3)
    assert found["root_mean_square_z"] == pytest.approx(np.sqrt((8.489**2 + 6.576**2 + 3.843**2) / 3), abs=1e-3)


def test_every_arm_chooses_its_own_penalty(fit_chain, monkeypatch):
    """So what is lost without a predictor does not depend on the penalty of the model fitted to all."""
    for name, value in {"PENALTIES": (1.0, 30.0), "N_FOLDS": 3}.items():
        monkeypatch.setattr(fit_chain, name, value)
    monkeypatch.setitem(fit_chain.FIELDS, "religion", ("sex", "education"))
    rows = survey(300)
    full = fit_chain.held_out(rows, "religion", ("sex", "education"))
    one, other = (fit_chain.score(rows, "religion", full, penalty=p).set_index("predictors") for p in (1.0, 30.0))
    assert one["worse_by_bits"].tolist() == other["worse_by_bits"].tolist()
    own = fit_chain.held_out(rows, "religion", ("education",))
    given = own.to_numpy()[np.arange(300), own.columns.get_indexer(rows["religion"])]
    assert one.loc["without sex", "log_loss_bits"] == pytest.approx(-np.log2(given).mean())


def test_weight_two_is_the_same_person_twice(fit_chain):
    rows = survey(300)
    heavy = rows.assign(weight=np.where(rows["sex"] == "Male", 2.0, 1.0))
    twice = pd.concat([rows, rows[rows["sex"] == "Male"]], ignore_index=True)
    a = fit_chain.Model(heavy, "religion", ("sex", "education"), penalty=3.0)
    b = fit_chain.Model(twice, "religion", ("sex", "education"), penalty=3.0)
    assert np.abs(a.probabilities(rows) - b.probabilities(rows)).max() < 1e-4


def test_calibration_meets_its_targets_and_leaves_ratios_inside_an_aggregate(fit_chain):
    rows = survey()
    model = fit_chain.Model(rows, "religion", ("sex", "education"), penalty=1.0)
    before = model.probabilities(rows)
    targets = pd.DataFrame({"category": ["x", "rest"], "survey_values": ["X", "Y|Z"], "share": [0.7, 0.3]})
    model.calibrate(rows, targets)
    after = model.probabilities(rows)
    assert after[:, 0].mean() == pytest.approx(0.7, abs=1e-9)
    assert np.allclose(after[:, 1] / after[:, 2], before[:, 1] / before[:, 2])


def test_rare_levels_and_outcomes_get_no_slope(fit_chain):
    rows = survey()
    rows.loc[:4, "education"] = "rare"
    rows.loc[5:8, "religion"] = "W"
    model = fit_chain.Model(rows, "religion", ("sex", "education"), penalty=1.0)
    assert ("education", "rare") not in model.levels
    assert (model.beta[1:, model.outcomes.index("W")] == 0).all()
    chance = pd.DataFrame(model.probabilities(rows), columns=model.outcomes)
    assert chance["W"].mean() == pytest.approx(4 / len(rows), rel=0.1)


# ------------------------------------------------------------------ the program that tries the chain on another survey


def test_the_chain_predicts_respondents_of_another_survey():
    """Its slopes beat that survey's own margin, in every field, by many standard errors."""
    tried = pd.read_csv(REFERENCE / "chain_external.csv").set_index("field")
    assert tried.index.tolist() == list(beliefs.CHAIN)
    assert (tried["better_by_bits"] > 4 * tried["standard_error"]).all()
    assert np.allclose(tried["margin_bits"] - tried["chain_bits"], tried["better_by_bits"], atol=2e-4)


def test_shared_groups_cover_the_answers_of_the_chain(chain):
    check = program("check_chain")
    for field, groups in check.SHARED.items():
        answers = set(chain.loc[chain["field"] == field, "value"])
        gathered = [answer for ours, _ in groups.values() for answer in ours]
        assert len(gathered) == len(set(gathered)) and answers - set(gathered) <= {"Not sure"}
        for levels in check.AS_PREDICTOR.get(field, {}).values():
            assert set(levels) <= answers


def test_chances_of_another_survey_are_hand_sums(chain):
    check = program("check_chain")
    cells = pd.DataFrame(
        {"age_group": ["65+"], "sex": ["Female"], "race_ethnicity": ["White"], "religion": ["No religion"]}
    )
    numbers = chain.assign(coefficient=chain["coefficient"].astype(float))
    bare = numbers.assign(coefficient=numbers["coefficient"].where(numbers["predictor"] != "calibration", 0.0))
    levels = ("Atheist or agnostic", "Nothing in particular")
    each = [beliefs.chain_probabilities(cells.assign(religion=level), bare, "ideology").iloc[0] for level in levels]
    mean = (each[0] + each[1]) / 2
    sums = [mean["Conservative"] + mean["Very conservative"], mean["Moderate"], mean["Liberal"] + mean["Very liberal"]]
    assert check.chances(cells, numbers, "ideology")[0] == pytest.approx(np.array(sums) / sum(sums))
    chance = np.array([[0.2, 0.8], [0.6, 0.4]])
    moved = check.calibrated(chance, np.array([3.0, 1.0]), np.array([0.5, 0.5]))
    assert np.array([3, 1]) @ moved / 4 == pytest.approx([0.5, 0.5])
    odds = moved[:, 0] / moved[:, 1] / (chance[:, 0] / chance[:, 1])
    assert odds[0] == pytest.approx(odds[1]), "one shift for all"
