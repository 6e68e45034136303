"""The truths of a panel.

Oracles: what the notebook's functions find in choices drawn from the same world; a model that sees everybody as one
flattens, one that overdoes what it sees exaggerates; the share said of all is that of the chances.
"""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from benchmarks.coverage import coverage, told
from persona_lib.pluralism.grids import panel
from persona_lib.pluralism.majority import of_panel
from persona_lib.simulator import studies
from persona_lib.simulator.populations import Population, by_content, population
from persona_lib.simulator.truth_of_panels import gold_shares, panel_truth
from persona_lib.simulator.world import World, load


@pytest.fixture(scope="module")
def people() -> Population:
    return population(World({**load().parameters, "seed": 12}), np.random.default_rng(12), n_persons=300, n_items=150)


def halves(people: Population) -> dict[str, np.ndarray]:
    """Two groups that lie far apart: by the first dimension of where everybody stands."""
    one = people.positions()[:, 0] > np.median(people.positions()[:, 0])
    return {"sex|one": one, "sex|other": ~one}


def test_what_the_notebook_finds_is_what_was_put_in(people):
    """Twice the half width of a 95 % interval is four standard errors."""
    rng, models = np.random.default_rng(1), [people.world.models[f"sim-{name}"] for name in ("medium", "small")]
    raters, drawn = people.world.models["sim-rater"], rng.choice(300, 40)
    judged, items = studies.pool(people, models, raters, rng, n_persons=40, n_items=30, n_raters=4, drawn=drawn)
    personas = pd.DataFrame({"persona_id": studies.numbered("p", np.arange(40)), "age_years": 30, "race": "R"})
    personas = personas.assign(sex=np.where(halves(people)["sex|one"][drawn], "one", "other"), ideology="I")
    shared = panel(judged, items, personas, personas.assign(weight=1.0))
    nothing = pd.DataFrame(columns=["item_id", "rater_id", "group", "share_b"])
    found = pd.DataFrame(of_panel(shared, nothing)).set_index(["statistic", "group"])
    truth = panel_truth(
        people, {who.name: who for who in models}, raters, rng, groups=halves(people), n_drawn=40, n_raters=4
    )
    checked = [key for key in truth if key in found.index]
    assert len(checked) == 32, (
        "6 squared and 4 other distances, 3 windows, 2 steerabilities, 6 gold, 6 of diversity, 5 parts"
    )
    for key in checked:
        row = found.loc[key]
        assert abs(row["estimate"] - truth[key]) <= row["high"] - row["low"], key
    assert truth["gold_comparison", "sim-medium|both_right"] > truth["gold_comparison", "sim-small|both_right"]
    assert sum(value for (name, _), value in truth.items() if name == "variance_share") == pytest.approx(1)


def test_a_model_that_sees_everybody_as_one_flattens_and_one_that_overdoes_exaggerates(people):
    who, raters = people.world.models["sim-medium"], people.world.models["sim-rater"]
    found = {}
    for name, skill in (("blind", 0.0), ("keen", 2.5)):
        fresh = replace(people, _read={})
        model = {name: replace(who, skill=skill, misreading=0.0)}
        found |= panel_truth(
            fresh, model, raters, np.random.default_rng(2), groups=halves(people), n_drawn=20, n_raters=3
        )
    assert found["flattening", "blind|sex"] > 0.03 and found["caricature", "blind|sex"] < 0
    assert found["caricature", "keen|sex"] > 0.01 > found["flattening", "keen|sex"]
    assert abs(found["steerability", "blind"]) < 0.02


def test_the_share_that_is_said_of_everybody_is_near_that_of_the_chances(people):
    """A model without bias of its own: the logistic-normal integral beside the mean over 300 persons."""
    who = replace(people.world.models["sim-large"], position_bias=0.0, self_preference=0.0, verbosity_bias=0.0)
    who = replace(who, skill=1.0, misreading=0.0)
    fresh, world = replace(people, _read={}), people.world
    said = world.share_first(world.shared, people.first, people.second, who, more_words=-people.more_words)
    positions, p = fresh.positions(who), np.tile(np.arange(300), 150)
    b = by_content(fresh, who, positions[p], np.repeat(np.arange(150), 300), swapped=np.zeros(45_000, bool))
    apart = said - (1 - b.reshape(150, 300).mean(axis=1))
    assert np.sqrt(np.mean(apart**2)) < 0.1 and np.corrcoef(said, said - apart)[0, 1] > 0.9


def test_the_table_of_coverage_by_hand():
    """Of 2,000 intervals 1,880 hold their truth, 94 %: within 93 to 97 %; of another ten, three do: too few."""
    low = np.r_[np.zeros(1880), np.full(120, 0.6)]
    many = pd.DataFrame({"low": low, "high": 1.0, "truth": 0.5, "estimate": 0.7, "group": "many"})
    few = pd.DataFrame({"low": [0.0] * 3 + [0.6] * 7, "high": 1.0, "truth": 0.5, "estimate": 0.7, "group": "few"})
    lost = pd.DataFrame({"low": [np.nan], "high": np.nan, "truth": 0.5, "estimate": 0.7, "group": "few"})
    rows = pd.concat([many, few, lost]).assign(part="pool", statistic="kappa")
    found = coverage(rows).set_index("group")
    assert found.index.tolist() == ["few", "many"], "the worst first"
    assert found["coverage"].round(9).tolist() == [0.3, 0.94] and found["meets_bar"].tolist() == [False, True]
    assert found.loc["few", ["n", "above", "below"]].tolist() == pytest.approx([10, 0.7, 0])
    assert found.loc["few", "no_interval"] == pytest.approx(1 / 11)
    assert "| kappa | 2 | 2010 | 0.620 | 0.300 to 0.940 | 1 |" in list(told(found.reset_index()))[-1]


def test_gold_shares_count_pairs_of_whom_both_get_an_answer():
    """Oracle: every pair of persons and every outcome, in plain loops; a tenth to a half of the answers is neither."""
    rng = np.random.default_rng(4)
    a, b, neither = np.moveaxis(rng.dirichlet([2, 2, 1], size=(4, 3)), -1, 0)
    wanted = rng.random((4, 3))
    seen = dict.fromkeys(("both_right", "same_answer", "both_wrong"), 0.0)
    for item in range(3):
        for i, j in itertools.permutations(range(4), 2):
            chance = (1 - wanted[i, item]) * wanted[j, item]  # i wants a, j wants b
            seen["both_right"] += chance * a[i, item] * b[j, item]
            seen["both_wrong"] += chance * b[i, item] * a[j, item]
            seen["same_answer"] += chance * (a[i, item] * a[j, item] + b[i, item] * b[j, item])
    whole = sum(seen.values())
    found = gold_shares(a, b, wanted)
    assert found == pytest.approx({name: share / whole for name, share in seen.items()})
    assert neither.min() > 0


def test_no_gold_shares_where_nobody_wants_the_opposite():
    assert gold_shares(np.ones((3, 1)), np.zeros((3, 1)), np.ones((3, 1))) == {}
