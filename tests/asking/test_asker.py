"""Asking: a misbehaving endpoint on loopback; what is paid for is kept, what fails is a status, no key leaves."""

import email.utils
import errno
import json
import logging
import os
import re
import signal
import threading
import time
import traceback
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pandas as pd
import pytest

from persona_lib.asking.asker import Asker
from persona_lib.asking.client import AskError, Client
from persona_lib.asking.rate_limits import RateLimit
from persona_lib.ledger import sealed
from persona_lib.ledger.errors import LedgerError, ReplayMiss
from persona_lib.ledger.live import Ledger, lines
from persona_lib.ledger.replay import replay
from persona_lib.messages import request as words
from persona_lib.messages.endpoint import Endpoint, RequestError, read_endpoints
from persona_lib.messages.request import ReplyError, Request, read
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

    def handle_error(self, request, address):
        """A client that went away is no news here."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, *_):
        """Silence."""

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

    def send(self, status, block, headers=(), kind="application/json", length=None):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(length or len(block)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(block)

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


@pytest.fixture
def server():
    with Endless() as found:
        thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield found
        found.shutdown()


@pytest.fixture
def run(server, tmp_path, monkeypatch):
    """Ask texts in one run over the same ledger each time; gives the replies."""
    monkeypatch.setenv("TEST_KEY", KEY)

    def asked(texts, template="answer", samples=0, mode="live", seal=None, budget=None, **endpoint):
        settings = {
            "model": "m",
            "key_variable": "TEST_KEY",
            "concurrency": 4,
            "timeout_s": 5,
            "retries": 3,
            **endpoint,
        }
        address = f"http://127.0.0.1:{server.server_address[1]}/v1"
        one = Endpoint("large", **{"base_url": address, "parameters": {"temperature": 0.5}, **settings})
        rows = pd.DataFrame({"endpoint": "large", "template": template, "sample": samples,
                             "slots": [{"prompt": text} for text in texts]})  # fmt: skip
        with (
            Ledger(tmp_path / "ledger", "toy", shard=0, of=1) as ledger,
            Asker({"large": one}, {"answerer": "large"}, FORMS, ledger, mode=mode, budget=budget, quiet=True) as ask,
        ):
            replies = ask(rows)
            if seal:
                ledger.seal(tmp_path / seal, facts=ask.facts)
            return replies

    return asked


class TestWhatIsSent:
    def test_one_chat_completion_with_the_parameters_and_the_sample_as_seed(self, run, server):
        run(["Why?"], samples=3)
        (path, body), headers = server.bodies[0], server.headers_seen[0]
        assert path == "/v1/chat/completions"
        assert body == {
            "model": "m",
            "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Why?"}],
            "temperature": 0.5,
            "seed": 3,
        }
        assert headers["authorization"] == f"Bearer {KEY}"

    def test_no_seed_for_an_endpoint_that_refuses_one(self, run, server):
        assert run(["Why?", "Why?"], samples=[0, 1], seed=False)["status"].tolist() == ["ok", "ok"]
        assert [sorted(body) for _, body in server.bodies] == [["messages", "model", "temperature"]] * 2

    def test_a_template_with_a_schema_asks_for_json_of_it(self, run, server):
        server.plan = {"Why?": [("say", '{"choice": "B"}')]}
        assert run(["Why?"], template="judge")["data"].tolist() == [{"choice": "B"}]
        form = server.bodies[0][1]["response_format"]
        assert form == {"type": "json_schema", "json_schema": {"name": "reply", "strict": True, "schema": CHOICE}}

    def test_equal_requests_are_sent_once_and_samples_apart(self, run, server):
        replies = run(["a", "b", "a", "a"], samples=[0, 0, 0, 1])
        assert replies["text"].tolist() == ["a", "b", "a", "a"] and server.calls == {"a": 2, "b": 1}
        assert replies["request_hash"].nunique() == 3

    def test_known_answers_are_not_asked_again(self, run, server):
        run(["a", "b"])
        assert run(["b", "a", "c"])["text"].tolist() == ["b", "a", "c"]
        assert server.calls == {"a": 1, "b": 1, "c": 1}

    def test_hostile_text_goes_out_and_comes_back_unchanged(self, run):
        assert run(HOSTILE)["text"].tolist() == HOSTILE

    def test_the_ceiling_holds(self, run, server):
        server.plan = {f"{k}": [("slow", 0.05, "x")] for k in range(12)}
        run(list(server.plan), concurrency=3)
        assert server.most_under_way == 3

    def test_a_foreign_key_is_not_sent_where_none_is_named(self, run, server, monkeypatch):
        monkeypatch.setenv("OPENAI_API_KEY", "sk-of-somebody-else-entirely")
        run(["a"], key_variable=None)
        assert "somebody" not in json.dumps(server.headers_seen)


class TestStatuses:
    # oracle: the protocol's own fields
    @pytest.mark.parametrize(
        ("template", "step", "status", "detail"),
        [
            ("answer", ("say", "Yes."), "ok", ""),
            ("answer", ("body", completion(None, refusal="I will not.")), "refused", "I will not."),
            ("answer", ("body", completion("half", finish="content_filter")), "refused", "content filter"),
            ("answer", ("error", 400, (), "content_filter"), "refused", "400"),
            ("answer", ("say", ""), "unparsed", "empty reply"),
            ("answer", ("say", None), "unparsed", "empty reply"),
            ("judge", ("say", '{"choice": "A"}'), "ok", ""),
            ("judge", ("say", "I choose A."), "unparsed", "not JSON .*: I choose A."),
            ("judge", ("say", '{"choice": "C"}'), "unparsed", r"not the JSON asked for \(\$.choice: 'C' is not one of"),
            ("judge", ("say", '["A"]'), "unparsed", "is not of type 'object'"),
            ("judge", ("say", '{"choice": NaN}'), "unparsed", "NaN is no JSON value"),
            ("judge", ("body", completion('{"choice": ', finish="length")), "unparsed", "not JSON"),
        ],
    )
    def test_status_detail_and_text(self, run, server, template, step, status, detail):
        server.plan = {"q": [step]}
        reply = run(["q"], template=template).iloc[0]
        assert reply["status"] == status and re.search(detail, reply["detail"])
        assert (reply["text"] == "") == (status != "ok") and (reply["data"] is None) == (template + status != "judgeok")
        run(["q"], template=template)
        assert server.calls["q"] == 1, "a final reply is not asked for again"

    def test_tokens_are_missing_not_zero_where_not_counted(self, run, server):
        server.plan = {"b": [("body", completion("x", usage=None))]}
        tokens = run(["a", "b"])[["tokens_in", "tokens_out"]]
        assert tokens.iloc[0].tolist() == [7, 2] and tokens.iloc[1].isna().all()

    def test_half_characters_become_replacement_characters_wherever_they_stand(self, run, server, tmp_path):
        half = "x\ud83d"
        why = {"type": "object", "properties": {"why": {"type": "string"}}}
        server.plan = {
            "text": [("body", completion(half))],
            "refusal": [("body", completion(None, refusal=half))],
            "filter": [("error", 400, (), "content_filter", half)],
            "model": [("body", completion("x", model=half))],
            "failed": [("error", 500, (), None, half)],
        }
        replies = run(list(server.plan), retries=0, seal="toy.parquet")
        assert replies["text"][0] == "x\ufffd" and replies["detail"][1] == "x\ufffd"
        assert replies["status"].tolist() == ["ok", "refused", "refused", "ok", "failed"]
        assert sealed.check(tmp_path / "toy.parquet")["refused"] == 2
        asked = Request("large", "m", (), {}, 0, why)
        found = words.table([asked], [read(asked, json.dumps(completion('{"why": "x\\ud83d"}')))], index=[0])
        assert found["data"][0] == {"why": "x\ufffd"}

    @pytest.mark.parametrize("n", [True, -1, 2**70, 1.5, "7"])
    def test_a_count_of_tokens_that_is_none_is_missing(self, run, server, tmp_path, n):
        server.plan = {"a": [("body", completion("x", usage={"prompt_tokens": n, "completion_tokens": 1}))]}
        reply = run(["a"], seal="toy.parquet").iloc[0]
        assert pd.isna(reply["tokens_in"]) and reply["tokens_out"] == 1

    @pytest.mark.parametrize("charset", ["latin-1", "utf-16", "nonsense"])
    def test_a_body_is_utf_8_whatever_its_header_says(self, run, server, charset):
        block = json.dumps(completion("日本 é"), ensure_ascii=False).encode()
        server.plan = {"a": [("send", 200, block, (), f"application/json; charset={charset}")]}
        assert run(["a"])["text"].tolist() == ["日本 é"]

    @pytest.mark.parametrize("body", ["", "[]", "{}", '{"choices": []}', '{"choices": [{"message": {"content": 5}}]}'])
    def test_what_is_no_chat_completion(self, body):
        with pytest.raises(ReplyError, match="no chat completion came back"):
            read(Request("large", "m", (), {}), body)

    def test_a_body_nested_deeper_than_python_reads(self):
        with pytest.raises(ReplyError, match="no chat completion came back"):
            read(Request("large", "m", (), {}), "[" * 200_000)


class TestTriesAgain:
    @pytest.mark.parametrize(
        "step",
        [
            ("error", 500),
            ("error", 503, [("Retry-After", "0")]),
            ("error", 429, [("retry-after-ms", "5")]),
            ("error", 408),
            ("drop",),
            ("torn",),
            ("html",),
            ("body", b'{"choices": ['),
            ("body", {"error": "busy"}),
        ],
        ids=lambda step: "-".join(map(str, step)),
    )
    def test_what_passes(self, run, server, step):
        server.plan = {"a": [step, ("say", "done")]}
        assert run(["a"])["text"].tolist() == ["done"] and server.calls["a"] == 2

    def test_a_slow_answer_is_given_up_and_asked_again(self, run, server):
        server.plan = {"a": [("slow", 1, "late"), ("say", "done")]}
        assert run(["a"], timeout_s=0.2)["text"].tolist() == ["done"]

    @pytest.mark.parametrize("wait", ["0.6", "date"])
    def test_retry_after_is_honoured_by_the_whole_endpoint(self, run, server, wait):
        busy = ("busy_until", 2) if wait == "date" else ("error", 429, [("Retry-After", wait)])
        server.plan = {"a": [busy, ("say", "done")], "b": [("slow", 0.2, "b")]}
        run(["a", "b", "c"], concurrency=2)
        first, second = server.times["a"]
        assert second - first > 0.55 and server.times["c"][0] - first > 0.55

    def test_the_number_of_tries_is_the_configured_one_and_what_fails_is_a_status(self, run, server):
        server.plan = {"a": [("error", 500)]}
        reply = run(["a", "b"], retries=1).set_index(pd.Index(["a", "b"]))
        assert server.calls["a"] == 2
        assert reply["status"].tolist() == ["failed", "ok"] and reply["text"].tolist() == ["", "b"]
        assert reply.loc["a", "detail"].startswith("500: ") and reply.loc["a", "detail"].endswith("tries: 2")

    def test_a_failed_call_is_asked_again_by_the_next_run(self, run, server):
        server.plan = {"a": [("error", 500), ("say", "done")]}
        assert run(["a"], retries=0)["status"].tolist() == ["failed"]
        assert run(["a"], retries=0)["text"].tolist() == ["done"]

    def test_a_wait_beyond_two_minutes_is_not_waited_for(self, run, server):
        server.plan = {"a": [("error", 429, [("Retry-After", "3600")])]}
        assert run(["a"])["status"].tolist() == ["failed"] and server.calls["a"] == 1
        server.plan["b"] = server.plan["a"]
        with pytest.raises(AskError, match=r"calls could not be made, the last 2 \(429: .*kept, run again later"):
            run(["a", "b"])

    @pytest.mark.parametrize("status", [None, 502, 503, 504])
    def test_an_endpoint_that_is_down_at_the_end_does_not_finish_a_stage(self, run, server, tmp_path, status):
        """Too few calls are left for ten in a row; None: nobody listens there."""
        run(["a"])
        server.plan = dict.fromkeys("bcd", [("error", status)])
        nobody = {} if status else {"base_url": "http://127.0.0.1:9/v1"}
        with pytest.raises(AskError, match="calls could not be made, the last 3 .*kept, run again later"):
            run("abcd", retries=0, **nobody)
        assert not (tmp_path / "toy.parquet").exists()
        server.plan = {}
        assert run("abcd")["status"].tolist() == ["ok"] * 4 and server.calls["a"] == 1

    @pytest.mark.parametrize("step", [("error", 500), ("drop",), ("torn",), ("html",)])
    def test_calls_that_fail_by_themselves_end_as_failed(self, run, server, step):
        server.plan = dict.fromkeys("bc", [step])
        assert run("abc", retries=0)["status"].tolist() == ["ok", "failed", "failed"]

    @pytest.mark.parametrize("status", [429, 504])
    def test_one_call_that_is_always_turned_away_keeps_no_stage_from_its_end(self, run, server, tmp_path, status):
        server.plan = {"b": [("error", status)]}
        for _ in range(2):
            assert run("ab", retries=0, seal="toy.parquet")["status"].tolist() == ["ok", "failed"]

    def test_under_a_storm_the_result_is_the_same(self, run, server, tmp_path):
        texts = [f"{k}" for k in range(120)]
        run(texts, seal="calm.parquet")
        (tmp_path / "ledger" / "toy-0-of-1.jsonl").unlink()
        storm = [
            ("error", 500, [("Retry-After", "0")]),
            ("drop",),
            ("error", 429, [("Retry-After", "0.01")]),
            ("torn",),
        ]
        server.calls.clear()
        server.plan = {text: [storm[int(text) % 4], ("say", text)] for text in texts[::5]}
        run(texts, seal="storm.parquet", concurrency=16)
        assert (tmp_path / "storm.parquet").read_bytes() == (tmp_path / "calm.parquet").read_bytes()
        assert sum(server.calls.values()) == 120 + 24


class TestStops:
    @pytest.mark.parametrize(
        ("step", "message"),
        [
            (("error", 401), r"endpoint large: the key in TEST_KEY was not accepted \(401: .*\[key\]"),
            (("error", 404), "endpoint large: no model m at http://127.0.0.1"),
            (("error", 400), r"endpoint large: did not take request [0-9a-f]{12} .400"),
            (("error", 413), "did not take request [0-9a-f]{12} .413"),
        ],
    )
    def test_at_once_where_another_try_would_not_help(self, run, server, step, message):
        server.plan = {"bad": [step]}
        with pytest.raises(AskError, match=message) as error:
            run(["bad"])
        assert KEY not in str(error.value) and "\n" not in str(error.value)
        assert server.calls["bad"] == 1

    def test_a_request_that_is_never_taken_is_named_and_found_in_the_log(self, run, server, tmp_path, caplog):
        """The oracle is the hash under which the ledger keeps the same text once the endpoint takes it."""
        server.plan = {"too long": [("error", 422), ("say", "fixed")]}
        with pytest.raises(AskError, match="shorten or remove the text.* seed or json_schema of endpoints") as error:
            run(["too long"])
        assert "the answers so far are kept" in str(error.value)
        name = run(["too long"])["request_hash"].iloc[0][:12]
        assert f"did not take request {name} (422: " in str(error.value)
        assert [r for r in caplog.messages if name in r and "too long" in r]

    def test_without_credit(self, run, server):
        server.plan = {"a": [("error", 429, (), "insufficient_quota")]}
        with pytest.raises(AskError, match="no credit left .429: you sent"):
            run(["a"])
        assert server.calls["a"] == 1

    def test_where_a_key_is_wanted_and_none_is_named(self, run, server):
        server.plan = {"a": [("error", 401)]}
        with pytest.raises(AskError, match="name its variable in endpoints.large.key_variable"):
            run(["a"], key_variable=None)

    def test_what_was_under_way_is_kept(self, run, server):
        server.plan = {"good": [("slow", 0.3, "paid")], "bad": [("error", 400), ("say", "fixed")]}
        with pytest.raises(AskError):
            run(["good", "bad"])
        assert run(["good", "bad"])["text"].tolist() == ["paid", "fixed"]
        assert server.calls["good"] == 1

    def test_after_ten_failures_in_a_row_and_can_go_on(self, run, server):
        texts = [f"{k}" for k in range(25)]
        server.plan = {text: [("error", 503), ("say", "up")] for text in texts}
        with pytest.raises(AskError, match=r"endpoint large: 1\d calls in a row failed \(503: .*run again later"):
            run(texts, retries=0)
        assert sum(server.calls.values()) < 20
        assert set(run(texts, retries=1)["status"]) == {"ok"}

    def test_an_endpoint_that_is_not_there(self, run):
        with pytest.raises(AskError, match="10 calls in a row failed .connection lost"):
            run([f"{k}" for k in range(12)], base_url="http://127.0.0.1:9/v1", retries=0, concurrency=1)

    def test_a_full_disk(self, run, server, monkeypatch):
        def full(self, answers, *, usd):
            raise LedgerError("toy-0-of-1.jsonl: No space left on device")

        monkeypatch.setattr(Ledger, "append", full)
        with pytest.raises(LedgerError, match="No space left"):
            run([f"{k}" for k in range(500)])
        assert sum(server.calls.values()) < 100, "stops asking for what it cannot keep"

    @pytest.mark.parametrize("place", ["take", "correct"])
    def test_what_is_paid_for_is_kept_when_the_bookkeeping_fails(self, run, server, tmp_path, monkeypatch, place):
        """The oracle is the server's own count of the calls that it answered."""

        def full(self, n_tokens):
            if len(server.calls) >= 4:
                raise OSError(errno.ENOSPC, "No space left on device")
            return 0.0

        monkeypatch.setattr(RateLimit, place, full)
        server.plan = {f"{k}": [("slow", 0.1, "paid")] for k in range(12)}
        with pytest.raises(OSError, match="No space left"):
            run(list(server.plan), tokens_per_minute=1e9)
        recorded = [record for _, record in lines(tmp_path / "ledger" / "toy-0-of-1.jsonl")]
        assert len(recorded) == sum(server.calls.values()) >= 4

    def test_one_interrupt_while_the_last_answers_are_written_loses_none(self, run, server, tmp_path, monkeypatch):
        """The oracle is the server's own count; all calls have ended by then, and only the first answer is written."""

        def append(self, answers, **more):
            answers = list(answers)
            if not done:
                done.append(True)
                time.sleep(0.5)
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(0.2)
            real(self, answers, **more)

        done, real = [], Ledger.append
        monkeypatch.setattr(Ledger, "append", append)
        server.plan = {f"{k}": [("slow", 0.1 * (k > 0), "paid")] for k in range(12)}
        with pytest.raises(KeyboardInterrupt):
            run(list(server.plan), concurrency=12)
        recorded = [record for _, record in lines(tmp_path / "ledger" / "toy-0-of-1.jsonl")]
        assert len(recorded) == sum(server.calls.values()) == 12


