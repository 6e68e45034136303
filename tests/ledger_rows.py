"""What tests of the ledgers share: requests, replies, facts of a run, a sealed ledger of some of them."""

import pandas as pd

from persona_lib.ledger import sealed
from persona_lib.messages import request as words
from persona_lib.messages.endpoint import Endpoint
from persona_lib.messages.request import Reply
from persona_lib.messages.templates import Template

FORMS = {
    "answer": Template("answer", 1, "", "Be kind.", "Q: {{prompt}}"),
    "judge": Template("judge", 1, "", "Choose.", "{{persona}}: {{prompt}}", {"type": "object"}),
}


ENDPOINTS = {"large": Endpoint("large", "m@1", base_url="simulator", parameters={"temperature": 1.0})}


def request(prompt, sample=0):
    row = {"endpoint": "large", "template": "answer", "slots": {"prompt": prompt}, "sample": sample}
    return words.build(pd.DataFrame([row]), endpoints=ENDPOINTS, templates=FORMS)[0]


def reply(text="yes", **rest):
    return Reply(**{"status": "ok", "text": text, "model": "m@1", "tokens_in": 3, "tokens_out": 1, **rest})


def facts(stage="pool", **rest):
    roles = {"answerer": "large"}
    return sealed.about(stage, roles=roles, endpoints=ENDPOINTS, simulated=True, templates=FORMS.values()) | rest


def seal(ledger, path, requests):
    for asked in requests:
        ledger.use(asked)
    ledger.seal(path, facts=facts())


ROW = {"endpoint": "large", "template": "answer", "slots": {"prompt": "Why is the sky blue?"}, "sample": 0}
