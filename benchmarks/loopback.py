"""A chat-completions endpoint on loopback that costs next to nothing, so that a benchmark measures the client.

    python benchmarks/loopback.py --latency-ms 200 --storm 0.2

prints its port and serves until stdin closes. Every answer depends on the question alone. With `--storm` that
share of the calls fails, chosen by a hash of question and call number: 429 with and without Retry-After, 500, 502,
503, a dropped connection, half a body, a page instead of JSON, an answer that comes late. `GET /paid` tells how
many whole answers each (sample, question) was sent, which is what an endpoint would charge for; `GET /calls` how
many calls there were.
"""

import argparse
import asyncio
import hashlib
import json
import subprocess
import sys
import threading
import urllib.request
from collections import Counter
from typing import Any

FAULTS = ("429 wait", "429", "500", "502", "503", "drop", "half", "page", "late")
LATE_S = 0.5


class State:
    """What the server is told and what it has counted."""

    def __init__(self, latency_s: float = 0.0, storm: float = 0.0) -> None:
        self.latency_s, self.storm = latency_s, storm
        self.calls, self.paid = Counter(), Counter()

    def fault(self, key: str) -> str | None:
        """Which fault this call of a question meets, if any."""
        self.calls[key] += 1
        if not self.storm:
            return None
        digest = hashlib.blake2b(f"{key} {self.calls[key]}".encode(), digest_size=8).digest()
        if int.from_bytes(digest[:4]) >= self.storm * 2**32:
            return None
        return FAULTS[int.from_bytes(digest[4:]) % len(FAULTS)]


class Client(asyncio.Protocol):
    """One connection: one call at a time, kept open."""

    def __init__(self, state: State) -> None:
        self.state, self.rest = state, b""

    def connection_made(self, transport: asyncio.Transport) -> None:
        self.transport = transport

    def data_received(self, block: bytes) -> None:
        self.rest += block
        while (end := self.rest.find(b"\r\n\r\n")) >= 0:
            head = self.rest[:end].lower()
            at = head.find(b"content-length:")
            size = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self.rest) < end + 4 + size:
                return
            body, self.rest = self.rest[end + 4 : end + 4 + size], self.rest[end + 4 + size :]
            if head.startswith(b"get /paid"):
                self.send(json.dumps(self.state.paid).encode())
            elif head.startswith(b"get /calls"):
                self.send(str(self.state.calls.total()).encode())
            else:
                self.call(json.loads(body))

    def call(self, body: dict) -> None:
        question = str(body["messages"][-1]["content"]) if body["messages"] else ""  # a client may ask nothing at first
        key = f"{body.get('seed')} {question}"
        fault, wait = self.state.fault(key), self.state.latency_s
        if fault == "late":
            fault, wait = None, wait + LATE_S
        if wait:
            asyncio.get_running_loop().call_later(wait, self.answer, key, question, body["model"], fault)
        else:
            self.answer(key, question, body["model"], fault)

    def answer(self, key: str, question: str, model: str, fault: str | None) -> None:
        if self.transport.is_closing():
            return
        if fault == "drop":
            self.transport.abort()
        elif fault == "page":
            self.send(b"<html>Bad gateway</html>", kind=b"text/html")
        elif fault is not None and fault[:3].isdigit():
            wait = b"Retry-After: 0.05\r\n" if fault.endswith("wait") else b""
            self.send(b'{"error": {"message": "busy"}}', status=fault[:3].encode(), more=wait)
        else:
            text = hashlib.blake2b(key.encode(), digest_size=8).hexdigest() + " " + question[:200]
            block = completion(text, model, n_in=len(question) // 4 + 8)
            if fault == "half":
                self.send(block[: len(block) // 2], length=len(block))
                self.transport.close()
                return
            self.state.paid[key] += 1
            self.send(block)

    def send(self, block, *, status=b"200", kind=b"application/json", length=None, more=b"") -> None:
        size = str(length or len(block)).encode()
        head = b"HTTP/1.1 %s X\r\nContent-Type: %s\r\nContent-Length: %s\r\n%s\r\n" % (status, kind, size, more)
        self.transport.write(head + block)


def completion(text: str, model: str, *, n_in: int) -> bytes:
    """A body as the large services send it, with all the fields that a client may wish to parse."""
    n_out = len(text) // 4 + 1
    return json.dumps(
        {
            "id": "chatcmpl-0123456789",
            "object": "chat.completion",
            "created": 1721779200,
            "model": model,
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": text, "refusal": None, "annotations": []},
                    "logprobs": None,
                    "finish_reason": "stop",
                }
            ],
            "usage": {
                "prompt_tokens": n_in,
                "completion_tokens": n_out,
                "total_tokens": n_in + n_out,
                "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
                "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
            },
            "service_tier": "default",
            "system_fingerprint": "fp_0",
        }
    ).encode()


class Server:
    """A loopback server in a process of its own, as a context manager; `url` ends in /v1."""

    def __init__(self, *, latency_ms: float = 0, storm: float = 0, port: int = 0) -> None:
        named = {"latency-ms": latency_ms, "storm": storm, "port": port}
        self._command = [sys.executable, __file__, *(f"--{name}={value}" for name, value in named.items())]

    def __enter__(self) -> "Server":
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(self._command, stdin=pipe, stdout=pipe, text=True)
        self.port = int(self._process.stdout.readline())
        self.url = f"http://127.0.0.1:{self.port}/v1"
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stdin.close()
        self._process.wait()

    def read(self, what: str) -> Any:
        """What GET /paid or /calls gives."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/{what}") as found:
            return json.load(found)


async def serve(state: State, port: int) -> None:
    """Serve on a port (0: a free one) of 127.0.0.1, printed as the only line, until stdin closes."""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    server = await loop.create_server(lambda: Client(state), "127.0.0.1", port, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    threading.Thread(target=lambda: (sys.stdin.read(), loop.call_soon_threadsafe(ended.set)), daemon=True).start()
    await ended.wait()


def main() -> None:
    """Serve as the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--latency-ms", type=float, default=0)
    parser.add_argument("--storm", type=float, default=0, help="share of the calls that fail")
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    args = parser.parse_args()
    asyncio.run(serve(State(args.latency_ms / 1000, args.storm), args.port))


if __name__ == "__main__":
    main()
