"""What share of a population would choose an answer, asked of a model without any persona.

The control of every panel of personas: if a model that is simply asked comes as near to the people's shares, the
personas add nothing to them. The question may be one of the pool or of a survey.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from persona_lib.messages.ask import Ask
from persona_lib.stages import steps
from persona_lib.stages.judging import half_swapped
from persona_lib.tables.descriptions import one_line
from persona_lib.tables.groups import large_groups

EVERYBODY = "Adults who live in the United States"
NAMED = {"sex": "Sex", "age_group": "Age", "race": "Race", "ideology": "Ideology"}
ALL = "all"  # the group of everybody


def people(attribute: str = "", value: str = "") -> str:
    """The people that a question is about, in words: everybody, or those of a named group.

    Examples
    --------
    >>> people()
    'Adults who live in the United States'
    >>> people("age_group", "70+")
    'Adults who live in the United States, of whom only these:\\nAge: 70 years and more'
    """
    if not attribute:
        return EVERYBODY
    if attribute == "age_group":
        low, _, high = value.partition("-")
        value = f"{low} to {high} years" if high else f"{value.rstrip('+')} years and more"
    return f"{EVERYBODY}, of whom only these:\n{NAMED[attribute]}: {one_line(value)}"


def ask_shares(rows: pd.DataFrame, *, ask: Ask) -> pd.DataFrame:
    """Ask for every row's share: share_b in [0, 1] (NaN unless ok), status, request_hash, on the rows' index.

    Parameters
    ----------
    rows : endpoint, people (see `people`), prompt, answer_a, answer_b (texts), swapped (b is shown first), and status
        and request_hash of the answers: where they are not ok nothing is asked, and the row carries both
    """
    swapped = rows["swapped"].astype(bool)
    wanted = steps.requests(
        rows,
        endpoint=rows["endpoint"],
        template="ask_share",
        people=rows["people"],
        prompt=rows["prompt"],
        answer_a=rows["answer_a"].where(~swapped, rows["answer_b"]),
        answer_b=rows["answer_b"].where(~swapped, rows["answer_a"]),
    )
    replies = steps.following(rows[["status", "request_hash"]], wanted, ask=ask)
    is_ok = replies["status"] == "ok"
    first = [data["share_a"] / 100 if ok else np.nan for data, ok in zip(replies["data"], is_ok, strict=True)]
    share_first = pd.Series(first, rows.index, dtype="float64")
    return pd.DataFrame(
        {
            "share_b": share_first.where(swapped, 1 - share_first),
            "status": replies["status"],
            "request_hash": replies["request_hash"],
        }
    )


def plan_pool_shares(
    items: pd.DataFrame, personas: pd.DataFrame, *, panel: list[str], named_groups: list[str], seed: int
) -> pd.DataFrame:
    """Whom of the panel is asked which share: everybody's of every model, the named groups' of the first model.

    Parameters
    ----------
    named_groups : attributes whose groups of five personas and more are named

    Returns
    -------
    One row per item, model and group: item_id, prompt_id, answer_a_id, answer_b_id, rater_id, group (`all` or
    `attribute|value`), people, swapped (a random half of the items).
    """
    items = items.sort_values("item_id").reset_index(drop=True)
    wanted = [(model, ALL, people()) for model in panel]
    for row in large_groups(personas, named_groups).itertuples():
        wanted.append((panel[0], f"{row.attribute}|{row.value}", people(row.attribute, row.value)))
    return pd.concat(
        [
            items.assign(
                rater_id=model,
                group=group,
                people=whom,
                swapped=half_swapped(len(items), seed, "judging.pool.shares", model, group),
            )
            for model, group, whom in wanted
        ],
        ignore_index=True,
    )


def pool_shares(plan: pd.DataFrame, prompts: pd.DataFrame, answers: pd.DataFrame, *, ask: Ask) -> pd.DataFrame:
    """Ask for every planned share: table `pool_shares`.

    Parameters
    ----------
    plan : what `plan_pool_shares` returned, or some of its rows
    answers : table `pool_answers`
    """
    known = answers.set_index("answer_id")[["text", "status", "request_hash"]]
    a, b = (known.loc[plan[key]].set_axis(plan.index) for key in ("answer_a_id", "answer_b_id"))
    before = a[["status", "request_hash"]].where(a["status"] != "ok", b[["status", "request_hash"]])
    rows = plan.assign(
        endpoint=plan["rater_id"],
        prompt=plan["prompt_id"].map(prompts.set_index("prompt_id")["text"]),
        answer_a=a["text"],
        answer_b=b["text"],
    )
    told = ask_shares(rows.join(before), ask=ask)
    return plan[["item_id", "rater_id", "group", "swapped"]].join(told).reset_index(drop=True)
