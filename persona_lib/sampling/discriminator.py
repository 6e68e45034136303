"""Can a model tell the draws from the census? The propensity mean squared error."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import linalg, stats

from persona_lib.sampling import coding
from persona_lib.sampling.fidelity import ENOUGH, categories, locate, verdict
from persona_lib.sampling.population import BLOCK, Frame
from persona_lib.tables.schema import NOT_IN_UNIVERSE, statistic
from persona_lib.tables.streams import generator

MOST_ROWS, MOST_A_DRAW = 200_000, 50
_STEPS, _CLOSE = 25, 1e-5  # of fitted chances: where a category holds no draw they go to 0, slopes without end


def design_matrix(persons: pd.DataFrame, weights: np.ndarray, *, n_draws: int) -> np.ndarray:
    """Persons x terms, one byte each: a constant, and an indicator of every category of every attribute but one.

    Categories that expect fewer than five draws are summed within their attribute, as such terms would fit
    single persons. Terms that the others already tell (who was not asked for an occupation was not asked
    for an industry) are left out, so the columns are independent.
    """
    share = pd.Series(weights / weights.sum(), index=persons.index)
    columns = categories(persons)
    for attribute in columns:
        named = columns[attribute].astype("str").fillna(NOT_IN_UNIVERSE)
        size = share.groupby(named).transform("sum")
        columns[attribute] = named.where(size * n_draws >= ENOUGH, "all other").astype("category")
    ones = coding.code(columns).indicators()
    terms = np.hstack([np.ones((len(persons), 1), dtype=ones.dtype), ones])
    scaled = np.multiply(terms, np.sqrt(share.to_numpy())[:, None], order="F")
    _, triangle, order = linalg.qr(scaled, mode="raw", pivoting=True, overwrite_a=True)
    rank = int((np.abs(np.diag(triangle)) > 1e-9 * np.abs(triangle[0, 0])).sum())
    return terms[:, np.sort(order[:rank])]


def propensity_error(terms: np.ndarray, census: np.ndarray, draws: np.ndarray) -> float:
    """pMSE: how far a logistic model moves from chance when it tells draws from census [1]_.

    The mean over all rows of (p - c)^2, p being the fitted chance that a row is a draw and c the share of
    draws. 0 where the model can tell nothing, c (1 - c) where it tells every row. Drawing alone gives about
    (k - 1) (1 - c)^2 c / N with k terms and N rows [1]_.

    Parameters
    ----------
    terms : rows x k, with a constant, of full rank; numbers of any type, taken as floats a block of rows at a time
    census, draws : how often each row counts as census (its scaled weight), and as a draw

    References
    ----------
    .. [1] J. Snoke, G. M. Raab, B. Nowok, C. Dibben, A. Slavkovic (2018). General and specific utility
       measures for synthetic data. Journal of the Royal Statistical Society A 181, 663-688.

    Examples
    --------
    Two kinds of rows, ten times each in both files: nothing to tell. Then 15 and 5 draws against 10 and 10:
    the model gives 15/25 and 5/15, so (25 x 0.1^2 + 15 x (1/6)^2) / 40 = 0.0167.

    >>> two = np.array([[1.0, 0.0], [1.0, 1.0]])
    >>> propensity_error(two, np.array([10.0, 10.0]), np.array([10.0, 10.0]))
    0.0
    >>> round(propensity_error(two, np.array([10.0, 10.0]), np.array([15.0, 5.0])), 4)
    0.0167
    """
    total = census + draws
    chance = draws.sum() / total.sum()
    slopes, guess = np.zeros(terms.shape[1]), np.full(len(terms), 0.5)
    blocks = [slice(start, start + BLOCK) for start in range(0, len(terms), BLOCK)]
    for _ in range(_STEPS):
        curvature, slope = np.zeros((terms.shape[1],) * 2), np.zeros(terms.shape[1])
        for here in blocks:
            some = terms[here].astype("float64")
            curvature += some.T @ ((total * guess * (1 - guess))[here, None] * some)
            slope += some.T @ (draws - total * guess)[here]
        slopes += linalg.solve(curvature, slope, assume_a="pos")
        utility = np.concatenate([terms[here].astype("float64") @ slopes for here in blocks])
        before, guess = guess, 1 / (1 + np.exp(-utility))
        if np.abs(guess - before).max() < _CLOSE:
            break
    return float((total * (guess - chance) ** 2).sum() / total.sum())


def against_source(frame: Frame, draws: pd.DataFrame, *, seed: int) -> pd.DataFrame:
    """Draws against the persons that they were drawn from, all attributes at once, as rows of shape `statistics`.

    The model has one term per category (no products of attributes: what pairs and triples tell is in
    `joint`). Of a census of more than 200,000 persons, and of more than fifty a draw, so many are taken at random,
    whose own error is small beside that of the draws. The census counts by weight, scaled to as many rows as draws, so
    that c is one half.

    - `propensity_error` (group `all`): see `propensity_error`;
    - `propensity_ratio`: over its expectation, (k - 1) / 8 over the number of rows. 1 is what drawing alone
      gives, 10 is plainly told apart. k - 1 times the ratio is a chi-square on k - 1 df if draws come from the
      census independently (draws spread over strata vary less); low and high are its 95 % range, and the
      p of the verdict is its upper tail.

    NaN where no category expects five draws besides its attribute's others.

    Raises
    ------
    SchemaError
        As `locate`.
    """
    rows = locate(frame, draws)
    weights = frame.pool["weight_persons"].to_numpy(dtype="float64")
    counts = np.bincount(rows, minlength=len(weights)).astype("float64")
    pool = frame.pool
    if len(pool) > (most := max(MOST_ROWS, MOST_A_DRAW * len(rows))):
        taken = generator(seed, "population.discriminator").permutation(len(pool))[:most]
        chosen = np.union1d(taken, rows)
        weights = np.where(np.isin(chosen, taken), weights[chosen], 0.0)
        pool, counts = pool.iloc[chosen], counts[chosen]
    terms = design_matrix(pool, weights, n_draws=len(rows))
    value = propensity_error(terms, weights / weights.sum() * len(rows), counts)
    df, rest = terms.shape[1] - 1, {"n": len(rows), "n_excluded": 0}
    words = f"logistic model of {df + 1} terms, draws against census of equal weight"
    found = [statistic("propensity_error", "all", value if df else float("nan"), **rest, method=words)]
    if df:
        expected = df / 8 / (2 * len(rows))
        p = float(stats.chi2.sf(df * value / expected, df))
        low, high = stats.chi2.ppf((0.025, 0.975), df) / df
        words = f"over its expectation {expected:.3g} (Snoke et al. 2018); p by chi-square on {df} df: {p:.3g}"
        words = f"{words}; {verdict(p)}"
        ends = {"low": float(low), "high": float(high)}
        found.append(statistic("propensity_ratio", "all", value / expected, **ends, **rest, method=words))
    return pd.DataFrame(found)
