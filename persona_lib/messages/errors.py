"""What an endpoint says when it does not answer: one reading of every shape of error, for chat and batch alike.

Endpoints wrap their errors: an object, a list of one object, a string, JSON within the message of a gateway, an error
beside status 200. All that stands in them is gathered, from the outside in. The kind of an error is told by its
innermost code that is known, else by its words, else by its status.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from persona_lib.messages.request import Reply

MOST_SHOWN = 300
_FILTERED = "content_filter"  # finish_reason of a request that a filter stopped
_DEPTH, _LONGEST = 8, 100_000

_CODES = {
    "key": "invalid_api_key incorrect_api_key api_key_invalid invalid_authentication authentication_error unauthorized "
    "unauthenticated permission_denied permission_error access_denied account_deactivated "
    "unsupported_country_region_territory",
    "credit": "insufficient_quota insufficient_balance insufficient_credits billing_hard_limit_reached "
    "billing_not_active payment_required arrearage",
    "rate": "rate_limit_exceeded rate_limit_error resource_exhausted too_many_requests throttling throttlingexception",
    "moderation": "content_filter content_policy_violation responsibleaipolicyviolation data_inspection_failed "
    "datainspectionfailed content_moderation moderation_blocked prohibited_content safety sensitive invalid_prompt",
    "too_long": "context_length_exceeded exceed_context_size_error string_above_max_length string_too_long "
    "request_too_large prompt_too_long",
    "setting": "model_not_found deploymentnotfound not_found not_found_error notfounderror invalid_model "
    "unsupported_parameter unsupported_value unknown_parameter extra_forbidden invalid_json_schema "
    "max_tokens_exceeded method_not_allowed",
    "outage": "overloaded_error overloaded engine_overloaded server_error internal_server_error internal unavailable "
    "unavailable_error service_unavailable timeout deadline_exceeded bad_gateway",
}
_KIND_OF = {code: kind for kind, codes in _CODES.items() for code in codes.split()}
_WORDS = [  # the first that fits counts
    ("moderation", r"content[ _-]?(?:management|filter|polic|moderation|exists risk)|flagged|requires moderation"),
    ("moderation", r"responsible ai|usage polic|prohibited content|inappropriate content|sensitive content"),
    ("credit", r"insufficient (?:balance|credit|quota|funds)|credit balance|more credits|hard limit"),
    ("too_long", r"context[ _-]?(?:length|window|size)|contextwindow|prompt is too long|input (?:is )?too long"),
    (
        "too_long",
        r"reduce the length|token count.{0,60}exceeds|too many (?:input )?tokens|(?:entity|payload) too large",
    ),
    ("too_long", r"max_tokens must be at least 1, got -|`inputs` tokens \+"),
    ("setting", r"max_\w*tokens.{0,80}(?:too large|at most|exceed|must be|supports)|response_format|json_?schema"),
    ("setting", r"(?:unsupported|unrecogni[sz]ed|unknown|unexpected) (?:request )?(?:parameter|value|argument|field)"),
    ("setting", r"extra inputs are not permitted|(?:does not|doesn't) support|not supported|parse grammar"),
    ("setting", r"model.{0,120}(?:not found|not exist|not available)|no endpoints found|not a valid model"),
    (
        "key",
        r"(?:invalid|incorrect|missing|no|expired|valid) (?:api|subscription)[ _-]?key|api key not|unauthori[sz]ed",
    ),
    ("key", r"authenticat|permission|access denied|credentials"),
    ("rate", r"rate.?limit|too many requests|quota|throttl|resource.{0,20}exhausted"),
    ("outage", r"overloaded|unavailable|loading model|internal (?:server )?error|bad gateway|gateway time|at capacity"),
]
_PATTERNS = [(kind, re.compile(pattern, re.IGNORECASE)) for kind, pattern in _WORDS]
_STATUS_KINDS = {401: "key", 402: "credit", 404: "setting", 405: "setting", 408: "outage", 409: "outage"}
_STATUS_KINDS |= {413: "too_long", 425: "rate", 429: "rate"}
_PASSING = ("rate", "outage")
_NAMES = ("code", "type", "status", "reason", "error_type", "error_code")
_SAYING = ("message", "msg", "detail", "error", "raw", "error_msg")
_ECHOES = ("input", "ctx", "flagged_input", "messages", "prompt", "request", "headers", "url")
_DURATION = re.compile(r"(?:retry|again) (?:in|after) (\d+(?:\.\d+)?) ?(ms|s)", re.IGNORECASE)
_HTTP = range(400, 600)


@dataclass(frozen=True)
class Fault:
    """An error of an endpoint: its kind, what it says, and the seconds that it asks to wait, None if it does not.

    Kinds: key, credit, rate, moderation, too_long, setting, outage, and unknown, of which nothing tells the kind.
    `said` is one line: status, code, message, and the part that gave offence.
    """

    kind: str
    said: str
    status: int | None = None
    wait_s: float | None = None

    @property
    def passes(self) -> bool:
        """Whether the same request may be answered later."""
        return self.kind in _PASSING

    @property
    def reply(self) -> Reply | None:
        """What the request has become, where it alone is at fault; None where the endpoint or its settings are."""
        if self.kind == "moderation":
            return Reply("refused", detail=self.said, finish_reason=_FILTERED, tokens_in=0, tokens_out=0)
        if self.kind in ("too_long", "unknown"):
            return Reply("not_taken", detail=self.said, tokens_in=0, tokens_out=0)
        return None


class EndpointError(Exception):
    """A body that tells of an error where a reply was expected."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.said)
        self.fault = fault


