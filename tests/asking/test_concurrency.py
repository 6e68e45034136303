"""Concurrency: places, waits and giving up by a clock of our own."""

import random

import pytest

from persona_lib.asking.concurrency import Concurrency


class TestPlaces:
    def test_all_turned_away_halves_down_to_one(self, clock):
        concurrency, seen = Concurrency(64, now=clock), []
        for _ in range(8):
            for call in range(concurrency.limit):
                concurrency.turned_away(str(call), load=True)
            seen.append(concurrency.limit)
        assert seen == [32, 16, 8, 4, 2, 1, 1, 1]

    def test_answers_bring_the_ceiling_back_and_never_more(self, clock):
        concurrency = Concurrency(64, now=clock)
        for call in range(1000):
            concurrency.turned_away(str(call), load=True)
        n_answers = 0
        while concurrency.limit < 64:
            concurrency.answered()
            n_answers += 1
        assert n_answers < 1000, "a ceiling of 64 is back within a thousand answers"
        concurrency.answered()
        assert concurrency.limit == 64

    @pytest.mark.parametrize(("capacity", "ceiling"), [(20, 256), (5, 64), (100, 100)])
    def test_settles_near_what_the_endpoint_bears(self, clock, capacity, ceiling):
        # oracle: a server that answers `capacity` calls a round and turns the rest away
        concurrency, sizes = Concurrency(ceiling, now=clock), []
        for _ in range(400):
            n = concurrency.limit
            sizes.append(n)
            for call in range(n):
                concurrency.answered() if call < capacity else concurrency.turned_away(str(call), load=True)
        assert capacity <= sum(sizes[200:]) / 200 <= 1.35 * capacity

    def test_stray_failures_that_are_no_sign_of_load_cost_no_places(self, clock):
        concurrency, rng = Concurrency(32, now=clock), random.Random(1)
        for call in range(5000):
            concurrency.turned_away(str(call), load=False) if rng.random() < 0.2 else concurrency.answered()
        assert concurrency.limit >= 30


class TestWaits:
    def test_no_call_starts_before_the_wait_that_was_asked_for_is_over(self, clock):
        concurrency = Concurrency(4, now=clock)
        assert (concurrency.wait_s(3), concurrency.wait_s(4)) == (0.0, None)
        concurrency.turned_away("a", load=True, asked_s=7)
        assert concurrency.wait_s(0) == 7
        concurrency.hold(3)
        assert concurrency.wait_s(0) == 7, "a shorter wait does not shorten it"
        clock.seconds += 7
        assert concurrency.wait_s(0) == 0.0


class TestGivingUp:
    def test_ten_calls_lost_in_a_row(self, clock):
        concurrency = Concurrency(4, now=clock)
        for _ in range(9):
            concurrency.lost(down=0)
        assert concurrency.why_give_up() is None
        concurrency.lost(down=0)
        assert concurrency.why_give_up() == "10 calls in a row failed"
        concurrency.answered()
        assert concurrency.why_give_up() is None

    def test_two_minutes_of_silence_though_five_calls_were_tried(self, clock):
        concurrency = Concurrency(4, now=clock)
        for call in "abcdeabcde":
            concurrency.turned_away(call, load=True)
            clock.seconds += 13
        assert concurrency.why_give_up() == "no call was answered for 130 s"

    def test_two_minutes_are_enough_and_a_second_less_is_not(self, clock):
        concurrency = Concurrency(4, now=clock)
        for call in "abcde":
            concurrency.turned_away(call, load=True)
        clock.seconds += 119
        assert concurrency.why_give_up() is None
        clock.seconds += 1
        assert concurrency.why_give_up() == "no call was answered for 120 s"

    def test_ten_minutes_of_silence_though_but_two_calls_were_tried(self, clock):
        """One at a time, each with six tries of two minutes: the second call stops it, the first alone never does."""
        concurrency = Concurrency(1, now=clock)
        for call in "aaaaaab":
            assert concurrency.why_give_up() is None
            clock.seconds += 120
            concurrency.turned_away(call, load=True)
        assert concurrency.why_give_up() == "no call was answered for 720 s"

    def test_the_calls_lost_last_say_that_it_is_down_only_if_all_of_them_do(self, clock):
        concurrency = Concurrency(4, now=clock)
        assert concurrency.why_unfinished() is None
        cases = [([1, 0.5], "the last 2"), ([0.5, 0.5], "the last 2"), ([1], "the last 1"), ([0.5], None)]
        for downs, told in [*cases, ([1, 0], None), ([0, 1, 1], None)]:
            for down in downs:
                concurrency.lost(down=down)
            said = concurrency.why_unfinished()
            assert said is None if told is None else told in said
            concurrency.answered()
            assert concurrency.why_unfinished() is None

    def test_a_share_of_the_ceiling_may_be_none(self, clock):
        concurrency = Concurrency(8, now=clock)
        for share in (3, 0, 8):
            concurrency.share(share)
            assert concurrency.limit == share and concurrency.wait_s(share) is None
        assert concurrency.wait_s(7) == 0
        concurrency.share(2)
        concurrency.answered()
        concurrency.share(8)
        assert concurrency.limit == 8, "who used all of a small share need not grow into a larger one"
        for call in "abcdef":
            concurrency.turned_away(call, load=True)
        concurrency.share(7)
        assert concurrency.limit == 5, "what turned calls away is remembered"

    def test_who_has_no_share_is_in_no_silence(self, clock):
        concurrency = Concurrency(8, now=clock)
        for call in "abcde":
            concurrency.turned_away(call, load=True)
        concurrency.share(0)
        clock.seconds += 1000
        assert concurrency.why_give_up() is None

    def test_one_answer_breaks_the_silence(self, clock):
        concurrency = Concurrency(4, now=clock)
        for call in "abcdeabcdeabcde":
            concurrency.turned_away(call, load=True)
            clock.seconds += 60
            concurrency.answered()
        assert concurrency.why_give_up() is None

    def test_one_call_that_always_fails_does_not_stop_the_others(self, clock):
        concurrency = Concurrency(4, now=clock)
        for _ in range(100):
            concurrency.turned_away("poison", load=False)
            clock.seconds += 30
        assert concurrency.why_give_up() is None

    def test_waits_that_were_asked_for_are_no_silence(self, clock):
        concurrency = Concurrency(4, now=clock)
        for call in "abcdef":
            concurrency.turned_away(call, load=True, asked_s=60)
            clock.seconds += 60
        assert concurrency.why_give_up() is None
