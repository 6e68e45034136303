"""A misbehaving endpoint on this machine, which answers as its plan says."""

import email.utils
import json
import threading
import time
from collections import Counter
from http.server import ThreadingHTTPServer

from replying import Replying

from persona_lib.messages.templates import Template

KEY = "sk-secret-0123456789abcdef"


CHOICE = {"type": "object", "required": ["choice"], "properties": {"choice": {"enum": ["A", "B"]}}}


FORMS = {
    "answer": Template("answer", 1, "", "Be kind.", "{{prompt}}"),
    "judge": Template("judge", 1, "", "Choose.", "{{prompt}}", CHOICE),
}


HOSTILE = ["{{prompt}} {0} %s", "\"'`</p>", "a\x00b", "日本語 العربية 👩‍👩‍👧 e\u0301", "\r\n\u2028 ", "x" * 100_000]


def completion(text, *, refusal=None, finish="stop", **rest):
    message = {"role": "assistant", "content": text, "refusal": refusal}
    usage = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}
    return {"model": "m@1", "choices": [{"message": message, "finish_reason": finish}], "usage": usage, **rest}


class Endless(ThreadingHTTPServer):
    """Answers as its `plan` says: per user text its behaviours, one a call, the last for ever; else echo."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.plan, self.calls, self.bodies, self.times = {}, Counter(), [], {}
        self.under_way = self.most_under_way = self.capacity = 0
        self.headers_seen, self.guard = [], threading.Lock()
        self.paths, self.gets = {}, []  # what GET gives at a path, 404 elsewhere; the paths it was asked for

    def handle_error(self, request, address):
        """A client that went away is no news here."""


class Handler(Replying):
    def do_GET(self):
        path = self.path.partition("?")[0]
        self.server.gets.append(path)
        self.send(self.server.paths.get(path, 404), b'{"object": "list", "data": []}')

    def do_POST(self):
        server = self.server
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        text = body["messages"][-1]["content"]
        with server.guard:
            number = server.calls[text]
            server.calls[text] += 1
            server.bodies.append((self.path, body))
            server.headers_seen.append({name.lower(): value for name, value in self.headers.items()})
            server.times.setdefault(text, []).append(time.monotonic())
            server.under_way += 1
            server.most_under_way = max(server.most_under_way, server.under_way)
        steps = server.plan.get(text, [("say", text)])
        kind, *values = steps[min(number, len(steps) - 1)]
        try:
            getattr(self, kind)(*values)
        finally:
            with server.guard:
                server.under_way -= 1

    def say(self, text, **rest):
        self.send(200, json.dumps(completion(text, **rest)).encode())

    def body(self, found):
        self.send(200, found if isinstance(found, bytes) else json.dumps(found).encode())

    def html(self):
        self.send(200, b"<html>Request rejected</html>", kind="text/html")

    def error(self, status, headers=(), code=None, message=""):
        said = {"message": message or f"you sent {self.headers['Authorization']}", "code": code}
        self.send(status, json.dumps({"error": said}).encode(), headers)

    def busy_until(self, seconds):
        """A date, which has whole seconds, so up to one second less."""
        self.error(429, [("Retry-After", email.utils.formatdate(time.time() + seconds, usegmt=True))])

    def drop(self):
        self.close_connection = True
        self.connection.close()

    def torn(self):
        self.send(200, b'{"choices": [', length=500)
        self.close_connection = True

    def said(self, text, headers):
        self.send(200, json.dumps(completion(text)).encode(), headers)

    def crowded(self, text):
        if self.server.under_way > self.server.capacity:
            self.error(429)
        else:
            self.slow(0.01, text)

    def slow(self, seconds, text):
        time.sleep(seconds)
        self.say(text)
