"""Agreement of models and raters. Oracles: scikit-learn, the krippendorff package, hand counts."""

import itertools

import krippendorff
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.inter_rater import fleiss_kappa

from persona_lib.measuring import agreement
from persona_lib.tables import schema

ITEMS = [f"q{i:04d}" for i in range(1, 13)]
RATERS = [f"rater.{i}" for i in range(1, 5)]
PERSONAS = ["p0001", "p0002", "p0003", "p0004", "p0005"]


@pytest.fixture
def items():
    return schema.check(
        pd.DataFrame(
            {
                "item_id": [f"item.{q}" for q in ITEMS],
                "prompt_id": ITEMS,
                "answer_a_id": [f"baseline.{q}" for q in ITEMS],
                "answer_b_id": [f"divergent.{q}" for q in ITEMS],
            }
        ),
        "pool_items",
    )


def judged(choices, swapped=None, statuses=None):
    """Pool judgements from {rater: persona x item array of 0 (answer a), 1 (answer b)}."""
    rows = []
    for rater, grid in choices.items():
        for p, i in itertools.product(range(grid.shape[0]), range(grid.shape[1])):
            shown_b_first = bool(swapped[p, i]) if swapped is not None else False
            status = statuses.get((rater, p, i), "ok") if statuses else "ok"
            chose_b = bool(grid[p, i])
            answer = ("divergent." if chose_b else "baseline.") + ITEMS[i]
            position = "A" if chose_b == shown_b_first else "B"
            ok = status == "ok"
            key = (f"item.{ITEMS[i]}", rater, PERSONAS[p], shown_b_first, 0)
            role = "rater" if rater in RATERS else "panel"
            rows.append((*key, answer if ok else "", position if ok else "", status, "h", role, "simulated"))
    columns = ["item_id", "rater_id", "persona_shown_id", "swapped", "repeat"]
    columns += ["chosen_answer_id", "chosen_position", "status", "request_hash", "role", "rater_kind"]
    return schema.check(pd.DataFrame(rows, columns=columns).assign(lines_shown="all"), "pool_judgements")


def random_choices(seed=1, raters=("large", "small", "rater.1", "rater.2", "rater.3", "rater.4")):
    rng = np.random.default_rng(seed)
    taste = rng.random((len(PERSONAS), len(ITEMS)))
    return {rater: (rng.random(taste.shape) < taste).astype(int) for rater in raters}


def test_matrix_cells_equal_scikit_learn(items):
    found = random_choices()
    kappas = schema.check(agreement.kappas(judged(found), items, min_shared=8), "kappas")
    most = (found["rater.1"] + found["rater.2"] + found["rater.3"] >= 2).astype(int)
    sides = {
        ("model-rater", "small"): (found["small"], most),
        ("rater-majority", ""): (found["rater.4"], most),
        ("model-model", "large|small"): (found["large"], found["small"]),
    }
    for (comparison, model), (first, second) in sides.items():
        cells = kappas[(kappas["comparison"] == comparison) & (kappas["model"] == model)]
        assert len(cells) == 25
        for row in cells.itertuples():
            a, b = PERSONAS.index(row.rater_a), PERSONAS.index(row.rater_b)
            assert row.kappa == pytest.approx(cohen_kappa_score(first[a], second[b]))
            assert row.agreement == pytest.approx((first[a] == second[b]).mean())
            assert row.n == len(ITEMS)


def test_choices_by_a_part_of_the_description_or_asked_again_are_left_out(items):
    """Oracle: the statistics without them."""
    table = judged(random_choices())
    more = table[table["rater_id"] == "large"].assign(chosen_position="A", chosen_answer_id="baseline." + ITEMS[0])
    more = more[more["item_id"] == f"item.{ITEMS[0]}"]
    both = pd.concat([table, more.assign(lines_shown="values"), more.assign(repeat=1)], ignore_index=True)
    pd.testing.assert_frame_equal(
        agreement.kappas(both, items, min_shared=8), agreement.kappas(table, items, min_shared=8)
    )


