"""How long do the kappas of all pairs of personas take, beside a loop over scikit-learn's?

    python benchmarks/kappa_matrix.py --personas 1586 --items 200

The loop does a sample of the pairs and is scaled up; both must give the same numbers.
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np
from sklearn.metrics import cohen_kappa_score

from persona_lib.estimating.matrix import kappa_matrix

N_LOOP = 300


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--personas", type=int, default=1586)
    parser.add_argument("--items", type=int, default=200)
    chosen = parser.parse_args()
    rng = np.random.default_rng(1)
    first, second = rng.integers(0, 2, (2, chosen.personas, chosen.items)).astype(float)
    start = time.process_time()
    kappa = kappa_matrix(first, second, min_shared=8)["kappa"]
    ours = time.process_time() - start
    at = rng.integers(chosen.personas, size=(N_LOOP, 2))
    start = time.process_time()
    loop = [cohen_kappa_score(first[a], second[b]) for a, b in at]
    theirs = (time.process_time() - start) / N_LOOP * chosen.personas**2
    assert np.allclose(loop, kappa[at[:, 0], at[:, 1]]), "the two differ"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{chosen.personas**2:,} kappas of {chosen.items} items: {ours:.2f} CPU s, peak {peak:,.0f} MB")
    print(f"scikit-learn in a loop: {theirs:,.0f} CPU s, {theirs / ours:,.0f} times")


if __name__ == "__main__":
    main()
