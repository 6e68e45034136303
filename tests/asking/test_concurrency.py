"""Concurrency: places, waits and giving up by a clock of our own; budgets shared by processes; the bar."""

import heapq
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from persona_lib.asking.client import AskError
from persona_lib.asking.concurrency import Concurrency
from persona_lib.asking.progress import Progress
from persona_lib.asking.rate_limits import RateLimit, asked_wait, exhausted_s
from persona_lib.messages.request import Reply

ROOT = Path(__file__).parents[2]


class Clock:
    """Stands still until it is told."""

    def __init__(self, seconds=1000.0):
        self.seconds = seconds

    def __call__(self):
        return self.seconds


@pytest.fixture
def clock():
    return Clock()


class TestPlaces:
    def test_all_turned_away_halves_down_to_one(self, clock):
        press, seen = Concurrency(64, now=clock), []
        for _ in range(8):
            for call in range(press.places):
                press.turned_away(str(call), load=True)
            seen.append(press.places)
        assert seen == [32, 16, 8, 4, 2, 1, 1, 1]

    def test_answers_bring_the_ceiling_back_and_never_more(self, clock):
        press = Concurrency(64, now=clock)
        for call in range(1000):
            press.turned_away(str(call), load=True)
        n_answers = 0
        while press.places < 64:
            press.answered()
            n_answers += 1
        assert n_answers < 1000, "a ceiling of 64 is back within a thousand answers"
        press.answered()
        assert press.places == 64

    @pytest.mark.parametrize(("capacity", "ceiling"), [(20, 256), (5, 64), (100, 100)])
    def test_settles_near_what_the_endpoint_bears(self, clock, capacity, ceiling):
        # oracle: a server that answers `capacity` calls a round and turns the rest away
        press, sizes = Concurrency(ceiling, now=clock), []
        for _ in range(400):
            n = press.places
            sizes.append(n)
            for call in range(n):
                press.answered() if call < capacity else press.turned_away(str(call), load=True)
        assert capacity <= sum(sizes[200:]) / 200 <= 1.35 * capacity

    def test_stray_failures_that_are_no_sign_of_load_cost_no_places(self, clock):
        press, rng = Concurrency(32, now=clock), random.Random(1)
        for call in range(5000):
            press.turned_away(str(call), load=False) if rng.random() < 0.2 else press.answered()
        assert press.places >= 30


class TestWaits:
    def test_no_call_starts_before_the_wait_that_was_asked_for_is_over(self, clock):
        press = Concurrency(4, now=clock)
        assert (press.wait_s(3), press.wait_s(4)) == (0.0, None)
        press.turned_away("a", load=True, asked_s=7)
        assert press.wait_s(0) == 7
        press.hold(3)
        assert press.wait_s(0) == 7, "a shorter wait does not shorten it"
        clock.seconds += 7
        assert press.wait_s(0) == 0.0

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


class TestGivingUp:
    def test_ten_calls_lost_in_a_row(self, clock):
        press = Concurrency(4, now=clock)
        for _ in range(9):
            press.lost(down=0)
        assert press.why_give_up() is None
        press.lost(down=0)
        assert press.why_give_up() == "10 calls in a row failed"
        press.answered()
        assert press.why_give_up() is None

    def test_two_minutes_of_silence_though_five_calls_were_tried(self, clock):
        press = Concurrency(4, now=clock)
        for call in "abcdeabcde":
            press.turned_away(call, load=True)
            clock.seconds += 13
        assert press.why_give_up() == "no call was answered for 130 s"

    def test_ten_minutes_of_silence_though_but_two_calls_were_tried(self, clock):
        """One at a time, each with six tries of two minutes: the second call stops it, the first alone never does."""
        press = Concurrency(1, now=clock)
        for call in "aaaaaab":
            assert press.why_give_up() is None
            clock.seconds += 120
            press.turned_away(call, load=True)
        assert press.why_give_up() == "no call was answered for 720 s"

    def test_the_calls_lost_last_say_that_it_is_down_only_if_all_of_them_do(self, clock):
        press = Concurrency(4, now=clock)
        assert press.why_unfinished() is None
        cases = [([1, 0.5], "the last 2"), ([0.5, 0.5], "the last 2"), ([1], "the last 1"), ([0.5], None)]
        for downs, told in [*cases, ([1, 0], None), ([0, 1, 1], None)]:
            for down in downs:
                press.lost(down=down)
            said = press.why_unfinished()
            assert said is None if told is None else told in said
            press.answered()
            assert press.why_unfinished() is None

    def test_a_share_of_the_ceiling_may_be_none(self, clock):
        press = Concurrency(8, now=clock)
        for share in (3, 0, 8):
            press.share(share)
            assert press.places == share and press.wait_s(share) is None
        assert press.wait_s(7) == 0
        press.share(2)
        press.answered()
        press.share(8)
        assert press.places == 8, "who used all of a small share need not grow into a larger one"
        for call in "abcdef":
            press.turned_away(call, load=True)
        press.share(7)
        assert press.places == 5, "what turned calls away is remembered"

    def test_who_has_no_share_is_in_no_silence(self, clock):
        press = Concurrency(8, now=clock)
        for call in "abcde":
            press.turned_away(call, load=True)
        press.share(0)
        clock.seconds += 1000
        assert press.why_give_up() is None

    def test_one_answer_breaks_the_silence(self, clock):
        press = Concurrency(4, now=clock)
        for call in "abcdeabcdeabcde":
            press.turned_away(call, load=True)
            clock.seconds += 60
            press.answered()
        assert press.why_give_up() is None

    def test_one_call_that_always_fails_does_not_stop_the_others(self, clock):
        press = Concurrency(4, now=clock)
        for _ in range(100):
            press.turned_away("poison", load=False)
            clock.seconds += 30
        assert press.why_give_up() is None

    def test_waits_that_were_asked_for_are_no_silence(self, clock):
        press = Concurrency(4, now=clock)
        for call in "abcdef":
            press.turned_away(call, load=True, asked_s=60)
            clock.seconds += 60
        assert press.why_give_up() is None


