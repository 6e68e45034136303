"""One-year and five-year files of 2015 to 2024: made-up rows in the layout of each, read by the labels of its year.

The shipped labels hold the official dictionaries of 2016 to 2019 and 2021 to 2023 (one year) and of 2011-2015
to 2019-2023 (five years). Of the releases of which none could be had (2020, 2024, 2020-2024) a FIXTURE stands here in
their layout: its labels are made up and say so.
"""

import pandas as pd
import pytest
from pums_rows import ADULT, LABELS, described, read_labels, text_of

from persona_lib.census import codebook, pums, vintages
from persona_lib.tables import schema

CODED = ("RAC1P", "HISP", "NATIVITY", "CIT", "POBP", "SCHL", "ESR", "COW", "INDP", "OCCP", "MAR", "MIL", "DIS")
CODED = (*CODED, "ANC1P", "HICOV", "DREM", "DEYE", "DEAR", "SEX", "FER", "ENG", "LANX", "LANP")
NO_DICTIONARY = {(2020, 1), (2024, 1), (2024, 5)}
RELEASES = [(year, span) for year in range(2015, 2025) for span in (1, 5)]


def serial(year: int, span: int) -> str:
    """A serial number as files of one or five years ending in this year have it for a record of `year`."""
    if year >= 2018:
        return f"{year}HU0000001"
    return "0000012" if span == 1 and year <= 2016 else f"{year}000000012"


def row(of: int, year: int, span: int) -> dict[str, str]:
    """A made-up record of `of` in the file of the years up to `year`."""
    found = ADULT | {"SERIALNO": serial(of, span), "INDP": "4971" if year >= 2018 else "4970", "ADJINC": "1013097"}
    if year >= 2023:
        found["STATE"] = found.pop("ST")
    if year >= 2019:
        found["RELSHIPP"] = {"00": "20"}[found.pop("RELP")]
    if (year, span) == (2015, 5):
        for name, (late, early) in vintages.split_columns().items():
            nothing = "N.A." if name == "OCCP" else "-009"
            value = found.pop(name)
            found[late], found[early] = (value, nothing) if of >= 2012 else (nothing, value)
    return found


def fixture(year: int, span: int) -> str:
    """FIXTURE: a dictionary in the layout of the release, with labels of our own for the codes of `row`."""
    first, codes = year - span + 1, row(year, year, span)
    words = {
        "ST": "Rhode Island/RI",
        "STATE": "Rhode Island/RI",
        "OCCP": "SAL-Made-up clerks",
        "INDP": "RET-Made-up shops",
    }
    named = {c: words.get(c, f"made-up {c}") for c in (*CODED, "ST", "STATE", "RELP", "RELSHIPP") if codes.get(c)}
    lines = ['NAME,SERIALNO,C,13,"Serial number"']
    lines += [f'VAL,SERIALNO,C,13,"{first}{kind}0000001","{year}{kind}9999999","identifier"' for kind in ("GQ", "HU")]
    for c, label in named.items():
        lines += [
            f'NAME,{c},C,{len(codes[c])},"A question"',
            f'VAL,{c},C,{len(codes[c])},"{codes[c]}","{codes[c]}","{label}"',
        ]
    return "\n".join(lines) + "\n"


def member(tmp_path, year: int, span: int):
    """A file of the release: of five years, one record of the first year and one of the last."""
    name = f"ss{year % 100}pri.csv" if year < 2017 and span == 1 else "psam_p44.csv"
    path = tmp_path / name
    path.write_text(text_of([row(of, year, span) for of in dict.fromkeys((year - span + 1, year))]), "utf-8")
    return pums.read_files(path)


@pytest.mark.parametrize(("year", "span"), RELEASES, ids=[f"{y}-{s}" for y, s in RELEASES])
def test_each_release_reads_by_the_shipped_labels(tmp_path, year, span):
    persons, homes = member(tmp_path, year, span)
    made = schema.check(described(persons, households=homes, dictionary=read_labels(LABELS)), "census")
    assert made["survey_year"].tolist() == sorted({year - span + 1, year})
    last = made.iloc[-1]
    assert last["state"] == last["place_of_birth"] == "Rhode Island" and last["education"] == "Bachelor's degree"
    assert (last["occupation"], last["industry"], last["ancestry"]) == ("Sales", "Retail trade", "Irish")
    assert last["relationship"] == "Reference person" and last["job_description"].startswith("Cashiers")
    assert made["job_description"].nunique() == made["place_of_birth"].nunique() == 1


