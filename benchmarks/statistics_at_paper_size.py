"""How long do the statistics of each notebook take at the paper's sizes, given their tables, and in how much memory?

    python -m benchmarks.statistics_at_paper_size --table benchmarks/statistics_at_paper_size.csv

The tables are made up, without a text, of the sizes of `config/paper.yaml` (1,586 personas, 20 pool items, 33
attributes x 40 personas x 20 questions, 700 benchmark items, 16 attempts). Each notebook's measuring functions run in a
process of their own; the making of the tables does not count in the seconds, but it does in the peak. Target: 60
seconds, 2 GB.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from persona_lib.measuring import ablation, agreement, benchmark, pass_at_k, validation
from persona_lib.pluralism import majority
from persona_lib.simulator import attempts, studies
from persona_lib.simulator.populations import Population, population
from persona_lib.simulator.world import load
from persona_lib.tables.schema import attributes
from persona_lib.tables.values import PLACEBO

ROOT = Path(__file__).resolve().parents[1]
CONTESTANTS = PANEL = ("large", "medium", "small")


def sizes() -> dict:
    """The configuration of the paper's run: `demo.yaml` and what `paper.yaml` changes."""
    found = yaml.safe_load((ROOT / "config/demo.yaml").read_text("utf-8"))
    for name, block in yaml.safe_load((ROOT / "config/paper.yaml").read_text("utf-8")).items():
        found[name] = found[name] | block if isinstance(block, dict) and name in found else block
    return found


def pool_of(people: Population, config: dict, rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The panel, and beside it the first model's choices for all other personas."""
    pool = config["pool"]
    lead, *others = (people.world.models[f"sim-{name}"] for name in PANEL)
    how = {"n_items": pool["n_items"], "n_raters": pool["n_raters"]}
    state = rng.bit_generator.state
    rater = people.world.models["sim-rater"]
    small, items = studies.pool(people, [lead, *others], rater, rng, n_persons=pool["n_panel_personas"], **how)
    rng.bit_generator.state = state
    everyone, _ = studies.pool(people, [lead], rater, rng, n_persons=config["personas"]["n"], **how)
    mine = everyone[
        (everyone["rater_id"] == lead.name) & (everyone["lines_shown"] == "all") & (everyone["repeat"] == 0)
    ]
    rest = mine[~mine["persona_shown_id"].isin(small["persona_shown_id"])]
    return pd.concat([small, rest], ignore_index=True), items


def personas_of(n: int, rng: np.random.Generator) -> pd.DataFrame:
    ids = studies.numbered("p", np.arange(n))
    ideologies = ["Very liberal", "Liberal", "Moderate", "Conservative", "Very conservative"]
    return pd.DataFrame(
        {
            "persona_id": ids,
            "sex": rng.choice(["Female", "Male"], n),
            "age_years": rng.integers(18, 90, n),
            "race": rng.choice(["White", "Black", "Asian", "Some other race"], n, p=[0.7, 0.12, 0.06, 0.12]),
            "ideology": rng.choice(ideologies, n),
        }
    )


def of_06(people: Population, config: dict, rng: np.random.Generator) -> Callable:
    n = config["personas"]["n"]
    who, how = people.world.models["sim-medium"], {"n_persons": n, "n_items": 2000}
    tables = studies.validation(people, who, rng, n_pairs=config["validation"]["n_pairs"], **how)
    return lambda: validation.validation_statistics(*tables)


def of_07(people: Population, config: dict, rng: np.random.Generator) -> Callable:
    tables, least = pool_of(people, config, rng), config["agreement"]["min_shared"]
    return lambda: (
        agreement.kappas(*tables, min_shared=least),
        agreement.agreement_statistics(*tables, min_shared=least),
    )


def of_08(people: Population, config: dict, rng: np.random.Generator) -> Callable:
    block = config["ablation"]
    names = [*(block["attributes"] or attributes()["attribute"]), PLACEBO]
    how = {"n_persons": block["n_personas"], "n_items": block["n_questions"], "n_shown": block["n_shown"]}
    judged, items = studies.ablation(people, people.world.models["sim-medium"], rng, names=names, **how)
    return lambda: ablation.influence_statistics(ablation.flips(judged, items))


def of_09(people: Population, config: dict, rng: np.random.Generator) -> Callable:
    models, n = [people.world.models[f"sim-{name}"] for name in CONTESTANTS], config["benchmark"]["n_items"]
    tables = attempts.benchmark(people, models, people.world.models["sim-judge"], rng, n_persons=n, n_items=n)
    return lambda: benchmark.benchmark_statistics(*tables)


def of_10(people: Population, config: dict, rng: np.random.Generator) -> Callable:
    models, block = [people.world.models[f"sim-{name}"] for name in CONTESTANTS], config["pass_at_k"]
    tried = attempts.repeated(people, models, people.world.models["sim-judge"], rng, **block)
    return lambda: pass_at_k.pass_at_k_statistics(tried, n_attempts=block["n_attempts"])


def of_11(people: Population, config: dict, rng: np.random.Generator) -> Callable:
    judged, items = pool_of(people, config, rng)
    personas, n = personas_of(config["personas"]["n"], rng), config["benchmark"]["n_items"]
    models = [people.world.models[f"sim-{name}"] for name in CONTESTANTS]
    tried, _ = attempts.benchmark(people, models, people.world.models["sim-judge"], rng, n_persons=n, n_items=n)
    shares = pd.DataFrame({"item_id": items["item_id"], "rater_id": "sim-large", "group": "all", "share_b": 0.5})
    how = {"shares": shares, "weights": personas.assign(weight=1.0), "n_bootstrap": 1000, "seed": 1}
    return lambda: majority.pluralism_statistics(judged, items, personas, tried, **how)


NOTEBOOKS = {"06": of_06, "07": of_07, "08": of_08, "09": of_09, "10": of_10, "11": of_11}


def measured(notebook: str) -> dict:
    """CPU seconds of a notebook's statistics, and the peak of the process in MB."""
    rng = np.random.default_rng(1)
    compute = NOTEBOOKS[notebook](population(load(), rng), sizes(), rng)
    began = time.process_time()
    compute()
    seconds = time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"notebook": notebook, "cpu_seconds": round(seconds, 1), "peak_mb": round(peak)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--notebook", choices=list(NOTEBOOKS), action="append", help="this one alone; may be repeated")
    parser.add_argument("--table", help="CSV file to write")
    chosen = parser.parse_args()
    rows = []
    for notebook in chosen.notebook or NOTEBOOKS:
        with multiprocessing.get_context("spawn").Pool(1) as one:
            rows.append(one.apply(measured, (notebook,)))
        print(json.dumps(rows[-1]), flush=True)
    if chosen.table:
        pd.DataFrame(rows).to_csv(chosen.table, index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
