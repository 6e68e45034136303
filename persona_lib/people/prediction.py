"""How well a choice can be told from what is known of a person: cross-validated bits and accuracy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import log_softmax

from persona_lib.people.respondents import DEMOGRAPHICS, POLITICS, items_of
from persona_lib.tables.schema import statistic

KNOWN = {"demographics": DEMOGRAPHICS, "demographics, party and ideology": [*DEMOGRAPHICS, *POLITICS]}
RIDGE = 1.0


def indicators(respondents: pd.DataFrame, by: Sequence[str]) -> np.ndarray:
    """One column of 0 and 1 per value of each attribute, missing being a value of its own."""
    known = respondents[list(by)].astype(object).where(respondents[list(by)].notna(), "missing")
    return pd.get_dummies(known, dtype=float).to_numpy()


def softmax_fit(
    features: np.ndarray, answers: np.ndarray, weights: np.ndarray, *, n_answers: int, ridge: float = RIDGE
) -> np.ndarray:
    """Coefficients of a multinomial logit with an intercept, penalised by ridge / 2 x their sum of squares.

    The intercepts (first row) are not penalised.

    Returns
    -------
    1 + features rows, n_answers columns.
    """
    distinct, row = np.unique(features, axis=0, return_inverse=True)  # people alike in all features are one row
    x = np.column_stack([np.ones(len(distinct)), distinct])
    hot = np.zeros((len(distinct), n_answers))
    np.add.at(hot, (row.ravel(), answers), weights)
    many = hot.sum(axis=1, keepdims=True)
    penalty = np.full((x.shape[1], 1), ridge)
    penalty[0] = 0.0

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        b = flat.reshape(x.shape[1], n_answers)
        logs = log_softmax(x @ b, axis=1)
        value = -(hot * logs).sum() + (penalty * b**2).sum() / 2
        return float(value), (x.T @ (np.exp(logs) * many - hot) + penalty * b).ravel()

    found = minimize(loss, np.zeros(x.shape[1] * n_answers), jac=True, method="L-BFGS-B", options={"maxiter": 500})
    return found.x.reshape(x.shape[1], n_answers)


def held_out_bits(
    features: np.ndarray, answers: np.ndarray, weights: np.ndarray, fold: np.ndarray, *, n_answers: int
) -> tuple[np.ndarray, np.ndarray]:
    """Of each person, what a model fitted without its fold says: bits of surprise, 1 where its first choice is right.

    Features without a column are the margins alone.
    """
    bits, right = np.empty(len(answers)), np.empty(len(answers))
    for one in np.unique(fold):
        inside, out = fold != one, fold == one
        b = softmax_fit(features[inside], answers[inside], weights[inside], n_answers=n_answers)
        logs = log_softmax(np.column_stack([np.ones(out.sum()), features[out]]) @ b, axis=1)
        bits[out] = -logs[np.arange(out.sum()), answers[out]] / np.log(2)
        right[out] = logs.argmax(axis=1) == answers[out]
    return bits, right


def mean_and_error(values: pd.Series, weights: pd.Series) -> tuple[float, float]:
    """The weighted mean over people and its standard error; NaN where nobody answered."""
    w = weights.to_numpy()
    if not len(w):
        return float("nan"), float("nan")
    mean = float(np.average(values, weights=w))
    return mean, float(np.sqrt((w**2 * (values - mean) ** 2).sum()) / w.sum())


def prediction_statistics(
    respondents: pd.DataFrame, answers: Mapping[str, Sequence[str]], *, n_folds: int = 10, seed: int = 1
) -> list[dict]:
    """bits, bits_told, explained_share and accuracy of a choice by what is known, over all items.

    `bits` is the mean surprise of a choice by the margins alone, `bits_told` what knowing the attributes takes off it,
    `explained_share` the second over the first: 0 tells nothing, 1 everything; below 0 where a model only learned
    noise. All on people whom the model did not see (10 folds of people, the same for all items). The interval is that
    of a mean over people, each the mean of its own items.
    """
    items = items_of(respondents)
    fold = np.random.default_rng(seed).permutation(len(respondents)) % n_folds
    weights, person = respondents["weight"].to_numpy(), np.arange(len(respondents))
    known = {"margins": np.empty((len(respondents), 0))} | {
        name: indicators(respondents, by) for name, by in KNOWN.items()
    }
    parts = []
    for item in items:
        there = respondents[item].notna().to_numpy()
        given = respondents.loc[there, item].to_numpy().astype(int)
        row = {"person": person[there], "weight": weights[there]}
        for name, features in known.items():
            row[f"bits {name}"], row[f"right {name}"] = held_out_bits(
                features[there], given, weights[there], fold[there], n_answers=len(answers[item])
            )
        parts.append(pd.DataFrame(row))
    long = pd.concat(parts)
    means = long.groupby("person").mean()
    rows = []

    def add(name: str, group: str, values: pd.Series, over: float = 1.0) -> None:
        value, error = mean_and_error(values, means["weight"])
        rows.append(
            statistic(
                name,
                group,
                value / over,
                low=(value - 1.96 * error) / over,
                high=(value + 1.96 * error) / over,
                n=len(means),
                n_excluded=len(respondents) - len(means),
                method=f"{n_folds}-fold cross-validation by person; normal interval over people",
            )
        )

    base = means["bits margins"]
    add("bits", "margins", base)
    add("accuracy", "margins", means["right margins"])
    for name in KNOWN:
        told = base - means[f"bits {name}"]
        add("bits_told", name, told)
        add("explained_share", name, told, mean_and_error(base, means["weight"])[0])
        add("accuracy", name, means[f"right {name}"])
    return rows
