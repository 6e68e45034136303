from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from persona_lib.people.likeness import agreement, alike_statistics
from persona_lib.people.respondents import ATTRIBUTES


def test_agreement_counts_every_pair_once():
    """Oracle: all pairs in a loop, each weighing the product of its two weights."""
    rng = np.random.default_rng(5)
    given, weights, cell = rng.integers(0, 3, 40).astype(float), rng.uniform(0.5, 2, 40), rng.integers(-1, 5, 40)
    given[3] = np.nan
    pairs = [(i, j) for i, j in combinations(range(40), 2) if 3 not in (i, j)]
    same = {True: [0.0, 0.0], False: [0.0, 0.0]}
    for i, j in pairs:
        w = weights[i] * weights[j]
        for kind in {True} if cell[i] == cell[j] >= 0 else set():
            same[kind][0] += w * (given[i] == given[j])
            same[kind][1] += w
        same[False][0] += w * (given[i] == given[j])
        same[False][1] += w
    p, e = (same[kind][0] / same[kind][1] for kind in (True, False))
    assert agreement(given, weights, cell, 3) == pytest.approx((p, e, (p - e) / (1 - e)))


def people(n, seed, share):
    """Cells of sex; with this chance a person answers as his or her sex does, else at random."""
    rng = np.random.default_rng(seed)
    sex = rng.integers(0, 2, n)
    given = np.where(rng.random((8, n)) < share, sex, rng.integers(0, 2, (8, n))).T
    table = pd.DataFrame({"person_id": [str(i) for i in range(n)], "weight": 1.0, **dict.fromkeys(ATTRIBUTES, "x")})
    table["sex"] = np.where(sex == 1, "Female", "Male")
    return table.join(pd.DataFrame(given.astype(float), columns=[f"i{k}" for k in range(8)]))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_kappa_of_people_alike_is_what_was_put_in(share):
    """Two people of one sex both follow it with chance share^2, else agree at random: kappa is share^2."""
    answers = {f"i{k}": ["a", "b"] for k in range(8)}
    rows = pd.DataFrame(alike_statistics(people(1500, 11, share), answers)).set_index(["statistic", "group"])
    one = rows.loc[("kappa_alike", "all attributes")]
    assert one["low"] - 0.005 <= share**2 <= one["high"] + 0.005 and one["high"] - one["low"] < 0.1
    assert rows.loc[("kappa_alike", "all attributes|i0"), "n"] == 1500


def test_nobody_alike_is_not_estimated():
    table = people(12, 1, 0.5)
    table["race"] = [str(i) for i in range(12)]
    rows = alike_statistics(table, {f"i{k}": ["a", "b"] for k in range(8)})
    assert np.isnan(rows[0]["estimate"]) and rows[0]["n"] == 0 and "fewer than 10" in rows[0]["method"]
