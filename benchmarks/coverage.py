"""How many of the 95 % intervals hold their truth, from many studies of many worlds?

    python -m benchmarks.coverage --size demo --worlds 500 --processes 16 --table benchmarks/coverage_demo.csv

A world is one of `recovery.py`: effects, shared share, noise, biases and error rates of its own. Its truths are
integrated once, over twice as many cells as elsewhere. Then studies are drawn from it, each with persons, questions and
noise of its own, and go through the measuring functions of the notebooks: four studies a world of a cheap kind, one of
a dear kind, so that 500 worlds give 2,000 and 500. The table has one row per statistic and group, the worst first:
coverage and its exact 99 % interval, whether that meets the bar (from 2,000 intervals on 93 to 97 %, else the exact
interval contains 95 %), how many miss on each side, the mean half width, and estimates without an interval. Prints the
same by statistic in Markdown. After `--minutes` no further world is waited for: the table is made of those done.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from collections.abc import Callable, Iterable
from functools import partial

import numpy as np
import pandas as pd
from statsmodels.stats.proportion import proportion_confint

from benchmarks.recovery import a_world
from persona_lib.measuring import ablation, agreement, benchmark, pass_at_k, validation
from persona_lib.pluralism import majority
from persona_lib.pluralism.grids import panel
from persona_lib.simulator import attempts, studies
from persona_lib.simulator.expected import Truth
from persona_lib.simulator.populations import Population, population
from persona_lib.simulator.truth_of_panels import panel_truth
from persona_lib.tables.streams import generator

ATTRIBUTES = ["lifestyle", "ideology", "sex", "placebo"]
SIZES = {
    "demo": {
        "validation": {"n_persons": 80, "n_items": 100, "n_pairs": 200},
        "ablation": {"n_persons": 8, "n_items": 20, "n_shown": 3},
        "pool": {"n_persons": 20, "n_items": 10, "n_raters": 4},
        "pluralism": {"n_persons": 20, "n_items": 10, "n_raters": 4},
        "benchmark": {"n_persons": 30, "n_items": 30},
        "repeated": {"n_items": 20, "n_attempts": 16},
    },
    "paper": {
        "validation": {"n_persons": 1586, "n_items": 3868, "n_pairs": 3000},
        "ablation": {"n_persons": 40, "n_items": 20, "n_shown": 3},
        "pool": {"n_persons": 20, "n_items": 20, "n_raters": 4},
        "pluralism": {"n_persons": 20, "n_items": 20, "n_raters": 4},
        "benchmark": {"n_persons": 700, "n_items": 700},
        "repeated": {"n_items": 100, "n_attempts": 16},
    },
}
DEAR = ("ablation", "benchmark")
N_STUDIES = 4  # of a cheap kind in each world
N_CELLS = 40_000  # over which a truth is integrated
N_MANY, BAR = 2000, (0.93, 0.97)  # with so many intervals the coverage itself must lie there
KEY, ENDS = ["statistic", "group"], ["estimate", "low", "high", "truth"]
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


def of_pluralism(people: Population, sizes: dict, rng: np.random.Generator) -> pd.DataFrame:
    """What notebook 11 says of a panel; the persons' sexes are the halves of their lifestyles."""
    *models, raters = _who(people, "medium", "small", "rater")
    drawn = rng.choice(people.n_persons, sizes["n_persons"])
    judgements, items = studies.pool(people, models, raters, rng, drawn=drawn, **sizes)
    personas = pd.DataFrame({"persona_id": studies.numbered("p", np.arange(len(drawn)))})
    personas = personas.assign(sex=np.where(_sexes(people)["sex|one"][drawn], "one", "other"), age_years=30)
    shared = panel(judgements, items, personas.assign(race="any", ideology="any"), personas.assign(weight=1.0))
    nobody = pd.DataFrame(columns=["item_id", "rater_id", "group", "share_b"])
    return pd.DataFrame(majority.of_panel(shared, nobody))


def _sexes(people: Population) -> dict[str, np.ndarray]:
    one = pd.Series(people.columns["lifestyle"]).str.extract(r"(\d+)", expand=False).astype(int).to_numpy() < 10
    return {"sex|one": one, "sex|other": ~one}


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
        return studies.ablation_truth(
            people, medium, rng, names=ATTRIBUTES, n_shown=sizes["n_shown"], n_items=sizes["n_items"]
        )
    if part == "pool":
        by_name = {who.name: who for who in models}
        found = studies.pool_truth(people, by_name, raters, rng, n_raters=sizes["n_raters"])
        return found | studies.lines_truth(people, medium, rng)
    if part == "pluralism":
        by_name = {who.name: who for who in models}
        how = {"n_drawn": sizes["n_persons"], "n_raters": sizes["n_raters"]}
        return panel_truth(people, by_name, raters, rng, groups=_sexes(people), **how)
    if part == "benchmark":
        return attempts.benchmark_truth(people, models, critic, rng)
    return attempts.repeated_truth(people, models, critic, rng, n_attempts=sizes["n_attempts"])


STUDIES: dict[str, Study] = {
    "validation": of_validation,
    "ablation": of_ablation,
    "pool": of_pool,
    "pluralism": of_pluralism,
    "benchmark": of_benchmark,
    "repeated": of_repeated,
}


def _who(people: Population, *names: str) -> list:
    return [people.world.models[f"sim-{name}"] for name in names]


def people_of(number: int) -> Population:
    """The persons of a numbered world, whose effects, biases and error rates are its own."""
    return population(a_world(number, generator(number, "benchmarks.coverage")), generator(number, "benchmarks.people"))