class TestBeforeAnythingIsSent:
    def test_a_missing_key_is_named_by_its_variable(self, run, server, monkeypatch):
        monkeypatch.delenv("TEST_KEY")
        with pytest.raises(AskError, match="endpoint large: its key is not set; export TEST_KEY=..."):
            run(["a"])
        assert not server.calls

    def test_a_key_that_cannot_be_one(self, run, monkeypatch):
        monkeypatch.setenv("TEST_KEY", "sk-a\nsk-b")
        with pytest.raises(AskError, match="TEST_KEY holds signs that no key has") as error:
            run(["a"])
        assert "sk-a" not in str(error.value)

    def test_roles_modes_and_addresses(self, tmp_path):
        one = {"large": Endpoint("large", "m", base_url="simulator")}
        with Ledger(tmp_path, "toy", shard=0, of=1) as ledger:
            with pytest.raises(RequestError, match="roles.judge: 'gpt' is no endpoint; endpoints are large"):
                Asker(one, {"judge": "gpt"}, FORMS, ledger)
            with pytest.raises(AskError, match="mode 'dry' is none of simulate, live, replay"):
                Asker(one, {}, FORMS, ledger, mode="dry")
            with pytest.raises(AskError, match="the simulator is not running"):
                Asker(one, {"panel": ["large"]}, FORMS, ledger)
            with Asker(one, {}, FORMS, ledger) as ask, pytest.raises(AskError, match="large is asked, but no role"):
                ask(pd.DataFrame([{"endpoint": "large", "template": "answer", "slots": {"prompt": "x"}}]))

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"parameters": {"seed": 1}}, "endpoints.large.parameters: seed is set by the engine"),
            ({"base_url": "https://me:pass@host/v1"}, "endpoints.large.base_url: no user, password or query"),
            ({"base_url": "https://host/v1?key=1"}, "name a key_variable"),
            ({"parameters": {"api_key": "sk"}}, "endpoints.large.parameters: no api_key in it; name a key_variable"),
            ({"parameters": {"Authorization": "sk"}}, "no Authorization in it; name a key_variable"),
            ({"parameters": {"x-api-key": "sk"}}, "no x-api-key in it; name a key_variable"),
            ({"parameters": {"Extra_Body": {}}}, "no Extra_Body in it; name a key_variable"),
            ({"parameters": {"metadata": [{"api-key": "sk"}]}}, "no api-key in it; name a key_variable"),
            ({"concurency": 3}, "endpoints.large: got an unexpected keyword argument 'concurency'"),
        ],
    )
    def test_settings_that_would_leak_or_clash(self, change, message):
        with pytest.raises(RequestError, match=message):
            read_endpoints({"large": {"model": "m", **change}})


