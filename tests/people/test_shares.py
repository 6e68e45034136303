import numpy as np
import pandas as pd
import pytest

from persona_lib.people import shares
from persona_lib.people.respondents import ATTRIBUTES
from persona_lib.tables.schema import statistic

ANSWERS = {"item": ["low", "high"]}


def people(given, *, weight=1.0, sex="Female"):
    one = dict.fromkeys(ATTRIBUTES, "x") | {"sex": sex}
    return pd.DataFrame({"person_id": [str(i) for i in range(len(given))], "weight": weight, **one, "item": given})


def test_shares_are_weighted_and_small_cells_are_not_shown():
    """By hand: 12 low of weight 2 and 30 high of weight 1; of the nine men nothing is told."""
    sex = ["Male"] * 9 + ["Female"] * 33
    table = people([0.0] * 12 + [1.0] * 30, weight=[2.0] * 12 + [1.0] * 30, sex=sex)
    found = shares.shares(table, ANSWERS)
    everyone = found[found["attribute"] == "all"].set_index("answer")
    assert everyone["share"].to_dict() == pytest.approx({"low": 24 / 54, "high": 30 / 54})
    assert (everyone["low"] < everyone["share"]).all() and (everyone["share"] < everyone["high"]).all()
    men = found[found["value"] == "Male"]
    assert men["answer"].tolist() == [""] and men["share"].isna().all() and men["n"].tolist() == [0]
    women = found[found["value"] == "Female"]
    assert women["answer"].tolist() == [""], "three of low could be told from thirty of high"
    assert not found["n"].between(1, 9).any()


def test_a_small_answer_joins_the_next_smallest():
    table = people([0.0] * 3 + [1.0] * 14 + [2.0] * 40)
    found = shares.shares(table, {"item": ["a", "b", "c"]}).query("attribute == 'all'").set_index("answer")
    assert found["n"].to_dict() == {"a or b": 17, "c": 40} and found["share"].sum() == pytest.approx(1)


def test_divisiveness_of_two_answers_is_four_p_q():
    assert shares.divisiveness([3, 1]) == pytest.approx(4 * 0.75 * 0.25)
    assert np.isnan(shares.divisiveness([0, 0]))


def test_the_jackknife_of_a_mean_has_its_textbook_error():
    """Oracle: left out one at a time, the error of a mean is s / root n."""
    values = np.random.default_rng(3).normal(size=30)
    left_out = np.array([np.delete(values, i).mean() for i in range(30)])
    assert shares.jackknife_error(left_out) == pytest.approx(values.std(ddof=1) / np.sqrt(30))


def test_majorities_of_items_and_their_interval():
    rows = pd.DataFrame(shares.item_statistics(people([0.0] * 25 + [1.0] * 75), ANSWERS, n_groups=100))
    one = rows.set_index(["statistic", "group"]).loc[("majority_share", "item")]
    assert one["estimate"] == 0.75
    assert one["high"] - one["low"] == pytest.approx(2 * 1.96 * np.sqrt(0.25 * 0.75 / 99), rel=1e-6)


def test_distance_of_groups_that_differ_and_of_groups_that_do_not():
    half = [0.0] * 50 + [1.0] * 50
    sexes = ["Male"] * 50 + ["Female"] * 50
    apart = shares.between_groups(people(half, sex=sexes), ANSWERS, attribute="sex", pair=("Male", "Female"))
    found = {row["statistic"]: row for row in apart}
    assert found["wasserstein"]["estimate"] == 1 and found["jensen_shannon"]["estimate"] == pytest.approx(1)
    assert found["wasserstein_of_chance"]["estimate"] < 0.2
    mixed = shares.between_groups(
        people(half, sex=["Male", "Female"] * 50), ANSWERS, attribute="sex", pair=("Male", "Female")
    )
    assert mixed[0]["estimate"] == 0 and set(mixed[0]) == set(statistic("", "", 0.0, n=0, method=""))


def test_a_group_of_nine_has_no_distance():
    table = people([0.0] * 29, sex=["Male"] * 9 + ["Female"] * 20)
    rows = shares.between_groups(table, ANSWERS, attribute="sex", pair=("Male", "Female"))
    assert all(np.isnan(row["estimate"]) and "fewer than 10" in row["method"] for row in rows)
