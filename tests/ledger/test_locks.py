"""Locks: one writer, told who it is; the dead hold nothing, nor do those who only look."""

import fcntl
import os
import subprocess
import sys
import threading

import pytest

from persona_lib.ledger import locks
from persona_lib.ledger.errors import LedgerError


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


def test_a_lock_is_held_from_its_taking_to_its_release(tmp_path):
    path = tmp_path / "pool-0-of-1.lock"
    assert not locks.is_held(path) and not path.exists(), "a look makes no file"
    number = locks.take(path)
    assert locks.is_held(path)
    locks.release(number)
    assert path.exists() and not locks.is_held(path)
