"""How many choices a second one core makes: uniform numbers against `World.chance_first`, as every judgement is made.

    python benchmarks/choices.py

Prints one JSON object. One million choices a call; CPU seconds of this process, the best of seven calls.
"""

from __future__ import annotations

import json
import os
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from persona_lib.simulator.world import load


def rate(n: int, *, n_runs: int) -> float:
    """Choices a CPU second, the best of some runs: distinct positions, answers and lengths in each of n choices."""
    world, rng = load(), np.random.default_rng(0)
    positions, a, b = (rng.standard_normal((n, len(world.dimensions))) for _ in range(3))
    uniform, more_words, who = rng.random(n), rng.integers(-40, 40, n), world.models["sim-medium"]
    spent = []
    for _ in range(n_runs):
        start = time.process_time()
        first = uniform < world.chance_first(positions, a, b, who, more_words=more_words)
        spent.append(time.process_time() - start)
    if not 0 < first.mean() < 1:
        raise RuntimeError("every choice is the same: nothing was measured")
    return n / min(spent)


def main() -> None:
    print(json.dumps({"choices_per_cpu_second": round(rate(1_000_000, n_runs=7))}))


if __name__ == "__main__":
    main()
