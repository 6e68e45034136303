"""When a stage that gets nothing usable stops: the counts by hand, and what the message names."""

import pytest

from persona_lib.asking.outcomes import ENOUGH, FIRST, Outcomes, nothing_usable
from persona_lib.ledger.summary import Summary
from persona_lib.messages.endpoint import Endpoint
from persona_lib.messages.request import STATUSES, Reply, Request

LARGE = Endpoint("large", "m")


def request(step="Choose.", schema=None):
    return Request("large", "m", ({"role": "system", "content": step}, {"role": "user", "content": "x"}), {}, 0, schema)


def fared(statuses, endpoint=LARGE, step="Choose."):
    """Why the stage stops after each of these."""
    seen = Outcomes({"large": endpoint})
    return [seen.count(request(step), Reply(status, detail=f"{status} {k}")) for k, status in enumerate(statuses)]


class TestUnusable:
    def test_25_replies_of_which_20_cannot_be_used(self):
        """By hand: 20 of 25 are 80 %; 19 of 25 are not, and 21 of 26 are again."""
        found = fared(["ok"] * 5 + ["unparsed"] * 20)
        assert found[:-1] == [None] * 24 and found[-1].startswith("endpoint large: of 25 replies to one step too few")
        assert "(5 ok, 20 unparsed)" in found[-1] and "'unparsed 24'" in found[-1]
        found = fared(["ok"] * 6 + ["unparsed"] * 19 + ["refused"] * 5)
        assert found[:29] == [None] * 29 and "(6 ok, 5 refused, 19 unparsed)" in found[29]

    def test_an_ok_reply_that_is_one_too_few_shows_one_that_could_not_be_used(self):
        found = fared(["unparsed"] * 20 + ["ok"] * 5)[-1]
        assert "one of them: 'unparsed 19'" in found

    def test_calls_that_failed_are_no_replies(self):
        assert fared(["failed"] * 100) == [None] * 100

    def test_each_step_counts_for_itself(self):
        seen = Outcomes({"large": LARGE})
        for _ in range(24):
            assert seen.count(request("Write."), Reply("unparsed")) is None
            assert seen.count(request("Choose."), Reply("ok", "x")) is None
        assert seen.count(request("Write."), Reply("unparsed")) is not None

    def test_the_share_is_a_setting_and_0_is_never(self):
        assert fared(["ok"] * 12 + ["refused"] * 13, Endpoint("large", "m", least_usable=0.5))[-1] is not None
        assert fared(["refused"] * 100, Endpoint("large", "m", least_usable=0)) == [None] * 100

    @pytest.mark.parametrize(
        ("status", "reply", "schema", "remedy"),
        [
            ("cut_off", {}, None, "raise max_tokens in endpoints.large.parameters"),
            ("unparsed", {"thinking": "hm"}, None, "switch thinking off"),
            ("refused", {}, None, "set another model in endpoints.large, or one without a filter"),
            ("unparsed", {}, {"type": "object"}, "set endpoints.large.json_schema: false"),
            ("unparsed", {}, None, "set another model in endpoints.large;"),
        ],
    )
    def test_the_likely_remedy(self, status, reply, schema, remedy):
        seen = Outcomes({"large": LARGE})
        asked = request(schema=schema)
        said = [seen.count(asked, Reply(status, detail="x", **reply)) for _ in range(ENOUGH)][-1]
        assert remedy in said and "the same command goes on" in said and "endpoints.large.least_usable: 0" in said

    def test_what_a_model_wrote_is_bounded_and_holds_no_sign_that_a_terminal_obeys(self):
        seen = Outcomes({"large": LARGE})
        detail = "\x1b[2J\n{}%s" + "x" * 9000
        said = [seen.count(request(), Reply("unparsed", detail=detail)) for _ in range(ENOUGH)][-1]
        assert said.isprintable() and len(said) < 800 and "{}%s" in said


class TestNotTaken:
    def test_the_first_five_alike(self):
        found = fared(["not_taken"] * FIRST)
        assert found[:-1] == [None] * 4 and "5 not taken" in found[-1] and "--ask-again not_taken" in found[-1]
        assert fared(["ok"] + ["not_taken"] * 10) == [None] * 11

    def test_a_share_above_the_declared_one(self):
        """By hand: of 30, 3 are 10 % and allowed; the fourth is more."""
        assert fared(["ok"] * 27 + ["not_taken"] * 3) == [None] * 30
        assert fared(["ok"] * 27 + ["not_taken"] * 4)[-1].endswith(
            "endpoints.large.most_not_taken: 1 lets it go on whatever comes back"
        )
        assert fared(["ok"] * 27 + ["not_taken"] * 4, Endpoint("large", "m", most_not_taken=0.5)) == [None] * 31
        anything = Endpoint("large", "m", most_not_taken=1, least_usable=0)
        assert fared(["not_taken"] * 100, anything) == [None] * 100


class TestAtTheEnd:
    def summary(self, **counts):
        row = {"detail": "no!\x1b", "repairs": None, "reply_model": "", "finish_reason": "", "tokens_in": 1}
        row |= {"tokens_out": 1}
        return Summary(row | {"status": status} for status, n in counts.items() for _ in range(n))

    def test_a_stage_in_which_nothing_can_be_used_is_not_sealed(self):
        said = nothing_usable(self.summary(refused=4, unparsed=1, failed=3), {"large": LARGE})
        assert "8 requests: 0 ok, 4 refused, 0 cut off, 1 unparsed" in said and "'no!\\x1b'" in said

    def test_few_replies_one_that_is_ok_or_the_setting_seal_it(self):
        assert nothing_usable(self.summary(refused=4, failed=9), {"large": LARGE}) is None
        assert nothing_usable(self.summary(refused=40, ok=1), {"large": LARGE}) is None
        assert nothing_usable(self.summary(refused=40), {"large": Endpoint("large", "m", least_usable=0)}) is None
        assert set(STATUSES) >= set(self.summary(refused=1).statuses)
