"""Who plays which role. Oracle: hand-made configurations, in which it is plain who judges whom."""

import pytest

from persona_lib.messages.endpoint import SIMULATOR, Endpoint, RequestError
from persona_lib.stages import players

MINE, THEIRS = Endpoint("mine", "gpt-4.1", "https://there/v1"), Endpoint("theirs", "qwen2.5", "https://there/v1")
ROLES = {
    "answerer": "mine", "critic": "mine", "reviser": "mine", "judge": "theirs",
    "panel": ["mine"], "raters": "theirs", "contestants": ["mine"], "examiner": "theirs",
}  # fmt: skip


def test_every_role_has_a_row_for_each_model_that_plays_it():
    found = players.players({"mine": MINE, "theirs": THEIRS}, {"panel": ["mine", "theirs"], "raters": "theirs"})
    assert found[["role", "model", "kind"]].values.tolist() == [
        ["panel", "gpt-4.1", "model"], ["panel", "qwen2.5", "model"], ["raters", "qwen2.5", "model"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("role", "change", "said"),
    [
        ("judge", {"judge": "mine"}, "mine judges answers of its own"),
        ("raters", {"raters": "mine"}, "agreement with itself"),
        ("examiner", {"examiner": "mine"}, "mine examines answers of its own"),
    ],
)
def test_a_model_that_judges_itself_is_named_also_under_another_alias(role, change, said):
    endpoints = {"mine": MINE, "theirs": THEIRS}
    assert players.self_judging(endpoints, ROLES) == []
    (found,) = players.self_judging(endpoints, ROLES | change)
    assert said in found
    again = Endpoint("again", MINE.model, MINE.base_url)
    (found,) = players.self_judging(endpoints | {"again": again}, ROLES | {role: "again"})
    assert found.startswith("again ")


def test_one_model_behind_two_addresses_is_two_models_and_the_simulator_is_no_model():
    there = Endpoint("theirs", MINE.model, "https://elsewhere/v1")
    assert players.self_judging({"mine": MINE, "theirs": there}, ROLES) == []
    assert players.kind(Endpoint("s", "m", SIMULATOR)) == "simulated"
    with pytest.raises(RequestError, match="is no endpoint"):
        players.players({"mine": MINE}, {"judge": "other"})
