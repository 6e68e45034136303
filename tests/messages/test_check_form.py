"""The call that checks an endpoint: whom it is made to, and that it is a call like all others."""

import pytest

from persona_lib.messages import check_form
from persona_lib.messages.endpoint import Endpoint
from persona_lib.messages.reply import read


@pytest.mark.parametrize(
    ("address", "transport", "is_checked"),
    [("http://x/v1", "chat", True), ("http://x/v1", "batch", False), ("simulator", "chat", False)],
)
def test_a_live_endpoint_that_is_asked_call_by_call(address, transport, is_checked):
    assert check_form.is_checked(Endpoint("a", "m", base_url=address, transport=transport)) is is_checked


def test_it_has_the_parameters_of_the_endpoint_and_its_way_of_saying_the_schema():
    parameters = {"temperature": 0.3, "max_tokens": 99}
    plain = check_form.request(Endpoint("a", "m", parameters=parameters))
    assert (plain.endpoint, plain.model, plain.parameters, plain.sample) == ("a", "m", parameters, 0)
    assert not plain.schema_in_prompt and plain.messages[1]["content"] == check_form.FORM.user
    in_prompt = check_form.request(Endpoint("a", "m", json_schema=False))
    assert in_prompt.schema_in_prompt and '"is_white"' in in_prompt.messages[1]["content"].split("\n")[-1]


def test_every_sample_is_another_request_and_a_reply_is_held_to_the_schema():
    asked = [check_form.request(Endpoint("a", "m"), sample) for sample in range(3)]
    assert len({one.hash for one in asked}) == 3
    said = '{"choices": [{"message": {"content": %s}}]}'
    assert read(asked[0], said % r'"{\"is_white\": true}"').status == "ok"
    assert read(asked[0], said % '"Yes, it is."').status == "unparsed"
