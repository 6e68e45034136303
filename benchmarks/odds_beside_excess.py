"""How often do the two estimators of notebook 08 see an attribute that matters, and one that does not?

    python -m benchmarks.odds_beside_excess --size demo --worlds 200 --processes 2 --minutes 20

In each world of `recovery.py` one leave-one-out is drawn without a text. The attributes' intervals come from both
estimators: the excess of flips (two-way jackknife, both arms asked twice) and the log odds of a crossed mixed logit
with a profile interval. Prints a Markdown table: for each attribute how often the interval lies above 0, with the exact
95 % interval of that share. The placebo changes nothing, so above 0 there is a false alarm: 2.5 % should be.
"""

from __future__ import annotations

import argparse
from functools import partial

import pandas as pd
from statsmodels.stats.proportion import proportion_confint

from benchmarks.coverage import SIZES, of_worlds, people_of
from persona_lib.measuring import ablation, flip_odds
from persona_lib.simulator import studies
from persona_lib.tables.streams import generator
from persona_lib.tables.values import PLACEBO

ATTRIBUTES = ["ideology", "lifestyle", "sex", PLACEBO]


def seen(number: int, *, size: str) -> pd.DataFrame:
    """One row per attribute and estimator: whether its interval has two ends, and lies above 0."""
    people, rng = people_of(number), generator(number, "benchmarks.odds", size)
    who = people.world.models["sim-medium"]
    drawn = studies.ablation(people, who, rng, names=ATTRIBUTES, **SIZES[size]["ablation"])
    compared = ablation.flips(*drawn)
    on_pool = compared[compared["pairs"] == "pool"]
    both = [ablation.influence_statistics(on_pool), flip_odds.flip_odds_statistics(on_pool)]
    found = pd.concat(both).query("statistic in ['excess_flip', 'flip_log_odds'] and group in @ATTRIBUTES")
    known = found["low"].notna() & found["high"].notna()
    return found[["statistic", "group"]].assign(known=known, above=(found["low"] > 0).where(known))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=list(SIZES), default="demo")
    parser.add_argument("--worlds", type=int, default=200)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=60.0)
    chosen = parser.parse_args()
    of_world = partial(seen, size=chosen.size)
    found = of_worlds(of_world, chosen.worlds, processes=chosen.processes, minutes=chosen.minutes)
    by = pd.concat(found).groupby(["group", "statistic"])
    table = by.agg(n=("known", "sum"), above=("above", "sum"), no_interval=("known", lambda known: (~known).sum()))
    table["low"], table["high"] = proportion_confint(table["above"].astype(float), table["n"], method="beta")
    print(f"{len(found)} worlds, size {chosen.size}\n")
    print(
        "| attribute | estimator | intervals | above 0 | exact 95 % interval | no interval |\n|---|---|---|---|---|---|"
    )
    for (group, statistic), row in table.iterrows():
        share = row["above"] / row["n"] if row["n"] else float("nan")
        print(
            f"| {group} | `{statistic}` | {row['n']:.0f} | {share:.3f} | {row['low']:.3f} to {row['high']:.3f} "
            f"| {row['no_interval']:.0f} |"
        )


if __name__ == "__main__":
    main()
