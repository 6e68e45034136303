"""History against description: how well a choice is told from k of a person's past answers, and from attributes.

A persona can be given as a description, or as what the person answered before. Here a logit takes the place of the
model that reads either, so that real and simulated people are measured alike and nobody is asked anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from persona_lib.people.prediction import held_out_bits, indicators, mean_and_error
from persona_lib.people.respondents import ATTRIBUTES, items_of
from persona_lib.tables.schema import statistic

KS = (0, 1, 2, 4, 8)
DESCRIPTION = "description"


def history_statistics(
    respondents: pd.DataFrame,
    answers: Mapping[str, Sequence[str]],
    *,
    ks: Sequence[int] = KS,
    n_targets: int = 6,
    n_folds: int = 5,
    seed: int = 1,
) -> list[dict]:
    """told and right: by k past answers, by the attributes, and by both together.

    For each of `n_targets` random items, k others are drawn, the first k of one random order, so that each k holds
    what the smaller ones held. `told` is the share of a choice's uncertainty, in bits, that a ridge logit on them takes
    off it, `right` the share of its first guesses that are right; both on people that it did not see, the mean over
    people of the mean of their items, with a normal interval over people. Below 0 a logit learned noise.

    Returns
    -------
    Rows of a table of statistics; the group is `k=2`, `description` or `description, k=2`. k as large as there are
    other items at most.
    """
    items, rng = items_of(respondents), np.random.default_rng(seed)
    targets = sorted(rng.permutation(items)[:n_targets])
    fold = rng.permutation(len(respondents)) % n_folds
    person, weights = np.arange(len(respondents)), respondents["weight"].to_numpy()
    described = indicators(respondents, ATTRIBUTES)
    known = [k for k in ks if k < len(items)]
    parts = []
    for target in targets:
        others = [item for item in rng.permutation(items) if item != target]
        there = respondents[target].notna().to_numpy()
        given = respondents.loc[there, target].to_numpy().astype(int)
        past = {k: indicators(respondents, others[:k]) if k else np.empty((len(respondents), 0)) for k in known}
        features = {f"k={k}": columns for k, columns in past.items()}
        features[DESCRIPTION] = described
        features[f"{DESCRIPTION}, k={known[-1]}"] = np.column_stack([described, past[known[-1]]])
        row = {"person": person[there], "weight": weights[there]}
        for name, columns in features.items():
            bits, right = held_out_bits(
                columns[there], given, weights[there], fold[there], n_answers=len(answers[target])
            )
            row |= {f"bits {name}": bits, f"right {name}": right}
        parts.append(pd.DataFrame(row))
    means = pd.concat(parts).groupby("person").mean()
    base = means["bits k=0"]
    whole, _ = mean_and_error(base, means["weight"])
    rows = []
    for name in features:
        for what, values in (("told", (base - means[f"bits {name}"]) / whole), ("right", means[f"right {name}"])):
            value, error = mean_and_error(values, means["weight"])
            half = 1.96 * error
            method = f"ridge logit, {n_folds}-fold cross-validation by person, {len(targets)} items"
            counts = {"n": len(means), "n_excluded": len(respondents) - len(means)}
            rows.append(statistic(what, name, value, low=value - half, high=value + half, **counts, method=method))
    return rows
