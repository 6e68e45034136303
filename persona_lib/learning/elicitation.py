"""What to ask next: learning a new persona's preferences by a few questions of the pool.

A mixture of latent classes is learned from the train personas' choices. Of a new persona it knows only the answers to
the questions asked; it is judged on questions that are never asked. Questions are asked in random order, or each next
the one whose answer is expected to tell most about the class, or (the oracle, which nobody can be) the one whose true
answer makes the questions of the test most likely.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from scipy.special import log_softmax
from scipy.stats import entropy

from persona_lib.estimating import resample
from persona_lib.tables.streams import generator

WAYS = ("random", "expected_gain", "oracle")
N_ROUNDS = 60
LEAST_CHANCE = 0.02  # no class is sure of an answer
CLUSTERS = ["persona_id", "item_id"]


@dataclass(frozen=True)
class Classes:
    """Latent classes: `sizes` (classes,) that sum to 1, and each one's `chance` of answer b, classes x items."""

    sizes: np.ndarray
    chance: np.ndarray

    def belongs(self, choices: np.ndarray) -> np.ndarray:
        """Chance of each class after choices (items,): 1 b, 0 a, NaN not asked."""
        said = ~np.isnan(choices)
        b = choices[said]
        likely = b * np.log(self.chance[:, said]) + (1 - b) * np.log1p(-self.chance[:, said])
        return np.exp(log_softmax(np.log(self.sizes) + likely.sum(axis=1)))


def latent_classes(choices: np.ndarray, *, n_classes: int, rng: np.random.Generator) -> Classes:
    """A mixture of independent Bernoulli answers by expectation and maximisation, from one random start.

    Two pseudo-answers with the item's own share are added to each class, so that no class is sure of what few said.

    Parameters
    ----------
    choices : persons x items; 1.0 answer b, 0.0 answer a, NaN none
    """
    known, b = (~np.isnan(choices)).astype("float64"), np.nan_to_num(choices)
    share = (b.sum(axis=0) + 1) / (known.sum(axis=0) + 2)
    part = rng.dirichlet(np.ones(n_classes), len(choices))
    for _ in range(N_ROUNDS):
        chance = (part.T @ b + 2 * share) / (part.T @ known + 2)
        found = Classes(
            (part.sum(axis=0) + 1) / (len(choices) + n_classes), chance.clip(LEAST_CHANCE, 1 - LEAST_CHANCE)
        )
        likely = b @ np.log(found.chance).T + (known - b) @ np.log1p(-found.chance).T
        part = np.exp(log_softmax(likely + np.log(found.sizes), axis=1))
    return found


def expected_gain(classes: Classes, belongs: np.ndarray) -> np.ndarray:
    """Mutual information of the class and the answer to each item, in nats: (items,).

    0 where all classes answer alike; at most the entropy of `belongs` and log 2.

    Examples
    --------
    Two equally likely classes: the first item tells them apart, the second does not.

    >>> two = Classes(np.array([0.5, 0.5]), np.array([[1.0, 0.5], [0.0, 0.5]]))
    >>> expected_gain(two, two.sizes).round(4).tolist()
    [0.6931, 0.0]
    """
    mean = belongs @ classes.chance
    each = entropy(np.stack([classes.chance, 1 - classes.chance]), axis=0)
    return np.maximum(entropy(np.stack([mean, 1 - mean]), axis=0) - belongs @ each, 0.0)


def ask(
    classes: Classes,
    row: np.ndarray,
    *,
    offered: np.ndarray,
    tested: np.ndarray,
    way: str,
    rng: np.random.Generator,
    n: int,
) -> np.ndarray:
    """The chance of answer b to every tested item after 0, 1, ..., n questions: (n + 1) x tested items.

    Parameters
    ----------
    row : the persona's choices on all items; only those asked are looked at, by the oracle also those tested
    offered, tested : numbers of the items that may be asked, and of those that are predicted
    way : one of `WAYS`
    n : questions, at most as many as `offered` has answers
    """
    left = [i for i in rng.permutation(offered) if not np.isnan(row[i])]
    told, found = np.full(len(row), np.nan), []
    for _ in range(n + 1):
        belongs = classes.belongs(told)
        found.append(belongs @ classes.chance[:, tested])
        if left:
            best = {
                "random": lambda: left[0],
                "expected_gain": lambda: left[int(np.argmax(expected_gain(classes, belongs)[left]))],  # noqa: B023
                "oracle": lambda: max(left, key=partial(_likely_after, classes, told, row, tested)),
            }[way]()
            left.remove(best)
            told[best] = row[best]
    return np.array(found)


