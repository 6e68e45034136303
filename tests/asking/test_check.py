"""Before the first call: what is told in seconds, what is let pass, what a check leaves behind."""

import re
import resource
import time

import pandas as pd
import pytest
from authority import issue, speak_tls
from demo_plan import PRICES
from endless import KEY, completion

from persona_lib.asking.budget import Budget
from persona_lib.asking.check import allow_open_files, check
from persona_lib.asking.client import AskError
from persona_lib.ledger import live
from persona_lib.ledger.live import Ledger
from persona_lib.messages.check_form import FORM
from persona_lib.messages.endpoint import Endpoint

YES = '{"is_white": true}'


@pytest.fixture
def checked(server, tmp_path, monkeypatch):
    """Check one endpoint over the same ledger each time; gives what is advised."""
    monkeypatch.setenv("TEST_KEY", KEY)
    server.plan = {FORM.user: [("say", YES)]}
    server.paths = {"/v1/models": 200}

    def asked(*, shard=0, of=1, budget=None, **changes):
        address = f"http://127.0.0.1:{server.server_address[1]}/v1"
        settings = {"base_url": address, "key_variable": "TEST_KEY", "timeout_s": 5, "retries": 3, "concurrency": 4}
        one = Endpoint("large", "m", **(settings | changes))
        with Ledger(tmp_path / "ledger", "toy", shard=shard, of=of) as ledger:
            if budget is None:
                return check([one], ledger, shard=shard, of=of)
            with Budget(ledger.path, {"large": one}, PRICES, asked=["large"], cap_usd=budget) as counted:
                return check([one], ledger, shard=shard, of=of, budget=counted), counted.spent()

    return asked


def asked_of(server) -> int:
    return server.calls[FORM.user]


class TestTold:
    @pytest.mark.parametrize(
        ("models", "step", "message"),
        [
            (401, ("say", YES), r"endpoint large: the key in TEST_KEY was not accepted \(401"),
            (200, ("error", 401), r"endpoint large: the key in TEST_KEY was not accepted \(401"),
            (
                404,
                ("error", 404),
                "large: model m at http://.* .404.*; there is no http://.*/v1/models either: does b",
            ),
            (
                200,
                ("error", 404),
                r"large: model m at http://127.0.0.1:\d+/v1 does not take what is sent .404: you sent Bearer .key.",
            ),
            (200, ("error", 400), "endpoint large: did not take a short question .400"),
            (
                200,
                ("error", 500),
                r"large: POST http://127.*/v1/chat/completions: 500: you sent Bearer \[key\]$",
            ),
            (200, ("html",), "/v1/chat/completions: no chat completion came back, but '<html>Request rejected"),
        ],
    )
    def test_what_no_further_try_would_mend_with_the_address_and_within_seconds(
        self, checked, server, models, step, message
    ):
        server.plan[FORM.user], server.paths["/v1/models"] = [step], models
        before = time.monotonic()
        with pytest.raises(AskError, match=message) as error:
            checked()
        assert time.monotonic() - before < 10 and KEY not in str(error.value)

    @pytest.mark.parametrize(
        ("address", "message"),
        [
            ("http://127.0.0.1:9/v1", "GET http://127.0.0.1:9/v1/models: nobody is there .*is the server up"),
            ("http://no-such-host.invalid/v1", "GET http://no-such-host.invalid/v1/models: nobody is there .gaierror"),
        ],
    )
    def test_nobody_there(self, checked, address, message):
        before = time.monotonic()
        with pytest.raises(AskError, match=f"endpoint large: {message}"):
            checked(base_url=address)
        assert time.monotonic() - before < 10

    def test_a_missing_key_before_anything_is_sent(self, checked, server, monkeypatch):
        monkeypatch.delenv("TEST_KEY")
        with pytest.raises(AskError, match="endpoint large: its key is not set; export TEST_KEY=..."):
            checked()
        assert not server.gets and not server.bodies


