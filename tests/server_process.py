"""A server of the simulated models in a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from persona_lib.messages.templates import load as load_templates
from persona_lib.messages.templates import render
from persona_lib.simulator.forms import TEMPLATES

REPO = Path(__file__).resolve().parents[1]
WORDS = load_templates(TEMPLATES)


JUDGE = list(
    render(
        WORDS["judge"],
        {
            "persona": "Age: 43\nReligion: none",
            "prompt": "Should zoos be closed?",
            "answer_a": "So pick one thing, do it this week, and see what it changes.",
            "answer_b": "It is your life, and the choice is yours.",
        },
    )
)


def start(**more) -> tuple[subprocess.Popen, int]:
    """A server process that this test is the parent of, and its port."""
    environment = {**os.environ, "PYTHONPATH": str(REPO)}
    command = [sys.executable, "-m", "persona_lib.simulator"]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, cwd=REPO, **more)
    return server, int(server.stdout.readline())


def is_listening(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def is_gone_within(port: int, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not is_listening(port):
            return True
        time.sleep(0.05)
    return False


def post(port: int, body: bytes, path: str = "/v1/chat/completions") -> tuple[int, dict]:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


QUESTION = [{"role": "user", "content": "What do you think about zoos?"}]
