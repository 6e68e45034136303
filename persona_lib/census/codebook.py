"""What a PUMS code means: the shipped labels or an official dictionary, in plain words."""

from __future__ import annotations

import csv
import gzip
import io
import os
import re
from pathlib import Path

import pandas as pd

from persona_lib.census import vintages
from persona_lib.census.archives import PumsError
from persona_lib.tables.schema import UNKNOWN

COLUMNS = ("dictionary_year", "variable", "code", "label", "first_year")
NEVER_WORKED = "Unemployed, last worked over 5 years ago or never"

# Shorter than the dictionary's own words, and the same in every year.
PLAIN = {
    "RAC1P": {
        "1": "White",
        "2": "Black or African American",
        "3": "American Indian",
        "4": "Alaska Native",
        "5": "American Indian or Alaska Native, tribe not specified",
        "6": "Asian",
        "7": "Native Hawaiian or other Pacific Islander",
        "8": "Some other race",
        "9": "Two or more races",
    },
    "HISP": {"1": "Not Hispanic or Latino", "24": "Other Hispanic or Latino"},
    "CIT": {
        "1": "Born in the United States",
        "2": "Born in Puerto Rico or a U.S. island area",
        "3": "Born abroad of American parents",
        "4": "U.S. citizen by naturalization",
        "5": "Not a U.S. citizen",
    },
    "SCHL": {"15": "12th grade, no diploma"},
    "COW": {
        "1": "Employee of a private for-profit company",
        "2": "Employee of a private not-for-profit organization",
        "3": "Local government employee",
        "4": "State government employee",
        "5": "Federal government employee",
        "6": "Self-employed, business not incorporated",
        "7": "Self-employed, incorporated business",
        "8": "Works without pay in a family business or farm",
        "9": NEVER_WORKED,
    },
    "MAR": {"5": "Never married"},
    "ANC1P": {"0": UNKNOWN, "996": UNKNOWN, "999": UNKNOWN},  # suppressed, uncodable, not reported
    "HHT": {
        "1": "Married-couple household",
        "2": "Male householder with relatives, no spouse present",
        "3": "Female householder with relatives, no spouse present",
        "4": "Man living alone",
        "5": "Male householder living with nonrelatives only",
        "6": "Woman living alone",
        "7": "Female householder living with nonrelatives only",
    },
    "HUPAOC": {
        "1": "Own children under 6 only",
        "2": "Own children 6 to 17 only",
        "3": "Own children under 6 and 6 to 17",
        "4": "No own children under 18",
    },
    "HHL": {
        "1": "English only",
        "2": "Spanish",
        "3": "Other Indo-European language",
        "4": "Asian or Pacific Island language",
        "5": "Other language",
    },
}

INDUSTRIES = {
    "AGR": "Agriculture, forestry, fishing and hunting",
    "EXT": "Mining, oil and gas extraction",
    "UTL": "Utilities",
    "CON": "Construction",
    "MFG": "Manufacturing",
    "WHL": "Wholesale trade",
    "RET": "Retail trade",
    "TRN": "Transportation and warehousing",
    "INF": "Information and communications",
    "FIN": "Finance, insurance and real estate",
    "PRF": "Professional, scientific and administrative services",
    "EDU": "Education",
    "MED": "Health care",
    "SCA": "Social assistance",
    "ENT": "Arts, recreation, lodging and food services",
    "SRV": "Other services",
    "ADM": "Public administration",
    "MIL": "Military",
}
OCCUPATIONS = {
    "MGR": "Management",
    "BUS": "Business operations",
    "FIN": "Finance",
    "CMM": "Computing and mathematics",
    "ENG": "Architecture and engineering",
    "SCI": "Science",
    "CMS": "Community and social services",
    "LGL": "Law",
    "EDU": "Education and libraries",
    "ENT": "Arts, design, entertainment, sports and media",
    "MED": "Health care practitioners and technicians",
    "HLS": "Health care support",
    "PRT": "Protective services",
    "EAT": "Food preparation and serving",
    "CLN": "Building and grounds cleaning and maintenance",
    "PRS": "Personal care and service",
    "SAL": "Sales",
    "OFF": "Office and administrative support",
    "FFF": "Farming, fishing and forestry",
    "CON": "Construction",
    "EXT": "Extraction",
    "RPR": "Installation, maintenance and repair",
    "PRD": "Production",
    "TRN": "Transportation and material moving",
    "MIL": "Military",
}
_PREFIX = re.compile(rf"^({'|'.join({**INDUSTRIES, **OCCUPATIONS})})-(.*)$", re.IGNORECASE)  # one is 'Mil-'


def normal_code(code: str) -> str:
    """A code without its leading zeros, so that padded and stripped files read alike.

    Examples
    --------
    >>> [normal_code(code) for code in ("01", "1", "000", "bb", "")]
    ['1', '1', '0', 'bb', '']
    """
    return (code.lstrip("0") or "0") if code.isdigit() else code


