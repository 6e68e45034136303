"""What calls cost, and the cap that stops a run before it costs more.

Prices are in USD per million tokens. A price that is not known is None, never 0: a sum in which it
takes part is None too. The simulator costs nothing.

What an answer cost is written into its line of the ledger, at the price of the day and of the way it
was asked; a later change of the configuration does not change it. A line that does not say is taken
at today's price, if the model is still its endpoint's.

All shards of a run share its cap. Each keeps an entry in `spending.json` beside the ledgers: what it
has used, and how much of the cap it was granted. It asks for more, under a lock, before it would
need it, and gives back at the end what it did not spend; so the sum of the grants, and with it the
money, stays below the cap. A call is granted the price of the dearest one so far: the cap can be
passed only by how much the calls under way are dearer than that. Each endpoint has its own dearest call.
"""

from __future__ import annotations

import fcntl
import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pandas as pd

from persona_lib.asking.prices import Price, SpendError, price_of
from persona_lib.ledger import batch_journal, locks
from persona_lib.ledger import live as ledgers
from persona_lib.messages.endpoint import Endpoint, model_of
from persona_lib.messages.request import Reply, Request
from persona_lib.tables.files import whole

BOOK = "spending.json"
_TOKENS_IN, _TOKENS_OUT = 3_000, 1_024  # what a first call is taken to need, where max_tokens says no other


