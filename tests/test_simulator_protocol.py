"""The simulated models over the wire: the OpenAI protocol, read by the official client; and the server's own life."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import openai
import pytest

from persona_lib.simulator import VERSION, roles
from persona_lib.simulator.app import make_app
from persona_lib.simulator.forms import TEMPLATES, Forms
from persona_lib.simulator.protocol import EMBEDDER, tokens
from persona_lib.simulator.world import load
from persona_lib.templates import TemplateError, render
from persona_lib.templates import load as load_templates

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
QUESTION = [{"role": "user", "content": "What do you think about zoos?"}]


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


def post(port: int, body: bytes, path: str = "/v1/chat/completions") -> tuple[int, dict]:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_models_are_listed_with_the_worlds_version(client):
    listed = [model.id for model in client.models.list()]
    assert listed == [f"{name}@{VERSION}" for name in (*load().models, EMBEDDER)]


def test_embeddings_are_of_length_one_and_texts_that_share_words_lie_close(client):
    texts = ["Should zoos be closed?", "Should zoos be kept open?", "The tax on sugar."]
    got = client.embeddings.create(model="sim-embedding", input=texts, dimensions=128)
    vectors = [item.embedding for item in got.data]
    assert [len(v) for v in vectors] == [128] * 3 and got.usage.prompt_tokens == sum(tokens(t) for t in texts)
    assert [sum(x * x for x in v) for v in vectors] == pytest.approx([1, 1, 1], abs=1e-5)
    dot = [sum(a * b for a, b in zip(vectors[0], v, strict=True)) for v in vectors]
    assert dot[1] > 0.4 > dot[2]
    plain = client.embeddings.create(model="sim-embedding", input=texts[2], dimensions=128, encoding_format="float")
    assert plain.data[0].embedding == pytest.approx(vectors[2], abs=1e-6)
    with pytest.raises(openai.NotFoundError, match="does not embed"):
        client.embeddings.create(model="sim-large", input="x")
    with pytest.raises(openai.BadRequestError, match="'input' must be a text"):
        client.embeddings.create(model="sim-embedding", input="")


def test_a_completion_is_what_the_client_and_the_role_say(client):
    schema = {"type": "json_schema", "json_schema": {"name": "judge", "schema": WORDS["judge"].response_schema}}
    name = f"sim-large@{VERSION}"
    for sample in range(20):
        got = client.chat.completions.create(model=name, messages=JUDGE, seed=sample, response_format=schema)
        expected = roles.reply(Forms(), load().models["sim-large"], JUDGE, sample=sample)
        choice = got.choices[0]
        said = choice.message.refusal if expected.refused else choice.message.content
        assert (said, choice.finish_reason, got.object, got.model) == (expected.text, "stop", "chat.completion", name)
        assert got.usage.completion_tokens == tokens(expected.text)
        assert got.usage.total_tokens == got.usage.prompt_tokens + got.usage.completion_tokens
    again = client.chat.completions.create(model="sim-large", messages=JUDGE, seed=19, response_format=schema)
    assert again == got


def test_a_refusal_has_no_content(client):
    """sim-people refuses one request in a hundred; some of 600 samples are refusals."""
    who, forms = load().models["sim-people"], Forms()
    sample = next(i for i in range(600) if roles.reply(forms, who, JUDGE, sample=i).refused)
    message = client.chat.completions.create(model="sim-people", messages=JUDGE, seed=sample).choices[0].message
    assert message.content is None and message.refusal


def test_plain_questions_and_foreign_schemas_are_answered(client):
    plain = client.chat.completions.create(model="sim-large", messages=QUESTION)
    assert "zoos" in plain.choices[0].message.content
    schema = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer", "minimum": 3}}}
    shape = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    got = client.chat.completions.create(model="sim-judge", messages=QUESTION, response_format=shape)
    assert json.loads(got.choices[0].message.content) == {"n": 3}


def test_an_unknown_model_and_an_old_version_are_not_found(client):
    with pytest.raises(openai.NotFoundError, match="'gpt-9' does not exist; there are sim-large"):
        client.chat.completions.create(model="gpt-9", messages=QUESTION)
    with pytest.raises(openai.NotFoundError, match=f"version {VERSION}, not 000000000000") as error:
        client.chat.completions.create(model="sim-large@000000000000", messages=QUESTION)
    assert error.value.code == "model_not_found"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"{not json", None),
        (b"\xff\xfe", None),
        (b"[]", None),
        (b'{"messages": []}', "model"),
        (b'{"model": "sim-large"}', "messages"),
        (b"[" * 100_000, None),
        (b'{"model": "sim-large", "messages": [{"role": "user", "content": "\\ud800"}]}', "messages.[0]"),
        (b'{"model": "sim-large", "messages": [{"role": "user"}]}', "messages.[0]"),
        (b'{"model": "sim-large", "messages": [{"role": "user", "content": "x"}], "seed": "1"}', "seed"),
        (b'{"model": "sim-large", "messages": [{"role": "user", "content": "x"}], "stream": true}', "stream"),
        (b'{"model": "sim-large", "messages": [{"role": "user", "content": "x"}], "n": 2}', "n"),
    ],
)
def test_a_bad_body_is_an_error_of_the_protocol(port, body, param):
    status, answer = post(port, body)
    assert status == 400
    assert answer["error"]["type"] == "invalid_request_error" and answer["error"]["param"] == param


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
