"""The census sample of the demo, its published totals, and draws from it."""

from pathlib import Path

import pandas as pd
import pums_rows
import pytest
from small_personas import reference

from persona_lib.sampling import population
from persona_lib.tables import schema

ROOT = Path(__file__).parents[1]
REFERENCE, EXPECTED = ROOT / "data" / "reference", ROOT / "data" / "expected" / "demo"


@pytest.fixture(scope="module")
def census() -> pd.DataFrame:
    return schema.read(EXPECTED / "census.parquet", "census")


@pytest.fixture(scope="module")
def replicates() -> pd.DataFrame:
    return schema.read(EXPECTED / "replicates.parquet", "replicates")


@pytest.fixture(scope="module")
def base(census) -> population.Frame:
    return population.frame(census)


@pytest.fixture(scope="module")
def draws(census) -> pd.DataFrame:
    return population.draw(census, n_draws=400, seed=7)


@pytest.fixture(scope="module")
def chain():
    return reference("chain_coefficients")


@pytest.fixture(scope="module")
def seven_states() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Census and replicates of the seven official files."""
    return pums_rows.seven_states()
