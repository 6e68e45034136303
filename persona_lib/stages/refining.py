"""Criticise an answer as a persona and rewrite it by that critique, until the rewriting keeps the paper's rules."""

from __future__ import annotations

import re

import pandas as pd

from persona_lib.messages.ask import Ask
from persona_lib.stages import steps
from persona_lib.tables.revisions import FAULTS, fault

PARTS = re.compile(r"(?ms)^\W*EVALUATION\b.*^\W*SUGGESTIONS\b.*^\W*DONE\W*\Z")  # how a critique ends


def refine(rows: pd.DataFrame, *, max_retries: int, ask: Ask) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Criticise each row's answer as its persona, and rewrite it until the rewriting keeps the rules.

    The rules are the paper's (`tables/revisions.py`). A rewriting that breaks one is told which, and asked
    for again, at most `max_retries` times. The last that came stands, with its fault if it has one. A critique that
    does not end in its three parts, EVALUATION, SUGGESTIONS and DONE, is asked for again as often, and then unparsed.

    Parameters
    ----------
    rows : template, description, prompt, text (the answer), status and request_hash (of the answer); index unique

    Returns
    -------
    The critiques on the index of `rows`: text, status, request_hash. And one row per rewriting: row (of the index),
    number (from 0), text, status, request_hash, fault ('' for none), stands (true for one rewriting of each row),
    n_tries (of the row; 0 where a step before failed, whose status and request its one row then carries).
    """
    critique = _criticise(rows, max_retries=max_retries, ask=ask)
    wanted = _requests(rows, critique, template="revise", ask=ask)
    tries = [steps.following(critique, wanted, ask=ask)]
    found_faults = [_faults(tries[0], rows)]
    for number in range(1, max_retries + 1):
        before, faults = tries[-1], found_faults[-1]
        broken = faults[faults != ""].index
        if broken.empty:
            break
        slots = {"revision": before.loc[broken, "text"], "fault": faults[broken].map(FAULTS)}
        again = _requests(rows.loc[broken], critique, template="revise_again", ask=ask, **slots)
        tries.append(steps.first(again.assign(sample=number), ask=ask))
        found_faults.append(_faults(tries[-1], rows))
    both = zip(tries, found_faults, strict=True)
    numbered = [part.assign(number=number, fault=faults) for number, (part, faults) in enumerate(both)]
    found = pd.concat(numbered).rename_axis("row").reset_index().drop(columns="data")
    found = found.sort_values(["row", "number"], kind="stable").reset_index(drop=True)
    came = found["number"].where(found["status"] == "ok", -1)
    n_tries = found.groupby("row")["number"].transform("size")
    return critique, found.assign(
        stands=found.index.isin(came.groupby(found["row"]).idxmax()),
        n_tries=n_tries.where(found["row"].map(critique["status"]) == "ok", 0).astype("int64"),
    )


def _requests(rows: pd.DataFrame, critique: pd.DataFrame, *, template: str, ask: Ask, **slots: pd.Series):
    slots |= {"prompt": rows["prompt"], "answer": rows["text"], "critique": critique.loc[rows.index, "text"]}
    return steps.requests(rows, endpoint=ask.roles["reviser"], template=template, **slots)


def _criticise(rows: pd.DataFrame, *, max_retries: int, ask: Ask) -> pd.DataFrame:
    slots = {"persona": rows["description"], "prompt": rows["prompt"], "answer": rows["text"]}
    wanted = steps.requests(rows, endpoint=ask.roles["critic"], template="critique_" + rows["template"], **slots)
    critique = steps.following(rows, wanted, ask=ask)
    for number in range(1, max_retries + 1):
        again = critique["status"].eq("ok") & ~_has_parts(critique)
        if not again.any():
            break
        replies = steps.first(wanted[again].assign(sample=number), ask=ask)
        critique = pd.concat([critique[~again], replies]).reindex(rows.index)
    return steps.unparsed_unless(critique, _has_parts(critique))


def _has_parts(critique: pd.DataFrame) -> pd.Series:
    return pd.Series([PARTS.search(text) is not None for text in critique["text"].tolist()], index=critique.index)


def _faults(revision: pd.DataFrame, rows: pd.DataFrame) -> pd.Series:
    """The rule that each revision breaks, a key of `FAULTS`, '' for none."""
    kept = rows.loc[revision.index, ["text", "prompt", "description"]]
    columns = (revision["status"], revision["text"], *(kept[name] for name in kept))
    found = [
        fault(text, answer, prompt=prompt, description=described) if status == "ok" else ""
        for status, text, answer, prompt, described in zip(*(column.tolist() for column in columns), strict=True)
    ]
    return pd.Series(found, index=revision.index, dtype="str")


def with_ids(tries: pd.DataFrame, *, key: str) -> pd.DataFrame:
    """The rewritings that were asked for, each with its `kind` and `answer_id`, made of the column `key`.

    What stands is `revision.<key>`; the others are `withdrawn.<key>.<number>`.
    """
    asked = tries[tries["n_tries"] > 0]
    kind = asked["stands"].map({True: "revision", False: "withdrawn"})
    number = ("." + asked["number"].astype("str")).where(~asked["stands"], "")
    return asked.assign(kind=kind, answer_id=kind + "." + asked[key] + number)
