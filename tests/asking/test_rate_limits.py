"""Rate limits: waits that headers ask for, budgets and shares that processes of one machine share."""

import heapq
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from persona_lib.asking.rate_limits import RateLimit, Share, asked_wait, exhausted_s

ROOT = Path(__file__).parents[2]


class TestRateLimit:
    def test_no_minute_has_more_than_its_requests(self, tmp_path, clock):
        # oracle: a count in a sliding window
        rate_limits = [
            RateLimit(tmp_path / "r", requests_per_minute=30, tokens_per_minute=None, now=clock) for _ in range(3)
        ]
        rng, sent = random.Random(2), []
        for _ in range(300):
            sent.append(clock.seconds + rng.choice(rate_limits).take(9))
            clock.seconds = max(clock.seconds, sent[-1] - rng.uniform(0, 2)) + rng.choice([0, 0, 5])
        assert max(sum(start <= moment < start + 60 for moment in sent) for start in sent) <= 30
        assert sent == sorted(sent)

    @pytest.mark.parametrize(("n_shards", "limit"), [(8, 3), (32, 3), (32, 60), (1000, 60)])
    @pytest.mark.parametrize("budget", ["requests_per_minute", "tokens_per_minute"])
    def test_the_limit_holds_however_many_shards_queue(self, tmp_path, clock, n_shards, limit, budget):
        # oracle: the number sent in an hour, each shard asking anew as soon as it has sent and corrected
        limits = {"requests_per_minute": None, "tokens_per_minute": None, budget: limit}
        rate_limit, start = RateLimit(tmp_path / "r", **limits, now=clock), clock.seconds
        queue, n_sent = [(start + rate_limit.take(1), shard) for shard in range(n_shards)], 0
        heapq.heapify(queue)
        while queue[0][0] < start + 3600:
            clock.seconds, shard = queue[0]
            rate_limit.correct(0)
            n_sent += 1
            heapq.heapreplace(queue, (clock.seconds + rate_limit.take(1), shard))
        assert n_sent == pytest.approx(60 * limit, abs=1)

    def test_tokens_are_spaced_and_corrected(self, tmp_path, clock):
        rate_limit = RateLimit(tmp_path / "r", requests_per_minute=None, tokens_per_minute=600, now=clock)
        assert [rate_limit.take(100), rate_limit.take(100)] == [0, pytest.approx(10)]
        rate_limit.correct(-50)
        assert rate_limit.take(100) == pytest.approx(15)
        rate_limit.correct(100)
        assert rate_limit.take(1) == pytest.approx(35)

    @pytest.mark.parametrize("content", [b"", b"\x00\x00", b"1 2 3", b"nan nan", b"9e99 9e99", b"-5 -5"])
    def test_a_damaged_file_or_a_clock_that_jumped_does_not_stall(self, tmp_path, clock, content):
        """Longer than a thousand shards could make it, one call a second, nobody waits."""
        (tmp_path / "r").write_bytes(content)
        rate_limit = RateLimit(tmp_path / "r", requests_per_minute=60, tokens_per_minute=None, now=clock)
        assert 0 <= rate_limit.take(1) <= 1000
        clock.seconds += 1001
        assert 0 <= rate_limit.take(1) <= 1

    def test_is_shared_by_processes(self, tmp_path):
        take = (
            "import sys, time; from persona_lib.asking.rate_limits import RateLimit\n"
            "rate_limit = RateLimit(sys.argv[1], requests_per_minute=6000, tokens_per_minute=None)\n"
            "for _ in range(40): time.sleep(rate_limit.take(1))"
        )
        RateLimit(tmp_path / "r", requests_per_minute=6000, tokens_per_minute=None).take(1)
        start = time.time()
        runs = [subprocess.Popen([sys.executable, "-c", take, str(tmp_path / "r")], cwd=ROOT) for _ in range(2)]
        assert [run.wait() for run in runs] == [0, 0]
        # 80 calls, 10 ms each: two that did not know of each other would need half of it
        used_until = float((tmp_path / "r").read_text().split()[0])
        assert used_until >= start + 0.79

    def test_no_limit_no_wait(self, tmp_path):
        rate_limit = RateLimit(tmp_path / "r", requests_per_minute=None, tokens_per_minute=None)
        assert not rate_limit.is_limited and rate_limit.take(1e9) == 0


