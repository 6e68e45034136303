"""What is put into a world comes out of its raw choices, through the functions that the notebooks use.

Oracles: truths made of chances and never of choices; parameters of the world; identities. Coverage over many worlds
is measured by benchmarks/recovery.py.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from persona_lib import ablation, agreement, benchmark, validation
from persona_lib.schema import check
from persona_lib.simulator import studies
from persona_lib.simulator.world import World, load

NAMES = ["lifestyle", "big_five", "hearing_difficulty", studies.PLACEBO]


@pytest.fixture(autouse=True)
def coarse(monkeypatch):
    """Truths averaged over 20,000 cells: their error is a tenth of the intervals' here."""
    monkeypatch.setattr(studies, "N_INTEGRATED", 20_000)


@pytest.fixture(scope="module")
def people() -> studies.Population:
    return studies.population(World({**load().parameters, "seed": 11}), np.random.default_rng(11))


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
    truth = studies.ablation_truth(people, who, rng, names=NAMES, n_shown=3)
    assert not missed(ablation.influence_statistics(compared, n_bootstrap=60, seed=1), truth, widths=2)
    assert truth["excess_flip", studies.PLACEBO] == 0
    assert truth["excess_flip", "lifestyle"] > truth["excess_flip", "hearing_difficulty"] + 0.03


def test_agreement_comes_out(people):
    models, raters = [people.world.models[f"sim-{name}"] for name in ("medium", "small")], "sim-people"
    rng = np.random.default_rng(3)
    judged, items = studies.pool(people, models, people.world.models[raters], rng, n_persons=40, n_items=60, n_raters=4)
    check(judged, "pool_judgements")
    truth = studies.pool_truth(people, models, people.world.models[raters], rng)
    found = agreement.agreement_statistics(judged, items, min_shared=8, n_bootstrap=60, seed=1)
    assert not missed(found, truth, widths=2)
    assert truth["kappa_content", "sim-medium"] > truth["kappa_content", "sim-small"]


def test_pass_rates_and_error_rates_come_out(people):
    models, critic = [people.world.models["sim-small"]], people.world.models["sim-judge"]
    rng = np.random.default_rng(4)
    attempts, dropped = studies.benchmark(people, models, critic, rng, n_persons=120, n_items=240)
    dropped = dropped[dropped["attribute"].isin(["age_years", "race"])]
    truth = studies.benchmark_truth(people, models, critic, rng)
    truth = {key: value for key, value in truth.items() if key[0] != "drop_rate" or key[1] in ("age_years", "race")}
    assert not missed(benchmark.benchmark_statistics(attempts, dropped), truth, widths=2)
    assert truth["drop_rate", "age_years"] == pytest.approx(0.65 * 0.98 + 0.35 * 0.02)


def test_kappa_of_chances_is_kappa_of_choices():
    """Oracle: a million choices drawn with the chances, and the textbook formula."""
    rng = np.random.default_rng(5)
    x, y = rng.random((2, 1000))
    a, b = (rng.random((1000, 1000)) < chances for chances in (x, y))
    agree, chance = np.mean(a == b), a.mean() * b.mean() + (1 - a.mean()) * (1 - b.mean())
    assert studies._kappa(x, y) == pytest.approx((agree - chance) / (1 - chance), abs=0.005)