@pytest.mark.parametrize(("year", "span"), sorted(NO_DICTIONARY))
def test_a_dictionary_of_the_release_alone_is_enough(tmp_path, year, span):
    """FIXTURES: a user who has the official dictionary of these releases gives it, and it is dated by its last year."""
    (tmp_path / "d.csv").write_text(fixture(year, span), "utf-8")
    labels = codebook.read_dictionary(tmp_path / "d.csv")
    assert set(labels["dictionary_year"]) == {year} and set(labels["first_year"]) == {year - span + 1}
    persons, homes = member(tmp_path, year, span)
    made = described(persons, households=homes, dictionary=labels)
    assert set(made["education"]) == {"made-up SCHL"} and set(made["occupation"]) == {"Sales"}


def test_shipped_labels_are_of_the_releases_that_this_file_names():
    labels = read_labels(LABELS)
    spans = labels["dictionary_year"] - labels["first_year"] + 1
    held = set(zip(labels["dictionary_year"].astype(int), spans.astype(int), strict=True))
    assert held == {release for release in RELEASES if release not in NO_DICTIONARY} - {(2015, 1)}
    assert not labels.duplicated(["dictionary_year", "first_year", "variable", "code"]).any()


def test_a_five_year_dictionary_is_dated_by_its_last_serial_year(tmp_path):
    """Rows of SERIALNO as the official dictionaries of 2014-2018 and, spoiled by a spreadsheet, 2015-2019 have them."""
    official = (
        'VAL,SERIALNO,C,13,"2014000000001","2017999999999","x"\nVAL,SERIALNO,C,13,"2018GQ0000001","2018GQ9999999","x"\n'
    )
    mangled = "VAL,SERIALNO,C,13,2.015E+12,2.018E+12,x,,\nVAL,SERIALNO,C,13,2018GQ0000001,2019GQ9999999,x,,\n"
    for text, last in ((official, 2018), (mangled, 2019)):
        (tmp_path / "d.csv").write_text(text + 'VAL,SEX,C,1,"1","1","Male"\n', "utf-8")
        assert set(codebook.read_dictionary(tmp_path / "d.csv")["dictionary_year"]) == {last}


def test_what_the_dictionary_of_2016_says_in_capitals_reads_as_in_other_years(tmp_path):
    persons, homes = member(tmp_path, 2016, 1)
    labels = read_labels(LABELS)
    mine = labels[(labels["dictionary_year"] == 2016) & (labels["first_year"] == 2016)]
    official = mine[mine["variable"] == "OCCP"].set_index("code")["label"]
    assert official["4720"] == "SAL-CASHIERS" and official["7700"].startswith("PRD-FIRST-LINE")
    assert not mine["label"].str.contains(r"[*\\]|\d{4} \.").any(), "marks of notes, or two values run together"
    made = described(persons, households=homes, dictionary=labels)
    assert made["job_description"].tolist() == ["Cashiers; industry: Grocery stores"]


def test_the_dictionary_of_2012_to_2016_has_the_codes_of_those_beside_it():
    """Oracle: the official dictionaries of 2011-2015 and 2013-2017; it has no code that neither has."""
    of = {year: mine for year, mine in read_labels(LABELS).groupby("dictionary_year") if year in (2015, 2016, 2017)}
    codes = {
        year: set(zip(rows["variable"], rows["code"], strict=True))
        for year, mine in of.items()
        if len(rows := mine[mine["first_year"] == year - 4])
    }
    assert len(codes[2016]) == 1517 and not codes[2016] - codes[2015] - codes[2017]
    lacking = {v: sum(name == v for name, _ in codes[2017] - codes[2016]) for v in ("ANC1P", "LANP", "OCCP", "POBP")}
    assert lacking == {"ANC1P": 10, "LANP": 2, "OCCP": 0, "POBP": 10} and len(codes[2017] - codes[2016]) == 22


def test_the_case_of_2011_has_its_birthplace_in_the_older_column(tmp_path):
    made, _ = member(tmp_path, 2015, 5)
    assert made["POBP"].tolist() == ["044", "044"] and "POBP12" not in made
    pd.testing.assert_series_equal(made["OCCP"], pd.Series(["4720", "4720"], name="OCCP", dtype="str"))
