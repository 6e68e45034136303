"""How far draws are from their census in several attributes at once: associations and k-way margins."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from persona_lib.estimating import association
from persona_lib.estimating.association import total_variation
from persona_lib.sampling import coding
from persona_lib.sampling.fidelity import beyond, categories, limits, locate, ranged, verdict
from persona_lib.sampling.population import Frame
from persona_lib.tables.schema import NOT_IN_UNIVERSE, statistic
from persona_lib.tables.streams import generator

MOST = 12  # categories of an attribute that are told apart; the lightest others are summed
N_TRIPLES = 50  # as many random margins as SDNist's census challenge takes
POINTS = 1_000


def grouped(persons: pd.DataFrame, weights: np.ndarray) -> pd.DataFrame:
    """Every attribute's categories, the lightest lumped into one beyond `MOST`; not in universe is a category."""
    found = categories(persons)
    for attribute in found:
        few = association.lumped(found[attribute], weights, most=MOST)
        names = sorted({*few.cat.categories, NOT_IN_UNIVERSE})
        found[attribute] = few.cat.set_categories(names).fillna(NOT_IN_UNIVERSE)
    return found


def k_marginal(draws: list[np.ndarray], census: list[np.ndarray]) -> float:
    """NIST's k-marginal score: 1000 x (1 - mean total variation over margins of k attributes) [1]_.

    1000 where every margin is the same, 0 where no draw falls into a cell that the census has. Small
    samples lose points by chance alone: a margin of hundreds of cells cannot be filled by 150 persons.

    Parameters
    ----------
    draws, census : the same margins in both, each as shares that sum to 1

    References
    ----------
    .. [1] NIST, SDNist: Deidentified Data Report Tool, k-marginal metric; first used in the Differential
       Privacy Synthetic Data Challenge of 2018. https://github.com/usnistgov/SDNist

    Examples
    --------
    One margin is the same, in the other a tenth of the persons would have to move.

    >>> same, other = np.array([0.5, 0.5]), np.array([0.6, 0.4])
    >>> round(k_marginal([same, other], [same, same]))
    950
    """
    gaps = [total_variation(a, b) for a, b in zip(draws, census, strict=True)]
    return POINTS * (1 - float(np.mean(gaps)))


def against_source(frame: Frame, draws: pd.DataFrame, *, seed: int, n_redraws: int = 100) -> pd.DataFrame:
    """Pairs and triples of attributes, draws against census, as rows of shape `statistics`.

    Attributes are grouped to at most twelve categories. What is by chance comes from `n_redraws` redraws
    by the same design, as in `fidelity.against_source`.

    - `cramers_v_gap` (group: attribute|attribute): Cramer's V among the draws, bias-corrected for their
      number, less V in the census, which they are drawn from; low and high are its 95 %
      range by chance. Among persons in the universe of both; NaN where one has no two categories;
    - `cramers_v_mean_gap` (group `all`): mean absolute gap over pairs;
    - `k_marginal_2`, over all pairs, and `k_marginal_3`, over fifty random triples: see `k_marginal`; persons not
      in an attribute's universe are a category of their own.

    The last two have a row `..._by_chance` with mean and 95 % range, and a verdict.

    Raises
    ------
    SchemaError
        As `fidelity.locate`.
    """
    rows = locate(frame, draws)
    rng = generator(seed, "population.joint")
    weights = frame.pool["weight_persons"].to_numpy(dtype="float64")
    coded = coding.code(grouped(frame.pool, weights))
    names = list(dict.fromkeys(coded.labels["attribute"]))
    pairs = list(combinations(range(len(names)), 2))
    triples = list(combinations(range(len(names)), 3))
    triples = [triples[place] for place in sorted(rng.permutation(len(triples))[:N_TRIPLES])]
    tables = _Tables(coded, pairs, triples)
    del coded
    census = tables.of(slice(None), weights)
    of_census = np.array([association.cramers_v(table, n=np.inf) for table in census.inside])
    drawn, again = tables.of(rows), [tables.of(redrawn) for redrawn in frame.again(rows, rng, n_redraws)]
    gaps = np.array([association.cramers_v(table) for table in drawn.inside]) - of_census
    chance = np.array([[association.cramers_v(table) for table in one.inside] for one in again]) - of_census
    known = ~np.isnan(gaps)
    found = []
    for place, (a, b) in enumerate(pairs):
        n, group = int(drawn.inside[place].sum()), f"{names[a]}|{names[b]}"
        if not known[place] or np.isnan(chance[:, place]).all():
            nothing = "no two categories in both attributes"
            found.append(statistic("cramers_v_gap", group, float("nan"), n=n, method=nothing))
            continue
        how = (
            f"draws {gaps[place] + of_census[place]:.3f}, census {of_census[place]:.3f}; Bergsma 2013; range of redraws"
        )
        found.append(statistic("cramers_v_gap", group, gaps[place], **limits(chance[:, place]), n=n, method=how))
    rest = {"n": len(rows), "n_excluded": int((~known).sum())}
    if known.any():
        mean_gaps = np.nanmean(np.abs(chance), axis=1)
        found += _with_chance("cramers_v_mean_gap", float(np.abs(gaps[known]).mean()), mean_gaps, rest)
    else:
        nothing = "no two categories in both attributes of any pair"
        found.append(statistic("cramers_v_mean_gap", "all", float("nan"), **rest, method=nothing))
    rest = {"n": len(rows), "n_excluded": 0}
    for k, margins in ((2, "pairs"), (3, "triples")):
        score = k_marginal(getattr(drawn, margins), getattr(census, margins))
        scores = np.array([k_marginal(getattr(one, margins), getattr(census, margins)) for one in again])
        found += _with_chance(f"k_marginal_{k}", score, scores, rest, low_is_bad=True)
    return pd.DataFrame(found)


