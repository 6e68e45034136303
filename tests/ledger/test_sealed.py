"""Sealed ledgers: the same bytes whatever the way, what belongs together, what is no sealed ledger."""

import json
import random

import pandas as pd
import pytest
from ledger_rows import ROW, facts, reply, request, seal

from persona_lib.ledger import sealed
from persona_lib.ledger.errors import LedgerError, ReplayMiss
from persona_lib.ledger.replay import replay
from persona_lib.messages.request import Reply, Request


class TestSealed:
    def test_same_bytes_whatever_the_order_the_shards_and_the_failures_on_the_way(self, opened, tmp_path):
        answers = [(request(f"q{k}"), reply(f"a{k}")) for k in range(50)]
        with opened() as ledger:
            ledger.append(answers)
            seal(ledger, tmp_path / "one.parquet", [r for r, _ in answers])
        random.Random(2).shuffle(answers)
        shards = []
        for shard in range(3):
            with opened(shard, 3, stage="other") as ledger:
                mine = answers[shard::3]
                ledger.append([(r, reply("", status="failed")) for r, _ in mine])
            with opened(shard, 3, stage="other") as ledger:
                for answer in mine:
                    ledger.append([answer])
                shards.append(tmp_path / f"{shard}.parquet")
            with opened(shard, 3, stage="other") as ledger:
                seal(ledger, shards[-1], [r for r, _ in mine])
                assert +ledger.summary.statuses == {"ok": len(mine)}
        assert sealed.gather(shards, tmp_path / "three.parquet") == 50
        assert sealed.gather([tmp_path / "one.parquet"], tmp_path / "again.parquet") == 50
        whole = (tmp_path / "one.parquet").read_bytes()
        assert (tmp_path / "three.parquet").read_bytes() == whole == (tmp_path / "again.parquet").read_bytes()
        assert not list(tmp_path.glob(".*half"))

    def test_holds_what_the_run_asked_and_nothing_else_in_order(self, opened, tmp_path):
        with opened() as ledger:
            ledger.append([(request(f"q{k}"), reply(f"a{k}")) for k in range(9)])
            asked = [request(f"q{k}") for k in (7, 2, 5)]
            seal(ledger, tmp_path / "s.parquet", asked)
        frame = pd.read_parquet(tmp_path / "s.parquet")
        assert frame["request_hash"].tolist() == sorted(r.hash for r in asked)
        assert set(frame["text"]) == {"a7", "a2", "a5"} and sealed.check(tmp_path / "s.parquet")["ok"] == 3
        assert json.loads(frame["messages"][0])[1]["content"].startswith("Q: q")
        assert not [c for c in frame if "time" in c or c.endswith("_s")]

    def test_an_empty_shard_seals_and_gathers(self, opened, tmp_path):
        with opened() as ledger:
            seal(ledger, tmp_path / "s.parquet", [])
        assert sealed.gather([tmp_path / "s.parquet"], tmp_path / "all.parquet") == 0
        with pytest.raises(ReplayMiss, match="the ledger is empty"):
            replay(tmp_path / "all.parquet")(pd.DataFrame([ROW]))

    def test_what_was_not_answered_cannot_be_sealed(self, opened, tmp_path):
        with opened() as ledger, pytest.raises(LedgerError, match="no reply to request"):
            seal(ledger, tmp_path / "s.parquet", [request("a")])
        assert not list(tmp_path.glob("*.parquet")) and not list(tmp_path.glob(".*half"))

    @pytest.mark.parametrize(
        ("other", "message"),
        [
            ({"stage": "feedback"}, "b.parquet: stage is 'feedback', but .*a.parquet has 'pool'"),
            ({"simulated": False}, "simulated is False"),
            ({"templates": {"answer": {"name": "answer"}}}, "template answer is not the one"),
        ],
    )
    def test_shards_that_do_not_belong_together(self, tmp_path, other, message):
        sealed.write([], tmp_path / "a.parquet", facts=facts())
        sealed.write([], tmp_path / "b.parquet", facts=facts(**other))
        with pytest.raises(LedgerError, match=message):
            sealed.gather([tmp_path / "a.parquet", tmp_path / "b.parquet"], tmp_path / "c.parquet")

    def test_what_two_shards_asked_counts_once(self, tmp_path, caplog):
        row = sealed.row(request("a"), reply("A"))
        for name, text in (("a", "A"), ("b", "A"), ("c", "C")):
            sealed.write([row | {"text": text}], tmp_path / name, facts=facts())
        assert sealed.gather([tmp_path / "a", tmp_path / "b"], tmp_path / "out") == 1
        assert not caplog.records
        for names, kept in (("ac", "A"), ("ca", "C")):
            sealed.gather([tmp_path / name for name in names], tmp_path / "out")
            assert [found["text"] for found in sealed.rows(tmp_path / "out")] == [kept]
        assert caplog.text.count(f"request {row['request_hash']} has different answers in two shards") == 2
        sealed.write([row | {"status": "failed", "text": ""}], tmp_path / "f", facts=facts())
        caplog.clear()
        for names, kept in (("fa", "A"), ("af", "A"), ("ff", "")):
            sealed.gather([tmp_path / name for name in names], tmp_path / "out")
            assert [found["text"] for found in sealed.rows(tmp_path / "out")] == [kept]
        assert not caplog.records, "a failure is no answer"

    def test_gather_streams_more_rows_than_a_row_group(self, tmp_path, monkeypatch):
        monkeypatch.setattr(sealed, "_ROWS", 7)
        rows = sorted((sealed.row(request(f"q{k}"), reply()) for k in range(40)), key=lambda r: r["request_hash"])
        sealed.write(rows, tmp_path / "one", facts=facts())
        sealed.write(rows[::2], tmp_path / "even", facts=facts())
        sealed.write(rows[1::2], tmp_path / "odd", facts=facts())
        sealed.gather([tmp_path / "odd", tmp_path / "even"], tmp_path / "both")
        assert (tmp_path / "both").read_bytes() == (tmp_path / "one").read_bytes()
        assert list(sealed.rows(tmp_path / "both")) == rows

    def test_other_files_are_refused(self, tmp_path):
        with pytest.raises(LedgerError, match="no such file"):
            replay(tmp_path / "none.parquet")
        (tmp_path / "x.parquet").write_bytes(b"PAR1")
        with pytest.raises(LedgerError, match="not a Parquet file"):
            replay(tmp_path / "x.parquet")
        pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "x.parquet")
        with pytest.raises(LedgerError, match="no sealed ledger"):
            replay(tmp_path / "x.parquet")
        sealed.write([], tmp_path / "x.parquet", facts=facts(format=2))
        with pytest.raises(LedgerError, match="format 2; this version reads format 1"):
            replay(tmp_path / "x.parquet")
        with pytest.raises(LedgerError, match="no sealed shard to gather"):
            sealed.gather([], tmp_path / "y.parquet")


def test_a_row_says_which_json_was_asked_for():
    """Oracle: the schema that the request was made with, and none where it had none."""
    schema = {"type": "object", "required": ["choice"]}
    made = sealed.row(Request("large", "m", (), {}, 0, schema), Reply("ok"))
    assert json.loads(made["response_schema"]) == schema
    assert sealed.row(Request("large", "m", (), {}), Reply("ok"))["response_schema"] is None


def test_a_request_that_failed_in_two_shards_counts_once_and_contradicts_nothing(caplog):
    rows = [{"request_hash": "h", "status": "failed", "detail": detail} for detail in ("500", "lost")]
    assert list(sealed._distinct(rows)) == rows[:1] and not caplog.records
