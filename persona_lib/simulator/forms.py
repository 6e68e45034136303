"""Reading a request: which template it was made from, what stood in the slots, whose description it shows."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, lru_cache
from types import MappingProxyType

from persona_lib.schema import attributes


@cache
def labels() -> Mapping[str, str]:
    """Attribute by label, as in `Age: 43`."""
    return MappingProxyType(dict(zip(attributes().label, attributes().attribute, strict=True)))


@lru_cache(maxsize=20_000)
def parse_description(description: str) -> Mapping[str, str]:
    """The attributes that a description shows: one `Label: value` per line.

    A line with another label, such as a placebo, shows none of them. Where a label comes twice the first counts.

    Examples
    --------
    >>> dict(parse_description("Age: 43\\nFavourite letter: K"))
    {'age_years': '43'}
    """
    shown: dict[str, str] = {}
    for line in description.split("\n"):
        label, colon, value = line.partition(":")
        attribute = labels().get(label.strip())
        if colon and attribute is not None:
            shown.setdefault(attribute, value.strip())
    return MappingProxyType(shown)
