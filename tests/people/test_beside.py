import numpy as np
import pandas as pd
import pytest

from persona_lib.people.beside import flattening, people_within

ITEMS = pd.DataFrame({"item_id": ["s.v"], "source": ["s"], "variable": ["v"], "answers": ["low|high"]})
SHARES = pd.DataFrame(
    {
        "source": "s", "item": "v", "attribute": "party", "value": ["Democrat"] * 2 + ["Republican"] * 2,
        "answer": ["low", "high"] * 2, "share": [0.5, 0.5, 0.9, 0.1], "n": [50, 50, 180, 20],
    }
)  # fmt: skip


def people(n):
    views = ["Strong Democrat", "Strong Republican"] * (n // 2)
    same = {"ideology": "Moderate", "race": "White", "sex": "Male", "age_years": 40, "education": "GED"}
    return pd.DataFrame({"persona_id": [f"p{i}" for i in range(n)], "political_views": views, **same})


def test_variance_of_people_by_hand():
    """0.25 among a hundred, 0.09 among two hundred."""
    assert people_within(SHARES, next(ITEMS.itertuples())) == pytest.approx((100 * 0.25 + 200 * 0.09) / 300)
    joined = SHARES.assign(answer=["low or high", "x", "low", "high"])
    assert people_within(joined, next(ITEMS.itertuples())) == pytest.approx(0.09)
    assert np.isnan(people_within(SHARES.head(0), next(ITEMS.itertuples())))


@pytest.mark.parametrize(("answers", "ratio"), [([0, 1] * 20, 0.0), ([0, 0, 1, 1] * 10, 0.25 * 40 / 38 / (43 / 300))])
def test_personas_that_answer_by_party_alone_are_flat(answers, ratio):
    table = pd.DataFrame(
        {
            "item_id": "s.v", "rater_id": "m", "asked_as": "persona", "sample": 0, "status": "ok",
            "persona_shown_id": [f"p{i}" for i in range(40)], "answer": answers,
        }
    )  # fmt: skip
    assert flattening(table, people(40), SHARES, ITEMS)[0]["estimate"] == pytest.approx(ratio)
