"""What became of the requests of a stage, and who answered them: what a reader must know before its results."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from persona_lib.messages.reply import ending
from persona_lib.messages.request import STATUSES

_DATED = re.compile(r"[-@_:](?:latest|preview|\d{2,4}(?:-?\d{2}){0,3}|\d{6,8})")
_MOST_SHOWN = 60


class Summary:
    """Counts over the rows of a sealed ledger; `add` each of them.

    Attributes: `statuses` (of requests: one that was repaired counts once, as what the repair became), `answered`
    (replies by endpoint, model asked, model named in the reply, provider, fingerprint), `endings` (replies by an ending
    that nobody knows), `n_uncounted` (replies with a text whose tokens were not counted), `example` (what the last
    reply that cannot be used said).

    Examples
    --------
    >>> row = {"endpoint": "large", "model": "gpt-4o", "reply_model": "gpt-4o-2024-08-06", "finish_reason": "stop"}
    >>> row |= {"status": "ok", "detail": "", "repairs": None, "tokens_in": 3, "tokens_out": 1}
    >>> row |= {"provider": "", "fingerprint": ""}
    >>> found = Summary([row, row | {"status": "refused"}])
    >>> found.sentence()
    '2 requests: 1 ok, 1 refused, 0 cut off, 0 unparsed, 0 not taken, 0 failed'
    >>> found.who()
    ['large: replies by gpt-4o-2024-08-06: 2']
    >>> found.warnings()
    []
    """

    def __init__(self, rows: Iterable[Mapping] = ()) -> None:
        self.statuses = Counter(dict.fromkeys(STATUSES, 0))
        self.answered: Counter[tuple[str, str, str, str, str]] = Counter()
        self.endings: Counter[str] = Counter()
        self.n_uncounted, self.example = 0, ""
        for row in rows:
            self.add(row)

    def add(self, row: Mapping) -> None:
        """Count one row."""
        self.statuses[row["status"]] += 1
        self.example = row["detail"] or self.example
        if row["repairs"] is not None:
            self.statuses["unparsed"] -= 1  # the reply that it repairs
        if row["reply_model"]:
            who = (row["endpoint"], row["model"], row["reply_model"], row["provider"], row["fingerprint"])
            self.answered[who] += 1
        if row["status"] in ("ok", "unparsed") and ending(row["finish_reason"]) is None:
            self.endings[row["finish_reason"]] += 1
        if row["status"] in ("ok", "unparsed", "cut_off") and None in (row["tokens_in"], row["tokens_out"]):
            self.n_uncounted += 1

    @property
    def n(self) -> int:
        """Requests."""
        return self.statuses.total()

    def sentence(self) -> str:
        """How many requests there are, and what became of them."""
        said = ", ".join(f"{self.statuses[name]:,} {name.replace('_', ' ')}" for name in STATUSES)
        return f"{self.n:,} requests: {said}"

    def who(self) -> list[str]:
        """Who answered, one line an endpoint, model, provider and fingerprint, as the replies say it."""
        return [
            f"{alias}: replies by {_shown(named)}"
            + (f" of {_shown(provider)}" if provider else "")
            + (f", fingerprint {_shown(fingerprint)}" if fingerprint else "")
            + f": {n:,}"
            for (alias, _, named, provider, fingerprint), n in sorted(self.answered.items())
        ]

    def warnings(self) -> list[str]:
        """What a reader would not expect: another model, several, endings that are not known, tokens not counted."""
        return [*self._strangers(), *self._rest()]

    def _strangers(self) -> Iterator[str]:
        for alias, asked in sorted({key[:2] for key in self.answered}):
            named = sorted({key[2] for key in self.answered if key[:2] == (alias, asked)})
            if strange := [name for name in named if not is_same_model(asked, name)]:
                yield f"endpoint {alias} was asked for {_shown(asked)}, but {', '.join(map(_shown, strange))} answered"
            elif len(named) > 1:
                yield f"endpoint {alias} changed its model on the way: {', '.join(map(_shown, named))}"

    def _rest(self) -> Iterator[str]:
        for name, n in sorted(self.endings.items()):
            yield f"{n:,} replies ended with {_shown(name)!r}, which is not known; they were taken as they are"
        if self.n_uncounted:
            yield f"{self.n_uncounted:,} replies came without a count of their tokens, so what they cost is not known"


def is_same_model(asked: str, named: str) -> bool:
    """Whether the model named in a reply is the one asked for: its folder, a tag and the date of a snapshot aside.

    Examples
    --------
    >>> is_same_model("gpt-4o", "gpt-4o-2024-08-06"), is_same_model("gpt-4o", "gpt-4o-mini")
    (True, False)
    >>> is_same_model("meta-llama/llama-3-8b:free", "Llama-3-8B"), is_same_model("models/x.gguf", "/srv/models/x.gguf")
    (True, True)
    """
    one, two = (name.casefold().rsplit("/", 1)[-1].removesuffix(":free") for name in (asked, named))
    if one == two:
        return True
    short, long = sorted((one, two), key=len)
    if long.startswith(short):
        return _DATED.fullmatch(long[len(short) :]) is not None
    return one.endswith("-latest") and is_same_model(one.removesuffix("-latest"), two)


def _shown(text: str) -> str:
    """A name as a line may hold it: bounded, and without a sign that a terminal obeys."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)[:_MOST_SHOWN]
