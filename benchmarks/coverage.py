"""How many of the 95 % intervals hold their truth, from many studies of a few worlds?

    python benchmarks/coverage.py --part pool --worlds 10 --studies 200 --size demo

A world's truths cost most, so they are integrated once, over three times as many cells as elsewhere; then that many
studies of one kind are drawn from the world, each with persons, questions and noise of its own, and go through the
measuring functions of the notebooks. Worlds are those of `recovery.py`. Prints a Markdown table by statistic: the
coverage over all groups and its Monte Carlo error (the groups of a study together), how many miss on each side, the
lowest and highest group, the mean half width, and whether the exact 99 % interval of the coverage contains 95 %, which
is told for a statistic of one group alone.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
import pandas as pd
from recovery import a_world
from statsmodels.stats.proportion import proportion_confint

from persona_lib.measuring import ablation, agreement, benchmark, pass_at_k, validation
from persona_lib.simulator import attempts, studies
from persona_lib.simulator.expected import Truth
from persona_lib.simulator.populations import Population, population
from persona_lib.tables.streams import generator

ATTRIBUTES = ["lifestyle", "ideology", "sex", "placebo"]
SIZES = {
    "demo": {
        "validation": {"n_persons": 80, "n_items": 100, "n_pairs": 200},
        "ablation": {"n_persons": 8, "n_items": 20, "n_shown": 3},
        "pool": {"n_persons": 20, "n_items": 10, "n_raters": 4},
        "benchmark": {"n_persons": 30, "n_items": 30},
        "repeated": {"n_items": 20, "n_attempts": 16},
    },
    "paper": {
        "validation": {"n_persons": 1586, "n_items": 3868, "n_pairs": 3000},
        "ablation": {"n_persons": 40, "n_items": 20, "n_shown": 3},
        "pool": {"n_persons": 20, "n_items": 20, "n_raters": 4},
        "benchmark": {"n_persons": 700, "n_items": 700},
        "repeated": {"n_items": 100, "n_attempts": 16},
    },
}
Study = Callable[[Population, dict, np.random.Generator], pd.DataFrame]


def of_validation(people: Population, sizes: dict, rng: np.random.Generator) -> pd.DataFrame:
    return validation.validation_statistics(*studies.validation(people, _who(people, "medium")[0], rng, **sizes))


def of_ablation(people: Population, sizes: dict, rng: np.random.Generator) -> pd.DataFrame:
    drawn = studies.ablation(people, _who(people, "medium")[0], rng, names=ATTRIBUTES, **sizes)
    return ablation.influence_statistics(ablation.flips(*drawn))


def of_pool(people: Population, sizes: dict, rng: np.random.Generator) -> pd.DataFrame:
    *models, raters = _who(people, "medium", "small", "rater")
    drawn = studies.pool(people, models, raters, rng, **sizes)
    lines = ablation.lines_statistics(ablation.with_whole(*drawn))
    return pd.concat([agreement.agreement_statistics(*drawn, min_shared=8), lines])


def of_benchmark(people: Population, sizes: dict, rng: np.random.Generator) -> pd.DataFrame:
    *models, critic = _who(people, "medium", "small", "judge")
    return benchmark.benchmark_statistics(*attempts.benchmark(people, models, critic, rng, **sizes))


def of_repeated(people: Population, sizes: dict, rng: np.random.Generator) -> pd.DataFrame:
    *models, critic = _who(people, "medium", "small", "judge")
    tried = attempts.repeated(people, models, critic, rng, **sizes)
    return pass_at_k.pass_at_k_statistics(tried, n_attempts=sizes["n_attempts"])


def truth_of(part: str, people: Population, sizes: dict, rng: np.random.Generator) -> Truth:
    """What the studies of one kind estimate in this world."""
    medium, small, raters, critic = _who(people, "medium", "small", "rater", "judge")
    models = [medium, small]
    if part == "validation":
        return studies.validation_truth(people, medium, rng)
    if part == "ablation":
        return studies.ablation_truth(people, medium, rng, names=ATTRIBUTES, n_shown=sizes["n_shown"])
    if part == "pool":
        by_name = {who.name: who for who in models}
        found = studies.pool_truth(people, by_name, raters, rng, n_raters=sizes["n_raters"])
        return found | studies.lines_truth(people, medium, rng)
    if part == "benchmark":
        return attempts.benchmark_truth(people, models, critic, rng)
    return attempts.repeated_truth(people, models, critic, rng, n_attempts=sizes["n_attempts"])


STUDIES: dict[str, Study] = {
    "validation": of_validation,
    "ablation": of_ablation,
    "pool": of_pool,
    "benchmark": of_benchmark,
    "repeated": of_repeated,
}


def _who(people: Population, *names: str) -> list:
    return [people.world.models[f"sim-{name}"] for name in names]


def intervals(part: str, *, size: str, n_worlds: int, n_studies: int) -> pd.DataFrame:
    """Every interval that has a truth: statistic, group, estimate, low, high, truth, study."""
    studies.N_INTEGRATED = attempts.N_INTEGRATED = 60_000
    sizes, found = SIZES[size][part], []
    for number in range(n_worlds):
        rng = generator(number, "benchmarks.coverage", part, size)
        people = population(a_world(number, rng), rng)
        truth = pd.Series(truth_of(part, people, sizes, rng), name="truth").rename_axis(["statistic", "group"])
        for study in range(n_studies):
            made = STUDIES[part](people, sizes, rng).dropna(subset=["estimate"])
            both = made.merge(truth.reset_index(), on=["statistic", "group"])
            columns = ["statistic", "group", "estimate", "low", "high", "truth"]
            found.append(both[columns].assign(study=number * n_studies + study))
    return pd.concat(found, ignore_index=True)


def coverage(rows: pd.DataFrame) -> pd.DataFrame:
    """Coverage by statistic, as told above; estimates without an interval are counted in `none`."""
    defined = rows.dropna(subset=["low", "high"])
    above = defined["truth"] < defined["low"] - 1e-12
    below = defined["truth"] > defined["high"] + 1e-12
    defined = defined.assign(holds=~(above | below), above=above, below=below)
    defined["half"] = (defined["high"] - defined["low"]) / 2
    of_study = defined.groupby(["statistic", "study"], sort=False)["holds"].mean()
    table = of_study.groupby("statistic", sort=False).agg(coverage="mean", error="sem", studies="size")
    by_group = defined.groupby(["statistic", "group"], sort=False)["holds"].mean().groupby("statistic", sort=False)
    by_statistic = defined.groupby("statistic", sort=False)
    table = table.join(by_group.agg(groups="size", lowest="min", highest="max"))
    table = table.join(by_statistic.agg(above=("above", "mean"), below=("below", "mean"), half=("half", "mean")))
    return table.join(rows.groupby("statistic")["low"].agg(none=lambda low: low.isna().mean())).reset_index()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=list(STUDIES), required=True)
    parser.add_argument("--size", choices=list(SIZES), default="demo")
    parser.add_argument("--worlds", type=int, default=10)
    parser.add_argument("--studies", type=int, default=200)
    chosen = parser.parse_args()
    rows = intervals(chosen.part, size=chosen.size, n_worlds=chosen.worlds, n_studies=chosen.studies)
    print("| statistic | groups | studies | coverage | MC error | by group | above, below | half width | no interval |")
    print("|---|---|---|---|---|---|---|---|---|")
    for r in coverage(rows).itertuples():
        within = ""
        if r.groups == 1:
            ends = proportion_confint(round(r.coverage * r.studies), r.studies, alpha=0.01, method="beta")
            within = " (contains 95 %)" if ends[0] <= 0.95 <= ends[1] else " (does not contain 95 %)"
        numbers = f"{r.coverage:.3f}{within} | {r.error:.3f} | {r.lowest:.3f} to {r.highest:.3f}"
        sides = f"{r.above:.3f}, {r.below:.3f} | {r.half:.3f} | {r.none:.3f}"
        print(f"| {r.statistic} | {r.groups} | {r.studies} | {numbers} | {sides} |")


if __name__ == "__main__":
    main()
