"""The programs that fit the chain and hold it against surveys. Oracles: MNLogit, closed forms, hand counts."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from persona_lib.synthesis import beliefs

REFERENCE = Path(__file__).parents[2] / "data" / "reference"
sys.path.insert(0, str(REFERENCE))

import chain_model  # noqa: E402
import chain_surveys  # noqa: E402
import check_chain  # noqa: E402
import fit_chain  # noqa: E402

NO_PRIOR = pd.DataFrame({"survey": ["anes", "gss"], "share": 1.0})


@pytest.fixture(scope="module")
def declared():
    return chain_surveys.protocol()


@pytest.fixture(scope="module")
def cells():
    return pd.read_csv(REFERENCE / "chain_cells.csv", keep_default_na=False, na_values={"share": [""]})


def respondents(n=600, seed=0):
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame({"sex": rng.choice(["Female", "Male"], n), "education": rng.choice(["a", "b", "c"], n)})
    score = np.column_stack([np.zeros(n), 0.8 * (rows["sex"] == "Male") - 0.5, 0.9 * (rows["education"] == "c")])
    p = np.exp(score) / np.exp(score).sum(axis=1, keepdims=True)
    drawn = (p.cumsum(axis=1) < rng.random(n)[:, None]).sum(axis=1)
    return rows.assign(religion=np.array(["X", "Y", "Z"])[drawn], survey="anes", n=1, weight=1.0)


def fitted(rows, predictors=("sex", "education"), ridge=1.0):
    return chain_model.fit(rows, "religion", predictors, prior=NO_PRIOR, ridge=ridge)


def answers(counts, survey="anes"):
    """Respondents who are alike, by answer."""
    rows = pd.DataFrame({"religion": list(counts), "n": list(counts.values())})
    return rows.assign(sex="Female", survey=survey, weight=rows["n"].astype(float))


def test_fit_without_a_ridge_is_statsmodels_mnlogit():
    from statsmodels.discrete.discrete_model import MNLogit

    rows = respondents()
    x = np.column_stack([np.ones(len(rows)), rows["sex"] == "Male", rows["education"] == "b", rows["education"] == "c"])
    codes = rows["religion"].map({"X": 0, "Y": 1, "Z": 2})
    oracle = MNLogit(codes, x.astype(float)).fit(disp=0).predict()
    assert np.abs(fitted(rows, ridge=1e-5).probabilities(rows) - oracle).max() < 1e-3


def test_weight_two_is_the_same_person_twice():
    rows = respondents(300)
    heavy = rows.assign(weight=np.where(rows["sex"] == "Male", 2.0, 1.0))
    twice = pd.concat([rows, rows[rows["sex"] == "Male"]], ignore_index=True)
    assert np.abs(fitted(heavy).probabilities(rows) - fitted(twice).probabilities(rows)).max() < 1e-4


def test_an_answer_told_in_part_is_divided_as_the_whole_ones_are():
    """60 X, 20 Y, 100 Z and 20 who are X or Y: those are X with chance 60 / (60 + 20), so X has 75 of 200."""
    model = fitted(answers({"X": 60, "Y": 20, "Z": 100, "X|Y": 20}), ("sex",))
    chance = model.probabilities(pd.DataFrame({"sex": ["Female"]}))[0]
    assert dict(zip(model.outcomes, chance, strict=True)) == pytest.approx({"X": 0.375, "Y": 0.125, "Z": 0.5}, abs=5e-3)


def test_a_predictor_told_in_part_is_divided_by_the_answer():
    """Sexes with 80 and 20 X of 100, told of all but 150 people, who answer as both sexes together: nothing changes."""
    told = pd.concat([answers({"X": 80, "Y": 20, "Z": 50}), answers({"X": 20, "Y": 80, "Z": 50}).assign(sex="Male")])
    part = answers({"X": 50, "Y": 50, "Z": 50}).assign(sex="Female|Male")
    model = fitted(pd.concat([told, part], ignore_index=True), ("sex",), ridge=1e-3)
    chance = model.probabilities(pd.DataFrame({"sex": ["Female", "Male"]}))
    assert chance[:, 0] == pytest.approx([80 / 150, 20 / 150], abs=0.005)


def test_the_level_is_the_equal_mean_of_the_surveys_whatever_their_size():
    """X nine times as often as Y and Z in one survey, as often in the other: log-odds log 9 and 0, so three times."""
    rows = [answers({"X": 4000, "Y": 4000, "Z": 4000}), answers({"X": 900, "Y": 100, "Z": 100}, "gss")]
    model = fitted(pd.concat(rows, ignore_index=True), ("sex",), ridge=1e-3)
    assert model.probabilities(pd.DataFrame({"sex": ["Female"]}))[0] == pytest.approx([0.6, 0.2, 0.2], abs=0.002)


def test_levels_that_few_share_get_no_slope():
    rows = respondents()
    rows.loc[:4, "education"] = "rare"
    model = fitted(rows)
    assert ("education", "rare") not in model.levels and ("education", "a") in model.levels


def test_proportional_fitting_keeps_the_odds_ratio():
    """By hand: odds ratio 4 and all margins one half give a = 1/3, b = 1/6."""
    table = pd.DataFrame({"X": [0.8, 0.05], "Y": [0.1, 0.025]}, index=["f", "m"])
    half = pd.Series(0.5, index=["f", "m"])
    found = chain_model.proportional(table, half, pd.Series({"X": 0.5, "Y": 0.5}), pd.Series({"X": "X", "Y": "Y"}))
    assert found.to_numpy() == pytest.approx(np.array([[2, 1], [1, 2]]) / 6)


def test_raking_meets_its_table_and_its_margin_and_leaves_other_ratios():
    rows = respondents()
    model = fitted(rows)
    people = rows.groupby(["sex", "education"], as_index=False)["weight"].sum()
    people["weight"] /= people["weight"].sum()
    of = people.groupby("sex")["weight"].sum()
    target = pd.DataFrame({"X": [0.2, 0.7], "YZ": [0.8, 0.3]}, index=of.index).mul(of, axis=0)
    before = model.probabilities(people)
    kinds = {"sex": {"Female": "Female", "Male": "Male"}, "religion": {"X": "X", "Y": "YZ", "Z": "YZ"}}
    margin = pd.DataFrame({"category": ["x"], "survey_values": ["X"], "share": [target["X"].sum()]})
    chain_model.rake(model, people, {"sex": target}, margin, kinds)
    after = model.probabilities(people)
    got = (people["weight"] * after[:, 0]).groupby(people["sex"]).sum()
    assert got.to_numpy() == pytest.approx(target["X"].to_numpy(), abs=1e-6)
    assert after[:, 1] / after[:, 2] == pytest.approx(before[:, 1] / before[:, 2])


def tiny(name, race, left, middle, right):
    """A survey of ideology in one group, with women alone."""
    counts = {"Liberal|Very liberal": left, "Moderate|Not sure": middle, "Conservative|Very conservative": right}
    table = pd.DataFrame({"race_ethnicity": race, "ideology": list(counts), "n": list(counts.values())})
    return {name: chain_surveys.Survey({"ideology": table.assign(weight=table["n"].astype(float))}, pd.DataFrame())}


def test_pooling_trusts_no_survey_beyond_its_house(declared):
    """Weights by hand: 1 / (0.25 / 100 + 0.0009) and 1 / (0.25 / 10000 + 0.0009), 294.1 and 1081.1."""
    surveys = tiny("anes", "Black", 20, 60, 20) | tiny("gss", "Black", 4000, 4000, 2000)
    found = fit_chain.pooled(surveys, ["anes", "gss"], "ideology", "race_ethnicity", declared).loc["Black"]
    small, large = 20.5 / 101.5, 4000.5 / 10001.5
    share = 294.118 / (294.118 + 1081.081)
    assert found["Left"] == pytest.approx(share * small + (1 - share) * large, abs=1e-5)
    assert found["variance"] == pytest.approx(share**2 / 100 + (1 - share) ** 2 / 10_000, rel=1e-4)


def test_neither_is_the_surveys_and_the_published_shares_divide_the_rest():
    known = pd.DataFrame({"category": ["R", "D", "Neither"], "share": [0.46, 0.45, 0.09], "how": "", "source": "Pew"})
    found = fit_chain.with_neither(known, pd.Series({"Neither": 0.25}))
    assert found["share"].tolist() == pytest.approx([0.75 * 46 / 91, 0.75 * 45 / 91, 0.25])
    assert found["source"].tolist() == ["Pew", "Pew", "chain_margins.csv"]


def test_kinds_join_what_either_side_tells_in_one(declared):
    margins = pd.read_csv(REFERENCE / "national_margins.csv")
    for field, of in (
        ("religion", {"No religion": "Atheist or agnostic+Nothing in particular", "Catholic": "Catholic"}),
        ("political_views", {"Strong Democrat": "Democrat or leaning", "Leans Democrat": "Democrat or leaning"}),
    ):
        mine = margins[margins["field"] == field]
        kind, share = fit_chain.national_kinds(mine, declared.values(field))
        assert {answer: kind[answer] for answer in of} == of
        assert share.sum() == pytest.approx(1, abs=1e-3)


def held(left, middle, right, share, declared):
    """The cells of a survey of 400 Black respondents beside a chain that says `share` in every role."""
    chain = pd.DataFrame({"race_ethnicity": "Black", "ideology": ["Left", "Middle or not sure", "Right"]})
    chains = dict.fromkeys(("before", "now", "survey_level"), chain.assign(share=share))
    survey, others = tiny("gss", "Black", left, middle, right)["gss"], tiny("anes", "Black", 3000, 4000, 3000)
    return check_chain.cells_of("gss", survey, "ideology", chains, others, declared).set_index("answer")


def test_a_cell_holds_within_sampling_error_and_three_points(declared):
    """By hand: p = 0.3, n = 400 and 10,000: 1.96 sqrt(0.21 / 400 + 0.21 / 10000) + 0.03 = 0.07580."""
    found = held(150, 150, 100, [0.3, 0.4, 0.3], declared)
    assert found.loc["Left", "allowed"] == pytest.approx(0.0758, abs=1e-4)
    assert found["holds"].tolist() == [True, True, True] and found["share"].tolist() == [0.375, 0.375, 0.25]
    assert held(151, 149, 100, [0.3, 0.4, 0.3], declared)["holds"].tolist() == [False, True, True]


def test_a_level_that_is_wrong_everywhere_is_seen(declared):
    """The old check moved intercepts to the other survey's level first and could not see this."""
    found = held(120, 160, 120, [0.2, 0.4, 0.4], declared)
    assert found["holds"].tolist() == [False, True, False]
    assert found["put_down_to"].tolist() == ["chain", "", "chain"]


