"""What the filter does to the population. Oracles: hand counts, statsmodels' Wilson and Holm, identities of raking."""

import numpy as np
import pandas as pd
import pytest
from small_personas import census, complete, draws
from statsmodels.stats.proportion import proportion_confint

from persona_lib.synthesis import selection
from persona_lib.tables import schema
from persona_lib.tables.schema import UNKNOWN, SchemaError


@pytest.mark.parametrize(("k", "n"), [(0, 10), (3, 10), (10, 10), (17, 2000)])
def test_wilson_is_statsmodels(k, n):
    assert selection.wilson(k, n) == pytest.approx(proportion_confint(k, n, method="wilson"), abs=1e-7)


def test_wilson_of_nothing_is_undefined():
    assert np.isnan(selection.wilson(0, 0)).all()


def judged(rule_ids):
    """Completed draws of the small census, one per verdict in order, and their candidates table."""
    people = complete(draws(len(rule_ids)), census())
    table = people[["draw", "person_id"]].assign(rule_id=rule_ids)
    return people, table.assign(is_consistent=table["rule_id"] == "")


def test_audit_counts_by_hand():
    people, table = judged(["", "needs_work", "", "no_verdict", "", "model", "", ""])  # sexes alternate
    kept = table[table["is_consistent"]].head(4)
    found = selection.audit(table, kept, people, rule_ids=["needs_work", "model"], n_random=50, seed=1)
    checked = schema.check(found, "persona_audit").set_index(["statistic", "group"])
    counts = ["estimate", "n", "n_excluded"]
    assert checked.loc[("rejection_rate", "all"), counts].tolist() == [2 / 7, 7, 1]
    assert checked.loc[("rejection_rate", "sex=Male"), counts].tolist() == [2 / 3, 3, 1]
    assert checked.loc[("rejection_rate", "sex=Female"), "estimate"] == 0
    assert checked.loc[("rule_rate", "all"), counts].tolist() == [1 / 8, 8, 0]
    assert checked.loc[("model_rate", "sex=Male"), counts].tolist() == [1 / 2, 2, 2]
    assert checked.loc[("rejected_by", "model"), "estimate"] == 1 / 7
    assert checked.loc[("total_variation", "sex"), "estimate"] == pytest.approx(0.5)  # 4 of 4 women, 1/2 of the draws
    by_chance = checked.loc[("total_variation_random", "sex")]
    assert by_chance["low"] <= by_chance["estimate"] <= by_chance["high"]
    with pytest.raises(SchemaError, match="not among the candidates"):
        selection.audit(table, kept.assign(draw=99), people, rule_ids=[], n_random=5, seed=1)


def test_intervals_of_groups_hold_together():
    people, table = judged(["", "needs_work"] * 20)
    kept = table[table["is_consistent"]]
    found = selection.audit(table, kept, people, rule_ids=[], n_random=200, seed=1).set_index(["statistic", "group"])
    m = (found.loc["rejection_rate"].index != "all").sum()
    one = found.loc[("rejection_rate", "sex=Male")]
    assert (one["low"], one["high"]) == pytest.approx(proportion_confint(20, 20, alpha=0.05 / m, method="wilson"))
    assert f"Bonferroni over {m} groups" in one["method"]
    assert found.loc[("rejection_p", "sex"), "estimate"] < 0.05, "all men and no woman are rejected"


def test_permutation_p_is_calibrated_and_finds_a_bias():
    rng = np.random.default_rng(4)
    of = pd.DataFrame({"sex": rng.choice(["F", "M"], 300)})
    fair = [selection._unequal(of, rng.random(300) < 0.1, n_random=99, seed=s)[0]["estimate"] for s in range(80)]
    assert abs(np.mean(np.array(fair) <= 0.1) - 0.1) < 0.1  # three standard errors
    biased = rng.random(300) < np.where(of["sex"] == "F", 0.05, 0.3)
    assert selection._unequal(of, biased, n_random=999, seed=1)[0]["estimate"] < 0.01


def test_groups_of_the_audit():
    one = complete(draws(1), census())
    hermit = one.assign(
        household_type="Man living alone", employment_status="Unemployed", religion="Atheist or agnostic"
    )
    inmate = one.assign(is_group_quarters=True, employment_status=UNKNOWN, household_type=UNKNOWN)
    found = selection.groups(pd.concat([one.assign(religion="Catholic"), hermit, inmate], ignore_index=True))
    assert found["work"].tolist() == ["employed", "not employed", UNKNOWN]
    assert found["living"].tolist() == ["with others", "alone", "group quarters"]
    assert found["faith"].tolist()[:2] == ["some or not stated", "none"]


def test_weights_carry_the_personas_back_to_the_draws():
    people, table = judged(list(np.random.default_rng(3).choice(["", "", "", "", "needs_work", "model"], 40)))
    kept = table[table["is_consistent"]].iloc[::-1].reset_index(drop=True)  # any order of rows
    made = kept.assign(persona_id=[f"p{k:04d}" for k in range(len(kept))])
    weights = schema.check(selection.raked(table, made, people), "persona_weights").set_index("persona_id")["weight"]
    before = selection.groups(people)
    after = before.set_index(people["draw"]).loc[made["draw"]].assign(weight=weights.to_numpy())
    for name in before:
        shares = after.groupby(name)["weight"].sum() / after["weight"].sum()
        assert np.abs(shares - before[name].value_counts(normalize=True)).max() < 1e-6, name


def test_raking_restores_the_margins():
    rng = np.random.default_rng(1)
    before = pd.DataFrame({"sex": rng.choice(["F", "M"], 400), "age": rng.choice(["a", "b", "c"], 400)})
    accepted = before[(rng.random(400) < np.where(before["sex"] == "F", 0.9, 0.5))]
    weights = selection.weigh_back(accepted, before)
    for column in before:
        shares = weights.groupby(accepted[column]).sum() / weights.sum()
        assert np.abs(shares - before[column].value_counts(normalize=True)).max() < 1e-8
    assert weights.mean() == pytest.approx(1)


def test_contradicting_margins_end_and_show_what_is_left():
    before = pd.DataFrame({"a": list("xxyy"), "b": list("uvuv")})
    accepted = before.iloc[[0, 3]]  # x only with u, y only with v; a wants 1:1, b wants 1:1: met
    assert selection.weigh_back(accepted, before).tolist() == [1, 1]
    skewed = pd.DataFrame({"a": list("xxxy"), "b": list("uuvv")})  # a wants 3:1, b wants 1:1: impossible
    assert np.isfinite(selection.weigh_back(accepted, skewed)).all()


def test_none_and_all_are_ends_of_their_own_interval():
    """By rounding, 0 of 1,586 had a lower end of 4e-19 and 7 of 7 an upper end below 1."""
    assert selection.wilson(0, 1586, level=0.999)[0] == 0 and selection.wilson(7, 7, level=0.99)[1] == 1
