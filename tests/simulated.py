"""What tests of the simulated models share: descriptions, messages of every template, replies."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from persona_lib.messages.templates import load as load_templates
from persona_lib.messages.templates import render
from persona_lib.simulator import roles
from persona_lib.simulator.forms import TEMPLATES, Forms
from persona_lib.simulator.world import load
from persona_lib.tables.schema import attributes

REPO = Path(__file__).resolve().parents[1]
FORMS = Forms()
WORDS = load_templates(TEMPLATES)
SUBJECTS = (
    "guns,school uniforms,a four-day week,zoos,the death penalty,tipping,nuclear power,homework,rent control,dams"
)
PROMPTS = [f"What do you think about {s}{tail}?" for s in SUBJECTS.split(",") for tail in ("", " in cities", " today")]
ASKED = {
    "persona": "Age: 43\nReligion: none",
    "prompt": "Should zoos be closed?",
    "topics": "Animals\nTravel",
    "answer": "Keep what works, drop what does not, and move on.",
    "answer_a": "So pick one thing, do it this week, and see what it changes.",
    "answer_b": "It is your life, and the choice is yours.",
    "critique": "EVALUATION:\nNo.\nSUGGESTIONS:\nBe bolder: act.\nDONE",
    "revision": "Keep what works, drop what does not, and move on, as ever.",
    "fault": "It must have fewer words than the answer.",
    "summary": "A portrait. Their age is 43.",
    "options": "too little\nabout right\ntoo much",
    "people": "adults in the United States",
}
SETTINGS = {
    "seed": 5,
    "endpoints": {alias: {"model": f"sim-{alias}"} for alias in ("large", "medium", "rater", "judge")},
    "roles": {
        "answerer": "large", "critic": "large", "reviser": "large", "judge": "medium", "panel": ["large", "medium"],
        "raters": "rater", "contestants": ["large"], "examiner": "judge", "writer": "large",
    },
    "population": {"n_draws": 150, "adults_only": True, "group_quarters": True, "strata": []},
    "personas": {"n": 100, "big_five": "correlated", "model_stage": True},
    "feedback": {"template": "neutral", "max_retries": 1},
    "pool": {"n_raters": 4, "n_panel_personas": 20},
    "ablation": {"n_personas": 5, "n_questions": 6, "n_shown": 2},
    "pass_at_k": {"n_items": 10, "n_attempts": 4},
    "benchmark": {"n_items": 30},
}  # fmt: skip


def description(number: int) -> str:
    """One of many invented descriptions."""
    rng = np.random.default_rng(number)
    traits = ("openness", "conscientiousness", "extraversion", "agreeableness", "neuroticism")
    special = {
        "age_years": str(rng.integers(18, 90)),
        "income_usd": f"${int(np.exp(rng.normal(10.3, 1.2))):,} a year",
        "education": str(rng.choice(["Regular high school diploma", "Bachelor's degree", "Some college, no degree"])),
        "big_five": ", ".join(f"{rng.choice(['low', 'average', 'high'])} {trait}" for trait in traits),
    }
    rows = zip(attributes().attribute, attributes().label, strict=True)
    return "\n".join(f"{label}: {special.get(name, f'kind {rng.integers(9)} of {name}')}" for name, label in rows)


def messages(name: str, **slots: str) -> list[dict]:
    return list(render(WORDS[name], {key: slots.get(key, ASKED[key]) for key in WORDS[name].slots}))


def said(model: str, name: str, sample: int = 0, **slots: str) -> roles.Reply:
    return roles.reply(FORMS, load().models[model], messages(name, **slots), sample=sample)


def spotless(model: str, name: str, **slots: str) -> str:
    """The first sample that is neither refused nor out of form."""
    quiet = load().models[model]
    quiet = type(quiet)(**{**quiet.__dict__, "refusal_rate": 0.0, "malformed_rate": 0.0})
    return roles.reply(FORMS, quiet, messages(name, **slots)).text
