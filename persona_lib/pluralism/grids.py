"""The panel's choices as arrays of personas x items, and statistics of them with intervals.

A statistic of a panel is a function of sums over pairs of different personas, so that the noise of a single choice is
not taken for a difference between people. It is computed for many panels at once: without each persona, each item
and each cell of the two (`estimating.jackknife`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from persona_lib.estimating import jackknife
from persona_lib.estimating.resample import ANYWHERE, Estimate
from persona_lib.measuring import agreement
from persona_lib.tables import schema
from persona_lib.tables.groups import GROUPS, MIN_GROUP, persona_groups

CHUNK_CELLS = 4_000_000
Statistic = Callable[[np.ndarray], np.ndarray]  # from weights, panels x personas x items, to one value per panel


@dataclass(frozen=True)
class Panel:
    """Choices on the cells that raters and models share: personas x items, 1 for answer b, NaN where there is none.

    `raters` is the share of a cell's raters that chose b, `preferred` the answer of most of the first three. `again`
    are the lead model's choices when it was asked the same once more. `values` says each persona's group by attribute.
    """

    lead: str
    models: Mapping[str, np.ndarray]
    again: np.ndarray
    raters: np.ndarray
    preferred: np.ndarray
    items: list[str]
    weights: np.ndarray
    values: Mapping[str, np.ndarray]

    def comparable(self, chosen: np.ndarray) -> np.ndarray:
        """The cells in which both these choices and what the raters prefer are known."""
        return ~np.isnan(chosen) & ~np.isnan(self.preferred)

    def groups(self) -> dict[str, np.ndarray]:
        """Who belongs to each group of at least five personas of the panel: `attribute|value`, and `all`."""
        found = {"all": np.ones(len(self.weights), bool)}
        for attribute, values in self.values.items():
            for value in sorted(set(values) - {schema.UNKNOWN}):
                if (values == value).sum() >= MIN_GROUP:
                    found[f"{attribute}|{value}"] = values == value
        return found


def panel(judgements: pd.DataFrame, items: pd.DataFrame, personas: pd.DataFrame, weights: pd.DataFrame) -> Panel:
    """The panel of a pool.

    Parameters
    ----------
    judgements, items : tables `pool_judgements` and `pool_items`
    personas : persona_id, sex, age_years, race, ideology
    weights : persona_id, weight: the survey weights of the personas; one without has the weight 1
    """
    coded = agreement.choices(judgements, items)
    shape = (len(coded.personas), len(coded.items))
    nothing = np.full(shape, np.nan)
    rated = [coded.content[rater] for rater in coded.raters]
    asked = np.logical_or.reduce([coded.asked[rater] == 1 for rater in coded.raters] or [np.zeros(shape, bool)])
    people, questions = asked.any(axis=1), asked.any(axis=0)

    def cut(grid: np.ndarray) -> np.ndarray:
        return np.where(asked, grid, np.nan)[np.ix_(people, questions)]

    counted = np.array([~np.isnan(grid) for grid in rated]).sum(axis=0) if rated else np.zeros(shape)
    chosen = np.nansum(rated, axis=0) if rated else np.zeros(shape)
    share = np.where(counted > 0, chosen / np.where(counted > 0, counted, 1), np.nan)
    models = sorted(coded.models, key=lambda model: (-(coded.asked[model] == 1).sum(), model))
    lead = models[0] if models else ""
    ids = np.array(coded.personas, dtype=object)[people]
    wide = (
        persona_groups(personas)
        .pivot(index="persona_id", columns="attribute", values="value")
        .reindex(index=ids, columns=GROUPS)
    )
    most = agreement.majority(rated[: agreement.N_MAJORITY]) if rated else nothing
    return Panel(
        lead=lead,
        models={model: cut(coded.content[model]) for model in coded.models},
        again=cut(coded.content.get(lead + agreement.AGAIN, nothing)),
        raters=cut(share),
        preferred=cut(most),
        items=[item for item, is_asked in zip(coded.items, questions, strict=True) if is_asked],
        weights=weights.set_index("persona_id")["weight"].reindex(ids).fillna(1.0).to_numpy("float64"),
        values={attribute: wide[attribute].fillna(schema.UNKNOWN).to_numpy(dtype=object) for attribute in GROUPS},
    )


def jackknifed(
    statistic: Statistic,
    known: np.ndarray,
    *,
    scale: str,
    what: str,
    within: tuple[float, float] = ANYWHERE,
) -> Estimate:
    """A statistic of the cells that are known, with its interval over personas and items.

    Parameters
    ----------
    statistic : from weights of cells (panels x personas x items, 0 or 1) to the value of each panel
    known : personas x items, which cells count

    Examples
    --------
    The share of b among 25 cells, of which ten are b.

    >>> chosen = np.tile([1.0, 1.0, 0.0, 0.0, 0.0], (5, 1))
    >>> share = lambda cells: (cells * chosen).sum(axis=(1, 2)) / cells.sum(axis=(1, 2))
    >>> jackknifed(share, chosen >= 0, scale="logit", what="share").estimate
    0.4
    """
    whole = known.astype("float64")[None]
    p, i = np.nonzero(known)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = float(statistic(whole)[0])
        left = [
            _without(statistic, whole, [(person, slice(None)) for person in np.unique(p)]),
            _without(statistic, whole, [(slice(None), item) for item in np.unique(i)]),
            _without(statistic, whole, list(zip(p, i, strict=True))),
        ]
        people = np.unique(p)
        pairs = [([people[i], people[j]], slice(None)) for i, j in zip(*np.triu_indices(len(people), 1), strict=True)]
        twice = jackknife.counted_twice(value, left[0], _without(statistic, whole, pairs))
    counts = {"n": int(known.sum()), "n_excluded": int((~known).sum())}
    return jackknife.estimate(value, left, scale=scale, **counts, what=what, within=within, twice=twice)


def _without(statistic: Statistic, whole: np.ndarray, parts: list) -> np.ndarray:
    step = max(1, CHUNK_CELLS // max(1, whole.size))
    found = [np.zeros(0)]
    for start in range(0, len(parts), step):
        some = parts[start : start + step]
        cells = np.repeat(whole, len(some), axis=0)
        for number, part in enumerate(some):
            cells[(number, *part)] = 0.0
        found.append(statistic(cells))
    return np.concatenate(found)


def mean_of_known(by_item: np.ndarray) -> np.ndarray:
    """Per panel, the mean over the items on which a value is known; NaN where there is none.

    Examples
    --------
    >>> mean_of_known(np.array([[1.0, np.nan, 3.0], [np.nan] * 3])).tolist()
    [2.0, nan]
    """
    n = (~np.isnan(by_item)).sum(axis=1)
    return np.where(n > 0, np.nansum(by_item, axis=1) / np.where(n > 0, n, 1), np.nan)


def pairs_of(cells: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Per panel and item, the sum of first x second over ordered pairs of different personas: panels x items.

    Examples
    --------
    Of 1, 2, 3 with themselves: 6 x 6 less the squares 1 + 4 + 9.

    >>> one = np.array([[1.0], [2.0], [3.0]])
    >>> pairs_of(np.ones((1, 3, 1)), one, one).tolist()
    [[22.0]]
    """
    a, b = (np.einsum("bpi,pi->bi", cells, np.nan_to_num(each)) for each in (first, second))
    return a * b - np.einsum("bpi,pi->bi", cells, np.nan_to_num(first) * np.nan_to_num(second))