def test_who_is_a_rater_is_a_column_and_never_read_out_of_an_id(items):
    """Oracle: the statistics of the same choices under other names, a model's with a dot and a number among them."""
    names = {"large": "gpt-4.1", "small": "claude-3.5"}
    names |= {rater: f"anne{number}" for number, rater in enumerate(RATERS)}
    table = judged(random_choices())
    renamed = table.assign(rater_id=table["rater_id"].map(names))
    coded = agreement.choices(renamed, items)
    assert (coded.models, coded.raters) == (["claude-3.5", "gpt-4.1"], ["anne0", "anne1", "anne2", "anne3"])
    for measure in (
        lambda rows: agreement.kappas(rows, items, min_shared=8).query("comparison != 'model-model'"),
        lambda rows: agreement.agreement_statistics(rows, items, min_shared=8).query(
            "group in ['rater_rater', 'held_out_rater', 'raters']"
        ),
    ):
        left, right = (measure(rows).drop(columns="model", errors="ignore") for rows in (table, renamed))
        order = ["comparison", "rater_a", "rater_b", "kappa", "shrunk", "agreement"]
        order = order if "comparison" in left else ["statistic", "group"]
        sides = (side.sort_values(order).reset_index(drop=True) for side in (left, right))
        pd.testing.assert_frame_equal(*sides)


def test_three_raters_leave_none_to_hold_out(items):
    found = random_choices(raters=("large", "rater.1", "rater.2", "rater.3"))
    assert set(agreement.kappas(judged(found), items, min_shared=8)["comparison"]) == {"model-rater"}


def test_cells_of_constant_choices_are_undefined_and_counted(items):
    """Oracle: a persona for whom the model always takes answer b has a row of 5 cells, one of them its own."""
    found = random_choices()
    found["large"][2] = 1
    kappas = agreement.kappas(judged(found), items, min_shared=8)
    cells = kappas[kappas["comparison"] == "model-rater"].set_index(["model", "rater_a", "rater_b"])["kappa"]
    undefined = cells[cells.isna()].index
    assert set(undefined) == {("large", PERSONAS[2], name) for name in PERSONAS}
    assert (kappas["agreement"].notna()).all()
    statistics = agreement.agreement_statistics(judged(found), items, min_shared=8)
    one = statistics.set_index(["statistic", "group"])
    for statistic, n, out in (("mean_kappa", 4, 1), ("mean_kappa_other", 16, 4)):
        row = one.loc[(statistic, "large")]
        assert (row["n"], row["n_excluded"]) == (n, out)
        is_own = cells.loc["large"].index.get_level_values(0) == cells.loc["large"].index.get_level_values(1)
        wanted = cells.loc["large"][is_own if statistic == "mean_kappa" else ~is_own].mean()
        assert row["estimate"] == pytest.approx(wanted)


def test_too_few_shared_items_are_nan_but_counted(items):
    kappas = agreement.kappas(judged(random_choices()), items, min_shared=13)
    assert kappas["kappa"].isna().all()
    assert (kappas["n"] == 12).all()
    with pytest.raises(ValueError, match="min_shared"):
        agreement.kappas(judged(random_choices()), items, min_shared=0)


def test_pooled_statistics_equal_scikit_learn(items):
    found = random_choices(4)
    rng = np.random.default_rng(5)
    swapped = rng.random(found["large"].shape) < 0.5
    table = judged(found, swapped)
    statistics = schema.check(agreement.agreement_statistics(table, items, min_shared=8), "agreement")
    one = statistics.set_index(["statistic", "group"])
    three = [found[f"rater.{i}"] for i in (1, 2, 3)]
    most = (sum(three) >= 2).astype(int)
    assert one.loc[("kappa_content", "large"), "estimate"] == pytest.approx(
        cohen_kappa_score(found["large"].ravel(), most.ravel())
    )
    position = cohen_kappa_score((found["large"] ^ swapped).ravel(), (most ^ swapped).ravel())
    assert one.loc[("kappa_position", "large"), "estimate"] == pytest.approx(position)
    pairs = itertools.combinations([found[f"rater.{i}"] for i in (1, 2, 3, 4)], 2)
    light = np.mean([cohen_kappa_score(x.ravel(), y.ravel()) for x, y in pairs])
    assert one.loc[("kappa_content", "rater_rater"), "estimate"] == pytest.approx(light)
    others = [(a, b) for a in range(len(PERSONAS)) for b in range(len(PERSONAS)) if a != b]
    off = cohen_kappa_score(
        np.concatenate([found["large"][a] for a, _ in others]), np.concatenate([most[b] for _, b in others])
    )
    assert one.loc[("kappa_other", "large"), "estimate"] == pytest.approx(off)
    assert {f"large|{three}" for three in ("1,2,3", "1,2,4", "1,3,4", "2,3,4")} <= set(one.loc["kappa_majority"].index)
    assert one.loc[("kappa_majority", "large|1,2,3"), "estimate"] == one.loc[("kappa_content", "large"), "estimate"]
    held = statistics[statistics["group"] == "held_out_rater"]
    assert set(held["statistic"]) == {"kappa_content", "raw_agreement"}
    inside = statistics.dropna(subset=["low"])
    assert (inside["low"] <= inside["high"]).all()


