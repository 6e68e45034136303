"""Leave one out. Oracles: hand counts, scikit-learn, statsmodels' Benjamini-Hochberg, a world with known influence."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from scipy.stats import skew
from scipy.stats import t as student
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.multitest import multipletests

from persona_lib.estimating.coefficients import kappa_interval
from persona_lib.estimating.resample import unskewed
from persona_lib.measuring import ablation
from persona_lib.tables import schema

PERSONAS, ITEMS = [f"p{i:04d}" for i in range(8)], [f"item.q{i:04d}" for i in range(8)]


@pytest.fixture
def items():
    table = pd.DataFrame({"item_id": ITEMS})
    table["prompt_id"] = table["item_id"].str.removeprefix("item.")
    return table.assign(answer_a_id="baseline." + table["prompt_id"], answer_b_id="divergent." + table["prompt_id"])


def world(effects, seed=1, n_refused=0):
    """Ablation judgements where an attribute moves the utility of answer b by its effect, up or down by persona.

    The revised pairs are chosen with the same chances as the pool's.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for attribute, effect in effects.items():
        base, sign = rng.normal(0, 1.5, (len(PERSONAS), len(ITEMS))), rng.choice([-1, 1], (len(PERSONAS), len(ITEMS)))
        for pairs, (p, i), arm in itertools.product(["pool", "revised"], np.ndindex(base.shape), ablation.ARMS):
            utility = base[p, i] + (effect * sign[p, i] if arm.startswith("with_") or arm == "with" else 0)
            chose_b = rng.random() < expit(2 * utility)
            prompt = ITEMS[i].removeprefix("item.")
            b = f"divergent.{prompt}" if pairs == "pool" else f"revision.{attribute}.{PERSONAS[p]}.{prompt}"
            answer, position = (b, "B") if chose_b else (f"baseline.{prompt}", "A")
            rows.append((attribute, PERSONAS[p], ITEMS[i], pairs, arm, "sex|race", False, answer, position))
    columns = ["attribute", "persona_id", "item_id", "pairs", "arm", "shown_attributes", "swapped"]
    table = pd.DataFrame(rows, columns=[*columns, "chosen_answer_id", "chosen_position"])
    table = table.assign(status="ok", request_hash="h")
    table.loc[: n_refused - 1, ["chosen_answer_id", "chosen_position", "status"]] = ["", "", "refused"]
    return schema.check(table, "ablation_judgements")


def test_flips_by_hand(items):
    """Of four cross pairs and two repeats; the last question lost one answer."""
    arms = {"without": "aaab", "without_again": "aabb", "with": "abab", "with_again": "abb "}
    rows = [
        {
            "attribute": "sex",
            "persona_id": "p",
            "item_id": ITEMS[i],
            "pairs": "pool",
            "arm": arm,
            "chosen_answer_id": {"a": "baseline.", "b": "divergent.", " ": ""}[choice]
            + (f"q{i:04d}" * (choice != " ")),
            "status": "ok" if choice != " " else "refused",
        }
        for arm, choices in arms.items()
        for i, choice in enumerate(choices)
    ]
    found = ablation.flips(pd.DataFrame(rows), items)
    assert found["flipped"].tolist()[:3] == [0, 1, 0.5]
    assert found["retest_flipped"].tolist()[:3] == [0, 0, 1]
    assert found["excess"].tolist()[:3] == [0, 1, -0.5]
    assert found[["flipped", "retest_flipped", "excess"]].iloc[3].isna().all(), "a refused choice is no flip"


def test_the_excess_is_the_squared_difference_of_the_chances_on_average():
    """Oracle: the expectation over all sixteen outcomes of four independent choices."""
    items = pd.DataFrame({"item_id": ["i"], "answer_a_id": ["a"], "answer_b_id": ["b"]})
    for p, q in ((0.5, 1.0), (0.3, 0.3), (0.2, 0.9), (1.0, 0.0)):
        mean = 0.0
        for outcome in itertools.product((0, 1), repeat=4):
            chances = [x if o else 1 - x for o, x in zip(outcome, (p, p, q, q), strict=True)]
            asked = pd.DataFrame({"arm": ablation.ARMS, "chosen_answer_id": [("a", "b")[o] for o in outcome]})
            asked = asked.assign(attribute="sex", persona_id="p", item_id="i", pairs="pool", status="ok")
            mean += np.prod(chances) * ablation.flips(asked, items)["excess"].iloc[0]
        assert mean == pytest.approx((q - p) ** 2)


