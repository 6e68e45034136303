"""Does what was put into the world come out inside its interval, and how often?

    python benchmarks/recovery.py --worlds 200

Simulates that many worlds, each with its own effects, shared share, noise, biases, refusals and error rates. In each
a study of every kind is drawn text-free (`simulator/studies.py`, `attempts.py`), its judgements go through the
measuring functions that the notebooks use, and every 95 % interval is compared with the truth: the statistic's
expectation over the world's persons and questions with the noise integrated. Prints two Markdown tables, by statistic
and by group: the coverage with its Monte Carlo error, the mean error of the estimates in units of the intervals' mean
half width, and the root mean square of the errors in units of the standard errors that the intervals claim.
"""

from __future__ import annotations

import argparse
import copy

import numpy as np
import pandas as pd

from persona_lib.measuring import ablation, agreement, benchmark, pass_at_k, validation
from persona_lib.measuring.recovery import recovery
from persona_lib.simulator import attempts, studies
from persona_lib.simulator.populations import Population, population
from persona_lib.simulator.world import Model, World, load
from persona_lib.tables.streams import generator
from persona_lib.tables.values import PLACEBO

ATTRIBUTES = ["lifestyle", "ideology", "big_five", "age_years", "sex", "hearing_difficulty", PLACEBO]
DROPPED = ["age_years", "lifestyle", "race", "fertility"]
BIASES = ["noise", "position_bias", "verbosity_bias", "self_preference"]
SIZES = {
    "choices": {"n": 4000},
    "validation": {"n_persons": 100, "n_items": 150, "n_pairs": 200},
    "ablation": {"n_persons": 40, "n_items": 20, "n_shown": 3},
    "pool": {"n_persons": 20, "n_items": 20, "n_raters": 4},
    "benchmark": {"n_persons": 60, "n_items": 120},
    "repeated": {"n_items": 60, "n_attempts": 8},
}


def a_world(number: int, rng: np.random.Generator) -> World:
    """A world of its own: other effects, another share of what is common, other biases and error rates."""
    parameters = copy.deepcopy(load().parameters)
    parameters |= {"seed": number, "shared_share": rng.uniform(0.1, 0.4)}
    for name in ("sim-medium", "sim-small", "sim-rater", "sim-judge"):
        changed = {"position_bias": rng.uniform(-0.4, 0.6), "refusal_rate": rng.uniform(0.002, 0.03)}
        changed |= {"malformed_rate": rng.uniform(0.002, 0.03), "critic_error": rng.uniform(0, 0.05)}
        changed |= {"verbosity_bias": rng.uniform(-0.4, 0.5), "self_preference": rng.uniform(0, 0.5)}
        changed |= {"noise": rng.uniform(0.08, 0.2), "extractor_error": rng.uniform(0, 0.06)}
        parameters["models"][name] |= changed
    return World(parameters)


def compared(found: pd.DataFrame, truth: dict[tuple[str, str], float]) -> pd.DataFrame:
    """The statistics that have a truth, beside it, with `off` as notebook 15 has it."""
    known = pd.Series(truth, name="truth").rename_axis(["statistic", "group"]).reset_index()
    both = recovery({"study": found}, known.assign(standard_error=0.0))
    if lost := set(truth) - set(both[["statistic", "group"]].itertuples(index=False, name=None)):
        raise ValueError(f"no estimate of {min(lost)}")
    return both[["statistic", "group", "truth", "estimate", "low", "high", "off"]]


def biases(choices: pd.DataFrame) -> pd.DataFrame:
    """noise, position_bias, verbosity_bias and self_preference out of choices whose utilities are known.

    A logistic regression of `first` on what stands in favour of the answer shown first; the noise is one over the
    slope of the utility, a bias in units of utility its own slope times the noise. Intervals by the delta method.

    Parameters
    ----------
    choices : the result of `studies.choices`

    Returns
    -------
    One row each: statistic, group (all), estimate, low, high, n.
    """
    import statsmodels.api as sm

    fit = sm.Logit(choices["first"].astype(float), sm.add_constant(choices.drop(columns="first"))).fit(disp=0)
    slope, covariance = fit.params, fit.cov_params()
    noise = 1 / slope["utility"]
    rows = []
    for statistic, of in (
        ("noise", ""),
        ("position_bias", "const"),
        ("verbosity_bias", "words"),
        ("self_preference", "habit"),
    ):
        gradient = pd.Series(0.0, slope.index)
        if of == "const":
            value, gradient["const"] = slope["const"], 1.0
        elif of:
            value, gradient[of], gradient["utility"] = slope[of] * noise, noise, -slope[of] * noise**2
        else:
            value, gradient["utility"] = noise, -(noise**2)
        half = 1.96 * np.sqrt(gradient @ covariance @ gradient)
        rows.append((statistic, "all", value, value - half, value + half, len(choices)))
    return pd.DataFrame(rows, columns=["statistic", "group", "estimate", "low", "high", "n"])


