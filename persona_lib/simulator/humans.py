"""Respondents of a survey who are as alike, as predictable and as divided as the block `humans` of the world says.

Every answer, one of two, stands on a latent variable of variance 1: a part of the attributes one by one, a part that
all people alike in all attributes share, and the person's own. The shares of the three follow from the block.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri
from scipy.stats import multivariate_normal

from persona_lib.tables.groups import AGES
from persona_lib.tables.streams import generator

VALUES = {  # of each attribute, with the shares of its values: made up, and of no meaning
    "party": {"Democrat": 0.45, "Independent": 0.15, "Republican": 0.4},
    "ideology": {"Liberal": 0.3, "Moderate": 0.4, "Conservative": 0.3},
    "race": {"White": 0.75, "Black": 0.15, "Another race": 0.1},
    "sex": {"Female": 0.5, "Male": 0.5},
    "age_group": dict(zip(AGES, (0.3, 0.35, 0.2, 0.15), strict=True)),
    "schooling": {"High school or less": 0.4, "Some college": 0.3, "Bachelor's or more": 0.3},
}
_NODES = ndtri((np.arange(400) + 0.5) / 400)


def parts(humans: Mapping[str, float]) -> tuple[float, float, float]:
    """Of the latent variance the share of the attributes one by one, that of people alike beyond it, and the threshold.

    Raises
    ------
    ValueError
        Attributes cannot explain more than people alike share: raise agreement or lower explained_share.
    """
    chance = (1 - np.sqrt(1 - humans["divisiveness"])) / 2
    bound = -float(ndtri(chance))

    def kappa(alike: float) -> float:
        both = multivariate_normal.cdf([-bound, -bound], cov=[[1, alike], [alike, 1]])
        return float(both - chance**2) / (chance * (1 - chance))

    def told(share: float) -> float:
        p = ndtr((np.sqrt(share) * _NODES - bound) / np.sqrt(1 - share))
        return 1 - float(_bits(p).mean() / _bits(np.array(chance)))

    alike = brentq(lambda share: kappa(share) - humans["agreement"], 1e-6, 0.999) if humans["agreement"] else 0.0
    single = (
        brentq(lambda share: told(share) - humans["explained_share"], 1e-6, 0.999) if humans["explained_share"] else 0.0
    )
    if single > alike:
        raise ValueError(
            "humans: attributes explain more than people alike share; raise agreement or lower explained_share"
        )
    return single, alike - single, bound


def _bits(p: np.ndarray) -> np.ndarray:
    p = np.clip(p, 1e-12, 1 - 1e-12)
    return -(p * np.log2(p) + (1 - p) * np.log2(1 - p))


def people(humans: Mapping[str, float], *, n: int, n_items: int, seed: int) -> pd.DataFrame:
    """Draw n people with their answers, 0 or 1, to n_items items: person_id, weight, the attributes, i00, i01, ...

    `humans` as in `world.yaml`; errors as of `parts`.
    """
    single, shared, bound = parts(humans)
    rng = generator(seed, "simulator.humans")
    drawn = {name: rng.choice(list(values), size=n, p=list(values.values())) for name, values in VALUES.items()}
    table = pd.DataFrame({"person_id": [f"h{i:05d}" for i in range(n)], "weight": 1.0, **drawn})
    cell = table.groupby(list(VALUES)).ngroup().to_numpy()
    for item in range(n_items):
        line = np.zeros(n)
        for name, values in VALUES.items():
            share = np.array(list(values.values()))
            effect = rng.standard_normal(len(share))
            effect = (effect - share @ effect) / np.sqrt(share @ (effect - share @ effect) ** 2)
            line += effect[pd.Categorical(drawn[name], list(values)).codes] / np.sqrt(len(VALUES))
        own = np.sqrt(1 - single - shared) * rng.standard_normal(n)
        latent = np.sqrt(single) * line + np.sqrt(shared) * rng.standard_normal(cell.max() + 1)[cell] + own
        table[f"i{item:02d}"] = (latent > bound).astype(float)
    return table
