"""The journal of batches: what is in flight, whose it is, and the money that is held for it."""

from __future__ import annotations

import json

from persona_lib.ledger.batch_journal import BatchJournal, held_usd
from persona_lib.ledger.live import Ledger
from persona_lib.messages.request import Reply, Request


class TestOpen:
    def test_events_count_whatever_the_order_of_the_files_that_hold_them(self, tmp_path):
        """A shard of another cut ends a batch in its own file, which sorts before the one that planned it."""
        BatchJournal(tmp_path / "toy-1-of-2.jsonl").write("planned", "k", endpoint="large", hashes=["h"], usd=0.5)
        first = BatchJournal(tmp_path / "toy-0-of-1.jsonl")
        assert [sent.hashes for sent in first.open("large")] == [{"h"}]
        first.write("ended", "k", status="completed")
        assert not BatchJournal(tmp_path / "toy-0-of-1.jsonl").open("large")

    def test_batches_of_a_shard_at_work_are_its_own_business(self, tmp_path):
        with Ledger(tmp_path, "toy", shard=1, of=2) as other:
            BatchJournal(other.path).write("planned", "k", endpoint="large", hashes=["h"], usd=0.5)
            assert not BatchJournal(tmp_path / "toy-0-of-2.jsonl").open("large")
        assert BatchJournal(tmp_path / "toy-0-of-2.jsonl").open("large")


class TestMoney:
    def test_money_in_flight_is_held_until_the_batch_has_ended(self, tmp_path):
        path = tmp_path / "toy-0-of-1.jsonl"
        record = BatchJournal(path)
        record.write("planned", "k", endpoint="large", hashes=["h"], usd=0.5)
        record.write("planned", "l", endpoint="large", hashes=["i"], usd=0.25)
        record.write("made", "k", batch="b")
        assert held_usd(path) == 0.75 and [sent.key for sent in record.open("large")] == ["k", "l"]
        record.write("ended", "k", status="completed")
        assert held_usd(path) == 0.25 and held_usd(tmp_path / "toy-1-of-1.jsonl") == 0

    def test_money_of_a_batch_that_several_take_is_held_until_the_last(self, tmp_path):
        path = tmp_path / "toy-0-of-1.jsonl"
        BatchJournal(path).write("planned", "k", endpoint="large", hashes=["h", "i"], usd=0.5)
        for shard, (digest, held) in enumerate((("h", 0.5), ("i", 0))):
            BatchJournal(tmp_path / f"toy-{shard}-of-2.jsonl").write("ended", "k", status="completed", hashes=[digest])
            assert held_usd(path) == held

    def test_what_a_batch_asks_again_is_held_until_it_is_answered_anew(self, tmp_path):
        """By hand: an old reply does not pay for the batch that asks for it again; the one that comes after does."""
        asked = Request("large", "m", ({"role": "user", "content": "A or B?"},), {})
        with Ledger(tmp_path, "toy", shard=0, of=1) as ledger:
            ledger.append([(asked, Reply("unparsed", detail="well"))], usd=[0.1])
        with Ledger(tmp_path, "toy", shard=0, of=1, ask_again=("unparsed",)) as ledger:
            BatchJournal(ledger.path).write("planned", "k", endpoint="large", hashes=[asked.hash], usd=0.5)
            assert held_usd(ledger.path) == 0.5
            ledger.append([(asked, Reply("ok", "A"))], usd=[0.1])
            assert held_usd(ledger.path) == 0

    def test_a_journal_that_does_not_say_how_long_the_ledgers_were(self, tmp_path):
        """As earlier versions wrote it: whatever has been answered counts."""
        asked = Request("large", "m", ({"role": "user", "content": "A or B?"},), {})
        with Ledger(tmp_path, "toy", shard=0, of=1) as ledger:
            event = {"event": "planned", "key": "k", "endpoint": "large", "hashes": [asked.hash], "usd": 0.5}
            ledger.path.with_suffix(".batches").write_text(json.dumps(event) + "\n", "utf-8")
            assert held_usd(ledger.path) == 0.5
            ledger.append([(asked, Reply("ok", "A"))], usd=[0.1])
            assert held_usd(ledger.path) == 0


class TestTornTail:
    def test_a_torn_last_line_is_cut_so_that_the_next_event_stands_on_its_own(self, tmp_path):
        """Oracle: the lines of the file, counted by hand: the two whole ones and the one written after the crash."""
        path = tmp_path / "toy-0-of-1.jsonl"
        record = BatchJournal(path)
        record.write("planned", "k", endpoint="large", hashes=["h"], usd=0.5)
        record.write("made", "k", batch="b")
        with record.path.open("ab") as file:
            file.write(b'{"event": "ended", "key": "k", "sta')
        BatchJournal(path).write("planned", "l", endpoint="large", hashes=["i"], usd=0.25)
        lines = [json.loads(line) for line in record.path.read_text("utf-8").splitlines()]
        assert [(line["event"], line["key"]) for line in lines] == [("planned", "k"), ("made", "k"), ("planned", "l")]
        again = BatchJournal(path)
        assert [(sent.key, sent.batch) for sent in again.open("large")] == [("k", "b"), ("l", None)]

    def test_a_file_that_is_one_torn_line_is_emptied(self, tmp_path):
        path = tmp_path / "toy-0-of-1.jsonl"
        path.with_suffix(".batches").write_bytes(b'{"event": "pla')
        assert BatchJournal(path).open("large") == [] and path.with_suffix(".batches").read_bytes() == b""
