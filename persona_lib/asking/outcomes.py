"""How the replies of a stage fare, step by step, so that one that gets nothing usable stops and says so.

A step is one endpoint asked with one template. What counts is what became of a request: a reply that is asked for once
more, since it is not the JSON asked for, is not counted, but what that brings. A call that failed is no reply.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from persona_lib.ledger.summary import Summary
from persona_lib.messages.endpoint import Endpoint
from persona_lib.messages.request import STATUSES, Reply, Request

FIRST, ENOUGH = 5, 25  # requests none of which is taken; replies before a share is judged
_SHOWN = 200


class Outcomes:
    """Counts what became of the requests of one shard; `count` says when the stage should stop.

    Examples
    --------
    >>> seen = Outcomes({"large": Endpoint("large", "m")})
    >>> request, reply = Request("large", "m", ({"role": "system", "content": "Choose."},), {}), Reply("refused")
    >>> [seen.count(request, reply) is None for _ in range(25)][-2:]
    [True, False]
    """

    def __init__(self, endpoints: Mapping[str, Endpoint]) -> None:
        self._endpoints = endpoints
        self._steps: dict[tuple[str, str], Counter[str]] = {}
        self._unusable: dict[tuple[str, str], tuple[Request, Reply]] = {}  # the last of each step

    def count(self, request: Request, reply: Reply) -> str | None:
        """Why no more requests should be sent, after this one has become what it is; None if they may."""
        if reply.status == "failed":
            return None
        endpoint, key = self._endpoints[request.endpoint], (request.endpoint, request.messages[0]["content"])
        step = self._steps.setdefault(key, Counter())
        step[reply.status] += 1
        if reply.status != "ok":
            self._unusable[key] = request, reply
        n, n_not_taken = step.total(), step["not_taken"]
        if n >= ENOUGH and endpoint.least_usable > 0 and step["ok"] <= endpoint.least_usable * n:
            return _why(endpoint, step, *self._unusable[key], keep_on="least_usable: 0")
        is_over = n_not_taken == n == FIRST or (n >= ENOUGH and n_not_taken > endpoint.most_not_taken * n)
        if is_over and endpoint.most_not_taken < 1:
            return _why(endpoint, step, *self._unusable[key], keep_on="most_not_taken: 1")
        return None


def nothing_usable(summary: Summary, endpoints: Mapping[str, Endpoint]) -> str | None:
    """Why a stage that has ended should not be sealed: none of its replies can be used; None if that is not so."""
    n_replies = summary.n - summary.statuses["failed"]
    if summary.statuses["ok"] or n_replies < FIRST or not any(one.least_usable for one in endpoints.values()):
        return None
    said = f"no reply can be used ({summary.sentence()}); one of them: {summary.example[:_SHOWN]!r}"
    todo = "set json_schema: false, more max_tokens in its parameters, or another model"
    return f"{said}; for its endpoint {todo}, or least_usable: 0 to seal it all the same"


def _why(endpoint: Endpoint, counts: Mapping[str, int], request: Request, reply: Reply, *, keep_on: str) -> str:
    """The counts, one reply as a line may hold it, the likely remedy, and how to go on all the same."""
    named = [(name, counts[name]) for name in STATUSES if counts[name]]
    n, what = sum(number for _, number in named), ", ".join(f"{number} {name}" for name, number in named)
    worst = max((name for name, _ in named if name != "ok"), key=lambda name: counts[name])
    return (
        f"endpoint {endpoint.alias}: of {n} replies to one step too few can be used ({what.replace('_', ' ')}); "
        f"one of them: {reply.detail[:_SHOWN]!r}; {_remedy(worst, endpoint, request, reply)}; the answers so far are "
        f"kept, the same command goes on; endpoints.{endpoint.alias}.{keep_on} lets it go on whatever comes back"
    )


def _remedy(status: str, endpoint: Endpoint, request: Request, reply: Reply) -> str:
    """What most likely helps where most replies have this status."""
    name = f"endpoints.{endpoint.alias}"
    if status == "cut_off" or (status == "unparsed" and reply.thinking):
        return f"raise max_tokens in {name}.parameters, of which thinking takes its part, or switch thinking off there"
    if status == "not_taken":
        return (
            f"set a model or a server that takes them in {name}, or lower max_tokens in its parameters, and ask again "
            "for these by --ask-again not_taken"
        )
    if status == "refused":
        return f"set another model in {name}, or one without a filter"
    if request.response_schema is not None and endpoint.json_schema:
        return f"set {name}.json_schema: false, which puts the form in the prompt, or another model"
    return f"set another model in {name}"
