"""The one short call that checks an endpoint before a run asks it: its words, its request, whom it is made to."""

from __future__ import annotations

import pandas as pd

from persona_lib.messages import request as words
from persona_lib.messages.endpoint import SIMULATOR, Endpoint
from persona_lib.messages.request import Request
from persona_lib.messages.templates import Template

FORM = Template(
    name="check_endpoint",
    version=1,
    source="ours",
    system="You answer a question with JSON.",
    user='Is snow white? Reply with JSON only: {"is_white": true or false}',
    response_schema={
        "type": "object",
        "additionalProperties": False,
        "required": ["is_white"],
        "properties": {"is_white": {"type": "boolean"}},
    },
    least_max_tokens=32,
)


def is_checked(endpoint: Endpoint) -> bool:
    """Whether an endpoint is checked by a call: a live one that is asked call by call."""
    return endpoint.base_url != SIMULATOR and endpoint.transport == "chat"


def request(endpoint: Endpoint, sample: int = 0) -> Request:
    """The call that checks an endpoint; `sample` tells the checks of a run apart."""
    row = pd.DataFrame({"endpoint": [endpoint.alias], "template": FORM.name, "slots": [{}], "sample": sample})
    return words.build(row, endpoints={endpoint.alias: endpoint}, templates={FORM.name: FORM})[0]
