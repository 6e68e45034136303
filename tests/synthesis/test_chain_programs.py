"""The programs that fit the chain and try it on another survey. Oracles: MNLogit itself, scikit-learn, hand sums."""

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from persona_lib.synthesis import beliefs

REFERENCE = Path(__file__).parents[2] / "data" / "reference"


def program(name):
    spec = importlib.util.spec_from_file_location(name, REFERENCE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def fit_chain():
    return program("fit_chain")


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
