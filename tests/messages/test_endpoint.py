"""Settings of endpoints: what a configuration may say of them, and which of them roles use."""

from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from persona_lib.messages.endpoint import Endpoint, RequestError, model_of, read_endpoints, read_recorded, used

ADDRESSES = ["simulator", "http://127.0.0.1:1/v1", "https://host/v1"]


class TestRefused:
    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"parameters": {"seed": 1}}, "endpoints.large.parameters: seed is set by the engine"),
            ({"base_url": "https://me:pass@host/v1"}, "endpoints.large.base_url: no user, password or query"),
            ({"base_url": "https://host/v1?key=1"}, "name a key_variable"),
            ({"parameters": {"api_key": "sk"}}, "endpoints.large.parameters: no api_key in it; name a key_variable"),
            ({"parameters": {"Authorization": "sk"}}, "no Authorization in it; name a key_variable"),
            ({"parameters": {"x-api-key": "sk"}}, "no x-api-key in it; name a key_variable"),
            ({"parameters": {"Extra_Body": {}}}, "no Extra_Body in it; name a key_variable"),
            ({"parameters": {"metadata": [{"api-key": "sk"}]}}, "no api-key in it; name a key_variable"),
            ({"concurency": 3}, "endpoints.large: got an unexpected keyword argument 'concurency'"),
        ],
    )
    def test_settings_that_would_leak_or_clash(self, change, message):
        with pytest.raises(RequestError, match=message):
            read_endpoints({"large": {"model": "m", **change}})

    @pytest.mark.parametrize(
        ("part", "name", "value", "message"),
        [
            ("headers", "Authorization", "Bearer abcd", "may be a key; put it into an environment variable and write"),
            ("headers", "api-key", "abcd", "may be a key; put it into an environment variable and write"),
            ("query", "sig", "0f3a9c27b1d84e6590aa", "may be a key; put it into an environment variable and write"),
            ("headers", "X-A", "${0f3a9c27b1d84e6590aa}", "is no environment variable; write"),
            ("headers", "X-A", "${A B}", "'A B' is no environment variable; write"),
            ("query", "a", "${A", "an environment variable is written"),
            ("headers", "X A", "b", "is no name of a header"),
            ("headers", "Content-Type", "text/plain", "is set by the engine; remove it"),
            ("headers", "X-A", "a\nB: c", "holds signs that cannot be sent"),
            ("query", "api-version", 2024, "must be text; put it in quotes"),
        ],
    )
    def test_a_header_or_query_that_would_leak_or_cannot_be_sent(self, part, name, value, message):
        with pytest.raises(RequestError, match=message) as error:
            read_endpoints({"large": {"model": "m", part: {name: value}}})
        assert str(error.value).startswith(f"endpoints.large.{part}.{name}: ")
        assert "0f3a9c27b1d84e6590aa" not in str(error.value) and "abcd" not in str(error.value)

    @pytest.mark.parametrize("own", ["model", "messages", "seed", "n", "stream", "response_format"])
    def test_what_the_engine_sets_itself(self, own):
        with pytest.raises(RequestError, match=f"endpoints.large.parameters: {own} is set by the engine; remove it"):
            read_endpoints({"large": {"model": "m", "parameters": {own: 1, "temperature": 1}}})

    @pytest.mark.parametrize("address", ["host/v1", "ftp://host", "Simulator", "//host"])
    def test_an_address_that_is_none(self, address):
        with pytest.raises(RequestError, match="endpoints.large.base_url: must begin with http:// or https://"):
            read_endpoints({"large": {"model": "m", "base_url": address}})

    def test_a_model_must_be_named_and_a_role_must_name_an_endpoint(self):
        with pytest.raises(RequestError, match="endpoints.large: missing 1 required positional argument: 'model'"):
            read_endpoints({"large": {}})
        with pytest.raises(RequestError, match="roles.judge: 'b' is no endpoint; endpoints are a"):
            used({"a": Endpoint("a", "m")}, {"panel": ["a"], "judge": "b"})


class TestRead:
    def test_every_field_of_the_configuration_arrives(self):
        """Oracle: the keys that config/schema.yaml allows."""
        schema = yaml.safe_load((Path(__file__).parents[2] / "config" / "schema.yaml").read_text("utf-8"))
        allowed = schema["properties"]["endpoints"]["additionalProperties"]["properties"]
        assert {"alias", *allowed} == {field.name for field in fields(Endpoint)}

    def test_what_is_not_said_has_its_default_and_simulated_and_real_addresses_are_taken(self):
        found = read_endpoints({a: {"model": "m", "base_url": u} for a, u in zip("abc", ADDRESSES, strict=True)})
        assert [found[alias].base_url for alias in "abc"] == ADDRESSES
        assert found["a"] == Endpoint("a", "m", base_url="simulator") and found["a"].max_tokens is None

    def test_headers_and_query_may_name_variables_and_are_not_recorded(self):
        headers = {"Authorization": "Basic ${TOKEN}", "api-key": "${KEY}", "X-Team": "lab", "X-A": "${A}-${B}"}
        query = {"api-version": "2024-10-21-preview", "signature": "${SIGNATURE}"}
        found = read_endpoints({"a": {"model": "m", "headers": headers, "query": query}})["a"]
        assert (found.headers, found.query) == (headers, query)
        assert found.recorded() == Endpoint("a", "m").recorded()

    def test_max_tokens_by_either_name(self):
        found = [Endpoint("a", "m", parameters={name: 7}) for name in ("max_tokens", "max_completion_tokens")]
        assert [one.max_tokens for one in found] == [7, 7]

    def test_what_is_recorded_says_nothing_of_keys_and_speed(self):
        fast = Endpoint("a", "m", key_variable="K", concurrency=9, timeout_s=1, retries=2, price="p", transport="batch")
        assert fast.recorded() == {"base_url": "", "model": "m", "parameters": {}, "repairs": True}
        plain = Endpoint("a", "m", json_schema=False, seed=False, repairs=False)
        assert plain.recorded() == fast.recorded() | {"json_schema": False, "seed": False, "repairs": False}

    def test_an_early_ledger_had_repairs_where_the_schema_stood_in_the_prompt(self):
        """Oracle: what the first versions did and did not write; and what is recorded today comes back."""
        early = {"a": {"model": "m"}, "b": {"model": "m", "json_schema": False}}
        assert [one.repairs for one in read_recorded(early).values()] == [False, True]
        for one in (Endpoint("a", "m", json_schema=j, repairs=r) for j in (True, False) for r in (True, False)):
            assert read_recorded({"a": one.recorded()}) == {"a": one}
        assert Endpoint("a", "m", repairs=False).recorded() == {"base_url": "", "model": "m", "parameters": {}}

    def test_the_version_of_a_simulated_world_is_no_part_of_the_model(self):
        assert model_of("sim-large@1234", Endpoint("a", "m", base_url="simulator")) == "sim-large"
        assert model_of("m@1234", Endpoint("a", "m", base_url="http://x/v1")) == "m@1234"
