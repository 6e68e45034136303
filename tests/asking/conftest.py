"""A misbehaving endpoint, a run against it, and a clock that stands still."""

import threading

import pandas as pd
import pytest
from endless import FORMS, KEY, Endless

from persona_lib.asking.asker import Asker
from persona_lib.ledger.live import Ledger
from persona_lib.messages.endpoint import Endpoint


@pytest.fixture
def server():
    with Endless() as found:
        thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield found
        found.shutdown()


@pytest.fixture
def run(server, tmp_path, monkeypatch):
    """Ask texts in one run over the same ledger each time; gives the replies."""
    monkeypatch.setenv("TEST_KEY", KEY)

    def asked(texts, template="answer", samples=0, mode="live", seal=None, budget=None, **endpoint):
        settings = {
            "model": "m",
            "key_variable": "TEST_KEY",
            "concurrency": 4,
            "timeout_s": 5,
            "retries": 3,
            **endpoint,
        }
        address = f"http://127.0.0.1:{server.server_address[1]}/v1"
        one = Endpoint("large", **{"base_url": address, "parameters": {"temperature": 0.5}, **settings})
        rows = pd.DataFrame({"endpoint": "large", "template": template, "sample": samples,
                             "slots": [{"prompt": text} for text in texts]})  # fmt: skip
        with (
            Ledger(tmp_path / "ledger", "toy", shard=0, of=1) as ledger,
            Asker({"large": one}, {"answerer": "large"}, FORMS, ledger, mode=mode, budget=budget, quiet=True) as ask,
        ):
            replies = ask(rows)
            if seal:
                ledger.seal(tmp_path / seal, facts=ask.facts)
            return replies

    return asked


class Clock:
    """Stands still until it is told."""

    def __init__(self, seconds=1000.0):
        self.seconds = seconds

    def __call__(self):
        return self.seconds


@pytest.fixture
def clock():
    return Clock()
