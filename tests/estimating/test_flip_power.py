"""Power of leave-one-out. Oracles: statsmodels' analysis of variance and power of a t test; simulated studies."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm
from statsmodels.stats.power import TTestPower

from persona_lib.estimating import flip_power, resample

SPREAD = {"persona": 0.02, "item": 0.01, "cell": 0.3}


def values(rng, n_personas=12, n_items=9, *, mean=0.0, spread=SPREAD, attribute="a"):
    p, i, both = (np.sqrt(spread[name]) * rng.standard_normal(size) for name, size in
                  (("persona", (n_personas, 1)), ("item", (1, n_items)), ("cell", (n_personas, n_items))))  # fmt: skip
    grid = mean + p + i + both
    keys = [(attribute, f"p{a}", f"i{b}") for a, b in product(range(n_personas), range(n_items))]
    return pd.DataFrame(keys, columns=["attribute", "persona_id", "item_id"]).assign(value=grid.ravel())


def test_components_are_those_of_statsmodels_analysis_of_variance():
    big = {"persona": 1.0, "item": 2.0, "cell": 0.5}
    table = values(np.random.default_rng(1), spread=big, mean=3)
    squares = anova_lm(ols("value ~ C(persona_id) + C(item_id)", table).fit())["mean_sq"]
    wanted = {
        "persona": (squares["C(persona_id)"] - squares["Residual"]) / 9,
        "item": (squares["C(item_id)"] - squares["Residual"]) / 12,
        "cell": squares["Residual"],
    }
    assert flip_power.components(table, of="value") == pytest.approx(wanted)


def test_several_attributes_and_missing_cells_still_find_what_was_put_in():
    rng = np.random.default_rng(2)
    large = {"persona": 0.2, "item": 0.1, "cell": 0.3}
    made = [values(rng, 30, 30, mean=0.05, spread=large, attribute=str(k)) for k in range(16)]
    found = flip_power.components(pd.concat(made).sample(frac=0.9, random_state=1), of="value")
    assert found == pytest.approx(large, rel=0.2)
    one = values(rng, 1, 30)
    assert all(np.isnan(value) for value in flip_power.components(one, of="value").values())
    assert np.isnan(flip_power.power(0.1, found, n_personas=1, n_items=20))


@pytest.mark.parametrize(("effect", "n"), [(0.3, 20), (0.8, 10), (1.5, 8)])
def test_power_is_statsmodels_where_only_personas_vary(effect, n):
    alone = {"persona": 1.0, "item": 0.0, "cell": 0.0}
    wanted = TTestPower().power(effect, n, alpha=0.025, alternative="larger")
    assert flip_power.power(effect, alone, n_personas=n, n_items=100) == pytest.approx(wanted, abs=1e-6)


def test_power_is_how_often_such_studies_find_the_effect():
    """4,000 made-up studies, errors clustered two ways as in the notebook: how often the lower end lies above 0."""
    rng, n_studies, p, i = np.random.default_rng(3), 4000, 8, 20
    shapes = {"persona": (n_studies, p, 1), "item": (n_studies, 1, i), "cell": (n_studies, p, i)}
    x = 0.15 + sum(np.sqrt(SPREAD[name]) * rng.standard_normal(shape) for name, shape in shapes.items())
    mean = x.mean(axis=(1, 2))
    apart = (x - mean[:, None, None]) / (p * i)
    ways = [apart.sum(axis=2), apart.sum(axis=1), apart.reshape(n_studies, -1)]
    one, two, both = ((way**2).sum(axis=1) * way.shape[1] / (way.shape[1] - 1) for way in ways)
    error = np.sqrt(np.maximum.reduce([one + two - both, one, two]))
    n_found = (mean - stats.t.ppf(0.975, p - 1) * error > 0).sum()
    first = pd.DataFrame(np.argwhere(x[0] == x[0]), columns=["persona_id", "item_id"]).assign(value=x[0].ravel())
    notebook = resample.clustered_mean(first, value="value", clusters=["persona_id", "item_id"])
    assert notebook.standard_error == pytest.approx(error[0])
    told = flip_power.power(0.15, SPREAD, n_personas=p, n_items=i)
    assert n_found / n_studies == pytest.approx(told, abs=0.05), "floor and few clusters cost a little"


def compared(rng, p, q, n_personas=8, n_items=20):
    """Choices of two arms, each asked twice, of which each chooses b with chances p and q."""
    table = values(rng, n_personas, n_items).drop(columns="value")
    x1, x2, y1, y2 = (rng.random(len(table)) < chance for chance in (p, p, q, q))
    arms = {"without": x1, "without_again": x2, "with": y1, "with_again": y2}
    table = table.assign(**{arm: made.astype(float) for arm, made in arms.items()})
    return table.assign(excess=((x1 * 1.0 - y1) * (x2 * 1.0 - y2) + (x1 * 1.0 - y2) * (x2 * 1.0 - y1)) / 2)


def test_a_coin_that_becomes_a_certainty_is_found_by_one_estimator_alone_and_a_turned_choice_by_both():
    rng = np.random.default_rng(4)
    coin = flip_power.estimators(compared(rng, 0.5, 1.0, 200, 50))[["one_arm_twice", "both_twice"]].mean()
    assert coin.tolist() == pytest.approx([0, 0.25], abs=0.02)
    turned = flip_power.estimators(compared(rng, 0.1, 0.9, 200, 50))[["one_arm_twice", "both_twice"]].mean()
    assert turned.tolist() == pytest.approx([0.64, 0.64], abs=0.02)


def test_both_are_told_at_the_same_number_of_calls_and_more_is_found_of_more():
    found = flip_power.flip_power(compared(np.random.default_rng(5), 0.15, 0.15)).set_index("estimator")
    assert found["n_calls"].tolist() == [640, 640] and found["n_personas"].tolist() == [10.7, 8]
    told = found.filter(like="power at").to_numpy()
    assert (np.diff(told, axis=1) > 0).all() and ((told > 0) & (told < 1)).all()
    assert told[1, 1] > told[0, 1], "asking both arms twice is worth its calls"
    nothing = flip_power.flip_power(compared(np.random.default_rng(5), 0.15, 0.15).iloc[:0])
    assert nothing.filter(like="power at").isna().all(axis=None)
