"""The ledger: durable before it counts, one writer, torn tails cut, damage named; sealing and strict replay."""

import errno
import fcntl
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from persona_lib.ledger import live as ledgers
from persona_lib.ledger import locks, sealed
from persona_lib.ledger.errors import LedgerError, ReplayMiss
from persona_lib.ledger.index import Index
from persona_lib.ledger.live import Ledger
from persona_lib.ledger.replay import replay
from persona_lib.messages import request as words
from persona_lib.messages.endpoint import Endpoint, RequestError
from persona_lib.messages.request import Reply, Request
from persona_lib.messages.templates import Template

FORMS = {
    "answer": Template("answer", 1, "", "Be kind.", "Q: {{prompt}}"),
    "judge": Template("judge", 1, "", "Choose.", "{{persona}}: {{prompt}}", {"type": "object"}),
}
ENDPOINTS = {"large": Endpoint("large", "m@1", base_url="simulator", parameters={"temperature": 1.0})}


def request(prompt, sample=0):
    row = {"endpoint": "large", "template": "answer", "slots": {"prompt": prompt}, "sample": sample}
    return words.build(pd.DataFrame([row]), endpoints=ENDPOINTS, templates=FORMS)[0]


def reply(text="yes", **rest):
    return Reply(**{"status": "ok", "text": text, "model": "m@1", "tokens_in": 3, "tokens_out": 1, **rest})


def facts(stage="pool", **rest):
    roles = {"answerer": "large"}
    return sealed.about(stage, roles=roles, endpoints=ENDPOINTS, simulated=True, templates=FORMS.values()) | rest


def seal(ledger, path, requests):
    for asked in requests:
        ledger.use(asked)
    return ledger.seal(path, facts=facts())


@pytest.fixture
def opened(tmp_path):
    def make(shard=0, of=1, stage="pool"):
        return Ledger(tmp_path / "ledger", stage, shard=shard, of=of)

    return make


class TestHash:
    # oracle: each field alone must change it; field order must not
    BASE = Request("large", "m", ({"role": "user", "content": "x"},), {"t": 1.0}, 0, {"type": "object"})

    @pytest.mark.parametrize(
        "change",
        [
            {"endpoint": "small"},
            {"model": "m@2"},
            {"messages": ({"role": "user", "content": "y"},)},
            {"messages": ({"role": "system", "content": "x"},)},
            {"parameters": {"t": 0.9}},
            {"parameters": {}},
            {"sample": 1},
            {"response_schema": None},
        ],
    )
    def test_every_field_counts(self, change):
        assert replace(self.BASE, **change).hash != self.BASE.hash

    def test_survives_json(self):
        again = Request.from_dict(json.loads(json.dumps(self.BASE.to_dict())))
        assert again.hash == self.BASE.hash == Request.from_dict(again.to_dict()).hash

    def test_is_pinned(self):
        # a change here makes every published ledger miss: raise sealed.FORMAT with it
        assert self.BASE.hash == "81b61e840899ee98018308aa4398a4e7580e0780e9cf725c123c9b5944ae0ef2"


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
        ledger.path.write_bytes(ledgers._line({"format": 99}))
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


