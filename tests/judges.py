"""What tests of judging share: small tables, and a judge whose choice is known beforehand."""

import hashlib
import json

import pandas as pd

from persona_lib.messages.endpoint import SIMULATOR, Endpoint
from persona_lib.stages import judging
from persona_lib.stages.validation import plan_validation
from persona_lib.tables.schema import attributes, check

NAMES = attributes().attribute.tolist()


SIZES = {"n_panel_personas": 3, "n_raters": 2, "n_panel_items": 2}


def description(i: int, **values: str) -> str:
    return "\n".join(f"{r.label}: {values.get(r.attribute, f'v{i}')}" for r in attributes().itertuples())


def personas(n: int) -> pd.DataFrame:
    ids = [f"p{i:04d}" for i in range(1, n + 1)]
    groups = {"sex": ["Female", "Male"] * (n // 2) + ["Male"] * (n % 2), "age_years": 72, "race": "R", "ideology": "I"}
    return pd.DataFrame({"persona_id": ids, "description": [description(i) for i in range(n)], **groups})


def prompts(n: int) -> pd.DataFrame:
    ids = [f"q{i:04d}" for i in range(1, n + 1)]
    split = ["train", *["heldout_prompt"] * (n - 1)]
    return pd.DataFrame({"prompt_id": ids, "text": [f"{i} {{{{persona}}}} <b>?\n" for i in ids], "prompt_split": split})


def pairs_and_answers(n_personas: int, n_prompts: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    cells = [(f"p{i:04d}", f"q{j:04d}") for i in range(1, n_personas + 1) for j in range(1, n_prompts + 1)]
    pairs = pd.DataFrame(cells, columns=["persona_id", "prompt_id"])
    pairs["pair_id"] = pairs.persona_id + "." + pairs.prompt_id
    pairs = pairs.assign(
        chosen_answer_id="revision." + pairs.pair_id, rejected_answer_id="baseline." + pairs.prompt_id, status="ok"
    )
    ids = sorted({*pairs.chosen_answer_id, *pairs.rejected_answer_id})
    answers = pd.DataFrame({"answer_id": ids, "text": [f"text {{x}} of {i}" for i in ids]})
    return pairs, answers.assign(status="ok", request_hash="of answer")


def by_content(row) -> str:
    """Prefers the revision, or the divergent answer, wherever it stands."""
    return "A" if any(kind in row.slots["answer_a"] for kind in ("revision", "divergent")) else "B"


class Fake:
    """A judge that follows `rule`; other templates answer with their name."""

    roles = {"judge": "j", "answerer": "a", "panel": ["m1", "m2"], "raters": "rater", "critic": "c", "reviser": "r"}
    roles |= {"contestants": ["m1", "m2"], "examiner": "e"}
    endpoints = {name: Endpoint(name, f"sim-{name}", SIMULATOR) for name in ("j", "a", "m1", "m2", "rater", "c", "r")}
    simulated, by_batch = True, False

    def __init__(self, rule=by_content, status=lambda row: "ok") -> None:
        self.rule, self.status, self.asked, self.rows = rule, status, [], []

    def __call__(self, requests: pd.DataFrame) -> pd.DataFrame:
        rows = []
        for row in requests.itertuples():
            key = json.dumps([row.endpoint, row.template, row.slots, int(row.sample)], sort_keys=True)
            self.asked.append(key)
            self.rows.append(row)
            status = self.status(row)
            data = {"choice": self.rule(row)} if row.template.startswith("judge") and status == "ok" else None
            data = data | {"certainty": 75} if data and row.template == "judge_certainty" else data
            data = {"share_a": 30} if row.template == "ask_share" and status == "ok" else data
            data = {"nearer": self.nearer(row)} if row.template == "nearer" and status == "ok" else data
            text = "" if status != "ok" else json.dumps(data) if data else self.says(row)
            rows.append(
                {"text": text, "data": data, "status": status, "detail": "",
                 "request_hash": hashlib.sha256(key.encode()).hexdigest(), "tokens_in": 1, "tokens_out": 1}
            )  # fmt: skip
        return pd.DataFrame(rows, index=requests.index)

    @staticmethod
    def nearer(row) -> str:
        """To the divergent answer, wherever it stands."""
        return "A" if row.slots["answer_a"].startswith("divergent") else "B"

    @staticmethod
    def says(row) -> str:
        if row.template.startswith("critique"):
            return "EVALUATION:\nno\nSUGGESTIONS:\nless\nDONE"
        if row.template == "revise":
            return f"revision {row.slots['prompt'].split()[0]}"
        return f"{'divergent' if row.template == 'answer_divergent' else 'baseline'} {row.slots['prompt']}"


def validated(ask: Fake) -> pd.DataFrame:
    pairs, answers = pairs_and_answers(4, 3)
    plan = plan_validation(pairs, personas(4), n_pairs=10, judge="j", seed=1)
    return check(judging.judge(plan, personas(4), prompts(3), answers, ask=ask), "judgements")
