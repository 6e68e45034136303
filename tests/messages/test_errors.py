"""Errors of endpoints: what they say, of which kind they are, and how long to wait.

What real endpoints send is tried case by case in tests/asking/test_endpoints.py; here what cases do not show.
"""

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persona_lib.messages.errors import cleaned, read, told

KINDS = {"key", "credit", "rate", "moderation", "too_long", "setting", "outage", "unknown"}


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda error: {"error": error},
        lambda error: [{"error": error}],
        lambda error: json.dumps({"error": error}),
        lambda error: json.dumps([{"error": error}]).encode(),
        lambda error: {"error": {"message": json.dumps({"error": error})}},
        lambda error: {"error": {"message": "Provider returned error", "metadata": {"raw": json.dumps(error)}}},
        lambda error: {"object": "error", **error},
    ],
)
def test_the_same_error_is_found_however_it_is_wrapped(wrapped):
    error = {"message": "Too long by 7", "code": "context_length_exceeded", "param": "messages"}
    found = read(wrapped(error), 400)
    assert found.kind == "too_long" and found.said == "400: context_length_exceeded: Too long by 7 (messages)"


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, "unknown"), (401, "key"), (402, "credit"), (403, "unknown"), (404, "setting"), (405, "setting")]
    + [(408, "outage"), (409, "outage"), (413, "too_long"), (422, "unknown"), (429, "rate"), (500, "outage")]
    + [(503, "outage"), (None, "outage")],
)
def test_a_status_counts_where_nothing_else_is_said(status, kind):
    assert read(b"", status).kind == kind == read({"error": {"message": "Hm."}}, status).kind


def test_a_code_counts_before_words_and_words_before_the_status():
    error = {"error": {"message": "quota, see your billing; context length", "code": "model_not_found"}}
    assert read(error, 429).kind == "setting"
    assert read({"error": {"message": "Your credit balance is too low"}}, 429).kind == "credit"


def test_the_innermost_code_counts():
    raw = json.dumps({"error": {"code": "context_length_exceeded", "message": "Too long"}})
    found = read(
        {"error": {"code": "server_error", "message": "Provider returned error", "metadata": {"raw": raw}}}, 500
    )
    assert found.kind == "too_long" and found.said == "500: context_length_exceeded: Too long"


def test_a_status_within_counts_before_that_of_the_response():
    assert read({"error": {"code": 429, "message": "Hm."}}, 400).kind == "rate"
    assert read({"error": {"code": "1000", "message": "Hm."}}, 400).kind == "unknown"


def test_what_was_sent_and_comes_back_is_not_read():
    """Oracle: the request's own text holds the words of a filter, and a code."""
    sent = {"message": "flagged", "code": "content_filter"}
    echo = {"detail": [{"loc": ["body", "x"], "msg": "Odd", "input": sent}]}
    assert read(echo, 422).kind == "unknown" and "flagged" not in read(echo, 422).said


@pytest.mark.parametrize(
    ("error", "wait_s"),
    [
        ({"details": [{"retryDelay": "34.07s"}]}, 34.07),
        ({"retry_after": 3}, 3.0),
        ({"message": "Please try again in 120ms."}, 0.12),
        ({"message": "Please retry after 20 seconds."}, 20.0),
        ({"message": "Try again in a while"}, None),
        ({"retryDelay": "soon"}, None),
    ],
)
def test_the_wait(error, wait_s):
    assert read({"error": error}, 429).wait_s == wait_s


def test_what_becomes_of_the_request():
    """Oracle: the issue: a filter refuses, what is too long or odd is not taken, the rest is no fault of its own."""
    of_kind = {kind: read({"error": {"code": code}}, 400).reply for kind, code in (
        ("moderation", "content_filter"), ("too_long", "context_length_exceeded"), ("unknown", "hm"),
        ("key", "invalid_api_key"), ("credit", "insufficient_quota"), ("setting", "unknown_parameter"),
        ("rate", "rate_limit_exceeded"), ("outage", "overloaded"))}  # fmt: skip
    assert {kind: reply and reply.status for kind, reply in of_kind.items()} == {
        "moderation": "refused", "too_long": "not_taken", "unknown": "not_taken",
        "key": None, "credit": None, "setting": None, "rate": None, "outage": None}  # fmt: skip


def test_a_key_is_taken_out_before_the_text_is_cut():
    key = "sk-0123456789"
    fault = read({"error": {"message": "x" * 290 + key + "y" * 400}}, 400)
    found = cleaned(fault, lambda text: text.replace(key, "[key]"))
    assert len(found.said) == 300 and "sk-" not in found.said


def test_beside_status_200():
    assert told({"choices": [{"message": {"content": "x"}}]}) is None and told({"error": None}) is None
    assert told([]) is None and told(7) is None
    assert told({"choices": [{"error": {"code": 502, "message": "Gone"}}]}).said == "502: Gone"


@settings(max_examples=200, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=10),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["error", "message", "code", "detail", "loc", "raw"]), inner, max_size=4)
        ),
        max_leaves=15,
    ),
    st.none() | st.integers(400, 599),
)
def test_any_json_has_a_kind_and_one_line(found, status):
    fault = read(found, status)
    assert fault.kind in KINDS and "\n" not in fault.said and fault.said


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"error":' * 20_000, b"\xff\xfe", b"retry in " * 30_000])
def test_no_body_takes_long_or_fails(body):
    start = time.process_time()
    assert read(body, 500).kind == "outage"
    assert time.process_time() - start < 2
