"""PERSONA Bench and pass@k. Oracles: exhaustive enumeration, statsmodels' McNemar, hand counts, identities."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom, binomtest, spearmanr
from statsmodels.stats.contingency_tables import mcnemar

from persona_lib.measuring import benchmark
from persona_lib.tables import schema

PERSONAS = [f"p{i:04d}" for i in range(1, 13)]


def attempted(passed, *, model="large", mode="baseline", critic=None, attempt=0):
    """One attempt per persona (its prompt is q0001, q0002 in turn) with the given verdicts; None is a refusal."""
    rows = []
    for i, verdict in enumerate(passed):
        persona, prompt = PERSONAS[i], f"q{i % 4 + 1:04d}"
        rows.append(
            {
                "item_id": f"{persona}.{prompt}",
                "persona_id": persona,
                "prompt_id": prompt,
                "model": model,
                "mode": mode,
                "critic_persona_id": critic or persona,
                "attempt": attempt,
                "answer": "" if verdict is None else "text",
                "summary": "",
                "passed": verdict,
                "status": "refused" if verdict is None else "ok",
                "request_hash": "h",
            }
        )
    return pd.DataFrame(rows)


def attempts(*parts):
    return schema.check(pd.concat(parts, ignore_index=True).astype({"passed": "boolean"}), "attempts")


def dropped_table(by_model, *, model="large", by_rule=None):
    rows = []
    for (persona, attribute), is_dropped in by_model.items():
        rule = is_dropped if by_rule is None else by_rule[persona, attribute]
        status = "failed" if is_dropped is None else "ok"
        rows.append((persona, model, attribute, is_dropped, bool(rule), status, "h"))
    columns = ["persona_id", "model", "attribute", "is_dropped", "is_dropped_by_rule", "status", "request_hash"]
    return pd.DataFrame(rows, columns=columns).astype({"is_dropped": "boolean"})


SMALL = [(n, c, k) for n in range(1, 7) for c in range(n + 1) for k in range(1, n + 1)]


@pytest.mark.parametrize(("n", "c", "k"), SMALL)
def test_pass_at_k_equals_enumeration(n, c, k):
    passed = [i < c for i in range(n)]
    chosen = [any(some) for some in itertools.combinations(passed, k)]
    table = pd.DataFrame({"item_id": "x", "attempt": range(n), "passed": passed})
    assert benchmark.pass_at_k(table, k=k)["pass_at_k"].iloc[0] == pytest.approx(np.mean(chosen))


def test_pass_at_k_is_unbiased():
    """The mean of the estimate over all outcomes of 6 attempts of chance 0.3 is 1 - 0.7^3."""
    found = []
    for c in range(7):
        table = pd.DataFrame({"item_id": "x", "attempt": range(6), "passed": [i < c for i in range(6)]})
        found.append(binom.pmf(c, 6, 0.3) * benchmark.pass_at_k(table, k=3)["pass_at_k"].iloc[0])
    assert sum(found) == pytest.approx(1 - 0.7**3)


def test_pass_at_k_undefined_and_bad_input():
    passed = pd.Series([True, None, None], dtype="boolean")
    table = pd.DataFrame({"item_id": "x", "attempt": range(3), "passed": passed})
    found = benchmark.pass_at_k(table, k=2)
    assert np.isnan(found["pass_at_k"].iloc[0]), "one scored attempt cannot say what two would do"
    assert found["n"].iloc[0] == 1
    with pytest.raises(schema.SchemaError, match="x repeats attempt 1"):
        benchmark.pass_at_k(pd.DataFrame({"item_id": "x", "attempt": [1, 1], "passed": [True, False]}), k=1)
    with pytest.raises(schema.SchemaError, match="passed is missing"):
        benchmark.pass_at_k(pd.DataFrame({"item_id": ["x"], "attempt": [1]}), k=1)
    with pytest.raises(ValueError, match="k = 0"):
        benchmark.pass_at_k(table, k=0)


@pytest.mark.parametrize(("n01", "n10"), [(5, 0), (3, 7), (1, 1)])
def test_mcnemar_equals_statsmodels_and_the_binomial(n01, n10):
    first = [1.0] * n01 + [0.0] * n10 + [1.0, 0.0, np.nan]
    second = [0.0] * n01 + [1.0] * n10 + [1.0, 0.0, 1.0]
    ours = benchmark.mcnemar_p_value(pd.DataFrame({"passed": first, "passed_reference": second}))
    assert ours == pytest.approx(mcnemar([[1, n01], [n10, 1]], exact=True).pvalue)
    assert ours == pytest.approx(binomtest(n01, n01 + n10, 0.5).pvalue)


def test_mcnemar_without_discordant_pairs_is_nan():
    assert np.isnan(benchmark.mcnemar_p_value(pd.DataFrame({"passed": [1.0], "passed_reference": [1.0]})))


def test_pass_rates_differences_and_calibration_by_hand():
    yes, no = [True] * 9 + [False] * 3, [True] * 3 + [False] * 8 + [None]
    table = attempts(
        attempted(no),
        attempted(yes, mode="output_only"),
        attempted([True] * 2 + [False] * 10, mode="output_only", critic="p0099"),
    )
    found = schema.check(benchmark.benchmark_statistics(table, dropped_table({("p0001", "sex"): False})), "benchmark")
    one = found.set_index(["statistic", "group"])
    assert one.loc[("pass_rate", "large|output_only"), "estimate"] == 0.75, "calibration rows are not scored as own"
    assert one.loc[("pass_rate", "large|baseline"), ["n", "n_excluded"]].tolist() == [11, 1]
    row = one.loc[("difference", "large|output_only-baseline")]
    assert (row["estimate"], row["n"], row["n_excluded"]) == (pytest.approx(6 / 11), 11, 1)
    assert one.loc[("calibration", "other"), "estimate"] == pytest.approx(2 / 12)
    assert one.loc[("calibration", "own-other"), "estimate"] == pytest.approx(7 / 12)
    assert one.loc[("scored", "large|baseline"), "estimate"] == pytest.approx(11 / 12)
    p_values = one.loc[["p_value", "p_adjusted"], "estimate"].unstack()["large|output_only-baseline"]
    assert p_values["p_value"] == p_values["p_adjusted"], "one pair of modes needs no correction"


def test_difference_changes_sign_with_the_order_of_modes():
    rng = np.random.default_rng(1)
    table = attempts(*[attempted(rng.random(12) < 0.5, mode=mode) for mode in ("baseline", "summary")])
    own = benchmark.own_attempts(table)
    one = benchmark.mode_difference(own, mode="summary", reference="baseline")["difference"]
    two = benchmark.mode_difference(own, mode="baseline", reference="summary")["difference"]
    assert one.tolist() == (-two).tolist()


def test_dropped_attributes_by_hand():
    keys = itertools.product(["p0001", "p0002", "p0003"], ["sex", "race"])
    by_model = dict(zip(keys, [True, False, True, None, False, False], strict=True))
    rule = {key: bool(value) for key, value in by_model.items()}
    table = pd.concat([dropped_table(by_model, by_rule=rule), dropped_table(by_model, model="small", by_rule=rule)])
    rows = pd.DataFrame(benchmark.dropped_rows(schema.check(table, "dropped"))).set_index(["statistic", "group"])
    assert rows.loc[("drop_rate", "sex"), "estimate"] == pytest.approx(2 / 3)
    assert rows.loc[("drop_rate", "large|race"), ["n", "n_excluded"]].tolist() == [2, 1]
    assert rows.loc[("equivalent", "large"), ["estimate", "n", "n_excluded"]].tolist() == [0.5, 2, 1]
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
    rows = pd.DataFrame(benchmark.dropped_rows(table)).set_index(["statistic", "group"])["estimate"]
    rates = table.astype({"is_dropped": float}).groupby(["attribute", "model"])["is_dropped"].mean().unstack()
    expected = spearmanr(rates["large"], rates["small"]).statistic
    assert rows["drop_correlation", "large|small"] == pytest.approx(expected)


def test_pass_at_k_statistics():
    rng = np.random.default_rng(3)
    parts = [
        attempted(rng.random(12) < chance, model=model, mode=mode, attempt=attempt)
        for (model, chance), mode, attempt in itertools.product(
            {"large": 0.5, "small": 0.2}.items(), ["output_only", "baseline"], range(4)
        )
    ]
    table = attempts(*parts)
    settings = {"n_attempts": 4, "n_bootstrap": 60, "seed": 1}
    found = schema.check(benchmark.pass_at_k_statistics(table, **settings), "pass_at_k")
    one = found.set_index(["statistic", "group"])["estimate"]
    cell = table[(table["model"] == "large") & (table["mode"] == "output_only")]
    assert one["pass_at_k", "large|output_only|1"] == pytest.approx(cell["passed"].astype(float).mean())
    assert one["pass_at_k", "large|output_only|4"] == pytest.approx(cell.groupby("item_id")["passed"].any().mean())
    assert one["gain", "large|output_only|4"] == pytest.approx(
        one["pass_at_k", "large|output_only|4"] - one["pass_at_k", "large|output_only|1"]
    )
    curve = [one["pass_at_k", f"small|baseline|{k}"] for k in benchmark.ks(4)]
    assert curve == sorted(curve), "more attempts never pass less"
    assert one["model_difference", "large-small|output_only|2"] == pytest.approx(
        one["pass_at_k", "large|output_only|2"] - one["pass_at_k", "small|output_only|2"]
    )
    pd.testing.assert_frame_equal(found, schema.check(benchmark.pass_at_k_statistics(table, **settings), "pass_at_k"))


def test_a_curve_rests_on_the_same_items_at_every_k():
    """An item that lost an attempt to a refusal leaves the whole curve, else the curve could fall at its end."""
    tries = [attempted([True, False, False], attempt=0), attempted([True, False, False], attempt=1)]
    table = attempts(*tries)
    is_refused = (table["attempt"] == 1) & (table["item_id"] == table["item_id"].iloc[0])
    table.loc[is_refused, ["passed", "status"]] = [pd.NA, "refused"]
    found = benchmark.pass_at_k_statistics(table, n_attempts=2, n_bootstrap=50, seed=1)
    curve = found[found["statistic"] == "pass_at_k"]
    assert curve["estimate"].tolist() == [0, 0], "the passing item has one scored attempt, the others never passed"
    assert curve[["n", "n_excluded"]].to_numpy().tolist() == [[2, 1], [2, 1]]


def test_drop_rates_of_two_values_have_a_rank_correlation():
    """Oracle: scipy. The persona of the first model's summaries drops or keeps, so that its rates are 0 or 1."""
    first, second = [True, False, True, False], [True, True, True, False]
    parts = [
        dropped_table({(PERSONAS[0], name): drops for name, drops in zip("abcd", rates, strict=True)}, model=model)
        for model, rates in (("large", first), ("small", second))
    ]
    rows = pd.DataFrame(benchmark.dropped_rows(pd.concat(parts, ignore_index=True))).set_index(["statistic", "group"])
    expected = spearmanr(first, second).statistic
    assert rows.loc[("drop_correlation", "large|small"), "estimate"] == pytest.approx(expected)
