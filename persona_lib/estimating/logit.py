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
    n, n_excluded = len(rows), len(table) - len(rows)
    method = f"average marginal effect of a logit; error clustered by {' and '.join(clusters)}, t quantile"
    if (fit := _fitted(rows, value, on)) is None:
        nothing = Estimate(np.nan, np.nan, np.nan, n, n_excluded, method)
        return Logit(float("nan"), float("nan"), nothing)
    spread, slope = fit.share * (1 - fit.share), fit.coefficients[1]
    value_of = float(slope * spread.mean() / fit.scale)
    gradient = fit.design.T @ (slope * spread * (1 - 2 * fit.share)) / n + np.array([0.0, spread.mean()])
    error, df = clustered_error(fit.influence(gradient) / fit.scale, rows[list(clusters)])
    low = high = float("nan")
    if df + 1 < MIN_CLUSTERS:
        method = f"{method}; {TOO_FEW}"
    elif error > 0:
        half = float(stats.t.ppf(0.5 + LEVEL / 2, df)) * error
        low, high = value_of - half, value_of + half
    effect = Estimate(value_of, low, high, n, n_excluded, method, error, df)
    return Logit(float(fit.coefficients[0] - slope * fit.middle / fit.scale), float(slope / fit.scale), effect)


def clustered_share_at(table: pd.DataFrame, *, value: str, on: str, at: float, clusters: Sequence[str]) -> Estimate:
    """The share of 1 that a logistic regression on one column says where that column is `at`, with a clustered error.

    The interval is symmetric in the log-odds, its quantile from t. Undefined (NaN) as in `clustered_logit`; where `at`
    lies outside the values of the column it is an extrapolation.

    Examples
    --------
    >>> rows = pd.DataFrame({"persona_id": list("abcdefgh"), "x": [0.0] * 4 + [1.0] * 4, "y": [0, 0, 0, 1, 1, 1, 1, 0]})
    >>> round(clustered_share_at(rows, value="y", on="x", at=0.5, clusters=["persona_id"]).estimate, 6)
    0.5
    """
    rows = complete(table, list(dict.fromkeys([value, on, *clusters])))
    n, n_excluded = len(rows), len(table) - len(rows)
    method = f"share at {on} = {at:g} of a logit; error clustered by {' and '.join(clusters)}, t quantile"
    if (fit := _fitted(rows, value, on)) is None:
        return Estimate(np.nan, np.nan, np.nan, n, n_excluded, method)
    gradient = np.array([1.0, (at - fit.middle) / fit.scale])
    log_odds = float(fit.coefficients @ gradient)
    error, df = clustered_error(fit.influence(gradient), rows[list(clusters)])
    low = high = float("nan")
    if df + 1 < MIN_CLUSTERS:
        method = f"{method}; {TOO_FEW}"
    elif error > 0:
        half = float(stats.t.ppf(0.5 + LEVEL / 2, df)) * error
        low, high = (float(expit(log_odds + side * half)) for side in (-1, 1))
    share = float(expit(log_odds))
    return Estimate(share, low, high, n, n_excluded, method, share * (1 - share) * error, df)


@dataclass(frozen=True)
class _Fit:
    """A fitted logit: rows x 2 of ones and the standardised column, the outcome, and what was found."""

    design: np.ndarray
    outcome: np.ndarray
    coefficients: np.ndarray
    share: np.ndarray
    middle: float
    scale: float

    def influence(self, gradient: np.ndarray) -> np.ndarray:
        """What each row adds to the error of a function of the coefficients with this gradient."""
        scores = self.design * (self.outcome - self.share)[:, None]
        return scores @ np.linalg.solve(_information(self.design, self.share), gradient)


def _fitted(rows: pd.DataFrame, value: str, on: str) -> _Fit | None:
    """The fit; None where one of the columns does not vary or the one parts the other."""
    y, x = (rows[name].astype("float64").to_numpy() for name in (value, on))
    if len(rows) < 3 or np.ptp(y) == 0 or np.ptp(x) == 0 or _is_parted(x, y):
        return None
    middle, scale = float(x.mean()), float(x.std())
    design = np.column_stack([np.ones(len(rows)), (x - middle) / scale])
    coefficients, share = np.zeros(2), np.full(len(rows), 0.5)
    for _ in range(N_STEPS):
        share = expit(design @ coefficients)
        step = np.linalg.solve(_information(design, share), design.T @ (y - share))
        coefficients = coefficients + step
        if np.abs(step).max() < 1e-10:
            break
    return _Fit(design, y, coefficients, expit(design @ coefficients), middle, scale)


def _information(design: np.ndarray, share: np.ndarray) -> np.ndarray:
    return design.T @ (design * (share * (1 - share))[:, None])


def _is_parted(x: np.ndarray, y: np.ndarray) -> bool:
    """Whether one value of x has all 0 on its one side and all 1 on its other: the slope is then infinite."""
    zeros, ones = x[y == 0], x[y == 1]
    return bool(zeros.max() <= ones.min() or ones.max() <= zeros.min())
