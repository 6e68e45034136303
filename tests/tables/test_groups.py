"""Groups of personas, counted by hand."""

from panel_rows import persona_table

from persona_lib.tables import schema
from persona_lib.tables.groups import large_groups


def test_large_groups_leave_out_small_ones_and_the_unknown():
    personas = persona_table(12).assign(sex=["F"] * 7 + ["M"] * 4 + [schema.UNKNOWN])
    assert large_groups(personas, ["sex"])["value"].tolist() == ["F"]
