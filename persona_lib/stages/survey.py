"""Survey items put to the panel: as each persona, as oneself, and as shares asked for directly.

The items are those of surveys whose real answers are known (`data/reference/survey_items.csv`), in words of our own.
Without a persona a model is asked in two ways: what it answers itself, many times over, and what share of people gives
each answer. The second is the control that persona panels have to beat.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from persona_lib.messages.ask import Ask
from persona_lib.stages import history, steps
from persona_lib.stages.players import kind
from persona_lib.stages.shares import ALL, EVERYBODY
from persona_lib.tables.schema import SchemaError
from persona_lib.tables.schema import tables as declared
from persona_lib.tables.streams import generator

SOURCES = ("gss2018_spending", "gss2018_abortion", "anes1996")  # whose items are asked
_OF_WHOM = f"{EVERYBODY}, of whom only these:\nPolitical views: "
GROUPS = {  # the people of whom shares are asked, in words: everybody, and each party as the reference tables have it
    ALL: EVERYBODY,
    "Democrat": f"{_OF_WHOM}Democrat, or leaning Democrat",
    "Independent": f"{_OF_WHOM}Independent, leaning to no party",
    "Republican": f"{_OF_WHOM}Republican, or leaning Republican",
}
SPLIT = "|"  # between the answers of an item
NONE = -1  # the answer where there is none
KEYS = ["item_id", "rater_id", "asked_as", "persona_shown_id", "people", "sample"]
_TEMPLATES = {"persona": "survey_persona", "oneself": "survey_oneself", "shares": "survey_shares"}


def plan_survey(
    items: pd.DataFrame,
    personas: pd.DataFrame,
    *,
    panel: list[str],
    n_items: int,
    n_personas: int,
    n_oneself: int,
    seed: int,
) -> pd.DataFrame:
    """Who answers which item as whom.

    Every model of the panel answers `n_items` random items as each of `n_personas` random personas, `n_oneself` times
    as itself, and once for everybody and each party with shares. The panel's first model answers twice as each persona
    (sample 1): how often it says the same is the ceiling of any comparison. A random half of the cells shows the
    answers in the reverse order.

    Returns
    -------
    One row per reply: `KEYS`, with question, answers, is_reversed, endpoint.

    Raises
    ------
    SchemaError
        There are fewer items or personas than asked for.
    """
    items = items[items["source"].isin(SOURCES)].sort_values("item_id").reset_index(drop=True)
    for key, n, table in (("n_items", n_items, items), ("n_personas", n_personas, personas)):
        if len(table) < n:
            raise SchemaError(f"survey: survey.{key} = {n}, but there are only {len(table)}")
    drawn = np.sort(generator(seed, "survey.items").choice(len(items), size=n_items, replace=False))
    asked = items.loc[drawn, ["item_id", "question", "answers"]]
    everyone = np.sort(personas["persona_id"].to_numpy(dtype=object))
    someone = np.sort(generator(seed, "survey.personas").choice(everyone, size=n_personas, replace=False))
    models = pd.DataFrame({"rater_id": panel})
    cells = asked.merge(models, how="cross")
    shown = cells.merge(pd.DataFrame({"persona_shown_id": someone}), how="cross").assign(asked_as="persona", sample=0)
    again = shown[shown["rater_id"] == panel[0]].assign(sample=1)
    oneself = cells.merge(pd.DataFrame({"sample": range(n_oneself)}), how="cross").assign(asked_as="oneself")
    shares = cells.merge(pd.DataFrame({"people": list(GROUPS)}), how="cross").assign(asked_as="shares", sample=0)
    plan = pd.concat([shown, again, oneself, shares], ignore_index=True)
    plan[["persona_shown_id", "people"]] = plan[["persona_shown_id", "people"]].fillna("")
    plan["sample"] = plan["sample"].astype(int)
    # One coin for an item and a persona, so that models and repeats see the same order.
    coins = {
        key: bool(generator(seed, "survey.order", *key).integers(2))
        for key in dict.fromkeys(zip(plan["item_id"], plan["persona_shown_id"], strict=True))
    }
    plan["is_reversed"] = [coins[key] for key in zip(plan["item_id"], plan["persona_shown_id"], strict=True)]
    return plan.assign(endpoint=plan["rater_id"])


def answer(plan: pd.DataFrame, personas: pd.DataFrame, *, ask: Ask) -> pd.DataFrame:
    """Ask for every planned answer: table `survey_answers`.

    A reply as a persona or as oneself is one row, whose share is 1; shares are one row per answer, scaled to sum to
    1. Shares that are fewer or more than the answers, negative or all 0 are unparsed.
    """
    described = {"": ""} | personas.set_index("persona_id")["description"].to_dict()
    options = [
        list(reversed(a.split(SPLIT))) if r else a.split(SPLIT)
        for a, r in zip(plan["answers"], plan["is_reversed"], strict=True)
    ]
    slots = {
        "persona": pd.Series([described[name] for name in plan["persona_shown_id"]], index=plan.index, dtype=object),
        "people": plan["people"].map(GROUPS).fillna(""),
        "prompt": plan["question"],
        "options": pd.Series(["\n".join(lines) for lines in options], index=plan.index, dtype=object),
    }
    parts = []
    for way, template in _TEMPLATES.items():
        inside = plan["asked_as"] == way
        own = {"persona": ["persona"], "oneself": [], "shares": ["people"]}[way]
        names = [*own, "prompt", "options"]
        asked = steps.requests(
            plan[inside], endpoint=plan["endpoint"], template=template, **{name: slots[name][inside] for name in names}
        )
        parts.append(steps.first(asked, ask=ask))
    replies = pd.concat(parts).reindex(plan.index)
    kinds = {alias: kind(one) for alias, one in ask.endpoints.items()}
    given = [
        _shares(data, shown, answers.split(SPLIT)) if status == "ok" else {}
        for data, status, shown, answers in zip(
            replies["data"], replies["status"], options, plan["answers"], strict=True
        )
    ]
    is_empty = np.array([not each for each in given], dtype=bool)
    rows = plan[[*KEYS, "is_reversed"]].assign(
        rater_kind=plan["endpoint"].map(kinds),
        n_answers=[len(lines) for lines in options],
        status=replies["status"].mask(replies["status"].eq("ok") & is_empty, "unparsed"),
        request_hash=replies["request_hash"],
        answer=[list(each or {NONE: np.nan}) for each in given],
        share=[list((each or {NONE: np.nan}).values()) for each in given],
    )
    rows = rows.explode(["answer", "share"], ignore_index=True).astype({"answer": "int64", "share": "float64"})
    return rows[list(declared()["survey_answers"].columns)]


def _shares(data: dict, shown: list[str], known: list[str]) -> dict[int, float]:
    """The share of each answer, by its number in the item's order; empty where the reply cannot be used."""
    if "answer" in data:
        return {known.index(data["answer"]): 1.0}
    told = [float(share) for share in data["shares"]]
    if len(told) != len(shown) or min(told) < 0 or not 0 < sum(told) < float("inf"):
        return {}
    by_answer = dict(zip(shown, told, strict=True))
    return {number: by_answer[name] / sum(told) for number, name in enumerate(known)}


