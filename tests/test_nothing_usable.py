"""Studies in which nothing usable came, or next to nothing: every statistic is shown undefined, and counted.

Oracles: no statistic leaves its range or its interval, what was asked for is scored or excluded, and what nobody
answered is undefined.
"""

from functools import cache

import numpy as np
import pandas as pd
import pytest

from persona_lib.measuring import ablation, agreement, benchmark, pass_at_k, validation
from persona_lib.pluralism import departure, majority
from persona_lib.simulator import attempts as bench
from persona_lib.simulator import studies
from persona_lib.simulator.populations import population
from persona_lib.simulator.world import load
from persona_lib.tables import schema
from persona_lib.tables.values import PLACEBO


@cache
def drawn(small):
    """Every study of one world, at demo-like sizes or at the smallest that a configuration may have."""
    rng = np.random.default_rng(1)
    people = population(load(), rng, n_persons=200, n_items=40)
    names = ("large", "medium", "rater", "judge")
    large, medium, rater, critic = (people.world.models[f"sim-{name}"] for name in names)
    n, one, models = (2, 1, [large]) if small else (6, 6, [large, medium])
    return {
        "validation": studies.validation(people, medium, rng, n_persons=n, n_items=n, n_pairs=1 if small else 12),
        "pool": studies.pool(people, models, rater, rng, n_persons=n, n_items=n, n_raters=4),
        "ablation": studies.ablation(
            people,
            medium,
            rng,
            names=["sex", PLACEBO],
            n_persons=1 if small else 8,
            n_items=1 if small else 8,
            n_shown=3,
        ),
        "benchmark": bench.benchmark(people, models, critic, rng, n_persons=n, n_items=n),
        "repeated": bench.repeated(people, models, critic, rng, n_items=one, n_attempts=2),
    }


def unanswered(table, where=True, status="refused"):
    """The rows without a choice or a verdict, with this status."""
    hit = pd.Series(where, table.index) if isinstance(where, bool) else where
    table = table.copy()
    for column in ("chosen_answer_id", "chosen_position"):
        if column in table:
            table[column] = table[column].mask(hit, "")
    if "passed" in table:
        table["passed"] = table["passed"].mask(hit, pd.NA)
    for column in ("is_dropped", "is_equivalent"):
        if column in table:
            table[column] = table[column].astype("boolean").mask(hit, pd.NA)
    return table.assign(status=table["status"].mask(hit, status))


def always_a(table, first, second):
    """Every choice is for what stands in position A."""
    chosen = first.where(~table["swapped"], second)
    return table.assign(chosen_answer_id=chosen, chosen_position="A", status="ok")


def two_of(judgements, items):
    answers = judgements[["item_id"]].merge(items, on="item_id", how="left").set_index(judgements.index)
    return answers["answer_a_id"], answers["answer_b_id"]


def checked(rows, name):
    found = schema.check(rows, name)
    both = found.dropna(subset=["low", "high"])
    assert (both["low"] <= both["high"]).all() and both["estimate"].notna().all()
    assert not np.isinf(found[["estimate", "low", "high"]].to_numpy()).any()
    assert (found[["n", "n_excluded"]] >= 0).all(axis=None)
    is_share = both["method"].str.startswith("share")
    assert both.loc[is_share, ["low", "high"]].stack().between(0, 1).all()
    return found.set_index(["statistic", "group"])


def of_pool(judgements, items):
    kappas = schema.check(agreement.kappas(judgements, items, min_shared=2), "kappas")
    found = checked(agreement.agreement_statistics(judgements, items, min_shared=2), "agreement")
    lines = checked(ablation.lines_statistics(ablation.with_whole(judgements, items)), "influences")
    departed = checked(
        pd.DataFrame(departure.departure_statistics(departure.departures(judgements, items))), "pluralism"
    )
    cells = majority.rater_cells(judgements, items)
    panel = checked(pd.DataFrame(majority.panel_statistics(cells, n_bootstrap=10, seed=1)), "pluralism")
    return kappas, found, lines, departed, panel


SIZES = [False, True]


@pytest.mark.parametrize(("small", "status"), [(False, "refused"), (True, "unparsed"), (True, "cut_off")])
def test_a_pool_that_nobody_answered(small, status):
    judgements, items = drawn(small)["pool"]
    kappas, *tables = of_pool(unanswered(judgements, status=status), items)
    assert kappas.empty
    for found in tables:
        defined = found["estimate"].dropna()
        assert set(defined.index.get_level_values("statistic")) <= {"scored"} and (defined == 0).all()
    agreed = tables[0]
    n_cells = len(judgements.query("rater_id == 'sim-large' and lines_shown == 'all' and repeat == 0"))
    row = agreed.loc[("kappa_content", "sim-large")]
    assert (row["n"], row["n_excluded"]) == (0, n_cells)


@pytest.mark.parametrize("small", SIZES)
def test_a_pool_in_which_only_the_raters_or_only_the_models_answered(small):
    judgements, items = drawn(small)["pool"]
    for role in ("rater", "panel"):
        _, found, *_ = of_pool(unanswered(judgements, judgements["role"] == role), items)
        assert np.isnan(found.loc[("kappa_content", "sim-large"), "estimate"])
        assert np.isnan(found.loc[("raw_agreement", "rater_rater"), "estimate"]) == (role == "rater")


