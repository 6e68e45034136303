"""The anatomy of a reply: what a chat completion says, what it only thought, why it ended, what is billed.

A model's thinking is no answer. It comes in a field of its own, as parts of the content, in channels, or in the text
between marks; whatever stands before the last closing mark is taken off, and thinking that is not closed leaves no
answer. Why a reply ended is told by a closed table; an ending that is not in it is accepted, and named when the stage
ends (`ledger.summary`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from persona_lib.messages import errors, json_replies
from persona_lib.messages.request import Reply, Request, canonical

_ENDINGS = {
    "ok": "stop stop_sequence end_turn eos eos_token completed complete",
    "cut_off": "length max_tokens max_output_tokens max_length model_length model_context_window_exceeded incomplete",
    "refused": "content_filter content_filtered safety prohibited_content recitation blocklist spii image_safety "
    "refusal sensitive guardrail_intervened moderation",
    "failed": "error network_error abort insufficient_system_resource malformed_response server_error",
}
_ENDING_OF = {name: ending for ending, names in _ENDINGS.items() for name in names.split()}
_MARKS = r"think|thinking|thought|reasoning|seed:think"
_OPEN = re.compile(rf"<(?:{_MARKS})>|\[THINK\]|◁think▷")
_CLOSE = re.compile(rf"</(?:{_MARKS})>|\[/THINK\]|◁/think▷")
_CHANNEL = re.compile(r"<\|channel\|>\s*(\w+).*?<\|message\|>", re.DOTALL)
_PLAIN_CHANNELS = re.compile(r"\A\s*analysis(.*)assistantfinal", re.DOTALL)  # a server that drops special tokens
_TURN_ENDS: tuple[str, ...] = ("<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<|end|>", "<|return|>", "<|endoftext|>")
_TURN_ENDS += ("<|end_of_text|>", "<|EOT|>", "<|end_of_turn|>", "<end_of_turn>", "<eos>", "</s>")
_THOUGHT = ("reasoning_content", "reasoning", "thinking")
_MANY = 1 << 53  # tokens: no count
_SHOWN = 80


class ReplyError(ValueError):
    """A body that is no chat completion, or one that an error ended; shows its beginning."""


def ending(finish_reason: str) -> str | None:
    """What an ending makes of a reply: ok, cut_off, refused or failed; None for one that is not known.

    Examples
    --------
    >>> [ending(name) for name in ("stop", "MAX_TOKENS", "content_filter: PROHIBITED_CONTENT", "sensitive", "")]
    ['ok', 'cut_off', 'refused', 'refused', 'ok']
    >>> ending("network_error"), ending("tool_calls")
    ('failed', None)
    """
    name = finish_reason.split(":")[0].rsplit(".", 1)[-1].strip().casefold()
    return _ENDING_OF.get(name) if name else "ok"


def read(request: Request, body: str) -> Reply:
    """The reply in the body of a chat completion.

    A refusal or a filter gives `refused`, the limit of tokens `cut_off`; no text, thinking alone, or a text that is not
    the JSON asked for `unparsed`. What was said all the same stands in `detail`.

    Raises
    ------
    ReplyError
        The body is no chat completion, or the reply was ended by an error.
    errors.EndpointError
        The body tells of an error.

    Examples
    --------
    >>> asked = Request("large", "m", (), {}, 0, {"type": "object"})
    >>> read(asked, '{"choices": [{"message": {"content": "Yes."}}]}').status
    'unparsed'
    >>> read(asked, '{"choices": [{"message": {"content": "<think>Hm.</think> {}"}}]}').thinking
    'Hm.'
    """
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _no_completion(body) from error
    if (fault := errors.told(found)) is not None:
        raise errors.EndpointError(fault)
    try:
        choices = found.get("choices")
        choice = choices[0] if choices else {}
        message, finish = choice.get("message") or {}, str(choice.get("finish_reason") or "")
        text, thinking, refusal = _content(message)
        who: dict[str, Any] = {"provider": _text(found.get("provider")), "fingerprint": _fingerprint(found)}
        who |= {"model": str(found.get("model") or ""), "finish_reason": finish}
        tokens = _tokens(_mapping(found.get("usage")), spoke=bool(text or thinking))
        block = "" if text else _block(found, choice)
    except (LookupError, TypeError, AttributeError) as error:
        raise _no_completion(body) from error
    end = ending(finish)
    if not message and end != "refused" and not block:
        raise _no_completion(body)
    if end == "failed":
        raise ReplyError(f"the reply was ended by {finish[:_SHOWN]!r}")
    if refusal or end == "refused" or block:
        return Reply("refused", detail=refusal or block or finish, thinking=thinking, **who, **tokens)
    text, thought, is_open = without_thinking(text)
    thinking = f"{thinking}\n{thought}".strip() if thought else thinking
    status, detail = _judged(request, text, thinking, is_cut=end == "cut_off", is_open=is_open)
    return Reply(status, "" if detail else text, detail, thinking=thinking, **who, **tokens)


def _judged(request: Request, text: str, thinking: str, *, is_cut: bool, is_open: bool) -> tuple[str, str]:
    """The status that a reply has earned, and why it is not ok, '' if it is."""
    if is_cut:
        return "cut_off", f"cut off at the limit of tokens: {text or thinking}"
    if is_open:
        return "unparsed", f"thinking that does not end: {thinking}"
    if not text:
        return "unparsed", "thinking, but no answer" if thinking else "empty reply"
    if request.response_schema is not None:
        wrong = json_replies.parsed(text, canonical(request.response_schema))[1]
        if wrong:
            return "unparsed", f"{wrong}: {text}"
    return "ok", ""


def without_thinking(text: str) -> tuple[str, str, bool]:
    """A text without its thinking and without the marks of a turn's end, the thinking, and whether that is left open.

    Examples
    --------
    >>> without_thinking("<think>A? No.</think>\\nB.<|im_end|>")
    ('B.', 'A? No.', False)
    >>> without_thinking("<|channel|>analysis<|message|>A?<|end|><|start|>assistant<|channel|>final<|message|>B.")
    ('B.', 'A?', False)
    >>> without_thinking("<think>A or")
    ('', 'A or', True)
    """
    text = _without_turn_end(text.removeprefix("\ufeff"))
    if (plain := _PLAIN_CHANNELS.match(text)) is not None:
        return text[plain.end() :].lstrip(), plain[1].strip(), False
    if "<|channel|>" in text:
        return _last_channel(text)
    if "<" not in text and "[" not in text and "◁" not in text:
        return text, "", False
    closing = [*_CLOSE.finditer(text)]
    thought, rest = (text[: closing[-1].start()], text[closing[-1].end() :].lstrip()) if closing else ("", text)
    is_open = _OPEN.search(rest)
    if is_open is not None:
        thought, rest = f"{thought}{rest}", ""
    return rest, _CLOSE.sub("", _OPEN.sub("", thought)).strip(), is_open is not None


def _without_turn_end(text: str) -> str:
    while (bare := text.rstrip()).endswith(_TURN_ENDS):
        text = bare.removesuffix(next(mark for mark in _TURN_ENDS if bare.endswith(mark))).rstrip()
    return text


def _last_channel(text: str) -> tuple[str, str, bool]:
    """What channels say: the last one is the answer if it is `final`; the others are thinking."""
    found = [*_CHANNEL.finditer(text)]
    ends = [one.start() for one in found[1:]] + [len(text)]
    parts = [text[one.end() : end] for one, end in zip(found, ends, strict=bool(found))]
    said = [re.sub(r"<\|\w+\|>(?:assistant)?", "", part).strip() for part in parts]
    is_final = bool(found) and found[-1][1] == "final"
    thoughts = said[:-1] if is_final else said
    return said[-1] if is_final else "", "\n".join(filter(None, thoughts)), not is_final


def _content(message: Mapping) -> tuple[str, str, str]:
    """Text, thinking and refusal of a message, whose content is a text or a list of parts.

    Raises
    ------
    TypeError
        The content is neither.
    """
    content, refusal = message.get("content") or "", message.get("refusal") or ""
    thoughts = [next((_text(message.get(name)) for name in _THOUGHT if message.get(name)), "")]
    texts = [content] if isinstance(content, str) else []
    for part in content if isinstance(content, list) else ():
        if isinstance(part, str):
            texts.append(part)
        elif "think" in str(part.get("type")) or "reason" in str(part.get("type")):
            thoughts.append(_text(part.get("thinking") or part.get("reasoning") or part.get("text")))
        elif part.get("type") == "refusal":
            refusal = refusal or part.get("refusal") or "refusal"
        else:
            texts.append(_text(part.get("text")))
    if not isinstance(content, str | list) or not isinstance(refusal, str):
        raise TypeError("no text")
    return "".join(texts), "\n".join(filter(None, thoughts)), refusal


def _text(value: Any) -> str:
    """A text, or the texts in a list of parts; '' for anything else."""
    if isinstance(value, list):
        return "".join(_text(part.get("text") if isinstance(part, Mapping) else part) for part in value)
    return value if isinstance(value, str) else ""


def _block(found: Mapping, choice: Mapping) -> str:
    """Why a prompt or an answer was blocked, '' if nothing says that it was."""
    feedback = _mapping(found.get("promptFeedback") or found.get("prompt_feedback"))
    reason = feedback.get("blockReason") or feedback.get("block_reason")
    if reason:
        return f"blocked: {reason}"[:_SHOWN]
    results = [*(found.get("prompt_filter_results") or ()), choice]
    filters = [_mapping(one.get("content_filter_results")).items() for one in results]
    named = [name for part in filters for name, value in part if isinstance(value, Mapping) and value.get("filtered")]
    return f"blocked: {', '.join(named)}"[:_SHOWN] if named else ""


def _tokens(usage: Mapping, *, spoke: bool) -> dict[str, Any]:
    """The tokens of a reply; a 0 that cannot be is None.

    Some count thinking beside the completion, so what is not the prompt's in the total is billed as output.
    """
    prompt, completion = _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))
    total = _count(usage.get("total_tokens"))
    of_completion, of_prompt = (_mapping(usage.get(f"{name}_tokens_details")) for name in ("completion", "prompt"))
    reasoning = _count(of_completion.get("reasoning_tokens"))
    cached = _count(of_prompt.get("cached_tokens") or usage.get("prompt_cache_hit_tokens"))
    if prompt and total is not None and total > prompt:
        completion = max(completion or 0, total - prompt)
    if completion is not None and reasoning is not None and reasoning > completion:
        completion += reasoning  # it cannot be a part of them
    return {
        "tokens_in": prompt or None,
        "tokens_out": None if completion == 0 and spoke else completion,
        "tokens_reasoning": reasoning or None,
        "tokens_cached": cached or None,
    }


def _mapping(value: Any) -> Mapping:
    return value if isinstance(value, Mapping) else {}


def _count(value: Any) -> int | None:
    """A number of tokens; None for anything that is none."""
    return value if type(value) is int and 0 <= value < _MANY else None


def _fingerprint(found: Mapping) -> str:
    """What a server says of its own state; '' where the model's name says it already."""
    fingerprint = _text(found.get("system_fingerprint"))
    return "" if fingerprint.removeprefix("fp_") in str(found.get("model") or "") else fingerprint


def _no_completion(body: str) -> ReplyError:
    return ReplyError(f"no chat completion came back, but {body[:_SHOWN]!r}")
