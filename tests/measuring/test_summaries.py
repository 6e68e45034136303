"""What summaries leave out. Oracles: hand counts, scipy, the worked example of Kendall's W in Legendre's paper."""

import itertools

import numpy as np
import pandas as pd
import pytest
from attempted import PERSONAS, dropped_table
from scipy.stats import rankdata, spearmanr

from persona_lib.measuring import summaries
from persona_lib.tables import schema


def test_dropped_attributes_by_hand():
    keys = itertools.product(["p0001", "p0002", "p0003"], ["sex", "race"])
    by_model = dict(zip(keys, [True, False, True, None, False, False], strict=True))
    rule = {key: bool(value) for key, value in by_model.items()}
    table = pd.concat([dropped_table(by_model, by_rule=rule), dropped_table(by_model, model="small", by_rule=rule)])
    rows = summaries.summary_statistics(schema.check(table, "dropped")).set_index(["statistic", "group"])
    assert rows.loc[("drop_rate", "sex"), "estimate"] == pytest.approx(2 / 3)
    assert rows.loc[("drop_rate", "large|race"), ["n", "n_excluded"]].tolist() == [2, 1]
    assert rows.loc[("equivalent", "large"), ["estimate", "n", "n_excluded"]].tolist() == [0, 3, 0]
    assert rows.loc[("n_dropped", "large"), "estimate"] == 0.5
    assert rows.loc[("drop_agreement", "examiner-rule"), "estimate"] == 1
    assert np.isnan(rows.loc[("drop_correlation", "large|small"), "estimate"]), (
        "two attributes have no rank correlation"
    )


def test_drop_correlation_equals_scipy():
    rng = np.random.default_rng(2)
    attributes = schema.attributes()["attribute"][:9]
    parts = []
    for model in ("large", "small"):
        keys = itertools.product(PERSONAS, attributes)
        by_model = {(p, a): bool(rng.random() < 0.1 + 0.08 * i % 0.9) for i, (p, a) in enumerate(keys)}
        parts.append(dropped_table(by_model, model=model))
    table = schema.check(pd.concat(parts), "dropped")
    rows = summaries.summary_statistics(table).set_index(["statistic", "group"])["estimate"]
    rates = table.astype({"is_dropped": float}).groupby(["attribute", "model"])["is_dropped"].mean().unstack()
    expected = spearmanr(rates["large"], rates["small"]).statistic
    assert rows["drop_correlation", "large|small"] == pytest.approx(expected)


def test_equivalence_is_what_the_examiner_said_once_a_summary():
    by_model = {(p, a): True for p in PERSONAS[:4] for a in ("sex", "race", "religion")}
    table = pd.concat([dropped_table(by_model, equivalent=True), dropped_table(by_model, model="small")])
    rows = summaries.summary_statistics(schema.check(table, "dropped")).set_index(["statistic", "group"])
    assert rows.loc[("equivalent", "all"), ["estimate", "n"]].tolist() == [0.5, 8]
    assert rows.loc[("equivalent", "large"), "estimate"] == 1 and rows.loc[("n_dropped", "all"), "estimate"] == 3


def w_by_hand(labels):
    """Kendall's W from the sums of ranks and the counts of ties, as the textbooks have it."""
    m, n = labels.shape
    ranks = np.array([rankdata(row) for row in labels])
    ties = sum(sum(t**3 - t for t in np.unique(row, return_counts=True)[1]) for row in ranks)
    squares = ((ranks.sum(axis=0) - m * (n + 1) / 2) ** 2).sum()
    return 12 * squares / (m**2 * (n**3 - n) - m * ties)


def test_kendall_w_equals_the_textbook_with_ties_and_its_relation_to_spearman():
    """Without ties the mean rank correlation of all pairs of raters is (m W - 1) / (m - 1)."""
    rng = np.random.default_rng(4)
    for m, n in ((2, 5), (3, 33), (4, 8)):
        binary = (rng.random((m, n)) < 0.4).astype(float)
        assert summaries.kendall_w(binary) == pytest.approx(w_by_hand(binary))
        ranked = rng.permuted(np.tile(np.arange(n), (m, 1)), axis=1)
        pairs = [spearmanr(ranked[i], ranked[j]).statistic for i, j in itertools.combinations(range(m), 2)]
        assert np.mean(pairs) == pytest.approx((m * summaries.kendall_w(ranked) - 1) / (m - 1))


def test_kendall_w_is_one_over_m_on_average_where_raters_rank_at_random():
    rng = np.random.default_rng(5)
    found = [summaries.kendall_w((rng.random((3, 33)) < 0.3).astype(float)) for _ in range(400)]
    assert np.mean(found) == pytest.approx(1 / 3, abs=0.02)


@pytest.mark.parametrize("labels", [np.ones((1, 5)), np.eye(2), np.ones((3, 6))])
def test_kendall_w_is_undefined_for_one_rater_two_objects_or_no_difference(labels):
    assert np.isnan(summaries.kendall_w(labels))


def test_concordance_on_a_question_needs_every_model():
    names = ["sex", "race", "religion"]
    alike = {(p, a): a == "sex" for p in PERSONAS[:3] for a in names}
    lost = {key: None if key[0] == PERSONAS[0] else value for key, value in alike.items()}
    table = pd.concat([dropped_table(alike), dropped_table(lost, model="small", by_rule=alike)])
    rows = summaries.summary_statistics(schema.check(table, "dropped")).set_index(["statistic", "group"])
    assert rows.loc[("kendall_w_question", "all"), ["estimate", "n", "n_excluded"]].tolist() == [1, 2, 1]
    assert rows.loc[("kendall_w", "all"), "estimate"] == 1


def test_drop_rates_of_two_values_have_a_rank_correlation():
    """Oracle: scipy. The persona of the first model's summaries drops or keeps, so that its rates are 0 or 1."""
    first, second = [True, False, True, False], [True, True, True, False]
    parts = [
        dropped_table({(PERSONAS[0], name): drops for name, drops in zip("abcd", rates, strict=True)}, model=model)
        for model, rates in (("large", first), ("small", second))
    ]
    rows = summaries.summary_statistics(pd.concat(parts, ignore_index=True)).set_index(["statistic", "group"])
    expected = spearmanr(first, second).statistic
    assert rows.loc[("drop_correlation", "large|small"), "estimate"] == pytest.approx(expected)
