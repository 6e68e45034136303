"""The rules that a revision must keep: fewer words than the answer, and no attribute of its reader named."""

from __future__ import annotations

import re
from functools import lru_cache

from persona_lib.tables.descriptions import values_of
from persona_lib.tables.schema import TOLD

LONGER, TELLS = "not shorter", "names an attribute"
RULES = {LONGER: "shorter", TELLS: "no attribute named"}  # the rule that each fault breaks, as statistics name it
# Every fault, and what a reviser is told of the rule that it broke.
FAULTS = {LONGER: "It must have fewer words than the answer.", TELLS: "It must not say or hint at who the reader is."}
FAULTS[f"{LONGER} and {TELLS}"] = " ".join(FAULTS.values())
# Attributes that one word gives away, such as a religion or a party; of the others it takes two words.
_TOLD_BY_A_WORD = ("sex", "race", "ancestry", "place_of_birth", "ideology", "political_views", "religion")
_PLAIN = frozenset(
    ("american", "english", "other", "mixed", "none", "native", "nothing", "particular", "white", "black")
    + ("united", "states")
)


def fault(revision: str, answer: str, *, prompt: str, description: str) -> str:
    """The rules that a revision of an answer breaks, a key of `FAULTS`; '' for none.

    What a token is differs from model to model, what a word is does not: so the length is counted in words.

    Examples
    --------
    >>> said = {"prompt": "Why?", "description": "Age: 43\\nReligion: Baptist"}
    >>> fault("As a Baptist, why not?", "It depends.", **said), fault("Perhaps.", "It depends.", **said)
    ('not shorter and names an attribute', '')
    """
    is_longer = len(revision.split()) >= len(answer.split())
    tells = bool(named(revision, description, known=f"{prompt}\n{answer}"))
    return " and ".join([LONGER] * is_longer + [TELLS] * tells)


def named(text: str, description: str, *, known: str = "") -> list[str]:
    """The attributes of a described person that a text names: whose value, or a part of it, stands in the text.

    A part is what stands between commas, semicolons or brackets. Of two or more words it must stand there as a whole;
    a single word counts only for sex, race, ancestry, place of birth, ideology, party and religion, and if it is not
    one that every text may hold. The age counts as a number. What stands in `known` (the question, the first answer)
    gives nothing away. Paraphrase is not seen.

    Examples
    --------
    >>> described = "Age: 43\\nReligion: Baptist\\nLifestyle: quiet life, rarely travels"
    >>> named("At 43, one of a quiet life reads it as a Baptist would.", described)
    ['age_years', 'religion', 'lifestyle']
    >>> named("As a Baptist, think twice.", described, known="What do Baptists say of a Baptist wedding?")
    []
    """
    said, before = text.casefold(), known.casefold()
    stands = [
        attribute
        for attribute, phrase in _tell_tales(description)
        if phrase in said and _stands(phrase, said) and not _stands(phrase, before)
    ]
    return list(dict.fromkeys(stands))


def _stands(phrase: str, text: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(phrase)}(?!\w)", text) is not None


@lru_cache(maxsize=20_000)
def _tell_tales(description: str) -> tuple[tuple[str, str], ...]:
    """Each attribute beside each phrase, in lower case, that would give it away."""
    found: list[tuple[str, str]] = []
    for attribute, value in values_of(description).items():
        if value in TOLD.values():
            continue
        parts = [piece.strip(" .") for piece in re.split(r"[,;()]", value.casefold())]
        if attribute == "age_years":
            telling = [value.casefold().split()[0]] if value.split() else []
        else:
            least = 1 if attribute in _TOLD_BY_A_WORD else 2
            telling = [piece for piece in parts if len(piece.split()) >= least and not set(piece.split()) <= _PLAIN]
        found += [(attribute, piece) for piece in telling if len(piece) > 1]
    return tuple(found)
