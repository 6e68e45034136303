"""Simulated personas beside real people: the same functions on both, and the ratio of their spreads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from persona_lib.estimating.resample import clustered_mean
from persona_lib.people.personas import pool_respondents, respondents_of, within_variance
from persona_lib.people.tables import people_statistics

PEOPLE, SURVEY, POOL = "people", "personas", "pool"  # real people; personas on the same items; personas on the pool
PARTIES = ("Democrat", "Independent", "Republican")
WITHIN = (0.0, float("inf"))


def beside_statistics(
    answers: pd.DataFrame,
    chosen: pd.DataFrame,
    personas: pd.DataFrame,
    reference: pd.DataFrame,
    shares: pd.DataFrame,
    items: pd.DataFrame,
    *,
    lead: str,
) -> pd.DataFrame:
    """Table `humans`: what was measured of real people, and the same of simulated personas.

    A group begins with whose it is: `people|SOURCE` of real people, `personas` of the lead model's answers as personas
    to survey items, `pool` of its choices on the common pool, which no real person has judged. Beside them the
    flattening of items.

    Parameters
    ----------
    answers, personas : tables `survey_answers` and `personas`
    chosen : choices on the pool: persona_id, item_id, choice (0, 1, NaN)
    reference, shares, items : `people_statistics.csv`, `people_shares.csv`, `survey_items.csv` of data/reference
    lead : the model whose answers stand for the personas
    """
    rows = [reference.assign(group=PEOPLE + "|" + reference["source"] + "|" + reference["group"])]
    names = {row.variable: row.answers.split("|") for row in items.itertuples()}
    on_pool = pool_respondents(chosen, personas)
    rows.append(_measured(on_pool, {item: ["a", "b"] for item in chosen["item_id"].unique()}, POOL))
    if len(answers):
        people = respondents_of(answers, personas, rater=lead)
        rows.append(_measured(people, names, SURVEY))
        rows.append(pd.DataFrame(flattening(answers, personas, shares, items)))
    columns = ["statistic", "group", "estimate", "low", "high", "n", "n_excluded", "method"]
    return pd.concat([part[columns] for part in rows], ignore_index=True)


def _measured(respondents: pd.DataFrame, answers: Mapping[str, Sequence[str]], whose: str) -> pd.DataFrame:
    return people_statistics(respondents, answers).assign(group=lambda table: whose + "|" + table["group"])


def flattening(answers: pd.DataFrame, personas: pd.DataFrame, shares: pd.DataFrame, items: pd.DataFrame) -> list[dict]:
    """Flattening ratio of each model: variance of the answers within parties, simulated over real, a mean over items.

    1: as varied as people of one party are; below 1 flattened; 0 where all of a party answer alike. An answer counts
    by its number in the item's order. An item whose shares of a party are joined or not shown counts those that are;
    one without any is left out and counted.
    """
    rows = []
    for rater in sorted(answers.loc[answers["asked_as"] == "persona", "rater_id"].unique()):
        simulated = respondents_of(answers, personas, rater=rater)
        ratios = []
        for item in items.itertuples():
            if item.variable in simulated:
                real = people_within(shares, item)
                own = within_variance(simulated[item.variable].to_numpy(), simulated["party"].to_numpy(dtype=object))
                ratios.append((item.item_id, own / real if real > 0 else np.nan))
        table = pd.DataFrame(ratios, columns=["item_id", "ratio"])
        found = clustered_mean(table, value="ratio", clusters=["item_id"], within=WITHIN)
        rows.append(found.row("flattening", rater))
    return rows


def people_within(shares: pd.DataFrame, item) -> float:
    """Variance of real people's answers to an item within parties, each by its people; NaN if none is shown."""
    names = item.answers.split("|")
    own = shares[
        (shares["source"] == item.source) & (shares["item"] == item.variable) & (shares["attribute"] == "party")
    ]
    sums, n = 0.0, 0
    for _, part in own.groupby("value"):
        by_answer = part.set_index("answer")
        if set(by_answer.index) == set(names):
            p, number = by_answer.loc[names, "share"].to_numpy(), np.arange(len(names))
            people = int(by_answer["n"].sum())
            sums += people * float((p * number**2).sum() - (p * number).sum() ** 2)
            n += people
    return sums / n if n else float("nan")
