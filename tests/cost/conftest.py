"""The planned calls of the demo."""

from __future__ import annotations

import pytest
from demo_plan import DEMO, N_BANK

from persona_lib.cost import plan


@pytest.fixture(scope="module")
def calls():
    return plan.planned_calls(DEMO, n_bank=N_BANK)
