"""Batches against the simulator's: the same answers as by chat, each paid for once, whatever happens in between."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pandas as pd
import pytest
from sent_batches import made, n_answered, recorded
from serving import MODEL, TEXTS, Serving

from persona_lib.asking import batch
from persona_lib.asking.batch_service import BatchService
from persona_lib.asking.budget import Budget, usage
from persona_lib.asking.client import AskError
from persona_lib.asking.prices import read_prices
from persona_lib.ledger import live as ledgers
from persona_lib.ledger.batch_journal import BatchJournal, SentBatch
from persona_lib.ledger.live import Ledger
from persona_lib.messages.endpoint import Endpoint
from persona_lib.messages.request import Reply, Request
from persona_lib.simulator.faults import BatchFault, Plan


class TestWhole:
    def test_answers_statuses_and_sealed_bytes_are_those_of_chat(self, ask, true, tmp_path):
        with Serving() as server:
            replies = ask(server)
            assert replies["text"].to_dict() == true and replies["status"].eq("ok").all()
            assert not server.calls and len(made(server)) == 1 and n_answered(server) == 12
            ask(server, name="chat", transport="chat")
            assert ask(server)["text"].to_dict() == true and len(made(server)) == 1, "known answers are not asked again"
        ours, theirs = (pd.read_parquet(tmp_path / f"{name}.parquet") for name in ("ledger", "chat"))
        pd.testing.assert_frame_equal(ours, theirs)
        assert recorded(tmp_path / "ledger") == [("planned", None), ("made", None), ("ended", "completed")]

    @pytest.mark.parametrize(("name", "value", "n"), [("MOST_REQUESTS", 5, 3), ("MOST_BYTES", 1_500, 3)])
    def test_the_limits_of_a_batch_cut_the_requests_into_several(self, ask, true, monkeypatch, name, value, n):
        monkeypatch.setattr(batch, name, value)
        with Serving() as server:
            assert ask(server)["text"].to_dict() == true
            assert len(made(server)) >= n and n_answered(server) == 12

    def test_a_request_that_is_too_large_for_any_batch(self, ask, monkeypatch):
        monkeypatch.setattr(batch, "MOST_BYTES", 100)
        with Serving() as server, pytest.raises(AskError, match=r"a request of \d+ bytes is too large for a batch"):
            ask(server)

    def test_text_with_line_separators_of_unicode_comes_back_whole(self, ask):
        texts = ["Why\u2028so\u0085?", "日本語 {{prompt}} \x00", 'quotes " and \\']
        with Serving() as server:
            by_chat = ask(server, texts, name="chat", transport="chat")["text"]
            pd.testing.assert_series_equal(ask(server, texts)["text"], by_chat)


class TestPartialFailure:
    def test_what_expired_is_handed_over_again(self, ask, true):
        with Serving(Plan(batches=(BatchFault("expired", after=5),))) as server:
            assert ask(server)["text"].to_dict() == true
            counts = [(found.status, found.request_counts.completed) for found in made(server)]
        assert counts == [("expired", 5), ("completed", 7)], "what was answered is not paid for again"

    def test_what_expires_too_often_is_failed_with_the_reason(self, ask):
        with Serving(Plan(batches=(BatchFault("expired", after=0),) * 3)) as server:
            replies = ask(server, TEXTS[:2])
        assert replies["status"].eq("failed").all() and replies["text"].eq("").all()
        assert replies["detail"].str.contains("batch_expired.*tries: 3").all()

    def test_lines_of_the_error_file_are_asked_again(self, ask, true):
        with Serving(Plan(batches=(BatchFault(errors=0.5),))) as server:
            assert ask(server)["text"].to_dict() == true
            first, second = made(server)
            assert 0 < first.request_counts.failed == second.request_counts.total < 12

    def test_doubled_lines_count_once_and_strangers_not_at_all(self, ask, true, tmp_path):
        with Serving(Plan(batches=(BatchFault(doubled=1.0, strangers=3),))) as server:
            assert ask(server)["text"].to_dict() == true and len(made(server)) == 1
        counted = ledgers.check([tmp_path / "ledger" / "toy-0-of-1.jsonl"])
        assert (counted["records"], counted["repeated"]) == (12, 0)

    def test_two_different_answers_with_one_id_are_not_recorded(self, ask, true, monkeypatch):
        """The first file that is fetched has a second, other line for the first request."""
        fetched = []

        async def download(self, file, copy, n_rows):
            await real(self, file, copy, n_rows)
            if not fetched:
                copy.seek(0)
                lines = [json.loads(line) for line in copy]
                copy.write(json.dumps({**lines[1], "custom_id": lines[0]["custom_id"]}).encode() + b"\n")
            fetched.append(file)

        real = BatchService.download
        monkeypatch.setattr(BatchService, "download", download)
        with Serving() as server:
            assert ask(server)["text"].to_dict() == true
            assert [found.request_counts.total for found in made(server)] == [12, 1]

    def test_a_cancelled_batch_stops_the_run_and_keeps_its_answers(self, ask, true):
        with Serving(Plan(batches=(BatchFault("cancelled", after=4),))) as server:
            with pytest.raises(AskError, match="batch_000002 was cancelled; the answers so far are kept"):
                ask(server)
            assert ask(server)["text"].to_dict() == true
            assert [found.request_counts.completed for found in made(server)] == [4, 8]

    def test_a_full_queue_means_smaller_batches_one_at_a_time(self, ask, true):
        full = BatchFault("failed", code="token_limit_exceeded")
        with Serving(Plan(batches=(full, full))) as server:
            assert ask(server)["text"].to_dict() == true
            sizes = [found.request_counts.total for found in made(server) if found.status == "completed"]
        assert sizes == [3, 3, 3, 3]

    def test_a_batch_that_is_not_taken_stops_the_run_with_the_reason(self, ask):
        with (
            Serving(Plan(batches=(BatchFault("failed", code="billing_hard_limit"),))) as server,
            pytest.raises(AskError, match=r"batch_000002 was not taken \(billing_hard_limit: The batch failed"),
        ):
            ask(server)

    def test_an_unknown_model_stops_the_run(self, ask):
        with (
            Serving() as server,
            pytest.raises(AskError, match=r"not answer what batch \w+ holds .404: .*The model 'gpt-9'.*are kept"),
        ):
            ask(server, model="gpt-9")


class TestMoney:
    def budget(self, tmp_path, cap):
        one = Endpoint("large", model=MODEL, base_url="http://x/v1", price="gpt-4", transport="batch")
        prices = read_prices("data/reference/prices.csv")
        path = tmp_path / "ledger" / "toy-0-of-1.jsonl"
        path.parent.mkdir(exist_ok=True)
        return Budget(path, {"large": one}, prices, asked=["large"], cap_usd=cap)

    def test_batches_are_cut_so_that_their_bound_fits_under_the_cap(self, ask, true, tmp_path):
        with Serving() as server, self.budget(tmp_path, 0.15) as budget:
            replies = ask(server, budget=budget, price="gpt-4", parameters={"max_tokens": 1024})
            assert replies["text"].to_dict() == true and len(made(server)) > 1
            used = usage(tmp_path / "ledger" / "toy-0-of-1.jsonl")["large"]
            assert budget.spent() == pytest.approx((used[1] * 15 + used[2] * 30) / 1e6) and budget.spent() <= 0.15

    def test_nothing_is_sent_that_does_not_fit(self, ask, tmp_path):
        with (
            Serving() as server,
            self.budget(tmp_path, 0.02) as budget,
            pytest.raises(AskError, match="the spending cap is reached.*the same command goes on"),
        ):
            ask(server, budget=budget, price="gpt-4", parameters={"max_tokens": 1024})
        assert not usage(tmp_path / "ledger" / "toy-0-of-1.jsonl")

    def test_money_of_a_killed_shard_is_held_while_its_batch_flies_and_free_when_it_is_answered(self, tmp_path):
        recorded = [Request("large", MODEL, ({"role": "user", "content": "?"},), {}, i) for i in range(2)]
        gone = tmp_path / "ledger" / "toy-1-of-2.jsonl"
        with Ledger(gone.parent, "toy", shard=1, of=2) as ledger:
            hashes = [request.hash for request in recorded]
            BatchJournal(gone).write("planned", "k", endpoint="large", hashes=hashes, usd=0.5)
            ledger.append([(recorded[0], Reply("ok", "x", tokens_in=0, tokens_out=0))])
        for n, free in ((1, 0.1), (2, 0.6)):
            with self.budget(tmp_path, 0.6) as one:
                assert one.hold(free) is None and "cap is reached" in one.hold(0.01), n
            with Ledger(gone.parent, "toy", shard=1, of=2) as ledger:
                ledger.append([(recorded[1], Reply("ok", "x", tokens_in=0, tokens_out=0))])


def test_the_first_of_several_faults_of_a_batch_is_the_one_that_is_named():
    """Oracle: the list of faults that the protocol gives, in the order of the file's lines."""
    faults = [
        SimpleNamespace(code="bad_line", message="no method", line=3),
        SimpleNamespace(code="late", message="", line=None),
    ]
    of = SimpleNamespace(_client=SimpleNamespace(clean=str), _endpoint=SimpleNamespace(alias="large"))
    found = SimpleNamespace(id="b1", errors=SimpleNamespace(data=faults))
    said = batch.Batches._why_not_taken(of, found, SentBatch("k", "large", frozenset("hi")))
    assert said == "batch b1 was not taken (bad_line: no method, line 3); the answers so far are kept"
