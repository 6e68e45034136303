"""Who judged the pool. Oracle: hand counts."""

import pandas as pd
import pytest

from persona_lib.tables.judgements import lead_model
from persona_lib.tables.schema import SchemaError


def judged(*rows):
    return pd.DataFrame(rows, columns=["role", "rater_id", "persona_shown_id"])


def test_many_rows_as_one_persona_do_not_lead():
    much = [("panel", "large", "p1")] * 9
    assert lead_model(judged(*much, ("panel", "small", "p1"), ("panel", "small", "p2"))) == "small"


def test_of_two_alike_the_first_by_name_leads():
    assert lead_model(judged(("panel", "b", "p1"), ("panel", "a", "p2"))) == "a"


def test_raters_are_no_models():
    with pytest.raises(SchemaError, match="no rows of a model; collect the pool with a panel"):
        lead_model(judged(("rater", "rater.1", "p1")))
