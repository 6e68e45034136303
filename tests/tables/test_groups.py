"""Groups of personas, counted by hand."""

from panel_rows import persona_table

from persona_lib.tables import schema
from persona_lib.tables.groups import large_groups, persona_groups


def test_large_groups_leave_out_small_ones_and_the_unknown():
    personas = persona_table(12).assign(sex=["F"] * 7 + ["M"] * 4 + [schema.UNKNOWN])
    assert large_groups(personas, ["sex"])["value"].tolist() == ["F"]


def test_somebody_below_18_is_in_no_age_group_of_adults():
    """Minors are personas by a switch alone; none of them is 18 to 34."""
    groups = persona_groups(persona_table(4).assign(age_years=[17, 18, 34, 70]))
    assert groups.loc[groups["attribute"] == "age_group", "value"].tolist() == [schema.UNKNOWN, "18-34", "18-34", "70+"]
