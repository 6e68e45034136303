"""What the consistency filter does to the population: who is rejected, by what, and the shift that it causes."""

from __future__ import annotations

import numpy as np
import pandas as pd

from persona_lib import streams, traits
from persona_lib.schema import SchemaError, statistic

GROUPS = ("sex", "age_group", "race_ethnicity", "education")
Z = 1.959964
NO_VERDICT = "no_verdict"


def wilson(k: int, n: int) -> tuple[float, float]:
    """The 95 % Wilson interval of a share k / n; NaN where n is 0.

    Wilson (1927), Journal of the American Statistical Association 22, 209-212.

    Examples
    --------
    >>> [round(end, 3) for end in wilson(0, 10)]
    [0.0, 0.278]
    """
    if n == 0:
        return float("nan"), float("nan")
    p, centre = k / n, 1 + Z**2 / n
    middle = (p + Z**2 / (2 * n)) / centre
    half = Z * np.sqrt(p * (1 - p) / n + Z**2 / (4 * n**2)) / centre
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))


def audit(
    candidates: pd.DataFrame,
    personas: pd.DataFrame,
    census: pd.DataFrame,
    *,
    rule_ids: list[str],
    n_random: int,
    seed: int,
) -> pd.DataFrame:
    """Selection by the consistency filter, as a statistics table.

    - `rejection_rate` of all and of each group: share
      of the draws with a verdict that a rule or the model rejected; draws without one are excluded.
    - `rejected_by` each rule and the model, of the same draws.
    - `total_variation` of an attribute: half the summed distance between the shares of all draws and of
      the personas. 0: the same; 1: nothing in common.
    - `total_variation_random`: the same for personas chosen from the draws at random; low and high are
      its 2.5 and 97.5 percentiles. A total variation above high is a shift that chance does not make.
    - `total_variation_raked`, `effective_personas`: after weighing the personas back (`weigh_back`).

    Parameters
    ----------
    candidates, personas, census : the tables of these names
    rule_ids : the rules and 'model', in order; one row each, broken or not
    n_random : random selections behind `total_variation_random`

    Returns
    -------
    Rows of the table `persona_audit`.
    """
    groups = _groups(candidates["person_id"], census)
    has_verdict = (candidates["rule_id"] != NO_VERDICT).to_numpy()
    is_rejected = (~candidates["is_consistent"]).to_numpy() & has_verdict
    rows = [_rate("rejection_rate", "all", is_rejected, has_verdict)]
    for attribute in GROUPS:
        for value in sorted(groups[attribute].unique()):
            mine = (groups[attribute] == value).to_numpy()
            name = f"{attribute}={value}"
            rows.append(_rate("rejection_rate", name, is_rejected & mine, has_verdict & mine, of=mine))
    for rule_id in rule_ids:
        rows.append(_rate("rejected_by", rule_id, (candidates["rule_id"] == rule_id).to_numpy(), has_verdict))
    accepted = groups[candidates["draw"].isin(personas["draw"]).to_numpy()]
    if len(accepted) != len(personas):
        raise SchemaError("persona_audit: the personas are not among the candidates; audit the tables of one run")
    return pd.DataFrame([*rows, *_shift(groups, accepted, n_random=n_random, seed=seed)])


def _groups(person_id: pd.Series, census: pd.DataFrame) -> pd.DataFrame:
    people = census.set_index("person_id").loc[person_id].reset_index()
    return traits.predictors(people)[list(GROUPS)]


def _rate(name: str, group: str, hit: np.ndarray, scored: np.ndarray, *, of: np.ndarray | None = None) -> dict:
    k, n, n_all = int(hit.sum()), int(scored.sum()), int(len(scored) if of is None else of.sum())
    low, high = wilson(k, n)
    share = k / n if n else float("nan")
    method = "share of draws with a verdict; Wilson interval"
    return statistic(name, group, share, low=low, high=high, n=n, n_excluded=n_all - n, method=method)


def _shift(groups: pd.DataFrame, accepted: pd.DataFrame, *, n_random: int, seed: int) -> list[dict]:
    n, rows = len(accepted), []
    generator = streams.generator(seed, "selection.total_variation_random")
    picks = np.argsort(generator.random((n_random, len(groups))), axis=1)[:, :n]
    weights = weigh_back(accepted, groups)
    for attribute in GROUPS:
        codes, values = pd.factorize(groups[attribute], sort=True)
        before = np.bincount(codes, minlength=len(values)) / len(codes)
        chosen = pd.Categorical(accepted[attribute], categories=values).codes
        chance = [_distance(before, np.bincount(codes[pick], minlength=len(values)) / n) for pick in picks]
        low, high = np.percentile(chance, [2.5, 97.5])
        after = np.bincount(chosen, minlength=len(values)) / n
        raked = np.bincount(chosen, weights=weights, minlength=len(values)) / weights.sum()
        draws = f"all draws against personas, {len(values)} categories"
        at_random = f"mean and 2.5, 97.5 percentiles of {n_random} random selections of the same size"
        share = {
            "total_variation": (_distance(before, after), {"method": draws}),
            "total_variation_raked": (round(_distance(before, raked), 9), {"method": f"{draws}, raked"}),
            "total_variation_random": (
                float(np.mean(chance)),
                {"low": float(low), "high": float(high), "method": at_random},
            ),
        }
        rows += [statistic(name, attribute, value, n=n, **rest) for name, (value, rest) in share.items()]
    effective = float(weights.sum() ** 2 / (weights**2).sum())
    return [*rows, statistic("effective_personas", "all", effective, n=n, method="Kish: (sum w)^2 / sum w^2, raked")]


def _distance(p: np.ndarray, q: np.ndarray) -> float:
    return float(0.5 * np.abs(p - q).sum())


def weigh_back(
    accepted: pd.DataFrame, before: pd.DataFrame, *, tolerance: float = 1e-9, max_rounds: int = 500
) -> pd.Series:
    """Weights (mean 1) under which `accepted` has the margins of `before` in every column: raking.

    Deming and Stephan (1940), Annals of Mathematical Statistics 11, 427-444. A category that nobody
    accepted has cannot be weighed back: it is left out and the others keep their proportions.

    Examples
    --------
    >>> before = pd.DataFrame({"sex": ["Female", "Female", "Male", "Male"]})
    >>> weigh_back(before.iloc[:3], before).tolist()
    [0.75, 0.75, 1.5]
    """
    weights = pd.Series(1.0, index=accepted.index)
    targets = {}
    for column in before:
        share = before[column].value_counts()
        share = share[share.index.isin(accepted[column])]
        targets[column] = share / share.sum() * len(accepted)
    for _ in range(max_rounds):
        previous = weights
        for column, target in targets.items():
            now = weights.groupby(accepted[column]).sum()
            weights = weights * accepted[column].map(target / now)
        if (weights - previous).abs().max() < tolerance:
            return weights
    raise ValueError(f"weigh_back: no convergence in {max_rounds} rounds; two margins may contradict each other")