def test_kappas_and_rates_equal_scikit_learn_and_means(items):
    compared = ablation.flips(world({"sex": 1.0, "race": 0.0}), items)
    found = schema.check(ablation.influence_statistics(compared), "influences")
    one = found.set_index(["statistic", "group"])["estimate"]
    sex = compared[compared["attribute"] == "sex"]
    revised, pool = (sex[sex["pairs"] == pairs] for pairs in ("revised", "pool"))
    assert one["kappa", "sex"] == pytest.approx(cohen_kappa_score(revised["without"], revised["with"]))
    assert one["kappa_retest", "sex"] == pytest.approx(cohen_kappa_score(revised["without"], revised["without_again"]))
    assert one["flip_rate", "sex"] == pytest.approx(
        np.mean([(pool[x] != pool[y]).mean() for x in ablation.ARMS[:2] for y in ablation.ARMS[2:]])
    )
    assert one["excess_flip", "sex"] == pytest.approx(one["flip_rate", "sex"] - one["retest_flip_rate", "sex"])


def test_each_persona_has_a_kappa_over_its_questions_and_their_mean_leaves_out_the_undefined(items):
    """Oracle: scikit-learn, persona by persona; a persona that always takes the revision has none."""
    judgements = world({"sex": 1.0})
    of_first = (judgements["persona_id"] == PERSONAS[0]) & (judgements["pairs"] == "revised")
    revision = "revision.sex." + PERSONAS[0] + "." + judgements["item_id"].str.removeprefix("item.")
    judgements["chosen_answer_id"] = judgements["chosen_answer_id"].mask(
        of_first & (judgements["arm"] == "with"), revision
    )
    compared = ablation.flips(judgements, items)
    found = ablation.influence_statistics(compared).set_index(["statistic", "group"])
    assert np.isnan(found.loc[("persona_kappa", f"sex|{PERSONAS[0]}"), "estimate"])
    expected = []
    for persona_id in PERSONAS[1:]:
        own = compared[(compared["persona_id"] == persona_id) & (compared["pairs"] == "revised")]
        if own["without"].nunique() > 1 and own["with"].nunique() > 1:
            expected.append(cohen_kappa_score(own["without"], own["with"]))
            assert found.loc[("persona_kappa", f"sex|{persona_id}"), "estimate"] == pytest.approx(expected[-1])
    mean = found.loc[("mean_kappa", "sex")]
    assert mean["estimate"] == pytest.approx(np.mean(expected)) and len(expected) > 4
    assert (mean["n"], mean["n_excluded"]) == (len(expected), len(PERSONAS) - len(expected))
    error = np.std(expected, ddof=1) / np.sqrt(len(expected))
    lean = skew(expected, bias=False) / np.sqrt(len(expected))
    ends = (unskewed(side * student.ppf(0.975, len(expected) - 1), lean) for side in (1, -1))
    assert [mean["low"], mean["high"]] == pytest.approx([np.mean(expected) - error * end for end in ends])


def beside_whole(**choices):
    """Pool judgements of one persona on four items: strings of a and b by the lines shown."""
    rows = [
        (f"i{i}", "m", "p", "all" if shown in ("whole", "retest") else shown, False, int(shown == "retest"), choice)
        for shown, made in choices.items()
        for i, choice in enumerate(made)
    ]
    columns = ["item_id", "rater_id", "persona_shown_id", "lines_shown", "swapped", "repeat", "chosen_answer_id"]
    table = pd.DataFrame(rows, columns=columns).assign(status="ok")
    others = table[(table["lines_shown"] == "all") & (table["repeat"] == 0)].assign(persona_shown_id="no panel persona")
    items = pd.DataFrame({"item_id": [f"i{i}" for i in range(4)], "answer_a_id": "a", "answer_b_id": "b"})
    return pd.concat([table, others], ignore_index=True), items


def test_parts_of_a_description_beside_the_whole_by_hand():
    table, items = beside_whole(whole="abab", retest="abaa", demographic="bbbb", idiosyncratic="abab", values="aaaa")
    beside = ablation.with_whole(table, items)
    assert beside["persona_id"].unique().tolist() == ["p"], "only who was judged by parts"
    found = ablation.lines_statistics(beside).set_index(["statistic", "group"])["estimate"]
    rates = {name: found["agreement_with_whole", name] for name in ("retest", "demographic", "idiosyncratic", "values")}
    assert rates == {"retest": 0.75, "demographic": 0.5, "idiosyncratic": 1.0, "values": 0.5}
    assert found["lines_difference", "idiosyncratic-demographic"] == 0.5
    assert found["kappa_with_whole", "idiosyncratic"] == 1 and found["kappa_with_whole", "retest"] == pytest.approx(0.5)


