"""Categories of persons as numbers, so that thousands of redraws can be counted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Coded:
    """Persons' categories: every category of every attribute has a number, its row in `labels`."""

    labels: pd.DataFrame  # attribute, category
    codes: np.ndarray  # persons x attributes; len(labels) where a person is not in the universe
    owner: np.ndarray  # the attribute's place, per row of labels

    def tally(self, rows: np.ndarray | slice = slice(None), weights: np.ndarray | None = None) -> np.ndarray:
        """Persons in each category, or the sum of their weights: one number per row of `labels`.

        A person whose row is given twice counts twice.
        """
        codes = self.codes[rows]
        if weights is not None:
            weights = np.broadcast_to(weights[:, None], codes.shape).ravel()
        return np.bincount(codes.ravel(), weights, minlength=len(self.labels) + 1)[:-1]

    def asked(self, counts: np.ndarray) -> np.ndarray:
        """Persons in the universe of each category's attribute, along the last axis of `counts`."""
        first = np.flatnonzero(np.diff(self.owner, prepend=-1))
        return np.add.reduceat(counts, first, axis=-1)[..., self.owner]

    def shares(self, counts: np.ndarray) -> np.ndarray:
        """Counts over the persons asked; NaN where nobody was."""
        with np.errstate(invalid="ignore"):
            return counts / self.asked(counts)

    def indicators(self) -> np.ndarray:
        """Persons x categories: 1 in the person's own category of each attribute, 0 elsewhere."""
        ones = np.zeros((len(self.codes), len(self.labels) + 1), dtype="float32")
        np.put_along_axis(ones, self.codes, 1, axis=1)
        return ones[:, :-1]


def code(categories: pd.DataFrame) -> Coded:
    """Number the categories of a table with one column per attribute, in order of column, then of name.

    A missing category means that the person is not in the universe. An attribute without any category
    has no number.

    Examples
    --------
    >>> found = code(pd.DataFrame({"sex": ["F", "M", "F"], "work": ["yes", None, "no"]}))
    >>> found.labels["category"].tolist(), found.codes.tolist()
    (['F', 'M', 'no', 'yes'], [[0, 3], [1, 4], [0, 2]])
    >>> found.shares(found.tally()).round(2).tolist()
    [0.67, 0.33, 0.5, 0.5]
    """
    numbers, labels, offset = [], [], 0
    for attribute in categories:
        number, names = pd.factorize(categories[attribute], sort=True)
        numbers.append(np.where(number < 0, -1, number + offset))
        labels += [(attribute, str(name)) for name in names]
        offset += len(names)
    codes = np.stack(numbers, axis=1)
    table = pd.DataFrame(labels, columns=["attribute", "category"])
    return Coded(table, np.where(codes < 0, offset, codes), pd.factorize(table["attribute"])[0])
