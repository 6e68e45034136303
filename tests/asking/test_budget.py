"""The budget: sums by hand, and many shards at once that together stay below one cap."""

from __future__ import annotations

import json
import multiprocessing
from dataclasses import replace
from pathlib import Path

import pytest

from persona_lib.asking.budget import BOOK, Budget, usage
from persona_lib.asking.prices import SpendError, read_prices
from persona_lib.ledger.live import Ledger
from persona_lib.messages.endpoint import Endpoint
from persona_lib.messages.request import Reply, Request

ROOT = Path(__file__).parents[2]
PRICES = read_prices(ROOT / "data" / "reference" / "prices.csv")
MINE = Endpoint("mine", "m", base_url="http://x/v1", price="gpt-4o")
REPLY = Reply("ok", text="yes", tokens_in=1_000, tokens_out=100)
ONE_USD = 0.0035  # of REPLY: 1,000 x 2.5 + 100 x 10 millionths


def opened(folder, *, cap=None, stem="toy-0-of-1", endpoint=MINE, **more):
    folder.mkdir(exist_ok=True)
    return Budget(
        folder / f"{stem}.jsonl", {endpoint.alias: endpoint}, PRICES, asked=[endpoint.alias], cap_usd=cap, **more
    )


def recorded(folder, n, *, shard=0, of=1, reply=REPLY, alias="mine", model="m", **paid):
    asked = [Request(alias, model, ({"role": "user", "content": "?"},), {}, i) for i in range(n)]
    with Ledger(folder, "toy", shard=shard, of=of) as ledger:
        ledger.append([(request, reply) for request in asked], **{name: [usd] * n for name, usd in paid.items()})


