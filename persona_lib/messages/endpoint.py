"""The models that can be asked, as a configuration names them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from persona_lib.messages import keys
from persona_lib.messages.ask import Roles

SIMULATOR = "simulator"  # the base_url of our own
NAMED = re.compile(r"\$\{([^{}]*)\}")  # an environment variable in a header or a query
_NO_KEYS = {"api_key", "apikey", "x_api_key", "access_token", "authorization", "password"}
_NO_KEYS |= {"headers", "extra_headers", "extra_query", "extra_body"}
_FIELD = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")  # the name of a header (RFC 9110, section 5.6.2)
_SET_BY_CLIENT = {"content_length", "content_type", "host", "transfer_encoding"}
_SECRET_WORDS = re.compile(r"auth|cookie|key|password|secret|signature|token", re.IGNORECASE)


class RequestError(ValueError):
    """A row that no request can be built from; names the row and what is wrong with it."""


@dataclass(frozen=True)
class Endpoint:
    """One model that can be asked, as the configuration names it; `config/schema.yaml` describes each field."""

    alias: str
    model: str
    base_url: str = ""
    key_variable: str | None = None
    concurrency: int = 1
    timeout_s: float = 60
    retries: int = 0
    parameters: Mapping[str, Any] = field(default_factory=dict)
    transport: str = "chat"
    json_schema: bool = True
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    price: str | None = None
    seed: bool = True
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    repairs: bool = True
    least_usable: float = 0.2
    most_not_taken: float = 0.1

    @property
    def max_tokens(self) -> int | None:
        """The most tokens that it is allowed to reply with; None where nothing is said."""
        return self.parameters.get("max_completion_tokens") or self.parameters.get("max_tokens")

    def recorded(self) -> dict:
        """What a sealed ledger says of an endpoint: what can change an answer, and nothing of keys and speed."""
        found: dict[str, Any] = {"base_url": self.base_url, "model": self.model, "parameters": dict(self.parameters)}
        found |= {name: False for name in ("json_schema", "seed") if not getattr(self, name)}
        return found if self.repairs is not self.json_schema else found | {"repairs": self.repairs}


def read_recorded(recorded: Mapping[str, Mapping]) -> dict[str, Endpoint]:
    """The endpoints of a sealed ledger; one that says nothing of repairs had them for a schema in the prompt alone."""
    return read_endpoints(
        {alias: {"repairs": not one.get("json_schema", True), **one} for alias, one in recorded.items()}
    )


def read_endpoints(settings: Mapping[str, Mapping]) -> dict[str, Endpoint]:
    """The endpoints of a configuration, by alias.

    Raises
    ------
    RequestError
        An unknown or missing field, a parameter or a header that the engine sets itself, or a place where a
        key could stand: a parameter or a header named so, a key_variable that is no variable's name, or a
        user, a password or a query in the address. What may be a key is not shown.
    """
    found = {}
    for alias, values in settings.items():
        try:
            found[alias] = endpoint = Endpoint(alias=alias, **values)
        except TypeError as error:
            raise RequestError(f"endpoints.{alias}: {str(error).split('() ')[-1]}") from error
        if own := sorted({"model", "messages", "seed", "n", "stream", "response_format"} & set(endpoint.parameters)):
            raise RequestError(f"endpoints.{alias}.parameters: {', '.join(own)} is set by the engine; remove it")
        if named := sorted(name for name in _names(endpoint.parameters) if name.lower().replace("-", "_") in _NO_KEYS):
            raise RequestError(f"endpoints.{alias}.parameters: no {', '.join(named)} in it; name a key_variable")
        if any(keys.looks_like_key(text) or keys.is_random(text) for _, text in keys.texts(endpoint.parameters)):
            raise RequestError(f"endpoints.{alias}.parameters: a value may be a key; remove it, name a key_variable")
        if endpoint.key_variable is not None and not keys.is_variable(endpoint.key_variable):
            what = "the name of the environment variable that holds the key belongs here, never the key"
            raise RequestError(f"endpoints.{alias}.key_variable: {what}")
        if endpoint.base_url not in ("", SIMULATOR) and not endpoint.base_url.startswith(("http://", "https://")):
            raise RequestError(f"endpoints.{alias}.base_url: must begin with http:// or https://")
        if any(sign in endpoint.base_url for sign in "@?"):
            what = "no user, password or query in it; name a key_variable, and write the query under query:"
            raise RequestError(f"endpoints.{alias}.base_url: {what}")
        for part in ("headers", "query"):
            for name, text in getattr(endpoint, part).items():
                if wrong := _wrong_with(part, name, text):
                    raise RequestError(f"endpoints.{alias}.{part}.{keys.shown(name).strip(chr(39))}: {wrong}")
    return found


def _wrong_with(part: str, name: str, text: Any) -> str:
    """What keeps a header or a part of the query from being sent; '' if nothing."""
    if part == "headers" and not _FIELD.fullmatch(name):
        return "is no name of a header"
    if part == "headers" and name.lower().replace("-", "_") in _SET_BY_CLIENT:
        return "is set by the engine; remove it"
    if not isinstance(text, str):
        return "must be text; put it in quotes"
    if not text.isascii() or not text.isprintable():
        return "holds signs that cannot be sent"
    if bad := [found for found in NAMED.findall(text) if not keys.is_variable(found)]:
        return f"{keys.shown(bad[0])} is no environment variable; write ${{NAME}}"
    plain = NAMED.sub("", text)
    if "${" in plain:
        return "an environment variable is written ${NAME}"
    if (_SECRET_WORDS.search(name) and plain == text) or keys.looks_like_key(plain) or keys.is_random(plain):
        return "may be a key; put it into an environment variable and write ${NAME} here"
    return ""


def _names(value: Any) -> Iterator[str]:
    """Every name in a value of YAML, at whatever depth."""
    for part in value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ():
        yield from _names(part)
    if isinstance(value, Mapping):
        yield from map(str, value)


def used(endpoints: Mapping[str, Endpoint], roles: Roles) -> dict[str, Endpoint]:
    """The endpoints that roles name, in the order of the roles.

    Raises
    ------
    RequestError
        A role names no endpoint.

    Examples
    --------
    >>> one, two = Endpoint("one", "m"), Endpoint("two", "m")
    >>> list(used({"spare": one, "one": one, "two": two}, {"judge": "two", "panel": ["one", "two"]}))
    ['two', 'one']
    """
    found = {}
    for role, named in cast(Mapping[str, str | list[str]], roles).items():
        for alias in [named] if isinstance(named, str) else named:
            if alias not in endpoints:
                raise RequestError(
                    f"roles.{role}: {keys.shown(alias)} is no endpoint; endpoints are {', '.join(endpoints)}"
                )
            found[alias] = endpoints[alias]
    return found


def model_of(recorded: str, endpoint: Endpoint) -> str:
    """The configured name of a recorded model: that of a simulated one is followed by the world's version."""
    return recorded.split("@")[0] if endpoint.base_url == SIMULATOR else recorded
