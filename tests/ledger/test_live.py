"""The live ledger: durable before it counts, torn tails cut, damage named; what version 1 wrote is read."""

import errno
import json
import os
import random
import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from ledger_rows import facts, reply, request, seal

from persona_lib.ledger import live as ledgers
from persona_lib.ledger import sealed
from persona_lib.ledger.errors import LedgerError
from persona_lib.ledger.lines import line_of, whole_lines
from persona_lib.ledger.replay import replay


class TestLive:
    def test_finds_what_was_appended_also_after_reopening(self, opened):
        with opened() as ledger:
            assert ledger.find(request("a")) is None and request("a") not in ledger
            ledger.append([(request("a"), reply("A")), (request("a", 1), reply("B"))])
            assert ledger.find(request("a")).text == "A"
        with opened() as ledger:
            assert [ledger.find(request("a", k)).text for k in (0, 1)] == ["A", "B"]
            assert {r.hash for r in ledger.requests()} == {request("a").hash, request("a", 1).hash}

    def test_an_answer_is_synced_before_append_returns(self, opened, monkeypatch):
        done = []
        with opened() as ledger:
            real = os.fsync
            monkeypatch.setattr(os, "fsync", lambda n: (done.append(os.fstat(n).st_size), real(n)))
            ledger.append([(request("a"), reply())])
            assert done == [ledger.path.stat().st_size]

    def test_only_failed_is_asked_again(self, opened):
        statuses = ["ok", "refused", "unparsed", "failed"]
        with opened() as ledger:
            ledger.append([(request(s), reply("", status=s)) for s in statuses])
            assert all(request(s) in ledger for s in statuses), "within the run a failure stands"
        with opened() as ledger:
            assert [request(s) in ledger for s in statuses] == [True, True, True, False]
            ledger.append([(request("failed"), reply("now"))])
        with opened() as ledger:
            assert ledger.find(request("failed")).text == "now"

    def test_reads_all_shards_of_its_stage_and_of_no_other(self, opened):
        for shard in range(3):
            with opened(shard, 3) as ledger:
                ledger.append([(request(f"q{shard}"), reply(f"a{shard}"))])
        with opened(0, 2) as ledger:
            assert [ledger.find(request(f"q{k}")).text for k in range(3)] == ["a0", "a1", "a2"]
        with opened(0, 1, stage="feedback") as ledger:
            assert ledger.find(request("q0")) is None

    def test_torn_at_every_byte_of_the_last_line(self, opened):
        with opened() as ledger:
            ledger.append([(request("a"), reply()), (request("b"), reply("żółw"))])
        whole = ledger.path.read_bytes()
        kept = whole[: whole[:-1].rindex(b"\n") + 1]
        for end in range(len(kept), len(whole)):
            ledger.path.write_bytes(whole[:end])
            with opened() as again:
                assert request("a") in again and request("b") not in again
                assert again.n_cut_bytes == end - len(kept) and again.path.read_bytes() == kept
        with opened() as again:
            again.append([(request("b"), reply("żółw"))])
        assert ledger.path.read_bytes() == whole

    def test_torn_in_the_header(self, opened):
        with opened() as ledger:
            whole = ledger.path.read_bytes()
        for end in range(len(whole)):
            ledger.path.write_bytes(whole[:end])
            with opened() as again:
                assert again.path.read_bytes() == whole

    def test_a_torn_tail_longer_than_the_search_step(self, opened):
        with opened() as ledger:
            ledger.append([(request("a"), reply())])
        with ledger.path.open("ab") as file:
            file.write(b"x" * 200_000)
        with opened() as again:
            assert again.n_cut_bytes == 200_000 and request("a") in again

    def test_the_tail_of_another_shard_is_left_to_its_owner(self, opened):
        with opened(1, 2) as other:
            other.append([(request("a"), reply())])
        torn = other.path.read_bytes() + b'{"crc":"'
        other.path.write_bytes(torn)
        with opened(0, 2) as ledger:
            assert request("a") in ledger
        assert other.path.read_bytes() == torn

    def test_any_changed_byte_before_the_tail_is_named_by_file_and_line(self, opened):
        with opened() as ledger:
            ledger.append([(request("a"), reply()), (request("b"), reply())])
        whole = ledger.path.read_bytes()
        ends = [i for i, byte in enumerate(whole) if byte == 10]
        rng = random.Random(1)
        for _ in range(200):
            at = rng.randrange(ends[0] + 1, ends[1])
            ledger.path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
            with pytest.raises(LedgerError, match=r"pool-0-of-1\.jsonl: line \d is damaged"), opened():
                pass

    def test_another_format_is_refused(self, opened):
        with opened() as ledger:
            pass
        ledger.path.write_bytes(line_of({"format": 99}))
        with pytest.raises(LedgerError, match="format 99; this version reads format 1"), opened():
            pass

    def test_a_full_disk_stops_it_and_keeps_what_was_durable(self, opened, monkeypatch):
        with opened() as ledger:
            ledger.append([(request("a"), reply())])
            before, real = ledger.path.read_bytes(), os.write

            def full(number, block):
                if len(block) > 50:
                    return real(number, block[:50])
                raise OSError(errno.ENOSPC, "no space")

            monkeypatch.setattr(os, "write", full)
            with pytest.raises(LedgerError, match="No space left on device"):
                ledger.append([(request("b"), reply())])
            monkeypatch.undo()
            assert ledger.path.read_bytes() == before and request("b") not in ledger
        with opened() as ledger:
            assert request("a") in ledger

    def test_shards_are_numbered_from_zero(self, opened):
        with pytest.raises(LedgerError, match="shard 2 of 2: shards are numbered 0 to 1"):
            opened(2, 2)


