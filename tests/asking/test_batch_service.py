"""The way to an endpoint's batches: tried again where it may pass, no key is told, long waits stop the run."""

from __future__ import annotations

import io
import traceback

import httpx2
import openai
import pytest
from openai.resources.batches import AsyncBatches
from sent_batches import made, n_answered, recorded
from serving import Serving

from persona_lib.asking.batch_service import BatchService, Gone
from persona_lib.asking.client import AskError
from persona_lib.messages.batch_files import rows
from persona_lib.simulator.faults import Plan, Rule


class TestTheWayThere:
    @pytest.mark.parametrize("fault", ["broken", "limited", "dropped", "torn", "truncated", "html"])
    @pytest.mark.parametrize("place", ["/v1/files", "/v1/batches"])
    def test_a_fault_of_one_try_makes_no_second_batch(self, ask, true, place, fault):
        """Torn and truncated answers leave a batch that was made and a client that does not know it."""
        with Serving(Plan(rules=(Rule(fault, path=place, status=503, retry_after_s=0.01),))) as server:
            assert ask(server)["text"].to_dict() == true
            assert len(made(server)) == 1 and n_answered(server) == 12

    def test_an_endpoint_that_stays_down_stops_the_run_resumably(self, ask, true, tmp_path):
        with Serving(Plan(rules=(Rule("broken", path="/v1/batches", times=2, status=502),))) as server:
            with pytest.raises(AskError, match="endpoint large does not make a batch .502: .*run again later"):
                ask(server, retries=0)
            with pytest.raises(AskError, match="does not list batches"):
                ask(server, retries=0)
            assert ask(server)["text"].to_dict() == true and len(made(server)) == 1
        assert ("ended", "never made") in recorded(tmp_path / "ledger")

    @pytest.mark.parametrize("start", [0, 70])
    def test_no_key_that_a_file_or_an_error_repeats_is_told(self, ask, monkeypatch, start):
        """Cut within the key, the rest of it would no longer be known as such."""
        key = "sk-secret-0123456789abcdef"
        said = ("x" * start + f" {key}").encode()

        async def show(self, name):
            if start:
                raise ValueError(said.decode())
            next(rows(io.BytesIO(b'{"error": "%s"}' % said)))

        monkeypatch.setenv("TEST_KEY", key)
        monkeypatch.setattr(AsyncBatches, "retrieve", show)
        with Serving() as server, pytest.raises(AskError, match="does not show a batch .not understood") as error:
            ask(server, key_variable="TEST_KEY", retries=0)
        assert "sk-" not in str(error.value)

    def test_no_key_is_chained_to_an_error(self, ask, monkeypatch):
        key = "sk-secret-0123456789abcdef"

        async def show(self, name):
            sent = httpx2.Request("GET", "http://x/v1/batches", headers={"Authorization": f"Bearer {key}"})
            said = httpx2.Response(401, request=sent, json={"error": {"message": f"bad key {key}"}})
            raise openai.AuthenticationError(f"bad key {key}", response=said, body=said.json())

        monkeypatch.setenv("TEST_KEY", key)
        monkeypatch.setattr(AsyncBatches, "retrieve", show)
        with Serving() as server, pytest.raises(AskError, match="TEST_KEY was not accepted") as error:
            ask(server, key_variable="TEST_KEY", retries=0)
        told = "".join(traceback.TracebackException.from_exception(error.value, capture_locals=False).format())
        assert key not in told + repr(error.value.__context__)

    def test_a_long_wait_that_is_asked_for_stops_the_run_at_once(self, ask):
        plan = Plan(rules=(Rule("limited", path="/v1/files", retry_after_s=3600),))
        said = r"does not take a file \(429: .*asks to wait 3600 s\).*run again later"
        with Serving(plan) as server, pytest.raises(AskError, match=said):
            ask(server)

    def test_a_batch_whose_answers_are_gone_is_said_and_asked_again_by_the_next_run(self, ask, true, monkeypatch):
        async def gone(self, *_):
            raise Gone("no such file")

        with Serving() as server:
            with monkeypatch.context() as patched:
                patched.setattr(BatchService, "download", gone)
                with pytest.raises(AskError, match=r"no longer has file \S+ of batch \S+, so .* is paid for again"):
                    ask(server)
            assert ask(server)["text"].to_dict() == true and len(made(server)) == 2

    def test_an_endpoint_without_batches(self, ask):
        with Serving() as server, pytest.raises(AskError, match="if it has no batches, set its transport to chat"):
            ask(server, base_url=server.url + "/nowhere")
