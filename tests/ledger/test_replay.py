"""Strict replay: answers in the order of the requests; a miss names the nearest and the first difference."""

import pandas as pd
import pytest
from ledger_rows import ENDPOINTS, FORMS, ROW, facts, reply

from persona_lib.ledger import sealed
from persona_lib.ledger.errors import ReplayMiss
from persona_lib.ledger.replay import replay
from persona_lib.messages import request as words
from persona_lib.messages.endpoint import RequestError, read_recorded


class TestReplay:
    @pytest.fixture
    def ask(self, tmp_path):
        rows = pd.DataFrame(
            [
                ROW,
                {**ROW, "sample": 1},
                {**ROW, "slots": {"prompt": "Should we tax meat?"}},
                {**ROW, "template": "judge", "slots": {"persona": "Age: 43", "prompt": "Why is the sky blue?"}},
            ]
        )
        asked = words.build(rows, endpoints=ENDPOINTS, templates=FORMS)
        replies = [reply("one"), reply("two"), reply("", status="refused", detail="no"), reply('{"choice": "A"}')]
        pairs = sorted(zip(asked, replies, strict=True), key=lambda pair: pair[0].hash)
        sealed.write([sealed.row(*pair) for pair in pairs], tmp_path / "pool.parquet", facts=facts())
        return replay(tmp_path / "pool.parquet")

    def test_answers_in_the_order_and_on_the_index_of_the_requests(self, ask):
        judge = {**ROW, "template": "judge", "slots": {"persona": "Age: 43", "prompt": "Why is the sky blue?"}}
        rows = pd.DataFrame([judge, {**ROW, "sample": 1}, ROW, ROW], index=[9, "x", 3, 3])
        found = ask(rows)
        assert found.index.tolist() == [9, "x", 3, 3]
        assert found["text"].tolist() == ['{"choice": "A"}', "two", "one", "one"]
        assert found["data"].tolist() == [{"choice": "A"}, None, None, None]
        assert (ask.roles, ask.simulated, ask.stage) == ({"answerer": "large"}, True, "pool")

    def test_a_refusal_is_a_status_without_text(self, ask):
        found = ask(pd.DataFrame([{**ROW, "slots": {"prompt": "Should we tax meat?"}}])).iloc[0]
        assert (found["text"], found["status"], found["detail"]) == ("", "refused", "no")

    def test_sample_is_zero_where_the_column_is_absent(self, ask):
        assert ask(pd.DataFrame([ROW]).drop(columns="sample"))["text"].tolist() == ["one"]

    def test_no_requests_no_replies(self, ask):
        assert ask(pd.DataFrame([ROW]).iloc[:0]).empty

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (
                {"slots": {"prompt": "Why is the sea blue?"}},
                "no answer to request .* sample 0.*differs first in message 1 at character 15: "
                "asked 'Q: Why is the sea blue.', recorded 'Q: Why is the sky blue.'",
            ),
            ({"sample": 2}, "differs first in sample: asked 2, recorded"),
            (
                {"template": "judge", "slots": {"persona": "Age: 44", "prompt": "Why is the sky blue?"}},
                "message 1 at character 6: asked 'Age: 44: Why.*', recorded 'Age: 43: Why",
            ),
            ({"template": "revise"}, "nothing was asked with template revise"),
        ],
    )
    def test_a_miss_names_the_nearest_and_the_first_difference(self, ask, change, message):
        with pytest.raises(ReplayMiss, match=message) as error:
            ask(pd.DataFrame([{**ROW, **change}]))
        assert "pool.parquet" in str(error.value) and "\n" not in str(error.value)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"endpoint": "tiny"}, "row 5: no endpoint 'tiny'; there are large"),
            ({"slots": {}}, "row 5: template answer: slot prompt is not filled"),
            ({"sample": -1}, "row 5: sample is -1"),
            ({"sample": 0.5}, "row 5: sample is 0.5"),
        ],
    )
    def test_bad_rows_are_named(self, ask, change, message):
        with pytest.raises(RequestError, match=message):
            ask(pd.DataFrame([{**ROW, **change}], index=[5]))

    def test_a_missing_column_is_named(self, ask):
        with pytest.raises(RequestError, match="column slots is missing"):
            ask(pd.DataFrame([ROW]).drop(columns="slots"))


@pytest.mark.parametrize("json_schema", [True, False])
def test_an_early_ledger_without_repairs_of_strict_replies_is_read_as_it_was(opened, tmp_path, json_schema):
    """Oracle: what the first versions did: a strict reply out of form was final, one in prompt mode had a repair."""
    endpoint = {"base_url": "https://x/v1", "model": "m@1", "parameters": {"temperature": 1.0}}
    endpoint |= {} if json_schema else {"json_schema": False}
    row = {"endpoint": "large", "template": "judge", "slots": {"persona": "Age: 43", "prompt": "Why?"}}
    (large,) = read_recorded({"large": endpoint}).values()
    (asked,) = words.build(pd.DataFrame([row]), endpoints={"large": large}, templates=FORMS)
    bad = reply("", status="unparsed", detail="no JSON object in it: A.")
    with opened() as ledger:
        ledger.append([(asked, bad)])
        ledger.use(asked)
        ledger.seal(tmp_path / "s.parquet", facts=facts(endpoints={"large": endpoint}))
    if json_schema:
        assert replay(tmp_path / "s.parquet")(pd.DataFrame([row]))["status"].tolist() == ["unparsed"]
    else:
        with pytest.raises(ReplayMiss, match="no answer to request"):
            replay(tmp_path / "s.parquet")(pd.DataFrame([row]))
