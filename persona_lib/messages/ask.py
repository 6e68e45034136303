"""What a stage is written against: something that takes a table of requests and gives a table of replies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol, TypedDict, runtime_checkable

import pandas as pd

if TYPE_CHECKING:
    from persona_lib.messages.endpoint import Endpoint


class Roles(TypedDict, total=False):
    """Which endpoint plays which role, by alias; `config/schema.yaml` describes each role."""

    writer: str
    filter: str
    classifier: str
    answerer: str
    critic: str
    reviser: str
    judge: str
    panel: list[str]
    raters: str
    contestants: list[str]
    examiner: str


@runtime_checkable
class Ask(Protocol):
    """Requests in, replies out, on one index: an asker, a dry run, a sealed ledger, or a stand-in of the tests.

    Attributes: `roles`, `endpoints` (by alias, those of the roles among them), and `by_batch` (some endpoint is
    asked by batches, so that a round of requests may take a day).
    """

    roles: Roles
    endpoints: Mapping[str, Endpoint]
    by_batch: bool

    def __call__(self, requests: pd.DataFrame) -> pd.DataFrame:
        """Replies on the requests' index; see `request.build` and `request.table`."""