def test_a_failure_is_put_down_in_the_declared_order():
    row = {"holds": False, "share": 0.5, "allowed": 0.05, "pooled": 0.52, "survey_level": 0.48}
    assert check_chain.put_down_to(row) == "national"
    assert check_chain.put_down_to(row | {"survey_level": 0.3}) == "chain"
    assert check_chain.put_down_to(row | {"pooled": 0.6}) == "surveys"
    assert check_chain.put_down_to(row | {"pooled": np.nan}) == "untold"
    assert check_chain.put_down_to(row | {"holds": True}) == ""


def test_a_share_of_few_respondents_is_not_committed(declared):
    found = held(9, 191, 200, [0.3, 0.4, 0.3], declared)
    assert found["share"].isna().tolist() == [True, False, False] and not found.loc["Left", "holds"]


def test_bits_are_those_of_the_answer_given_what_is_known(declared):
    joint = pd.DataFrame(
        {"sex": ["f", "f", "m", "m"], "ideology": ["Left", "Right"] * 2, "share": [0.1, 0.3, 0.3, 0.3]}
    )
    table = pd.DataFrame({"sex": ["f", "m"], "ideology": ["Left", "Left"], "n": 1, "weight": 1.0})
    assert check_chain.bits(table, joint, "ideology").tolist() == pytest.approx([2.0, 1.0])


