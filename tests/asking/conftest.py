"""A misbehaving endpoint, a run against it, and a clock that stands still."""

from __future__ import annotations

import threading

import pandas as pd
import pytest
from endless import FORMS, KEY, Endless
from serving import MODEL, TEXTS, Serving

from persona_lib.asking import batch
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


@pytest.fixture
def ask(tmp_path, monkeypatch):
    """Ask texts through one server over one ledger; gives the replies by text, and seals them."""
    monkeypatch.setattr(batch, "_POLL_S", (0.01, 0.05))

    def asked(server, texts=TEXTS, *, name="ledger", shard=0, of=1, budget=None, **changes):
        settings = {"model": MODEL, "base_url": server.url, "concurrency": 4, "timeout_s": 20, "retries": 2}
        one = {"large": Endpoint("large", **(settings | {"transport": "batch"} | changes))}
        slots = [{"prompt": text} for text in texts]
        rows = pd.DataFrame({"endpoint": "large", "template": "answer", "slots": slots})
        with (
            Ledger(tmp_path / name, "toy", shard=shard, of=of) as ledger,
            Asker(one, {"answerer": "large"}, FORMS, ledger, quiet=True, budget=budget) as asker,
        ):
            replies = asker(rows).set_axis(texts)
            ledger.seal(tmp_path / f"{name}.parquet", facts=asker.facts)
        return replies

    return asked


@pytest.fixture(scope="module")
def true(tmp_path_factory):
    """What the same server says by chat: the oracle of every answer."""
    one = {"large": Endpoint("large", model=MODEL, base_url="", concurrency=4, timeout_s=20)}
    slots = [{"prompt": text} for text in TEXTS]
    rows = pd.DataFrame({"endpoint": "large", "template": "answer", "slots": slots})
    with Serving() as server, Ledger(tmp_path_factory.mktemp("true"), "toy", shard=0, of=1) as ledger:
        one["large"] = Endpoint("large", model=MODEL, base_url=server.url, concurrency=4, timeout_s=20)
        with Asker(one, {"answerer": "large"}, FORMS, ledger, quiet=True) as asker:
            return asker(rows).set_axis(TEXTS)["text"].to_dict()