@pytest.mark.parametrize("small", SIZES)
def test_a_pool_without_raters_and_with_one_model(small):
    judgements, items = drawn(small)["pool"]
    kappas, found, *_ = of_pool(judgements[judgements["rater_id"] == "sim-large"], items)
    assert kappas.empty and np.isnan(found.loc[("kappa_content", "held_out_rater"), "estimate"])
    assert found.loc[("prevalence", "sim-large"), "estimate"] >= 0 and found.loc[("scored", "raters"), "n"] == 0


@pytest.mark.parametrize("small", SIZES)
def test_a_pool_in_which_all_take_position_a(small):
    """All agree: raw agreement 1; by position kappa is undefined; a model kept at A never sees content."""
    judgements, items = drawn(small)["pool"]
    _, found, *_ = of_pool(always_a(judgements, *two_of(judgements, items)), items)
    assert found.loc[("raw_agreement", "sim-large"), "estimate"] == 1
    assert np.isnan(found.loc[("kappa_position", "sim-large"), "estimate"])


@pytest.mark.parametrize("small", SIZES)
def test_pairs_that_nobody_judged_and_a_judge_of_positions(small):
    judgements, pairs, answers = drawn(small)["validation"]
    pairs = pairs.assign(template="paper")
    found = checked(validation.validation_statistics(unanswered(judgements), pairs, answers), "validation")
    assert found.loc["holds", "estimate"].isna().all() and (found.loc["holds", "n"] == 0).all()
    assert found.loc[("refused", "all"), "estimate"] == 1
    judged = judgements.merge(pairs, left_on="item_id", right_on="pair_id", how="left", suffixes=("", "_pair"))
    judged = always_a(judged, judged["rejected_answer_id"], judged.pop("chosen_answer_id_pair"))
    judged = judged[judgements.columns]
    found = checked(validation.validation_statistics(judged, pairs, answers), "validation")
    assert found.loc[("holds", "own"), "estimate"] == 0.5 and found.loc[("first_position", "all"), "estimate"] == 1


@pytest.mark.parametrize("small", SIZES)
def test_an_ablation_that_nobody_answered_and_one_of_positions(small):
    judgements, items = drawn(small)["ablation"]
    empty = checked(ablation.influence_statistics(ablation.flips(unanswered(judgements), items)), "influences")
    assert empty.loc["excess_flip", "estimate"].isna().all() and empty.loc[("n_significant", "all"), "estimate"] == 0
    first, second = two_of(judgements, items)
    revised = "revision." + judgements["attribute"] + "." + judgements["persona_id"] + "." + judgements["item_id"]
    second = second.mask(judgements["pairs"] == "revised", revised)
    flat = checked(
        ablation.influence_statistics(ablation.flips(always_a(judgements, first, second), items)), "influences"
    )
    assert (flat.loc["excess_flip", "estimate"] == 0).all()


@pytest.mark.parametrize("small", SIZES)
@pytest.mark.parametrize("verdict", [True, False, None])
def test_an_examiner_that_says_nothing_or_always_the_same(small, verdict):
    tried, dropped = drawn(small)["benchmark"]
    again = drawn(small)["repeated"]
    if verdict is None:
        tried, dropped, again = (unanswered(table) for table in (tried, dropped, again))
    else:
        tried, again = (table.assign(passed=pd.array([verdict] * len(table), "boolean")) for table in (tried, again))
        tried, again = tried.assign(status="ok"), again.assign(status="ok")
    found = checked(benchmark.benchmark_statistics(tried, dropped), "benchmark")
    rates = found.loc["pass_rate", "estimate"]
    curves = checked(pass_at_k.pass_at_k_statistics(again, n_attempts=2), "pass_at_k")
    shares = curves.loc["pass_at_k"]
    if verdict is None:
        assert rates.isna().all() and shares["estimate"].isna().all() and (shares["n"] == 0).all()
        assert found.loc[("drop_rate", "all"), "estimate"] != found.loc[("drop_rate", "all"), "estimate"]
    else:
        assert (rates == verdict).all() and (shares["estimate"] == verdict).all()
        assert shares["low"].isna().all() == small, "below five clusters nothing is said"


@pytest.mark.parametrize("measure", ["pool", "ablation", "attempts"])
def test_tables_without_a_row(measure):
    if measure == "pool":
        judgements, items = drawn(True)["pool"]
        _, found, *_ = of_pool(judgements.iloc[:0], items)
        assert found["estimate"].isna().all()
    elif measure == "ablation":
        judgements, items = drawn(True)["ablation"]
        compared = ablation.flips(judgements.iloc[:0], items)
        found = checked(ablation.influence_statistics(compared), "influences")
        assert found.loc[("n_significant", "all"), "estimate"] == 0
    else:
        tried, dropped = drawn(True)["benchmark"]
        found = checked(benchmark.benchmark_statistics(tried.iloc[:0], dropped.iloc[:0]), "benchmark")
        assert found["estimate"].isna().all()
        assert pass_at_k.pass_at_k_statistics(drawn(True)["repeated"].iloc[:0], n_attempts=2).empty
