"""Does the examiner pass what it should and nothing else? Answers whose right verdict is known beforehand."""

from __future__ import annotations

import numpy as np
import pandas as pd

from persona_lib.messages.ask import Ask
from persona_lib.stages import steps
from persona_lib.tables.schema import tables
from persona_lib.tables.streams import generator

KINDS = ("accepted", "swapped", "generic")


def accepted(pairs: pd.DataFrame, judgements: pd.DataFrame) -> pd.DataFrame:
    """The pairs whose revision the judge preferred as their own persona in both orders, sorted by pair_id."""
    own = judgements.merge(pairs, left_on="item_id", right_on="pair_id", suffixes=("", "_of_pair"))
    own = own[(own["persona_shown_id"] == own["persona_id"]) & (own["lines_shown"] == "all") & (own["repeat"] == 0)]
    holds = (own["chosen_answer_id"] == own["chosen_answer_id_of_pair"]) & (own["status"] == "ok")
    n_held = holds.groupby(own["pair_id"]).sum()
    return pairs[pairs["pair_id"].isin(n_held.index[n_held == 2])].sort_values("pair_id")


def plan_calibration(
    pairs: pd.DataFrame, judgements: pd.DataFrame, personas: pd.DataFrame, *, n_calibration: int, seed: int
) -> pd.DataFrame:
    """Three answers of each of `n_calibration` accepted pairs, or of all where there are fewer.

    accepted: the revision, examined for the persona that it was written for and accepted by; it should pass.
    swapped: the same revision, examined for another, random persona. generic: the answer that it revised, written
    for nobody, examined for the own persona. These two should not.

    Returns
    -------
    One row per pair and kind: pair_id, kind, persona_id, prompt_id, critic_persona_id, answer_id.
    """
    usable = accepted(pairs, judgements)
    rng = generator(seed, "attempts.calibration")
    n = min(n_calibration, len(usable))
    drawn = usable.iloc[np.sort(rng.choice(len(usable), size=n, replace=False))]
    ids = np.sort(personas["persona_id"].unique())
    own = np.searchsorted(ids, drawn["persona_id"].to_numpy(dtype=object))
    other = ids[(own + rng.integers(1, max(2, len(ids)), size=n)) % len(ids)]
    base = drawn[["pair_id", "persona_id", "prompt_id"]].assign(critic_persona_id=drawn["persona_id"])
    revision = base.assign(answer_id=drawn["chosen_answer_id"])
    kinds = [
        revision.assign(kind="accepted"),
        revision.assign(kind="swapped", critic_persona_id=other),
        base.assign(kind="generic", answer_id=drawn["rejected_answer_id"]),
    ]
    found = pd.concat(kinds).sort_values("pair_id", kind="stable").reset_index(drop=True)
    return found[["pair_id", "kind", "persona_id", "prompt_id", "critic_persona_id", "answer_id"]]


def calibrate(
    plan: pd.DataFrame, personas: pd.DataFrame, prompts: pd.DataFrame, answers: pd.DataFrame, *, ask: Ask
) -> pd.DataFrame:
    """Let the examiner judge the answers of `plan_calibration`: table `calibration`."""
    slots = {
        "persona": plan["critic_persona_id"].map(personas.set_index("persona_id")["description"]),
        "prompt": plan["prompt_id"].map(prompts.set_index("prompt_id")["text"]),
        "answer": plan["answer_id"].map(answers.set_index("answer_id")["text"]),
    }
    wanted = steps.requests(plan, endpoint=ask.roles["examiner"], template="examine", **slots)
    replies = steps.first(wanted, ask=ask)
    is_ok = replies["status"] == "ok"
    passed = [not d["needs_revision"] if ok else None for d, ok in zip(replies["data"], is_ok, strict=True)]
    found = plan.assign(
        passed=pd.array(passed, dtype="boolean"), status=replies["status"], request_hash=replies["request_hash"]
    )
    return found[list(tables()["calibration"].columns)].reset_index(drop=True)
