"""Choices between two answers: of preference pairs, and of the pool that every rater judges."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from persona_lib.messages.ask import Ask
from persona_lib.stages import steps
from persona_lib.stages.players import kind
from persona_lib.tables.descriptions import part
from persona_lib.tables.schema import SchemaError
from persona_lib.tables.streams import generator


def choose(
    rows: pd.DataFrame, answers: pd.DataFrame, *, ask: Ask, template: str = "judge", told: Sequence[str] = ()
) -> pd.DataFrame:
    """Ask for every row's choice: chosen_answer_id, chosen_position, status, request_hash, on the rows' index.

    `rows` has endpoint, sample, prompt, answer_a_id, answer_b_id, swapped (b is shown first) and
    persona: the description shown, '' for none. Where one of the two answers is not ok there is
    nothing to ask, and the row carries that answer's status and request. `told` names what else the
    reply to `template` says, a column each, None unless ok.

    Raises
    ------
    SchemaError
        If an answer is not in `answers`.
    """
    known = answers.set_index("answer_id")[["text", "status", "request_hash"]]
    if unknown := sorted((set(rows["answer_a_id"]) | set(rows["answer_b_id"])) - set(known.index)):
        raise SchemaError(f"judging: no answer {unknown[0]!r}")
    a, b = (known.loc[rows[key]].set_axis(rows.index) for key in ("answer_a_id", "answer_b_id"))
    swapped = rows["swapped"].astype(bool)
    slots = {
        "prompt": rows["prompt"],
        "answer_a": a["text"].where(~swapped, b["text"]),
        "answer_b": b["text"].where(~swapped, a["text"]),
    }
    is_blind = rows["persona"] == ""
    before = a[["status", "request_hash"]].where(a["status"] != "ok", b[["status", "request_hash"]])
    wanted = pd.concat(
        [
            steps.requests(
                rows[is_blind],
                endpoint=rows["endpoint"],
                template="judge_no_persona",
                **{key: texts[is_blind] for key, texts in slots.items()},
            ),
            steps.requests(
                rows[~is_blind],
                endpoint=rows["endpoint"],
                template=template,
                persona=rows.loc[~is_blind, "persona"],
                **{key: texts[~is_blind] for key, texts in slots.items()},
            ),
        ]
    ).reindex(rows.index)
    replies = steps.following(before, wanted, ask=ask)
    is_ok = replies["status"] == "ok"
    said = list(zip(replies["data"], is_ok, strict=True))
    position = pd.Series([d["choice"] if ok else "" for d, ok in said], rows.index, dtype=object)
    is_a = (position == "A") ^ swapped
    chosen = rows["answer_a_id"].where(is_a, rows["answer_b_id"]).where(is_ok, "")
    return pd.DataFrame(
        {
            "chosen_answer_id": chosen,
            "chosen_position": position,
            **{key: pd.Series([d[key] if ok else None for d, ok in said], rows.index) for key in told},
            "status": replies["status"],
            "request_hash": replies["request_hash"],
        }
    )


def judge(
    plan: pd.DataFrame, personas: pd.DataFrame, prompts: pd.DataFrame, answers: pd.DataFrame, *, ask: Ask
) -> pd.DataFrame:
    """Ask for every planned choice: table `judgements` (with pool answers: `pool_judgements`).

    `plan` is what `plan_validation` or `plan_pool` returned, or some of its rows; of a persona the lines
    `lines_shown` of its description are shown (`descriptions.part`).
    """
    texts = prompts.set_index("prompt_id")["text"]
    for column, known in (("persona_shown_id", {*personas["persona_id"], ""}), ("prompt_id", set(texts.index))):
        if unknown := sorted(set(plan[column]) - known):
            raise SchemaError(f"judging: no {column} {unknown[0]!r} in the tables")
    rows = plan.assign(persona=_shown(plan, personas), prompt=plan["prompt_id"].map(texts))
    key = ["item_id", "rater_id", "role", "persona_shown_id", "lines_shown", "swapped", "repeat"]
    kinds = plan["endpoint"].map({alias: kind(one) for alias, one in ask.endpoints.items()})
    return plan[key].assign(rater_kind=kinds).join(choose(rows, answers, ask=ask)).reset_index(drop=True)


def choose_for_people(
    pairs: pd.DataFrame, answers: pd.DataFrame, people: pd.DataFrame, *, endpoint: str, ask: Ask
) -> pd.Series:
    """The answer that a model chooses in each real person's place, on the pairs' index; '' where it chose none.

    Parameters
    ----------
    pairs : person_id, prompt, answer_a_id, answer_b_id, swapped (b is shown first)
    answers : answer_id, text
    people : person_id, description: what each person said of himself or herself
    """
    described = people.set_index("person_id")["description"]
    rows = pairs.assign(persona=pairs["person_id"].map(described), endpoint=endpoint, sample=0)
    return choose(rows, answers.assign(status="ok", request_hash=""), ask=ask)["chosen_answer_id"]


def collect_prism(tables: dict, settings: dict, *, shard: int, of: int, ask: Ask) -> None:
    """Ask for the choices of one shard of PRISM's people; the tables as text."""
    pairs = tables["pairs_of_people"].assign(swapped=tables["pairs_of_people"]["swapped"].eq("True"))
    mine = steps.of_shard(pairs, "person_id", shard=shard, of=of)
    choose_for_people(mine, tables["answers_of_people"], tables["people"], endpoint=ask.roles["judge"], ask=ask)


def _shown(plan: pd.DataFrame, personas: pd.DataFrame) -> list[str]:
    """What each row shows of its persona: the lines of the description that it says, '' for no persona."""
    known = personas.set_index("persona_id")
    texts = {"": ""} | known["description"].to_dict()
    values = known["core_values"].to_dict() if "core_values" in known else {}
    wanted = plan[["persona_shown_id", "lines_shown"]].drop_duplicates().itertuples(index=False)
    shown = {(key, lines): part(texts[key], lines, core_values=values.get(key, "")) for key, lines in wanted if key}
    return [shown.get(key, "") for key in zip(plan["persona_shown_id"], plan["lines_shown"], strict=True)]


def half_swapped(n: int, seed: int, *names: str) -> np.ndarray:
    """A random half of n items whose answers change places (the larger half or the smaller at random if n is odd)."""
    rng = generator(seed, *names)
    return rng.permutation((np.arange(n) + rng.integers(2)) % 2 == 1)
