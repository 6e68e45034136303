"""Settings of endpoints: what a configuration may say of them, and which of them roles use."""

import pytest

from persona_lib.messages.endpoint import RequestError, read_endpoints


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
