"""The lines of a live ledger, each by itself."""

import json
import zlib

import pytest

from persona_lib.ledger import lines
from persona_lib.ledger.errors import LedgerError

RECORD = {
    "hash": "ab" * 32,
    "request": {"endpoint": "large"},
    "reply": {"status": "ok", "text": '"reply":{"status":"no'},
}


def test_a_line_is_json_with_the_sum_of_its_rest():
    """Oracle: zlib's CRC-32 over all that follows the sum."""
    line = lines.line_of(RECORD)
    found = json.loads(line)
    assert found.pop("crc") == f"{zlib.crc32(line[18:-1]):08x}" and found == RECORD and line.endswith(b"}\n")
    lines.check_sum(line, "here")
    with pytest.raises(LedgerError, match="^here is damaged"):
        lines.check_sum(line.replace(b"large", b"small"), "here")


def test_what_is_told_without_reading_the_json():
    line = lines.line_of(RECORD)
    assert lines.hash_of(line) == "ab" * 32 and not lines.is_again(line)
    assert lines.is_again(lines.line_of({"hash": "ab" * 32, "again": True, **RECORD}))


def test_a_torn_last_line_is_left_out(tmp_path):
    path = tmp_path / "toy-0-of-1.jsonl"
    whole = [lines.line_of({"format": lines.FORMAT}), lines.line_of(RECORD), lines.line_of(RECORD)]
    path.write_bytes(b"".join(whole)[:-5])
    assert [line for _, _, line in lines.whole_lines(path)] == whole[1:2]
