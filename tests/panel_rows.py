"""What tests of a panel share: personas with two sexes, random choices, and a statistic of all or some cells."""

import numpy as np
import pandas as pd

N, M = 8, 6


def drawn():
    """Choices of a model and preferences, personas x items."""
    return (np.random.default_rng(3).random((2, N, M)) < 0.5).astype(float)


def persona_table(n):
    ids = [f"p{i + 1:04d}" for i in range(n)]
    return pd.DataFrame(
        {"persona_id": ids, "sex": ["F", "M"] * (n // 2), "age_years": 30, "race": "R", "ideology": "I"}
    )


def of(statistic, known=None):
    return float(statistic(np.ones((1, N, M)) if known is None else known[None].astype(float))[0])
