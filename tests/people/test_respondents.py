import numpy as np
import pandas as pd
import pytest

from persona_lib.people.respondents import cells, check, counts, items_of
from persona_lib.tables.schema import SchemaError


def people(**columns):
    one = dict.fromkeys(("party", "ideology", "race", "sex", "age_group", "schooling"), "x")
    return pd.DataFrame({"person_id": ["a", "b"], "weight": [1.0, 2.0], **one, "item": [0.0, np.nan], **columns})


def test_the_items_are_what_is_no_attribute():
    assert items_of(people()) == ["item"] and check(people(), {"item": 2}) is not None


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"person_id": ["a", "a"]}, "person_id stands twice"),
        ({"weight": [1.0, -1.0]}, "weight"),
        ({"weight": [1.0, np.nan]}, "weight"),
        ({"item": [0.0, 2.0]}, "none of 0 to 1"),
        ({"other": [0.0, 1.0]}, "item other is not declared"),
    ],
)
def test_a_faulty_table_is_refused_by_name(columns, said):
    with pytest.raises(SchemaError, match=said):
        check(people(**columns), {"item": 2})


def test_a_missing_attribute_is_named():
    with pytest.raises(SchemaError, match="column race is missing"):
        check(people().drop(columns="race"), {"item": 2})


def test_cells_and_counts_leave_out_who_is_not_known():
    table = pd.DataFrame({"sex": ["m", "f", "m", None], "race": ["u", "u", "v", "u"]})
    assert cells(table, ["sex", "race"]).tolist() == [1, 0, 2, -1]
    assert counts(np.array([1, np.nan, 1, 0]), np.array([1, 9, 2, 4.0]), 3).tolist() == [4, 3, 0]
