"""What is known of batches that were handed to an endpoint: a small append-only file beside the ledger.

`{stage}-{shard}-of-{of}.batches` has one JSON line an event, on disk before the event counts:

    planned  a key of our own, the endpoint, the requests' hashes, the money held for them, and how long the stage's
             ledgers are (only what comes after can be an answer of this batch): before anything is sent
    made     the endpoint's batch id: the batch is under way, wherever this process ends
    ended    how it ended, once every answer of it is in the ledger; with hashes, only these are taken of it, since
             the others are wanted by a shard of another cut, or by a later block of the same stage

A process that dies between the first two leaves a batch that nobody recorded. The key is in its
metadata, so it is found again among the endpoint's batches. A last line that a crash tore is cut.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from persona_lib.ledger import live as ledgers
from persona_lib.ledger import locks
from persona_lib.ledger.errors import LedgerError, said

SUFFIX = ".batches"


@dataclass
class SentBatch:
    """One batch from its plan to its end; `batch` is None until it is known to be made."""

    key: str
    endpoint: str
    hashes: frozenset[str]
    usd: float = 0.0
    ledger_bytes: Mapping[str, int] = field(default_factory=dict)
    batch: str | None = None
    ended: str | None = None
    taken: frozenset[str] = frozenset()

    @property
    def left(self) -> frozenset[str]:
        """The requests whose outcome nobody has taken yet."""
        return frozenset() if self.ended is not None else self.hashes - self.taken


class BatchJournal:
    """The batches of one stage: one's own file is written, those of shards that nobody works on are read too.

    Parameters
    ----------
    ledger : the live ledger of this shard, whose lock this process holds

    Raises
    ------
    LedgerError
        A line before the last is damaged; names file and line.
    """

    def __init__(self, ledger: str | Path) -> None:
        self.path = Path(ledger).with_suffix(SUFFIX)
        self._cut_torn_tail()
        stage = self.path.stem.rsplit("-", 3)[0]
        self._known: dict[str, SentBatch] = {}
        for path in sorted(self.path.parent.glob(f"{stage}-*-of-*{SUFFIX}")):
            if path == self.path or not locks.is_held(path.with_suffix(".lock")):
                for event in events(path):
                    _apply(self._known, event)

    def open(self, endpoint: str) -> list[SentBatch]:
        """The batches at one endpoint of which something is left, in the order of their plans."""
        return [sent for sent in self._known.values() if sent.endpoint == endpoint and sent.left]

    def write(self, event: str, key: str, **facts: object) -> SentBatch:
        """Put an event on disk; from then on it counts."""
        if event == "planned":
            facts["ledger_bytes"] = {path.name: path.stat().st_size for path in _ledgers(self.path)}
        found = {"event": event, "key": key, **facts}
        number = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            block = memoryview(json.dumps(found).encode() + b"\n")
            while block:
                block = block[os.write(number, block) :]
            os.fsync(number)
        except OSError as error:
            raise LedgerError(f"{self.path}: {said(error)}; the answers before are safe") from error
        finally:
            os.close(number)
        return _apply(self._known, found)

    def _cut_torn_tail(self) -> None:
        if self.path.exists() and not (block := self.path.read_bytes()).endswith(b"\n"):
            os.truncate(self.path, block.rfind(b"\n") + 1)


def events(path: str | Path) -> Iterator[dict]:
    """The events of one file; a torn last line is left out.

    Raises
    ------
    LedgerError
        A damaged line; names file and line.
    """
    with open(path, "rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return
            try:
                event = json.loads(line)
                event["key"], event["event"]
            except (ValueError, LookupError, TypeError) as error:
                raise LedgerError(f"{path}: line {number} is damaged; restore the file from a copy") from error
            yield event


def held_usd(ledger: str | Path) -> float:
    """The money that batches of one shard still hold: those that have not ended and are not wholly answered.

    What was answered before a batch was planned, and is asked again by it, is not answered by it.

    Raises
    ------
    LedgerError
        A damaged line.
    """
    ledger = Path(ledger)
    known: dict[str, SentBatch] = {}
    stage = ledger.stem.rsplit("-", 3)[0]
    own = ledger.with_suffix(SUFFIX)
    if not own.exists():
        return 0.0
    for path in ledger.parent.glob(f"{stage}-*-of-*{SUFFIX}"):  # another cut of the stage may have ended them
        for event in events(path):
            _apply(known, event)
    keys = {event["key"] for event in events(own) if event["event"] == "planned"}
    if not (pending := [known[key] for key in keys if known[key].left and known[key].usd]):
        return 0.0
    unanswered = {sent.key: set(sent.left) for sent in pending}
    wanted = frozenset().union(*unanswered.values())
    for path in _ledgers(own):
        for (start, _), record in ledgers.lines(path):
            if record["hash"] in wanted and record["reply"]["status"] != "failed":
                for sent in pending:
                    if start >= sent.ledger_bytes.get(path.name, 0):
                        unanswered[sent.key].discard(record["hash"])
    return sum(sent.usd for sent in pending if unanswered[sent.key])


def _ledgers(path: Path) -> list[Path]:
    """The live ledgers of all shards of the stage whose journal this is."""
    stage = path.stem.rsplit("-", 3)[0]
    return sorted(path.parent.glob(f"{stage}-*-of-*.jsonl"))


def _apply(known: dict[str, SentBatch], event: dict) -> SentBatch:
    key = event["key"]
    sent = known.setdefault(key, SentBatch(key, "", frozenset()))
    if event["event"] == "planned":
        sent.endpoint, sent.hashes, sent.usd = event["endpoint"], frozenset(event["hashes"]), event["usd"]
        sent.ledger_bytes = event.get("ledger_bytes", {})  # journals of earlier versions do not say
    elif event["event"] == "made":
        sent.batch = event["batch"]
    elif event["event"] == "ended":
        if "hashes" in event:
            sent.taken |= frozenset(event["hashes"])
        else:
            sent.ended = event["status"]
    return sent
