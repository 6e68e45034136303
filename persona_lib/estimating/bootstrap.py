"""Samples of whole clusters drawn with replacement, and the intervals that they give."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from persona_lib.estimating.resample import LEVEL, complete

CHUNK_CELLS = 4_000_000


def multiplicities(n_units: int, *, n_bootstrap: int, rng: np.random.Generator) -> np.ndarray:
    """How often each of n units is drawn in each bootstrap sample: n_bootstrap rows that sum to n_units."""
    if n_units < 1 or n_bootstrap < 1:
        raise ValueError(f"multiplicities: {n_units} units and {n_bootstrap} samples; give at least one of each")
    return rng.multinomial(n_units, np.full(n_units, 1 / n_units), size=n_bootstrap).astype("float64")


def bootstrap_sums(
    table: pd.DataFrame, *, features: Sequence[str], clusters: Sequence[str], n_bootstrap: int, rng: np.random.Generator
) -> np.ndarray:
    """Sums of the feature columns in bootstrap samples of whole clusters.

    With one cluster column, clusters are drawn with replacement. With two, both are drawn
    independently and a row counts as often as its persona times its item: Owen's pigeonhole
    bootstrap [1]_, which is a little conservative. Statistics that are functions of sums (a mean,
    a kappa) then need one line of arithmetic.

    Returns
    -------
    Array of n_bootstrap rows, one column per feature.

    References
    ----------
    .. [1] A. B. Owen (2007). The pigeonhole bootstrap. Annals of Applied Statistics 1, 386-411.

    Examples
    --------
    One cluster of two rows can only be drawn as it is.

    >>> rows = pd.DataFrame({"persona_id": ["a", "a"], "passed": [1, 0], "n": [1, 1]})
    >>> bootstrap_sums(rows, features=["passed", "n"], clusters=["persona_id"], n_bootstrap=2,
    ...                rng=np.random.default_rng(1)).tolist()
    [[1.0, 2.0], [1.0, 2.0]]
    """
    rows = complete(table, list(dict.fromkeys([*features, *clusters])))
    if not 1 <= len(clusters) <= 2:
        raise ValueError(f"bootstrap_sums: clusters names {len(clusters)} columns, not one or two")
    if rows.empty:
        return np.zeros((n_bootstrap, len(features)))
    codes = [pd.factorize(rows[column])[0] for column in clusters]
    draws = [multiplicities(code.max() + 1, n_bootstrap=n_bootstrap, rng=rng) for code in codes]
    numbers = rows[list(features)].astype("float64").to_numpy()
    step = max(1, CHUNK_CELLS // len(rows))
    parts = []
    for start in range(0, n_bootstrap, step):
        weights = np.ones((1, len(rows)))
        for code, draw in zip(codes, draws, strict=True):
            weights = weights * draw[start : start + step][:, code]
        parts.append(weights @ numbers)
    return np.concatenate(parts)


def percentile_interval(replicates: np.ndarray) -> tuple[float, float]:
    """The middle 95 % of the replicates; undefined replicates are left out, all undefined gives NaN.

    Examples
    --------
    >>> [round(end, 6) for end in percentile_interval(np.arange(101.0))]
    [2.5, 97.5]
    """
    defined = replicates[~np.isnan(replicates)]
    if not len(defined):
        return float("nan"), float("nan")
    low, high = np.quantile(defined, [0.5 - LEVEL / 2, 0.5 + LEVEL / 2])
    return float(low), float(high)
