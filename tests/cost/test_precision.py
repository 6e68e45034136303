"""Planned precision. Oracles: statsmodels' power analysis and proportion intervals, and limits by hand."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from statsmodels.stats.power import tt_ind_solve_power
from statsmodels.stats.proportion import proportion_confint

from persona_lib.cost import precision

DEMO = yaml.safe_load(Path("config/demo.yaml").read_text("utf-8"))


def test_many_independent_units_have_the_textbook_interval():
    low, high = proportion_confint(2000, 4000, method="normal")
    assert precision.precision(4000, 1).half_width == pytest.approx((high - low) / 2, rel=1e-3)


def test_what_is_found_is_found_with_the_declared_power():
    """Two independent groups of 400, standard deviation one half: statsmodels' t test has 80 % power at that size."""
    found = precision.precision(400, 1).detectable
    assert tt_ind_solve_power(effect_size=found / 0.5, nobs1=400, alpha=0.05) == pytest.approx(0.8, abs=0.005)


def test_units_of_one_persona_that_are_all_alike_count_once():
    assert precision.precision(50, 20, correlation=1).half_width == pytest.approx(precision.precision(50, 1).half_width)
    apart = precision.precision(50, 20, correlation=0).half_width
    assert apart == pytest.approx(precision.precision(50, 1).half_width / np.sqrt(20))


def test_one_persona_decides_nothing():
    assert precision.precision(1, 1000) == (1.0, 1.0)


def test_every_section_is_planned_at_demo_and_larger_sizes():
    small, large = precision.planned_precision(DEMO), dict(DEMO)
    for block in ("personas", "validation", "benchmark", "pass_at_k"):
        large[block] = {key: value * 10 if type(value) is int else value for key, value in DEMO[block].items()}
    many = precision.planned_precision(large)
    assert {row.notebook[:2] for row in small.itertuples()} == {"05", "06", "07", "08", "09", "10", "11"}
    grown = small["notebook"].str[:2].isin(["05", "06", "09", "10", "11"])
    assert (many["half_width"][grown] < small["half_width"][grown]).all()
    assert (many["half_width"] <= small["half_width"]).all() and small["detectable"].between(0, 1).all()
