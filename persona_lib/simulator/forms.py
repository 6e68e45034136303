"""Reading a request: which template it was made from, what stood in the slots, whose description it shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from persona_lib.messages.templates import Template, invert, load, without_additions
from persona_lib.tables.descriptions import values_of

TEMPLATES = Path(__file__).resolve().parents[2] / "data" / "templates"


class Forms:
    """The templates of one folder, ready to be recognised in requests.

    Raises
    ------
    TemplateError
        The folder holds no template, or one that is not as it must be.
    """

    def __init__(self, folder: str | Path = TEMPLATES) -> None:
        self._by_system: dict[str, list[Template]] = {}
        for template in load(folder).values():
            self._by_system.setdefault(template.system, []).append(template)

    def recognise(self, messages: Sequence[Mapping]) -> tuple[str, dict[str, str]] | None:
        """The template's name and its slots; None for a request that no template made.

        The response schema may stand in the user text, with the correction of a repair or without. A slot is the
        shortest text that lets the rest fit, first slots first: nothing that is written in a later slot changes what
        is read from an earlier one.
        """
        if [message["role"] for message in messages] != ["system", "user"]:
            return None
        system, user = (message["content"] for message in messages)
        for template in self._by_system.get(system, ()):
            text = user if template.response_schema is None else without_additions(user)
            if (slots := invert(template, text)) is not None:
                return template.name, slots
        return None


@lru_cache(maxsize=20_000)
def parse_description(description: str) -> Mapping[str, str]:
    """The attributes that a description shows (`descriptions.values_of`), kept, since thousands of calls repeat it.

    Examples
    --------
    >>> dict(parse_description("Age: 43\\nFavourite letter: K"))
    {'age_years': '43'}
    """
    return MappingProxyType(values_of(description))
