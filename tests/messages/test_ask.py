"""Whoever answers a stage is what the stage is written against. Oracle: the configuration's schema names the roles."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from small_personas import Asked

from persona_lib.asking.asker import Asker
from persona_lib.cost.dry_run import DryRun
from persona_lib.cost.plan import read_lengths
from persona_lib.ledger.live import Ledger
from persona_lib.ledger.replay import replay
from persona_lib.messages.ask import Ask, Roles
from persona_lib.messages.endpoint import Endpoint

ROOT = Path(__file__).parents[2]
LENGTHS = read_lengths(ROOT / "data/reference/typical_lengths.csv")
CHAT = Endpoint("large", "m", "http://127.0.0.1:9/v1")


def test_roles_are_those_of_the_configuration():
    rules = yaml.safe_load((ROOT / "config/schema.yaml").read_text("utf-8"))["properties"]["roles"]["properties"]
    kinds = {"string": "str", "array": "list[str]"}
    assert Roles.__annotations__.keys() == rules.keys()
    assert {n: kind.__forward_arg__ for n, kind in Roles.__annotations__.items()} == {
        name: kinds[rule["type"]] for name, rule in rules.items()
    }


@pytest.mark.parametrize("transport", ["chat", "batch"])
def test_an_asker_and_its_dry_run_say_the_same_of_themselves(tmp_path, transport):
    endpoints, roles = {"large": replace(CHAT, transport=transport)}, {"judge": "large"}
    with (
        Ledger(tmp_path, "toy", shard=0, of=1) as ledger,
        Asker(endpoints, roles, {}, ledger, mode="replay", quiet=True) as ask,
    ):
        dry_run = DryRun(endpoints, roles, {}, ledger, lengths=LENGTHS)
        for one in (ask, dry_run):
            assert isinstance(one, Ask) and one.roles == roles and one.by_batch == (transport == "batch")


def test_a_sealed_ledger_and_a_stand_in_answer_at_once():
    for one in (replay(ROOT / "data/expected/demo/sealed/personas.parquet"), Asked()):
        assert isinstance(one, Ask) and one.roles["writer"] == "large" and one.by_batch is False
