"""The real Asker against every fault that the simulator can be told, and against those of its own machine.

Oracle of every answer: what the same server says to the same request without a fault.
"""

from __future__ import annotations

import asyncio
import errno
import json
import os
import re
import resource
import signal
import time
from contextlib import ExitStack, contextmanager

import httpx2
import openai
import pandas as pd
import pytest
from faulty_machine import MachineFault, disturbed
from serving import FORMS, MODEL, TEXTS, Serving

from persona_lib import cli
from persona_lib.asking.asker import Asker
from persona_lib.asking.client import AskError
from persona_lib.asking.concurrency import Concurrency
from persona_lib.asking.rate_limits import RateLimit
from persona_lib.commands import collect
from persona_lib.ledger import live as ledgers
from persona_lib.ledger.errors import LedgerError
from persona_lib.ledger.live import Ledger
from persona_lib.messages.endpoint import Endpoint
from persona_lib.simulator.app import make_app
from persona_lib.simulator.faults import Plan, Rule, read
from persona_lib.simulator.forms import TEMPLATES
from persona_lib.simulator.inside import transport


@pytest.fixture
def ask(tmp_path):
    """Ask texts of one served plan over one ledger; gives the replies by text."""

    def asked(server, texts=TEXTS, *, name="ledger", **changes):
        settings = {"model": MODEL, "base_url": server.url, "concurrency": 4, "timeout_s": 20, "retries": 2, **changes}
        one = Endpoint("large", **settings)
        slots = [{"prompt": text} for text in texts]
        rows = pd.DataFrame({"endpoint": "large", "template": "answer", "slots": slots})
        with (
            Ledger(tmp_path / name, "toy", shard=0, of=1) as ledger,
            Asker({"large": one}, {"answerer": "large"}, FORMS, ledger, quiet=True) as asker,
        ):
            return asker(rows).set_axis(texts)

    return asked


@pytest.fixture(scope="module")
def true() -> dict[str, str]:
    """What the simulator says to each text when nothing goes wrong."""
    with Serving() as server, openai.OpenAI(base_url=server.url, api_key="none") as client:
        return {
            text: client.chat.completions.create(
                model=MODEL,
                seed=0,
                messages=[{"role": "system", "content": "Be kind."}, {"role": "user", "content": text}],
            )
            .choices[0]
            .message.content
            for text in TEXTS
        }


PASSING = {
    "limited, says how long": Rule("limited", retry_after_s=0.01),
    "limited, does not say": Rule("limited"),
    "broken 500": Rule("broken", status=500),
    "broken 502": Rule("broken", status=502),
    "broken 503": Rule("broken", status=503),
    "dropped": Rule("dropped"),
    "torn": Rule("torn"),
    "truncated": Rule("truncated"),
    "html": Rule("html"),
    "doubled": Rule("doubled"),
}


class TestWhatPasses:
    @pytest.mark.parametrize("rule", PASSING.values(), ids=PASSING)
    def test_is_tried_again_until_the_right_answer_comes(self, ask, true, rule):
        with Serving(Plan(rules=(rule,))) as server:
            replies = ask(server, TEXTS[:4])
        assert replies["status"].eq("ok").all() and replies["text"].to_dict() == {t: true[t] for t in TEXTS[:4]}
        assert set(server.calls.values()) == {2}, "one try failed, one was answered"

    @pytest.mark.parametrize("rule", PASSING.values(), ids=PASSING)
    def test_what_does_not_pass_is_failed_and_has_no_text(self, ask, rule):
        with Serving(Plan(rules=(Rule(**{**vars(rule), "times": 99}),))) as server:
            reply = ask(server, TEXTS[:1], retries=1).iloc[0]
        assert (reply["status"], reply["text"]) == ("failed", "") and "tries: 2" in reply["detail"]
        assert server.calls[TEXTS[0]] == 2

    def test_a_slow_answer_is_given_up_and_asked_again(self, ask, true):
        with Serving(Plan(rules=(Rule("slow", seconds=3),))) as server:
            replies = ask(server, TEXTS[:2], timeout_s=0.3)
        assert replies["text"].tolist() == [true[t] for t in TEXTS[:2]] and set(server.calls.values()) == {2}

    def test_a_storm_of_everything_changes_no_answer(self, ask, true):
        rules = tuple(Rule(**{**vars(rule), "share": 0.09}) for rule in PASSING.values())
        with Serving(Plan(seed=3, rules=rules)) as server:
            replies = ask(server)
        assert replies["text"].to_dict() == true
        assert len(TEXTS) < server.calls.total() <= 2 * len(TEXTS)

    def test_which_requests_meet_a_fault_depends_on_the_seed_and_the_request_alone(self, ask):
        met = []
        for seed, concurrency in ((1, 1), (1, 8), (2, 4)):
            with Serving(Plan(seed=seed, rules=(Rule("limited", share=0.5, retry_after_s=0.01),))) as server:
                ask(server, concurrency=concurrency, name=f"{seed}-{concurrency}")
            met.append({text for text, n in server.calls.items() if n == 2})
        assert met[0] == met[1] != met[2] and 0 < len(met[0]) < len(TEXTS)


