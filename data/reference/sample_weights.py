"""Weights of households that meet published totals, within bounds, and their 80 replicates."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sample_margins import indicators, published_targets
from sample_shares import classes, joint_targets

MIN_SOURCE = 15  # records of the source behind a joint class that is fitted
MIN_PERSONS = 50_000  # persons of the nation in such a class


def targets_of(published: pd.DataFrame, shares_2024: pd.DataFrame, source: pd.DataFrame) -> pd.Series:
    """Every fitted total, persons or households: the published ones, then the joint classes large enough."""
    us = published[published["area"] == "United States"].set_index("variable")["estimate"]
    joint = joint_targets(shares_2024, pd.to_numeric(us, errors="coerce"))
    n_records = class_names(source).value_counts().reindex(joint.index).fillna(0)
    return pd.concat([published_targets(published), joint[(n_records >= MIN_SOURCE) & (joint >= MIN_PERSONS)]])


def class_names(rows: pd.DataFrame) -> pd.Series:
    """The joint class of every person as one text."""
    keys = classes(rows)
    return keys.iloc[:, 0].str.cat([keys[key] for key in keys.columns[1:]], sep="|")


def unit_counts(rows: pd.DataFrame, names: pd.Index) -> tuple[np.ndarray, pd.Index]:
    """How many members of each household (or the one person in group quarters) fall under each total."""
    joint = pd.get_dummies(class_names(rows), dtype=float)
    members = pd.concat([indicators(rows), joint], axis=1).reindex(columns=names, fill_value=0.0)
    summed = members.groupby(rows["SERIALNO"].to_numpy()).sum()
    return summed.to_numpy(float), summed.index


def calibrated(
    counts: np.ndarray, targets: np.ndarray, start: np.ndarray, *, low: float, high: float, ridge: float, steps: int
) -> np.ndarray:
    """Weights start x exp(counts . t), cut to [low, high], whose totals meet the targets softly.

    Newton steps on the relative gaps; `ridge` keeps t small where few households carry a total.
    """
    t = np.zeros(counts.shape[1])
    scale = targets[:, None]
    for _ in range(steps):
        weights = np.clip(start * np.exp(np.clip(counts @ t, -30, 30)), low, high)
        free = (weights > low) & (weights < high)
        gap = (targets - counts.T @ weights) / targets - ridge * t
        slope = (counts[free].T @ (counts[free] * weights[free, None])) / scale + ridge * np.eye(len(t))
        step = np.linalg.solve(slope, gap)
        longest = np.abs(counts @ step).max()
        t = t + step / max(1.0, longest / 2)
        if longest < 1e-4:
            break
    return np.clip(start * np.exp(np.clip(counts @ t, -30, 30)), low, high)


def replicate_factors(n: int) -> np.ndarray:
    """n x 80 factors 0.29, 1 or 1.71 of successive difference replication, from Paley's Hadamard matrix."""
    squares = {(k * k) % 79 for k in range(1, 79)}
    chi = np.array([0, *(1 if k in squares else -1 for k in range(1, 79))])
    skew = np.zeros((80, 80), int)
    skew[0, 1:], skew[1:, 0] = 1, -1
    skew[1:, 1:] = chi[(np.arange(79)[None, :] - np.arange(79)[:, None]) % 79]
    hadamard = skew + np.eye(80, dtype=int)
    order = np.arange(n) % 79 + 1
    return 1 + 2**-1.5 * (hadamard[order] - hadamard[np.arange(1, n + 1) % 79 + 1])
