"""What lets us in at an endpoint: its key, its further headers and query, from environment variables; never shown."""

from __future__ import annotations

import re
from collections.abc import Mapping

from persona_lib.messages.endpoint import NAMED, Endpoint

_SHORTEST = 12  # characters of a secret; shorter ones, such as EMPTY, are stand-ins


class CredentialError(ValueError):
    """A variable that is not set, or holds what cannot be sent; names the variable, never what it holds."""


class Credentials:
    """The key, the headers and the query of one endpoint, read from the environment when a run starts.

    Attributes: `key` ('' for none), `headers` and `query` (by name, `${NAME}` filled in).

    Parameters
    ----------
    endpoint : whose key_variable, headers and query name environment variables
    environment : their values by name

    Raises
    ------
    CredentialError
        A variable is not set, or holds what no key and no header has.
    """

    def __init__(self, endpoint: Endpoint, environment: Mapping[str, str]) -> None:
        self._alias, self._environment = endpoint.alias, environment
        self._read: set[str] = set()
        self.key = self._value(endpoint.key_variable, "its key") if endpoint.key_variable else ""
        self.headers = {name: self._filled(text, f"headers.{name}") for name, text in endpoint.headers.items()}
        self.query = {name: self._filled(text, f"query.{name}") for name, text in endpoint.query.items()}

        # A secret as JSON within JSON, or an address, may write it.
        self._secrets = sorted(self._read, key=len, reverse=True)  # of two of which one begins the other, the longer
        written = ("".join(map(_written, secret)) for secret in self._secrets)
        self._escaped = re.compile(rf"(?<!\\)(?:{'|'.join(written)})", re.IGNORECASE)

    @property
    def lets_in(self) -> bool:
        """Whether the header Authorization has something to say."""
        return bool(self.key) or "authorization" in map(str.lower, self.headers)

    def clean(self, text: str) -> str:
        """The text without any secret, should the endpoint repeat one; short stand-ins such as EMPTY are no secrets."""
        for secret in self._secrets:
            text = text.replace(secret, "[key]")
        is_escaped = "\\" in text or "%" in text
        return self._escaped.sub("[key]", text) if self._secrets and is_escaped else text

    def _filled(self, text: str, what: str) -> str:
        return NAMED.sub(lambda found: self._value(found[1], what), text)

    def _value(self, variable: str, what: str) -> str:
        value = self._environment.get(variable, "").strip()
        if not value.isascii() or not value.isprintable():
            raise CredentialError(f"endpoint {self._alias}: {variable} holds signs that no key has")
        if not value:
            raise CredentialError(f"endpoint {self._alias}: {what} is not set; export {variable}=...")
        if len(value) >= _SHORTEST:
            self._read.add(value)
        return value


def _written(sign: str) -> str:
    """The pattern of one sign of a secret, however it may be written."""
    blank = r"|\+" if sign == " " else ""
    return rf"\\*(?:{re.escape(sign)}|u{ord(sign):04x}|%{ord(sign):02x}{blank})"
