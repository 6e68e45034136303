"""Batches in flight: whatever ends the process, whoever goes on, each answer is paid for once."""

from __future__ import annotations

import shutil

import pandas as pd
import pytest
from sent_batches import Died, made, n_answered
from serving import MODEL, TEXTS, Serving

from persona_lib.asking import batch
from persona_lib.asking.budget import Budget
from persona_lib.asking.client import AskError
from persona_lib.asking.prices import read_prices
from persona_lib.ledger import live as ledgers
from persona_lib.ledger.batch_journal import BatchJournal
from persona_lib.ledger.errors import LedgerError
from persona_lib.messages.endpoint import Endpoint
from persona_lib.simulator.faults import BatchFault, Plan


class TestResume:
    def die(self, monkeypatch, event):
        """Let the process end just before this event is written."""

        def write(self, name, key, **facts):
            if name == event:
                raise Died
            return real(self, name, key, **facts)

        real = BatchJournal.write
        monkeypatch.setattr(BatchJournal, "write", write)
        return lambda: monkeypatch.setattr(BatchJournal, "write", real)

    @pytest.mark.parametrize(("event", "n"), [("planned", 1), ("made", 1), ("ended", 1)])
    def test_a_death_before_any_event_makes_no_second_batch(self, ask, true, monkeypatch, event, n):
        with Serving() as server:
            revive = self.die(monkeypatch, event)
            with pytest.raises(Died):
                ask(server)
            revive()
            assert ask(server)["text"].to_dict() == true
            assert len(made(server)) == n and n_answered(server) == 12

    def test_a_batch_in_flight_is_awaited_from_another_machine(self, ask, true, monkeypatch, tmp_path):
        """The folder of the ledgers is all that the other machine has."""
        with Serving(Plan(batches=(BatchFault(seconds=0.5),))) as server:
            revive = self.dies_waiting(monkeypatch)
            with pytest.raises(Died):
                ask(server)
            revive()
            shutil.copytree(tmp_path / "ledger", tmp_path / "there")
            assert ask(server, name="there")["text"].to_dict() == true
            assert len(made(server)) == 1 and n_answered(server) == 12

    def dies_waiting(self, monkeypatch):
        async def look(self, sent):
            raise Died

        real = batch.Batches._check
        monkeypatch.setattr(batch.Batches, "_check", look)
        return lambda: monkeypatch.setattr(batch.Batches, "_check", real)

    def test_another_number_of_shards_takes_up_what_is_in_flight(self, ask, true, monkeypatch):
        with Serving() as server:
            revive = self.dies_waiting(monkeypatch)
            for shard in range(2):
                with pytest.raises(Died):
                    ask(server, TEXTS[shard::2], shard=shard, of=2)
            revive()
            assert ask(server)["text"].to_dict() == true
            assert len(made(server)) == 2 and n_answered(server) == 12

    def test_one_batch_taken_up_by_more_shards_is_paid_for_once(self, ask, true, monkeypatch, tmp_path):
        """The oracle is the server's own count of answers: one a text."""
        with Serving() as server:
            revive = self.dies_waiting(monkeypatch)
            with pytest.raises(Died):
                ask(server)
            revive()
            replies = pd.concat([ask(server, TEXTS[shard::2], shard=shard, of=2) for shard in range(2)])
            assert replies["text"].to_dict() == true
            assert len(made(server)) == 1 and n_answered(server) == 12 and not server.calls
        assert not BatchJournal(tmp_path / "ledger" / "toy-0-of-1.jsonl").open("large"), "both halves together end it"

    @pytest.mark.parametrize("transport", ["chat", "batch"])
    def test_one_batch_taken_up_by_smaller_blocks_is_paid_for_once(self, ask, true, monkeypatch, transport):
        """The oracle is the server's own count; a stage under chat asks in smaller blocks than by batch."""
        with Serving() as server:
            revive = self.dies_waiting(monkeypatch)
            with pytest.raises(Died):
                ask(server)
            revive()
            for block in (TEXTS[:6], TEXTS[6:]):
                assert ask(server, block, transport=transport)["text"].to_dict() == {text: true[text] for text in block}
            assert n_answered(server) + sum(server.calls.values()) == 12

    def test_half_of_an_expired_batch_is_handed_over_by_each_who_wants_it(self, ask, true, monkeypatch):
        with Serving(Plan(batches=(BatchFault("expired", after=0),))) as server:
            revive = self.dies_waiting(monkeypatch)
            with pytest.raises(Died):
                ask(server)
            revive()
            for shard in range(2):
                ask(server, TEXTS[shard::2], shard=shard, of=2)
            assert [found.request_counts.completed for found in made(server)] == [0, 6, 6]
            assert ask(server)["text"].to_dict() == true and len(made(server)) == 3

    def test_what_is_in_flight_is_awaited_and_priced_as_a_batch_where_the_transport_is_chat_now(
        self, ask, true, monkeypatch, tmp_path
    ):
        with Serving() as server:
            revive = self.dies_waiting(monkeypatch)
            with pytest.raises(Died):
                ask(server, TEXTS[:7])
            revive()
            one = Endpoint("large", MODEL, base_url=server.url, price="gpt-4o")
            prices = read_prices("data/reference/prices.csv")
            with Budget(tmp_path / "ledger" / "toy-0-of-1.jsonl", {"large": one}, prices, asked=["large"]) as budget:
                replies = ask(server, transport="chat", price="gpt-4o", budget=budget)
            assert replies["text"].to_dict() == true
            assert n_answered(server) == 7 and set(server.calls) == set(TEXTS[7:])
        paid = {}  # by hand, USD 2.50 and 10 a million tokens, half of that by batch
        for _, record in ledgers.lines(tmp_path / "ledger" / "toy-0-of-1.jsonl"):
            text, reply = record["request"]["messages"][1]["content"], record["reply"]
            paid[text] = record["usd"] / (2.5e-6 * reply["tokens_in"] + 1e-5 * reply["tokens_out"])
        assert paid == pytest.approx({text: 0.5 if text in TEXTS[:7] else 1.0 for text in TEXTS})

    def test_a_batch_that_the_endpoint_does_not_know_stops_the_run(self, ask, monkeypatch):
        with Serving() as server:
            revive = self.dies_waiting(monkeypatch)
            with pytest.raises(Died):
                ask(server)
            revive()
        with (
            Serving() as another,
            pytest.raises(AskError, match="knows no batch batch_000002, which toy-0-of"),
        ):
            ask(another)

    def test_a_torn_record_is_cut_and_a_damaged_one_is_named(self, ask, true, tmp_path):
        path = tmp_path / "ledger" / "toy-0-of-1.batches"
        path.parent.mkdir()
        path.write_text('{"event": "planned", "ke')
        with Serving() as server:
            assert ask(server)["text"].to_dict() == true
            path.write_text("x\n" + path.read_text())
            with pytest.raises(LedgerError, match=r"toy-0-of-1.batches: line 1 is damaged"):
                ask(server, [*TEXTS, "one more"])