def test_every_declared_survey_and_field_is_tried(cells, declared):
    tried = cells.groupby("field")["survey"].agg(set).to_dict()
    assert tried == {field: set(names) for field, names in declared["held_out"].items()}
    for field, survey, by in (
        ("religion", "gss", "race_ethnicity"),
        ("political_views", "cces", "race_ethnicity"),
        ("political_views", "anes", "ideology"),
    ):
        part = cells[(cells["field"] == field) & (cells["survey"] == survey) & (cells["by"] == by)]
        answered = {*declared.values(field), *declared["sums"].get(field, {})}
        assert part.groupby("level")["answer"].agg(set).map(lambda found, all_=answered: found == all_).all()


def test_committed_verdicts_follow_from_the_committed_numbers(cells, declared):
    known = cells[cells["share"].notna()]
    for kind, suffix in (("before", "_before"), ("now", "")):
        room = known[f"allowed{suffix}"] - (known[kind] - known["share"]).abs()
        assert ((room > 0) == known[f"holds{suffix}"])[room.abs() > 2e-4].all()
        assert (known[f"allowed{suffix}"] >= declared["allowance_points"] / 100).all()
    assert ((cells["put_down_to"] == "") == cells["holds"]).all()


def test_the_chain_holds_in_more_cells_than_the_old_one(cells):
    assert cells["holds_before"].mean() < 0.65 and cells["holds"].mean() > 0.80
    party = cells[cells["field"] == "political_views"].groupby("survey")[["holds_before", "holds"]].mean()
    assert (party["holds"] > party["holds_before"] + 0.25).all()
    assert (cells["put_down_to"] == "chain").mean() < 0.01, "what fails is known to be the surveys or the year"
    black = cells[(cells["level"] == "Black") & (cells["answer"] == "Republican or leaning")]
    assert len(black) == 3 and not black["holds_before"].any() and black["now"].max() < 0.15


def test_held_out_scores_are_of_every_survey_and_better_in_party(declared):
    scores = pd.read_csv(REFERENCE / "chain_scores.csv").set_index(["field", "survey"])
    assert set(scores.index) == {(f, s) for f, names in declared["held_out"].items() for s in names}
    assert np.allclose(scores["before_bits"] - scores["now_bits"], scores["better_by_bits"], atol=2e-4)
    assert (scores["now_bits"] < scores["margin_bits"]).all()
    party = scores.loc["political_views"]
    assert (party["better_by_bits"] > 3 * party["standard_error"]).all()


def test_answers_of_the_surveys_become_those_of_the_chain(declared, chain):
    for field in beliefs.CHAIN:
        known = set(chain.loc[chain["field"] == field, "value"])
        assert {value for joined in declared.joined(field, "gss").values() for value in joined.split("|")} == known
    assert set(declared["cces_codes"]["ideology"].values()) | {"Not sure"} == set(declared.shared("ideology")) - {
        "|".join(values) for values in declared.values("ideology").values()
    }
