"""How many choices a second one core makes: uniform numbers against `World.chance_first`, as every judgement is made.

    python benchmarks/choices.py

Prints one JSON object. One million choices a call, distinct positions, answers and lengths in each;
CPU seconds of this process, the median of seven calls.
"""

from __future__ import annotations

import json
import os
import statistics
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from persona_lib.simulator.world import load

N = 1_000_000


def main() -> None:
    world, rng = load(), np.random.default_rng(0)
    positions, a, b = (rng.standard_normal((N, len(world.dimensions))) for _ in range(3))
    uniform, more_words, who = rng.random(N), rng.integers(-40, 40, N), world.models["sim-medium"]
    spent = []
    for _ in range(7):
        start = time.process_time()
        first = uniform < world.chance_first(positions, a, b, who, more_words=more_words)
        spent.append(time.process_time() - start)
    print(json.dumps({"choices_per_cpu_second": round(N / statistics.median(spent)), "share_first": first.mean()}))


if __name__ == "__main__":
    main()