def _likely_after(classes: Classes, told: np.ndarray, row: np.ndarray, tested: np.ndarray, item: int) -> float:
    """The log likelihood of the tested choices if the answer to one more item were known."""
    more = told.copy()
    more[item] = row[item]
    chance, b = classes.belongs(more) @ classes.chance[:, tested], row[tested]
    return float(np.nansum(b * np.log(chance) + (1 - b) * np.log1p(-chance)))


def elicit(
    chosen: pd.DataFrame, personas: pd.DataFrame, *, n_classes: int, n_questions: int, seed: int
) -> pd.DataFrame:
    """Ask every held-out persona, in the three ways; half of the items are offered and the others tested, then turned.

    Parameters
    ----------
    chosen : the result of `pluralism.pool_choices`
    personas : table `personas`
    n_classes : latent classes
    n_questions : questions at most

    Returns
    -------
    One row per way, k, persona and tested item: right (1.0, 0.0), log_score (natural logarithm of the chance given to
    what was chosen). No rows without train or held-out personas.
    """
    grid = chosen.pivot(index="persona_id", columns="item_id", values="choice").sort_index().sort_index(axis=1)
    split = personas.set_index("persona_id")["persona_split"].reindex(grid.index)
    known, new = grid[split == "train"], grid[split == "heldout_persona"]
    columns = ["way", "k", *CLUSTERS, "right", "log_score"]
    if not len(known) or not len(new) or grid.shape[1] < 2:
        return pd.DataFrame(columns=columns)
    classes = latent_classes(known.to_numpy(), n_classes=n_classes, rng=generator(seed, "learning.classes"))
    halves = np.array_split(generator(seed, "learning.halves").permutation(grid.shape[1]), 2)
    rows = []
    for persona, choices in zip(new.index, new.to_numpy(), strict=True):
        for offered, tested in (halves, halves[::-1]):
            n = min(n_questions, int((~np.isnan(choices[offered])).sum()))
            for way in WAYS:
                rng = generator(seed, "learning.asked", str(persona), int(offered[0]))
                chances = ask(classes, choices, offered=offered, tested=tested, way=way, rng=rng, n=n)
                said = ~np.isnan(choices[tested])
                b, items = choices[tested][said], grid.columns[tested][said]
                for k, p in enumerate(chances[:, said]):
                    right, score = (p > 0.5) == b, np.log(np.where(b == 1, p, 1 - p))
                    rows += [(way, k, persona, *row) for row in zip(items, right.astype(float), score, strict=True)]
    return pd.DataFrame(rows, columns=columns)


def elicitation_statistics(asked: pd.DataFrame) -> pd.DataFrame:
    """Accuracy on the items never asked, by way and number of questions; and what choosing gains over random.

    Returns
    -------
    Rows of table `learning`: elicited and elicited_log_score of `way|k=K`; elicited_gain of `way|k=K`, the log score
    less that of random questions, paired, in nats an item.
    """
    rows = []
    for (way, k), part in asked.groupby(["way", "k"]):
        name = f"{way}|k={k}"
        rows.append(
            resample.clustered_mean(part, value="right", clusters=CLUSTERS, within=(0, 1)).row("elicited", name)
        )
        score = resample.clustered_mean(part, value="log_score", clusters=CLUSTERS, within=(-np.inf, 0))
        rows.append(score.row("elicited_log_score", name))
    for k, part in asked[asked["k"] > 0].groupby("k"):
        wide = part.pivot(index=CLUSTERS, columns="way", values="log_score")
        for way in WAYS[1:]:
            paired = (wide[way] - wide["random"]).rename("difference").reset_index()
            found = resample.clustered_mean(paired, value="difference", clusters=CLUSTERS)
            rows.append(found.row("elicited_gain", f"{way}|k={k}"))
    return pd.DataFrame(rows)