def _with_chance(name: str, value: float, chance: np.ndarray, rest: dict, *, low_is_bad: bool = False) -> list[dict]:
    p = beyond(-value, -chance) if low_is_bad else beyond(value, chance)
    how = f"draws against census; p by {len(chance)} redraws: {p:.3g}; {verdict(p)}"
    by_chance = f"mean and 95 % range of {len(chance)} redraws"
    first = statistic(name, "all", value, **rest, method=how)
    return [first, ranged(f"{name}_by_chance", "all", chance, **rest, method=by_chance)]


@dataclass(frozen=True)
class _Margins:
    pairs: list[np.ndarray]  # shares of the cells of each pair
    inside: list[np.ndarray]  # tables of each pair, of the persons in the universe of both
    triples: list[np.ndarray]  # shares of the cells of each triple


class _Tables:
    """Counts the margins of any set of the pool's persons."""

    def __init__(self, coded: coding.Coded, pairs: list[tuple], triples: list[tuple]):
        first = np.flatnonzero(np.diff(coded.owner, prepend=-1)).astype("int16")
        self.codes = np.subtract(coded.codes, first, order="F")  # within each attribute from 0
        self.sizes = np.bincount(coded.owner).astype("int32")
        asked = (coded.labels["category"] != NOT_IN_UNIVERSE).to_numpy()
        self.asked = [np.flatnonzero(asked[coded.owner == place]) for place in range(len(self.sizes))]
        self.pairs, self.triples = pairs, triples

    def of(self, rows: np.ndarray | slice, weights: np.ndarray | None = None) -> _Margins:
        local = list(self.codes[rows].T)
        pairs = [self._cells(pair, local, weights) for pair in self.pairs]
        total = pairs[0].sum()
        inside = [table[np.ix_(self.asked[a], self.asked[b])] for table, (a, b) in zip(pairs, self.pairs, strict=True)]
        triples = [self._cells(triple, local, weights).ravel() / total for triple in self.triples]
        return _Margins([pair.ravel() / total for pair in pairs], inside, triples)

    def _cells(self, places: tuple, local: list[np.ndarray], weights: np.ndarray | None) -> np.ndarray:
        at = local[places[0]].astype("int32")
        for place in places[1:]:
            at = at * self.sizes[place] + local[place]
        sizes = self.sizes[list(places)]
        return np.bincount(at, weights, minlength=int(sizes.prod())).reshape(sizes)
