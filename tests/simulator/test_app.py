"""The server's own life: whom it serves, what it does with faults of its own, and that it ends with its parent."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx2
import openai
import pytest
from server_process import QUESTION, REPO, is_gone_within, is_listening, post, start
from serving import Serving

from persona_lib.messages.templates import TemplateError
from persona_lib.simulator import roles
from persona_lib.simulator.app import make_app
from persona_lib.simulator.faults import Plan, Rule
from persona_lib.simulator.inside import transport


@pytest.mark.parametrize("where", ["served", "inside"])
def test_a_fault_of_the_simulators_own_is_an_error_of_the_protocol(monkeypatch, where):
    """Oracle: a handler that raises; over HTTP and inside the process the same error comes back."""

    def broken(*_, **__):
        raise LookupError("no such thing")

    monkeypatch.setattr(roles, "reply", broken)
    asked = {"model": "sim-large", "messages": QUESTION}

    async def inside() -> None:
        client = httpx2.AsyncClient(transport=transport())
        async with openai.AsyncOpenAI(base_url="http://here/v1", api_key="x", max_retries=0, http_client=client) as ask:
            await ask.chat.completions.create(**asked)

    with pytest.raises(openai.InternalServerError, match="a fault of its own: LookupError") as error:
        if where == "inside":
            asyncio.run(inside())
        with Serving() as server, openai.OpenAI(base_url=server.url, api_key="none", max_retries=0) as client:
            client.chat.completions.create(**asked)
    assert error.value.type == "server_error" and error.value.status_code == 500


def test_a_lost_connection_inside_the_process_is_one_to_the_official_client():
    """Oracle: what the client makes of a connection that a real server drops, openai.APIConnectionError."""

    async def lost() -> None:
        client = httpx2.AsyncClient(transport=transport(faults=Plan(rules=(Rule("dropped"),))))
        async with openai.AsyncOpenAI(base_url="http://here/v1", api_key="x", max_retries=0, http_client=client) as ask:
            await ask.chat.completions.create(model="sim-large", messages=QUESTION)

    with pytest.raises(openai.APIConnectionError) as error:
        asyncio.run(lost())
    assert type(error.value.__cause__).__name__ == "ReadError"


def test_another_path_is_not_found(port):
    status, answer = post(port, b"{}", path="/v1/images")
    assert status == 404 and "/v1/images" in answer["error"]["message"]


def test_a_folder_without_templates_is_refused(tmp_path):
    with pytest.raises(TemplateError, match="no template"):
        make_app(tmp_path)


def test_only_loopback_is_served(port):
    """Oracle: the kernel's table of listening sockets; the port is bound to 127.0.0.1 alone."""
    table = Path("/proc/net/tcp")
    if not table.exists():
        pytest.skip("no /proc/net/tcp here")
    local = [line.split()[1] for line in table.read_text().splitlines()[1:] if line.split()[3] == "0A"]
    assert [address for address in local if address.endswith(f":{port:04X}")] == [f"0100007F:{port:04X}"]


def test_the_server_ends_when_its_parent_is_killed():
    """A parent that starts a server and is killed outright leaves none behind."""
    script = (
        "import subprocess, sys, time\n"
        "command, pipe = [sys.executable, '-m', 'persona_lib.simulator'], subprocess.PIPE\n"
        "s = subprocess.Popen(command, stdin=pipe, stdout=pipe)\n"
        "print(s.stdout.readline().decode().strip(), flush=True)\n"
        "time.sleep(60)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(REPO)}
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, env=environment, cwd=REPO)
    port = int(parent.stdout.readline())
    assert is_listening(port)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait(timeout=10)
    assert is_gone_within(port, 10)


def test_the_server_ends_while_a_connection_is_open():
    server, port = start()
    with socket.create_connection(("127.0.0.1", port), timeout=5):
        server.stdin.close()
        assert server.wait(timeout=10) == 0