class TestAnAnswerForAnotherRequest:
    def test_is_noticed_where_the_other_request_was_answered_before(self, ask, true):
        plan = Plan(rules=(Rule("foreign", share=0.5),))
        with Serving(plan) as server:
            replies = ask(server, concurrency=1)
        assert replies["text"].to_dict() == true
        again = [text for text, n in server.calls.items() if n == 2]
        assert len(again) >= 2, "the oracle: foreign answers were really sent"

    def test_that_never_stops_is_failed(self, ask, true):
        with Serving(Plan(rules=(Rule("foreign", times=99),))) as server:
            replies = ask(server, TEXTS[:2], concurrency=1, retries=1)
        assert replies["status"].tolist() == ["ok", "failed"], "the first has nobody's answer to get"
        assert "the answer to another request" in replies["detail"].iloc[1]

    def test_equal_answers_to_different_requests_are_no_mixture(self, ask):
        """A model may well say the same twice; only the same response, by its id, is another's."""

        async def yes(scope, receive, send):
            nonlocal number
            await receive()
            number += 1
            said = {"choices": [{"message": {"content": "Yes."}}], **({"id": f"c-{number}"} if has_id else {})}
            body = json.dumps(said).encode()
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/json")]})
            await send({"type": "http.response.body", "body": body})

        for has_id in (True, False):
            number = 0
            with Serving() as server:
                server.app = yes
                assert ask(server, name=f"{has_id}")["text"].eq("Yes.").all() and number == len(TEXTS)


class TestHeader:
    def test_a_single_request_is_told_its_fault(self):
        with Serving() as server, openai.OpenAI(base_url=server.url, api_key="none", max_retries=0) as client:

            def said(fault):
                messages = [{"role": "user", "content": TEXTS[0]}]
                headers = {"X-Simulator-Fault": fault}
                return client.chat.completions.create(model=MODEL, messages=messages, extra_headers=headers)

            with pytest.raises(openai.InternalServerError) as broken:
                said("broken status=503")
            assert broken.value.status_code == 503 and said("broken status=503").choices, "the second try is answered"
            with pytest.raises(openai.RateLimitError) as limited:
                said("limited times=9 retry_after_s=2")
            assert limited.value.response.headers["retry-after"] == "2"
            with pytest.raises(openai.BadRequestError, match="fault: 'rude' is not one of"):
                said("rude")

    def test_inside_one_process_a_dropped_connection_is_a_failed_call(self):
        transport = httpx2.ASGITransport(make_app(faults=Plan(rules=(Rule("dropped"),))))

        async def twice():
            async with httpx2.AsyncClient(transport=transport, base_url="http://here") as client:
                body = {"model": MODEL, "messages": [{"role": "user", "content": "x"}]}
                with pytest.raises(ConnectionResetError):
                    await client.post("/v1/chat/completions", json=body)
                return (await client.post("/v1/chat/completions", json=body)).status_code

        assert asyncio.run(twice()) == 200


