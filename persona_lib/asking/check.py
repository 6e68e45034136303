"""Before the first call: can each endpoint be reached, does it let us in, does it take what it will be sent?

An address that is wrong, a server that is down and a key that is not accepted are told in seconds, before a stage
has been prepared for hours. One short call is made in the form of all others; it is paid for and kept as they are.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import resource
from collections.abc import Callable, Iterable

from persona_lib.asking.budget import Budget
from persona_lib.asking.client import Again, AskError, Client
from persona_lib.ledger.live import Ledger
from persona_lib.messages.check_form import is_checked, request
from persona_lib.messages.endpoint import SIMULATOR, Endpoint
from persona_lib.messages.request import Reply, Request

_OWN_FILES = 256  # that this process opens beside its connections
_PAUSE_S = 1.0  # before the one further try
_log = logging.getLogger(__name__)


def check(
    endpoints: Iterable[Endpoint], ledger: Ledger, *, shard: int, of: int, budget: Budget | None = None
) -> list[str]:
    """Check each live endpoint once; what it replies is kept in the ledger, and never sealed.

    Returns
    -------
    What is no reason to stop and still worth knowing, a line each.

    Raises
    ------
    AskError
        An endpoint cannot be reached or will take no call; names its address and what to do.
    """
    live = [endpoint for endpoint in endpoints if endpoint.base_url != SIMULATOR]
    allow_open_files(sum(endpoint.concurrency for endpoint in live))
    replies = asyncio.run(_each(live, ledger, shard, of, budget))
    return [_advice(endpoint, reply) for endpoint, reply in zip(live, replies, strict=True) if reply is not None
            and reply.status in ("unparsed", "cut_off")]  # fmt: skip


async def _each(
    endpoints: list[Endpoint], ledger: Ledger, shard: int, of: int, budget: Budget | None
) -> list[Reply | None]:
    found = []
    for endpoint in endpoints:
        samples = (request(endpoint, sample) for sample in itertools.count(shard, of))
        asked = next(one for one in samples if one not in ledger)
        client = Client(endpoint)
        try:
            reply = await _checked(client, asked, admitted=budget is None or budget.stop_reason(endpoint.alias) is None)
        finally:
            await client.close()
        if reply is not None:
            ledger.append([(asked, reply)], usd=[None if budget is None else budget.cost(reply, endpoint)])
            if budget is not None:
                budget.charge(reply, endpoint)
        found.append(reply)
    return found


async def _checked(client: Client, asked: Request, *, admitted: bool) -> Reply | None:
    """The reply to the one call; None where none is made, or the endpoint is busy, as the run will find out."""
    has_models = await client.has_models()
    endpoint = client.endpoint
    if not is_checked(endpoint) or not admitted:
        return None
    url = endpoint.base_url
    lost = "" if has_models else f"; there is no {url}/models either: does base_url end as it should, mostly in /v1?"
    for is_last in (False, True):
        try:
            reply, _ = await client.send(asked)
            if reply.status == "not_taken":
                raise AskError(f"endpoint {endpoint.alias}: did not take a short question ({reply.detail})")
            return reply
        except AskError as error:
            raise AskError(f"{error}{lost}") from None
        except Again as error:
            if error.load or error.wait_s:
                _log.warning("endpoint %s is busy: %s", endpoint.alias, error)
                return None
            if is_last:
                raise AskError(f"endpoint {endpoint.alias}: POST {url}/chat/completions: {error}{lost}") from None
        await asyncio.sleep(_PAUSE_S)
    return None


def _advice(endpoint: Endpoint, reply: Reply) -> str:
    said, alias = " ".join(reply.detail.split())[:200], endpoint.alias
    other = f"if that goes on, write json_schema: {str(not endpoint.json_schema).lower()} in endpoints.{alias}"
    todo = f"raise max_tokens in endpoints.{alias}.parameters" if reply.finish_reason == "length" else other
    return f"endpoint {alias}: its reply to a short question with a JSON schema cannot be used ({said}); {todo}"


def allow_open_files(n_connections: int, *, limits: Callable = resource.getrlimit) -> None:
    """Raise this process's soft limit of open files to what so many connections need, if it is lower.

    Raises
    ------
    AskError
        The hard limit does not allow it.
    """
    soft, hard = limits(resource.RLIMIT_NOFILE)
    needed = n_connections + _OWN_FILES
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        what = f"{n_connections} calls at once need {needed} open files, and this machine allows {hard} (ulimit -Hn)"
        raise AskError(f"{what}; lower concurrency of the endpoints")
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
