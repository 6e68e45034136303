"""A logistic regression with random effects of persona and item: a second opinion beside errors clustered two ways.

    log-odds of y = intercept + slope x + u_persona + v_item,   u ~ N(0, s_persona^2), v ~ N(0, s_item^2)

The likelihood integrates u and v by Laplace's approximation, as R's `lme4::glmer` does with one node [1]_; both have
the same estimates and ends (`tests/estimating/test_mixed.py`). statsmodels' `BinomialBayesMixedGLM` fits the same
model, but its intervals are far too narrow; so the interval here is that of the profile likelihood [2]_.

References
----------
.. [1] D. Bates, M. Maechler, B. Bolker, S. Walker (2015). Fitting linear mixed-effects models using lme4. Journal of
   Statistical Software 67; its section 'Generalized' and N. Breslow, D. Clayton (1993), Journal of the American
   Statistical Association 88, 9-25.
.. [2] D. J. Venzon, S. H. Moolgavkar (1988). A method for computing profile-likelihood-based confidence intervals.
   Applied Statistics 37, 87-94.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import linalg, optimize, stats
from scipy.special import expit

from persona_lib.estimating.resample import LEVEL, MIN_CLUSTERS, TOO_FEW, Estimate, complete

METHOD = "log odds ratio of a crossed mixed logit, Laplace; profile likelihood"
# Of the search for the random effects: its most steps, and the last step, so small that the numerical slope of the
# likelihood is not of its noise.
N_STEPS, ENOUGH = 60, 1e-11
FARTHEST = 12.0  # log-odds beyond which no end of an interval is looked for


@dataclass(frozen=True)
class CrossedLogit:
    """The fitted model: intercept, slope with its interval, the two standard deviations, and the log-likelihood."""

    intercept: float
    slope: Estimate
    spreads: tuple[float, float]
    log_likelihood: float


def crossed_logit(table: pd.DataFrame, *, value: str, on: str, clusters: Sequence[str]) -> CrossedLogit:
    """The logit of a 0/1 column on another 0/1 column, with random effects of two columns.

    Undefined (NaN) where one side of `on` has no row or always the same value: the slope is then infinite or unknown.
    No interval with fewer than `MIN_CLUSTERS` personas or items; an end beyond 12 from the slope
    is put there. Rows without a value are
    left out and counted.

    Parameters
    ----------
    table : one row per trial
    clusters : the two columns of the random effects

    Returns
    -------
    The fit; its slope is a log odds ratio, 0 where `on` makes no difference.

    Raises
    ------
    ValueError
        If a column holds anything but 0 and 1, or there are not two columns of clusters.

    Examples
    --------
    Persona and item change nothing here, so this is the plain log odds ratio: log(3 x 3).

    >>> x = np.tile([0, 0, 0, 0, 1, 1, 1, 1], 25)
    >>> rows = pd.DataFrame({"x": x, "y": np.tile([0, 0, 0, 1, 1, 1, 1, 0], 25)})
    >>> rows = rows.assign(persona_id=np.arange(200) // 40, item_id=np.arange(200) // 8 % 5)
    >>> fit = crossed_logit(rows, value="y", on="x", clusters=["persona_id", "item_id"])
    >>> round(fit.slope.estimate, 3), [round(spread, 2) for spread in fit.spreads]
    (2.197, [0.0, 0.0])
    """
    if len(clusters) != 2:
        raise ValueError(f"crossed_logit: clusters names {len(clusters)} columns, not two")
    rows = complete(table, [value, on, *clusters])
    n, n_excluded = len(rows), len(table) - len(rows)
    y, x = (rows[name].astype("float64").to_numpy() for name in (value, on))
    if not (np.isin(y, (0, 1)).all() and np.isin(x, (0, 1)).all()):
        raise ValueError(f"crossed_logit: columns {value} and {on} hold 0 and 1 alone; recode them")
    codes = [pd.factorize(rows[column])[0] for column in clusters]
    sizes = [int(code.max(initial=-1)) + 1 for code in codes]
    nothing = Estimate(np.nan, np.nan, np.nan, n, n_excluded, METHOD)
    if any(len(np.unique(y[x == side])) < 2 for side in (0, 1)):
        return CrossedLogit(np.nan, nothing, (np.nan, np.nan), np.nan)
    cells = np.ravel_multi_index((*codes, x.astype(int)), (*sizes, 2))
    hits, trials = (
        np.bincount(cells, weights=weights, minlength=2 * sizes[0] * sizes[1]).reshape(*sizes, 2)
        for weights in (y, np.ones(n))
    )
    found = _Likelihood(hits, trials)
    start = np.array([_log_odds(hits[..., 0], trials[..., 0]), 0.0, 0.25, 0.25])
    start[1] = _log_odds(hits[..., 1], trials[..., 1]) - start[0]
    best, most = found.highest(start, fixed=None)
    low = high = np.nan
    method = METHOD
    if min(sizes) < MIN_CLUSTERS:
        method = f"{METHOD}; {TOO_FEW}"
    else:
        low, high = (found.end(best, most, side) for side in (-1, 1))
    slope = Estimate(float(best[1]), low, high, n, n_excluded, method)
    return CrossedLogit(float(best[0]), slope, (float(np.sqrt(best[2])), float(np.sqrt(best[3]))), most)


def _log_odds(hits: np.ndarray, trials: np.ndarray) -> float:
    return float(np.log((hits.sum() + 0.5) / (trials.sum() - hits.sum() + 0.5)))


class _Likelihood:
    """Laplace's approximation to the log-likelihood of counts, personas x items x (x = 0, x = 1)."""

    def __init__(self, hits: np.ndarray, trials: np.ndarray) -> None:
        self.hits, self.trials = hits, trials
        self.effects = np.zeros(sum(hits.shape[:2]))  # the last found, from which the next search starts

    def at(self, parameters: np.ndarray) -> float:
        """Of intercept, slope and the two variances: in those it has a slope at 0, in their roots it has none."""
        intercept, slope, *variances = parameters
        fixed, n = intercept + np.array([0.0, slope]), self.hits.shape[0]
        scale = np.repeat(np.sqrt(variances), self.hits.shape[:2])
        effects = self.effects
        height = self._joint(fixed, scale * effects, effects)
        for _ in range(N_STEPS):
            share = expit(self._log_odds(fixed, scale * effects))
            left, weight = self.hits - self.trials * share, (self.trials * share * (1 - share)).sum(axis=2)
            gradient = scale * np.concatenate([left.sum(axis=(1, 2)), left.sum(axis=(0, 2))]) - effects
            curvature = np.diag(1 + scale**2 * np.concatenate([weight.sum(axis=1), weight.sum(axis=0)]))
            curvature[:n, n:] = scale[:n, None] * weight * scale[n:]
            factor = linalg.cho_factor(curvature.T + np.triu(curvature, 1), lower=False)
            step = linalg.cho_solve(factor, gradient)
            while (reached := self._joint(fixed, scale * (effects + step), effects + step)) < height - 1e-9:
                step = step / 2
            effects, height = effects + step, reached
            if np.abs(step).max() < ENOUGH:
                break
        self.effects = effects
        return height - float(np.log(np.diag(factor[0])).sum())

    def _log_odds(self, fixed: np.ndarray, scaled: np.ndarray) -> np.ndarray:
        n = self.hits.shape[0]
        return scaled[:n, None, None] + scaled[None, n:, None] + fixed

    def _joint(self, fixed: np.ndarray, scaled: np.ndarray, effects: np.ndarray) -> float:
        log_odds = self._log_odds(fixed, scaled)
        return float((self.hits * log_odds - self.trials * np.logaddexp(0, log_odds)).sum() - effects @ effects / 2)

    def highest(self, start: np.ndarray, *, fixed: float | None) -> tuple[np.ndarray, float]:
        """Where it is highest, and how high; with `fixed` at this slope alone."""
        free = [0, 1, 2, 3] if fixed is None else [0, 2, 3]

        def whole(some: np.ndarray) -> np.ndarray:
            parameters = start.copy() if fixed is None else np.array([start[0], fixed, *start[2:]])
            parameters[free] = some
            return parameters

        bounds = [(0.0, FARTHEST**2) if at > 1 else (-3 * FARTHEST, 3 * FARTHEST) for at in free]
        found = optimize.minimize(lambda some: -self.at(whole(some)), start[free], method="L-BFGS-B", bounds=bounds)
        return whole(found.x), -float(found.fun)

    def end(self, best: np.ndarray, most: float, side: int) -> float:
        """Where the profile of the slope has fallen by half the quantile of chi-squared."""
        enough, last = float(stats.norm.ppf(0.5 + LEVEL / 2)), best

        def beyond(slope: float) -> float:
            """The signed root of the fall, which is nearly a line in the slope, less the normal quantile."""
            nonlocal last
            last, height = self.highest(last, fixed=slope)
            return float(np.sqrt(2 * max(most - height, 0.0))) - enough

        reach = 0.5
        while beyond(best[1] + side * reach) < 0:
            reach *= 2
            if reach > FARTHEST:
                return float(best[1] + side * FARTHEST)
        return float(optimize.brentq(beyond, best[1], best[1] + side * reach, xtol=1e-3))