def read_dictionary(path: str | os.PathLike, *, name: str | None = None) -> pd.DataFrame:
    """Read the shipped labels (CSV with a header) or an official dictionary: CSV of NAME and VAL rows, or text.

    The text layout is that of the years to 2016, which have no CSV. `name` is what errors call the file.

    Returns
    -------
    One row per (dictionary_year, first_year, variable, code): `COLUMNS`, codes normalised, single codes only (ranges
    of numeric variables and the code for blank are left out), sorted. `dictionary_year` is the last year of the
    records that the dictionary is of, `first_year` the first: four years before it in that of a five-year file.

    Raises
    ------
    PumsError
        No such file, or it is none of these; an official dictionary without its year.
    """
    path = Path(path)
    name = name or path.name
    if not path.is_file():
        raise PumsError(f"{name}: no such file; give the shipped labels or an official PUMS data dictionary (CSV)")
    try:
        content = path.read_bytes()
        content = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    except (EOFError, OSError) as error:
        raise PumsError(f"{name}: a damaged file ({error}); copy or download it again") from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:  # the text dictionaries
        text = content.decode("cp1252", errors="replace")
    rows = list(csv.reader(io.StringIO(text, newline="")))
    if rows and rows[0][:2] == ["dictionary_year", "variable"]:
        found = [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]
        kept = [(_span(r["dictionary_year"]), r["variable"], r["code_from"], r["code_to"], r["label"]) for r in found]
    elif any(row[:1] == ["VAL"] for row in rows):
        span = _years_of(rows, name)
        kept = [(span, row[1], row[4], row[5], row[6]) for row in rows if row[:1] == ["VAL"] and len(row) > 6]
    elif values := _text_values(text):
        span = _years_of_text(text, name)
        kept = [(span, variable, *ends, label) for variable, ends, label in values]
    else:
        raise PumsError(
            f"{name}: neither the shipped labels nor a PUMS data dictionary (CSV with NAME and VAL rows, or text)"
        )
    whole = {half: (c, rank) for c, halves in vintages.split_columns().items() for rank, half in enumerate(halves)}
    elsewhere = {*vintages.not_in_this_column(), ""}
    single = [
        (span[1], *whole.get(v, (v, 0)), normal_code(a.strip()), label.strip(), span[0])
        for span, v, a, b, label in kept
        if a == b and set(a) != {"b"} and a.strip() not in elsewhere
    ]
    table = pd.DataFrame(single, columns=["dictionary_year", "variable", "rank", "code", "label", "first_year"])
    key = ["dictionary_year", "first_year", "variable", "code"]
    table = table.sort_values([*key, "rank"], kind="stable").drop_duplicates(key)
    return table[list(COLUMNS)].reset_index(drop=True)


def _span(words: str) -> tuple[int, int]:
    """First and last year of `2018` or `2014-2018`."""
    return int(words[:4]), int(words[-4:])


def _text_values(text: str) -> list[tuple[str, tuple[str, str], str]]:
    """Variable, ends of the code range and label of every value in a dictionary of the text layout.

    A variable starts at the left edge with its name and width ("SEX 1", since 2017 "SEX Character 1"); a
    value is indented, "code .label" or "from..to .label"; a label may go on in a line ".more of it". Marks of notes at
    its end are left out.
    """
    found: list[tuple[str, tuple[str, str], str]] = []
    variable = ""
    for line in text.splitlines():
        if match := re.match(r"([A-Z]\w*)\s+(?:(?:Character|Numeric)\s+)?\d+\s*$", line, re.IGNORECASE):
            variable = match.group(1).upper()
        elif variable and (match := re.match(r"\s+([\w-]+?)(?:\.\.([\w-]+))?\s+\.\s*(\S.*?)\s*$", line)):
            found.append((variable, (match.group(1), match.group(2) or match.group(1)), match.group(3)))
        elif found and found[-1][0] == variable and (match := re.match(r"\s+\.\s*(\S.*?)\s*$", line)):
            found[-1] = (*found[-1][:2], f"{found[-1][2]} {match.group(1)}")
    return [(variable, ends, label.rstrip("*\\ ")) for variable, ends, label in found]


def _years_of_text(text: str, name: str) -> tuple[int, int]:
    """First and last year in the title, else the year of the file's name."""
    title = re.search(r"^.*PUMS DATA DICTIONARY", text, re.IGNORECASE | re.MULTILINE)
    years = [int(year) for year in re.findall(r"20\d\d", title.group(0))] if title else []
    short = re.fullmatch(r"PUMSDataDict(\d\d)\.txt", name, re.IGNORECASE)
    if years:
        return min(years), max(years)
    if short:
        return (2000 + int(short.group(1)),) * 2
    raise PumsError(f"{name}: a dictionary without its year: not in its title, nor in its name (PUMSDataDict15.txt)")


