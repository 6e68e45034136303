"""A server of the simulated models, and the official client of it."""

from __future__ import annotations

import openai
import pytest
from server_process import start


@pytest.fixture(scope="module")
def port():
    server, port = start()
    yield port
    server.stdin.close()
    assert server.wait(timeout=10) == 0


@pytest.fixture(scope="module")
def client(port):
    with openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="none", max_retries=0) as client:
        yield client
