"""What tests of attempts share: small tables, and an examiner whose verdict is known beforehand."""

import hashlib
import json

import pandas as pd

from persona_lib.tables.schema import attributes

NAMES = attributes().attribute.tolist()


def personas(n: int) -> pd.DataFrame:
    ids = [f"p{i:04d}" for i in range(1, n + 1)]
    texts = ["\n".join(f"{label}: {{{{x}}}} {i}" for label in attributes().label) for i in ids]
    return pd.DataFrame({"persona_id": ids, "description": texts})


def prompts(n: int) -> pd.DataFrame:
    ids = [f"q{i:04d}" for i in range(1, n + 1)]
    return pd.DataFrame({"prompt_id": ids, "text": ids, "prompt_split": ["train", *["heldout_prompt"] * (n - 1)]})


class Fake:
    """Passes an answer if it names the persona's id; answers name the id when they were told it."""

    roles = {"contestants": ["m1", "m2"], "examiner": "e"}
    simulated, by_batch = True, False

    def __init__(self, status=lambda row: "ok", marker: str = "ANSWER:\n") -> None:
        self.status, self.marker, self.asked, self.rows = status, marker, [], []

    def reply(self, row) -> tuple[str, dict | None]:
        slots = row.slots
        name = slots.get("persona", "").split(" ")[-1]
        if row.template == "examine":
            return "", {"needs_revision": name not in slots["answer"], "reason": ""}
        if row.template == "find_dropped":
            return "", {"conveyed": ["Age"], "is_equivalent": False}
        if row.template == "summarise":
            return f"{row.endpoint} summary for {slots['prompt']} of {name}", None
        told = slots.get("summary", "").split(" ")[-1] or name
        text = f"{row.endpoint} {row.template} to {slots['prompt']} for {told} try {row.sample}"
        return ("1. ANSWER: later.\n" + self.marker + text if row.template == "answer_chain_of_thought" else text), None

    def __call__(self, requests: pd.DataFrame) -> pd.DataFrame:
        rows = []
        for row in requests.itertuples():
            key = json.dumps([row.endpoint, row.template, row.slots, int(row.sample)], sort_keys=True)
            self.asked.append(key)
            self.rows.append(row)
            status = self.status(row)
            text, data = self.reply(row) if status == "ok" else ("", None)
            rows.append(
                {"text": text, "data": data, "status": status, "detail": "",
                 "request_hash": hashlib.sha256(key.encode()).hexdigest(), "tokens_in": 1, "tokens_out": 1}
            )  # fmt: skip
        return pd.DataFrame(rows, index=requests.index)

    def count(self, template: str) -> int:
        return sum(row.template == template for row in self.rows)


class Parrot(Fake):
    """Answers whatever it is asked in the same words."""

    def reply(self, row) -> tuple[str, dict | None]:
        return super().reply(row) if row.template == "examine" else ("the same", None)


def accepted_pairs(n_personas: int, n_prompts: int) -> dict[str, pd.DataFrame]:
    """Tables pairs, answers and judgements of pairs that the judge accepts; revisions name their persona's id."""
    ids = [(f"p{i:04d}", f"q{j + 2:04d}") for i in range(1, n_personas + 1) for j in range(n_prompts)]
    pairs = pd.DataFrame(ids, columns=["persona_id", "prompt_id"])
    pairs["pair_id"] = pairs["persona_id"] + "." + pairs["prompt_id"]
    pairs = pairs.assign(
        chosen_answer_id="revision." + pairs["pair_id"], rejected_answer_id="baseline." + pairs["prompt_id"]
    )
    made = pd.DataFrame({"answer_id": pairs["chosen_answer_id"], "text": "for " + pairs["persona_id"]})
    plain = pd.DataFrame({"answer_id": pairs["rejected_answer_id"].unique()}).assign(text="for nobody")
    judged = pd.DataFrame({"item_id": pairs["pair_id"], "persona_shown_id": pairs["persona_id"]})
    judged = judged.assign(lines_shown="all", repeat=0, status="ok", chosen_answer_id=pairs["chosen_answer_id"])
    judgements = pd.concat([judged.assign(swapped=swapped) for swapped in (False, True)], ignore_index=True)
    answers = pd.concat([made, plain], ignore_index=True)
    return {"pairs": pairs.assign(status="ok"), "answers": answers, "judgements": judgements}