class TestWithoutSchemas:
    """An endpoint that takes no response format: the schema stands in the prompt, one repair is asked."""

    ASKED = (
        "Why?\n\nReply with one JSON object and nothing else, valid against this JSON schema:\n"
        '{"properties":{"choice":{"enum":["A","B"]}},"required":["choice"],"type":"object"}'
    )
    AGAIN = ASKED + (
        "\n\nA reply to this was given before and could not be used. What was wrong with it, and the reply:\n"
        "no JSON object in it: A, I think.\n\nGive the reply again, as one JSON object and nothing else."
    )

    def test_the_exact_bytes_and_no_response_format(self, run, server):
        server.plan = {self.ASKED: [("say", 'Sure: {"choice": "A"}.')]}
        reply = run(["Why?"], template="judge", json_schema=False).iloc[0]
        (_, body), *more = server.bodies
        assert not more and "response_format" not in body and body["messages"][1]["content"] == self.ASKED
        assert (reply["status"], reply["data"], reply["text"]) == ("ok", {"choice": "A"}, 'Sure: {"choice": "A"}.')

    def test_what_is_no_json_is_asked_once_more_and_recorded_as_such(self, run, server, tmp_path):
        server.plan = {self.ASKED: [("say", "A, I think.")], self.AGAIN: [("say", '{"choice": "A"}')]}
        reply = run(["Why?"], template="judge", json_schema=False, seal="toy.parquet").iloc[0]
        assert (reply["status"], reply["data"], reply["detail"]) == ("ok", {"choice": "A"}, "")
        assert (reply["tokens_in"], reply["tokens_out"]) == (14, 4), "both calls were paid for"
        first, second = (record for _, record in lines(tmp_path / "ledger" / "toy-0-of-1.jsonl"))
        assert first["reply"]["status"] == "unparsed" and second["reply"]["status"] == "ok"
        assert second["request"]["repairs"] == first["hash"] == reply["request_hash"]
        again = replay(tmp_path / "toy.parquet")
        rows = pd.DataFrame([{"endpoint": "large", "template": "judge", "slots": {"prompt": "Why?"}}])
        pd.testing.assert_frame_equal(again(rows), run(["Why?"], template="judge", json_schema=False))
        assert server.calls == {self.ASKED: 1, self.AGAIN: 1}

    def test_a_second_bad_reply_is_unparsed_and_final(self, run, server):
        server.plan = {self.ASKED: [("say", "A, I think.")], self.AGAIN: [("say", "As I said, A.")]}
        for _ in range(2):
            reply = run(["Why?"], template="judge", json_schema=False).iloc[0]
            assert (reply["status"], reply["text"]) == ("unparsed", "")
            assert reply["detail"] == "no JSON object in it: As I said, A."
        assert server.calls == {self.ASKED: 1, self.AGAIN: 1}

    def test_a_repair_that_failed_is_asked_again_by_the_next_run(self, run, server):
        server.plan = {
            self.ASKED: [("say", "A, I think.")],
            self.AGAIN: [("error", 500), ("say", '{"choice": "B"}')],
        }
        asked = {"template": "judge", "json_schema": False, "retries": 0}
        assert run(["Why?"], **asked)["status"].tolist() == ["failed"]
        assert run(["Why?"], **asked)["data"].tolist() == [{"choice": "B"}]
        assert server.calls == {self.ASKED: 1, self.AGAIN: 2}

    def test_a_refusal_is_not_repaired_nor_is_a_text_without_a_schema(self, run, server):
        server.plan = {self.ASKED: [("body", completion(None, refusal="No."))], "Hm?": [("say", "")]}
        assert run(["Why?"], template="judge", json_schema=False)["status"].tolist() == ["refused"]
        assert run(["Hm?"], json_schema=False)["status"].tolist() == ["unparsed"]
        assert sum(server.calls.values()) == 2


