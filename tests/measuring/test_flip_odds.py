"""The mixed logit of flips. Oracles: hand counts of pairs; the plain log odds ratio; what was put into the choices."""

import numpy as np
import pandas as pd
import pytest

from persona_lib.measuring import flip_odds
from persona_lib.tables.values import ARMS


def compared(turned: float, seed: int = 1) -> pd.DataFrame:
    """Choices of 8 personas on 20 items; the attribute turns this share of the cells; every choice slips in a tenth."""
    rng, shape = np.random.default_rng(seed), (8, 20)
    base, is_turned = rng.random(shape) < 0.5, rng.random(shape) < turned
    table = pd.DataFrame([(f"p{p}", f"i{i}") for p in range(8) for i in range(20)], columns=["persona_id", "item_id"])
    for arm in ARMS:
        choice = base ^ (is_turned & arm.startswith("with") & ~arm.startswith("without")) ^ (rng.random(shape) < 0.1)
        table[arm] = choice.ravel().astype(float)
    return table.assign(attribute="sex")


def test_four_pairs_a_question_by_hand():
    one = pd.DataFrame({"attribute": ["sex", "sex"], "persona_id": "p", "item_id": ["i", "j"], "without": [0.0, 1.0],
                        "without_again": [1.0, 1.0], "with": [1.0, np.nan], "with_again": [1.0, 1.0]})  # fmt: skip
    found = flip_odds.flip_pairs(one)
    assert found.query("item_id == 'i'")[["is_between", "differs"]].values.tolist() == [[1, 1], [1, 0], [0, 1], [0, 0]]
    assert found.query("item_id == 'j'")["differs"].isna().all(), "one of its four choices is missing"


def test_it_is_near_the_plain_log_odds_ratio_where_cells_are_alike():
    table = compared(0.3)
    pairs = flip_odds.flip_pairs(table)
    share = pairs.groupby("is_between")["differs"].mean()
    plain = np.log(share[1] / (1 - share[1])) - np.log(share[0] / (1 - share[0]))
    row = flip_odds.flip_odds_statistics(table).iloc[0]
    assert row["estimate"] == pytest.approx(plain, rel=0.1) and row["low"] > 0
    assert (row["group"], row["n"], row["n_excluded"]) == ("sex", 640, 0)


def test_nothing_is_found_where_nothing_is_turned():
    row = flip_odds.flip_odds_statistics(compared(0.0)).iloc[0]
    assert row["low"] < 0 < row["high"]


def test_a_refused_arm_leaves_its_questions_out_and_nothing_at_all_is_undefined():
    table = compared(0.3)
    table.loc[:9, "with"] = np.nan
    assert flip_odds.flip_odds_statistics(table).iloc[0][["n", "n_excluded"]].tolist() == [600, 40]
    row = flip_odds.flip_odds_statistics(table.assign(without=np.nan)).iloc[0]
    assert np.isnan(row["estimate"]) and row["n_excluded"] == 640
