"""The parts of a run and their price."""

import pandas as pd
import pytest
import yaml

from persona_lib.asking.prices import read_prices
from persona_lib.cost import parts
from persona_lib.cost.plan import estimate, planned_calls, read_lengths
from persona_lib.messages.endpoint import read_endpoints
from persona_lib.messages.templates import load

PRICES = read_prices("data/reference/prices.csv")


def planned(settings: dict) -> pd.DataFrame:
    return estimate(
        planned_calls(settings, n_bank=4_000),
        templates=load("data/templates"),
        endpoints=read_endpoints(settings["endpoints"]),
        lengths=read_lengths("data/reference/typical_lengths.csv"),
        prices=PRICES,
    )


@pytest.fixture(scope="module")
def found() -> pd.DataFrame:
    with open("config/demo.yaml", encoding="utf-8") as file:
        settings = yaml.safe_load(file)
    return parts.parts(planned(settings), planned(parts.pilot(settings)))


def test_the_pilot_by_hand(found):
    """20 answers; 2,000 critiques and 2,000 revisions, each with at most two further tries: 12,020 calls at most."""
    assert found.loc["pilot", "calls_high"] == 20 + 2_000 * 3 + 2_000 * 3


def test_the_judging_by_hand(found):
    """The demo's 06 judges 200 pairs and 100 contests, its 09 examines 30 items of 3 models and 150 known pairs.

    Pairs: as the own persona, by its values alone, as another and as nobody, each in two orders (4 x 2 = 8); as the own
    persona once more (1); and once with the certainty (1): 10 verdicts, 200 x 10 = 2,000. Contests: of 3 models every
    two meet on each of 100 items (3 x 100), and all 3 judge each meeting: 900. Together 2,900.

    Examinations: four modes and the calibration (5) of 30 x 3, 450; 30 x 3 summaries searched for what they dropped,
    90; and 150 pairs as accepted, swapped and generic, 450. Together 990.
    """
    assert found.loc["06 judging", "calls_high"] == 200 * (4 * 2 + 1 + 1) + 100 * 3 * 3 == 2_900
    assert found.loc["09 judging", "calls_high"] == 30 * 3 * 5 + 30 * 3 + 150 * 3 == 990


def test_no_part_is_more_than_the_whole(found):
    judging = found[found.index.str.endswith("judging")]
    assert judging["calls_expected"].gt(0).all() and judging["calls_expected"].sum() < found.loc["whole run"].iloc[1]


def test_at_least_twelve_priced_models_with_their_day(found):
    priced = parts.at_prices(found, PRICES).drop("own_machine")
    assert len(priced) >= 12 and priced["whole run"].gt(0).all() and priced["as_of"].str.match(r"20\d\d-").all()
    assert parts.sentences(found, PRICES).count("as of 20") == len(priced) + 1