@pytest.mark.system
def test_duckdb_reads_the_live_and_the_sealed_ledger(opened, tmp_path):
    duckdb = pytest.importorskip("duckdb")
    asked = [request(f"q{k} é \u2028") for k in range(300)]
    with opened() as ledger:
        ledger.append([(one, reply(f"a{k}")) for k, one in enumerate(asked)], usd=[0.25] * len(asked))
        seal(ledger, tmp_path / "pool.parquet", asked)
        live = f"from read_json('{ledger.path}') where hash is not null"
        found = duckdb.sql(f"select request.messages[2].content, reply.text, usd {live}").fetchall()
    expected = {(one.messages[1]["content"], f"a{k}") for k, one in enumerate(asked)}
    assert {row[:2] for row in found} == expected and sum(row[2] for row in found) == 75
    whole = duckdb.sql(f"select messages, text, status from '{tmp_path / 'pool.parquet'}'").fetchall()
    assert {(json.loads(row[0])[1]["content"], row[1]) for row in whole} == expected


class TestFirstVersion:
    """What version 1 wrote, committed: every later version reads it, and gives what stands here."""

    SAMPLES = Path(__file__).parent / "samples"
    ROWS = [
        ("answer", {"prompt": "Why is the sky blue?"}, 0, "ok", "Because of scattering.", ""),
        ("answer", {"prompt": "Why is the sky blue?"}, 1, "ok", "Light scatters.", ""),
        ("answer", {"prompt": '日本語 {{prompt}} \x00 \u2028 "q"'}, 0, "refused", "", "I will not."),
        ("judge", {"persona": "Age: 43", "prompt": "Meat tax?"}, 0, "ok", '{"choice": "B"}', ""),
        ("judge", {"persona": "Age: 44", "prompt": "Meat tax?"}, 0, "unparsed", "", "not JSON (Expecting"),
        ("answer", {"prompt": "Down?"}, 0, "failed", "", "500: down; tries: 3"),
    ]

    def test_the_sealed_ledger_replays(self):
        ask = replay(self.SAMPLES / "pool_v1.parquet")
        rows = pd.DataFrame(
            [{"endpoint": "large", "template": t, "slots": s, "sample": n} for t, s, n, *_ in self.ROWS]
        )
        for found, (_, _, _, status, text, detail) in zip(ask(rows).itertuples(), self.ROWS, strict=True):
            assert (found.status, found.text) == (status, text) and found.detail.startswith(detail)
        assert sealed.check(self.SAMPLES / "pool_v1.parquet")["ok"] == 3

    def test_the_live_ledger_opens_goes_on_and_seals_the_same_rows(self, tmp_path, opened):
        (tmp_path / "ledger").mkdir()
        shutil.copy(self.SAMPLES / "pool_v1.jsonl", tmp_path / "ledger" / "pool-0-of-1.jsonl")
        rows = list(sealed.rows(self.SAMPLES / "pool_v1.parquet"))
        asked = [sealed.recorded(row) for row in rows]
        with opened() as ledger:
            lost = [r for r in asked if r not in ledger]
            assert [r.messages[1]["content"] for r in lost] == ["Q: Down?"]
            ledger.append([(lost[0], reply("", status="failed", detail="500: down; tries: 3", model="", tokens_in=None,
                                           tokens_out=None))], usd=[0.0])  # fmt: skip
            seal(ledger, tmp_path / "again.parquet", asked)
        assert list(sealed.rows(tmp_path / "again.parquet")) == rows
        assert ledgers.check([tmp_path / "ledger" / "pool-0-of-1.jsonl"])["failed"] == 2

    def test_what_an_answer_cost_stands_beside_it_and_in_nothing_else(self, tmp_path, opened):
        """Oracle: the file itself, read as JSON; and the same answer without a price, sealed."""
        bait = '"usd":9,"reply":{"status":"failed"'
        made = []
        for usd in (None, 0.25):
            with opened(stage=f"pool{len(made)}") as ledger:
                ledger.append([(request(bait), reply(bait))], **({} if usd is None else {"usd": [0.25]}))
            with opened(stage=f"pool{len(made)}") as ledger:
                assert ledger.find(request(bait)) == reply(bait)
                seal(ledger, tmp_path / f"{len(made)}.parquet", [request(bait)])
            line = json.loads(ledger.path.read_bytes().splitlines()[1])
            assert line.get("usd") == usd and ("usd" in line) == (usd is not None)
            assert ledgers.check([ledger.path])["ok"] == 1, "the hash is that of the request alone"
            made.append((line["hash"], (tmp_path / f"{len(made)}.parquet").read_bytes()))
        assert made[0] == made[1]