class TestHeaders:
    @pytest.mark.parametrize(
        ("headers", "seconds"),
        [
            ({"retry-after": "2"}, 2),
            ({"retry-after-ms": "20", "retry-after": "2"}, 0.02),
            ({}, None),
            ({"retry-after": "soon"}, None),
            ({"retry-after": "-1"}, None),
            ({"retry-after": "Fri, 31 Dec 99999 23:59:59 GMT"}, None),
            ({"retry-after": "Thu, 01 Jan 1970 00:00:00 GMT"}, 0),
            ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "9s"}, 9),
        ],
    )
    def test_headers_of_a_refused_call(self, headers, seconds):
        assert asked_wait(headers) == seconds

    @pytest.mark.parametrize(
        ("limit", "remaining", "reset", "n_tokens", "seconds"),
        [
            # oracle: by hand; 100 tokens come back in 50 s, so two a second
            ("100", "0", "50s", 10, 5),
            ("100", "4", "48s", 10, 3),
            ("100", "10", "45s", 10, 0),
            ("100", "0", "1m40s", 100, 100),
            ("100", "0", "500ms", 100, 0.5),
            ("100", "0", "6h0m0s", 100, 120),
            (None, "0", "8.5s", 1, 8.5),
            ("100", "0", "later", 10, 0),
            ("100", "many", "5s", 10, 0),
        ],
    )
    def test_a_token_budget_that_is_used_up(self, limit, remaining, reset, n_tokens, seconds):
        said = {"limit": limit, "remaining": remaining, "reset": reset}
        headers = {f"x-ratelimit-{name}-tokens": value for name, value in said.items() if value is not None}
        assert exhausted_s(headers, n_tokens=n_tokens) == pytest.approx(seconds)


class TestShare:
    @pytest.mark.parametrize(("total", "n", "sizes"), [(5, 2, [3, 2]), (3, 5, [1, 1, 1, 0, 0]), (6, 3, [2, 2, 2])])
    def test_parts_are_equal_and_sum_to_the_whole(self, tmp_path, total, n, sizes):
        shares = [Share(tmp_path, "large", f"pool-{k}-of-{n}", total=total) for k in range(n)]
        for share in shares:
            share.take()
        assert [share.size() for share in shares] == sizes
        for share in shares:
            share.release()
        assert not list(tmp_path.iterdir())

    def test_who_has_ended_or_asks_another_endpoint_takes_no_part(self, tmp_path):
        mine, other = (Share(tmp_path, alias, "pool-0-of-2", total=4) for alias in ("large", "small"))
        gone = Share(tmp_path, "large", "pool-1-of-2", total=4)
        for share in (mine, other, gone):
            share.take()
        assert (mine.size(), other.size(), gone.size()) == (2, 4, 2)
        gone.release()
        assert mine.size() == 4

    def test_a_process_that_was_killed_takes_no_part(self, tmp_path):
        """The oracle is the kernel, which frees the lock of a process however it ends; its file stays."""
        take = (
            "import sys, time; from pathlib import Path; from persona_lib.asking.rate_limits import Share\n"
            "Share(Path(sys.argv[1]), 'large', 'pool-1-of-2', total=4).take()\n"
            "print('taken', flush=True); time.sleep(60)"
        )
        mine = Share(tmp_path, "large", "pool-0-of-2", total=4)
        mine.take()
        command = [sys.executable, "-c", take, str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as other:
            assert other.stdout.readline() == "taken\n" and mine.size() == 2
            other.kill()
            other.wait()
            assert mine.size() == 4 and len(list(tmp_path.iterdir())) == 2
        mine.release()
