"""Individuation, the other sign of caricature [1]_: can answers for a persona be told from those for nobody?

A model wrote several answers to one question without a persona, the default, and several for one persona. A classifier
that has read the others is shown one answer of each kind and says which was written for the persona. A model that
ignores its persona is told in half of the cases, one whose words the persona changes altogether in all of them. As with
its authors the yardstick is what the model writes by default, so whatever else differs between the two requests counts
too.

References
----------
.. [1] M. Cheng, T. Piccardi, D. Yang (2023). CoMPosT: characterizing and evaluating caricature in LLM simulations.
   EMNLP 2023, 10853-10875, section 4.
.. [2] A. McCallum, K. Nigam (1998). A comparison of event models for naive Bayes text classification. AAAI workshop on
   learning for text categorization, 41-48: the multinomial model.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import CountVectorizer  # type: ignore[import-untyped]

from persona_lib.estimating import jackknife
from persona_lib.measuring.benchmark import CLUSTERS, own_attempts
from persona_lib.tables import schema

DEFAULT = "baseline"  # the mode that shows no persona
LEAST = 2  # answers of each kind: one to be told, one to learn from
WHAT = "share of pairs of answers told by naive Bayes that has read the others, mean over items"


def told_apart(written: Sequence[str], default: Sequence[str]) -> float:
    """How often a classifier tells which of two answers was written for the persona: 1/2 is chance, 1 always.

    Each answer for the persona meets each of the default. The classifier is multinomial naive Bayes on words [2]_ with
    one added to every count, and has learned from all the other answers. An answer that is as likely of either kind is
    told by a coin. If the answers of both kinds are drawn alike, the expectation is exactly 1/2 however many there are:
    exchanging the two that meet changes nothing of what was learned. NaN with fewer than two of a kind, or without a
    word.

    Examples
    --------
    >>> told_apart(["buy it now", "buy it today"], ["wait and see", "wait a year"])
    1.0
    >>> told_apart(["wait and see"] * 3, ["wait and see"] * 3)
    0.5
    """
    if min(len(written), len(default)) < LEAST:
        return float("nan")
    try:
        counts = CountVectorizer(dtype=np.float64).fit_transform([*written, *default]).toarray()
    except ValueError:  # no answer holds a word
        return float("nan")
    x, y = counts[: len(written)], counts[len(written) :]
    of_x, of_y = x.sum(axis=0) - x + 1, y.sum(axis=0) - y + 1  # without each answer
    log_x, log_y = np.log(of_x), np.log(of_y)
    words_x, words_y = x.sum(axis=1), y.sum(axis=1)
    by_word = (x * log_x).sum(axis=1)[:, None] - x @ log_y.T - log_x @ y.T + (y * log_y).sum(axis=1)
    of_all = np.log(of_x.sum(axis=1))[:, None] - np.log(of_y.sum(axis=1))
    odds = (by_word - (words_x[:, None] - words_y) * of_all).round(9)
    return float(((odds > 0) + 0.5 * (odds == 0)).mean())


def individuation_cells(attempts: pd.DataFrame) -> pd.DataFrame:
    """How often each item's answers for its persona are told from those of the default: one row per item, model, mode.

    Parameters
    ----------
    attempts : table `attempts` with several attempts at an item, such as `pass_attempts`

    Returns
    -------
    item_id, persona_id, prompt_id, model, mode (not baseline), told in [0, 1]: `told_apart` of the attempts that were
    answered, NaN where the model answered fewer than two of either kind.
    """
    own = own_attempts(attempts)
    answers = own.assign(answer=own["answer"].where(own["answer"] != "")).dropna(subset=["answer"])
    texts = answers.groupby(["model", "item_id", "mode"])["answer"].agg(list)
    cells = own.loc[own["mode"] != DEFAULT, ["item_id", *CLUSTERS, "model", "mode"]].drop_duplicates()
    told = [
        told_apart(*(texts.get((row.model, row.item_id, mode), []) for mode in (row.mode, DEFAULT)))
        for row in cells.itertuples()
    ]
    return cells.assign(told=told).astype({"told": "float64"}).reset_index(drop=True)


def individuation_statistics(attempts: pd.DataFrame) -> pd.DataFrame:
    """individuation of `model|mode`: mean over items of how often an answer for the persona is told from the default.

    Questions asked of one persona share it, and a question is asked of several, so persona and prompt are both left
    out one at a time; the interval is symmetric in the log-odds.

    Parameters
    ----------
    attempts : as in `individuation_cells`

    Returns
    -------
    Rows of table `pluralism`; n counts items.
    """
    rows = []
    for (model, mode), cells in individuation_cells(attempts).groupby(["model", "mode"]):
        known = cells.dropna(subset=["told"])
        counts = {"n": len(known), "n_excluded": len(cells) - len(known)}
        if known.empty:
            rows.append(schema.statistic("individuation", f"{model}|{mode}", np.nan, **counts, method=WHAT))
            continue
        found = jackknife.of_sums(
            np.column_stack([known["told"], np.ones(len(known))]),
            [pd.factorize(known[cluster])[0] for cluster in CLUSTERS],
            lambda sums: sums[..., 0] / np.where(sums[..., 1] > 0, sums[..., 1], np.nan),
            scale="logit",
            what=WHAT,
            **counts,
        )
        rows.append(found.row("individuation", f"{model}|{mode}"))
    return pd.DataFrame(rows, columns=list(schema.tables()["pluralism"].columns))
