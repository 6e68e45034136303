"""Reading a human study back: what people chose becomes judgements with rater kind *person*."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pandas as pd

from persona_lib.study.project import AGREE, CHOICE, CONSENT, KEY, LABELS, REASON
from persona_lib.tables.schema import SchemaError, check

OUTPUT = "annotation_output"
STATE = "user_state.json"
RATERS = ["task", "rater", "agreed", "n_answered", "n_items", "n_checks", "n_checks_failed", "order"]


def read_study(folder: str | Path) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Judgements, raters and reasons of a study that `project.write_study` wrote and people filled in.

    Nobody is left out: who failed an attention check, stopped early or did not agree is in the table of raters, and
    the judgements of the first two are kept. A page that a rater was shown or assigned and did not answer has status
    `cut_off`. The number under which somebody took part goes no further: raters of a persona who agreed to take part
    are person.1, person.2, ... in the order of these numbers, those who did not refused.1, ...

    Returns
    -------
    judgements : table `pool_judgements`, role rater, rater kind person; without attention checks
    raters : one row per person, `RATERS`; order is the pages in the order shown, joined by blanks
    reasons : persona_shown_id, rater_id, item_id, reason: free text of people, to be read before it is shown

    Raises
    ------
    SchemaError
        No study in the folder; a file of a rater that cannot be read or holds an answer that is none of the two.
    """
    folder = Path(folder)
    if not (folder / KEY).is_file():
        raise SchemaError(f"{folder}: no {KEY}; give the folder that persona people write-study wrote")
    key = pd.read_csv(folder / KEY, keep_default_na=False).set_index("instance_id")
    chosen, raters, reasons = [], [], []
    for task in key["task"].unique():
        own, numbers = key[key["task"] == task], Counter[bool]()
        for path in sorted((folder / task / OUTPUT).glob(f"*/{STATE}")):
            state = _read(path)
            said = {page: _labels(answers) for page, answers in state["instance_id_to_label_to_value"].items()}
            counted = _rater(state, said, own)
            numbers[counted["agreed"]] += 1
            rater = f"{'person' if counted['agreed'] else 'refused'}.{numbers[counted['agreed']]}"
            raters.append({"task": task, "rater": rater, **counted})
            if not counted["agreed"]:
                continue
            for row in own[own["check"] == ""].itertuples():
                answer = said.get(row.Index, {})
                place = {"rater_id": rater, "persona_shown_id": row.persona_id, "item_id": row.item_id}
                chosen.append({**place, **_judgement(row, answer.get(CHOICE, ""), path)})
                reasons.append({**place, "reason": answer.get(REASON, "")})
    rest = {"role": "rater", "rater_kind": "person", "lines_shown": "all", "repeat": 0, "request_hash": ""}
    columns = ["rater_id", "persona_shown_id", "item_id", "swapped", "chosen_answer_id", "chosen_position", "status"]
    judgements = check(pd.DataFrame(chosen, columns=columns).assign(**rest), "pool_judgements")
    told = pd.DataFrame(reasons, columns=["persona_shown_id", "rater_id", "item_id", "reason"])
    return judgements, pd.DataFrame(raters, columns=RATERS), told


def _read(path: Path) -> dict:
    try:
        state = json.loads(path.read_text("utf-8"))
        state["instance_id_to_label_to_value"], state["phase_to_page_to_label_to_value"]  # noqa: B018
        return state
    except (ValueError, KeyError, TypeError) as error:
        raise SchemaError(f"{path}: not a rater's file of potato-annotation: {error!r}") from error


def _labels(answers: list) -> dict[str, str]:
    """The last answer under each scheme's name."""
    return {label["schema"]: str(value) for label, value in answers}


def _rater(state: dict, said: dict[str, dict], own: pd.DataFrame) -> dict:
    pages = state["phase_to_page_to_label_to_value"].get(CONSENT, {})
    agreed = any(_labels(answers).get(CONSENT) == AGREE for answers in pages.values())
    checks, items = own[own["check"] != ""], own[own["check"] == ""]
    failed = sum(
        said[page][CHOICE] != row.check
        for page, row in zip(checks.index, checks.itertuples(), strict=True)
        if CHOICE in said.get(page, {})
    )
    return {
        "agreed": agreed,
        "n_answered": sum(CHOICE in said.get(page, {}) for page in items.index),
        "n_items": len(items),
        "n_checks": sum(CHOICE in said.get(page, {}) for page in checks.index),
        "n_checks_failed": int(failed),
        "order": " ".join(state.get("instance_id_ordering", [])),
    }


def _judgement(row, label: str, path: Path) -> dict:
    if label == "":
        return {"swapped": bool(row.swapped), "chosen_answer_id": "", "chosen_position": "", "status": "cut_off"}
    if label not in LABELS:
        raise SchemaError(f"{path}: {row.Index}: {label!r} is neither {LABELS[0]} nor {LABELS[1]}")
    position = "AB"[LABELS.index(label)]
    is_a = (position == "A") != bool(row.swapped)
    chosen = row.answer_a_id if is_a else row.answer_b_id
    return {"swapped": bool(row.swapped), "chosen_answer_id": chosen, "chosen_position": position, "status": "ok"}
