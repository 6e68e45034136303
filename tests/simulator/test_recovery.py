"""What is put into a world comes out of its raw choices, through the functions that the notebooks use.

Oracles: truths made of chances and never of choices; parameters of the world; identities. Coverage over many worlds
is measured by benchmarks/recovery.py.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from benchmarks.recovery import biases
from persona_lib.measuring import ablation, agreement, benchmark, pass_at_k, validation
from persona_lib.simulator import attempts, expected, studies
from persona_lib.simulator.populations import Population, population
from persona_lib.simulator.world import World, load
from persona_lib.tables.schema import check
from persona_lib.tables.values import PLACEBO

NAMES = ["lifestyle", "big_five", "hearing_difficulty", PLACEBO]


@pytest.fixture(scope="module")
def people() -> Population:
    return population(World({**load().parameters, "seed": 11}), np.random.default_rng(11))


def missed(found: pd.DataFrame, truth: dict, *, widths: float) -> list[str]:
    """The truths that lie further from the estimate than so many half widths of its interval."""
    rows = found.set_index(["statistic", "group"])
    bad = []
    for key, value in truth.items():
        row = rows.loc[key]
        half = widths * (row["high"] - row["low"]) / 2
        if not abs(row["estimate"] - value) <= half:
            bad.append(f"{key}: {row['estimate']:.3f} [{row['low']:.3f}, {row['high']:.3f}], truth {value:.3f}")
    return bad


def test_pairs_and_biases_come_out(people):
    """Twice the half width of a 95 % interval is four standard errors."""
    who, rng = people.world.models["sim-small"], np.random.default_rng(1)
    tables = studies.validation(people, who, rng, n_persons=120, n_items=120, n_pairs=600)
    truth = studies.validation_truth(people, who, rng)
    assert not missed(validation.validation_statistics(*tables), truth, widths=2)
    assert truth["holds", "own"] > truth["holds", "swapped"] + 0.1 and truth["first_position", "none"] > 0.55
    assert truth["refused", "all"] == who.refusal_rate


def test_influences_come_out_and_a_placebo_has_none(people):
    who, rng = people.world.models["sim-medium"], np.random.default_rng(2)
    judged, items = studies.ablation(people, who, rng, names=NAMES, n_persons=60, n_items=40, n_shown=3)
    compared = ablation.flips(judged, items)
    truth = studies.ablation_truth(people, who, rng, names=NAMES, n_shown=3, n_items=40)
    assert not missed(ablation.influence_statistics(compared), truth, widths=2)
    assert truth["excess_flip", PLACEBO] == 0
    assert truth["excess_flip", "lifestyle"] > truth["excess_flip", "hearing_difficulty"] + 0.02


def test_agreement_comes_out(people):
    models, raters = [people.world.models[f"sim-{name}"] for name in ("medium", "small")], "sim-rater"
    rng = np.random.default_rng(3)
    judged, items = studies.pool(people, models, people.world.models[raters], rng, n_persons=40, n_items=60, n_raters=4)
    check(judged, "pool_judgements")
    by_name = {who.name: who for who in models}
    truth = studies.pool_truth(people, by_name, people.world.models[raters], rng, n_raters=4)
    found = agreement.agreement_statistics(judged, items, min_shared=8)
    assert not missed(found, truth, widths=2)
    assert truth["kappa_content", "sim-medium"] > truth["kappa_content", "sim-small"]


def test_raters_with_strong_tastes_of_their_own_agree_no_more_than_chance(people):
    raters, rng = people.world.models["sim-rater"], np.random.default_rng(7)
    found = [studies.pool_truth(people, {}, replace(raters, taste=taste), rng, n_raters=4) for taste in (0.0, 9.0)]
    same, other = (truth["kappa_content", "rater_rater"] for truth in found)
    assert same > 0.4 and abs(other) < 0.1


def test_pass_rates_and_error_rates_come_out(people):
    models, critic = [people.world.models["sim-small"]], people.world.models["sim-judge"]
    rng = np.random.default_rng(4)
    tried, dropped = attempts.benchmark(people, models, critic, rng, n_persons=120, n_items=240)
    truth = attempts.benchmark_truth(people, models, critic, rng)
    truth = {key: value for key, value in truth.items() if key[0] != "drop_rate" or key[1] in ("age_years", "race")}
    assert not missed(benchmark.benchmark_statistics(tried, dropped), truth, widths=2)
    assert truth["drop_rate", "age_years"] == pytest.approx(0.65 * 0.98 + 0.35 * 0.02)


def test_repeated_attempts_come_out(people):
    models, critic = (
        [people.world.models[f"sim-{name}"] for name in ("medium", "small")],
        people.world.models["sim-judge"],
    )
    rng = np.random.default_rng(8)
    tried = attempts.repeated(people, models, critic, rng, n_items=300, n_attempts=4)
    truth = attempts.repeated_truth(people, models, critic, rng, n_attempts=4)
    assert not missed(pass_at_k.pass_at_k_statistics(tried, n_attempts=4), truth, widths=2)
    assert truth["gain", "sim-medium|chain_of_thought|4"] > 0.05
    assert truth["reexamined", "sim-medium|baseline|4"] == pytest.approx(truth["pass_at_k", "sim-medium|baseline|4"])


def test_parts_of_descriptions_come_out(people):
    models, rng = [people.world.models[f"sim-{name}"] for name in ("medium", "small")], np.random.default_rng(9)
    judged, items = studies.pool(
        people, models, people.world.models["sim-rater"], rng, n_persons=60, n_items=40, n_raters=4
    )
    truth = studies.lines_truth(people, models[0], rng)
    found = ablation.lines_statistics(ablation.with_whole(judged, items))
    assert not missed(found, truth, widths=2)
    assert truth["lines_difference", "idiosyncratic-demographic"] > 0.05


def test_kappa_of_chances_is_kappa_of_choices():
    """Oracle: a million choices drawn with the chances, and the textbook formula."""
    rng = np.random.default_rng(5)
    x, y = rng.random((2, 1000))
    a, b = (rng.random((1000, 1000)) < chances for chances in (x, y))
    agree, chance = np.mean(a == b), a.mean() * b.mean() + (1 - a.mean()) * (1 - b.mean())
    assert expected.kappa(x, y) == pytest.approx((agree - chance) / (1 - chance), abs=0.005)


def test_biases_come_out_of_choices_with_known_utilities(people):
    """Oracle: the model's own parameters, by a logistic regression that knows nothing of the simulator."""
    who, rng = (
        replace(people.world.models["sim-small"], self_preference=0.5, verbosity_bias=-0.4),
        np.random.default_rng(6),
    )
    found = biases(studies.choices(people, who, rng, n=40_000)).set_index("statistic")
    for name in ("noise", "position_bias", "verbosity_bias", "self_preference"):
        low, estimate, high = found.loc[name, ["low", "estimate", "high"]]
        assert abs(estimate - getattr(who, name)) < high - low < 0.5, name


def test_statuses_come_at_the_declared_rates():
    """Oracle: the rates of the model; of 100,000 a share is within 0.005 of it, and refused goes before unparsed."""
    who = replace(load().models["sim-large"], refusal_rate=0.3, malformed_rate=0.2)
    drawn = pd.Series(studies.statuses(np.random.default_rng(1), 100_000, who)).value_counts(normalize=True)
    assert drawn.to_dict() == pytest.approx({"refused": 0.3, "unparsed": 0.7 * 0.2, "ok": 0.7 * 0.8}, abs=0.005)
