"""Portraits of a persona: what a summary keeps, and what a reader gets back from it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

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
    """Chance that a summary by this model leaves an attribute out."""
    chances = load().parameters["dropped"]
    return min(load().parameters["drop_most"], chances.get(attribute, chances["default"]) * who.drop_factor)


def summarise(lines: Mapping[str, str], who: Model, digest: bytes) -> str:
    """One paragraph that keeps most attributes.

    Every attribute is kept or dropped on its own, with the model's and the attribute's chance, whatever its value.
    """
    said = [OPENING]
    for sentence in phrases()["portrait"]:
        kept = [
            f"{lead} {' '.join(lines[attribute].split()).rstrip('.')}"
            for attribute, lead in sentence.items()
            if lines.get(attribute) and uniform(digest, f"drop {attribute}") >= drop_chance(attribute, who)
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
