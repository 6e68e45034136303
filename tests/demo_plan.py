"""What tests of the plan share: the demo's configuration, templates, lengths and prices."""

from __future__ import annotations

from pathlib import Path

import yaml

from persona_lib.asking.prices import read_prices
from persona_lib.cost import plan
from persona_lib.messages import templates
from persona_lib.stages.prompts import read_bank, screen

ROOT = Path(__file__).parents[1]


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
    "survey": {"survey_items": "survey_items.csv"}
    | dict.fromkeys(("personas", "prompts", "pool_items", "pool_answers", "pool_judgements"), ""),
}
