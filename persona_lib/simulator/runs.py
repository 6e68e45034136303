"""A run of the simulated world as its truths see it: models instead of aliases, persons for whom texts are written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypedDict

import numpy as np

from persona_lib.simulator.populations import Population
from persona_lib.simulator.respondents import model
from persona_lib.simulator.roles import HANDLERS, Call
from persona_lib.simulator.sentences import load_bank
from persona_lib.simulator.world import Model
from persona_lib.tables.revisions import fault


@dataclass(frozen=True)
class Run:
    """The settings of a run that decide on truths, with models instead of their aliases."""

    seed: int
    settings: Mapping
    models: Mapping[str, Model]

    @classmethod
    def of(cls, settings: Mapping) -> Run:
        models = {alias: model(endpoint["model"]) for alias, endpoint in settings["endpoints"].items()}
        return cls(settings["seed"], settings, models)

    def role(self, name: str) -> Model:
        return self.models[self.settings["roles"][name]]

    def several(self, name: str) -> dict[str, Model]:
        return {alias: self.models[alias] for alias in self.settings["roles"][name]}

    def has_forms(self, alias: str) -> bool:
        """Whether a reply out of form is final, not asked for once more."""
        return self.settings["endpoints"][alias].get("json_schema", True)


class Items(TypedDict):
    """Where the two answers to each question stand, and how many words the second has more: of a `Population`."""

    first: np.ndarray
    second: np.ndarray
    more_words: np.ndarray


@dataclass(frozen=True)
class Persons:
    """Persons of one batch, each with a question of its own, and the writers that answer them."""

    descriptions: list[str]
    prompts: list[str]
    people: Population
    rng: np.random.Generator

    def __len__(self) -> int:
        return len(self.descriptions)

    def write(self, template: str, who: Model, **slots: list[str]) -> list[str]:
        """What a model writes in each person's place; slots hold one text each."""
        return write(template, who, self.rng, **slots)


def write(template: str, who: Model, rng: np.random.Generator, **slots: list[str]) -> list[str]:
    """What a model writes, row by row; slots hold one text each."""
    rows = [dict(zip(slots, values, strict=True)) for values in zip(*slots.values(), strict=True)]
    return [HANDLERS[template](Call(row, who, rng.bytes(32), 0)) for row in rows]


def refined(
    run: Run, rng: np.random.Generator, *, persona: list[str], prompt: list[str], answer: list[str]
) -> list[str]:
    """The answers rewritten for the persons by critique and revision, again where a rule is broken, as stages do it."""
    feedback = run.settings["feedback"]
    critic, reviser = run.role("critic"), run.role("reviser")
    critique = write(f"critique_{feedback['template']}", critic, rng, persona=persona, prompt=prompt, answer=answer)
    revision = write("revise", reviser, rng, prompt=prompt, answer=answer, critique=critique)
    for _ in range(feedback["max_retries"]):
        given = list(zip(revision, answer, prompt, persona, strict=True))
        broken = [i for i, (new, old, q, p) in enumerate(given) if fault(new, old, prompt=q, description=p)]
        columns = {"prompt": prompt, "answer": answer, "critique": critique}
        again = write(
            "revise_again", reviser, rng, **{key: [texts[i] for i in broken] for key, texts in columns.items()}
        )
        for i, text in zip(broken, again, strict=True):
            revision[i] = text
    return revision


def placed(first: list[str], second: list[str]) -> Items:
    """Where the two answers to each question stand, and how many words the second has more."""
    (a, words_a), (b, words_b) = (zip(*map(load_bank().vector, texts), strict=True) for texts in (first, second))
    return {"first": np.array(a), "second": np.array(b), "more_words": np.array(words_b, float) - np.array(words_a)}
