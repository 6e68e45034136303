"""A clustered logistic regression on one column, and what it says on the scale of the share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats
from scipy.special import expit

from persona_lib.estimating.resample import LEVEL, MIN_CLUSTERS, TOO_FEW, Estimate, clustered_error, complete

N_STEPS = 50


@dataclass(frozen=True)
class Logit:
    """The fitted line on the scale of the log-odds, and the mean change of the share along the column."""

    intercept: float
    slope: float
    effect: Estimate

    def share(self, at: np.ndarray) -> np.ndarray:
        """The share that the line says at these values; NaN where it is undefined."""
        return expit(self.intercept + self.slope * np.asarray(at, dtype="float64"))


def clustered_logit(table: pd.DataFrame, *, value: str, on: str, clusters: Sequence[str]) -> Logit:
    """Logistic regression of a 0/1 column on another, with the average marginal effect and its clustered error.

    The average marginal effect is the mean over rows of slope x share x (1 - share): by how much the share changes
    as `on` rises by one [1]_. Its error comes by the delta method from scores that are clustered one or two ways, its
    quantile from t. Undefined (NaN) where `value` or `on` does not vary, or where one value of `on` parts all 0 from
    all 1; no interval with fewer than `MIN_CLUSTERS` clusters. Rows without a value are left out and counted.

    References
    ----------
    .. [1] W. Greene (2012). Econometric Analysis, 7th edition, section 17.3.2.

    Examples
    --------
    Of four at 0 one is 1, of four at 1 three are: the line meets both shares.

    >>> rows = pd.DataFrame({"persona_id": list("abcdefgh"), "x": [0.0] * 4 + [1.0] * 4, "y": [0, 0, 0, 1, 1, 1, 1, 0]})
    >>> found = clustered_logit(rows, value="y", on="x", clusters=["persona_id"])
    >>> found.share(np.array([0, 1])).round(4).tolist()
    [0.25, 0.75]
    """
    rows = complete(table, list(dict.fromkeys([value, on, *clusters])))
    y, x = (rows[name].astype("float64").to_numpy() for name in (value, on))
    n, n_excluded = len(rows), len(table) - len(rows)
    method = f"average marginal effect of a logit; error clustered by {' and '.join(clusters)}, t quantile"
    if n < 3 or np.ptp(y) == 0 or np.ptp(x) == 0 or _is_parted(x, y):
        nothing = Estimate(np.nan, np.nan, np.nan, n, n_excluded, method)
        return Logit(float("nan"), float("nan"), nothing)
    middle, scale = x.mean(), x.std()
    design = np.column_stack([np.ones(n), (x - middle) / scale])
    coefficients, share = np.zeros(2), np.full(n, 0.5)
    for _ in range(N_STEPS):
        share = expit(design @ coefficients)
        step = np.linalg.solve(_information(design, share), design.T @ (y - share))
        coefficients = coefficients + step
        if np.abs(step).max() < 1e-10:
            break
    share = expit(design @ coefficients)
    spread, slope = share * (1 - share), coefficients[1]
    value_of = float(slope * spread.mean() / scale)
    gradient = design.T @ (slope * spread * (1 - 2 * share)) / n + np.array([0.0, spread.mean()])
    scores = design * (y - share)[:, None]
    moved = scores @ np.linalg.solve(_information(design, share), gradient) / scale
    error, df = clustered_error(moved, rows[list(clusters)])
    low = high = float("nan")
    if df + 1 < MIN_CLUSTERS:
        method = f"{method}; {TOO_FEW}"
    elif error > 0:
        half = float(stats.t.ppf(0.5 + LEVEL / 2, df)) * error
        low, high = value_of - half, value_of + half
    effect = Estimate(value_of, low, high, n, n_excluded, method, error, df)
    return Logit(float(coefficients[0] - slope * middle / scale), float(slope / scale), effect)


def _information(design: np.ndarray, share: np.ndarray) -> np.ndarray:
    return design.T @ (design * (share * (1 - share))[:, None])


def _is_parted(x: np.ndarray, y: np.ndarray) -> bool:
    """Whether one value of x has all 0 on its one side and all 1 on its other: the slope is then infinite."""
    zeros, ones = x[y == 0], x[y == 1]
    return bool(zeros.max() <= ones.min() or ones.max() <= zeros.min())
