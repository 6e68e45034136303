"""A server of the simulator in a thread of the test's own process."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter

import uvicorn

from persona_lib.messages.templates import Template
from persona_lib.simulator.app import make_app
from persona_lib.simulator.faults import Plan

FORMS = {"answer": Template("answer", 1, "", "Be kind.", "{{prompt}}")}
TEXTS = [f"Why is {k} a number?" for k in range(12)]
MODEL = "sim-small"


class Serving:
    """Counts the chat requests that reach it, by user text; `url` is its address."""

    def __init__(self, plan: Plan | None = None) -> None:
        self.app, self.calls = make_app(faults=plan), Counter()

    async def __call__(self, scope, receive, send):
        async def counted():
            message = await receive()
            if message["type"] == "http.request" and scope["path"].endswith("completions"):
                self.calls[json.loads(message["body"])["messages"][-1]["content"]] += 1
            return message

        await self.app(scope, counted, send)

    def __enter__(self) -> Serving:
        config = uvicorn.Config(self, port=0, log_config=None, log_level="critical", access_log=False, lifespan="off")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        while not self._server.started:
            time.sleep(0.005)
        self.url = f"http://127.0.0.1:{self._server.servers[0].sockets[0].getsockname()[1]}/v1"
        return self

    def __exit__(self, *_) -> None:
        self._server.should_exit = self._server.force_exit = True
        self._thread.join(timeout=10)
