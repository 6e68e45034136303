"""Portraits of a persona for one question: what a summary keeps, and what a reader gets back from it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from functools import cache, lru_cache

import numpy as np

from persona_lib.simulator.respondents import own_part
from persona_lib.simulator.sentences import phrases
from persona_lib.simulator.world import Model, load, uniform
from persona_lib.tables.descriptions import label_of, line

OPENING, NOTHING = "A portrait.", "A person like any other."


@cache
def _leads() -> Mapping[str, str]:
    """How a portrait introduces each attribute."""
    return {attribute: lead for sentence in phrases()["portrait"] for attribute, lead in sentence.items()}


@cache
def _cuts() -> re.Pattern:
    leads = sorted(_leads().values(), key=len, reverse=True)
    return re.compile("[.;] (" + "|".join(map(re.escape, leads)) + ") ", re.I)


def drop_chance(attribute: str, who: Model) -> float:
    """Chance that a summary by this model leaves an attribute out, over all questions."""
    chances = load().parameters["dropped"]
    return min(load().parameters["drop_most"], chances.get(attribute, chances["default"]) * who.drop_factor)


def drop_chance_on(prompt: str, attribute: str, who: Model) -> float:
    """The same for one question: what the question decides for everybody is decided."""
    chance, shared = drop_chance(attribute, who), load().parameters["dropped_shared"]
    return shared * (_of_question(prompt, attribute) < chance) + (1 - shared) * chance


@lru_cache(maxsize=200_000)
def _of_question(prompt: str, attribute: str) -> float:
    return uniform(hashlib.sha256(prompt.encode("utf-8", "surrogatepass")).digest(), f"drop {attribute}")


def _is_dropped(prompt: str, attribute: str, who: Model, digest: bytes) -> bool:
    by_question = uniform(digest, f"by the question {attribute}") < load().parameters["dropped_shared"]
    drawn = _of_question(prompt, attribute) if by_question else uniform(digest, f"drop {attribute}")
    return drawn < drop_chance(attribute, who)


def summarise(lines: Mapping[str, str], prompt: str, who: Model, digest: bytes) -> str:
    """One paragraph that keeps most attributes.

    Every attribute is kept or dropped with the model's and the attribute's chance, whatever its value: by a draw of
    the question, the same for all who summarise for it, or by one of its own.
    """
    said = [OPENING]
    for sentence in phrases()["portrait"]:
        kept = [
            f"{lead} {' '.join(lines[attribute].split()).rstrip('.')}"
            for attribute, lead in sentence.items()
            if lines.get(attribute) and not _is_dropped(prompt, attribute, who, digest)
        ]
        if kept:
            text = "; ".join(kept)
            said.append(text[0].upper() + text[1:] + ".")
    return " ".join(said) if len(said) > 1 else NOTHING


def recover(summary: str) -> dict[str, str]:
    """The attributes that a portrait conveys, with their values; empty for prose of another kind.

    Examples
    --------
    >>> recover("A portrait. Their age is 43. In religion they are Baptist; their ideology is: sunny; mostly.")
    {'age_years': '43', 'religion': 'Baptist', 'ideology': 'sunny; mostly'}
    """
    if not summary.strip().startswith(OPENING):
        return {}
    by_lead = {lead.casefold(): attribute for attribute, lead in _leads().items()}
    parts = _cuts().split(summary.strip())
    values = (value.rstrip(".") for value in parts[2::2])
    return {by_lead[lead.casefold()]: value for lead, value in zip(parts[1::2], values, strict=True)}


def describe(summary: str) -> str:
    """The description that a portrait amounts to: one `Label: value` line per attribute it conveys."""
    return "\n".join(line(attribute, value) for attribute, value in recover(summary).items())


def conveyed(lines: Mapping[str, str], summary: str, who: Model, digest: bytes) -> dict[str, bool]:
    """For each of the 33 attributes whether the portrait conveys it; turned round at the model's error rate.

    A portrait in other words than ours conveys a line if its value stands in it.
    """
    got, text = recover(summary), summary.casefold()
    found = {}
    for attribute in label_of():
        value = lines.get(attribute, "").rstrip(".")
        known = attribute in got if got else len(value) > 3 and value.casefold() in text
        found[attribute] = known != (uniform(digest, f"extract {attribute}") < who.extractor_error)
    return found


def serves(description: str, summary: str, who: Model) -> bool:
    """Whether a summary points where its description points, in a model's eyes: the cosine of the two own parts.

    True where the description says nothing of the person; false where only the summary does not.
    """
    whole, kept = own_part(description, who.name), own_part(describe(summary), who.name)
    lengths = float(np.linalg.norm(whole)), float(np.linalg.norm(kept))
    if not all(lengths):
        return not lengths[0]
    return bool(whole @ kept / (lengths[0] * lengths[1]) >= load().parameters["equivalent_from"])


def equivalent_chance(description: str, summary: str, who: Model) -> float:
    """Chance that a model calls a summary equivalent: its judgement is turned round at its error rate."""
    return who.extractor_error + (1 - 2 * who.extractor_error) * serves(description, summary, who)
