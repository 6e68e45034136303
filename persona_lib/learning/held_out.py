"""How well preference models predict held-out comparisons: overall, for majority and minority, by group, by data.

Errors are clustered by persona and prompt. A gain is paired: the same comparison, a model minus the blind one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
from scipy.special import expit

from persona_lib.estimating import resample
from persona_lib.learning.comparisons import HELD_OUT
from persona_lib.learning.reward_models import (
    ALL,
    MODELS,
    Material,
    Scorer,
    fit_blind,
    fit_persona,
)
from persona_lib.tables.groups import MIN_GROUP
from persona_lib.tables.schema import tables
from persona_lib.tables.streams import generator

CLUSTERS = ["persona_id", "prompt_id"]
NEW = "heldout_persona"
REAL = ("judged", "pool")  # sources in which somebody chose, so that chances can be compared with choices
ASKED_OF = "other"  # the source of groups and curves: what all revisions share does not decide it
SHARES = (0.25, 0.5)  # of the train personas, on the learning curve before all of them
PAIRS_READ = (0, 1, 2, 4, 8, 16, 32, 64)  # of a history


def scored(rows: pd.DataFrame, fitted: Mapping[str, Scorer]) -> pd.DataFrame:
    """Every model's prediction for the held-out comparisons.

    Parameters
    ----------
    rows : the result of `comparisons`, or of `comparisons.drawn`
    fitted : the result of `reward_models.fit`

    Returns
    -------
    One row per held-out comparison and model: the columns of `rows`, comparison (its number), model, log_odds of b,
    right (1.0, 0.0; 0.5 where the model is indifferent), squared_error of the chance (Brier), surplus (chance of b
    minus choice of b).
    """
    held_out = rows[rows["split"].isin(HELD_OUT)].reset_index(drop=True)
    held_out = held_out.assign(comparison=np.arange(len(held_out)))
    parts = [held_out.assign(model=name, log_odds=score(held_out)) for name, score in fitted.items()]
    return with_errors(pd.concat(parts, ignore_index=True))


def with_errors(table: pd.DataFrame) -> pd.DataFrame:
    """Add right, squared_error and surplus to rows of log_odds and prefers_b.

    Examples
    --------
    Sure of b, indifferent, sure of a; b was preferred each time.

    >>> found = with_errors(pd.DataFrame({"log_odds": [50.0, 0.0, -50.0], "prefers_b": [1, 1, 1]}))
    >>> found["right"].tolist(), found["squared_error"].round(6).tolist()
    ([1.0, 0.5, 0.0], [0.0, 0.25, 1.0])
    """
    chance, choice = expit(table["log_odds"]), table["prefers_b"].astype("float64")
    right = ((table["log_odds"] > 0) == (choice == 1)).astype("float64").mask(table["log_odds"].abs() < 1e-12, 0.5)
    return table.assign(right=right, squared_error=(chance - choice) ** 2, surplus=chance - choice)


def learning_statistics(predicted: pd.DataFrame, near: pd.DataFrame, groups: pd.DataFrame) -> pd.DataFrame:
    """The table of who is right about whom.

    Parameters
    ----------
    predicted : the result of `scored`
    near : the result of `pluralism.likeness`
    groups : the result of `pluralism.persona_groups`

    Returns
    -------
    Rows of table `learning`, by `model|source|split`: accuracy, gain (of accuracy, over the blind model), and of
    choices somebody made brier, brier_gain (below 0 is better) and calibration (mean chance minus share chosen). Of
    held-out personas also side_accuracy and side_gain of `model|source|majority` and `minority`; of the source
    `ASKED_OF` group_accuracy and group_gain of `model|source|attribute=value`, and worst_group, the lowest of them.
    """
    rows = []
    for (source, split), part in predicted.groupby(["source", "split"], sort=True):
        for model, own in part.groupby("model", sort=True):
            name = f"{model}|{source}|{split}"
            rows.append(rate(own, "accuracy", name))
            if source in REAL:
                brier = resample.clustered_mean(own, value="squared_error", clusters=CLUSTERS, within=(0, 1))
                rows.append(brier.row("brier", name))
                rows.append(resample.clustered_mean(own, value="surplus", clusters=CLUSTERS).row("calibration", name))
            if model != "blind":
                rows.append(gain(part, model, "right").row("gain", name))
                if source in REAL:
                    rows.append(gain(part, model, "squared_error").row("brier_gain", name))
    new = predicted[predicted["split"] == NEW]
    columns = list(tables()["learning"].columns)
    return pd.DataFrame(rows + _sides(new, near) + _groups(new, groups), columns=columns)


def gain(part: pd.DataFrame, model: str, value: str, *, other: str = "blind") -> resample.Estimate:
    """Mean over comparisons of one model's value minus another's, paired."""
    index = ["comparison", *CLUSTERS]
    wide = part[part["model"].isin([model, other])].pivot(index=index, columns="model", values=value)
    paired = (wide[model] - wide[other]).rename("difference").reset_index()
    found = resample.clustered_mean(paired, value="difference", clusters=CLUSTERS, within=(-1, 1))
    return replace(found, method=f"paired with {other}: {found.method}")


def rate(table: pd.DataFrame, statistic: str, group: str) -> dict:
    """The share of right rows: half a point for indifference."""
    return resample.clustered_mean(table, value="right", clusters=CLUSTERS, within=(0, 1)).row(statistic, group)


def _sides(new: pd.DataFrame, near: pd.DataFrame) -> list[dict]:
    """Held-out personas at or above the median likeness to the majority on the pool, and below it."""
    likeness = near.set_index("persona_id")["likeness"]
    known = likeness[likeness.index.isin(new["persona_id"])].dropna()
    side = (known >= known.median()).map({True: "majority", False: "minority"})
    rows = []
    for (source, which), part in new.assign(side=new["persona_id"].map(side)).groupby(["source", "side"]):
        for model, own in part.groupby("model"):
            name = f"{model}|{source}|{which}"
            rows.append(rate(own, "side_accuracy", name))
            if model != "blind":
                rows.append(gain(part, model, "right").row("side_gain", name))
    return rows


def _groups(new: pd.DataFrame, groups: pd.DataFrame) -> list[dict]:
    """Groups with at least `MIN_GROUP` held-out personas."""
    part = new[new["source"] == ASKED_OF]
    rows: list[dict] = []
    found: dict[str, list[dict]] = {}
    for (attribute, value), members in groups.groupby(["attribute", "value"]):
        inside = part[part["persona_id"].isin(members["persona_id"])]
        if inside["persona_id"].nunique() < MIN_GROUP:
            continue
        for model, own in inside.groupby("model"):
            name = f"{model}|{ASKED_OF}|{attribute}={value}"
            found.setdefault(str(model), []).append(rate(own, "group_accuracy", name))
            if model != "blind":
                rows.append(gain(inside, model, "right").row("group_gain", name))
    for each in found.values():
        worst = min(each, key=lambda row: (row["estimate"], row["group"]))
        method = f"lowest of {len(each)} groups of {MIN_GROUP} personas and more: {worst['method']}"
        rows += [*each, worst | {"statistic": "worst_group", "method": method}]
    return rows


def learning_curves(
    known: Material, fitted: Mapping[str, Scorer], held_out: pd.DataFrame, *, inverse_penalty: float, n_history: int
) -> pd.DataFrame:
    """Accuracy on held-out personas, of the source `ASKED_OF`, by how much there was to learn from.

    Parameters
    ----------
    known : what the models were fitted on
    fitted : the result of `reward_models.fit`
    held_out : comparisons of held-out personas
    n_history : pairs of a new persona's own history at most

    Returns
    -------
    Rows of table `learning`: curve of `model|share=S` for blind and description, fitted on the rows of a share of the
    train personas, and of `history|k=K` with K pairs of the new persona's history.
    """
    part = held_out[held_out["source"] == ASKED_OF]
    people = np.sort(known.train["persona_id"].unique())
    order = generator(known.seed, "learning.curve").permutation(len(people))
    tried: dict[str, Scorer] = {}
    for share in SHARES:
        kept = set(people[order[: max(1, round(share * len(people)))]])
        less = replace(known, train=known.train[known.train["persona_id"].isin(kept)].reset_index(drop=True))
        tried[f"blind|share={share:g}"] = fit_blind(less, inverse_penalty=inverse_penalty)
        tried[f"description|share={share:g}"] = fit_persona(less, lines_shown=ALL, inverse_penalty=inverse_penalty)
    tried |= {f"{name}|share=1": fitted[name] for name in ("blind", "description")}
    tried |= {f"history|k={k}": partial(fitted["history"], k=k) for k in PAIRS_READ if k <= n_history}
    rows = [rate(with_errors(part.assign(log_odds=score(part))), "curve", name) for name, score in tried.items()]
    return pd.DataFrame(rows)


def trade_off(statistics: pd.DataFrame, *, source: str) -> pd.DataFrame:
    """One row per model: accuracy overall, for majority and minority, and in the worst group, of held-out personas.

    There is no single right way: what serves most people best need not serve those best who are served worst.

    Returns
    -------
    Indexed by model: overall, majority, minority, worst_group, gain, low, high (of the gain over blind). No row where
    nothing was scored.
    """
    wanted = {"accuracy": NEW, "side_accuracy": None, "worst_group": None, "gain": NEW}
    rows = statistics[statistics["statistic"].isin(wanted)].copy()
    if rows.empty:
        return pd.DataFrame(columns=["overall", "majority", "minority", "worst_group", "gain", "low", "high"])
    parts = rows["group"].str.split("|", n=2, expand=True).set_axis(["model", "source", "where"], axis=1)
    rows = rows.join(parts)
    rows = rows[(rows["source"] == source) & (~rows["where"].isin(HELD_OUT) | (rows["where"] == NEW))]
    name = rows["statistic"].replace({"accuracy": "overall"})
    rows["column"] = name.mask(rows["statistic"] == "side_accuracy", rows["where"])
    table = rows.pivot(index="model", columns="column", values="estimate")
    ends = rows[rows["statistic"] == "gain"].set_index("model")[["low", "high"]]
    columns = [c for c in ("overall", "majority", "minority", "worst_group", "gain") if c in table]
    order = [m for m in MODELS if m in table.index]
    return table[columns].join(ends).loc[order]
