"""The quote: what ledgers hold is subtracted, and what a live run would cost is said before it begins."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from demo_plan import DEMO, FORMS, LENGTHS, N_BANK, PRICES, READS, ROOT

from persona_lib.cost import plan, quote
from persona_lib.cost.quote import measured
from persona_lib.ledger import sealed
from persona_lib.ledger.live import Ledger
from persona_lib.messages import request as words
from persona_lib.messages.endpoint import Endpoint, read_endpoints, used
from persona_lib.messages.request import Reply, Request
from workflow import paper


def answered(folder, n, *, shard=0, of=1, template="judge", tokens=(100, 5), first=0, status="ok", model="m"):
    messages = ({"role": "system", "content": FORMS[template].system},)
    with Ledger(folder, "validation", shard=shard, of=of) as ledger:
        for sample in range(first, first + n):
            reply = Reply(status, tokens_in=tokens[0] + sample, tokens_out=tokens[1])
            ledger.append([(Request("mine", model, messages, {}, sample), reply)])


class TestUsage:
    def test_counts_each_answer_once_and_no_failure(self, tmp_path):
        answered(tmp_path, 11, shard=0, of=2)
        answered(tmp_path, 3, shard=1, of=2, first=10, status="refused")
        answered(tmp_path, 5, shard=1, of=2, first=50, status="failed")
        found = measured(sorted(tmp_path.glob("*.jsonl")), FORMS, {"mine": Endpoint("mine", "m")})
        assert found[["stage", "template", "endpoint", "n"]].values.tolist() == [["validation", "judge", "mine", 13]]
        assert found["tokens_in_expected"][0] == 106 and found["tokens_in_low"][0] == pytest.approx(101.2)
        assert measured([], FORMS, {}).empty

    @pytest.mark.parametrize(
        ("now", "n"),
        [
            (Endpoint("mine", "m"), 7),
            (Endpoint("mine", "m", price="gpt-4", concurrency=9), 7),
            (Endpoint("mine", "gpt-4"), 0),
            (Endpoint("mine", "m", parameters={"temperature": 0}), 0),
            (Endpoint("other", "m"), 0),
        ],
    )
    def test_an_answer_of_another_model_is_no_answer(self, tmp_path, now, n):
        """Oracle: the hash of a request covers alias, model and parameters, so a changed one is asked anew."""
        answered(tmp_path, 7)
        assert measured(tmp_path.glob("*.jsonl"), FORMS, {now.alias: now})["n"].sum() == n
        same = Request("mine", "m", (), {}).hash == Request(now.alias, now.model, (), now.parameters).hash
        assert same == (n == 7)

    def test_a_repair_is_part_of_the_answer_that_it_repairs(self, tmp_path):
        """By hand: one step asked once, and once more because its reply was no JSON, is one answer of the plan."""
        mine = {"mine": Endpoint("mine", "m", json_schema=False)}
        rows = pd.DataFrame(
            [{"endpoint": "mine", "template": "judge", "slots": dict.fromkeys(FORMS["judge"].slots, "x")}]
        )
        asked, reply = words.build(rows, endpoints=mine, templates=FORMS)[0], Reply("unparsed", detail="no JSON: A.")
        with Ledger(tmp_path, "pool", shard=0, of=1) as ledger:
            ledger.append(
                [(asked, reply), (words.repair(asked, reply, mine["mine"]), Reply("ok", text='{"choice": "A"}'))]
            )
        assert measured(tmp_path.glob("*.jsonl"), FORMS, mine)["n"].tolist() == [1]

    def test_a_simulated_model_is_known_whatever_its_world(self, tmp_path):
        answered(tmp_path, 7, model="m@2")
        for address, n in (("simulator", 7), ("http://x/v1", 0)):
            now = {"mine": Endpoint("mine", "m", base_url=address)}
            assert measured(tmp_path.glob("*.jsonl"), FORMS, now)["n"].sum() == n


def one_endpoint(**values):
    """The demo with every role played by one live endpoint."""
    mine = {"model": "m", "base_url": "http://x/v1", "price": "gpt-4o-mini"} | values
    roles = {role: ["mine"] if isinstance(named, list) else "mine" for role, named in DEMO["roles"].items()}
    prompts = DEMO["prompts"] | {"bank": str(ROOT / DEMO["prompts"]["bank"])}
    return DEMO | {"run": "toy", "endpoints": {"mine": mine}, "roles": roles, "prompts": prompts, "mode": "live"}


def seal(folder, stage, settings):
    """A finished stage, as `persona collect` says what it was asked with."""
    roles = settings["roles"]
    asked = used(read_endpoints(settings["endpoints"]), roles)
    facts = sealed.about(stage, roles=roles, endpoints=asked, simulated=False, templates=FORMS.values())
    sealed.write([], folder / "sealed" / f"{stage}.parquet", facts=facts)


class TestQuote:
    def test_of_a_run(self, tmp_path):
        folder = tmp_path / "run"
        answered(folder / "ledger", 50)
        settings = one_endpoint()
        mine = settings["endpoints"]["mine"]
        seal(folder, "pool", settings)
        found = quote.quote(settings, folder, templates=FORMS, lengths=LENGTHS, prices=PRICES)
        rows = found.set_index(["stage", "template"])
        # 200 pairs as the own persona, by its values and as another in two orders, and as the own once more; the only
        # contestant has nobody to meet, so no contest is judged: 200 * 7. The ledger holds 50 of them.
        assert rows.loc[("validation", "judge"), "calls_high"] == 2 * (200 * (3 * 2 + 1) - 50), (
            "each may be asked for once more"
        )
        assert rows.loc[("validation", "judge_certainty"), "calls_high"] == 2 * 200, "a pair's certainty, once"
        assert (found[found["stage"] == "pool"]["calls_high"] == 0).all() and quote.unpaid(found)
        said = quote.sentences(found, settings, PRICES)
        assert "price gpt-4o-mini as of 2026-03-31" in said and "no cap" in said
        settings["endpoints"]["mine"] = mine | {"price": None}
        blind = quote.quote(settings, folder, templates=FORMS, lengths=LENGTHS, prices=PRICES)
        assert "unknown" in quote.sentences(blind, settings, PRICES) and quote.unpaid(blind)
        settings["endpoints"]["mine"] = mine | {"price": "own_machine"}
        assert not quote.unpaid(quote.quote(settings, folder, templates=FORMS, lengths=LENGTHS, prices=PRICES))

    @pytest.mark.parametrize(
        "change",
        [
            {},
            {"price": "gpt-4", "concurrency": 2},
            {"model": "gpt-4"},
            {"parameters": {"temperature": 0}},
            {"base_url": "http://y/v1"},
            {"template": "judge"},
        ],
    )
    def test_a_sealed_stage_is_finished_only_as_it_was_asked(self, tmp_path, change):
        """Oracle: by hand; price and speed ask nothing anew, a model, its parameters, its place or a text do."""
        for stage in {"pool", *READS}:
            seal(tmp_path, stage, one_endpoint())
        texts = dict(FORMS)
        if name := change.get("template"):
            texts[name] = replace(FORMS[name], user=FORMS[name].user + " Please.")
        settings = one_endpoint(**{key: value for key, value in change.items() if key != "template"})
        found = quote.quote(settings, tmp_path, templates=texts, lengths=LENGTHS, prices=PRICES)
        is_same = not change or "price" in change
        assert (found["calls_high"].sum() == 0) == is_same and quote.unpaid(found) != is_same

    def test_a_stage_with_nothing_left_checks_no_endpoint(self, tmp_path):
        """By hand: nine stages of one shard check the endpoint 9 times, without two sealed ones 7 times."""
        for stage in ("pool", "feedback"):
            seal(tmp_path, stage, one_endpoint())
        for folder, n in ((None, 9), (tmp_path, 7)):
            found = quote.quote(one_endpoint(), folder, templates=FORMS, lengths=LENGTHS, prices=PRICES)
            check = found.set_index("stage").loc["check"]
            assert [check[f"calls_{end}"] for end in plan.ENDS] == [n] * 3
            assert check["tokens_out_expected"] == 10 * n and check["cost_usd_high"] > 0

    def test_too_few_tokens_for_a_template_are_told_endpoint_by_endpoint(self):
        """By hand: of 64 tokens a judge needs fewer, a critique more; the other endpoint says no limit."""
        settings = one_endpoint(parameters={"max_tokens": 64})
        settings["endpoints"]["free"] = {"model": "m", "base_url": "http://y/v1"}
        settings["roles"]["critic"] = "free"
        found = quote.quote(settings, None, templates=FORMS, lengths=LENGTHS, prices=PRICES)
        (said,) = quote.too_short(found, settings, FORMS)
        assert said.startswith("endpoints.mine.parameters: replies of at most 64 tokens are too short")
        assert f"revise {FORMS['revise'].least_max_tokens}" in said and said.endswith("; raise max_tokens")
        assert "judge" not in said and "critique" not in said and "classify_prompt" not in said
        assert quote.too_short(found.assign(calls_high=0), settings, FORMS) == []

    def test_without_a_folder_nothing_is_netted(self, tmp_path):
        found = quote.quote(one_endpoint(repairs=False), None, templates=FORMS, lengths=LENGTHS, prices=PRICES)
        assert found["n_answered"].sum() == 0
        planned = plan.planned_calls(one_endpoint(), n_bank=N_BANK)
        assert found["calls_high"].sum() == planned["calls_high"].sum() > 10_000

    def test_a_finished_live_run_is_not_begun_again_unallowed(self, tmp_path, monkeypatch, capsys):
        """Every stage is sealed, so nothing is left; with another model, or another seed, everything is paid for."""
        for name in ("data/reference", "data/templates"):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).symlink_to(ROOT / name)
        for stage in READS:
            seal(tmp_path / "data/runs/toy", stage, one_endpoint())
        monkeypatch.chdir(tmp_path)
        for change in ({"model": "gpt-4"}, {}):
            config = one_endpoint(**change) | {"seed": 2, "spend": {"cap_usd": None}}
            with pytest.raises(SystemExit, match=r"this run is paid for.*Set spend.cap_usd in config/mine.yaml, or"):
                paper._tell_price(config, Path("config/mine.yaml"), confirmed=False)
            left = capsys.readouterr().out.splitlines()
            assert ("0 / 0 / 0" in next(line for line in left if line.startswith("together"))) == (not change)
            paper._tell_price(config, Path("config/mine.yaml"), confirmed=True)
            paper._tell_price(config | {"spend": {"cap_usd": 5}}, Path("config/mine.yaml"), confirmed=False)
            capsys.readouterr()
        paper._tell_price(one_endpoint(price="own_machine"), Path("config/mine.yaml"), confirmed=False)
