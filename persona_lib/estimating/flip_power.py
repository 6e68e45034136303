"""With what chance would leave-one-out find an effect, at a run's size and by the spread that the run measured?

Two estimators of the effect of an attribute are compared at the same number of calls. `one_arm_twice` asks the arm
without it twice and the arm with it once: the share of choices that differ between the arms less that within the one,
(x1 + x2) / 2 against y less x1 against x2. Its expectation (q - p) (1 - 2p) is zero also where a coin becomes a
certainty. `both_twice` is the mean of (x1 - y1) (x2 - y2) and (x1 - y2) (x2 - y1), the excess that notebook 08 tells;
its expectation is (q - p)^2. Where a choice is turned but for noise, p = 1 - q, both have the same expectation.

References
----------
.. [1] R. L. Brennan (2001). Generalizability Theory. Springer, chapters 3 and 4: components of a crossed design without
   repetitions, and decision studies.
.. [2] J. Cohen (1988). Statistical Power Analysis for the Behavioral Sciences, chapter 2: the noncentral t.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from persona_lib.estimating.matrix import in_common
from persona_lib.estimating.resample import LEVEL

CALLS: Mapping[str, int] = {"one_arm_twice": 3, "both_twice": 4}  # of a question
EFFECTS = (0.02, 0.05, 0.1)  # of the choices, net of noise


def estimators(compared: pd.DataFrame) -> pd.DataFrame:
    """The value of each estimator on each question: columns of `CALLS` beside those of `compared`; NaN as `excess` is.

    Parameters
    ----------
    compared : the result of `ablation.flips`

    Examples
    --------
    A coin that becomes a certainty: the one estimator takes it for noise.

    >>> one = pd.DataFrame({"without": [0.0], "without_again": [1.0], "with": [1.0], "with_again": [1.0]})
    >>> estimators(one.assign(excess=0.0))[["one_arm_twice", "both_twice"]].values.tolist()
    [[-0.5, 0.0]]
    """
    first, second, other = (compared[arm] for arm in ("without", "without_again", "with"))
    between = ((first - other).abs() + (second - other).abs()) / 2
    one = (between - (first - second).abs()).where(compared["excess"].notna())
    return compared.assign(one_arm_twice=one, both_twice=compared["excess"])


def components(values: pd.DataFrame, *, of: str) -> dict[str, float]:
    """Components of the variance of a value by persona, item and both, mean over attributes; at least 0.

    From how alike two values of an attribute are that have the persona, the item, both or neither in common [1]_; with
    every item asked of every persona they are those of the analysis of variance. NaN without two personas and items.

    Parameters
    ----------
    values : attribute, persona_id, item_id and the value, at most one row each
    of : the column of the value

    Returns
    -------
    persona, item, cell.
    """
    products = np.zeros((4, 2))
    for _, part in values.dropna(subset=[of]).groupby("attribute"):
        grid = part.pivot(index="persona_id", columns="item_id", values=of)
        x = grid.fillna(0).to_numpy(dtype=float)
        alike = in_common(grid.notna().to_numpy(dtype=float)[None], x, x)
        products += [[alike[way][0][0], alike[way][1][0]] for way in ("cell", "persona", "item", "none")]
    if (products[:, 1] == 0).any():
        return dict.fromkeys(("persona", "item", "cell"), float("nan"))
    cell, persona, item, none = products[:, 0] / products[:, 1]
    found = {"persona": persona - none, "item": item - none, "cell": cell - persona - item + none}
    return {name: max(0.0, float(value)) for name, value in found.items()}


def error_of_mean(spread: Mapping[str, float], *, n_personas: float, n_items: float) -> float:
    """Standard error of a mean over personas x items, from the `components` of its values."""
    parts = spread["persona"] / n_personas, spread["item"] / n_items, spread["cell"] / (n_personas * n_items)
    return float(np.sqrt(sum(parts)))


def power(effect: float, spread: Mapping[str, float], *, n_personas: float, n_items: float) -> float:
    """Chance that the t interval of a mean over personas x items lies above 0 as a whole, if it is `effect` [2]_.

    Parameters
    ----------
    effect : the true mean, above 0
    spread : the result of `components`
    n_personas, n_items : of the design; the t has the smaller less one degrees of freedom

    Returns
    -------
    In [0, 1]; NaN with fewer than two of either or unknown spread.

    Examples
    --------
    Five personas, no spread but theirs, and an effect of one of its standard deviations.

    >>> round(power(1.0, {"persona": 1.0, "item": 0.0, "cell": 0.0}, n_personas=5, n_items=99), 3)
    0.401
    """
    error = error_of_mean(spread, n_personas=n_personas, n_items=n_items)
    df = min(n_personas, n_items) - 1
    if df < 1 or np.isnan(error):
        return float("nan")
    if error == 0:
        return 1.0
    return float(stats.nct.sf(stats.t.ppf(0.5 + LEVEL / 2, df), df, effect / error))


def flip_power(compared: pd.DataFrame, *, effects: Sequence[float] = EFFECTS) -> pd.DataFrame:
    """Power of both estimators for one attribute at the run's number of calls.

    Parameters
    ----------
    compared : the result of `ablation.flips`, of pairs of the pool
    effects : what should be found, as shares of the choices net of noise

    Returns
    -------
    One row per estimator: estimator, n_personas (of an attribute; of the cheaper estimator as many more as the calls
    allow), n_items, n_calls, standard_error, and one column `power at E` per effect.
    """
    values = estimators(compared)
    asked = values.groupby("attribute")[["persona_id", "item_id"]].nunique()
    n_personas, n_items = (float(asked[column].median()) for column in asked)
    n_calls = n_personas * n_items * max(CALLS.values())
    rows = []
    for name, calls in CALLS.items():
        spread, n = components(values, of=name), n_calls / calls / n_items if n_items else float("nan")
        error = error_of_mean(spread, n_personas=n, n_items=n_items)
        told = {f"power at {effect:g}": power(effect, spread, n_personas=n, n_items=n_items) for effect in effects}
        size = {"n_personas": round(n, 1), "n_items": n_items, "n_calls": n_calls}
        rows.append({"estimator": name, **size, "standard_error": error, **told})
    return pd.DataFrame(rows)