def of_history(survey: Mapping, n_items: int, seed: int) -> dict:
    """The sizes of `history.plan_history` by the block `survey`, for a pool of so many items."""
    sizes = {"n_people": survey["n_history_personas"], "n_targets": survey["n_history_targets"], "seed": seed}
    return sizes | {"ks": [k for k in history.KS if k < n_items]}


def collect_survey(tables: dict, settings: dict, *, shard: int, of: int, ask: Ask) -> None:
    """Ask for the answers of one shard, and for what personas given as their past answers choose on the pool."""
    sizes, seed = settings["survey"], settings["seed"]
    plan = plan_survey(
        tables["survey_items"],
        tables["personas"],
        panel=ask.roles["panel"],
        **{name: sizes[name] for name in ("n_items", "n_personas", "n_oneself")},
        seed=seed,
    )
    mine = steps.of_shard(plan, "item_id", shard=shard, of=of)
    answer(mine.reset_index(drop=True), tables["personas"], ask=ask)
    if sizes["n_history_personas"]:
        pool = [tables[name] for name in ("personas", "pool_items", "prompts", "pool_answers")]
        given = history.pool_answers_given(tables["pool_judgements"], pool[1])
        asked = history.plan_history(given, **of_history(sizes, len(pool[1]), seed))
        own = steps.of_shard(asked, "item_id", shard=shard, of=of)  # who is told of nobody may be asked the same
        history.ask_pool(own, given, *pool, endpoint=ask.roles["panel"][0], ask=ask)
