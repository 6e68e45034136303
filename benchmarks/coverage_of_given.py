"""Do the intervals of the gold comparison of written answers hold the truth? Answers are really written, once.

    python benchmarks/coverage_of_given.py --studies 1000

The population: the demo's personas, on questions of the shipped bank. A model writes for each persona to each
question; what raters prefer, what it picks and what the judge says are chances, so the truth over the population is a
sum. A study draws 20 personas and 10 questions, as the demo has them, and all choices.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from persona_lib.pluralism.given import gain
from persona_lib.pluralism.grids import jackknifed
from persona_lib.pluralism.steering import GOLD, gold
from persona_lib.simulator.expected import majority
from persona_lib.simulator.forms import parse_description
from persona_lib.simulator.populations import Population
from persona_lib.simulator.runs import placed, write
from persona_lib.simulator.truth_of_given import sides
from persona_lib.simulator.truth_of_panels import chances_of_b, gold_shares
from persona_lib.simulator.world import load

ROOT = Path(__file__).parents[1]
N_PERSONAS, N_QUESTIONS = 20, 10  # of a study
N_THERE = 90  # questions of the population
Chances = dict[str, np.ndarray]


def population(name: str, rng: np.random.Generator) -> Chances:
    """Persona x question chances: of a and of b when written, of b when picked, of b by each of three raters."""
    told = pd.read_parquet(ROOT / "data/expected/demo/personas.parquet")["description"].tolist()
    bank = pd.read_csv(ROOT / "data/prompts/bank.csv", dtype=str, keep_default_na=False)
    asked = bank[bank["issue"] != ""].drop_duplicates("issue")["text"].tolist()[::8][:N_THERE]
    who, judge, raters = (load().models[f"sim-{each}"] for each in (name, "judge", "rater"))
    first = write("answer", load().models["sim-large"], rng, prompt=asked)
    second = write("answer_divergent", load().models["sim-large"], rng, prompt=asked, answer=first)
    lines = [parse_description(text) for text in told]
    columns = {key: [own.get(key, "") for own in lines] for key in load().weights}
    people = Population(load(), columns, **placed(first, second))
    texts = write("answer_output_only", who, rng, persona=[t for t in told for _ in asked], prompt=asked * len(told))
    rows = zip(texts, first * len(told), second * len(told), strict=True)
    placed_at = np.array([sides(*row, judge) for row in rows]).reshape(len(told), len(asked), 3)
    swapped = rng.random((len(told), len(asked))) < 0.5
    found = {"a": placed_at[..., 0], "b": placed_at[..., 1], "picked": chances_of_b(people, who, swapped, rng)}
    return found | {f"rater {i}": chances_of_b(people, raters, swapped, rng) for i in range(3)}


def truths(of: Chances) -> dict[str, float]:
    """Over all pairs of different personas of the population."""
    wanted = majority([of[f"rater {i}"] for i in range(3)])
    found, some = gold_shares(of["a"], of["b"], wanted), of["a"] + of["b"]
    by_picking = gold_shares(some * (1 - of["picked"]), some * of["picked"], wanted)
    return found | {"difference": found["both_right"] - by_picking["both_right"]}


def study(of: Chances, rng: np.random.Generator) -> dict[str, tuple[float, float, float]]:
    """Estimate, low and high of each statistic in one study."""
    n, m = of["a"].shape
    cells = np.ix_(rng.choice(n, N_PERSONAS, replace=False), rng.choice(m, N_QUESTIONS, replace=False))
    some = {name: chances[cells] for name, chances in of.items()}
    chosen = {name: (rng.random(some[name].shape) < some[name]).astype(float) for name in some}
    preferred = (sum(chosen[f"rater {i}"] for i in range(3)) >= 2).astype(float)
    drawn = rng.random(some["a"].shape)
    written = np.select([drawn < some["a"], drawn < some["a"] + some["b"]], [0.0, 1.0], np.nan)
    known = ~np.isnan(written)
    found = {outcome: jackknifed(gold(written, preferred, outcome), known, scale="logit", what="") for outcome in GOLD}
    both = gain(written, chosen["picked"], preferred)
    found["difference"] = jackknifed(both, known, scale="plain", what="", within=(-1, 1))
    return {name: (one.estimate, one.low, one.high) for name, one in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=1000)
    n_studies = parser.parse_args().studies
    for name in ("large", "small"):
        rng = np.random.default_rng(1)
        there = population(name, rng)
        truth, studies = truths(there), [study(there, rng) for _ in range(n_studies)]
        for statistic, value in truth.items():
            _, low, high = np.array([each[statistic] for each in studies]).T
            known = ~np.isnan(low)
            holds = ((low <= value) & (value <= high))[known].mean()
            half = (high - low)[known].mean() / 2
            print(
                f"{name} {statistic}: truth {value:.3f}, coverage {holds:.3f} of {known.sum()}, half width {half:.3f}"
            )


if __name__ == "__main__":
    main()
