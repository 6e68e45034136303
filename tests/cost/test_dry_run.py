"""The dry run: against the calls of the demo run that really happened, and by hand."""

from __future__ import annotations

from collections import Counter

import pandas as pd
import pytest
from demo_plan import DEMO, EXPECTED, FORMS, LENGTHS, READS, REFERENCE

from persona_lib.commands import inputs
from persona_lib.commands.collect import STAGES
from persona_lib.cost.dry_run import DryRun, stand_in
from persona_lib.ledger import sealed
from persona_lib.ledger.live import Ledger
from persona_lib.messages import json_replies
from persona_lib.messages import request as words
from persona_lib.messages.endpoint import Endpoint, read_recorded
from persona_lib.messages.request import Reply

# The calibration of the benchmark examines pairs whose judgements are known.
TABLES = READS | {"benchmark": dict.fromkeys(("personas", "prompts", "pairs", "judgements", "answers"), "")}


class Recorded:
    """A sealed ledger as the known answers of a dry_run."""

    def __init__(self, path):
        self._rows = {row["request_hash"]: row for row in sealed.rows(path)}

    def __len__(self):
        return len(self._rows)

    def find(self, request):
        row = self._rows.get(request.hash)
        return None if row is None else Reply(row["status"], text=row["text"])


def n_named_groups():
    """How many groups of the demo's personas have five members and are asked about by name, counted person by person.

    By eye: 2 sexes, 4 ages, 4 races (two persons have more than one) and 5 ideologies (four persons are not sure).
    """
    personas = pd.read_parquet(EXPECTED / "personas.parquet")
    groups = Counter()
    for one in personas.to_dict("records"):
        age = sum(one["age_years"] >= first for first in (35, 55, 70))
        groups.update([("sex", one["sex"]), ("age", age), ("race", one["race"]), ("ideology", one["ideology"])])
    return sum(n >= 5 for n in groups.values())


def dry_run(stage, ledger):
    """A dry_run of a whole stage on the tables of the demo run."""
    named = [
        f"{name}={REFERENCE / file if file else EXPECTED / f'{name}.parquet'}" for name, file in TABLES[stage].items()
    ]
    endpoints = read_recorded(sealed.facts(EXPECTED / "sealed" / f"{stage}.parquet")["endpoints"])
    ask = DryRun(endpoints, DEMO["roles"], FORMS, ledger, lengths=LENGTHS)
    inputs.found(STAGES[stage])(inputs.read_tables(named), DEMO, shard=0, of=1, ask=ask)
    return ask


class TestAgainstTheDemoRun:
    """Oracle: the sealed ledgers of the run that was really made."""

    @pytest.mark.parametrize("stage", READS)
    def test_a_dry_run_over_what_is_known_counts_exactly_the_calls_that_were_made(self, stage):
        ledger = Recorded(EXPECTED / "sealed" / f"{stage}.parquet")
        ask = dry_run(stage, ledger)
        assert ask.n_asked == len(ledger) and not ask.missing

    @pytest.mark.parametrize("stage", READS)
    def test_a_dry_run_over_nothing_is_the_product_where_no_row_is_dropped(self, stage, calls):
        missing = dry_run(stage, None).missing
        made = Counter({(template, endpoint): n for (endpoint, template), (n, _) in missing.items()})
        most = calls[calls["stage"] == stage].set_index(["template", "endpoint"])["calls_high"]
        assert made <= Counter(most.to_dict())
        if stage == "pool":
            # 20 items: what share of everybody, and of each group that is large enough. The plan has 2 sexes, 4 ages,
            # 9 races and 6 ideologies at most, 20 * (1 + 21); the demo's personas have 15 groups, 20 * (1 + 15).
            shares = ("ask_share", "large")
            assert most[shares] == 20 * (1 + 2 + 4 + 9 + 6) == 440
            assert made[shares] == 20 * (1 + n_named_groups()) == 320
            most[shares] = made[shares]
        if stage == "survey":  # personas who chose alike and are shown the same past are asked for once
            past = ("judge", "large")
            assert 0.8 * most[past] < made[past] < most[past]
            most[past] = made[past]
        if stage in ("prompts", "pool", "benchmark", "pass_at_k", "survey"):
            assert made == most.to_dict(), "the product, call by call"


def test_stand_ins_fit_the_schemas_of_all_templates_and_all_have_a_length():
    for name, template in FORMS.items():
        assert LENGTHS.loc[("reply", name)].gt(0).all()
        if template.response_schema is not None:
            text = words.canonical(stand_in(template.response_schema))
            assert json_replies.parsed(text, words.canonical(template.response_schema))[1] == "", name


def test_a_dry_run_knows_the_repair_that_follows_a_reply_out_of_form(tmp_path):
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
        ledger.append([(words.repair(asked, reply, endpoints["mine"]), Reply("ok", text='{"choice": "A"}'))])
        ask = DryRun(endpoints, {}, FORMS, ledger, lengths=LENGTHS)
        assert ask(rows)["data"].tolist() == [{"choice": "A"}] and not ask.missing