def studied(number: int) -> pd.DataFrame:
    """Every study of one world: estimates, intervals and truths."""
    rng = generator(number, "benchmarks.recovery")
    world = a_world(number, rng)
    people = population(world, rng)
    judge, small, raters, critic = (world.models[f"sim-{name}"] for name in ("medium", "small", "rater", "judge"))
    models = [judge, small]

    put_in = {(name, "all"): float(getattr(small, name)) for name in BIASES}
    found = [compared(biases(studies.choices(people, small, rng, n=SIZES["choices"]["n"])), put_in)]
    judgements, pairs, answers = studies.validation(people, judge, rng, **SIZES["validation"])
    held = validation.validation_statistics(judgements, pairs, answers)
    found.append(compared(held, studies.validation_truth(people, judge, rng)))
    sizes = SIZES["ablation"]
    judgements, items = studies.ablation(people, judge, rng, names=ATTRIBUTES, **sizes)
    influences = ablation.influence_statistics(ablation.flips(judgements, items))
    truth = studies.ablation_truth(
        people, judge, rng, names=ATTRIBUTES, n_shown=sizes["n_shown"], n_items=sizes["n_items"]
    )
    found.append(compared(influences, truth))

    judgements, items = studies.pool(people, models, raters, rng, **SIZES["pool"])
    kappas = agreement.agreement_statistics(judgements, items, min_shared=8)
    by_lines = ablation.lines_statistics(ablation.with_whole(judgements, items))
    found.append(compared(by_lines, studies.lines_truth(people, judge, rng)))
    by_name, n_raters = {who.name: who for who in models}, SIZES["pool"]["n_raters"]
    found.append(compared(kappas, studies.pool_truth(people, by_name, raters, rng, n_raters=n_raters)))

    tried, dropped = attempts.benchmark(people, models, critic, rng, **SIZES["benchmark"])
    rates = benchmark.benchmark_statistics(tried, dropped)
    truth = attempts.benchmark_truth(people, models, critic, rng)
    truth = {key: value for key, value in truth.items() if key[0] != "drop_rate" or key[1] in DROPPED}
    found.append(compared(rates, truth))
    found.append(repeated(people, models, critic, rng))
    return pd.concat(found, ignore_index=True).assign(world=number)


def repeated(people: Population, models: list[Model], critic: Model, rng: np.random.Generator) -> pd.DataFrame:
    """The study of repeated attempts of one world."""
    tried = attempts.repeated(people, models, critic, rng, **SIZES["repeated"])
    n = SIZES["repeated"]["n_attempts"]
    rates = pass_at_k.pass_at_k_statistics(tried, n_attempts=n)
    return compared(rates, attempts.repeated_truth(people, models, critic, rng, n_attempts=n))


def coverage(rows: pd.DataFrame) -> pd.DataFrame:
    """Per statistic: intervals, share that holds the truth, its error, bias over mean half width, rms of `off`."""
    defined = rows.dropna(subset=["estimate", "low", "high"])
    holds = (defined["low"] <= defined["truth"] + 1e-12) & (defined["truth"] - 1e-12 <= defined["high"])
    defined = defined.assign(holds=holds, error=defined["estimate"] - defined["truth"])
    defined["half"] = (defined["high"] - defined["low"]) / 2
    by = defined.groupby(["statistic", "group"], sort=False)
    table = by.agg(n=("holds", "size"), coverage=("holds", "mean"), error=("error", "mean"), half=("half", "mean"))
    table["rms_off"] = by["off"].agg(lambda off: np.sqrt(np.mean(off**2)))
    table["mc_error"] = np.sqrt(table["coverage"] * (1 - table["coverage"]) / table["n"])
    table["bias"] = table["error"] / table["half"]
    return table.reset_index()


def by_statistic(rows: pd.DataFrame) -> pd.DataFrame:
    """Coverage of each statistic over its groups; the Monte Carlo error takes a world's groups together."""
    defined = rows.dropna(subset=["low", "high"])
    holds = (defined["low"] <= defined["truth"] + 1e-12) & (defined["truth"] - 1e-12 <= defined["high"])
    worlds = defined.assign(holds=holds).groupby(["statistic", "world"], sort=False)["holds"].mean()
    per_world = worlds.groupby("statistic", sort=False).agg(coverage="mean", mc_error="sem").fillna(0)
    each = coverage(rows).groupby("statistic", sort=False)
    lowest, highest = each["coverage"].min(), each["coverage"].max()
    rms_off = defined.groupby("statistic", sort=False)["off"].agg(lambda off: np.sqrt(np.mean(off**2)))
    more = {"bias": each["bias"].mean(), "rms_off": rms_off}
    return per_world.assign(groups=each.size(), lowest=lowest, highest=highest, **more).reset_index()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=200)
    parser.add_argument("--keep", help="a Parquet file for every interval, written anew after each world")
    parser.add_argument("--kept", help="simulate nothing: print the tables of such a file")
    chosen = parser.parse_args()
    found = [pd.read_parquet(chosen.kept)] if chosen.kept else []
    for number in range(0 if chosen.kept else chosen.worlds):
        found.append(studied(number))
        if chosen.keep:
            pd.concat(found, ignore_index=True).to_parquet(chosen.keep)
    rows = pd.concat(found, ignore_index=True)
    print("| statistic | groups | coverage | MC error | by group | bias / half width | rms off |")
    print("|---|---|---|---|---|---|---|")
    for r in by_statistic(rows).itertuples():
        numbers = (
            f"{r.coverage:.3f} | {r.mc_error:.3f} | {r.lowest:.3f} to {r.highest:.3f} | {r.bias:+.2f} | {r.rms_off:.2f}"
        )
        print(f"| {r.statistic} | {r.groups} | {numbers} |")
    print("\n| statistic | group | coverage | MC error | bias / half width | rms off | half width | intervals |")
    print("|---|---|---|---|---|---|---|---|")
    for r in coverage(rows).itertuples():
        numbers = f"{r.coverage:.3f} | {r.mc_error:.3f} | {r.bias:+.2f} | {r.rms_off:.2f} | {r.half:.3f} | {r.n}"
        print(f"| {r.statistic} | {r.group.replace('|', ' / ')} | {numbers} |")


if __name__ == "__main__":
    main()