def _years_of(rows: list[list[str]], name: str) -> tuple[int, int]:
    """First and last year of the serial numbers that an official dictionary declares.

    A five-year dictionary has them in several rows; one that a spreadsheet wrote has 2.015E+12 in some, which is
    passed over.
    """
    serials = [row[4:6] for row in rows if row[:2] == ["VAL", "SERIALNO"] and len(row) > 5]
    years = [int(serial[:4]) for ends in serials for serial in ends if re.fullmatch(r"20\d\d\w{9}", serial)]
    if not years:
        raise PumsError(f"{name}: a dictionary without its year: no VAL row of SERIALNO that starts with one")
    return min(years), max(years)


def lookup(dictionary: pd.DataFrame, *, year: int, first_year: int | None = None) -> pd.DataFrame:
    """The label of every code in a file of this year, and the dictionary that it is taken from.

    The nearest dictionary goes first: of the same last year, and among such the one of as many years. A code that it
    does not have is looked up in the next nearest, and so on, but never across a change of its variable's code list
    (`vintages.yaml`). States and places lose their postal code; `PLAIN` goes before the dictionary's own words.

    Parameters
    ----------
    dictionary : rows of `read_dictionary`
    year, first_year : the last and the first year of the file's records; the same of a one-year file

    Returns
    -------
    One row per (variable, code): label, dictionary (2018, or 2014-2018), is_nearest.
    """
    wanted = (first_year or year) < year
    rows = dictionary.assign(far=(dictionary["dictionary_year"] - year).abs())
    rows["other_span"] = (rows["first_year"] < rows["dictionary_year"]) != wanted
    spans = rows[["variable", "dictionary_year"]].drop_duplicates()
    same = [vintages.same_codes(v, int(y), year) for v, y in spans.itertuples(index=False)]
    rows = rows.merge(spans[same], on=["variable", "dictionary_year"])
    rows = rows.sort_values(
        ["variable", "far", "other_span", "dictionary_year"], ascending=[True, True, True, False], kind="stable"
    )
    last = rows["dictionary_year"].astype("str")
    rows["dictionary"] = last.where(
        rows["first_year"] == rows["dictionary_year"], rows["first_year"].astype("str") + "-" + last
    )
    rows["is_nearest"] = rows["dictionary"] == rows.groupby("variable")["dictionary"].transform("first")
    rows = rows.drop_duplicates(["variable", "code"])
    places = rows["variable"].isin(["ST", "STATE", "POBP"])
    rows["label"] = rows["label"].mask(places, rows["label"].str.replace(r"/[A-Z]{2}$", "", regex=True))
    plain = {(variable, code): label for variable, labels in PLAIN.items() for code, label in labels.items()}
    keys = zip(rows["variable"], rows["code"], rows["label"], strict=True)
    rows["label"] = [plain.get((variable, code), label) for variable, code, label in keys]
    return rows[["variable", "code", "label", "dictionary", "is_nearest"]].reset_index(drop=True)


def codes(dictionary: pd.DataFrame, *, year: int, first_year: int | None = None) -> dict[str, dict[str, str]]:
    """Normalised code -> plain label for every variable, as `lookup` finds them."""
    rows = lookup(dictionary, year=year, first_year=first_year)
    groups = rows.groupby("variable")
    return {str(v): dict(zip(group["code"], group["label"], strict=True)) for v, group in groups}


def split_prefix(labels: dict[str, str]) -> dict[str, tuple[str, str]]:
    """Code -> (prefix, text) of INDP or OCCP labels such as 'MED-Registered Nurses'.

    A few official labels lack their prefix: they take that of the code before them, as the codes
    stand in order. The 9920 of those who never worked has the prefix ''.

    Examples
    --------
    >>> split_prefix({"7930": "PRD-Forging", "7950": "Grinding", "9920": "Unemployed And Never Worked"})["7950"]
    ('PRD', 'Grinding')
    """
    found, last = {}, ""
    for code in sorted(labels, key=lambda c: (not c.isdigit(), int(c) if c.isdigit() else 0)):
        match = _PREFIX.match(labels[code])
        last = match.group(1).upper() if match else last
        found[code] = ("", NEVER_WORKED) if code == "9920" else (last, match.group(2) if match else labels[code])
    return found


def sentence_case(text: str) -> str:
    """Title Case, or CAPITALS as in the dictionary of 2016, to sentence case; abbreviations of Title Case stay.

    Examples
    --------
    >>> sentence_case("Chief Executives And Legislators"), sentence_case("U.S. Air Force")
    ('Chief executives and legislators', 'U.S. Air Force')
    >>> sentence_case("MISCELLANEOUS LIFE SCIENTISTS, N.E.C.")
    'Miscellaneous life scientists, N.E.C.'
    """
    text = text.title() if text.isupper() else text
    if text.startswith("U.S. ") or text.startswith("U. S. "):
        return text
    words = re.sub(r"\s+", " ", text).strip().split(" ")
    lower = [w if re.match(r"^\W*([A-Z]\.|[A-Z]{2,}|N\.E\.C)", w) else w.lower() for w in words]
    joined = " ".join(lower)
    return joined[:1].upper() + joined[1:]
