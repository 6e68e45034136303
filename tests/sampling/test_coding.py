"""Persons as codes, tallied. Oracle: hand counts."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest

from persona_lib.sampling import coding


def test_codes_count_persons_as_often_as_they_are_given():
    coded = coding.code(pd.DataFrame({"sex": ["F", "M", "F"], "work": ["yes", None, "no"]}))
    assert coded.tally(np.array([0, 0, 1])).tolist() == [2, 1, 0, 2]
    assert coded.tally(weights=np.array([1.0, 2.0, 4.0])).tolist() == [5, 2, 4, 1]
    both = np.array([[1, 10], [2, 20], [4, 40]], dtype="int16")
    assert coded.tally_all(both).tolist() == [[5, 50], [2, 20], [4, 40], [1, 10]]
    assert coded.asked(coded.tally()).tolist() == [3, 3, 2, 2]
    assert coded.indicators().sum(axis=0).tolist() == coded.tally().tolist()


def test_many_weights_are_summed_in_blocks_of_any_size(monkeypatch):
    """Oracle: numpy's bincount of each weight."""
    rng = np.random.default_rng(1)
    place, weights = rng.integers(0, 5, 1_000), rng.integers(-9, 99, (1_000, 3)).astype("int16")
    coded = coding.code(pd.DataFrame({"a": place.astype("str"), "b": (place // 2).astype("str")}))
    monkeypatch.setattr(coding, "BLOCK", 300)
    expected = [[np.bincount(p, column).tolist() for p in (place, place // 2)] for column in weights.T]
    assert coded.tally_all(weights).T.tolist() == [a + b for a, b in expected]


def test_persons_are_counted_in_blocks(monkeypatch):
    """Oracle: numpy's bincount of all at once, which takes eight bytes for each of the two of a code."""
    rng = np.random.default_rng(1)
    codes = rng.integers(0, 12, (60_000, 20)).astype("int16")
    labels = pd.DataFrame({"attribute": "a", "category": [str(k) for k in range(11)]})
    coded = coding.Coded(labels, codes, np.zeros(11, dtype=int))
    monkeypatch.setattr(coding, "BLOCK", 7_000)
    assert coded.tally().tolist() == np.bincount(codes.ravel(), minlength=12)[:-1].tolist()
    tracemalloc.start()
    coded.tally()
    assert tracemalloc.get_traced_memory()[1] < codes.nbytes
    tracemalloc.stop()
    assert coded.tally(np.array([], dtype=int)).tolist() == [0] * 11


def test_weighted_shares_by_hand():
    weights = np.tile([[3], [1], [9]], 81).astype("int16")
    weights[1, 1] = 5  # in one replicate: shares 3/8 and 5/8
    coded = coding.code(pd.DataFrame({"of": ["a", "b", None]}))
    found = coding.weighted_shares(coded, weights)
    assert found["share"].tolist() == [0.75, 0.25]
    assert found["standard_error"].tolist() == pytest.approx([(4 / 80 * 0.375**2) ** 0.5] * 2)
    assert found["n"].tolist() == [1, 1]
    assert coding.weighted_shares(coded, weights[:, :1])["standard_error"].isna().all()