def test_a_part_that_was_not_answered_is_left_out():
    table, items = beside_whole(whole="abab", retest="abab", demographic="abab", idiosyncratic="abab", values="abab")
    table.loc[(table["lines_shown"] == "values") & (table["item_id"] == "i0"), ["chosen_answer_id", "status"]] = [
        "",
        "refused",
    ]
    found = ablation.lines_statistics(ablation.with_whole(table, items))
    row = found.set_index(["statistic", "group"]).loc[("agreement_with_whole", "values")]
    assert (row["estimate"], row["n"], row["n_excluded"]) == (1, 3, 1)


def test_the_flip_rate_is_unchanged_when_answers_change_names(items):
    judgements = world({"sex": 1.0})
    judgements = judgements[judgements["pairs"] == "pool"]
    other = items.rename(columns={"answer_a_id": "answer_b_id", "answer_b_id": "answer_a_id"})
    one, two = ablation.flips(judgements, items), ablation.flips(judgements, other)
    assert one["excess"].tolist() == two["excess"].tolist()


def test_benjamini_hochberg_leaves_the_placebo_out(items):
    effects = {"sex": 6.0, "race": 0.0, "education": 0.0, "ideology": 6.0, "placebo": 0.0}
    found = ablation.influence_statistics(ablation.flips(world(effects), items))
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
    compared = [ablation.flips(world({"sex": 0.0}, seed=seed), items).query("pairs == 'pool'") for seed in range(60)]
    p_values = [
        ablation.resample.clustered_mean(one, value="excess", clusters=ablation.CLUSTERS).p_value for one in compared
    ]
    assert np.mean(np.array(p_values) < 0.05) < 0.15


def test_refusals_are_counted(items):
    compared = ablation.flips(world({"sex": 0.0}, n_refused=1), items)
    found = ablation.influence_statistics(compared).set_index(["statistic", "group"])
    assert found.loc[("excess_flip", "sex"), ["n", "n_excluded"]].tolist() == [63, 1]


def test_kappa_of_one_answer_only_is_nan(items):
    judgements = world({"sex": 0.0})
    judgements["chosen_answer_id"] = "baseline." + judgements["item_id"].str.removeprefix("item.")
    found = ablation.influence_statistics(ablation.flips(judgements, items))
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


@pytest.mark.parametrize(("of_others", "dominates"), [(0.0, True), (3.0, False)])
def test_dominance_is_an_attributes_excess_less_the_others(items, of_others, dominates):
    """One attribute does everything, or three alike. The estimate is that of the means, by hand."""
    compared = ablation.flips(world({"sex": 3.0, "race": of_others, "religion": of_others}), items)
    compared = compared[compared["pairs"] == "pool"]
    rows = pd.DataFrame(ablation.dominance(compared)).set_index("group")
    means = compared.groupby("attribute")["excess"].mean()
    assert rows.loc["sex", "estimate"] == pytest.approx(2 * means["sex"] - means.sum())
    assert (rows.loc["sex", "low"] > 0) == dominates and (rows.loc["sex", "high"] < 0) == (not dominates)


def test_a_rare_answer_that_nobody_repeats_leaves_kappa_room_above():
    """160 pairs, five rare choices in each arm, none in both: the jackknife alone ends at 0.03, below most truths."""
    cells = itertools.product([f"p{i}" for i in range(8)], [f"q{i:02d}" for i in range(20)])
    compared = pd.DataFrame(cells, columns=["persona_id", "item_id"]).assign(without=1.0, **{"with": 1.0})
    compared.loc[[0, 30, 60, 90, 120], "without"] = compared.loc[[5, 35, 65, 95, 125], "with"] = 0.0
    found = ablation.arm_kappa(compared, arm="with")
    by_chi_squared = kappa_interval(np.array([[0, 5], [5, 150]]))
    assert found.estimate == pytest.approx(cohen_kappa_score(compared["without"], compared["with"]))
    assert found.high == pytest.approx(by_chi_squared[1]) and found.high > 0.2
    assert found.low <= by_chi_squared[0]
    assert found.method.endswith("t quantile") and "independent pairs" in found.method
