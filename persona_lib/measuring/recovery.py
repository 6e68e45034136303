"""Are the known truths of a simulated world inside the intervals of its run, as often as the intervals say?"""

from __future__ import annotations

import numpy as np
import pandas as pd


def recovery(statistics: dict[str, pd.DataFrame], truth: pd.DataFrame | None) -> pd.DataFrame:
    """Every statistic whose truth is known: is the truth inside its 95 % interval, and how far off is the estimate?

    No row where no truth is known, as in live runs.

    Returns
    -------
    One row per (table, statistic, group) in both: estimate, low, high, truth, n, `is_inside` and `off` (missing where
    the truth, the estimate or an end of the interval is). `off` is the estimate minus the truth in standard errors:
    that which the interval claims, its half on the truth's side over 1.96, and the truth's own, added in squares;
    0 where the two agree wholly. Of intervals that are right, 95 % hold their truth, and the mean square of `off` is 1.

    Examples
    --------
    The interval claims a standard error of 0.3.

    >>> from persona_lib.tables import schema
    >>> ours = pd.DataFrame([schema.statistic("kappa", "sex", 0.5, low=-0.088, high=1.088, n=9, method="")])
    >>> known = pd.DataFrame({"statistic": ["kappa"], "group": ["sex"], "truth": [0.6], "standard_error": [0.4]})
    >>> found = recovery({"influences": ours}, known)
    >>> found["is_inside"].tolist(), found["off"].round(6).tolist()
    ([True], [-0.2])
    """
    if truth is None:
        truth = pd.DataFrame(columns=["statistic", "group", "truth", "standard_error"])
        truth = truth.astype({"statistic": "str", "group": "str", "truth": "float64", "standard_error": "float64"})
    stacked = pd.concat([table.assign(table=name) for name, table in statistics.items()], ignore_index=True)
    both = stacked.merge(truth, on=["statistic", "group"], validate="m:1")
    known = both[["truth", "low", "high", "estimate"]].notna().all(axis=1)
    inside = both["truth"].between(both["low"], both["high"]).astype("boolean")
    apart = both["estimate"] - both["truth"]
    side = (both["high"] - both["estimate"]).where(apart < 0, both["estimate"] - both["low"])
    off = (apart / np.hypot(side / 1.96, both["standard_error"])).mask(apart == 0, 0.0)
    both = both.assign(is_inside=inside.where(known, pd.NA), off=off.where(known))
    columns = ["table", "statistic", "group", "estimate", "low", "high", "truth", "n", "is_inside", "off"]
    return both[columns].sort_values(["table", "statistic", "group"], kind="stable").reset_index(drop=True)


def calibration(recovered: pd.DataFrame) -> pd.DataFrame:
    """Are the intervals as wide as the estimates stray: `recovery` by table and statistic.

    Returns
    -------
    One row per (table, statistic): truths, inside (how many intervals hold theirs), mean_off, and rms_off, the root
    mean square of `off`: 1 where intervals are right, below 1 where they are too wide, above 1 where too narrow.
    """
    known = recovered.dropna(subset=["is_inside", "off"])
    known = known.assign(square=known["off"] ** 2, is_inside=known["is_inside"].astype(bool))
    found = known.groupby(["table", "statistic"]).agg(
        truths=("off", "size"), inside=("is_inside", "sum"), mean_off=("off", "mean"), rms_off=("square", "mean")
    )
    return found.assign(rms_off=np.sqrt(found["rms_off"]))