class TestBudget:
    def test_counts_what_is_charged_and_what_the_ledgers_held(self, tmp_path):
        recorded(tmp_path, 10, shard=0, of=2)
        recorded(tmp_path, 4, shard=1, of=2)
        with opened(tmp_path, stem="toy-0-of-2", expected_usd=10 * ONE_USD) as one:
            assert one.spent() == pytest.approx(14 * ONE_USD) and one.remaining() == pytest.approx(10 * ONE_USD)
            one.charge(REPLY, MINE)
            assert one.spent() == pytest.approx(15 * ONE_USD) and one.remaining() == pytest.approx(9 * ONE_USD)
        assert opened(tmp_path, stem="toy-0-of-2").remaining() is None

    def test_without_a_cap_nothing_stops_and_an_unknown_price_is_unknown(self, tmp_path):
        blind = Endpoint("mine", "m")
        with opened(tmp_path, endpoint=blind) as one:
            one.charge(REPLY, blind)
            assert one.stop_reason("mine") is None and one.spent() is None

    def test_a_cap_without_a_price_is_refused(self, tmp_path):
        with pytest.raises(SpendError, match=r"spend.cap_usd is 5, but the price of endpoint mine is not known"):
            opened(tmp_path, cap=5, endpoint=Endpoint("mine", "m"))

    def test_a_cap_over_answers_of_an_endpoint_that_is_gone_is_refused(self, tmp_path):
        recorded(tmp_path, 1, shard=1, of=2, alias="former")
        with pytest.raises(SpendError, match="price of endpoint former is not known"), opened(tmp_path, cap=5):
            pass

    @pytest.mark.parametrize("place", [{"stem": "toy-0-of-1"}, {"stem": "toy-1-of-2"}])
    def test_what_is_spent_stays_spent_whatever_is_configured_later(self, tmp_path, place):
        """By hand: 1,000 answers at USD 0.0035 are 3.50; by batch each would cost half, with mini 6 % of it."""
        before = opened(tmp_path / "before")
        recorded(tmp_path, 1_000, usd=before.cost(REPLY, MINE))
        for later in (replace(MINE, transport="batch"), replace(MINE, model="n", price="gpt-4o-mini")):
            with opened(tmp_path, cap=4, endpoint=later, **place) as one:
                assert one.spent() == pytest.approx(3.5)
                assert one.hold(1.9) is not None and one.hold(0.4) is None
            (tmp_path / BOOK).unlink()

    def test_what_was_simulated_costs_nothing_when_the_alias_is_a_real_model(self, tmp_path):
        simulated = replace(MINE, base_url="simulator", price=None)
        before = opened(tmp_path / "before", endpoint=simulated)
        recorded(tmp_path, 1_000, model="m@1", usd=before.cost(REPLY, simulated))
        with opened(tmp_path, cap=20, endpoint=replace(MINE, model="gpt-4", price="gpt-4")) as one:
            assert one.spent() == 0 and one.hold(19) is None

    def test_an_answer_that_says_no_price_is_taken_at_todays_if_the_model_is_still_that(self, tmp_path):
        recorded(tmp_path, 10, shard=0, of=2)
        recorded(tmp_path, 4, shard=1, of=2, usd=None)
        with opened(tmp_path, stem="toy-0-of-2", cap=1) as one:
            assert one.spent() == pytest.approx(14 * ONE_USD)
        later = replace(MINE, model="n")
        assert opened(tmp_path, stem="toy-0-of-2", endpoint=later).spent() is None
        with pytest.raises(SpendError, match="price of endpoint mine is not known: .* with the model that was asked"):
            opened(tmp_path, stem="toy-0-of-2", cap=1, endpoint=later)

    @pytest.mark.parametrize(
        ("reply", "usd"),
        [(REPLY, ONE_USD), (Reply("ok", "yes"), None), (Reply("failed"), 0), (Reply("refused", tokens_in=400), 0.001)],
    )
    def test_cost_of_one_answer(self, tmp_path, reply, usd):
        """By hand, USD 2.50 and 10 a million tokens; an answer whose tokens nobody counted is unknown, not free."""
        found = opened(tmp_path).cost(reply, MINE)
        assert found is None if usd is None else found == pytest.approx(usd)
        by_batch = opened(tmp_path).cost(reply, replace(MINE, transport="batch"))  # handed over before a switch to chat
        assert by_batch is None if usd is None else by_batch == pytest.approx(usd / 2)
        blind, simulated = Endpoint("mine", "m"), replace(MINE, base_url="simulator")
        assert opened(tmp_path, endpoint=blind).cost(reply, blind) is None
        assert opened(tmp_path, endpoint=simulated).cost(reply, simulated) == 0

    def test_a_price_that_has_become_known_is_known(self, tmp_path):
        recorded(tmp_path, 10, shard=1, of=2, usd=None)
        with opened(tmp_path, stem="toy-1-of-2", endpoint=Endpoint("mine", "m")) as one:
            assert one.spent() is None
        with opened(tmp_path, stem="toy-0-of-2", cap=1.0) as one:
            assert one.spent() == pytest.approx(10 * ONE_USD)

    def test_a_book_of_before_prices_were_kept_is_counted_anew(self, tmp_path):
        recorded(tmp_path, 10, shard=1, of=2, usd=0.01)
        size = (tmp_path / "toy-1-of-2.jsonl").stat().st_size
        old = {"usage": {"mine": [10, 10_000, 1_000]}, "granted_usd": 0.035, "bytes": size}
        (tmp_path / BOOK).write_text(json.dumps({"shards": {"toy-1-of-2": old}}))
        with opened(tmp_path, stem="toy-0-of-2", cap=1.0) as one:
            assert one.spent() == pytest.approx(0.1)

    def test_answers_that_do_not_count_their_tokens_stop_a_capped_run(self, tmp_path):
        with opened(tmp_path, cap=5) as one:
            one.charge(Reply("ok", text="yes"), MINE)
            assert "endpoint mine does not count tokens" in one.stop_reason("mine")
        with opened(tmp_path, cap=5) as one:
            one.charge(Reply("failed"), MINE)
            one.charge(Reply("refused"), MINE)
            assert one.stop_reason("mine") is None, "nothing was said, nothing is billed that we could count"

    @pytest.mark.parametrize("status", ["ok", "unparsed", "cut_off"])
    def test_what_a_ledger_holds_without_a_count_is_not_free_for_the_next_run_either(self, tmp_path, status):
        reply = Reply(status, "yes" * (status == "ok"), tokens_in=1_000)
        with Ledger(tmp_path, "toy", shard=0, of=1) as ledger:
            ledger.append([(Request("mine", "m", ({"role": "user", "content": "?"},), {}), reply)], usd=[None])
        with pytest.raises(SpendError, match="so too where it gave replies without a count of tokens"):
            opened(tmp_path, cap=5)
        with opened(tmp_path) as one:
            assert one.spent() is None

    def test_stops_before_the_cap_and_says_so(self, tmp_path):
        cap = 100 * ONE_USD
        with opened(tmp_path, cap=cap) as one:
            n = 0
            while (said := one.stop_reason("mine")) is None:
                one.charge(REPLY, MINE)
                n += 1
            assert n == 100 and one.spent() <= cap + 1e-12
            assert "the spending cap is reached: USD 0.3500 of 0.3500 are spent" in said
        with opened(tmp_path, cap=2 * cap) as one:
            assert one.stop_reason("mine") is None, "raised, it goes on"

    def test_calls_under_way_count(self, tmp_path):
        with opened(tmp_path, cap=100 * ONE_USD) as one:
            one.stop_reason("mine")
            one.charge(REPLY, MINE)
            admitted = 0
            while one.stop_reason("mine") is None:
                admitted += 1
            assert admitted == 99, "99 that cost as much as the first would use the cap up"

    @pytest.fixture
    def mixed(self, tmp_path):
        """A run that asks gpt-4 (USD 30 and 60 a million tokens) and the simulator, capped at USD 1."""
        dear = Endpoint("dear", "m", base_url="http://x/v1", price="gpt-4")
        both = {"dear": dear, "free": Endpoint("free", "m", base_url="simulator")}
        with Budget(tmp_path / "toy-0-of-1.jsonl", both, PRICES, asked=both, cap_usd=1.0) as one:
            yield one, both

    def test_a_cheap_answer_says_nothing_of_a_dear_one(self, mixed):
        """By hand: a first gpt-4 call is taken for 3,000 and 1,024 tokens, USD 0.15144; 6 of them fit under 1."""
        one, both = mixed
        assert one.stop_reason("free") is None
        one.charge(REPLY, both["free"])
        admitted = 0
        while one.stop_reason("dear") is None and admitted < 100:
            admitted += 1
        assert admitted == int(1 / (3_000 * 30e-6 + 1_024 * 60e-6)) == 6
        for _ in range(5):
            assert one.stop_reason("free") is None, "a free call needs no money"
            one.charge(REPLY, both["free"])
        assert one.stop_reason("dear") is not None, "what is free has freed nothing"
        for _ in range(admitted):
            one.charge(REPLY, both["dear"])
        assert one.n_under_way == 0 and one.stop_reason("dear") is None

    def test_answers_of_a_batch_were_not_admitted(self, mixed):
        """By hand: a gpt-4 call of 1,000 and 100 tokens costs USD 0.036; after 20 of them, 7 more fit under 1."""
        one, both = mixed
        assert one.hold(20 * 0.036) is None
        assert one.stop_reason("free") is None
        for _ in range(20):
            one.charge(REPLY, both["dear"])
        one.release(20 * 0.036)
        assert one.n_under_way == 1, "the free call still is"
        admitted = 0
        while one.stop_reason("dear") is None and admitted < 100:
            admitted += 1
        assert admitted == int((1 - 20 * 0.036) / 0.036) == 7

    def test_money_held_for_a_batch(self, tmp_path):
        with opened(tmp_path, cap=1.0) as one:
            assert one.hold(0.9) is None and "cap is reached" in one.hold(0.2)
            one.release(0.9)
            assert one.hold(0.2) is None
            assert one.hold(5.0, already_sent=True) is None and "cap is reached" in one.stop_reason("mine")

    @pytest.mark.parametrize("damage", [None, "", "{", '{"shards": 1}', "[]"])
    def test_a_book_that_is_lost_or_torn_is_counted_anew_from_the_ledgers(self, tmp_path, damage):
        recorded(tmp_path, 10, shard=1, of=2)
        with opened(tmp_path, stem="toy-0-of-2", cap=1.0):
            pass
        (tmp_path / BOOK).unlink() if damage is None else (tmp_path / BOOK).write_text(damage)
        with opened(tmp_path, stem="toy-0-of-2", cap=1.0) as one:
            assert one.spent() == pytest.approx(10 * ONE_USD)

    def test_what_a_killed_shard_was_granted_but_did_not_spend_is_free_again(self, tmp_path):
        """It is not closed, as after a kill: its entry says open, and nobody holds its ledger's lock."""
        recorded(tmp_path, 2, shard=1, of=2)
        killed = opened(tmp_path, stem="toy-1-of-2", cap=1.0)
        killed.__enter__()
        assert killed.hold(0.95) is None
        granted = json.loads((tmp_path / BOOK).read_text())["shards"]["toy-1-of-2"]["granted_usd"]
        assert granted >= 0.95
        with opened(tmp_path, stem="toy-0-of-2", cap=1.0) as one:
            assert one.hold(0.9) is None
        with (
            Ledger(tmp_path, "toy", shard=1, of=2) as _,
            opened(tmp_path, stem="toy-1-of-2", cap=1.0) as alive,
            opened(tmp_path, stem="toy-0-of-2", cap=1.0) as one,
        ):
            assert alive.hold(0.9) is None and "cap is reached" in one.hold(0.9), "a living shard keeps its grant"


