"""How near a model's answers to survey items come to those of real people, group by group.

The distance of an item in a group is the Wasserstein distance of the two distributions over the item's ordered
answers, divided by the steps from the first to the last, as in OpinionQA [1]_: 0 for the same shares, 1 for opposite
ends. Three ways of asking are scored alike: as personas, as oneself, and by shares asked for directly.

.. [1] S. Santurkar et al. (2023). Whose opinions do language models reflect? arXiv:2303.17548, section 4.1.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from persona_lib.estimating.distances import wasserstein
from persona_lib.estimating.resample import clustered_mean, clustered_rate
from persona_lib.tables.schema import statistic

GROUPS = ("all", "Democrat", "Independent", "Republican")
N_SAMPLES = 200  # drawn for the distance that chance alone makes
UNIFORM, CHANCE, AGAIN = "uniform", "as many people", "asked again"


def people_shares(shares: pd.DataFrame, items: pd.DataFrame) -> dict[tuple[str, str], np.ndarray]:
    """Shares of real people by item_id and group (all, or a party), over the item's answers in their order.

    An item of a group is left out where answers are joined or not shown, since fewer than ten people gave them.

    Parameters
    ----------
    shares : `data/reference/people_shares.csv`
    items : `data/reference/survey_items.csv`
    """
    rows = shares[shares["attribute"].isin(["all", "party"])]
    found = {}
    for item in items.itertuples():
        names = item.answers.split("|")
        own = rows[(rows["source"] == item.source) & (rows["item"] == item.variable)]
        for value, part in own.groupby("value"):
            by_answer = part.set_index("answer")["share"]
            if set(by_answer.index) == set(names):
                found[item.item_id, value] = by_answer.loc[names].to_numpy(dtype="float64")
    return found


def answer_weights(answers: pd.DataFrame, party: pd.Series) -> pd.DataFrame:
    """Summed weight of every answer: one row per item, model, way of asking, group and sample.

    As oneself has the same answers in every group: a model has no party.

    Parameters
    ----------
    answers : table `survey_answers`
    party : of each persona, indexed by persona_id; missing for none

    Returns
    -------
    item_id, rater_id, asked_as, group, sample (of the repeat as personas; 0 otherwise), n replies, weights (array).
    """
    ok = answers[answers["status"] == "ok"].assign(party=lambda t: t["persona_shown_id"].map(party))
    as_persona, oneself = ok[ok["asked_as"] == "persona"], ok[ok["asked_as"] == "oneself"].assign(sample=0)
    parts = [as_persona.assign(group="all"), as_persona.dropna(subset="party").assign(group=lambda t: t["party"])]
    parts += [oneself.assign(group=group) for group in GROUPS]
    parts.append(ok[ok["asked_as"] == "shares"].assign(group=lambda t: t["people"]))
    long = pd.concat(parts)
    keys = ["item_id", "rater_id", "asked_as", "group", "sample"]
    rows = []
    for key, part in long.groupby(keys):
        weights = np.zeros(int(part["n_answers"].iloc[0]))
        np.add.at(weights, part["answer"].to_numpy(), part["share"].to_numpy())
        rows.append((*key, part["request_hash"].nunique(), weights))
    return pd.DataFrame(rows, columns=[*keys, "n", "weights"])


def survey_statistics(
    answers: pd.DataFrame, party: pd.Series, people: dict[tuple[str, str], np.ndarray], *, rng: np.random.Generator
) -> pd.DataFrame:
    """The external score of every model, and what it has to be read against: table `survey`.

    survey_distance of `model|way|group`: mean over items of the distance from people; the interval is that of a mean
    over items. Beside the three ways: `asked again`, the distance of a model's two rounds as personas from each
    other, the ceiling that no comparison passes; `uniform`, equal shares for all answers; and `as many people`, the
    mean distance of as many people drawn at random from the same shares: what counting so few makes of a perfect
    panel. same_answer: how often the first model says as a persona what it said before. scored: replies that can be
    used, by way of asking.

    Parameters
    ----------
    answers, party : as of `answer_weights`
    people : the result of `people_shares`
    """
    weights = answer_weights(answers, party)
    rows = []
    scored = weights[weights["sample"] == 0]
    for (rater, way, group), part in scored.groupby(["rater_id", "asked_as", "group"]):
        rows.append(_distance(part, people, f"{rater}|{way}|{group}", group))
        if way == "persona":
            rows.append(_of_chance(part, people, f"{rater}|{CHANCE}|{group}", group, rng))
    again = weights[(weights["asked_as"] == "persona") & (weights["sample"] == 1)]
    for (rater, group), part in again.groupby(["rater_id", "group"]):
        first = scored[(scored["rater_id"] == rater) & (scored["asked_as"] == "persona") & (scored["group"] == group)]
        rounds = {(row.item_id, group): row.weights for row in first.itertuples()}
        rows.append(_distance(part, rounds, f"{rater}|{AGAIN}|{group}", group))
    for group in GROUPS:
        even = [
            (item, np.ones(len(shares)))
            for (item, whose), shares in people.items()
            if whose == group and item in set(answers["item_id"])
        ]
        if even:
            table = pd.DataFrame(even, columns=["item_id", "weights"])
            rows.append(_distance(table, people, f"{UNIFORM}|{UNIFORM}|{group}", group))
    return pd.DataFrame([*rows, *_same(answers), *_scored(answers)])


def _distance(part: pd.DataFrame, people: dict, name: str, group: str) -> dict:
    known = [
        wasserstein(row.weights, people[row.item_id, group]) if (row.item_id, group) in people else np.nan
        for row in part.itertuples()
    ]
    table = pd.DataFrame({"distance": known, "item_id": part["item_id"].to_numpy()})
    return clustered_mean(table, value="distance", clusters=["item_id"], within=(0, 1)).row("survey_distance", name)


def _of_chance(part: pd.DataFrame, people: dict, name: str, group: str, rng: np.random.Generator) -> dict:
    """What as many people as personas answered, drawn from the shares of people, would miss them by on average."""
    found = []
    for row in part.itertuples():
        if (shares := people.get((row.item_id, group))) is not None:
            draws = rng.multinomial(row.n, shares / shares.sum(), size=N_SAMPLES)
            gaps = np.cumsum(draws / row.n - shares / shares.sum(), axis=1)  # `wasserstein`, of all draws at once
            found.append(np.abs(gaps).sum(axis=1).mean() / (len(shares) - 1))
    method = f"mean over items of {N_SAMPLES} draws"
    value = float(np.mean(found)) if found else float("nan")
    return statistic("survey_distance", name, value, n=len(found), n_excluded=len(part) - len(found), method=method)


def _same(answers: pd.DataFrame) -> list[dict]:
    """same_answer of each model that was asked twice as each persona."""
    shown = answers[answers["asked_as"] == "persona"]
    given = shown.assign(given=shown["answer"].where(shown["status"] == "ok").astype("float64"))
    keys = ["rater_id", "item_id", "persona_shown_id"]
    rounds = given[given["sample"] <= 1].pivot(index=keys, columns="sample", values="given")
    if 1 not in rounds:
        return []
    both = rounds.dropna(how="all", subset=[1]).reset_index()
    asked_twice = both[both["rater_id"].isin(given.loc[given["sample"] == 1, "rater_id"])]
    known = asked_twice[0].notna() & asked_twice[1].notna()
    table = asked_twice.assign(same=(asked_twice[0] == asked_twice[1]).astype(float).where(known))
    clusters = ["persona_shown_id", "item_id"]
    return [
        clustered_rate(part, value="same", clusters=clusters).row("same_answer", rater)
        for rater, part in table.groupby("rater_id")
    ]


def _scored(answers: pd.DataFrame) -> list[dict]:
    replies = answers.drop_duplicates(["item_id", "rater_id", "asked_as", "persona_shown_id", "people", "sample"])
    replies = replies.assign(is_ok=(replies["status"] == "ok").astype(float))
    return [
        clustered_rate(part, value="is_ok", clusters=["item_id"]).row("scored", f"{rater}|{way}")
        for (rater, way), part in replies.groupby(["rater_id", "asked_as"])
    ]
