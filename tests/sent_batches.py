"""What was made of batches: by the server's list, and by the journal."""

from __future__ import annotations

import openai

from persona_lib.ledger import batch_journal


class Died(Exception):
    """The process ends here, as if it were killed."""


def made(server) -> list:
    """The batches that the server was given, the oldest first."""
    with openai.OpenAI(base_url=server.url, api_key="none") as client:
        return list(client.batches.list())[::-1]


def n_answered(server) -> int:
    return sum(found.request_counts.completed for found in made(server))


def recorded(folder) -> list[tuple]:
    return [(e["event"], e.get("status")) for e in batch_journal.events(folder / "toy-0-of-1.batches")]