def of_worlds(
    of_world: Callable[[int], pd.DataFrame], n_worlds: int, *, processes: int, minutes: float
) -> list[pd.DataFrame]:
    """What a function finds in each of the first worlds, in whatever order; none is waited for after the minutes."""
    end, found = time.monotonic() + 60 * minutes, []
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        for rows in pool.imap_unordered(of_world, range(n_worlds)):
            found.append(rows)
            if time.monotonic() > end:
                break
    return found


def intervals(number: int, *, size: str, parts: Iterable[str]) -> pd.DataFrame:
    """Every interval of one world that has a truth: part, statistic, group, estimate, low, high, truth, study."""
    studies.N_INTEGRATED = attempts.N_INTEGRATED = N_CELLS
    people, found = people_of(number), []
    for part in parts:
        sizes, rng = SIZES[size][part], generator(number, "benchmarks.coverage", part, size)
        truth = pd.Series(truth_of(part, people, sizes, rng), name="truth").rename_axis(["statistic", "group"])
        for study in range(1 if part in DEAR else N_STUDIES):
            made = STUDIES[part](people, sizes, rng).dropna(subset=["estimate"])
            both = made.merge(truth.reset_index(), on=["statistic", "group"])[[*KEY, *ENDS]]
            found.append(both.assign(part=part, study=number * N_STUDIES + study))
    return pd.concat(found, ignore_index=True)


def coverage(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per part, statistic and group, the furthest from 95 % first: what the module's first lines tell.

    Examples
    --------
    Of four intervals three hold the truth 0.5 and one lies above it; one more estimate has no interval.

    >>> rows = pd.DataFrame({"low": [0.4, 0.3, 0.2, 0.6, np.nan], "high": [0.6, 0.7, 0.8, 0.8, np.nan], "truth": 0.5})
    >>> found = coverage(rows.assign(estimate=0.5, part="pool", statistic="kappa", group="all"))
    >>> found[["n", "coverage", "above", "below", "no_interval", "meets_bar"]].values.tolist()
    [[4, 0.75, 0.25, 0.0, 0.2, True]]
    """
    told = rows.assign(known=rows["low"].notna() & rows["high"].notna())
    told["above"] = (told["truth"] < told["low"] - 1e-12).where(told["known"])
    told["below"] = (told["truth"] > told["high"] + 1e-12).where(told["known"])
    told = told.assign(half=(told["high"] - told["low"]) / 2, error=told["estimate"] - told["truth"])
    by = told.groupby(["part", *KEY], sort=False)
    table = by.agg(
        n=("known", "sum"),
        above=("above", "mean"),
        below=("below", "mean"),
        half_width=("half", "mean"),
        bias=("error", "mean"),
        no_interval=("known", lambda known: 1 - known.mean()),
    ).reset_index()
    table = table[table["n"] > 0].astype({"n": int, "above": float, "below": float})
    table["coverage"] = 1 - table["above"] - table["below"]
    held = (table["coverage"] * table["n"]).round()
    table["low_99"], table["high_99"] = proportion_confint(held, table["n"], alpha=0.01, method="beta")
    contains = table["low_99"].le(0.95) & table["high_99"].ge(0.95)
    table["meets_bar"] = contains.where(table["n"] < N_MANY, table["coverage"].between(*BAR))
    table["bias_in_half_widths"] = table.pop("bias") / table["half_width"]
    worst = (table["coverage"] - 0.95).abs().sort_values(ascending=False, kind="stable").index
    columns = ["part", *KEY, "n", "coverage", "low_99", "high_99", "meets_bar", "above", "below", "half_width"]
    return table.loc[worst, [*columns, "bias_in_half_widths", "no_interval"]].reset_index(drop=True)


def told(table: pd.DataFrame) -> Iterable[str]:
    """The lines of a Markdown table by statistic, the worst first."""
    yield "| statistic | groups | intervals | coverage | by group | meet the bar | above, below | half width |"
    yield "|---|---|---|---|---|---|---|---|"
    columns = ["coverage", "above", "below", "half_width"]
    by = table.groupby(["part", "statistic"], sort=False)
    whole = by[columns].mean().join(by["coverage"].agg(lowest="min", highest="max"))
    whole = whole.join(by.agg(groups=("group", "size"), n=("n", "sum"), meet=("meets_bar", "sum"))).reset_index()
    for r in whole.sort_values("coverage", key=lambda each: -(each - 0.95).abs(), kind="stable").itertuples():
        numbers = f"{r.coverage:.3f} | {r.lowest:.3f} to {r.highest:.3f} | {r.meet} | {r.above:.3f}, {r.below:.3f}"
        yield f"| {r.statistic} | {r.groups} | {r.n} | {numbers} | {r.half_width:.3f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--part", choices=list(STUDIES), action="append", help="this kind of study alone; may be repeated"
    )
    parser.add_argument("--size", choices=list(SIZES), default="demo")
    parser.add_argument("--worlds", type=int, default=500)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--table", help="CSV file to write")
    chosen = parser.parse_args()
    of_world = partial(intervals, size=chosen.size, parts=chosen.part or list(STUDIES))
    found = of_worlds(of_world, chosen.worlds, processes=chosen.processes, minutes=chosen.minutes)
    table = coverage(pd.concat(found, ignore_index=True).sort_values(["study", "part", *KEY], kind="stable"))
    if chosen.table:
        table.round(4).to_csv(chosen.table, index=False, lineterminator="\n")
    print(f"{len(found)} worlds, size {chosen.size}\n", *told(table), sep="\n")


if __name__ == "__main__":
    main()
