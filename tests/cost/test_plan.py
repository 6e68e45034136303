"""The plan of calls, tokens and cost: against the demo run that really happened, and against sums by hand."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
import pytest
import yaml
from demo_plan import DEMO, EXPECTED, FORMS, LENGTHS, N_BANK, PRICES, ROOT

from persona_lib.commands.collect import STAGES
from persona_lib.commands.configuration import read_configuration
from persona_lib.cost import plan
from persona_lib.cost.plan import planned_calls
from persona_lib.messages import request as words
from persona_lib.messages.endpoint import Endpoint, read_endpoints
from persona_lib.tables import schema


class TestAgainstTheDemoRun:
    """Oracle: the sealed ledgers of the run that was really made."""

    def test_calls_and_tokens_of_every_stage_lie_between_low_and_high(self, calls):
        endpoints = read_endpoints(DEMO["endpoints"])
        found = plan.estimate(calls, templates=FORMS, endpoints=endpoints, lengths=LENGTHS, prices=PRICES)
        per_stage = plan.totals(found, ["stage"])
        for stage, row in per_stage.iterrows():
            made = pd.read_parquet(EXPECTED / "sealed" / f"{stage}.parquet")
            assert row["calls_low"] <= len(made) <= row["calls_high"], stage
            for side in ("tokens_in", "tokens_out"):
                assert row[f"{side}_low"] <= made[side].sum() <= row[f"{side}_high"], f"{stage} {side}"
        assert (found["cost_usd_high"] == 0).all(), "the simulator costs nothing, which is known"
        schema.check(found, "plan")

    def test_the_plan_stays_within_the_budget_of_calls(self, calls):
        assert calls["calls_expected"].sum() <= 60_000


class TestSmallestRun:
    """DESIGN 9: a whole run with a real model is possible with fewer than 200 calls."""

    CONFIG = read_configuration([ROOT / "config" / "demo.yaml", ROOT / "config" / "smollm.yaml"])

    def test_every_stage_of_the_smallest_run_together_has_fewer_than_200_calls(self):
        endpoints = read_endpoints(self.CONFIG["endpoints"])
        calls = plan.estimate(
            planned_calls(self.CONFIG, n_bank=N_BANK),
            templates=FORMS,
            endpoints=endpoints,
            lengths=LENGTHS,
            prices=PRICES,
        )
        assert calls["calls_high"].sum() < 200, "with a repair of every reply that may be repaired"
        at_least = calls.groupby("stage")["calls_low"].sum()
        assert set(at_least.index) == {*STAGES, "check"} and set(at_least[at_least == 0].index) == {"survey"}

    def test_each_stage_checks_its_endpoint_once_a_shard(self):
        shards = planned_calls(self.CONFIG | {"shards": 3}, n_bank=N_BANK).query("stage == 'check'")
        assert shards["calls_low"].tolist() == shards["calls_high"].tolist() == [3 * (len(STAGES) - 1), 3 * 2], (
            "the survey is switched off"
        )
        assert shards["endpoint"].tolist() == ["smollm", "smollm_critic"], "the critic is asked in two stages"

    def test_no_simulated_endpoint_is_checked(self, calls):
        assert "check" not in set(calls["stage"])


def one_step(n=100, template="judge", endpoint="mine"):
    counts = {f"calls_{end}": [n] for end in plan.ENDS}
    return pd.DataFrame(
        {"stage": ["validation"], "template": [template], "endpoint": [endpoint], **counts, "multiplies": "x"}
    )


class TestEstimate:
    def estimated(self, measured=None, *, repairs=False, **endpoint):
        one = Endpoint("mine", "m", base_url="http://x/v1", repairs=repairs, **endpoint)
        return plan.estimate(
            one_step(), templates=FORMS, endpoints={"mine": one}, lengths=LENGTHS, prices=PRICES, measured=measured
        ).iloc[0]

    def test_by_hand(self):
        """100 calls of `judge`: fixed text, 4.2 characters a token; persona 360, prompt 15, two answers of 200."""
        judge = FORMS["judge"]
        fixed = len(judge.system) + len(judge.user) + len(words.canonical(judge.response_schema))
        row = self.estimated(price="gpt-4o")
        assert row["tokens_in_expected"] == round(100 * (fixed / 4.2 + 360 + 15 + 2 * 200))
        assert row["tokens_out_expected"] == 100 * 8
        assert row["cost_usd_expected"] == pytest.approx((row["tokens_in_expected"] * 2.5 + 800 * 10) / 1e6, rel=1e-4)
        assert self.estimated(price="gpt-4o", transport="batch")["cost_usd_expected"] == row["cost_usd_expected"] / 2

    def test_max_tokens_bounds_the_reply(self):
        assert self.estimated(parameters={"max_tokens": 5})["tokens_out_high"] == 500

    @pytest.mark.parametrize("price", [None, "llama-3-70b"])
    def test_an_unknown_price_is_unknown_and_so_is_every_sum_with_it(self, price):
        row = self.estimated(price=price)
        assert math.isnan(row["cost_usd_low"]) and math.isnan(row["cost_usd_high"])
        both = pd.DataFrame([row, self.estimated(price="gpt-4o")])
        assert math.isnan(plan.totals(both).iloc[0]["cost_usd_expected"])
        assert plan.totals(both).iloc[0]["calls_expected"] == 200

    def test_what_the_ledger_holds_is_subtracted_and_speaks_for_the_rest(self):
        held = {"stage": "validation", "template": "judge", "endpoint": "mine", "n": 40}
        for side, values in (("tokens_in", (500, 600, 700)), ("tokens_out", (4, 5, 6))):
            held |= {f"{side}_{end}": value for end, value in zip(plan.ENDS, values, strict=True)}
        row = self.estimated(pd.DataFrame([held]))
        assert row["n_answered"] == 40 and row["calls_expected"] == 60
        assert [row[f"tokens_in_{end}"] for end in plan.ENDS] == [30_000, 36_000, 42_000]
        few = self.estimated(pd.DataFrame([held | {"n": 29}]))
        assert few["calls_expected"] == 71 and few["tokens_out_expected"] == 71 * 8, "29 answers do not yet speak"

    def test_a_reply_that_is_not_the_json_asked_for_is_asked_for_once_more(self):
        """By hand: of 100 calls none, 2 or 100 bring another one; of 60 that are left, none, 1 or 60."""
        row = self.estimated(repairs=True)
        assert [row[f"calls_{end}"] for end in plan.ENDS] == [100, 102, 200]
        assert row["tokens_out_high"] == 2 * self.estimated()["tokens_out_high"]
        held = {"stage": "validation", "template": "judge", "endpoint": "mine", "n": 40}
        held |= {f"{side}_{end}": 5 for side in ("tokens_in", "tokens_out") for end in plan.ENDS}
        row = self.estimated(pd.DataFrame([held]), repairs=True)
        assert [row[f"calls_{end}"] for end in plan.ENDS] == [60, 61, 120]

    def test_a_text_is_not_repaired(self):
        text = plan.estimate(
            one_step(template="answer"),
            templates=FORMS,
            endpoints={"mine": Endpoint("mine", "m")},
            lengths=LENGTHS,
            prices=PRICES,
        )
        assert text["calls_high"].item() == 100

    def test_at_prices(self):
        found = plan.at_prices(pd.DataFrame([self.estimated()]), PRICES).set_index("price")
        row = self.estimated(price="gpt-4.1")
        assert found.loc["gpt-4.1", "cost_usd_high"] == pytest.approx(row["cost_usd_high"], rel=1e-4)
        assert found.loc["own_machine", "cost_usd_high"] == 0 and math.isnan(found.loc["qwen2-72b", "cost_usd_high"])


def test_planned_calls_of_the_demo_counted_by_hand():
    demo = yaml.safe_load(Path("config/demo.yaml").read_text("utf-8"))
    table = planned_calls(demo, n_bank=358).groupby("stage", sort=False).calls_high.sum()
    assert table.to_dict() == {
        "personas": 2 * 150,
        "prompts": 358,
        "feedback": 200 + 800 * 3 + 800 * 3,
        "validation": 200 * (4 * 2 + 1 + 1) + 100 * 3 + 100 * 3 * 3,
        "pool": 40
        + 100 * 20
        + 4 * 20 * 20
        + 3 * 20 * 20
        + 4 * 20 * 10
        + 4 * 20
        + (2 + 4 + 9 + 6) * 20
        + 20 * 10 * 3 * 2,
        "ablation": 9 * 8 * 20 * (3 + 3 + 4 * 2),
        "benchmark": 30 * 3 * (4 + 1 + 5 + 1) + 3 * 150,
        "pass_at_k": 20 * 3 * (16 * 3 + 16 * 3 + 15 * 2),
        "survey": 10 * (80 * (4 + 1) + 4 * 20 + 4 * 4) + 40 * 4 * 5 + 20,
    }


def test_further_tries_are_none_at_low_a_few_expected_and_all_at_high():
    """Oracle: without further tries nothing is asked again; with them, the same low numbers."""
    once = DEMO | {"feedback": DEMO["feedback"] | {"max_retries": 0}}
    by_retries = [
        planned_calls(settings, n_bank=N_BANK).groupby("stage").sum(numeric_only=True) for settings in (once, DEMO)
    ]
    assert by_retries[0].calls_low.equals(by_retries[1].calls_low)
    assert by_retries[0].calls_high["feedback"] == 200 + 2 * 800
    more = by_retries[1] - by_retries[0]
    assert 0 < more.calls_expected["feedback"] < 0.2 * more.calls_high["feedback"]


def test_fewer_attributes_and_fewer_classified_prompts_are_fewer_calls():
    some = DEMO | {"ablation": DEMO["ablation"] | {"attributes": ["sex", "religion"]}}
    some |= {"prompts": DEMO["prompts"] | {"n_classified": 250}}
    calls = planned_calls(some, n_bank=N_BANK).groupby("stage")["calls_high"].sum()
    assert calls["ablation"] == 3 * 8 * 20 * (3 + 3 + 8) and calls["prompts"] == 250
    assert planned_calls(DEMO, n_bank=N_BANK).groupby("stage")["calls_high"].sum()["prompts"] == 360
