"""Keys of APIs: what looks like one is refused and not shown, and names are none."""

from __future__ import annotations

import pytest
from hostile import KEYS

from persona_lib.messages.endpoint import RequestError, read_endpoints
from persona_lib.messages.keys import HIDDEN, is_random, is_variable, looks_like_key, shown, texts


@pytest.mark.parametrize("key", KEYS)
def test_a_pasted_key_that_reaches_an_endpoint_by_another_way_is_refused_there(key):
    for values in ({"key_variable": key}, {"base_url": key}, {"parameters": {"a": [{"b": key}]}}):
        with pytest.raises(RequestError) as error:
            read_endpoints({"large": {"model": "m", **values}})
        assert key not in str(error.value)


@pytest.mark.parametrize("name", ["OPENAI_API_KEY", "AZURE_OPENAI_EASTUS2_KEY_1", "key", None])
def test_names_of_variables_are_no_keys(name):
    assert read_endpoints({"large": {"model": "m", "key_variable": name}})["large"].key_variable == name


@pytest.mark.parametrize("key", KEYS)
def test_what_may_be_a_key_is_not_shown_wherever_it_stands(key):
    assert looks_like_key(key) or is_random(key)
    assert not is_variable(key) and shown(key) == HIDDEN and shown(f"my {key}!") == HIDDEN


@pytest.mark.parametrize(
    "text", ["many", "AZURE_EASTUS2_OPENAI_API_KEY_2", "gpt-4o-2024-08-06", "sk-learn", "x" * 80, ""]
)
def test_what_is_none_is_shown_in_quotes(text):
    assert shown(text) == repr(text)


def test_a_long_text_is_not_shown():
    assert shown("x" * 81) == HIDDEN


def test_texts_of_a_value_come_with_the_keys_that_lead_to_them():
    """By hand."""
    value = {"a": ["x", {"b": "y"}], 3: None, "c": ("z", 1)}
    assert list(texts(value)) == [
        (("a",), "a"), (("a", 0), "x"), (("a", 1, "b"), "b"), (("a", 1, "b"), "y"), ((3,), "3"), (("c",), "c"),
        (("c", 0), "z"),
    ]  # fmt: skip
