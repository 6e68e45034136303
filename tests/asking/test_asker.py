"""Asking: what the ledger lacks is asked once, kept before it counts, and told by a status; replay asks nobody."""

import json
import os
import signal
import time

import pandas as pd
import pytest
from endless import FORMS, HOSTILE, completion

from persona_lib.asking.asker import Asker
from persona_lib.asking.client import AskError
from persona_lib.ledger.errors import LedgerError, ReplayMiss
from persona_lib.ledger.live import Ledger, lines
from persona_lib.ledger.replay import replay
from persona_lib.messages.endpoint import Endpoint, RequestError


class TestWhatIsSent:
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


class TestStops:
    def test_a_full_disk(self, run, server, monkeypatch):
        def full(self, answers, *, usd):
            raise LedgerError("toy-0-of-1.jsonl: No space left on device")

        monkeypatch.setattr(Ledger, "append", full)
        with pytest.raises(LedgerError, match="No space left"):
            run([f"{k}" for k in range(500)])
        assert sum(server.calls.values()) < 100, "stops asking for what it cannot keep"

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


class TestWithoutSchemas:
    """An endpoint that takes no response format: the schema stands in the prompt, one repair is asked."""

    ASKED = (
        "Why?\n\nReply with one JSON object and nothing else, valid against this JSON schema:\n"
        '{"properties":{"choice":{"enum":["A","B"]}},"required":["choice"],"type":"object"}'
    )
    AGAIN = ASKED + (
        "\n\nA reply to this was given before and could not be used. What was wrong with it, and the reply:\n"
        "not JSON (Expecting value: line 1 column 1 (char 0)): A, I think.\n\n"
        "Give the reply again, as one JSON object and nothing else."
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
            assert reply["detail"] == "not JSON (Expecting value: line 1 column 1 (char 0)): As I said, A."
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


class TestWithSchemas:
    """An endpoint that says it takes response formats, and replies as if it did not."""

    def test_a_reply_out_of_form_is_asked_for_once_more_with_what_was_wrong(self, run, server):
        again = TestWithoutSchemas.AGAIN.replace(TestWithoutSchemas.ASKED, "Why?")
        server.plan = {"Why?": [("say", "A, I think.")], again: [("say", '{"choice": "A"}')]}
        assert run(["Why?"], template="judge")["data"].tolist() == [{"choice": "A"}]
        assert server.calls == {"Why?": 1, again: 1} and all("response_format" in body for _, body in server.bodies)

    def test_repairs_go_first_so_that_a_step_that_gets_nothing_stops_early(self, run, server):
        """Oracle: the server's count: 25 requests with their repairs, and the few that were under way."""
        with pytest.raises(AskError, match=r"\(25 unparsed\).*set endpoints.large.json_schema: false"):
            run([f"{k}" for k in range(200)], template="judge", concurrency=4)
        assert 50 <= sum(server.calls.values()) <= 70

    def test_a_weak_model_whose_repairs_are_good_is_not_stopped(self, run, server):
        texts = [f"{k}" for k in range(40)]
        again = TestWithoutSchemas.AGAIN.removeprefix(TestWithoutSchemas.ASKED)
        server.plan = {text: [("say", "A, I think.")] for text in texts}
        server.plan |= {text + again: [("say", '{"choice": "B"}')] for text in texts}
        assert run(texts, template="judge")["status"].eq("ok").all() and sum(server.calls.values()) == 80


def test_the_latency_is_in_the_live_ledger_alone(run, server, tmp_path):
    server.plan = {"a": [("error", 500, [("retry-after-ms", "300")]), ("slow", 0.2, "a")]}
    replies = run(["a"], seal="toy.parquet")
    ((_, record),) = lines(tmp_path / "ledger" / "toy-0-of-1.jsonl")
    assert 0.2 <= record["reply"]["latency_s"] < 0.3, "of the try that was answered"
    assert not [name for name in (*replies, *pd.read_parquet(tmp_path / "toy.parquet")) if name.endswith("_s")]


class CentBudget:
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


class TestBudget:
    def test_every_answer_is_charged_once_when_it_is_durable(self, run):
        budget = CentBudget(100)
        run(["a", "b", "a"], budget=budget)
        run(["a", "b", "c"], budget=budget)
        assert sorted(budget.charged) == [(text, 7, "large") for text in "abc"]

    def test_what_an_answer_cost_is_written_beside_it(self, run, tmp_path):
        """Oracle: a cent an answer, as this budget says; nobody knows where there is none."""
        run(["a"], budget=CentBudget(100))
        run(["b"])
        lines = (tmp_path / "ledger" / "toy-0-of-1.jsonl").read_text("utf-8").splitlines()[1:]
        assert [json.loads(line)["usd"] for line in lines] == [0.01, None]

    def test_a_cap_stops_the_run_and_the_same_command_goes_on(self, run, server):
        texts = [f"{k}" for k in range(20)]
        with pytest.raises(AskError, match="the cap of 5 cents is reached; the answers so far are kept"):
            run(texts, budget=CentBudget(5), concurrency=1)
        assert 5 <= sum(server.calls.values()) < 20
        assert run(texts)["text"].tolist() == texts and set(server.calls.values()) == {1}


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
