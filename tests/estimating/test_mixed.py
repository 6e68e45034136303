"""The crossed mixed logit.

Oracles: R's lme4 1.1-31 (Debian), `glmer(y ~ x + (1 | persona_id) + (1 | item_id), family = binomial)` on the table
that `rows` makes, with `confint(method = "profile")`; statsmodels' Logit where personas and items do not differ.
"""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from persona_lib.estimating.mixed import crossed_logit

GLMER = {"intercept": -0.9296475, "slope": 0.9942028, "low": 0.4731274, "high": 1.5309443}
SPREADS, LOG_LIKELIHOOD = (0.18725740, 0.16879162), -162.494872
CLUSTERS = ["persona_id", "item_id"]


def rows() -> pd.DataFrame:
    """Seven personas, nine items, x 0 and 1, each twice; no random number, so that R reads the same."""
    p, i, x, r = (grid.ravel() for grid in np.meshgrid(np.arange(7), np.arange(9), [0, 1], [0, 1], indexing="ij"))
    odd = (p * 29 + i * i * 17 + x * 41 + r * 53 + p * i * 7) % 31
    return pd.DataFrame({"persona_id": p, "item_id": i, "x": x, "y": (odd < 4 + 2 * p % 7 + i + 4 * x).astype(int)})


def fitted(table: pd.DataFrame):
    return crossed_logit(table, value="y", on="x", clusters=CLUSTERS)


def test_estimates_likelihood_and_profile_interval_are_glmers():
    found = fitted(rows())
    assert (found.intercept, found.slope.estimate) == pytest.approx((GLMER["intercept"], GLMER["slope"]), abs=1e-4)
    assert found.spreads == pytest.approx(SPREADS, abs=2e-3)
    assert found.log_likelihood == pytest.approx(LOG_LIKELIHOOD, abs=1e-5)
    assert (found.slope.low, found.slope.high) == pytest.approx((GLMER["low"], GLMER["high"]), abs=2e-3)


def test_without_differences_between_personas_and_items_it_is_the_plain_logit():
    cells = pd.DataFrame([(p, i) for p in range(5) for i in range(5)], columns=CLUSTERS).merge(
        pd.DataFrame({"x": [0] * 5 + [1] * 5, "y": [1, 0, 0, 0, 1, 1, 1, 0, 1, 1]}), how="cross"
    )
    plain = sm.Logit(cells["y"], sm.add_constant(cells["x"].astype(float))).fit(disp=0)
    found = fitted(cells)
    assert (found.intercept, found.slope.estimate) == pytest.approx(tuple(plain.params), abs=1e-4)
    assert found.spreads == pytest.approx((0, 0), abs=1e-3)


def test_names_order_and_direction_change_nothing_but_the_sign():
    table, ours = rows(), fitted(rows())
    renamed = table.assign(persona_id=table["persona_id"].map("p{}".format), item_id=-table["item_id"])
    assert fitted(renamed.sample(frac=1, random_state=1)).slope.low == pytest.approx(ours.slope.low, abs=1e-3)
    turned = fitted(table.assign(y=1 - table["y"]))
    ends = (-turned.slope.high, -turned.slope.low)
    assert ends == pytest.approx((ours.slope.low, ours.slope.high), abs=1e-3)


@pytest.mark.parametrize("y", [0, 1])
def test_one_answer_throughout_is_undefined_and_counted(y):
    found = fitted(pd.concat([rows().assign(y=y), rows().assign(y=np.nan)]))
    assert np.isnan([found.slope.estimate, found.slope.low, found.intercept]).all()
    assert (found.slope.n, found.slope.n_excluded) == (252, 252)


def test_few_personas_have_no_interval_and_nobody_no_estimate():
    few = fitted(rows().query("persona_id < 4"))
    assert np.isfinite(few.slope.estimate) and np.isnan(few.slope.low) and few.slope.method.endswith("too few to say")
    assert np.isnan(fitted(rows().iloc[:0]).slope.estimate)


def test_an_effect_without_exception_on_most_cells_has_an_open_end():
    """At x = 1 all but one of 126 are 1: the data bound the slope from below far better than from above."""
    table = rows().assign(y=lambda t: np.where(t["x"] == 1, 1, t["y"]))
    table.loc[table.index[table["x"] == 1][0], "y"] = 0
    found = fitted(table).slope
    assert found.low > 3 and found.high - found.estimate > found.estimate - found.low


def test_other_numbers_than_0_and_1_and_a_third_way_are_refused():
    with pytest.raises(ValueError, match="hold 0 and 1 alone"):
        fitted(rows().assign(y=2))
    with pytest.raises(ValueError, match="not two"):
        crossed_logit(rows(), value="y", on="x", clusters=["persona_id"])
