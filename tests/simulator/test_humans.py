"""Recovery: people drawn with a declared agreement, explained share and divisiveness, measured as notebook 12 does."""

import pandas as pd
import pytest
from programs import ROOT

from persona_lib.people.likeness import alike_statistics
from persona_lib.people.prediction import prediction_statistics
from persona_lib.people.respondents import check
from persona_lib.people.shares import item_statistics
from persona_lib.simulator.humans import parts, people
from persona_lib.simulator.world import declared

REAL = declared("world.yaml")["humans"]
ROLE_PLAY = {"agreement": 0.70, "explained_share": 0.45, "divisiveness": 0.90}
COMMITTED = pd.read_csv(ROOT / "data/reference/people_recovery.csv").set_index(["setting", "number"])
KNOWN = "demographics, party and ideology"


def measured(humans, n=1500, n_items=8):
    table = people(humans, n=n, n_items=n_items, seed=20)
    answers = {f"i{k:02d}": ["a", "b"] for k in range(n_items)}
    check(table, dict.fromkeys(answers, 2))
    rows = alike_statistics(table, answers) + item_statistics(table, answers) + prediction_statistics(table, answers)
    return pd.DataFrame(rows).set_index(["statistic", "group"])


@pytest.fixture(scope="module")
def both():
    return {"real": measured(REAL), "role-play": measured(ROLE_PLAY)}


@pytest.mark.parametrize(("whose", "humans"), [("real", REAL), ("role-play", ROLE_PLAY)])
def test_what_was_put_in_is_found(both, whose, humans):
    """Eight items are few, so divisiveness and the additive model may miss by a little more than their intervals."""
    found = both[whose]
    alike, divided = found.loc[("kappa_alike", "all attributes")], found.loc[("divisiveness", "all")]
    assert alike["low"] <= humans["agreement"] <= alike["high"]
    assert divided["estimate"] == pytest.approx(humans["divisiveness"], abs=0.03)
    told = found.loc[("explained_share", KNOWN)]
    assert told["low"] - 0.03 <= humans["explained_share"] <= told["high"] + 0.03


def test_the_analysis_tells_people_from_role_play(both):
    real, played = (both[whose].loc[("kappa_alike", "all attributes")] for whose in ("real", "role-play"))
    assert real["high"] < 0.3 < 0.5 < played["low"]
    real, played = (both[whose].loc[("explained_share", KNOWN)] for whose in ("real", "role-play"))
    assert real["high"] < 0.15 < 0.25 < played["low"]


def test_attributes_cannot_explain_more_than_people_alike_share():
    with pytest.raises(ValueError, match="raise agreement or lower explained_share"):
        parts({"agreement": 0.05, "explained_share": 0.5, "divisiveness": 0.9})
    assert parts({"agreement": 0.0, "explained_share": 0.0, "divisiveness": 1.0}) == pytest.approx((0, 0, 0))


@pytest.mark.parametrize(("setting", "humans"), [("real people", REAL), ("role-play", ROLE_PLAY)])
def test_the_committed_table_is_what_is_measured(both, setting, humans):
    alike = both[setting.removesuffix(" people")].loc[("kappa_alike", "all attributes"), "estimate"]
    assert COMMITTED.loc[(setting, "agreement"), "estimate"] == pytest.approx(alike, abs=1e-4)
    assert COMMITTED.loc[setting, "declared"].to_dict() == humans