class TestCheck:
    def test_counts(self, opened):
        with opened() as ledger:
            ledger.append([(request("a"), reply()), (request("b"), reply("", status="failed"))])
            ledger.append([(request("b"), reply())])
        with opened(0, 2) as other:
            other.append([(request("a"), reply())])
        with other.path.open("ab") as file:
            file.write(b"{")
        found = ledgers.check([ledger.path, other.path])
        assert found == {
            "records": 4, "ok": 3, "refused": 0, "cut_off": 0, "unparsed": 0, "not_taken": 0, "failed": 1,
            "asked_again": 0, "repeated": 1, "torn_tails": 1,
        }  # fmt: skip

    def test_the_same_answer_after_another_time_is_no_conflict(self, opened):
        for of, latency_s in ((1, 0.5), (2, 0.7)):
            with opened(0, of) as ledger:
                ledger.append([(request("a"), reply("A", latency_s=latency_s))])
        assert ledgers.check(sorted(ledger.path.parent.glob("*.jsonl")))["repeated"] == 1

    def test_two_answers_to_one_request(self, opened):
        for of, text in ((1, "A"), (2, "B")):
            with opened(0, of) as ledger:
                ledger.append([(request("a"), reply(text))])
        with pytest.raises(LedgerError, match="pool-0-of-1.jsonl: line 2 and .*pool-0-of-2.jsonl: line 2: two answers"):
            ledgers.check(sorted(ledger.path.parent.glob("*.jsonl")))

    def test_a_request_under_a_wrong_hash(self, opened, tmp_path):
        with opened() as ledger:
            pass
        record = {"hash": "0" * 64, "request": request("a").to_dict(), "reply": reply().to_dict()}
        with ledger.path.open("ab") as file:
            file.write(line_of(record))
        with pytest.raises(LedgerError, match="line 2: the hash is not that of the request"):
            ledgers.check([ledger.path])
        row = sealed.row(request("a"), reply())
        sealed.write([row | {"request_hash": "0" * 64}], tmp_path / "s.parquet", facts=facts())
        with pytest.raises(LedgerError, match="row 0: the hash is not"):
            sealed.check(tmp_path / "s.parquet")
        sealed.write([row, row], tmp_path / "s.parquet", facts=facts())
        with pytest.raises(LedgerError, match="row 1: the rows are not sorted"):
            sealed.check(tmp_path / "s.parquet")


