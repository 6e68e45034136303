"""What the consistency filter does to the population: who is rejected, by what, and the shift that it causes."""

from __future__ import annotations

import numpy as np
import pandas as pd

from persona_lib.estimating.association import effective_size, total_variation
from persona_lib.estimating.corrections import adjusted_p_values
from persona_lib.estimating.resample import LEVEL, wilson
from persona_lib.synthesis import beliefs, rules
from persona_lib.tables import streams
from persona_lib.tables.schema import UNKNOWN, SchemaError, statistic

NO_VERDICT = "no_verdict"


def groups(people: pd.DataFrame) -> pd.DataFrame:
    """The groups that the audit compares, one column each; same index.

    sex, age_group, race_ethnicity and education as in the survey; work, living and faith are what the rules about
    listed traits ask for, so these are where the filter is most likely to select.

    Parameters
    ----------
    people : rows of `personas.complete`
    """
    found = beliefs.predictors(people)
    employed = people["employment_status"].isin(rules.CIVILIAN_WORK + rules.ARMED_FORCES)
    work = employed.map({True: "employed", False: "not employed"})
    living = people["household_type"].isin(rules.LIVING_ALONE).map({True: "alone", False: "with others"})
    living = living.mask(people["household_type"] == UNKNOWN, UNKNOWN)
    return found.assign(
        work=work.mask(people["employment_status"] == UNKNOWN, UNKNOWN),
        living=living.mask(people["is_group_quarters"], "group quarters"),
        faith=people["religion"].isin(rules.NO_FAITH).map({True: "none", False: "some or not stated"}),
    )


def audit(
    candidates: pd.DataFrame,
    personas: pd.DataFrame,
    people: pd.DataFrame,
    *,
    rule_ids: list[str],
    n_random: int,
    seed: int,
) -> pd.DataFrame:
    """Selection by the consistency filter, as a statistics table.

    - `rejection_rate` of all and of each group: share of the draws with a verdict that a rule or the model
      rejected; draws without one are excluded. The groups' intervals hold together: each is at 1 - 0.05 / m for m
      groups (Bonferroni), so that all cover at 95 %.
    - `rule_rate` and `model_rate`: the same of the rules alone, among all draws, and of the model alone, among the
      draws that passed the rules and have a verdict.
    - `rejection_p` of each attribute: chance that groups with equal rejection rates differ this much, by
      permutation of a chi-square, Holm-adjusted over the attributes.
    - `rejected_by` each rule and the model, of the draws with a verdict.
    - `total_variation` of an attribute: half the summed distance between the shares of all draws and of
      the personas. 0: the same; 1: nothing in common.
    - `total_variation_random`: the same for personas chosen from the draws at random; low and high are
      its 2.5 and 97.5 percentiles. A total variation above high is a shift that chance does not make.
    - `total_variation_raked`, `effective_personas`, `largest_weight`: after weighing back (`raked`).

    Parameters
    ----------
    candidates, personas : the tables of these names
    people : rows of `personas.complete`, those of `candidates`
    rule_ids : the rules and 'model', in order; one row each, broken or not
    n_random : permutations, and random selections behind `total_variation_random`

    Returns
    -------
    Rows of the table `persona_audit`.
    """
    of, accepted = _of_draws(candidates, personas, people)
    has_verdict = (candidates["rule_id"] != NO_VERDICT).to_numpy()
    is_rejected = (~candidates["is_consistent"]).to_numpy() & has_verdict
    by_model = (candidates["rule_id"] == "model").to_numpy()
    by_rule = is_rejected & ~by_model
    kinds = {
        "rejection_rate": (is_rejected, has_verdict, "share of draws with a verdict"),
        "rule_rate": (by_rule, np.ones(len(candidates), dtype=bool), "share of all draws"),
        "model_rate": (by_model, has_verdict & ~by_rule, "share of draws that passed the rules and have a verdict"),
    }
    cells = [(f"{name}={value}", (of[name] == value).to_numpy()) for name in of for value in sorted(of[name].unique())]
    rows = []
    for name, (hit, scored, what) in kinds.items():
        rows.append(_rate(name, "all", hit, scored, what=what))
        for group, mine in cells:
            rows.append(_rate(name, group, hit & mine, scored & mine, what=what, of=mine, m=len(cells)))
    for rule_id in rule_ids:
        hit = (candidates["rule_id"] == rule_id).to_numpy()
        rows.append(_rate("rejected_by", rule_id, hit, has_verdict, what="share of draws with a verdict"))
    rows += _unequal(of[has_verdict], is_rejected[has_verdict], n_random=n_random, seed=seed)
    return pd.DataFrame([*rows, *_shift(of, accepted, n_random=n_random, seed=seed)])