class TestQuota:
    def test_no_minute_has_more_than_its_requests(self, tmp_path, clock):
        # oracle: a count in a sliding window
        quotas = [
            RateLimit(tmp_path / "r", requests_per_minute=30, tokens_per_minute=None, now=clock) for _ in range(3)
        ]
        rng, sent = random.Random(2), []
        for _ in range(300):
            sent.append(clock.seconds + rng.choice(quotas).take(9))
            clock.seconds = max(clock.seconds, sent[-1] - rng.uniform(0, 2)) + rng.choice([0, 0, 5])
        assert max(sum(start <= moment < start + 60 for moment in sent) for start in sent) <= 30
        assert sent == sorted(sent)

    @pytest.mark.parametrize(("n_shards", "limit"), [(8, 3), (32, 3), (32, 60), (1000, 60)])
    @pytest.mark.parametrize("budget", ["requests_per_minute", "tokens_per_minute"])
    def test_the_limit_holds_however_many_shards_queue(self, tmp_path, clock, n_shards, limit, budget):
        # oracle: the number sent in an hour, each shard asking anew as soon as it has sent and corrected
        limits = {"requests_per_minute": None, "tokens_per_minute": None, budget: limit}
        quota, start = RateLimit(tmp_path / "r", **limits, now=clock), clock.seconds
        queue, n_sent = [(start + quota.take(1), shard) for shard in range(n_shards)], 0
        heapq.heapify(queue)
        while queue[0][0] < start + 3600:
            clock.seconds, shard = queue[0]
            quota.correct(0)
            n_sent += 1
            heapq.heapreplace(queue, (clock.seconds + quota.take(1), shard))
        assert n_sent == pytest.approx(60 * limit, abs=1)

    def test_tokens_are_spaced_and_corrected(self, tmp_path, clock):
        quota = RateLimit(tmp_path / "r", requests_per_minute=None, tokens_per_minute=600, now=clock)
        assert [quota.take(100), quota.take(100)] == [0, pytest.approx(10)]
        quota.correct(-50)
        assert quota.take(100) == pytest.approx(15)
        quota.correct(100)
        assert quota.take(1) == pytest.approx(35)

    @pytest.mark.parametrize("content", [b"", b"\x00\x00", b"1 2 3", b"nan nan", b"9e99 9e99", b"-5 -5"])
    def test_a_damaged_file_or_a_clock_that_jumped_does_not_stall(self, tmp_path, clock, content):
        """Longer than a thousand shards could make it, one call a second, nobody waits."""
        (tmp_path / "r").write_bytes(content)
        quota = RateLimit(tmp_path / "r", requests_per_minute=60, tokens_per_minute=None, now=clock)
        assert 0 <= quota.take(1) <= 1000
        clock.seconds += 1001
        assert 0 <= quota.take(1) <= 1

    def test_is_shared_by_processes(self, tmp_path):
        take = (
            "import sys, time; from persona_lib.asking.rate_limits import RateLimit\n"
            "quota = RateLimit(sys.argv[1], requests_per_minute=6000, tokens_per_minute=None)\n"
            "for _ in range(40): time.sleep(quota.take(1))"
        )
        RateLimit(tmp_path / "r", requests_per_minute=6000, tokens_per_minute=None).take(1)
        start = time.time()
        runs = [subprocess.Popen([sys.executable, "-c", take, str(tmp_path / "r")], cwd=ROOT) for _ in range(2)]
        assert [run.wait() for run in runs] == [0, 0]
        # 80 calls, 10 ms each: two that did not know of each other would need half of it
        used_until = float((tmp_path / "r").read_text().split()[0])
        assert used_until >= start + 0.79

    def test_no_limit_no_wait(self, tmp_path):
        quota = RateLimit(tmp_path / "r", requests_per_minute=None, tokens_per_minute=None)
        assert not quota.is_limited and quota.take(1e9) == 0


class TestProgress:
    class Purse:
        def spent(self):
            return 1.5

        def remaining(self):
            return None

    def test_says_failures_repeats_and_cost(self):
        bar = Progress("feedback", budget=self.Purse(), quiet=True)
        bar.count([Reply("failed"), Reply("ok", "x")], n_retries=3)
        assert bar.cost(3) == "1 failed, 3 tried again, cost 1.50 USD, to go unknown"

    def test_counts_what_is_known_and_grows_beyond_what_was_expected(self, capsys, monkeypatch):
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
        bar = Progress("feedback", n_expected=5)
        bar.expect(4, n_known=1)
        bar.count([Reply("ok", "x")], n_retries=0)
        bar.expect(4, n_known=4)
        bar.close()
        shown = capsys.readouterr().err
        assert "1/5" in shown and "6/8" in shown and "feedback" in shown

    def test_no_bar_where_there_is_no_terminal(self, capsys):
        bar = Progress("feedback", n_expected=5)
        bar.expect(1, n_known=0)
        bar.count([Reply("ok", "x")], n_retries=0)
        bar.say("line")
        bar.close()
        assert capsys.readouterr().err == ""


def test_an_ask_error_is_no_fault_of_the_program():
    from persona_lib import cli

    assert issubclass(AskError, cli.OURS)
