"""Make people_recovery.csv: would the analysis of notebook 12 notice real people among simulated ones, and the reverse?

    python data/reference/people_recovery.py

People are drawn as the block `humans` of the simulator's world file says, which holds the values of real people (GSS
2018, spending), and once more with those of raters who play one persona. The functions of notebook 12 measure both.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

REPO = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPO))

from persona_lib.people import likeness, prediction, shares, tables  # noqa: E402
from persona_lib.simulator.humans import people  # noqa: E402
from persona_lib.simulator.world import declared  # noqa: E402

ROLE_PLAY = {"agreement": 0.70, "explained_share": 0.45, "divisiveness": 0.90}
FOUND = {  # of each number of the block, the statistic that must give it back
    "agreement": ("kappa_alike", "all attributes"),
    "explained_share": ("explained_share", "demographics, party and ideology"),
    "divisiveness": ("divisiveness", "all"),
}
N_PEOPLE, N_ITEMS, SEED = 1500, 8, 20


def main() -> None:
    answers = {f"i{k:02d}": ["a", "b"] for k in range(N_ITEMS)}
    rows = []
    for setting, humans in (("real people", declared("world.yaml")["humans"]), ("role-play", ROLE_PLAY)):
        drawn = people(humans, n=N_PEOPLE, n_items=N_ITEMS, seed=SEED)
        measured = likeness.alike_statistics(drawn, answers) + shares.item_statistics(drawn, answers)
        measured += prediction.prediction_statistics(drawn, answers)
        found = pd.DataFrame(measured).set_index(["statistic", "group"])
        for name, key in FOUND.items():
            one = found.loc[key]
            ends = {end: one[end] for end in ("estimate", "low", "high")}
            rows.append({"setting": setting, "number": name, "declared": humans[name], **ends, "n": N_PEOPLE})
    tables.write(pd.DataFrame(rows), REPO / "data/reference/people_recovery.csv")


if __name__ == "__main__":
    main()
