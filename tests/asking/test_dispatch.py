"""Dispatching: tries again, stops, holds back, as a misbehaving endpoint on loopback makes it."""

import asyncio
import contextlib
import errno
import time

import pandas as pd
import pytest

from persona_lib.asking.client import AskError
from persona_lib.asking.dispatch import halt
from persona_lib.asking.rate_limits import RateLimit
from persona_lib.ledger.live import lines


class TestLimits:
    def test_the_ceiling_holds(self, run, server):
        server.plan = {f"{k}": [("slow", 0.05, "x")] for k in range(12)}
        run(list(server.plan), concurrency=3)
        assert server.most_under_way == 3

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


class TestTriesAgain:
    @pytest.mark.parametrize(
        "step",
        [
            ("error", 500),
            ("error", 503, [("Retry-After", "0")]),
            ("error", 429, [("retry-after-ms", "5")]),
            ("error", 408),
            ("error", 409),
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
    def test_what_was_under_way_is_kept(self, run, server):
        server.plan = {"good": [("slow", 0.3, "paid")], "bad": [("error", 401), ("say", "fixed")]}
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


def test_the_first_error_is_the_one_that_stops_the_run():
    with contextlib.closing(asyncio.new_event_loop()) as loop:
        stop = loop.create_future()
        for said in ("first", "second"):
            halt(stop, AskError(said))
        assert str(stop.result()) == "first"
