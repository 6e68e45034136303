"""An endpoint that misbehaves as real ones do: it answers each request by the case whose name is the model asked for.

python tests/endpoint_cases.py 8080      serve the cases of endpoint_cases.yaml on this port until interrupted
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml
from replying import Replying

USAGE = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}


@dataclass(frozen=True)
class Case:
    """What one endpoint sends, and what must become of it; the file says what each field means."""

    name: str
    kind: str
    source: str
    becomes: str
    asked: str = "answer"
    settings: dict = field(default_factory=dict)
    http: dict = field(default_factory=dict)
    body: Any = None
    content: Any = None
    message: dict | None = None
    finish: str = "stop"
    usage: dict | None = field(default_factory=lambda: USAGE)
    more: dict = field(default_factory=dict)
    text: str | None = None
    thinking: str | None = None
    detail: str = ""
    wait_s: float | None = None
    tokens: list | None = None
    who: list | None = None

    @property
    def status(self) -> int:
        return self.http.get("status", 200)

    @property
    def sent(self) -> Any:
        """The body: a text as it is, else JSON."""
        if self.body is not None:
            return self.body
        message = self.message or {"role": "assistant", "content": self.content}
        choice = {"index": 0, "message": message, "finish_reason": self.finish}
        found = {"object": "chat.completion", "model": self.name, "choices": [choice], "usage": self.usage}
        return found | self.more

    @property
    def block(self) -> bytes:
        return self.sent.encode() if isinstance(self.sent, str) else json.dumps(self.sent).encode()


CASES = {case["name"]: Case(**case) for case in yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text("utf-8"))}


class Handler(Replying):
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(asked)
        case = self.server.cases[asked["model"]]
        self.send(case.status, case.block, case.http.get("headers", {}).items())


class CaseServer(ThreadingHTTPServer):
    """Serves cases by the name of the model; `asked` is what came."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, port: int = 0, cases: dict[str, Case] | None = None):
        super().__init__(("127.0.0.1", port), Handler)
        self.cases, self.asked = CASES if cases is None else cases, []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def handle_error(self, request, address):
        """A client that went away is no news here."""


if __name__ == "__main__":
    CaseServer(int(sys.argv[1])).serve_forever()
