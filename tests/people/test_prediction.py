import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from persona_lib.people.prediction import indicators, prediction_statistics, softmax_fit
from persona_lib.people.respondents import ATTRIBUTES


def test_the_fit_is_scikit_learns():
    """Oracle: LogisticRegression with C = 1 / ridge and sample weights; intercepts up to a common constant."""
    rng = np.random.default_rng(2)
    x, y, w = rng.integers(0, 2, (300, 4)).astype(float), rng.integers(0, 3, 300), rng.uniform(0.5, 2, 300)
    ours = softmax_fit(x, y, w, n_answers=3, ridge=2.0)
    theirs = LogisticRegression(C=0.5, tol=1e-10, max_iter=10_000).fit(x, y, sample_weight=w)
    assert pytest.approx(theirs.coef_, abs=1e-3) == ours[1:].T
    assert (ours[0] - ours[0].mean()).tolist() == pytest.approx(
        (theirs.intercept_ - theirs.intercept_.mean()).tolist(), abs=1e-3
    )


def test_missing_is_a_value_of_its_own():
    assert indicators(pd.DataFrame({"sex": ["m", None, "f"]}), ["sex"]).tolist() == [[0, 1, 0], [0, 0, 1], [1, 0, 0]]


@pytest.mark.parametrize(("told", "share", "right"), [(0.0, 0.0, 0.5), (1.0, 1.0, 1.0)])
def test_nothing_and_everything_are_told(told, share, right):
    rng = np.random.default_rng(4)
    sex = rng.integers(0, 2, 400)
    given = sex if told else rng.integers(0, 2, 400)
    table = pd.DataFrame({"person_id": [str(i) for i in range(400)], "weight": 1.0, **dict.fromkeys(ATTRIBUTES, "x")})
    table = table.assign(sex=np.where(sex == 1, "Female", "Male"), item=given.astype(float))
    rows = pd.DataFrame(prediction_statistics(table, {"item": ["a", "b"]})).set_index(["statistic", "group"])
    assert rows.loc[("explained_share", "demographics"), "estimate"] == pytest.approx(share, abs=0.05)
    assert rows.loc[("accuracy", "demographics"), "estimate"] == pytest.approx(right, abs=0.06)
    assert rows.loc[("bits", "margins"), "estimate"] == pytest.approx(1, abs=0.01)
