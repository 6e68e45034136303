"""Preference models of answers: how much better one person likes answer b than answer a, in log odds.

All are logistic regressions on the difference of two answers' text features (Bradley-Terry), alike in everything but in
what they know of the person. `blind` knows nothing; `demographics`, `idiosyncratic` and `description` multiply the
difference by features of the persona; `history` by what the person's earlier pairs have in common, `both` by the
description and the history; `groups` is a
mixture of a few blind models, one for each latent group, weighed by how well each explains the person's history [1]_.

References
----------
.. [1] D. Chen, Y. Chen, A. Rege, R. K. Vinayak (2024). PAL: Pluralistic alignment framework for learning from
   heterogeneous preferences. arXiv:2406.08469.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.special import expit, log_softmax
from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]

from persona_lib.learning.comparisons import TRAIN
from persona_lib.learning.features import (
    ALL,
    DEMOGRAPHIC,
    IDIOSYNCRATIC,
    TextReader,
    learn_texts,
    persona_features,
)
from persona_lib.tables.streams import generator

SEEN = {"demographics": DEMOGRAPHIC, "idiosyncratic": IDIOSYNCRATIC, "description": ALL}
MODELS = ("blind", *SEEN, "history", "both", "groups")
SHRINK = 2.0  # pairs of history that count as much as knowing nothing
N_ROUNDS = 12  # of the mixture's expectation and maximisation


@dataclass(frozen=True)
class Material:
    """What all models of a run read.

    Attributes: `reader` of texts; `texts` their features by answer_id; `personas` the table; `train` the rows to learn
    from; `usual` the mean difference of text features over all training pairs (features,); `earlier` by persona_id the
    prompts of its history and their differences of text features (pairs x features).
    """

    reader: TextReader
    texts: pd.DataFrame
    personas: pd.DataFrame
    train: pd.DataFrame
    usual: np.ndarray
    earlier: Mapping[str, tuple[np.ndarray, np.ndarray]]
    seed: int

    def about(self, texts: pd.DataFrame | None) -> Material:
        """The same, but with the features of other texts by answer_id; None: as it is."""
        return self if texts is None else replace(self, texts=texts)

    def difference(self, rows: pd.DataFrame) -> np.ndarray:
        """Text features of answer b less those of answer a: rows x features."""
        a, b = (self.texts.index.get_indexer(rows[key]) for key in ("answer_a_id", "answer_b_id"))
        values = self.texts.to_numpy()
        return values[b] - values[a]

    def history(self, persona_id: str, prompt_id: str) -> np.ndarray:
        """Differences of the persona's history, without the prompt that is asked about: pairs x features."""
        prompts, moved = self.earlier.get(persona_id, (np.array([]), np.empty((0, len(self.usual)))))
        return moved[prompts != prompt_id]

    def by_history(self, rows: pd.DataFrame, summary: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """A summary (numbers,) of each row's history: rows x numbers. Each persona and prompt is summarised once."""
        keys = list(zip(rows["persona_id"], rows["prompt_id"], strict=True))
        known = {key: summary(self.history(*key)) for key in dict.fromkeys(keys)}
        width = len(summary(np.empty((0, len(self.usual)))))
        return np.array([known[key] for key in keys]).reshape(len(rows), width)


def material(
    rows: pd.DataFrame, answers: pd.DataFrame, personas: pd.DataFrame, *, n_components: int, n_rows: int, seed: int
) -> Material:
    """Text features, training rows and histories from the comparisons of a run.

    Parameters
    ----------
    rows : the result of `comparisons`
    answers : tables `answers` and `pool_answers` in one
    personas : table `personas`
    n_components : components of the texts at most
    n_rows : training rows at most, drawn at random

    Returns
    -------
    Material; text features are learned from the texts of training rows alone.
    """
    train = rows[rows["split"] == TRAIN].reset_index(drop=True)
    if len(train) > n_rows:
        drawn = generator(seed, "learning.rows").choice(len(train), size=n_rows, replace=False)
        train = train.iloc[np.sort(drawn)].reset_index(drop=True)
    fitted_on = set(train["answer_a_id"]) | set(train["answer_b_id"])
    reader = learn_texts(answers, fitted_on=fitted_on, n_components=n_components, seed=seed)
    texts = reader.features(answers)
    known = Material(reader, texts, personas, train, np.zeros(texts.shape[1]), {}, seed)
    pairs = rows[rows["is_history"]].reset_index(drop=True)
    moved = known.difference(pairs)
    is_train = (pairs["split"] == TRAIN).to_numpy()
    usual = moved[is_train].mean(axis=0) if is_train.any() else known.usual
    prompts = pairs["prompt_id"].to_numpy(dtype=object)
    earlier = {str(key): (prompts[at], moved[at]) for key, at in pairs.groupby("persona_id").indices.items()}
    return replace(known, usual=usual, earlier=earlier)


Scorer = Callable[..., np.ndarray]


def fit(known: Material, *, inverse_penalty: float, n_groups: int) -> dict[str, Scorer]:
    """Every model of `MODELS`: from comparisons (persona_id, prompt_id, answer_a_id, answer_b_id) to log odds of b.

    The chance of b is their logistic. Without a training row they are 0. Of answers that are not in the material a
    model takes the features as `texts`.

    Parameters
    ----------
    inverse_penalty : scikit-learn's C of the ridge penalty, the same for all models
    n_groups : latent groups of the mixture

    Examples
    --------
    A person who is shown the same answer twice is indifferent, whatever the model: the difference is 0.
    """
    fitted = {"blind": fit_blind(known, inverse_penalty=inverse_penalty)}
    for name in SEEN:
        fitted[name] = fit_persona(known, lines_shown=SEEN[name], inverse_penalty=inverse_penalty)
    both = fit_persona(known, lines_shown=ALL, inverse_penalty=inverse_penalty, with_history=True)
    fitted |= {"history": fit_history(known, inverse_penalty=inverse_penalty), "both": both}
    fitted["groups"] = fit_groups(known, inverse_penalty=inverse_penalty, n_groups=n_groups)
    return fitted


def fit_blind(known: Material, *, inverse_penalty: float) -> Scorer:
    """The same weights for everybody."""
    weights = ridge(known.difference(known.train), known.train["prefers_b"], inverse_penalty=inverse_penalty)
    return lambda rows, texts=None: known.about(texts).difference(rows) @ weights


def fit_persona(
    known: Material, *, lines_shown: str, inverse_penalty: float, with_history: bool = False
) -> Callable[..., np.ndarray]:
    """Weights that depend on the persona's features, linearly: a bilinear model of text and persona.

    With the history its weights stand beside them, as in `fit_history`.
    """
    traits = persona_features(known.personas, lines_shown=lines_shown)
    change, who = _changes(known, known.train, with_history), traits.loc[known.train["persona_id"]].to_numpy()
    n_texts = len(known.usual)
    products = change[:, :n_texts, None] * who[:, None, :]
    crossed = np.hstack([change, products.reshape(len(change), n_texts * who.shape[1])])
    weights = ridge(crossed, known.train["prefers_b"], inverse_penalty=inverse_penalty)
    shared, own = weights[: change.shape[1]], weights[change.shape[1] :].reshape(n_texts, who.shape[1])

    def log_odds(rows: pd.DataFrame, k: int | None = None, texts: pd.DataFrame | None = None) -> np.ndarray:
        moved = _changes(known.about(texts), rows, with_history, k)
        return moved @ shared + (moved[:, :n_texts] @ own * traits.loc[rows["persona_id"]].to_numpy()).sum(axis=1)

    return log_odds


def fit_history(known: Material, *, inverse_penalty: float) -> Callable[..., np.ndarray]:
    """Blind weights, and for each feature a weight on what the person's history has of it.

    A history is the mean of its differences less those of all training pairs, shrunken as if it had `SHRINK` more pairs
    that say nothing. The scorer takes k, the pairs of history that it may read; None: all.
    """
    change = _changes(known, known.train, True)
    weights = ridge(change, known.train["prefers_b"], inverse_penalty=inverse_penalty)
    return lambda rows, k=None, texts=None: _changes(known.about(texts), rows, True, k) @ weights


def _changes(known: Material, rows: pd.DataFrame, with_history: bool, k: int | None = None) -> np.ndarray:
    """The difference of text features, and beside it the same times what the history has of each feature."""
    change = known.difference(rows)
    if not with_history:
        return change
    past = known.by_history(rows, lambda own: (own[:k] - known.usual).sum(axis=0) / (len(own[:k]) + SHRINK))
    return np.hstack([change, change * past])


def fit_groups(known: Material, *, inverse_penalty: float, n_groups: int) -> Scorer:
    """A mixture of latent groups by expectation and maximisation; a person belongs to each with some chance.

    A new person belongs to each as well as it explains the person's history, over the groups' sizes; without a history
    by the sizes alone. The log odds are those of the mean chance.
    """
    train, change = known.train, known.difference(known.train)
    whose, people = pd.factorize(train["persona_id"], sort=True)
    if not len(people):
        return lambda rows, texts=None: np.zeros(len(rows))
    rng = generator(known.seed, "learning.groups")
    belongs = rng.dirichlet(np.ones(n_groups), len(people))
    sign = np.where(train["prefers_b"] == 1, 1.0, -1.0)
    weights = np.zeros((n_groups, change.shape[1]))
    sizes = np.full(n_groups, 1 / n_groups)
    for _ in range(N_ROUNDS):
        for group in range(n_groups):
            weight = belongs[whose, group]
            weights[group] = ridge(change, train["prefers_b"], inverse_penalty=inverse_penalty, weight=weight)
        sizes = (belongs.sum(axis=0) + 1) / (len(people) + n_groups)
        explained = log_expit(sign[:, None] * (change @ weights.T))
        total = np.zeros_like(belongs)
        np.add.at(total, whose, explained)
        belongs = np.exp(log_softmax(total + np.log(sizes), axis=1))

    def members(own: np.ndarray) -> np.ndarray:
        return np.exp(log_softmax(log_expit(own @ weights.T).sum(axis=0) + np.log(sizes)))

    def log_odds(rows: pd.DataFrame, texts: pd.DataFrame | None = None) -> np.ndarray:
        chance = expit(known.about(texts).difference(rows) @ weights.T) * known.by_history(rows, members)
        chance = chance.sum(axis=1)
        return np.log(np.clip(chance, 1e-12, 1)) - np.log(np.clip(1 - chance, 1e-12, 1))

    return log_odds


def log_expit(x: np.ndarray) -> np.ndarray:
    """Logarithm of the logistic function, exact far from 0."""
    return -np.logaddexp(0, -x)


def ridge(
    change: np.ndarray, prefers_b: pd.Series, *, inverse_penalty: float, weight: np.ndarray | None = None
) -> np.ndarray:
    """Weights of a logistic regression without intercept: naming the answers a and b the other way turns the sign.

    Every second row is turned, which changes no weight, so that both choices occur. Zeros without a row.

    Examples
    --------
    One feature; b is preferred where it is larger.

    >>> bool(ridge(np.array([[1.0], [2.0]]), pd.Series([1, 1]), inverse_penalty=1.0)[0] > 0)
    True
    """
    if not len(change):
        return np.zeros(change.shape[1])
    chosen = prefers_b.to_numpy().astype(int)
    turn = np.arange(len(change)) % 2 == 1
    if len(change) == 1:
        change, chosen, turn = np.repeat(change, 2, axis=0), np.repeat(chosen, 2), np.array([False, True])
        weight = None if weight is None else np.repeat(weight, 2) / 2
    turned = np.where(turn, 1 - chosen, chosen)
    if turned.min() == turned.max():  # turn another half: the last row alone
        turn[-1] = not turn[-1]
        turned = np.where(turn, 1 - chosen, chosen)
    fitted = LogisticRegression(C=inverse_penalty, fit_intercept=False, max_iter=300)
    fitted.fit(change * np.where(turn, -1.0, 1.0)[:, None], turned, sample_weight=weight)
    return fitted.coef_[0]