def test_a_status_is_read_from_a_line_whatever_stands_in_its_texts(opened):
    # what looks like a reply, in every place where a text or a key may stand
    bait = '"reply":{"status":"failed"'
    asked = replace(request(bait), parameters={"reply": {"status": "failed"}, bait: bait}, endpoint=bait)
    with opened() as ledger:
        ledger.append([(asked, reply(bait, detail=bait, model=bait, finish_reason=bait))])
    with opened() as ledger:
        assert asked in ledger, "read as final"
    assert [len(line) for _, _, line in whole_lines(ledger.path)] == [
        size for (_, size), _ in ledgers.lines(ledger.path)
    ]


def test_a_record_longer_than_one_read(opened):
    texts = ["x" * n for n in (0, 5000, 8192, 100_000, 3_000_000)]
    with opened() as ledger:
        ledger.append([(request(text), reply(text)) for text in texts])
        assert [ledger.find(request(text)).text for text in texts] == texts


def test_lines_are_plain_json_for_other_readers(opened):
    with opened() as ledger:
        ledger.append([(request("ä\u2028b\x00"), reply("ü\n"))])
    found = pd.read_json(ledger.path, lines=True)
    assert found["reply"][1]["text"] == "ü\n" and found["request"][1]["messages"][1]["content"] == "Q: ä\u2028b\x00"


def test_ledgers_are_their_owners_alone(tmp_path):
    with ledgers.Ledger(tmp_path / "ledger", "toy", shard=0, of=1) as ledger:
        ledger.seal(tmp_path / "sealed.parquet", facts={"format": 1})
        assert ledger.path.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "sealed.parquet").stat().st_mode & 0o777 == 0o600


class TestAskAgain:
    """Final replies of some statuses are taken for none by a run that asks again; the old ones stay."""

    def test_the_new_reply_counts_from_then_on_and_the_old_one_stays(self, opened):
        with opened() as ledger:
            ledger.append([(request("a"), reply()), (request("b"), reply("", status="unparsed", detail="old"))])
        with opened(ask_again=("unparsed",)) as ledger:
            assert ledger.find(request("a")) is not None and ledger.find(request("b")) is None
            ledger.append([(request("b"), reply("new"))])
            assert ledger.find(request("b")).text == "new"
        for of in (1, 2):
            with opened(0, of) as ledger:
                assert ledger.find(request("b")).text == "new"
        held = [record["reply"]["detail"] for _, record in ledgers.lines(ledger.path.with_name("pool-0-of-1.jsonl"))]
        assert held == ["", "old", ""]
        count = ledgers.check([ledger.path.with_name("pool-0-of-1.jsonl")])
        assert (count["records"], count["asked_again"], count["repeated"]) == (3, 1, 0)

    def test_another_status_again_counts_too_and_the_first_does_not_come_back(self, opened):
        with opened() as ledger:
            ledger.append([(request("a"), reply("", status="refused"))])
        with opened(ask_again=("refused",)) as ledger:
            ledger.append([(request("a"), reply("", status="unparsed"))])
        with opened() as ledger:
            assert ledger.find(request("a")).status == "unparsed"
        with opened(ask_again=("unparsed",)) as ledger:
            assert ledger.find(request("a")) is None

    def test_what_a_repair_has_made_good_is_not_asked_again(self, opened):
        bad, good = request("a"), replace(request("a"), sample=1, repairs=request("a").hash)
        lost, still = request("b"), replace(request("b"), sample=1, repairs=request("b").hash)
        unparsed = reply("", status="unparsed")
        with opened() as ledger:
            ledger.append([(bad, unparsed), (good, reply()), (lost, unparsed), (still, unparsed)])
        with opened(ask_again=("unparsed",)) as ledger:
            assert [ledger.find(one) is None for one in (bad, good, lost, still)] == [False, False, True, True]
