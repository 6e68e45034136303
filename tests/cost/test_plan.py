"""The plan of calls, tokens and cost: against the demo run that really happened, and against sums by hand."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import yaml

from persona_lib import cli
from persona_lib.asking.prices import read_prices
from persona_lib.commands import inputs
from persona_lib.commands.collect import STAGES
from persona_lib.cost import plan, quote
from persona_lib.cost.dry_run import DryRun, stand_in
from persona_lib.cost.quote import measured
from persona_lib.ledger import sealed
from persona_lib.ledger.live import Ledger
from persona_lib.messages import json_replies, templates
from persona_lib.messages import request as words
from persona_lib.messages.endpoint import Endpoint, read_endpoints, used
from persona_lib.messages.request import Reply, Request
from persona_lib.stages.prompts import read_bank, screen
from persona_lib.tables import schema
from workflow import paper

ROOT = Path(__file__).parents[2]
EXPECTED, REFERENCE = ROOT / "data" / "expected" / "demo", ROOT / "data" / "reference"
DEMO = yaml.safe_load((ROOT / "config" / "demo.yaml").read_text("utf-8"))
FORMS = templates.load(ROOT / "data" / "templates")
LENGTHS = plan.read_lengths(REFERENCE / "typical_lengths.csv")
PRICES = read_prices(REFERENCE / "prices.csv")
N_BANK = int((screen(read_bank(ROOT / DEMO["prompts"]["bank"]))["reason"] == "").sum())
READS = {
    "personas": {
        "chain": "chain_coefficients.csv",
        "norms": "big_five_norms.csv",
        "quirks": "traits_quirks.csv",
        "mannerisms": "traits_mannerisms.csv",
        "lifestyles": "traits_lifestyle.csv",
        "core_values": "traits_core_values.csv",
        "personal_time": "traits_personal_time.csv",
        "census": "",
        "draws": "",
    },
    "prompts": {"bank": "../prompts/bank.csv", "topics": "prism_topics.csv"},
    "feedback": dict.fromkeys(("personas", "prompts"), ""),
    "validation": dict.fromkeys(("personas", "prompts", "pairs", "answers"), ""),
    "pool": dict.fromkeys(("personas", "prompts"), ""),
    "ablation": dict.fromkeys(("personas", "prompts", "pool_items", "pool_answers"), ""),
    "benchmark": dict.fromkeys(("personas", "prompts"), ""),
    "pass_at_k": dict.fromkeys(("personas", "prompts"), ""),
}


class Recorded:
    """A sealed ledger as the known answers of a dry_run."""

    def __init__(self, path):
        self._rows = {row["request_hash"]: row for row in sealed.rows(path)}

    def __len__(self):
        return len(self._rows)

    def find(self, request):
        row = self._rows.get(request.hash)
        return None if row is None else Reply(row["status"], text=row["text"])


def rehearsed(stage, ledger):
    """A dry_run of a whole stage on the tables of the demo run."""
    named = [
        f"{name}={REFERENCE / file if file else EXPECTED / f'{name}.parquet'}" for name, file in READS[stage].items()
    ]
    endpoints = read_endpoints(sealed.facts(EXPECTED / "sealed" / f"{stage}.parquet")["endpoints"])
    ask = DryRun(endpoints, DEMO["roles"], FORMS, ledger, lengths=LENGTHS)
    inputs.found(STAGES[stage])(inputs.read_tables(named), DEMO, shard=0, of=1, ask=ask)
    return ask


@pytest.fixture(scope="module")
def calls():
    return plan.planned_calls(DEMO, n_bank=N_BANK)


class TestAgainstTheDemoRun:
    """Oracle: the sealed ledgers of the run that was really made."""

    @pytest.mark.parametrize("stage", READS)
    def test_a_rehearsal_over_what_is_known_counts_exactly_the_calls_that_were_made(self, stage):
        ledger = Recorded(EXPECTED / "sealed" / f"{stage}.parquet")
        ask = rehearsed(stage, ledger)
        assert ask.n_asked == len(ledger) and not ask.missing

    @pytest.mark.parametrize("stage", READS)
    def test_a_rehearsal_over_nothing_is_the_product_where_no_row_is_dropped(self, stage, calls):
        missing = rehearsed(stage, None).missing
        made = Counter({(template, endpoint): n for (endpoint, template), (n, _) in missing.items()})
        most = calls[calls["stage"] == stage].set_index(["template", "endpoint"])["calls_high"]
        assert made <= Counter(most.to_dict())
        if stage in ("prompts", "pool", "benchmark", "pass_at_k"):
            assert made == most.to_dict(), "the product, call by call"

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

    def test_the_plan_stays_below_fifteen_thousand_calls(self, calls):
        assert calls["calls_high"].sum() <= 15_000


def one_step(n=100, template="judge", endpoint="mine"):
    counts = {f"calls_{end}": [n] for end in plan.ENDS}
    return pd.DataFrame(
        {"stage": ["validation"], "template": [template], "endpoint": [endpoint], **counts, "multiplies": "x"}
    )


class TestEstimate:
    def estimated(self, measured=None, **endpoint):
        one = Endpoint("mine", "m", base_url="http://x/v1", **endpoint)
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

    def test_at_prices(self):
        found = plan.at_prices(pd.DataFrame([self.estimated()]), PRICES).set_index("price")
        row = self.estimated(price="gpt-4.1")
        assert found.loc["gpt-4.1", "cost_usd_high"] == pytest.approx(row["cost_usd_high"], rel=1e-4)
        assert found.loc["own_machine", "cost_usd_high"] == 0 and math.isnan(found.loc["qwen2-72b", "cost_usd_high"])


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
            ledger.append([(asked, reply), (words.repair(asked, reply), Reply("ok", text='{"choice": "A"}'))])
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
        assert rows.loc[("validation", "judge"), "calls_high"] == 800 - 50
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

    def test_without_a_folder_nothing_is_netted(self, tmp_path):
        found = quote.quote(one_endpoint(), None, templates=FORMS, lengths=LENGTHS, prices=PRICES)
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


def test_stand_ins_fit_the_schemas_of_all_templates_and_all_have_a_length():
    for name, template in FORMS.items():
        assert LENGTHS.loc[("reply", name)].gt(0).all()
        if template.response_schema is not None:
            text = words.canonical(stand_in(template.response_schema))
            assert json_replies.parsed(text, words.canonical(template.response_schema))[1] == "", name


def test_fewer_attributes_and_fewer_classified_prompts_are_fewer_calls():
    some = DEMO | {"ablation": DEMO["ablation"] | {"attributes": ["sex", "religion"]}}
    some |= {"prompts": DEMO["prompts"] | {"n_classified": 250}}
    calls = plan.planned_calls(some, n_bank=N_BANK).groupby("stage")["calls_high"].sum()
    assert calls["ablation"] == 3 * 5 * 6 * 3 and calls["prompts"] == 250
    assert plan.planned_calls(DEMO, n_bank=N_BANK).groupby("stage")["calls_high"].sum()["prompts"] == N_BANK


class TestCommand:
    def test_plan_prints_the_sum_of_the_demo(self, capsys, monkeypatch, tmp_path):
        monkeypatch.chdir(ROOT)
        (tmp_path / "more.yaml").write_text("run: more\nvalidation: {n_pairs: 10}\n")
        assert cli.main(["plan", "config/demo.yaml", str(tmp_path / "more.yaml"), "--folder", str(tmp_path)]) == 0
        said = capsys.readouterr().out
        assert "run more" in said and "51 / 60 / 60" in said and "simulated, costs nothing" in said

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("run: x", "x.yaml: lacks seed, shards,"),
            ("- 1", "line 1: settings are lines of the form"),
            ("a: [", "not YAML"),
        ],
    )
    def test_a_configuration_that_cannot_be_planned(self, capsys, tmp_path, text, message):
        (tmp_path / "x.yaml").write_text(text)
        assert cli.main(["plan", str(tmp_path / "x.yaml")]) == 1
        assert message in capsys.readouterr().err


def test_a_rehearsal_knows_the_repair_that_follows_a_reply_out_of_form(tmp_path):
    """An endpoint without JSON schema: the recorded reply is no JSON, so one more call is still to be made."""
    endpoints = {"mine": Endpoint("mine", "m", json_schema=False)}
    slots = dict.fromkeys(FORMS["judge_no_persona"].slots, "x")
    rows = pd.DataFrame([{"endpoint": "mine", "template": "judge_no_persona", "slots": slots}])
    asked = words.build(rows, endpoints=endpoints, templates=FORMS)[0]
    with Ledger(tmp_path, "toy", shard=0, of=1) as ledger:
        for reply, missing in ((None, 1), (Reply("unparsed", detail="no JSON object in it: A."), 1)):
            if reply is not None:
                ledger.append([(asked, reply)])
            ask = DryRun(endpoints, {}, FORMS, ledger, lengths=LENGTHS)
            assert ask(rows)["status"].tolist() == ["ok"] and sum(n for n, _ in ask.missing.values()) == missing
        ledger.append([(words.repair(asked, reply), Reply("ok", text='{"choice": "A"}'))])
        ask = DryRun(endpoints, {}, FORMS, ledger, lengths=LENGTHS)
        assert ask(rows)["data"].tolist() == [{"choice": "A"}] and not ask.missing