class TestLock:
    HOLD = (
        "import sys, time; from persona_lib.ledger.live import Ledger\n"
        "with Ledger(sys.argv[1], 'pool', shard=0, of=1): print('open', flush=True); time.sleep(60)"
    )

    @pytest.fixture
    def holder(self, tmp_path):
        command = [sys.executable, "-c", self.HOLD, str(tmp_path / "ledger")]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, cwd=os.path.dirname(__file__) + "/../.."
        ) as other:
            assert other.stdout.readline() == "open\n"
            yield other
            other.kill()

    def test_a_second_writer_is_told_who_holds_it(self, holder, opened):
        with pytest.raises(LedgerError, match=rf"pool-0-of-1.jsonl: process {holder.pid} on .+ writes to it"):
            opened()

    def test_so_is_a_run_with_another_number_of_shards(self, holder, opened):
        with pytest.raises(LedgerError, match=rf"process {holder.pid} on"):
            opened(1, 2)
        opened(0, 1, stage="feedback").close()

    def test_other_shards_of_the_same_number_write_side_by_side(self, opened):
        with opened(0, 2), opened(1, 2):
            pass

    def test_a_dead_holder_holds_nothing(self, holder, opened):
        holder.kill()
        holder.wait()
        with opened() as ledger:
            assert f"process {os.getpid()} on" in ledger.path.with_suffix(".lock").read_text()
        assert ledger.path.with_suffix(".lock").read_text() == ""

    @pytest.mark.parametrize("shared", [False, True])
    def test_a_look_at_a_lock_does_not_make_its_taker_fail(self, tmp_path, shared):
        """The oracle is the kernel's lock, held for a fifth of a second by who only looks, or for good by a writer."""
        path = tmp_path / "pool-0-of-1.lock"
        looking = os.open(path, os.O_RDWR | os.O_CREAT)
        fcntl.flock(looking, fcntl.LOCK_EX if shared else fcntl.LOCK_SH)
        threading.Timer(0.2, os.close, [looking]).start()
        os.close(locks.take(path, shared=shared))
        writer = locks.take(path)
        with pytest.raises(LedgerError, match=f"process {os.getpid()} on .* writes to it"):
            locks.take(path, shared=shared)
        locks.release(writer)

    def test_a_holder_on_another_machine_counts_where_locks_stay_within_one(self, opened, tmp_path, monkeypatch):
        lock = tmp_path / "ledger" / "pool-0-of-1.lock"
        mounts = tmp_path / "mounts"
        monkeypatch.setattr(locks, "_MOUNTS", mounts)
        opened().close()
        lock.write_text("process 7 on another.example\n")
        for options in ("rw,vers=4.2,local_lock=none", "rw,vers=3,local_lock=posix"):
            mounts.write_text(f"/dev/root / ext4 rw 0 0\nserver:/home {tmp_path} nfs4 {options} 0 0\n")
            lock.write_text("process 7 on another.example\n")
            opened().close()
        for options in ("rw,vers=3,nolock", "rw,vers=4.2,local_lock=all", "rw,localflock"):
            mounts.write_text(f"/dev/root / ext4 rw 0 0\nserver:/home {tmp_path} nfs {options} 0 0\n")
            lock.write_text("process 7 on another.example\n")
            with pytest.raises(LedgerError, match="process 7 on another.example has not let go of it.*delete .*.lock"):
                opened()
        lock.unlink()
        opened().close()