class TestOfThisMachine:
    @pytest.mark.parametrize("jump_s", [1e6, -1e6])
    def test_a_clock_that_jumps_neither_hangs_nor_loses(self, ask, true, monkeypatch, jump_s):
        """The wall clock leaps while a wait of Retry-After, given as a date, is under way."""
        real, start = time.time, time.monotonic()
        monkeypatch.setattr(time, "time", lambda: real() + (jump_s if time.monotonic() > start + 0.2 else 0))
        with Serving(Plan(rules=(Rule("limited", retry_after_s=0.3),))) as server:
            replies = ask(server, TEXTS[:3])
        assert replies["text"].tolist() == [true[t] for t in TEXTS[:3]]
        assert time.monotonic() - start < 10

    def test_a_disk_that_fills_stops_the_run_and_keeps_what_was_safe(self, ask, true, tmp_path):
        """The kernel refuses to let the ledger grow beyond 6,000 bytes: a write is cut short and then fails."""
        path = tmp_path / "ledger" / "toy-0-of-1.jsonl"
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        with Serving() as server:
            try:
                resource.setrlimit(resource.RLIMIT_FSIZE, (6_000, before[1]))
                with pytest.raises(LedgerError, match=r"toy-0-of-1.jsonl: File too large; the answers before are safe"):
                    ask(server, concurrency=1)
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, before)
                signal.signal(signal.SIGXFSZ, ignored)
            safe = {record["request"]["messages"][-1]["content"] for _, record in ledgers.lines(path)}
            assert 0 < len(safe) < len(TEXTS) and path.read_bytes().endswith(b"\n")
            paid = {text: server.calls[text] for text in safe}
            assert ask(server)["text"].to_dict() == true
            assert {text: server.calls[text] for text in safe} == paid == dict.fromkeys(safe, 1)
        assert ledgers.check([path])["records"] == len(TEXTS)

    def test_an_endpoint_that_stays_down_stops_the_run_resumably(self, ask, true):
        plan = Plan(rules=(Rule("broken", status=503, times=1),))
        with Serving(plan) as server:
            with pytest.raises(AskError, match=r"calls in a row failed \(503: .*run again later"):
                ask(server, retries=0, concurrency=1)
            assert ask(server, retries=1)["text"].to_dict() == true


STAGE = """
import pandas as pd

def collect(tables, settings, *, shard, of, ask):
    slots = [{"prompt": text} for text in tables["texts"]["text"]]
    ask(pd.DataFrame({"endpoint": "large", "template": "answer", "slots": slots}))
"""
STORM = "rules:\n" + "".join(
    f"  - {{fault: {rule.fault}, share: 0.09, status: {rule.status}, retry_after_s: 0.01}}\n"
    for rule in PASSING.values()
)
STORM += "  - {fault: foreign, share: 0.05}\n  - {fault: slow, share: 0.05, seconds: 0.1}\n"


