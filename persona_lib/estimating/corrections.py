"""P-values of several tests at once."""

from __future__ import annotations

import pandas as pd
from statsmodels.stats.multitest import multipletests


def adjusted_p_values(p_values: pd.Series, *, method: str) -> pd.Series:
    """P-values corrected for their number: method 'holm' (family-wise) or 'fdr_bh' (false discovery rate).

    An undefined p-value counts as 1, so that it does not shrink the family, and stays NaN. No p-value is above 1.

    Holm (1979), Scandinavian Journal of Statistics 6, 65-70; Benjamini and Hochberg (1995), Journal of the Royal
    Statistical Society B 57, 289-300.

    Raises
    ------
    ValueError
        Another method.

    Examples
    --------
    >>> adjusted_p_values(pd.Series([0.01, 0.02, 0.5]), method="holm").round(4).tolist()
    [0.03, 0.04, 0.5]
    """
    if method not in ("holm", "fdr_bh"):
        raise ValueError(f"adjusted_p_values: method {method!r} is neither 'holm' nor 'fdr_bh'")
    if p_values.empty:
        return p_values.astype("float64")
    adjusted = multipletests(p_values.fillna(1.0), method=method)[1]
    return pd.Series(adjusted, index=p_values.index).where(p_values.notna())
