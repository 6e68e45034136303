"""Opening prompts from PRISM's own files, one JSON object a line, as their users have them.

`conversations.jsonl` has one conversation a line, `utterances.jsonl` one scored reply a line: the prompt of a turn is
repeated for each of its replies, and the opening prompt is that of turn 0 (data card and notebooks of
github.com/HannahKirk/prism-alignment). Both give the same prompts, those of 8,011 conversations.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path

from persona_lib.tables.files import whole
from persona_lib.tables.schema import SchemaError

DATASET = "HannahRoseKirk/prism-alignment"
CONVERSATION = {"conversation_id": str, "opening_prompt": str}
UTTERANCE = {"utterance_id": str, "conversation_id": str, "turn": int, "user_prompt": str}
_SAID = {str: "a text", int: "a whole number"}


def opening_prompts(path: Path) -> list[tuple[str, str]]:
    """Each conversation's opening prompt, in the order of the file, with the line where it stands first.

    Raises
    ------
    SchemaError
        A line that is not a JSON object, lacks a field or has another kind of value there; a conversation or an
        utterance that stands twice; two opening prompts of one conversation. Names file, line and field.
    """
    texts: dict[str, tuple[int, str]] = {}
    seen: dict[str, int] = {}
    for number, record in _records(path):
        is_utterance = "utterance_id" in record
        _check(record, UTTERANCE if is_utterance else CONVERSATION, f"{path}: line {number}")
        key = "utterance_id" if is_utterance else "conversation_id"
        if (before := seen.setdefault(record[key], number)) != number:
            raise SchemaError(f"{path}: line {number}: {key} {record[key]!r} stands in line {before} already")
        if is_utterance and record["turn"] != 0:
            continue
        text = record["user_prompt" if is_utterance else "opening_prompt"]
        first, known = texts.setdefault(record["conversation_id"], (number, text))
        if known != text:
            raise SchemaError(f"{path}: line {number}: user_prompt of turn 0 is not that of line {first}")
    return [(f"line {number}", text) for number, text in texts.values()]


def _records(path: Path) -> Iterator[tuple[int, dict]]:
    with path.open(encoding="utf-8-sig", newline="\n") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                record = json.loads(line.strip())
            except (ValueError, RecursionError) as error:
                said = getattr(error, "msg", error)
                raise SchemaError(f"{path}: line {number} is not JSON: {said}") from error
            if not isinstance(record, dict):
                raise SchemaError(f"{path}: line {number} is no JSON object")
            yield number, record


def _check(record: dict, fields: Mapping[str, type], where: str) -> None:
    for field, kind in fields.items():
        if field not in record:
            raise SchemaError(f"{where} has no field {field}: neither PRISM's conversations.jsonl nor utterances.jsonl")
        if not isinstance(record[field], kind) or isinstance(record[field], bool):
            raise SchemaError(f"{where}: {field} is {record[field]!r:.60}, not {_SAID[kind]}")


def fetch(path: str | Path, *, revision: str | None = None) -> int:
    """Write PRISM's conversations, as the `datasets` client has them, to a .jsonl file; return how many.

    Raises
    ------
    SchemaError
        The client is not installed, or it does not get the data; says what to do.
    """
    try:
        client = import_module("datasets")
    except ImportError as error:
        todo = "python -m pip install datasets, or give the file: make paper PROMPTS=path/to/conversations.jsonl"
        raise SchemaError(f"the package datasets is not installed: {todo}") from error
    try:
        found = client.load_dataset(DATASET, "conversations", split="train", revision=revision)
    except Exception as error:  # whatever a client of a remote service may raise
        raise SchemaError(f"{DATASET}: the datasets client did not get it: {type(error).__name__}: {error}") from error
    n = 0
    with whole(path) as half, half.open("w", encoding="utf-8", newline="\n") as file:
        for record in found:
            file.write(json.dumps(record, ensure_ascii=False, default=str) + "\n")
            n += 1
    return n
