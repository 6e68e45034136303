"""Who judged the pool: what stages and statistics ask of table `pool_judgements` alike."""

from __future__ import annotations

import pandas as pd

from persona_lib.tables.schema import SchemaError


def lead_model(judgements: pd.DataFrame) -> str:
    """The model that judged the pool for the most personas, the first by name if several did.

    Raises
    ------
    SchemaError
        No model judged anything.

    Examples
    --------
    >>> judged = pd.DataFrame({"role": "panel", "rater_id": ["b", "b", "a"], "persona_shown_id": ["p1", "p2", "p1"]})
    >>> lead_model(judged), lead_model(judged.iloc[[0, 2]])
    ('b', 'a')
    """
    models = judgements[judgements["role"] == "panel"]
    if models.empty:
        raise SchemaError("pool_judgements: no rows of a model; collect the pool with a panel")
    n_personas = models.groupby("rater_id")["persona_shown_id"].nunique()
    return str(n_personas.sort_index().idxmax())
