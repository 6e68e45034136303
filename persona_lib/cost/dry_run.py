"""A stage played through without asking anybody: which calls it still has to make.

A dry run is the `ask` of a stage. It gives the answers that the ledger holds; to every other
request it replies with a stand-in of the right form, so that the next step can be built, and counts
it. The count is exact as long as no step fails; tokens are those of the requests themselves.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import pandas as pd

from persona_lib.asking.prices import price_of
from persona_lib.cost.plan import CHARACTERS_PER_TOKEN, ENDS, reply_limit
from persona_lib.ledger.index import Index
from persona_lib.ledger.live import Ledger
from persona_lib.messages import check_form
from persona_lib.messages import request as words
from persona_lib.messages.ask import Roles
from persona_lib.messages.endpoint import Endpoint
from persona_lib.messages.request import Reply, Request
from persona_lib.messages.templates import Template

# What later steps look for in a text: its parts, and that a revision has fewer words than an answer.
_BEGINS, _WORD, _ENDS = "EVALUATION\nSUGGESTIONS\nANSWER:\n", " .", "\nDONE"


class DryRun:
    """`ask(requests) -> replies` without a network.

    Attributes: `roles`, `endpoints`, `by_batch` (as of the asker that will send), `n_asked` (distinct requests),
    `missing` (of what would have been sent, the calls and their characters, schemas included, by endpoint and
    template).
    Its memory does not grow with the calls.

    Parameters
    ----------
    endpoints, roles, templates : as of the asker that will send
    ledger : the ledger whose answers are known; None for none
    lengths : declared lengths (`plan.read_lengths`): how long a stand-in is
    """

    def __init__(
        self,
        endpoints: Mapping[str, Endpoint],
        roles: Roles,
        templates: Mapping[str, Template],
        ledger: Ledger | None,
        *,
        lengths: pd.DataFrame,
    ) -> None:
        self.roles, self._asked = roles.copy(), Index()
        self.by_batch = any(endpoint.transport == "batch" for endpoint in endpoints.values())
        self.endpoints, self._templates, self._ledger = endpoints, templates, ledger
        self._lengths = lengths.loc["reply"].to_dict()  # by end, then by template
        self.missing: dict[tuple[str, str], tuple[int, int]] = {}

    @property
    def n_asked(self) -> int:
        """Distinct requests so far."""
        return len(self._asked)

    def __call__(self, requests: pd.DataFrame) -> pd.DataFrame:
        """Replies on the requests' index; see `request.table`."""
        built = words.build(requests, endpoints=self.endpoints, templates=self._templates)
        replies = [self._reply(one, name) for one, name in zip(built, requests["template"], strict=True)]
        return words.table(built, replies, index=requests.index)

    def _reply(self, request: Request, template: str) -> Reply:
        is_new = self._asked.add(request.hash, file=0, byte=0)
        known = self._ledger.find(request) if self._ledger is not None else None
        if known is not None:
            repair = words.repair(request, known, self.endpoints[request.endpoint])
            return known if repair is None else words.settled(known, self._reply(repair, template))
        length = sum(len(message["content"]) for message in request.messages)
        if request.response_schema is not None:
            length += len(words.canonical(request.response_schema))
        if is_new:
            n, characters = self.missing.get((request.endpoint, template), (0, 0))
            self.missing[request.endpoint, template] = n + 1, characters + length
        if request.response_schema is not None:
            return Reply("ok", text=json.dumps(stand_in(request.response_schema)))
        size = int(self._lengths["expected"][template] * CHARACTERS_PER_TOKEN["expected"])
        text = f"{_BEGINS}{request.hash}"
        return Reply("ok", text=text + _WORD * max(0, (size - len(text)) // len(_WORD)) + _ENDS)

    def checks(self) -> list[Endpoint]:
        """The endpoints that still have something to be asked; the call that checks each of them is counted."""
        found = [self.endpoints[alias] for alias in dict.fromkeys(alias for alias, _ in self.missing)]
        for endpoint in filter(check_form.is_checked, found):
            asked = check_form.request(endpoint)
            length = sum(len(message["content"]) for message in asked.messages)
            length += len(words.canonical(asked.response_schema))
            self.missing[endpoint.alias, check_form.FORM.name] = 1, length
        return found

    def estimate(self, prices: pd.DataFrame) -> dict[str, tuple[float, float, float | None]]:
        """Tokens in, tokens out and USD (None: unknown) of what would be sent, at each end: low, expected, high."""
        price_by_alias = {alias: price_of(one, prices) for alias, one in self.endpoints.items()}
        found: dict[str, tuple[float, float, float | None]] = {}
        for end in ENDS:
            tokens_in, tokens_out = 0.0, 0.0
            cost: float | None = 0.0
            for (alias, template), (n, characters) in self.missing.items():
                most = min(self._lengths[end][template], reply_limit(self.endpoints[alias]))
                tokens, price = (characters / CHARACTERS_PER_TOKEN[end], n * most), price_by_alias[alias]
                tokens_in, tokens_out = tokens_in + tokens[0], tokens_out + tokens[1]
                cost = None if cost is None or price is None else cost + price.of(*tokens)
            found[end] = tokens_in, tokens_out, cost
        return found

    def sentence(self, prices: pd.DataFrame) -> str:
        """The number of calls, what they cost and their tokens, low / expected / high."""
        tokens_in, tokens_out, usd = zip(*self.estimate(prices).values(), strict=True)
        money = "price unknown" if None in usd else "USD " + " / ".join(f"{cost:,.2f}" for cost in usd)
        sides = [" / ".join(f"{n:,.0f}" for n in side) for side in (tokens_in, tokens_out)]
        told = f"low / expected / high; tokens in {sides[0]}; tokens out {sides[1]}"
        n_calls = sum(n for n, _ in self.missing.values())
        return f"{n_calls:,} calls to make, {money} ({told})"


def stand_in(schema: Mapping) -> object:
    """A value that fits a response schema of ours: objects, enums, booleans, texts, numbers, lists.

    Examples
    --------
    >>> stand_in({"type": "object", "properties": {"choice": {"enum": ["A", "B"]}, "why": {"type": "string"}}})
    {'choice': 'A', 'why': '.'}
    >>> stand_in({"type": "integer", "minimum": 50, "maximum": 100})
    50
    """
    if "enum" in schema:
        return schema["enum"][0]
    plain = {"boolean": False, "string": ".", "integer": 0, "number": 0.0, "array": []}
    plain |= {"integer": schema.get("minimum", 0), "number": schema.get("minimum", 0.0)}
    if schema.get("type") == "object":
        return {name: stand_in(part) for name, part in schema.get("properties", {}).items()}
    return plain[schema["type"]]
