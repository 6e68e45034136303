"""A small table with effects of persona and item, for the tests of intervals."""

import pandas as pd
from scipy.special import expit


def crossed(rng, n_personas=12, n_items=9):
    """A binary table with persona and item effects."""
    personas, items = rng.normal(size=n_personas), rng.normal(size=n_items)
    passed = rng.random((n_personas, n_items)) < expit(personas[:, None] + items)
    index = [(f"p{p}", f"i{i}", passed[p, i], personas[p]) for p in range(n_personas) for i in range(n_items)]
    return pd.DataFrame(index, columns=["persona_id", "item_id", "passed", "taste"])
