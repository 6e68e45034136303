"""A toy stage over an endpoint that echoes: what tests of `persona collect` share."""

import json
import subprocess
import sys
import time
from http.server import ThreadingHTTPServer
from pathlib import Path

from replying import Replying

from persona_lib.ledger import live as ledger
from persona_lib.messages.check_form import FORM

ROOT = Path(__file__).parents[1]


KEY, MARKER = "sk-secret-0123456789abcdef", "marker-of-a-header-0123456789"


N = 80


TOY = """
import pandas as pd
from persona_lib.tables.streams import shard_of

def collect(tables, settings, *, shard, of, ask):
    texts = tables["texts"]
    mine = texts[[shard_of(key, of) == shard for key in texts["id"]]]
    slots = [{"prompt": text} for text in mine["text"]]
    first = ask(pd.DataFrame({"endpoint": ask.roles["answerer"], "template": "answer", "slots": slots}))
    again = [{"prompt": text} for text in first.loc[first["status"] == "ok", "text"]]
    ask(pd.DataFrame({"endpoint": "large", "template": "answer", "slots": again, "sample": 1}))
"""


DRIVER = """
import sys
from persona_lib import cli
from persona_lib.commands.collect import STAGES
STAGES["toy"] = "toy:collect"
sys.exit(cli.main())
"""


class Echo(Replying):
    """Gives the user's text back after the server's `delay_s`, and counts every sample of every text.

    The call by which an endpoint is checked is answered at once, and counted apart, in `checks`.
    """

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        text = body["messages"][-1]["content"]
        self.server.heard = f"{self.path} {self.headers}"
        if self.server.fault:
            self.send(self.server.fault, json.dumps({"error": {"message": self.server.heard}}).encode())
            return
        if text == FORM.user:
            self.server.checks.append(body)
            self.say('{"is_white": true}')
            return
        with self.server.guard:
            self.server.under_way += 1
            self.server.seen.append((time.monotonic(), text, self.server.under_way))
        time.sleep(self.server.delay_s)
        if self.server.failing and text.startswith(self.server.failing):
            self.server.under_way -= 1
            self.send_error(500, "no", "")
            return
        with self.server.guard:
            self.server.calls[text, body["seed"]] += 1
            self.server.under_way -= 1
        self.say(text)

    def say(self, text):
        message = {"role": "assistant", "content": text}
        usage = {"prompt_tokens": len(text), "completion_tokens": len(text)}
        found = {"model": "m@1", "choices": [{"message": message, "finish_reason": self.server.finish}], "usage": usage}
        found |= {"model": self.server.heard} if self.server.echo_all else {}
        self.send(200, json.dumps(found).encode())


class Quiet(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request, address):
        """A client that was killed is no news here."""


def started(arguments, **rest):
    return subprocess.Popen([sys.executable, "-c", DRIVER, *arguments], stderr=subprocess.PIPE, text=True, **rest)


def answered(folder):
    """What a ledger holds on disk of the stage itself: (text, sample) of every whole line."""
    found = set()
    for path in folder.glob("*.jsonl"):
        for _, record in ledger.lines(path):
            found.add((record["request"]["messages"][-1]["content"], record["request"]["sample"]))
    return {(text, sample) for text, sample in found if text != FORM.user}


SIMULATED = {
    "base_url": "simulator", "model": "sim-large", "key_variable": None,
    "concurrency": 4, "timeout_s": 20, "retries": 1, "parameters": {},
}  # fmt: skip
