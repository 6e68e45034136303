"""What tests of claims share: a row of the register, rows of a statistic, and the verdict on them."""

import numpy as np
import pandas as pd

from persona_lib.showing import claims


def claim(**changes):
    """One register row: a number exceeds 0.5."""
    row = {"claim_id": "c", "section": "s", "claim": "it is large", "paper": "large", "paper_low": 0.5}
    row |= {"paper_high": np.nan, "statistic": "share", "group": "all", "table": "toy", "rule": "greater"}
    return row | {"kind": "qualitative", "rests_on": "answers", "needs": "", "note": ""} | changes


def table(*rows):
    """Rows (group, estimate, low, high) of the statistic share."""
    found = pd.DataFrame(rows, columns=["group", "estimate", "low", "high"])
    return {"toy": found.assign(statistic="share", n=10, n_excluded=0, method="hand")}


def verdict(row, statistics, *, truth=None, simulated=False):
    known = None if truth is None else pd.DataFrame([{"statistic": "share", "group": row["group"], "truth": truth}])
    return claims.compare(pd.DataFrame([row]), statistics, known, simulated=simulated)["verdict"].item()
