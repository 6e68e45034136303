"""Values that packages share: bands at every bound, by hand; and that they are those of the published tables."""

import numpy as np
import pandas as pd
import pytest

from persona_lib.tables import schema
from persona_lib.tables.values import AGE_BANDS, INCOME_BANDS, MODES, age_band, income_band


@pytest.mark.parametrize(
    ("age", "band"),
    [(0, "Under 5"), (4, "Under 5"), (5, "5 to 9"), (24, "20 to 24"), (25, "25 to 34"), (59, "55 to 59"),
     (64, "60 to 64"), (84, "75 to 84"), (85, "85 and over"), (99, "85 and over")],
)  # fmt: skip
def test_ages_at_their_bounds(age, band):
    assert age_band(pd.Series([age], index=["x"])).to_dict() == {"x": band}


def test_bands_are_those_of_dp05_and_dp03():
    """As the tables print them: thirteen of age, seven of positive income and two of none."""
    assert AGE_BANDS[1:5] == ("5 to 9", "10 to 14", "15 to 19", "20 to 24") and len(AGE_BANDS) == 13
    assert INCOME_BANDS[:3] == ("Loss", "None", "Under $10,000") and len(INCOME_BANDS) == 9
    assert INCOME_BANDS[3:6] == ("$10,000 to $24,999", "$25,000 to $49,999", "$50,000 to $74,999")
    assert INCOME_BANDS[6:] == ("$75,000 to $99,999", "$100,000 to $149,999", "$150,000 and over")


@pytest.mark.parametrize(
    ("income", "age", "band"),
    [(-0.5, 40, "Loss"), (0, 40, "None"), (0.5, 40, "Under $10,000"), (24_999.99, 40, "$10,000 to $24,999"),
     (25_000, 40, "$25,000 to $49,999"), (149_999, 40, "$100,000 to $149,999"), (150_000, 40, "$150,000 and over"),
     (np.nan, 14, schema.NOT_IN_UNIVERSE), (np.nan, 15, schema.UNKNOWN), (0, 14, "None")],
)  # fmt: skip
def test_incomes_at_their_bounds(income, age, band):
    assert income_band(pd.Series([income], index=["x"]), pd.Series([age], index=["x"])).to_dict() == {"x": band}


def test_modes_are_those_that_attempts_may_have():
    assert set(MODES) == set(schema.tables()["attempts"].columns["mode"].values) and len(MODES) == 4