class TestPlaces:
    def test_is_a_dict_that_keeps_the_first(self):
        # oracle: a dict
        rng, places, plain = random.Random(4), Index(), {}
        for step in range(20_000):
            # every other hash is one of a few that begin alike
            digest = f"7{rng.randrange(900):031x}{0:032x}" if step % 2 else hashlib.sha256(b"%d" % step).hexdigest()
            place = (rng.randrange(1000), rng.randrange(1, 1 << 44))
            assert places.add(digest, file=place[0], byte=place[1]) == (digest not in plain)
            plain.setdefault(digest, place)
        assert len(places) == len(plain) and sorted(places) == sorted(plain.values())
        assert all(places.find(digest) == place for digest, place in plain.items())
        assert places.find("f" * 64) is None
        chosen = rng.sample(sorted(plain), 500)
        for digest in (*chosen, "f" * 64):
            places.mark(digest)
        assert list(places.marked()) == [plain[digest] for digest in sorted(chosen)]

    def test_its_memory_does_not_grow(self):
        program = """
import hashlib, resource
from persona_lib.ledger.index import Index
places = Index()
for number in range(200_000):
    places.add(hashlib.sha256(b"%d" % number).hexdigest(), file=0, byte=number + 1)
    if number == 50_000:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(len(places), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
        said = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
        n, grown_kib = map(int, said.split())
        assert n == 200_000 and grown_kib < 2_000  # a dict would take 48,000 more

    def test_a_full_temporary_folder_stops_the_run_and_loses_nothing(self, opened):
        with opened() as ledger:
            ledger._index._base.execute("pragma max_page_count=3")
            with pytest.raises(LedgerError, match="index of answers .*SQLITE_TMPDIR.*full.*answers so far are kept"):
                for number in range(500):
                    ledger.append([(request(str(number)), reply())])
        with opened() as ledger:
            assert number > 10 and ledger.find(request(str(number))) == reply()


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
                count = seal(ledger, shards[-1], [r for r, _ in mine])
                assert count == {"ok": len(mine), "refused": 0, "unparsed": 0, "failed": 0, "cut_off": 0}
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


ROW = {"endpoint": "large", "template": "answer", "slots": {"prompt": "Why is the sky blue?"}, "sample": 0}


class TestReplay:
    @pytest.fixture
    def ask(self, tmp_path):
        rows = pd.DataFrame(
            [
                ROW,
                {**ROW, "sample": 1},
                {**ROW, "slots": {"prompt": "Should we tax meat?"}},
                {**ROW, "template": "judge", "slots": {"persona": "Age: 43", "prompt": "Why is the sky blue?"}},
            ]
        )
        asked = words.build(rows, endpoints=ENDPOINTS, templates=FORMS)
        replies = [reply("one"), reply("two"), reply("", status="refused", detail="no"), reply('{"choice": "A"}')]
        pairs = sorted(zip(asked, replies, strict=True), key=lambda pair: pair[0].hash)
        sealed.write([sealed.row(*pair) for pair in pairs], tmp_path / "pool.parquet", facts=facts())
        return replay(tmp_path / "pool.parquet")

    def test_answers_in_the_order_and_on_the_index_of_the_requests(self, ask):
        judge = {**ROW, "template": "judge", "slots": {"persona": "Age: 43", "prompt": "Why is the sky blue?"}}
        rows = pd.DataFrame([judge, {**ROW, "sample": 1}, ROW, ROW], index=[9, "x", 3, 3])
        found = ask(rows)
        assert found.index.tolist() == [9, "x", 3, 3]
        assert found["text"].tolist() == ['{"choice": "A"}', "two", "one", "one"]
        assert found["data"].tolist() == [{"choice": "A"}, None, None, None]
        assert (ask.roles, ask.simulated, ask.stage) == ({"answerer": "large"}, True, "pool")

    def test_a_refusal_is_a_status_without_text(self, ask):
        found = ask(pd.DataFrame([{**ROW, "slots": {"prompt": "Should we tax meat?"}}])).iloc[0]
        assert (found["text"], found["status"], found["detail"]) == ("", "refused", "no")

    def test_sample_is_zero_where_the_column_is_absent(self, ask):
        assert ask(pd.DataFrame([ROW]).drop(columns="sample"))["text"].tolist() == ["one"]

    def test_no_requests_no_replies(self, ask):
        assert ask(pd.DataFrame([ROW]).iloc[:0]).empty

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (
                {"slots": {"prompt": "Why is the sea blue?"}},
                "no answer to request .* sample 0.*differs first in message 1 at character 15: "
                "asked 'Q: Why is the sea blue.', recorded 'Q: Why is the sky blue.'",
            ),
            ({"sample": 2}, "differs first in sample: asked 2, recorded"),
            (
                {"template": "judge", "slots": {"persona": "Age: 44", "prompt": "Why is the sky blue?"}},
                "message 1 at character 6: asked 'Age: 44: Why.*', recorded 'Age: 43: Why",
            ),
            ({"template": "revise"}, "nothing was asked with template revise"),
        ],
    )
    def test_a_miss_names_the_nearest_and_the_first_difference(self, ask, change, message):
        with pytest.raises(ReplayMiss, match=message) as error:
            ask(pd.DataFrame([{**ROW, **change}]))
        assert "pool.parquet" in str(error.value) and "\n" not in str(error.value)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"endpoint": "tiny"}, "row 5: no endpoint 'tiny'; there are large"),
            ({"slots": {}}, "row 5: template answer: slot prompt is not filled"),
            ({"sample": -1}, "row 5: sample is -1"),
            ({"sample": 0.5}, "row 5: sample is 0.5"),
        ],
    )
    def test_bad_rows_are_named(self, ask, change, message):
        with pytest.raises(RequestError, match=message):
            ask(pd.DataFrame([{**ROW, **change}], index=[5]))

    def test_a_missing_column_is_named(self, ask):
        with pytest.raises(RequestError, match="column slots is missing"):
            ask(pd.DataFrame([ROW]).drop(columns="slots"))


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
            "records": 4, "ok": 3, "refused": 0, "unparsed": 0, "failed": 1, "repeated": 1, "torn_tails": 1
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
            file.write(ledgers._line(record))
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
    assert [len(line) for _, _, line in ledgers._whole_lines(ledger.path)] == [
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