def raked(candidates: pd.DataFrame, personas: pd.DataFrame, people: pd.DataFrame) -> pd.DataFrame:
    """Weights under which the personas have the draws' shares of every audited group again.

    Parameters
    ----------
    candidates, personas, people : see `audit`

    Returns
    -------
    Rows of the table `persona_weights`: persona_id, weight (mean 1).
    """
    of, accepted = _of_draws(candidates, personas, people)
    weight = weigh_back(accepted, of)
    by_draw = pd.Series(weight.to_numpy(), index=candidates.loc[weight.index, "draw"])
    return pd.DataFrame({"persona_id": personas["persona_id"], "weight": by_draw.loc[personas["draw"]].to_numpy()})


def _of_draws(candidates: pd.DataFrame, personas: pd.DataFrame, people: pd.DataFrame):
    """The groups of every candidate, and those of the accepted ones."""
    of = groups(people.set_index("draw", drop=False).loc[candidates["draw"]]).set_axis(candidates.index)
    accepted = of[candidates["draw"].isin(personas["draw"])]
    if len(accepted) != len(personas):
        raise SchemaError("persona_audit: the personas are not among the candidates; audit the tables of one run")
    return of, accepted


def _rate(
    name: str,
    group: str,
    hit: np.ndarray,
    scored: np.ndarray,
    *,
    what: str,
    of: np.ndarray | None = None,
    m: int = 1,
) -> dict:
    k, n, n_all = int(hit.sum()), int(scored.sum()), int(len(scored) if of is None else of.sum())
    low, high = wilson(k, n, level=1 - (1 - LEVEL) / m)
    method = f"{what}; Wilson interval" + (f", Bonferroni over {m} groups" if m > 1 else "")
    return statistic(name, group, k / n if n else np.nan, low=low, high=high, n=n, n_excluded=n_all - n, method=method)


def _unequal(of: pd.DataFrame, is_rejected: np.ndarray, *, n_random: int, seed: int) -> list[dict]:
    """One row `rejection_p` per attribute."""
    generator = streams.generator(seed, "selection.rejection_p")
    shuffled = generator.permuted(np.tile(is_rejected, (n_random, 1)), axis=1).astype("float64")
    rate, p = is_rejected.mean(), {}
    for attribute in of:
        belongs = pd.get_dummies(of[attribute]).to_numpy(float)
        size = belongs.sum(axis=0)
        seen, chance = (((hits @ belongs - size * rate) ** 2 / size).sum(axis=-1) for hits in (is_rejected, shuffled))
        p[attribute] = (1 + int((chance >= seen - 1e-9).sum())) / (1 + n_random)
    how = f"chi-square of {n_random} permutations, Holm over {len(p)} attributes"
    adjusted = adjusted_p_values(pd.Series(p), method="holm")
    return [statistic("rejection_p", name, value, n=len(of), method=how) for name, value in adjusted.items()]


def _shift(of: pd.DataFrame, accepted: pd.DataFrame, *, n_random: int, seed: int) -> list[dict]:
    n, rows = len(accepted), []
    generator = streams.generator(seed, "selection.total_variation_random")
    picks = np.argsort(generator.random((n_random, len(of))), axis=1)[:, :n]
    weights = weigh_back(accepted, of)
    for attribute in of:
        codes, values = pd.factorize(of[attribute], sort=True)
        before = np.bincount(codes, minlength=len(values)) / len(codes)
        chosen = pd.Categorical(accepted[attribute], categories=values).codes
        chance = [float(total_variation(before, np.bincount(codes[pick], minlength=len(values)) / n)) for pick in picks]
        low, high = np.percentile(chance, [2.5, 97.5])
        after = np.bincount(chosen, minlength=len(values)) / n
        weighed = np.bincount(chosen, weights=weights, minlength=len(values)) / weights.sum()
        draws = f"all draws against personas, {len(values)} categories"
        at_random = f"mean and 2.5, 97.5 percentiles of {n_random} random selections of the same size"
        share: dict[str, tuple[float, dict[str, float | str]]] = {
            "total_variation": (float(total_variation(before, after)), {"method": draws}),
            "total_variation_raked": (round(float(total_variation(before, weighed)), 9), {"method": f"{draws}, raked"}),
            "total_variation_random": (
                float(np.mean(chance)),
                {"low": float(low), "high": float(high), "method": at_random},
            ),
        }
        rows += [statistic(name, attribute, value, n=n, **rest) for name, (value, rest) in share.items()]
    rows.append(
        statistic("effective_personas", "all", effective_size(weights), n=n, method="Kish: (sum w)^2 / sum w^2, raked")
    )
    return [*rows, statistic("largest_weight", "all", float(weights.max()), n=n, method="raked weights of mean 1")]


def weigh_back(
    accepted: pd.DataFrame, before: pd.DataFrame, *, tolerance: float = 1e-9, max_rounds: int = 500
) -> pd.Series:
    """Weights (mean 1) under which `accepted` has the margins of `before` in every column: raking.

    Deming and Stephan (1940), Annals of Mathematical Statistics 11, 427-444. A category that nobody accepted has
    cannot be weighed back: it is left out and the others keep their proportions. Where the margins of few personas
    contradict each other no weights meet them all; then the last round stands, and what is left of the distance
    shows in `total_variation_raked`.

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
            break
    return weights
