"""Categories of persons as numbers, so that thousands of redraws can be counted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from persona_lib.sampling.population import BLOCK, replicate_error


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
        codes, n = self.codes[rows], len(self.labels) + 1
        if weights is None:
            blocks = (codes[start : start + BLOCK] for start in range(0, len(codes), BLOCK))
            return sum((np.bincount(block.ravel(), minlength=n) for block in blocks), np.zeros(n, dtype="int64"))[:-1]
        return np.sum([np.bincount(column, weights, minlength=n) for column in codes.T], axis=0)[:-1]

    def tally_all(self, weights: np.ndarray) -> np.ndarray:
        """The sums of many weights at once, categories x weights: a block of persons at a time, however many."""
        n, found = len(self.labels) + 1, np.zeros((len(self.labels) + 1, weights.shape[1]))
        for start in range(0, len(self.codes), BLOCK):
            here = self.codes[start : start + BLOCK]
            ends = np.arange(0, here.size + 1, here.shape[1])
            ones = sparse.csc_array((np.ones(here.size), here.ravel(), ends), shape=(n, len(here)))
            found += ones @ weights[start : start + BLOCK].astype("float64")
        return found[:-1]

    def asked(self, counts: np.ndarray) -> np.ndarray:
        """Persons in the universe of each category's attribute, along the last axis of `counts`."""
        first = np.flatnonzero(np.diff(self.owner, prepend=-1))
        return np.add.reduceat(counts, first, axis=-1)[..., self.owner]

    def shares(self, counts: np.ndarray) -> np.ndarray:
        """Counts over the persons asked; NaN where nobody was."""
        with np.errstate(invalid="ignore"):
            return counts / self.asked(counts)

    def indicators(self) -> np.ndarray:
        """Persons x categories, one byte each: 1 in the person's own category of each attribute, 0 elsewhere."""
        ones = np.zeros((len(self.codes), len(self.labels) + 1), dtype="int8")
        np.put_along_axis(ones, self.codes.astype("int64"), 1, axis=1)
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
    codes = np.empty(categories.shape, dtype="int16")
    labels: list[tuple[str, str]] = []
    offset = 0
    for place, attribute in enumerate(categories):
        number, names = pd.factorize(categories[attribute], sort=True)
        codes[:, place] = np.where(number < 0, -1, number + offset)
        labels += [(attribute, str(name)) for name in names]
        offset += len(names)
    table = pd.DataFrame(labels, columns=["attribute", "category"])
    codes[codes < 0] = offset
    return Coded(table, codes, pd.factorize(table["attribute"])[0])


def weighted_shares(coded: Coded, weights: np.ndarray) -> pd.DataFrame:
    """Shares of the categories of each attribute, among the persons in its universe, with standard errors.

    Parameters
    ----------
    weights : persons x 81, the weight and its 80 replicates; or persons x 1 where there are none

    Returns
    -------
    `labels` with share, standard_error (NaN without replicates) and n (unweighted persons).

    Examples
    --------
    >>> found = weighted_shares(code(pd.DataFrame({"of": ["a", "b", None]})), np.array([[3.0], [1.0], [9.0]]))
    >>> found.share.tolist()
    [0.75, 0.25]
    """
    shares = coded.shares(coded.tally_all(weights).T).T
    error = replicate_error(shares[:, 0], shares[:, 1:]) if weights.shape[1] > 1 else np.nan
    return coded.labels.assign(share=shares[:, 0], standard_error=error, n=coded.tally())