class Budget:
    """Counts what the answers of one shard cost, and says when its run may send no more.

    Use it as a context manager while the shard's ledger is open. `n_under_way` is how many calls were
    admitted and not yet charged.

    Parameters
    ----------
    ledger : the live ledger of this shard, a file in the folder of the run's ledgers
    endpoints : every configured endpoint, by alias
    prices : the price table
    asked : aliases of those that may be asked
    cap_usd : what the run may cost, all shards and stages together; None for any sum
    expected_usd : what this shard is expected to cost from now on; None if not known

    Raises
    ------
    SpendError
        There is a cap, and the price of an endpoint that is asked is not known, or what one has cost is not.
    """

    def __init__(
        self,
        ledger: str | Path,
        endpoints: Mapping[str, Endpoint],
        prices: pd.DataFrame,
        *,
        asked: Iterable[str],
        cap_usd: float | None = None,
        expected_usd: float | None = None,
    ) -> None:
        self._path, self._endpoints, self._cap, self._expected = Path(ledger), endpoints, cap_usd, expected_usd
        self._prices = {alias: price_of(endpoint, prices) for alias, endpoint in endpoints.items()}
        self._by_batch = {alias: price_of(replace(one, transport="batch"), prices) for alias, one in endpoints.items()}
        self._uncounted = ""
        self._under_way: Counter[str] = Counter()
        self._held = 0.0
        self._dearest = {alias: self._first_guess(alias) for alias in asked}
        self._guessed = set(asked)
        self._must_know(alias for alias in asked if self._prices[alias] is None)
        self._used = usage(self._path, self._cost_today)
        self._must_know(_unknown(self._used))
        self._at_start = _cost(self._used) or 0.0
        self._granted = self._at_start + batch_journal.held_usd(self._path)
        self._others: dict[str, dict] = {}

    def __enter__(self) -> Budget:
        with self._book() as book:
            for path in sorted(self._path.parent.glob("*.jsonl")):
                entry = book.get(path.stem)
                is_current = (
                    entry is not None
                    and entry["bytes"] == path.stat().st_size
                    and all(None not in (row[3:] or [None]) for row in entry["usage"].values())
                    and not path.with_suffix(batch_journal.SUFFIX).exists()  # a batch of it may have ended since
                )
                if path != self._path and not is_current and not locks.is_held(path.with_suffix(".lock")):
                    used = usage(path, self._cost_today)
                    granted = (_cost(used) or 0.0) + batch_journal.held_usd(path)
                    book[path.stem] = _entry(used, granted, path.stat().st_size)
            self._write(book, is_open=True)
        self._must_know(alias for entry in self._others.values() for alias in _unknown(entry["usage"]))
        return self

    def __exit__(self, *_) -> None:
        if (spent := _cost(self._used)) is not None:
            self._granted = spent + self._held
        with self._book() as book:
            self._write(book, is_open=False)

    def charge(self, reply: Reply, endpoint: Endpoint) -> None:
        """Count one answer that has become durable."""
        if self._under_way[endpoint.alias]:  # an answer of a batch was never admitted
            self._under_way[endpoint.alias] -= 1
        cost, price = self.cost(reply, endpoint), self._price(endpoint)
        _add(self._used, endpoint.alias, reply.tokens_in, reply.tokens_out, cost)
        if cost is None and price is not None:
            self._uncounted = endpoint.alias
        if cost is not None and None not in (reply.tokens_in, reply.tokens_out):
            before = 0.0 if endpoint.alias in self._guessed else self._dearest[endpoint.alias]
            self._dearest[endpoint.alias] = max(before, cost)
            self._guessed.discard(endpoint.alias)

    def cost(self, reply: Reply, endpoint: Endpoint) -> float | None:
        """What one answer costs in USD, the way that the endpoint was asked; None where price or tokens are unknown."""
        price = self._price(endpoint)
        return _priced(price, reply.status, reply.tokens_in, reply.tokens_out)

    @property
    def n_under_way(self) -> int:
        """Calls that were admitted and not yet charged."""
        return self._under_way.total()

    def stop_reason(self, alias: str) -> str | None:
        """Why no further call of an endpoint may be sent; None admits one, which is under way until it is charged."""
        admitted = self._under_way + Counter([alias])
        reason = self._refusal(self._held + sum(n * self._dearest[name] for name, n in admitted.items()))
        if reason is None:
            self._under_way[alias] += 1
        return reason

    def bound(self, request: Request, endpoint: Endpoint) -> float:
        """USD that a call is taken to cost at most: two bytes a token in, the longest reply out; 0 where not known.

        Where the endpoint's parameters set no max_tokens, a reply is taken to have 1,024 at most.
        """
        price = self._price(endpoint)
        n_bytes = sum(len(message["content"].encode("utf-8", "replace")) for message in request.messages)
        return 0.0 if price is None else price.of(n_bytes / 2, endpoint.max_tokens or _TOKENS_OUT)

    def hold(self, usd: float, *, already_sent: bool = False) -> str | None:
        """Set money aside for calls sent together, as a batch; why it cannot be, None if it is.

        What has been sent is held whatever the cap says: it will have to be paid.
        """
        reason = None if already_sent else self._refusal(self._held + usd)
        if reason is None:
            self._held += usd
        return reason

    def release(self, usd: float) -> None:
        """The calls that `usd` was held for have been charged, or will never be."""
        self._held = max(0.0, self._held - usd)

    def spent(self) -> float | None:
        """What the answers of this run, all shards and stages together, have cost as far as the book is up to date."""
        costs = [_cost(self._used), *(_cost(entry["usage"]) for entry in self._others.values())]
        known = [cost for cost in costs if cost is not None]
        return math.fsum(known) if len(known) == len(costs) else None

    def remaining(self) -> float | None:
        """What this shard is still expected to cost; None where that is not known."""
        own = _cost(self._used)
        return None if self._expected is None or own is None else max(0.0, self._expected - (own - self._at_start))

    def _refusal(self, under_way: float) -> str | None:
        if self._cap is None:
            return None
        if self._uncounted:
            return f"endpoint {self._uncounted} does not count tokens, so spend.cap_usd cannot be kept; set it to null"
        needed = (_cost(self._used) or 0.0) + under_way
        if needed > self._granted:
            with self._book() as book:
                free = self._cap - math.fsum(entry["granted_usd"] for entry in self._others.values())
                self._granted = max(self._granted, min(free, needed + max(under_way, self._cap / 500)))
                self._write(book, is_open=True)
        if needed > self._granted + 1e-9:
            spent = self.spent() or 0.0
            return (
                f"the spending cap is reached: USD {spent:,.4f} of {self._cap:,.4f} are spent, the rest may be needed "
                "by calls under way; raise spend.cap_usd to go on"
            )
        return None

    def _must_know(self, aliases: Iterable[str]) -> None:
        unknown = sorted(aliases)
        if self._cap is not None and unknown:
            raise SpendError(
                f"spend.cap_usd is {self._cap:g}, but the price of endpoint {unknown[0]} is not known: name a row of "
                f"the price table in endpoints.{unknown[0]}.price, with the model that was asked, or set "
                "spend.cap_usd: null; so too where it gave replies without a count of tokens"
            )

    def _price(self, endpoint: Endpoint) -> Price | None:
        return (self._by_batch if endpoint.transport == "batch" else self._prices)[endpoint.alias]

    def _first_guess(self, alias: str) -> float:
        price, most = self._prices[alias], self._endpoints[alias].max_tokens
        return 0.0 if price is None else price.of(_TOKENS_IN, most or _TOKENS_OUT)

    def _cost_today(self, record: Mapping) -> float | None:
        """What an answer of the ledger would cost today; None where that is not known, or says nothing of it."""
        request, reply = record["request"], record["reply"]
        endpoint = self._endpoints.get(request["endpoint"])
        price = self._prices.get(request["endpoint"])
        if endpoint is None or price is None:
            return None
        if model_of(request["model"], endpoint) != model_of(endpoint.model, endpoint):
            return None
        return _priced(price, reply["status"], reply["tokens_in"], reply["tokens_out"])

    @contextmanager
    def _book(self) -> Iterator[dict]:
        """The entries of all shards, to be changed under the run's lock."""
        folder = self._path.parent
        with (folder / "spending.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            book: dict[str, dict] = {}
            with suppress(OSError, ValueError, TypeError):  # a book lost or torn is counted anew from the ledgers
                book.update(json.loads((folder / BOOK).read_text("utf-8"))["shards"])
            self._others = {stem: entry for stem, entry in book.items() if stem != self._path.stem}
            yield book

    def _write(self, book: dict, *, is_open: bool) -> None:
        size = -1 if is_open or not self._path.exists() else self._path.stat().st_size
        book[self._path.stem] = _entry(self._used, self._granted, size)
        self._others = {stem: entry for stem, entry in book.items() if stem != self._path.stem}
        with whole(self._path.parent / BOOK, private=True) as half:
            half.write_text(json.dumps({"shards": book}, indent=1, sort_keys=True), "utf-8")


def _priced(price: Price | None, status: str, tokens_in: int | None, tokens_out: int | None) -> float | None:
    """USD of one reply; None where its price is not known, or its tokens though it says something."""
    is_uncounted = None in (tokens_in, tokens_out) and status in ("ok", "unparsed", "cut_off")
    if price is None or (is_uncounted and price != Price(0.0, 0.0)):
        return None
    return price.of(tokens_in or 0, tokens_out or 0)


def usage(path: str | Path, today: Callable[[Mapping], float | None] = lambda record: None) -> dict[str, list]:
    """Calls, tokens in, tokens out and USD of a live ledger, by endpoint alias; no file, no usage.

    USD are None where one of the answers does not say what it cost and `today` does not know it either.
    """
    used: dict[str, list] = {}
    if Path(path).exists():
        for _, record in ledgers.lines(path):
            reply, usd = record["reply"], record.get("usd")
            usd = today(record) if usd is None else usd
            _add(used, record["request"]["endpoint"], reply["tokens_in"], reply["tokens_out"], usd)
    return used


def _add(used: dict[str, list], alias: str, tokens_in: int | None, tokens_out: int | None, usd: float | None) -> None:
    row = used.setdefault(alias, [0, 0, 0, 0.0])
    for i, n in enumerate((1, tokens_in or 0, tokens_out or 0)):
        row[i] += n
    row[3] = None if None in (row[3], usd) else row[3] + usd


def _unknown(used: Mapping[str, list]) -> list[str]:
    return [alias for alias, row in used.items() if row[3] is None]


def _cost(used: Mapping[str, list]) -> float | None:
    return None if _unknown(used) else math.fsum(row[3] for row in used.values())


def _entry(used: Mapping[str, list], granted: float | None, size: int) -> dict:
    return {"usage": {alias: list(row) for alias, row in used.items()}, "granted_usd": granted or 0.0, "bytes": size}