def cleaned(fault: Fault, clean: Callable[[str], str]) -> Fault:
    """The error without what `clean` takes out of a text, and then of at most 300 signs."""
    return replace(fault, said=clean(fault.said)[:MOST_SHOWN])


def read(body: Any, status: int | None = None) -> Fault:
    """The error that a body tells of: the bytes, text or JSON of a response, beside its HTTP status, if it had one.

    Examples
    --------
    >>> read({"error": {"message": "Slow down", "code": "rate_limit_exceeded"}}, 429)
    Fault(kind='rate', said='429: rate_limit_exceeded: Slow down', status=429, wait_s=None)
    >>> gemini = [{"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "details": [{"retryDelay": "34.5s"}]}}]
    >>> read(gemini).kind, read(gemini).wait_s
    ('rate', 34.5)
    >>> read("<html>Not here</html>", 404).kind, read({"error": "prompt is too long"}, 400).kind
    ('setting', 'too_long')
    """
    parts = list(_parts(body.decode("utf-8-sig", "replace") if isinstance(body, bytes) else body))
    parts.sort(key=lambda part: len(part[0]))  # from the outside in; stable, so of one depth as they stand
    codes = [value for path, value in parts if path[-1] in _NAMES and isinstance(value, str) and not value.isdigit()]
    messages = [(path, value) for path, value in parts if path[-1] in _SAYING and isinstance(value, str) and value]
    inner = [int(value) for path, value in parts if path[-1] in _NAMES and str(value).isdigit() and int(value) in _HTTP]
    told = inner[-1] if inner else status
    kind = _kind(codes, [text for _, text in messages], told)
    known = [code for code in codes if _KIND_OF.get(code.lower()) == kind] or codes
    deepest = [text for path, text in messages if len(path) == len(messages[-1][0])]
    texts = deepest or [value for _, value in parts if isinstance(value, str) and value not in codes]
    shown = [*([str(told)] if told else []), *known[-1:], *texts[:1]]
    blamed = ", ".join(dict.fromkeys(_offending(parts)))
    said = " ".join(f"{': '.join(shown)} {f'({blamed})' if blamed else ''}".split()) or "an error without a word"
    return Fault(kind, said, told, _wait_s(parts, [text for _, text in messages]))


def told(found: Any) -> Fault | None:
    """The error in a body of status 200, None if it has none: at the top, in a list, or beside its first choice."""
    if isinstance(found, list):
        return told(found[0]) if found else None
    if not isinstance(found, Mapping):
        return None
    choices = found.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    if found.get("error") or found.get("object") == "error":
        return read(found)
    if isinstance(choice, Mapping) and choice.get("error"):
        return read(choice["error"])
    return None


def _kind(codes: list[str], messages: list[str], status: int | None) -> str:
    """The innermost code that is known counts, then words, then the status.

    What a server says of a fault of its own or of its load is not taken for a word on our settings or key.
    """
    for code in reversed(codes):
        if (kind := _KIND_OF.get(code.lower())) is not None:
            return kind
    is_servers = status is not None and (_STATUS_KINDS.get(status) in _PASSING or status >= 500)  # noqa: PLR2004
    for kind, pattern in _PATTERNS:
        if any(pattern.search(text) for text in messages) and not (is_servers and kind in ("setting", "key")):
            return kind
    if is_servers:
        return _STATUS_KINDS.get(status or 0, "outage")
    if status is None:
        return "outage"  # beside status 200 or in a file: it may pass
    return _STATUS_KINDS.get(status, "unknown")


def _parts(value: Any, path: tuple[str, ...] = ("detail",)) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every value of an error with the names that lead to it; JSON in a text is read on, what was sent is left out."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "[") and len(value) < _LONGEST:
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            yield path, value
            return
    if len(path) > _DEPTH:
        return
    if isinstance(value, Mapping):
        for name, part in value.items():
            if name == "loc" and isinstance(part, list):
                yield (*path, "param"), ".".join(map(str, part))
            elif name not in _ECHOES:
                yield from _parts(part, (*path, str(name)))
    elif isinstance(value, list):
        for part in value:
            yield from _parts(part, path)
    elif isinstance(value, str) and value.lstrip().startswith("<"):
        yield (*path, "html"), value
    else:
        yield path, value


def _offending(parts: list[tuple[tuple[str, ...], Any]]) -> list[str]:
    """What gave offence: what a filter found in a text, such as `violence`, or the parameter that was not taken."""
    found = [path[-2] for path, value in parts if path[-1] == "filtered" and value is True]
    return found + [value for path, value in parts if path[-1] in ("param", "reasons") and isinstance(value, str)]


def _wait_s(parts: list[tuple[tuple[str, ...], Any]], messages: list[str]) -> float | None:
    for path, value in parts:
        if path[-1] in ("retryDelay", "retry_after", "retry_after_seconds"):
            number = re.fullmatch(r"(\d+(?:\.\d+)?)s?", str(value))
            if number is not None:
                return float(number[1])
    for text in messages:
        if (found := _DURATION.search(text)) is not None:
            return float(found[1]) / (1000 if found[2].lower() == "ms" else 1)
    return None
