"""What looks like a key of an API: refused wherever a configuration is read, and never shown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

HIDDEN = "(not shown: it may be a key)"
_PREFIXES = r"sk|rk|gsk|xai|pplx|nvapi|csk|tgp|fw|r8|hf|api_org|gh[oprsu]|github_pat|glpat|AIza|AKIA|ya29|eyJ"
# what providers begin keys with; the lookahead spares names such as hf_conversations or sk-learn
_KNOWN = re.compile(rf"(?<![A-Za-z0-9])(?:{_PREFIXES})[-_.]?(?=[A-Za-z_.-]*\d)[\w.-]{{14,}}")
_BEARER = re.compile(r"\b(?:bearer|basic)\s+\S{8,}", re.IGNORECASE)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_LONG_RUN, _MANY_DIGITS = 16, 2


def looks_like_key(text: str) -> bool:
    """Whether a text holds what a provider's key begins with, or `Bearer ...`.

    Examples
    --------
    >>> [looks_like_key(text) for text in ("sk-proj-Ab3dEf6hIj9kLm", "Bearer abcdefgh", "gpt-4o-2024", "sk-learn")]
    [True, True, False, False]
    """
    return bool(_KNOWN.search(text) or _BEARER.search(text))


def is_random(text: str) -> bool:
    """Whether a text has a long run of letters and digits, as keys without a known beginning do.

    Examples
    --------
    >>> is_random("0f3a9c27b1d84e6590aa"), is_random("AZURE_EASTUS2_OPENAI_API_KEY_2")
    (True, False)
    """
    runs = (run for run in re.findall(r"[A-Za-z0-9]+", text) if len(run) >= _LONG_RUN)
    return any(sum(sign.isdigit() for sign in run) >= _MANY_DIGITS and not run.isdigit() for run in runs)


def is_variable(text: str) -> bool:
    """Whether a text can be the name of an environment variable, and is no key that was pasted instead.

    Examples
    --------
    >>> [is_variable(text) for text in ("OPENAI_API_KEY", "sk-abc", "hf_AbCdEfGhIjKlMnOp12", "MY KEY", "")]
    [True, False, False, False, False]
    """
    return bool(_VARIABLE.fullmatch(text)) and not looks_like_key(text) and not is_random(text)


def shown(text: str) -> str:
    """A text in quotes as a message may show it; what may be a key, or is long, is not shown.

    Examples
    --------
    >>> shown("many"), shown("gsk_Ab3dEf6hIj9kLm1n")
    ("'many'", '(not shown: it may be a key)')
    """
    return HIDDEN if looks_like_key(text) or is_random(text) or len(text) > 80 else repr(text)  # noqa: PLR2004


def texts(value: Any, path: tuple = ()) -> Iterator[tuple[tuple, str]]:
    """Every text in a value of YAML, keys of mappings among them, each with the keys that lead to it."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, part in value.items():
            yield (*path, key), str(key)
            yield from texts(part, (*path, key))
    elif isinstance(value, list | tuple):
        for number, part in enumerate(value):
            yield from texts(part, (*path, number))