def test_alpha_of_all_raters_equals_the_krippendorff_package(items):
    found = random_choices(6)
    statistics = agreement.agreement_statistics(judged(found), items, min_shared=8)
    ours = statistics.set_index(["statistic", "group"]).loc[("alpha", "rater_rater"), "estimate"]
    data = [found[f"rater.{i}"].ravel() for i in (1, 2, 3, 4)]
    assert ours == pytest.approx(krippendorff.alpha(reliability_data=data, level_of_measurement="nominal"))


def test_refused_and_failed_calls_are_left_out_and_counted(items):
    statuses = {("large", 0, 0): "refused", ("rater.1", 1, 1): "failed", ("rater.2", 1, 1): "unparsed"}
    table = judged(random_choices(2), statuses=statuses)
    statistics = agreement.agreement_statistics(table, items, min_shared=8)
    row = statistics.set_index(["statistic", "group"]).loc[("kappa_content", "large")]
    assert (row["n"], row["n_excluded"]) == (58, 2), "one refusal, one majority of a single rater"


def test_a_model_asked_again_has_the_kappa_of_its_two_answers(items):
    """Oracle: scikit-learn; the retest enters no other statistic."""
    found = random_choices(3)
    again = random_choices(8)["large"]
    table = judged(found)
    both = pd.concat([table, judged({"large": again}).assign(repeat=1)], ignore_index=True)
    one = agreement.agreement_statistics(both, items, min_shared=8).set_index(["statistic", "group"])
    wanted = cohen_kappa_score(found["large"].ravel(), again.ravel())
    assert one.loc[("kappa_retest", "large"), "estimate"] == pytest.approx(wanted)
    before = agreement.agreement_statistics(table, items, min_shared=8).set_index(["statistic", "group"])
    without = one.drop(["kappa_retest", "raw_agreement_retest"], level="statistic")
    pd.testing.assert_frame_equal(without, before)


def test_fleiss_of_the_panel_and_of_the_raters_equals_statsmodels(items):
    found = random_choices(5)
    one = agreement.agreement_statistics(judged(found), items, min_shared=8).set_index(["statistic", "group"])
    for group, ids in (("panel", ["large", "small"]), ("raters", RATERS)):
        per_unit = np.stack([sum(found[i].ravel() == code for i in ids) for code in (0, 1)], axis=-1)
        assert one.loc[("fleiss", group), "estimate"] == pytest.approx(fleiss_kappa(per_unit))


def test_majority_needs_more_than_half_of_the_three():
    grids = [np.array([0.0, 1.0, np.nan]), np.array([0.0, 0.0, np.nan]), np.array([1.0, np.nan, 1.0])]
    assert agreement.majority(grids)[0] == 0
    assert np.isnan(agreement.majority(grids)[1:]).all()


def test_a_foreign_answer_stops(items):
    table = judged(random_choices())
    table.loc[3, "chosen_answer_id"] = "baseline.q9999"
    with pytest.raises(schema.SchemaError, match="baseline.q9999"):
        agreement.kappas(table, items, min_shared=8)


def test_a_choice_is_coded_one_for_answer_b_and_one_for_the_second_place(items):
    """Oracle: the grid of choices that the table was made of. Kappa is the same with both codes turned round."""
    grid = np.array([[0, 1, 1], [1, 0, 0]])
    coded = agreement.choices(judged({"large": grid}, statuses={("large", 1, 2): "refused"}), items)
    known = np.array([[0, 1, 1], [1, 0, np.nan]])
    np.testing.assert_array_equal(coded.content["large"], known)
    np.testing.assert_array_equal(coded.position["large"], known)