def shard(folder, number, of, cap, results):
    """One process: ask until the cap says no; every call costs ONE_USD."""
    with Ledger(folder, "toy", shard=number, of=of) as ledger:
        one = Budget(ledger.path, {"mine": MINE}, PRICES, asked=["mine"], cap_usd=cap)
        n = 0
        with one:
            while one.stop_reason("mine") is None and n < 10_000:
                ledger.append([(Request("mine", "m", ({"role": "user", "content": f"{number} {n}"},), {}), REPLY)])
                one.charge(REPLY, MINE)
                n += 1
    results.put(n)


def test_shards_that_run_at_once_share_the_cap(tmp_path):
    """Oracle: what stands in the ledgers, priced by hand."""
    cap = 400 * ONE_USD
    for _ in range(2):  # the second time nothing is left
        results = multiprocessing.get_context("fork").Queue()
        context = multiprocessing.get_context("fork")
        workers = [context.Process(target=shard, args=(tmp_path, i, 4, cap, results)) for i in range(4)]
        for worker in workers:
            worker.start()
        made = [results.get(timeout=60) for _ in workers]
        for worker in workers:
            worker.join(timeout=60)
        n = sum(row[0] for path in tmp_path.glob("*.jsonl") for row in usage(path).values())
        assert 380 <= n <= 400
    assert sum(made) <= 20


def test_a_shard_that_ends_gives_back_what_it_was_granted_and_did_not_spend(tmp_path):
    """By hand: of a cap of USD 1.00 the first held 0.95 for a batch that was never sent, and spent 0.0035 on a call."""
    with opened(tmp_path, stem="toy-1-of-2", cap=1.0) as first:
        assert first.hold(0.95) is None
        first.release(0.95)
        recorded(tmp_path, 1, shard=1, of=2, usd=ONE_USD)
        first.charge(REPLY, MINE)
    granted = json.loads((tmp_path / BOOK).read_text())["shards"]["toy-1-of-2"]["granted_usd"]
    assert granted == pytest.approx(ONE_USD)
    with opened(tmp_path, stem="toy-0-of-2", cap=1.0) as second:
        assert second.hold(0.99) is None and second.hold(0.01) is not None


def test_money_of_a_batch_that_is_still_out_stays_granted_at_the_end(tmp_path):
    with opened(tmp_path, stem="toy-1-of-2", cap=1.0) as first:
        assert first.hold(0.6) is None
    with opened(tmp_path, stem="toy-0-of-2", cap=1.0) as second:
        assert second.hold(0.5) is not None and second.hold(0.4) is None