class TestCollect:
    """`persona collect` in storms. Oracle: the sealed bytes of a run that nothing befell."""

    @pytest.fixture
    def collected(self, tmp_path, monkeypatch):
        (tmp_path / "stormy.py").write_text(STAGE)
        pd.DataFrame({"text": TEXTS}).to_csv(tmp_path / "texts.csv", index=False)
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.setitem(collect.STAGES, "stormy", "stormy:collect")
        one = {"base_url": "simulator", "model": MODEL, "key_variable": None, "concurrency": 4, "timeout_s": 20}
        one |= {"retries": 2, "parameters": {}}

        def run(name: str, plan: Plan | None = None, *machine: MachineFault, served: bool = False, **changes):
            folder = tmp_path / name
            folder.mkdir(exist_ok=True)
            settings = {
                "seed": 1,
                "mode": "simulate",
                "roles": {"answerer": "large"},
                "endpoints": {"large": one},
            } | changes

            @contextmanager
            def reached(templates, ledger):
                with ExitStack() as stack:
                    stack.enter_context(disturbed(machine, ledger))
                    if served:
                        yield {"simulator": stack.enter_context(Serving(plan)).url}
                    else:
                        yield {"transport": transport(templates, faults=plan)}

            monkeypatch.setattr(collect, "simulator", reached)
            status = cli.main(
                [
                    *("collect", "stormy", "--quiet", "--settings", json.dumps(settings), "--ledger", str(folder)),
                    *("--read", f"texts={tmp_path / 'texts.csv'}", "--templates", str(TEMPLATES)),
                    *("--sealed", str(folder / "sealed.parquet"), "--log", str(folder / "log")),
                ]
            )
            sealed = folder / "sealed.parquet"
            return status, sealed.read_bytes() if sealed.exists() else None

        return run

    @staticmethod
    def n_repeated(tmp_path, name: str) -> int:
        return int(re.findall(r"tries repeated so far: {'large': (\d+)}", (tmp_path / name / "log").read_text())[-1])

    @pytest.mark.parametrize("served", [False, True], ids=["inside", "server"])
    def test_a_storm_from_a_file_changes_no_byte(self, collected, tmp_path, served):
        (tmp_path / "storm.yaml").write_text(STORM)
        calm = collected("calm", served=served)
        assert calm[0] == 0 and self.n_repeated(tmp_path, "calm") == 0
        assert collected("storm", read(tmp_path / "storm.yaml"), served=served) == calm
        assert self.n_repeated(tmp_path, "storm") > 3

    @pytest.mark.parametrize("seconds", [100_000, -100_000])
    def test_a_clock_that_jumps_changes_no_byte(self, collected, seconds):
        started = time.time(), time.monotonic()
        assert collected("jump", None, MachineFault("clock_jump", 5, seconds)) == collected("calm")
        assert time.time() - started[0] < 100 and time.monotonic() - started[1] < 100, "the clock is right again"

    def test_a_full_disk_stops_the_run_and_keeps_what_was_safe(self, collected, tmp_path, capsys):
        one = {"base_url": "simulator", "model": MODEL, "key_variable": None, "concurrency": 1}
        endpoints = {"large": one | {"timeout_s": 20, "retries": 2, "parameters": {}}}
        assert collected("full", None, MachineFault("disk_full", 6), endpoints=endpoints) == (1, None)
        assert re.search("No space left on device; the answers before are safe", capsys.readouterr().err)
        ledger = tmp_path / "full" / "stormy-0-of-1.jsonl"
        assert ledger.read_bytes().endswith(b"\n") and len(list(ledgers.lines(ledger))) == 5
        assert collected("full", endpoints=endpoints) == collected("calm", endpoints=endpoints)
        assert ledgers.check([ledger])["records"] == len(TEXTS)


def test_the_engines_clocks_are_shifted_and_a_disk_fills_for_files_alone(tmp_path):
    """Oracle: hand-made answers, the third jumps an hour back and the fifth finds 100 bytes of room."""

    class Keeper:
        def append(self, answers):
            rest = b"x" * 60 * len(answers)
            while rest:
                rest = rest[os.write(file, rest) :]

    keeper, real = Keeper(), (time.time, time.monotonic, os.write)
    faults = (MachineFault("clock_jump", 3, -3600.0), MachineFault("clock_jump", 4, 60.0), MachineFault("disk_full", 5))
    file = os.open(tmp_path / "file", os.O_WRONLY | os.O_CREAT)
    with disturbed(faults, keeper):
        rate_limit = RateLimit(tmp_path / "rate", requests_per_minute=1, tokens_per_minute=None)
        concurrency = Concurrency(1)
        concurrency.hold(50)
        keeper.append([1, 2])
        assert abs(time.time() - real[0]()) < 1 and concurrency.wait_s(0) > 49 and rate_limit.take(0) == 0
        keeper.append([3])
        assert abs(time.time() - real[0]() + 3600) < 1 and concurrency.wait_s(0) > 49
        keeper.append([4])
        assert abs(time.time() - real[0]() + 3540) < 1 and concurrency.wait_s(0) == 0
        with pytest.raises(OSError, match="No space left") as error:
            keeper.append([5])
            keeper.append([6])
        assert error.value.errno == errno.ENOSPC and os.fstat(file).st_size == 240 + 100
        ends = os.pipe()
        assert os.write(ends[1], b"y" * 500) == 500, "a pipe is no file"
    assert (time.time, time.monotonic, os.write) == real
    for number in (file, *ends):
        os.close(number)