class TestPressure:
    def test_fewer_calls_at_once_while_the_endpoint_turns_calls_away(self, run, server):
        # oracle: a server that turns away whatever comes while five calls are under way
        server.capacity = 5
        texts = [f"{k}" for k in range(300)]
        server.plan = {text: [("crowded", text)] for text in texts}
        assert run(texts, concurrency=32, retries=50)["text"].tolist() == texts
        n_turned_away = sum(server.calls.values()) - len(texts)
        assert 0 < n_turned_away < 0.8 * len(texts)

    def test_a_budget_that_the_headers_say_is_used_up_is_waited_for(self, run, server):
        used_up = [("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "700ms")]
        server.plan = {"a": [("said", "a", used_up)]}
        run(["a", "b"], concurrency=1)
        assert server.times["b"][0] - server.times["a"][0] > 0.65

    def test_requests_per_minute_are_kept(self, run, server):
        start = time.monotonic()
        run([f"{k}" for k in range(11)], concurrency=8, requests_per_minute=1200)
        assert max(times[0] for times in server.times.values()) - start > 0.5, "ten waits of 50 ms"

    def test_tokens_per_minute_are_kept(self, run, server):
        # a call counts 9 tokens, as the server says
        start = time.monotonic()
        run([f"{k}" for k in range(6)], concurrency=1, tokens_per_minute=5400, parameters={"max_tokens": 2})
        assert max(times[0] for times in server.times.values()) - start > 0.5, "five waits of 100 ms"

    def test_an_endpoint_that_stays_silent_stops_the_run(self, run, server, monkeypatch):
        monkeypatch.setattr("persona_lib.asking.concurrency._SILENCES", ((5, 0.5), (2, 600.0)))
        server.plan = {f"{k}": [("error", 503)] for k in range(8)}
        with pytest.raises(AskError, match=r"no call was answered for 1 s \(503: .*kept, run again later"):
            run(list(server.plan), retries=1000)
        server.plan = {}
        assert set(run([f"{k}" for k in range(8)])["status"]) == {"ok"}


def test_the_latency_is_in_the_live_ledger_alone(run, server, tmp_path):
    server.plan = {"a": [("error", 500, [("retry-after-ms", "300")]), ("slow", 0.2, "a")]}
    replies = run(["a"], seal="toy.parquet")
    ((_, record),) = lines(tmp_path / "ledger" / "toy-0-of-1.jsonl")
    assert 0.2 <= record["reply"]["latency_s"] < 0.3, "of the try that was answered"
    assert not [name for name in (*replies, *pd.read_parquet(tmp_path / "toy.parquet")) if name.endswith("_s")]


class Purse:
    """A budget of one cent an answer, with a cap."""

    n_under_way = 0

    def __init__(self, cap):
        self.cap, self.charged = cap, []

    def cost(self, reply, endpoint):
        return 0.01

    def charge(self, reply, endpoint):
        self.charged.append((reply.text, reply.tokens_in, endpoint.alias))

    def stop_reason(self, alias):
        return f"the cap of {self.cap} cents is reached" if len(self.charged) >= self.cap else None

    def spent(self):
        return len(self.charged) / 100

    def remaining(self):
        return None


class TestMeter:
    def test_every_answer_is_charged_once_when_it_is_durable(self, run):
        purse = Purse(100)
        run(["a", "b", "a"], budget=purse)
        run(["a", "b", "c"], budget=purse)
        assert sorted(purse.charged) == [(text, 7, "large") for text in "abc"]

    def test_what_an_answer_cost_is_written_beside_it(self, run, tmp_path):
        """Oracle: a cent an answer, as this budget says; nobody knows where there is none."""
        run(["a"], budget=Purse(100))
        run(["b"])
        lines = (tmp_path / "ledger" / "toy-0-of-1.jsonl").read_text("utf-8").splitlines()[1:]
        assert [json.loads(line)["usd"] for line in lines] == [0.01, None]

    def test_a_cap_stops_the_run_and_the_same_command_goes_on(self, run, server):
        texts = [f"{k}" for k in range(20)]
        with pytest.raises(AskError, match="the cap of 5 cents is reached; the answers so far are kept"):
            run(texts, budget=Purse(5), concurrency=1)
        assert 5 <= sum(server.calls.values()) < 20
        assert run(texts)["text"].tolist() == texts and set(server.calls.values()) == {1}


class TestInProcessTransport:
    def test_reaches_the_simulator_without_a_socket(self, tmp_path):
        import httpx2

        def answer(request):
            text = json.loads(request.content)["messages"][-1]["content"]
            return httpx2.Response(200, json=completion(text.upper()))

        one = {"large": Endpoint("large", "m", base_url="simulator")}
        rows = pd.DataFrame([{"endpoint": "large", "template": "answer", "slots": {"prompt": "x"}}])
        with (
            Ledger(tmp_path, "toy", shard=0, of=1) as ledger,
            Asker(one, {"answerer": "large"}, FORMS, ledger, transport=httpx2.MockTransport(answer)) as ask,
        ):
            assert ask(rows)["text"].tolist() == ["X"]
        line = json.loads(ledger.path.read_text("utf-8").splitlines()[1])
        assert line["usd"] == 0, "simulated, so free for good"


class TestReplayMode:
    def test_gives_what_the_ledger_holds_without_key_and_network(self, run, server, monkeypatch):
        live = run(["a", "b"])
        monkeypatch.delenv("TEST_KEY")
        n_calls = sum(server.calls.values())
        pd.testing.assert_frame_equal(run(["a", "b"], mode="replay"), live)
        with pytest.raises(ReplayMiss, match="toy-0-of-1.jsonl: no answer to request .* the nearest recorded"):
            run(["a", "c"], mode="replay")
        assert sum(server.calls.values()) == n_calls

    def test_the_sealed_ledger_gives_the_same_frame(self, run, server, tmp_path):
        server.plan = {"no": [("body", completion(None, refusal="No."))], "1": [("error", 500)]}
        texts = ["a", "no", "1", *HOSTILE]
        live = run(texts, seal="toy.parquet", retries=0)
        ask = replay(tmp_path / "toy.parquet")
        rows = pd.DataFrame({"endpoint": "large", "template": "answer", "slots": [{"prompt": text} for text in texts]})
        pd.testing.assert_frame_equal(ask(rows), live)
        assert live["status"].tolist()[:3] == ["ok", "refused", "failed"]
        assert not ask.simulated


def test_the_key_is_in_no_file_no_log_and_no_reply(run, server, tmp_path, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    server.plan = {
        "echo": [("say", f"you said Bearer {KEY}")],
        "refused": [("body", completion(None, refusal=f"not with {KEY}"))],
        "broken": [("body", f"<html>{KEY}".encode())],
        "failed": [("error", 500)],
        "headed": [("said", "yes", [("x-echo", KEY), ("set-cookie", f"key={KEY}")])],
        "busy": [("error", 429, [("Retry-After", KEY)]), ("say", "yes")],
        "judged": [("say", f"I am {KEY}")],
        "escaped": [("body", json.dumps(completion(KEY)).replace("sk-", r"\u0073k\u002d").encode())],
        "twice": [("say", json.dumps({"why": KEY}).replace("sk-secret", r"s\u006B\u002dsecret"))],
    }
    replies = run(list(server.plan), retries=1, seal="toy.parquet")
    assert replies["text"][0] == "you said Bearer [key]" and replies["status"][2] == "failed"
    assert replies["text"].tolist()[-2:] == ["[key]", '{"why": "[key]"}']
    errors = []
    for step in [
        ("error", 401),
        ("error", 404, [("x-echo", KEY)]),
        ("error", 400),
        ("error", 429, (), "insufficient_quota"),
    ]:
        server.plan = {"denied": [step]}
        with pytest.raises(AskError) as error:
            run(["denied"])
        errors.append(error.value)
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) >= 3 and not [path for path in written if KEY.encode() in path.read_bytes()]
    seen = capfd.readouterr()
    # with all that is chained to an error, and the values that a traceback may show
    told = [line for error in errors for line in traceback.TracebackException.from_exception(error).format()]
    told += [repr(part) for error in errors for part in (error, error.__cause__, error.__context__)]
    assert KEY not in replies.to_csv() + "".join(told) + caplog.text + seen.out + seen.err
    assert KEY in json.dumps(server.headers_seen), "the oracle: it was really sent"


def test_a_reply_of_backslashes_is_cleaned_in_no_time(monkeypatch):
    monkeypatch.setenv("TEST_KEY", KEY)
    client = Client(Endpoint("large", "m", base_url="http://x/v1", key_variable="TEST_KEY"))
    text, before = "x" + "\\" * 100_000, time.process_time()
    assert client.clean(text) == text and client.clean(text + KEY.replace("-", r"\-")) == "x[key]"
    assert time.process_time() - before < 2, "minutes, if each of them were a beginning"


def test_a_short_stand_in_for_a_key_does_not_eat_text(run, monkeypatch):
    monkeypatch.setenv("TEST_KEY", "EMPTY")
    assert run(["EMPTY is a word"], key_variable="TEST_KEY")["text"].tolist() == ["EMPTY is a word"]
