"""Leave one out. Oracles: hand counts, scikit-learn, statsmodels' Benjamini-Hochberg, a world with known influence."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.multitest import multipletests

from persona_lib.measuring import ablation
from persona_lib.tables import schema

PERSONAS, ITEMS = [f"p{i:04d}" for i in range(8)], [f"item.q{i:04d}" for i in range(8)]


@pytest.fixture
def items():
    table = pd.DataFrame({"item_id": ITEMS})
    table["prompt_id"] = table["item_id"].str.removeprefix("item.")
    return table.assign(answer_a_id="baseline." + table["prompt_id"], answer_b_id="divergent." + table["prompt_id"])


def world(effects, seed=1, n_refused=0):
    """Ablation judgements where an attribute moves the utility of answer b by its effect, up or down by persona."""
    rng = np.random.default_rng(seed)
    rows = []
    for attribute, effect in effects.items():
        base, sign = rng.normal(0, 1.5, (len(PERSONAS), len(ITEMS))), rng.choice([-1, 1], (len(PERSONAS), len(ITEMS)))
        for (p, i), arm in itertools.product(np.ndindex(base.shape), ["without", "with", "repeat"]):
            utility = base[p, i] + (effect * sign[p, i] if arm == "with" else 0)
            chose_b = rng.random() < expit(2 * utility)
            answer = ("divergent." if chose_b else "baseline.") + ITEMS[i].removeprefix("item.")
            rows.append((attribute, PERSONAS[p], ITEMS[i], arm, "sex|race", False, answer, "B" if chose_b else "A"))
    columns = ["attribute", "persona_id", "item_id", "arm", "shown_attributes", "swapped"]
    table = pd.DataFrame(rows, columns=[*columns, "chosen_answer_id", "chosen_position"])
    table = table.assign(status="ok", request_hash="h")
    table.loc[: n_refused - 1, ["chosen_answer_id", "chosen_position", "status"]] = ["", "", "refused"]
    return schema.check(table, "ablation_judgements")


def test_flips_by_hand(items):
    arms = {"without": ["a", "a", "b", "b"], "with": ["a", "b", "a", "b"], "repeat": ["a", "a", "a", ""]}
    rows = [
        {
            "attribute": "sex",
            "persona_id": "p",
            "item_id": ITEMS[i],
            "arm": arm,
            "chosen_answer_id": {"a": "baseline.", "b": "divergent.", "": ""}[choice] + (f"q{i:04d}" if choice else ""),
            "status": "ok" if choice else "refused",
        }
        for arm, choices in arms.items()
        for i, choice in enumerate(choices)
    ]
    found = ablation.flips(pd.DataFrame(rows), items)
    assert found["flipped"].tolist() == [0, 1, 1, 0]
    assert found["retest_flipped"].tolist()[:3] == [0, 0, 1]
    assert np.isnan(found["retest_flipped"].iloc[3]), "a refused repeat is no flip"
    assert found["excess"].tolist()[:3] == [0, 1, 0]
    assert np.isnan(found["excess"].iloc[3])


def test_kappas_and_rates_equal_scikit_learn_and_means(items):
    compared = ablation.flips(world({"sex": 1.0, "race": 0.0}), items)
    found = schema.check(ablation.influence_statistics(compared, n_bootstrap=40, seed=1), "influences")
    one = found.set_index(["statistic", "group"])["estimate"]
    sex = compared[compared["attribute"] == "sex"]
    assert one["kappa", "sex"] == pytest.approx(cohen_kappa_score(sex["without"], sex["with"]))
    assert one["kappa_retest", "sex"] == pytest.approx(cohen_kappa_score(sex["without"], sex["repeat"]))
    assert one["flip_rate", "sex"] == pytest.approx((sex["without"] != sex["with"]).mean())
    assert one["excess_flip", "sex"] == pytest.approx(one["flip_rate", "sex"] - one["retest_flip_rate", "sex"])


def test_the_flip_rate_is_unchanged_when_answers_change_names(items):
    judgements = world({"sex": 1.0})
    other = items.rename(columns={"answer_a_id": "answer_b_id", "answer_b_id": "answer_a_id"})
    one, two = ablation.flips(judgements, items), ablation.flips(judgements, other)
    assert one["excess"].tolist() == two["excess"].tolist()


def test_benjamini_hochberg_leaves_the_placebo_out(items):
    effects = {"sex": 6.0, "race": 0.0, "education": 0.0, "ideology": 6.0, "placebo": 0.0}
    found = ablation.influence_statistics(ablation.flips(world(effects), items), n_bootstrap=10, seed=1)
    one = found.set_index(["statistic", "group"])["estimate"]
    names = ["education", "ideology", "race", "sex"]
    expected = multipletests([one["p_value", name] for name in names], method="fdr_bh")[1]
    assert [one["p_adjusted", name] for name in names] == pytest.approx(expected.tolist())
    assert ("p_adjusted", "placebo") not in one.index
    assert ("p_adjusted", "all") not in one.index
    assert one["n_significant", "all"] == sum(expected < 0.05)
    assert one["n_significant", "all"] >= 2, "two attributes that turn every choice are found"


def test_no_influence_is_seldom_found(items):
    """60 worlds without any influence: the share of tests below 0.05 stays near 0.05."""
    compared = [ablation.flips(world({"sex": 0.0}, seed=seed), items) for seed in range(60)]
    p_values = [
        ablation.resample.clustered_mean(one, value="excess", clusters=ablation.CLUSTERS).p_value for one in compared
    ]
    assert np.mean(np.array(p_values) < 0.05) < 0.15


def test_refusals_are_counted(items):
    compared = ablation.flips(world({"sex": 0.0}, n_refused=1), items)
    found = ablation.influence_statistics(compared, n_bootstrap=10, seed=1).set_index(["statistic", "group"])
    assert found.loc[("excess_flip", "sex"), ["n", "n_excluded"]].tolist() == [63, 1]


def test_kappa_of_one_answer_only_is_nan(items):
    judgements = world({"sex": 0.0})
    judgements["chosen_answer_id"] = "baseline." + judgements["item_id"].str.removeprefix("item.")
    found = ablation.influence_statistics(ablation.flips(judgements, items), n_bootstrap=10, seed=1)
    one = found.set_index(["statistic", "group"])
    assert one.loc[("kappa", "sex"), ["estimate", "low", "high"]].isna().all()
    assert one.loc[("p_value", "sex"), "estimate"] == 1
    assert np.isnan(one.loc[("largest_share", "all"), "estimate"])


def test_a_missing_arm_and_a_foreign_answer_stop(items):
    judgements = world({"sex": 0.0})
    with pytest.raises(schema.SchemaError, match="lacks an arm"):
        ablation.flips(judgements.drop(index=0), items)
    judgements.loc[0, "chosen_answer_id"] = "baseline.q9999"
    with pytest.raises(schema.SchemaError, match="baseline.q9999"):
        ablation.flips(judgements, items)
