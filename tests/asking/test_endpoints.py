"""Every case of endpoint_cases.yaml, over the wire through the real Asker and as a line of a batch.

Oracle: what the public description of each shape says that it means.
"""

import re
import threading

import pandas as pd
import pytest
from endless import FORMS, KEY
from endpoint_cases import CASES, CaseServer

from persona_lib.asking.asker import Asker
from persona_lib.asking.client import Again, AskError, Client
from persona_lib.ledger import sealed
from persona_lib.ledger.live import Ledger, lines
from persona_lib.ledger.replay import replay
from persona_lib.messages import request as words
from persona_lib.messages.batch_files import NoAnswer, outcome
from persona_lib.messages.endpoint import Endpoint
from persona_lib.messages.request import Reply

REPLIES = [name for name, case in CASES.items() if case.becomes not in ("again", "stop")]


@pytest.fixture(scope="module")
def url():
    with CaseServer() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server.url
        server.shutdown()


@pytest.fixture
def ask(url, tmp_path, monkeypatch):
    """Ask one case once, or so many texts of it; gives the replies and the records of the ledger."""
    monkeypatch.setenv("TEST_KEY", KEY)

    def asked(name, *, n=1, seal=None, **changes):
        settings = {"base_url": url, "key_variable": "TEST_KEY", "timeout_s": 5, "repairs": False}
        one = {"large": Endpoint("large", name, **settings | CASES[name].settings | changes)}
        slots = [{"prompt": f"Why {k}?"} for k in range(n)]
        rows = pd.DataFrame({"endpoint": "large", "template": CASES[name].asked, "slots": slots})
        with (
            Ledger(tmp_path, name, shard=0, of=1) as ledger,
            Asker(one, {"judge": "large"}, FORMS, ledger, quiet=True) as asker,
        ):
            replies = asker(rows)
            if seal:
                ledger.seal(seal, facts=asker.facts)
        return replies, [record for _, record in lines(ledger.path)]

    return asked


def request(case):
    rows = pd.DataFrame([{"endpoint": "large", "template": case.asked, "slots": {"prompt": "Why?"}}])
    return words.build(rows, endpoints={"large": Endpoint("large", case.name)}, templates=FORMS)[0]


def check(case, reply: Reply):
    assert reply.status == case.becomes and re.search(case.detail, reply.detail)
    assert (reply.text != "") == (case.becomes == "ok")
    if case.text is not None:
        assert reply.text == case.text
    if case.thinking is not None:
        assert reply.thinking == case.thinking
    if case.tokens is not None:
        found = [reply.tokens_in, reply.tokens_out, reply.tokens_reasoning, reply.tokens_cached]
        assert found == case.tokens
    if case.who is not None:
        assert [reply.model, reply.provider, reply.fingerprint] == case.who


@pytest.mark.parametrize("name", CASES)
def test_over_the_wire(ask, name):
    case = CASES[name]
    if case.becomes == "stop":
        with pytest.raises(AskError, match=case.detail) as error:
            ask(name)
        assert len(str(error.value)) < 700 and "\n" not in str(error.value)
        return
    replies, (record,) = ask(name)
    if case.becomes == "again":
        assert record["reply"]["status"] == "failed" and re.search(case.detail, record["reply"]["detail"])
    else:
        check(case, Reply(**record["reply"]))
        if case.asked == "judge" and case.becomes == "ok":
            assert replies["data"].iloc[0] == {"choice": "A" if name in ("bom", "turn-end-mark") else "B"}


@pytest.mark.parametrize("name", CASES)
def test_as_a_line_of_a_batch(name):
    case = CASES[name]
    found = outcome(request(case), {"response": {"status_code": case.status, "body": case.sent}}, clean=str)
    if case.becomes in ("again", "stop"):
        assert isinstance(found, NoAnswer) and found.is_ours == (case.becomes == "stop")
    else:
        check(case, found)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.wait_s is not None])
def test_the_wait_that_is_asked_for(url, name, monkeypatch):
    monkeypatch.setenv("TEST_KEY", KEY)
    import asyncio

    async def send():
        client = Client(Endpoint("large", name, base_url=url, key_variable="TEST_KEY"))
        try:
            await client.send(request(CASES[name]))
        finally:
            await client.close()

    with pytest.raises(Again) as error:
        asyncio.run(send())
    assert error.value.wait_s == CASES[name].wait_s and error.value.load


@pytest.mark.parametrize("name", ["think-in-text", "xai", "fingerprinted", "other-model"])
def test_what_the_ledger_keeps_comes_back_from_its_sealed_copy(ask, tmp_path, name):
    replies, (record,) = ask(name, seal=tmp_path / "s.parquet")
    (row,) = sealed.rows(tmp_path / "s.parquet")
    later = {key: record["reply"][key] for key in words.LATER if key in record["reply"]}
    assert later and {key: row[key] for key in later} == later
    rows = pd.DataFrame([{"endpoint": "large", "template": "answer", "slots": {"prompt": "Why 0?"}}])
    pd.testing.assert_frame_equal(replay(tmp_path / "s.parquet")(rows), replies)


class TestStages:
    @pytest.mark.parametrize(
        ("name", "n_sent", "said"),
        [
            ("reasoning-alone", 25, r"of 25 replies .*25 unparsed.*thinking, but no answer.*raise max_tokens"),
            ("length", 25, r"25 cut off.*Once upon a.*raise max_tokens in endpoints.large.parameters"),
            ("content-filter", 25, r"25 refused.*set another model"),
            ("odd-400", 5, r"of 5 replies .*5 not taken.*I cannot process this.*--ask-again not_taken"),
            ("openai-too-long", 5, r"5 not taken.*context_length_exceeded.*takes them"),
        ],
    )
    def test_one_that_gets_nothing_usable_stops_says_so_and_keeps_what_it_got(self, ask, name, n_sent, said):
        with pytest.raises(AskError, match=said) as error:
            ask(name, n=60)
        assert "the answers so far are kept, the same command goes on" in str(error.value)
        with pytest.raises(AskError):
            ask(name, n=60)

    @pytest.mark.parametrize(
        ("name", "allowed"), [("length", {"least_usable": 0}), ("odd-400", {"most_not_taken": 1, "least_usable": 0})]
    )
    def test_it_goes_on_where_the_configuration_says_so(self, ask, name, allowed):
        replies, records = ask(name, n=60, **allowed)
        assert set(replies["status"]) == {CASES[name].becomes} and len(records) == 60
