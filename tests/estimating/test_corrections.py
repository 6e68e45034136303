"""Corrections of p values. Oracle: statsmodels."""

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.multitest import multipletests

from persona_lib.estimating.corrections import adjusted_p_values


@pytest.mark.parametrize("method", ["holm", "fdr_bh"])
def test_corrections_equal_statsmodels_and_keep_undefined_ones(method):
    p_values = pd.Series([0.01, np.nan, 0.03, 0.2], index=list("abcd"))
    adjusted = adjusted_p_values(p_values, method=method)
    expected = multipletests([0.01, 1.0, 0.03, 0.2], method=method)[1]
    assert adjusted[["a", "c", "d"]].tolist() == pytest.approx(expected[[0, 2, 3]].tolist())
    assert np.isnan(adjusted["b"])
    assert adjusted_p_values(pd.Series([], dtype="float64"), method=method).empty
    with pytest.raises(ValueError, match="neither"):
        adjusted_p_values(p_values, method="bonferroni")
