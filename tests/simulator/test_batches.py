"""Batches of the simulator, through the official client: life of a batch, both files, faults that are planned."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import openai
import pytest
from starlette.requests import Request

from persona_lib.simulator import batches

ROOT = Path(__file__).parents[2]
PLANNED = """
batches:
  - {}
  - {ends: expired, after: 2}
  - {ends: failed, code: token_limit_exceeded}
  - {errors: 0.3, doubled: 0.3, strangers: 2}
  - {seconds: 30}
"""


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    file = tmp_path_factory.mktemp("faults") / "faults.yaml"
    file.write_text(PLANNED)
    command = [sys.executable, "-m", "persona_lib.cli", "simulate", "--faults", str(file)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, cwd=ROOT) as server:
        port = int(server.stdout.readline())
        with openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="none", max_retries=0) as found:
            yield found
        server.stdin.close()
        assert server.wait(timeout=10) == 0


def body(text: str, model: str = "sim-small") -> dict:
    return {"model": model, "messages": [{"role": "user", "content": text}], "seed": 0}


def line(key: str, **changes) -> dict:
    found = {"custom_id": key, "method": "POST", "url": "/v1/chat/completions", "body": body(f"Why {key}?")}
    return found | changes


def made(client, lines, **metadata):
    content = "\n".join(json.dumps(found) for found in lines).encode()
    file = client.files.create(file=("requests.jsonl", content), purpose="batch")
    assert client.files.content(file.id).content == content
    return client.batches.create(
        input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h", metadata=metadata
    )


def ended(client, batch):
    end = time.monotonic() + 10
    while batch.status in ("validating", "in_progress", "finalizing", "cancelling") and time.monotonic() < end:
        time.sleep(0.02)
        batch = client.batches.retrieve(batch.id)
    return batch


def rows(client, file):
    return [json.loads(text) for text in client.files.content(file).text.splitlines()] if file else []


def test_the_planned_lives_of_batches(client):
    """In the order of the plan; the oracle of an answer is the chat endpoint of the same server."""
    keys = [f"k{i}" for i in range(30)]
    whole = ended(client, made(client, [line(key) for key in keys], persona="1"))
    assert (whole.status, whole.error_file_id, whole.metadata) == ("completed", None, {"persona": "1"})
    assert whole.request_counts.model_dump() == {"total": 30, "completed": 30, "failed": 0}
    for row in rows(client, whole.output_file_id):
        said = client.chat.completions.create(**body(f"Why {row['custom_id']}?"))
        assert row["response"]["status_code"] == 200 and row["error"] is None
        assert row["response"]["body"]["choices"][0]["message"]["content"] == said.choices[0].message.content

    expired = ended(client, made(client, [line(key) for key in keys]))
    assert expired.status == "expired"
    assert [row["custom_id"] for row in rows(client, expired.output_file_id)] == keys[:2]
    undone = rows(client, expired.error_file_id)
    assert {row["error"]["code"] for row in undone} == {"batch_expired"} and len(undone) == 28

    failed = ended(client, made(client, [line("a")]))
    assert failed.status == "failed" and failed.errors.data[0].code == "token_limit_exceeded"

    odd = ended(client, made(client, [line(key) for key in keys]))
    good, bad = rows(client, odd.output_file_id), rows(client, odd.error_file_id)
    assert 0 < len(bad) < 20 and {row["response"]["status_code"] for row in bad} == {500}
    assert {row["custom_id"] for row in good + bad} == {*keys, "stranger-0", "stranger-1"}
    assert len(good) > len({row["custom_id"] for row in good})

    slow = made(client, [line(key) for key in keys])
    assert client.batches.cancel(slow.id).status == "cancelling"
    assert ended(client, slow).status == "cancelled"
    with pytest.raises(openai.ConflictError, match="has ended"):
        client.batches.cancel(slow.id)

    listed = [batch.id for batch in client.batches.list(limit=2)]
    assert listed == [slow.id, odd.id, failed.id, expired.id, whole.id], "the newest first, over pages"


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ([line("a"), line("a")], "duplicate_custom_id"),
        ([line("a", url="/v1/embeddings")], "mismatched_endpoint"),
        ([line("a"), line("b", body=body("x", "sim-large"))], "mismatched_model"),
        ([{"custom_id": "a"}], "invalid_json_line"),
    ],
)
def test_a_file_that_is_no_batch(lines, code):
    found = list(batches._faulty([json.dumps(one).encode() for one in lines], "/v1/chat/completions"))
    assert [error["code"] for error in found] == [code] and found[0]["line"] == len(lines)


def test_the_limits_of_the_protocol():
    many = [b"{}"] * (batches.MOST_REQUESTS + 1)
    assert next(batches._faulty(many, "/v1/chat/completions"))["code"] == "invalid_request_count"
    assert (batches.MOST_REQUESTS, batches.MOST_BYTES) == (50_000, 209_715_200)


def test_what_is_not_there(client):
    with pytest.raises(openai.NotFoundError, match="No such batch: batch_9"):
        client.batches.retrieve("batch_9")
    with pytest.raises(openai.NotFoundError, match="No such file"):
        client.files.content("file-9")
    with pytest.raises(openai.BadRequestError, match="of purpose 'batch'"):
        client.batches.create(input_file_id="file-9", endpoint="/v1/chat/completions", completion_window="24h")
    file = client.files.create(file=b"x", purpose="batch")
    assert client.files.delete(file.id).deleted and file.id not in [found.id for found in client.files.list()]


@pytest.mark.parametrize(
    "asked",
    [
        b'{"input_file_id": ["a"], "endpoint": "/v1/chat/completions", "completion_window": "24h"}',
        b'{"input_file_id": "a", "endpoint": {}, "completion_window": "24h"}',
        b'["input_file_id"]',
        b'"input_file_id"',
        b"{",
        b"[" * 100_000,
        b'{"input_file_id": "a", "endpoint": "/v1/chat/completions", "completion_window": "24h", "metadata": [1]}',
    ],
)
def test_a_batch_that_cannot_be_made_is_an_error_of_the_protocol(client, asked):
    headers = {"content-type": "application/json"}
    with pytest.raises(openai.BadRequestError) as error:
        client.post("/batches", content=asked, cast_to=object, options={"headers": headers})
    assert error.value.type == "invalid_request_error"


@pytest.mark.parametrize("limit", ["\N{SUPERSCRIPT TWO}", "0", "-1", "1" * 5000, "ten"])
def test_a_limit_that_is_none(client, limit):
    with pytest.raises(openai.BadRequestError, match="'limit' must be a whole number"):
        client.batches.list(limit=limit)


@pytest.mark.parametrize(
    ("odd", "status"),
    [
        ({"messages": [1]}, 400),
        ({"response_format": {"type": "json_schema", "json_schema": [1]}}, 400),
        ({"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": []}}}}, 400),
        ({"seed": 10**30}, 400),
    ],
)
def test_a_malformed_line_is_refused_alone_and_the_batch_ends(client, odd, status):
    found = ended(client, made(client, [line("good"), line("bad", body=body("Why?") | odd)]))
    assert found.status == "completed"
    (good,), (bad,) = rows(client, found.output_file_id), rows(client, found.error_file_id)
    assert (good["custom_id"], bad["custom_id"]) == ("good", "bad")
    assert bad["response"]["status_code"] == status
    assert bad["response"]["body"]["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("key", ["\ud800", 3, None, ["a"]])
def test_a_custom_id_that_is_none_fails_the_batch(client, key):
    found = ended(client, made(client, [line(key)]))
    assert (found.status, found.errors.data[0].code, found.errors.data[0].line) == ("failed", "invalid_json_line", 1)


def test_a_fault_of_the_simulators_own_ends_a_batch_as_failed():
    """Without it a batch would be in progress for ever; the oracle is an answering function that raises."""

    async def life() -> dict:
        def answer(asked):
            raise LookupError("no such thing")

        store = batches.BatchStore({"/v1/chat/completions": answer})
        file = store._keep(json.dumps(line("a")).encode(), "a.jsonl", "batch")
        asked = {"input_file_id": file["id"], "endpoint": "/v1/chat/completions", "completion_window": "24h"}

        async def receive():
            return {"type": "http.request", "body": json.dumps(asked).encode()}

        batch = await store._create(Request({"type": "http", "method": "POST", "headers": []}, receive))
        await asyncio.wait(store._tasks, timeout=5)
        return batch

    batch = asyncio.run(life())
    assert batch["status"] == "failed" and batch["errors"]["data"][0]["code"] == "server_error"


@pytest.mark.parametrize("parts", [{"data": {"purpose": "batch"}}, {"files": {"file": ("a.jsonl", b"{}")}}])
def test_a_file_without_its_purpose_or_a_purpose_without_a_file_is_refused(client, parts):
    got = httpx2.post(f"{client.base_url}files", **parts, trust_env=False)
    assert got.status_code == 400 and got.json()["error"]["message"] == "a file needs the parts 'file' and 'purpose'"
