import numpy as np
import pandas as pd
import pytest

from persona_lib.measuring.survey import AGAIN, CHANCE, answer_weights, people_shares, survey_statistics
from persona_lib.tables.schema import check

PARTY = pd.Series({"p0": "Democrat", "p1": "Republican", "p2": np.nan})
ITEMS = pd.DataFrame(
    {"item_id": [f"s.{k}" for k in "uvw"], "source": "s", "variable": list("uvw"), "answers": "no|yes"}
)


def shares(by_group):
    rows = [
        {
            "source": "s",
            "item": item,
            "attribute": "all" if g == "all" else "party",
            "value": g,
            "answer": a,
            "share": p,
        }
        for item in "uvw"
        for g, yes in by_group.items()
        for a, p in (("no", 1 - yes), ("yes", yes))
    ]
    return pd.DataFrame(rows)


def reply(item, as_, answer, *, persona="", people="", sample=0, share=1.0, status="ok"):
    row = {"item_id": f"s.{item}", "rater_id": "m", "rater_kind": "simulated", "asked_as": as_, "people": people}
    row |= {"persona_shown_id": persona, "sample": sample, "is_reversed": False, "n_answers": 2, "answer": answer}
    return row | {"share": share, "status": status, "request_hash": f"{item}{as_}{persona}{people}{sample}"}


def answered():
    rows = []
    for item in "uvw":
        for k in range(3):
            rows += [reply(item, "persona", int(k == 0), persona=f"p{k}", sample=s) for s in (0, 1)]
        rows.append(reply(item, "oneself", 1))
        rows += [reply(item, "shares", a, people="all", share=s) for a, s in ((0, 0.25), (1, 0.75))]
    return pd.DataFrame(rows)


def test_distances_by_hand():
    """One of three says yes, the Democrat; people: half of all, all Democrats, one in ten Republicans."""
    people = people_shares(shares({"all": 0.5, "Democrat": 1.0, "Republican": 0.1}), ITEMS)
    table = check(answered(), "survey_answers")
    found = survey_statistics(table, PARTY, people, rng=np.random.default_rng(1)).set_index(["statistic", "group"])
    one = found.loc["survey_distance", "estimate"]
    assert one["m|persona|all"] == pytest.approx(1 / 2 - 1 / 3)
    assert one["m|persona|Democrat"] == 0 and one["m|persona|Republican"] == pytest.approx(0.1)
    assert one["m|oneself|all"] == 0.5 and one["m|oneself|Republican"] == pytest.approx(0.9)
    assert one["m|shares|all"] == pytest.approx(0.25)
    assert one["uniform|uniform|Republican"] == pytest.approx(0.4)
    assert one[f"m|{AGAIN}|all"] == 0 and found.loc[("same_answer", "m"), "estimate"] == 1
    drawn = one[f"m|{CHANCE}|all"]  # of three coins, the mean of |k / 3 - 1 / 2|: 2/8 of 1/2 and 6/8 of 1/6
    assert drawn == pytest.approx(0.25, abs=0.02)


def test_a_refusal_is_counted_and_weighs_nothing():
    table = answered()
    table.loc[0, ["status", "answer", "share"]] = ["refused", -1, np.nan]
    weights = answer_weights(check(table, "survey_answers"), PARTY)
    assert weights.loc[
        weights["item_id"].eq("s.u") & weights["group"].eq("all") & weights["asked_as"].eq("persona"), "n"
    ].tolist() == [2, 3]
    found = survey_statistics(table, PARTY, {}, rng=np.random.default_rng(1)).set_index(["statistic", "group"])
    assert found.loc[("scored", "m|persona"), "estimate"] == pytest.approx(17 / 18)
    assert np.isnan(found.loc[("survey_distance", "m|persona|all"), "estimate"])


def test_shares_that_are_joined_are_left_out():
    table = shares({"all": 0.5, "Democrat": 1.0}).assign(
        answer=lambda t: t["answer"].mask(t["value"] == "Democrat", "no or yes")
    )
    assert set(people_shares(table, ITEMS)) == {(f"s.{k}", "all") for k in "uvw"}
