"""What labels what, and codes that nobody knows. Oracles: hand-made dictionaries and counts."""

import pandas as pd
import pytest
from pums_rows import ADULT, LABELS, described, read, read_labels, text_of

from persona_lib.census import codebook, labelling, pums, records
from persona_lib.census.archives import PumsError
from persona_lib.tables.schema import UNKNOWN

NOBODY = pd.DataFrame(columns=["SERIALNO"], dtype="str")


def people(tmp_path, n: int, **changed: str):
    """n adults, of whom the first has other codes; and no households."""
    rows = [ADULT | {"SERIALNO": f"2018HU{k:07d}"} for k in range(n)]
    rows[0] |= changed
    (tmp_path / "psam_p44.csv").write_text(text_of(rows), "utf-8")
    return pums.read_files(tmp_path / "psam_p44.csv")[0]


def test_one_undocumented_birthplace_among_many_is_unknown_and_counted(tmp_path):
    persons = people(tmp_path, 200, POBP="999")
    made = described(persons, households=NOBODY, dictionary=read_labels(LABELS))
    assert made["place_of_birth"].tolist() == [UNKNOWN] + ["Rhode Island"] * 199
    table = labelling.labelling(persons, NOBODY, read_labels(LABELS)).set_index("column")
    assert table.loc["POBP", ["dictionary", "n_coded", "n_unlabelled", "codes"]].tolist() == ["2018", 200, 1, "999"]
    assert table["n_unlabelled"].sum() == 1 and set(table["years"]) == {"2018"}


def test_above_the_declared_share_the_first_cell_is_named(tmp_path):
    with pytest.raises(
        PumsError, match="psam_p44.csv: line 2: POBP is '999': .*, as 1 of 50 are, more than 1 % of them"
    ):
        described(people(tmp_path, 50, POBP="999"), households=NOBODY, dictionary=read_labels(LABELS))


def test_the_share_is_the_one_that_is_declared(tmp_path):
    """One code of fifty is 2 %: that share passes, and none at all does not."""
    given = {"households": NOBODY, "dictionary": read_labels(LABELS)}
    persons = people(tmp_path, 50, POBP="999")
    made = next(records.describe_parts(persons, **given, most_unlabelled=0.02))
    assert (made["place_of_birth"] == UNKNOWN).sum() == 1
    with pytest.raises(PumsError, match="more than 0 % of them.*or raise census.most_unlabelled"):
        next(records.describe_parts(persons, **given, most_unlabelled=0.0))


def test_a_code_that_its_year_lacks_is_looked_up_in_the_nearest_of_its_list(tmp_path):
    """456, Tunisia, stands in the dictionaries to 2021 and not in those of 2022 and 2023."""
    later = {"SERIALNO": "2023HU0000001", "RELSHIPP": "20", "STATE": "44", "ADJINC": "1019518", "POBP": "456"}
    row = {k: v for k, v in ADULT.items() if k not in ("RELP", "ST")} | later
    made = read(tmp_path, [row]).iloc[0]
    assert made["place_of_birth"] == "Tunisia"
    persons, _ = pums.read_files(tmp_path / "psam_p44.csv")
    table = labelling.labelling(persons, NOBODY, read_labels(LABELS)).set_index("column")
    assert table.loc["POBP", ["dictionary", "n_elsewhere", "n_unlabelled"]].tolist() == ["2023", 1, 0]
    assert table["n_elsewhere"].sum() == 1


def test_a_file_of_five_years_prefers_a_dictionary_of_five_years():
    labels = read_labels(LABELS)
    assert set(codebook.lookup(labels, year=2019).query("variable == 'OCCP'")["dictionary"]) == {"2019"}
    nearest = codebook.lookup(labels, year=2019, first_year=2015).query("is_nearest")
    assert set(nearest.loc[nearest["variable"].isin(["OCCP", "POBP"]), "dictionary"]) == {"2015-2019"}
    assert set(codebook.lookup(labels, year=2016).query("is_nearest and variable == 'OCCP'")["dictionary"]) == {"2016"}


def test_a_household_code_without_a_label_is_named_with_its_household(tmp_path):
    persons = people(tmp_path, 3)
    homes = pd.DataFrame({"SERIALNO": persons["SERIALNO"], "HHT": ["1", "8", "1"], "file": "h.csv", "line": [2, 3, 4]})
    with pytest.raises(PumsError, match="h.csv: line 3: HHT is '8'"):
        described(persons, households=homes, dictionary=read_labels(LABELS))
