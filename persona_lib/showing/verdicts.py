"""When does a claim hold? By the interval, never by the estimate alone.

A claim *holds* where the whole interval lies on its side, *differs* where the whole interval lies on the other, and is
*undecided* between. A claim about several groups holds only if it holds of each, and differs if it differs of one: an
intersection-union test, which needs no correction for their number [1]_. Without an interval there is no verdict, but
of what rests on no answer: there the number is a fact.

References
----------
.. [1] R. L. Berger (1982). Multiparameter hypothesis testing and acceptance sampling. Technometrics 24, 295-300.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase

import numpy as np
import pandas as pd

CONFIGURATION = "configuration"


def matching(statistics: pd.DataFrame, statistic: str, pattern: str) -> pd.DataFrame:
    """The rows of one statistic whose group is the pattern or fits it."""
    chosen = statistics["group"].map(lambda group: group == pattern or fnmatchcase(group, pattern)).astype(bool)
    return statistics[chosen & (statistics["statistic"] == statistic)]


def decide(claim: Mapping, table: pd.DataFrame, known: Mapping[tuple[str, str], float]) -> dict:
    """The row that decides a claim, with `word` and `n_to_decide`; empty where there is no such statistic.

    Parameters
    ----------
    claim : a row of the register
    table : the table of statistics that it names
    known : truths by (statistic, group); where there are some, the group that is worst by its truth is shown, else the
        one that differs most or is nearest to the claim's bound

    Returns
    -------
    The statistic's row; word: holds, differs, undecided or no interval; n_to_decide: how many units as these would
    make the interval just narrow enough to decide, if the estimate stayed; NaN where it is decided or nothing would.
    """
    rows = _ordered(claim, table) if claim["rule"] == "ordering" else _bounded(claim, table)
    if rows.empty:
        return {}
    sides = rows.dropna(subset=["holds_by", "differs_by"])
    whole = len(sides) == len(rows)
    if sides.empty:
        word, shown = "no interval", rows.iloc[0]
    elif (sides["differs_by"] > 0).any():
        word, shown = "differs", sides.loc[sides["differs_by"].idxmax()]
    else:
        least = sides["holds_by"].min()
        holds = whole and (least > 0 or (claim["rule"] == "within" and least >= 0))
        word, shown = "holds" if holds else "undecided", sides.loc[sides["holds_by"].idxmin()]
    truths = pd.Series({at: known.get((claim["statistic"], group), np.nan) for at, group in rows["group"].items()})
    if truths.notna().any():
        shown = rows.loc[_slack(claim, truths).idxmin()]
    found = shown.to_dict() | {"n": int(shown["n"]), "word": word, "n_to_decide": np.nan}
    if word == "undecided" and found["apart"] > 0:
        found["n_to_decide"] = float(np.ceil(found["n"] * (found["half"] / found["apart"]) ** 2))
    return found


def _slack(claim: Mapping, values: pd.Series) -> pd.Series:
    """How far values lie on the claim's side of its bound; below 0 on the other."""
    low, high = claim["paper_low"], claim["paper_high"]
    inside = np.minimum(values - low, high - values)
    return {"greater": values - low, "less": high - values, "within": inside}.get(claim["rule"], values * 0)


def _ends(claim: Mapping, rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with their ends: what rests on no answer and has no interval is a fact."""
    if claim["rests_on"] != CONFIGURATION:
        return rows
    bare = rows["low"].isna() & rows["high"].isna()
    return rows.assign(**{end: rows[end].mask(bare, rows["estimate"]) for end in ("low", "high")})


def _bounded(claim: Mapping, table: pd.DataFrame) -> pd.DataFrame:
    rows = _ends(claim, matching(table, claim["statistic"], claim["group"]))
    near, far = _slack(claim, rows["low"]), _slack(claim, rows["high"])
    if claim["rule"] == "within":
        outside = np.maximum(rows["low"] - claim["paper_high"], claim["paper_low"] - rows["high"])
    else:
        outside = -np.maximum(near, far)
    return rows.assign(
        holds_by=np.minimum(near, far),
        differs_by=outside,
        apart=_slack(claim, rows["estimate"]).abs(),
        half=(rows["high"] - rows["low"]) / 2,
    )


def _ordered(claim: Mapping, table: pd.DataFrame) -> pd.DataFrame:
    """Every group before the sign, beside the one after it that comes nearest to it."""
    parts = claim["group"].split(">", 1)
    before, after = ([name.strip() for name in part.split(",") if name.strip()] for part in parts)
    rows = _ends(claim, table[table["statistic"] == claim["statistic"]])
    top = rows[rows["group"].isin(before)]
    rest = rows[~rows["group"].isin([*before, "all"]) & ~rows["group"].str.contains("|", regex=False)]
    rest = rest if after == ["*"] else rest[rest["group"].isin(after)]
    if len(top.dropna(subset="estimate")) < len(before) or rest.dropna(subset="estimate").empty:
        return rows.iloc[:0]
    whole = rest["high"].notna().all()
    rival = rest.loc[rest["estimate"].idxmax()]
    return top.assign(
        holds_by=top["low"] - (rest["high"].max() if whole else np.nan),
        differs_by=rest["low"].max() - top["high"],
        apart=(top["estimate"] - rival["estimate"]).abs(),
        half=(top["high"] - top["low"] + rival["high"] - rival["low"]) / 2,
    )
