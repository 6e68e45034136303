"""People in the raters' place. Oracle: the statistics of the same choices when raters made them."""

import numpy as np
import pandas as pd
import pytest
from pool_rows import items_of, judged

from persona_lib.measuring.agreement import agreement_statistics
from persona_lib.measuring.people_raters import people_agreement
from persona_lib.tables import schema

MODELS, RATERS = ("large", "small"), tuple(f"rater.{i}" for i in range(4))


@pytest.fixture
def pool():
    """Two models, four raters of each persona, and the same raters as people."""
    rng, items = np.random.default_rng(5), items_of(10)
    taste = rng.random((6, 10))
    table = judged({name: (rng.random(taste.shape) < taste).astype(float) for name in (*MODELS, *RATERS)}, items)
    raters = table[table["role"] == "rater"]
    people = raters.assign(rater_kind="person", rater_id=raters["rater_id"].str.replace("rater", "person"))
    return table, people, items


def test_people_are_measured_as_raters_are_and_nothing_else_is_repeated(pool):
    table, people, items = pool
    found = schema.check(people_agreement(table, people, items, min_shared=5), "people_agreement")
    of_raters = agreement_statistics(table, items, min_shared=5).set_index(["statistic", "group"])
    told = {row.group.removeprefix("people|"): row for row in found.itertuples() if row.statistic == "kappa_content"}
    assert set(told) == {*MODELS, "rater_rater", "held_out_rater"} and found["group"].str.startswith("people|").all()
    for group, row in told.items():
        same = of_raters.loc[("kappa_content", group)]
        assert (row.estimate, row.low, row.n) == pytest.approx((same["estimate"], same["low"], same["n"]))
    of_models = set(found.loc[found["group"].isin([f"people|{model}" for model in MODELS]), "statistic"])
    assert not {"scored", "prevalence"} & of_models, "how often a model chose at all says nothing about people"
    assert not {"kappa_retest", "large|small", "panel"} & ({*found["statistic"]} | {g[7:] for g in found["group"]})


def test_a_study_of_another_run_is_refused(pool):
    table, people, items = pool
    with pytest.raises(schema.SchemaError, match="item_id item.z was judged by nobody of the panel"):
        people_agreement(table, people.assign(item_id="item.z"), items, min_shared=5)
    assert list(people_agreement(table, None, items, min_shared=5)) == list(schema.tables()["people_agreement"].columns)
    empty = schema.check(people_agreement(table, None, items, min_shared=5), "people_agreement")
    assert isinstance(empty, pd.DataFrame) and empty.empty