class TestCertificates:
    @pytest.fixture
    def address(self, server, tmp_path, monkeypatch):
        self.ca, own, key = issue(tmp_path)
        speak_tls(server, own, key)
        monkeypatch.delenv("SSL_CERT_FILE", raising=False)
        return f"https://127.0.0.1:{server.server_address[1]}/v1"

    def test_an_authority_of_ones_own_is_trusted_where_the_environment_names_it(
        self, checked, server, address, monkeypatch
    ):
        monkeypatch.setenv("SSL_CERT_FILE", str(self.ca))
        assert checked(base_url=address) == [] and asked_of(server) == 1

    def test_else_the_run_stops_at_once_with_what_to_do(self, checked, server, address, run):
        said = "endpoint large: the certificate of https://127.* was not accepted .*export SSL_CERT_FILE=/path"
        before = time.monotonic()
        for ask in (checked, lambda **where: run(["a"], **where)):
            with pytest.raises(AskError, match=said):
                ask(base_url=address)
        assert time.monotonic() - before < 8 and not server.bodies

    def test_another_host_s_certificate(self, checked, server, tmp_path, monkeypatch):
        ca, own, key = issue(tmp_path, host="DNS:elsewhere.example")
        speak_tls(server, own, key)
        monkeypatch.setenv("SSL_CERT_FILE", str(ca))
        with pytest.raises(AskError, match="was not accepted .IP address mismatch"):
            checked(base_url=f"https://127.0.0.1:{server.server_address[1]}/v1")

    def test_a_file_that_is_not_there(self, checked, monkeypatch):
        monkeypatch.delenv("SSL_CERT_DIR", raising=False)
        monkeypatch.setenv("SSL_CERT_FILE", "/no/such/file.pem")
        with pytest.raises(AskError, match="the certificates that SSL_CERT_FILE names cannot be read .No such file"):
            checked()


class TestLetPass:
    @pytest.mark.parametrize("status", [403, 404, 405, 500, 501])
    def test_an_endpoint_without_models(self, checked, server, status):
        server.paths["/v1/models"] = status
        assert checked() == [] and asked_of(server) == 1

    @pytest.mark.parametrize("step", [("error", 429), ("error", 503), ("slow", 3, YES)])
    def test_one_that_is_busy_as_the_run_itself_knows_how_to_wait(self, checked, server, step):
        server.plan[FORM.user] = [step]
        assert checked(timeout_s=1) == [] and asked_of(server) == 1

    def test_a_fault_that_passes(self, checked, server):
        server.plan[FORM.user] = [("error", 500), ("say", YES)]
        assert checked() == [] and asked_of(server) == 2

    @pytest.mark.parametrize(
        ("step", "changes", "advice"),
        [
            (
                ("say", "Yes."),
                {},
                "cannot be used .not JSON.*if that goes on, write json_schema: false in endpoints.large",
            ),
            (("body", completion('{"is', finish="length")), {}, "raise max_tokens in endpoints.large.parameters"),
        ],
    )
    def test_a_reply_that_is_no_json_with_advice(self, checked, server, step, changes, advice):
        server.plan[FORM.user] = [step]
        (said,) = checked(**changes)
        assert re.search(advice, said) and "\n" not in said

    def test_a_simulated_endpoint_is_not_asked_and_one_asked_by_batches_makes_no_call(self, checked, server):
        assert checked(base_url="simulator") == [] and not server.gets
        assert checked(transport="batch") == [] and server.gets == ["/v1/models"] and not server.bodies


class TestLeftBehind:
    def test_every_check_is_a_call_of_its_own_in_the_ledger_and_none_is_sealed(self, checked, server, tmp_path):
        checked()
        checked()
        checked(shard=1, of=2)
        assert sorted(body["seed"] for _, body in server.bodies) == [0, 1, 3], "shard 1 of 2 takes every second number"
        paths = sorted((tmp_path / "ledger").glob("*.jsonl"))
        assert live.check(paths)["ok"] == 3
        with Ledger(tmp_path / "ledger", "toy", shard=0, of=1) as ledger:
            ledger.seal(tmp_path / "toy.parquet", facts={"format": 1})
        assert len(pd.read_parquet(tmp_path / "toy.parquet")) == 0

    def test_it_is_paid_for_and_none_is_made_once_the_cap_is_reached(self, checked, server, tmp_path):
        """By hand: 7 tokens in and 2 out at gpt-4's USD 30 and 60 a million are USD 0.00033."""
        parameters = {"max_tokens": 10}
        assert checked(budget=1.0, price="gpt-4", parameters=parameters) == ([], pytest.approx(0.00033))
        (record,) = [record for _, record in live.lines(next((tmp_path / "ledger").glob("*.jsonl")))]
        assert record["usd"] == pytest.approx(0.00033)
        assert checked(budget=0.0003, price="gpt-4", parameters=parameters)[1] == pytest.approx(0.00033)
        assert asked_of(server) == 1


class TestOpenFiles:
    def test_the_soft_limit_is_raised_to_what_is_needed_and_no_further(self):
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (300, before[1]))
            allow_open_files(40)
            assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 300
            allow_open_files(500)
            assert 500 < resource.getrlimit(resource.RLIMIT_NOFILE)[0] <= 1000
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)

    def test_a_hard_limit_below_it_is_told_with_what_to_do(self):
        with pytest.raises(AskError, match="5000 calls at once need 5256 open files, .* allows 4096 .*; lower concurr"):
            allow_open_files(5000, limits=lambda _: (1024, 4096))
