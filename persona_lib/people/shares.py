"""Shares of answers by group, and how divided an item is; cells of fewer than ten people are not shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from persona_lib.estimating.association import effective_size
from persona_lib.estimating.distances import jensen_shannon, wasserstein
from persona_lib.estimating.resample import wilson
from persona_lib.people.respondents import ATTRIBUTES, LEAST_N, counts, items_of
from persona_lib.tables.schema import statistic

EVERYONE = "all"
JOINED = " or "
COLUMNS = ["item", "attribute", "value", "answer", "n", "share", "low", "high"]


def groups(respondents: pd.DataFrame) -> list[tuple[str, str, np.ndarray]]:
    """Everyone, then each value of each attribute: attribute, value, who is in it."""
    found = [(EVERYONE, EVERYONE, np.ones(len(respondents), bool))]
    for name in ATTRIBUTES:
        found += [
            (name, value, (respondents[name] == value).to_numpy())
            for value in sorted(respondents[name].dropna().unique())
        ]
    return found


def shares(respondents: pd.DataFrame, answers: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """Weighted share of every answer to every item in every group, with Wilson's interval at Kish's effective size.

    A group in which fewer than ten people answered an item, or in which nearly all gave one answer, has one row for it,
    answer '' and no share. An answer that fewer than ten of a group's people gave is joined with the next smallest
    (`JOINED` between them) until ten stand together, so that no small count can be told from the rest.

    Parameters
    ----------
    respondents : as `respondents` describes
    answers : of each item, its answers in their order

    Returns
    -------
    One row per item, group and answer: `COLUMNS`; n is the number of people in the group who gave that answer.
    """
    rows = []
    for item in items_of(respondents):
        for attribute, value, inside in groups(respondents):
            part = respondents.loc[inside & respondents[item].notna().to_numpy(), [item, "weight"]]
            rows += _of_group(part[item], part["weight"], answers[item], (item, attribute, value))
    return pd.DataFrame(rows, columns=COLUMNS)


def _of_group(given: pd.Series, weights: pd.Series, answers: Sequence[str], key: tuple[str, str, str]) -> list[tuple]:
    n = counts(given, np.ones(len(given)), len(answers)).astype(int)
    weighted = counts(given, weights, len(answers))
    parts = merged(n)
    if n.sum() < LEAST_N or weighted.sum() == 0 or len(parts) < 2:
        return [(*key, "", 0, np.nan, np.nan, np.nan)]
    size = effective_size(weights)
    found = []
    for part in parts:
        share = weighted[part].sum() / weighted.sum()
        low, high = wilson(share * size, size)
        name = JOINED.join(answers[k] for k in part)
        found.append((*key, name, int(n[part].sum()), share, float(low), float(high)))
    return found


def merged(n: np.ndarray) -> list[list[int]]:
    """The answers in parts that nobody or ten people and more gave: what is too small joins the next smallest.

    Examples
    --------
    >>> merged(np.array([3, 40, 12, 0])), merged(np.array([4, 8, 40]))
    ([[0, 2], [1], [3]], [[0, 1], [2]])
    """
    small = [k for k in range(len(n)) if 0 < n[k] < LEAST_N]
    others = sorted((k for k in range(len(n)) if n[k] >= LEAST_N), key=lambda k: n[k])
    while small and n[small].sum() < LEAST_N and others:
        small.append(others.pop(0))
    rest = [[k] for k in range(len(n)) if k not in small]
    return sorted([sorted(small), *rest] if small else rest)


def divisiveness(weights: np.ndarray | Sequence[float]) -> float:
    """Chance that two people answer differently, over its greatest value (K - 1) / K.

    0: all give one answer; 1: all K answers are as frequent. With two answers it is 4 p (1 - p). NaN without weight.

    Examples
    --------
    >>> divisiveness([1, 1]), divisiveness([3, 1]), divisiveness([1, 0, 0])
    (1.0, 0.75, 0.0)
    """
    weights = np.asarray(weights, dtype="float64")
    if weights.sum() == 0:
        return float("nan")
    p = weights / weights.sum()
    return float((1 - (p**2).sum()) * len(p) / (len(p) - 1))


def item_statistics(
    respondents: pd.DataFrame, answers: Mapping[str, Sequence[str]], *, n_groups: int = 50, seed: int = 1
) -> list[dict]:
    """majority_share and divisiveness of every item, and the mean of both over items, by a grouped jackknife."""
    items = items_of(respondents)
    given = respondents[items].to_numpy()
    weights = respondents["weight"].to_numpy()
    folds = np.random.default_rng(seed).permutation(len(respondents)) % n_groups

    def found(kept: np.ndarray) -> np.ndarray:
        tables = [counts(given[kept, i], weights[kept], len(answers[item])) for i, item in enumerate(items)]
        both = np.array([(table.max() / table.sum(), divisiveness(table)) for table in tables])
        return np.vstack([both, both.mean(axis=0)])

    whole = found(np.ones(len(folds), bool))
    error = jackknife_error(np.array([found(folds != fold) for fold in range(n_groups)]))
    rows = []
    for number, item in enumerate([*items, EVERYONE]):
        n = int(respondents[item].notna().sum()) if item != EVERYONE else len(respondents)
        for column, name in enumerate(("majority_share", "divisiveness")):
            value, half = whole[number, column], 1.96 * error[number, column]
            low, high = max(0.0, value - half), min(1.0, value + half)
            rows.append(
                statistic(
                    name,
                    item,
                    value,
                    low=low,
                    high=high,
                    n=n,
                    n_excluded=len(respondents) - n,
                    method="grouped jackknife over people",
                )
            )
    return rows


def jackknife_error(replicates: np.ndarray) -> np.ndarray:
    """Standard error by the delete-a-group jackknife: replicates on the first axis.

    Examples
    --------
    Means of two of three numbers 0, 3, 6; the error of the mean of three is the root of 9 / 3.

    >>> round(float(jackknife_error(np.array([4.5, 3.0, 1.5]))), 4)
    1.7321
    """
    g = len(replicates)
    return np.sqrt((g - 1) / g * ((replicates - replicates.mean(axis=0)) ** 2).sum(axis=0))


def between_groups(
    respondents: pd.DataFrame,
    answers: Mapping[str, Sequence[str]],
    *,
    attribute: str,
    pair: tuple[str, str],
    n_groups: int = 50,
    seed: int = 1,
) -> list[dict]:
    """How far two groups' answers lie apart, averaged over items: wasserstein and jensen_shannon, grouped jackknife.

    The distance of two samples is above 0 also where the groups do not differ; `of_chance` is that distance after
    the group labels were shuffled, the mean of 20 shuffles.
    NaN where a group has fewer than ten people.
    """
    both = respondents[respondents[attribute].isin(pair)].reset_index(drop=True)
    items, weights = items_of(both), both["weight"].to_numpy()
    given, first = both[items].to_numpy(), (both[attribute] == pair[0]).to_numpy()
    rng = np.random.default_rng(seed)
    folds = rng.permutation(len(both)) % n_groups

    def found(kept: np.ndarray, first: np.ndarray) -> np.ndarray:
        rows = []
        for i, item in enumerate(items):
            p, q = (counts(given[side & kept, i], weights[side & kept], len(answers[item])) for side in (first, ~first))
            rows.append((wasserstein(p, q), jensen_shannon(p, q)))
        return np.nanmean(rows, axis=0)

    group = f"{attribute}|{pair[0]}-{pair[1]}"
    counted = {"n": len(both), "n_excluded": len(respondents) - len(both)}
    if min(first.sum(), (~first).sum()) < LEAST_N:
        why = f"not shown: a group of fewer than {LEAST_N} people"
        return [statistic(name, group, np.nan, **counted, method=why) for name in ("wasserstein", "jensen_shannon")]
    everyone = np.ones(len(both), bool)
    value = found(everyone, first)
    error = jackknife_error(np.array([found(folds != fold, first) for fold in range(n_groups)]))
    chance = np.mean([found(everyone, rng.permutation(first)) for _ in range(20)], axis=0)
    rows = []
    for column, name in enumerate(("wasserstein", "jensen_shannon")):
        ends = {
            "low": max(0.0, value[column] - 1.96 * error[column]),
            "high": min(1.0, value[column] + 1.96 * error[column]),
        }
        rows.append(
            statistic(
                name, group, value[column], **ends, **counted, method="mean over items; grouped jackknife over people"
            )
        )
        rows.append(
            statistic(f"{name}_of_chance", group, chance[column], **counted, method="mean of 20 shuffles of the group")
        )
    return rows
