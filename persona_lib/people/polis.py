"""Polis conversations: how divided statements are, and whether opinion groups side with the majority.

Votes are 1 agree, -1 disagree, 0 pass, empty not seen. Only agree and disagree count as choices.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from persona_lib.people.respondents import LEAST_N
from persona_lib.people.shares import divisiveness, jackknife_error
from persona_lib.tables.schema import SchemaError, statistic

LEAST_VOTES = 100  # agreeing and disagreeing, of a statement that is counted
METHOD = "mean over statements; grouped jackknife over participants"


def read_votes(path: str | Path) -> tuple[np.ndarray, pd.Series]:
    """Votes of a conversation's file `participants-votes.csv`, participants x statements, and each one's group.

    Raises
    ------
    SchemaError
        No such file; no column `participant` or `group-id`; a vote that is none of 1, -1, 0.
    """
    if not Path(path).is_file():
        raise SchemaError(f"{path}: no such file")
    table = pd.read_csv(path, low_memory=False)
    if missing := [name for name in ("participant", "group-id") if name not in table]:
        raise SchemaError(f"{path}: column {', '.join(missing)} is missing; give Polis's participants-votes.csv")
    votes = table[[name for name in table if str(name).isdigit()]].to_numpy(dtype="float64")
    if not np.isin(votes[~np.isnan(votes)], (-1, 0, 1)).all():
        raise SchemaError(f"{path}: a vote is none of 1, -1, 0")
    return votes, table["group-id"]


def conversation_statistics(votes: np.ndarray, group: pd.Series, *, n_groups: int = 50, seed: int = 1) -> list[dict]:
    """majority_share, divisiveness, group_majority (share of statements whose majority is also the group's) and
    groups_agree (share of statements on which all groups have one majority).

    Over statements with at least 100 votes for or against, and in the last two at least ten in every group.
    Everybody takes part only by votes of his or her own choosing: these are no shares of a population.
    """
    chosen = np.where(votes == 0, np.nan, votes)
    kept = np.flatnonzero((~np.isnan(chosen)).sum(axis=0) >= LEAST_VOTES)
    chosen, labels = chosen[:, kept], sorted(group.dropna().unique())
    inside = [(group == label).to_numpy() for label in labels]
    enough = np.all([(~np.isnan(chosen[who])).sum(axis=0) >= LEAST_N for who in inside], axis=0)
    folds = np.random.default_rng(seed).permutation(len(votes)) % n_groups

    def found(rows: np.ndarray) -> np.ndarray:
        agree, against = ((chosen[rows] == side).sum(axis=0) for side in (1, -1))
        values = [np.maximum(agree, against) / (agree + against)]
        values.append(np.array([divisiveness(pair) for pair in zip(agree, against, strict=True)]))
        lead = np.sign(agree - against)
        own = [np.sign(np.nansum(chosen[rows & who], axis=0)) for who in inside]
        values += [(side == lead)[enough].astype(float) for side in own]
        values.append(np.all([side == own[0] for side in own], axis=0)[enough].astype(float))
        return np.array([part.mean() if len(part) else np.nan for part in values])

    value = found(np.ones(len(votes), bool))
    half = 1.96 * jackknife_error(np.array([found(folds != fold) for fold in range(n_groups)]))
    names = [("majority_share", "all"), ("divisiveness", "all")]
    names += [
        ("group_majority", f"group {label:g}, {who.sum()} participants")
        for label, who in zip(labels, inside, strict=True)
    ]
    names.append(("groups_agree", f"{len(labels)} groups"))
    n_all, n_both = len(kept), int(enough.sum())
    rows = []
    for number, (name, what) in enumerate(names):
        n = n_all if number < 2 else n_both
        ends = {"low": max(0.0, value[number] - half[number]), "high": min(1.0, value[number] + half[number])}
        rows.append(statistic(name, what, value[number], **ends, n=n, n_excluded=votes.shape[1] - n, method=METHOD))
    return rows
