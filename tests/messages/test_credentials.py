"""What lets us in at an endpoint: from variables, refused with the variable's name alone, taken out of every text."""

import json
import time
from urllib.parse import quote, quote_plus

import pytest

from persona_lib.messages.credentials import CredentialError, Credentials
from persona_lib.messages.endpoint import Endpoint

TOKEN, TENANT = "token-0123456789-abcdef", "tenant/with spaces & signs"
ENVIRONMENT = {"TOKEN": TOKEN, "TENANT": f" {TENANT}\n", "SHORT": "EMPTY", "BAD": "token\x07-0123456789"}


def credentials(**parts):
    return Credentials(Endpoint("large", "m", **parts), ENVIRONMENT)


def test_a_variable_may_stand_anywhere_in_a_value_and_a_value_need_not_name_one():
    found = credentials(
        key_variable="TOKEN",
        headers={"Authorization": "Bearer ${TOKEN}", "X-Team": "lab", "X-Two": "${SHORT}/${TENANT}"},
        query={"api-version": "2024-10-21", "tenant": "${TENANT}"},
    )
    assert found.key == TOKEN and found.lets_in
    assert found.headers == {"Authorization": f"Bearer {TOKEN}", "X-Team": "lab", "X-Two": f"EMPTY/{TENANT}"}
    assert found.query == {"api-version": "2024-10-21", "tenant": TENANT}


def test_what_a_variable_holds_is_not_read_as_a_variable_again():
    found = Credentials(Endpoint("a", "m", headers={"X-A": "${A}"}), {"A": "${B} and more", "B": "secret"})
    assert found.headers == {"X-A": "${B} and more"}


@pytest.mark.parametrize(
    ("parts", "lets_in"),
    [
        ({}, False),
        ({"headers": {"api-key": "${TOKEN}"}}, False),
        ({"headers": {"authorization": "Basic ${TOKEN}"}}, True),
    ],
)
def test_whether_there_is_anything_to_authorize_with(parts, lets_in):
    assert credentials(**parts).lets_in is lets_in and credentials(**parts).key == ""


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"key_variable": "NONE"}, r"endpoint large: its key is not set; export NONE=\.\.\.$"),
        ({"headers": {"X-A": "${NONE}"}}, r"endpoint large: headers.X-A is not set; export NONE=\.\.\.$"),
        ({"query": {"b": "${NONE}"}}, r"endpoint large: query.b is not set; export NONE=\.\.\.$"),
        ({"headers": {"X-A": "${BAD}"}}, "endpoint large: BAD holds signs that no key has$"),
    ],
)
def test_what_cannot_be_sent_is_named_by_its_variable(parts, message):
    with pytest.raises(CredentialError, match=message):
        credentials(**parts)


def test_every_secret_is_taken_out_however_json_within_json_writes_it():
    """Oracle: `json.dumps`, once and twice, and `urllib`; the longer of two secrets is found first."""
    found = Credentials(
        Endpoint("a", "m", headers={"X-A": "${A}"}, query={"b": "${B}"}, key_variable="C"),
        {"A": TENANT, "B": TENANT + "/more", "C": TOKEN},
    )
    said = f'{TOKEN} "{TENANT}" {TENANT}/more'
    once = json.dumps(said.replace("/", "\\/"))
    for text in (said, once, json.dumps(once), f"?a={quote(said)}", f"?a={quote_plus(said)}"):
        clean = found.clean(text)
        assert clean.count("[key]") == 3 and "more" not in clean and "tenant" not in clean and "token" not in clean


def test_a_short_stand_in_and_a_text_of_backslashes_are_left_as_they_are():
    assert credentials(key_variable="SHORT").clean("EMPTY is a word") == "EMPTY is a word"
    text, before = "x" + "\\" * 100_000, time.process_time()
    assert credentials(key_variable="TOKEN").clean(text) == text
    assert time.process_time() - before < 2, "minutes, if each of them were a beginning"
