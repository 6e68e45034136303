"""Planned precision. Oracles: statsmodels' power analysis and intervals, drawn choices, limits by hand."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy import stats
from statsmodels.stats.power import tt_ind_solve_power
from statsmodels.stats.proportion import proportion_confint

from persona_lib.commands.configuration import read_configuration
from persona_lib.cost import precision
from persona_lib.cost.precision import SHARES, Design
from persona_lib.tables import schema

DEMO = yaml.safe_load(Path("config/demo.yaml").read_text("utf-8"))
NONE = dict.fromkeys(SHARES, 0.0)


def only(name):
    return NONE | {name: 1.0}


def test_many_independent_units_have_the_textbook_interval():
    low, high = proportion_confint(2000, 4000, method="normal")
    found = precision.precision(Design(4000, 4000, 4000), shares=only("run"))
    assert found.half_width == pytest.approx((high - low) / 2, rel=1e-3)


def test_what_is_found_is_found_with_the_declared_power():
    """Two independent groups of 400, standard deviation one half: statsmodels' t test has 80 % power at that size."""
    found = precision.precision(Design(400, 400, 400), shares=only("run")).detectable
    assert tt_ind_solve_power(effect_size=found / 0.5, nobs1=400, alpha=0.05) == pytest.approx(0.8, abs=0.005)


def test_the_error_is_that_of_means_drawn_with_these_components():
    """Oracle: 4,000 crossed means with normal effects of the declared variances."""
    rng, (p, q, j, r) = np.random.default_rng(3), (12, 8, 2, 3)
    sizes = {"persona": (p, 1, 1, 1), "prompt": (1, q, 1, 1), "persona_prompt": (p, q, 1, 1), "judge": (p, q, j, 1)}
    sizes |= {"run": (p, q, j, r)}
    drawn = [
        sum(np.sqrt(SHARES[name] / 4) * rng.standard_normal(size) for name, size in sizes.items()).mean()
        for _ in range(4000)
    ]
    found = precision.precision(Design(p, q, p * q, j, r)).half_width / stats.t.ppf(0.975, q - 1)
    assert np.std(drawn) == pytest.approx(found, rel=0.04)


def test_units_of_one_persona_that_are_all_alike_count_once():
    alike = only("persona")
    many, one = (precision.precision(Design(50, 1000, 50 * each), shares=alike) for each in (20, 1))
    assert many == one
    apart = precision.precision(Design(50, 1000, 1000), shares=only("run")).half_width
    assert apart == pytest.approx(one.half_width / np.sqrt(20))


@pytest.mark.parametrize("design", [Design(1, 900, 900), Design(900, 1, 900)])
def test_one_persona_or_one_prompt_decides_nothing(design):
    assert precision.precision(design) == (1.0, 1.0)


def test_what_is_needed_is_enough_and_one_less_is_not():
    design = Design(30, 30, 90)
    found = precision.needed(0.1, design)
    n = int(found["prompts"])
    halves = [precision.precision(design._replace(n_prompts=m, n_cells=3 * m)).half_width for m in (n - 1, n)]
    assert halves[1] <= 0.1 < halves[0]
    assert np.isnan(found["raters"]) and np.isnan(found["attempts"]), "more raters do not make more prompts"
    assert precision.needed(0.1, design, shares=only("run"))["attempts"] > 1


def test_the_run_says_what_its_components_are():
    rows = [schema.statistic("variance_share", name, 0.25, n=9, method="m") for name in SHARES]
    rows[0]["estimate"], rows[1]["estimate"] = -0.1, 0.25
    found = precision.shares_of(pd.DataFrame(rows))
    assert found == {"persona": 0.0} | dict.fromkeys(list(SHARES)[1:], 0.25)
    assert precision.shares_of(pd.DataFrame(rows[:4])) is None
    assert precision.shares_of(pd.DataFrame([row | {"estimate": np.nan} for row in rows])) is None


@pytest.mark.parametrize("turned", [0.04, 0.1])
def test_the_power_of_the_ablation_is_that_of_drawn_choices(turned):
    """Oracle: 3,000 experiments of 200 cells; a retest rate of 0.18 is noise of 0.1 in each choice."""
    rng, n, noise = np.random.default_rng(5), 200, 0.1
    is_turned = rng.random((3000, n)) < turned
    x = rng.random((3, 3000, n)) < noise
    y = rng.random((2, 3000, n)) < np.where(is_turned, 1 - noise, noise)
    by_name = {
        "product": (x[0] * 1.0 - y[0]) * (x[1] * 1.0 - y[1]),
        "flips": (x[0] != y[0]) * 1.0 - (x[0] != x[1]),
    }
    planned = precision.ablation_power(n, 10_000, turned=turned, retest=2 * noise * (1 - noise))
    for name, values in by_name.items():
        t = values.mean(axis=1) / (values.std(axis=1, ddof=1) / np.sqrt(n))
        assert np.mean(t > 1.96) == pytest.approx(planned[name], abs=0.05), name
    assert planned["product"] > planned["flips"]


def test_every_section_is_planned_at_demo_and_larger_sizes():
    small, large = precision.planned_precision(DEMO), dict(DEMO)
    for block in ("personas", "prompts", "validation", "pool", "ablation", "benchmark", "pass_at_k"):
        large[block] = {key: value * 10 if type(value) is int else value for key, value in DEMO[block].items()}
    many = precision.planned_precision(large)
    assert {row.notebook[:2] for row in small.itertuples()} == {"05", "06", "07", "08", "09", "10", "11"}
    assert (many["half_width"] < small["half_width"]).all() and small["detectable"].between(0, 1).all()
    needed = precision.needed_for(small, (0.1,))
    assert len(needed) == len(small) and needed["personas_and_prompts"].notna().all()


@pytest.mark.parametrize("name", sorted(path.stem for path in Path("config").glob("*.yaml") if path.stem != "schema"))
def test_every_shipped_size_is_planned_down_to_the_smallest(name):
    """Of two personas a tenth is nobody: that section asks nothing and has no row."""
    settings = read_configuration(["config/demo.yaml", f"config/{name}.yaml"])
    planned = precision.planned_precision(settings)
    assert (planned["n_cells"] > 0).all() and len(precision.needed_for(planned)) == 2 * len(planned)
    assert ("11 pluralism" in set(planned["notebook"])) == (settings["personas"]["n"] >= 10)
    assert "08 ablation" in precision.precision_sentences(settings)


def test_the_plan_says_what_it_can_decide_and_whence_it_knows():
    said = precision.precision_sentences(DEMO)
    assert "as assumed before any run" in said and "power 0.47" in said
    assert all(section in said for section in ("05 feedback", "11 pluralism"))
    assert "as this run measured them: persona 0.00" in precision.precision_sentences(
        DEMO, shares=only("run"), measured=True
    )
