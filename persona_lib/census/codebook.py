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

COLUMNS = ("dictionary_year", "variable", "code", "label")
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


def read_dictionary(path: str | os.PathLike) -> pd.DataFrame:
    """Read the shipped labels (CSV with a header) or an official dictionary: CSV of NAME and VAL rows, or text.

    The text layout is that of the years to 2016, which have no CSV.

    Returns
    -------
    One row per (dictionary_year, variable, code): `COLUMNS`, codes normalised, single codes only (ranges
    of numeric variables and the code for blank are left out), sorted.

    Raises
    ------
    PumsError
        No such file, or it is none of these; an official dictionary without its year.
    """
    path = Path(path)
    if not path.is_file():
        raise PumsError(f"{path.name}: no such file; give the shipped labels or an official PUMS data dictionary (CSV)")
    try:
        content = path.read_bytes()
        content = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    except (EOFError, OSError) as error:
        raise PumsError(f"{path.name}: a damaged file ({error}); copy or download it again") from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:  # the text dictionaries
        text = content.decode("cp1252", errors="replace")
    rows = list(csv.reader(io.StringIO(text, newline="")))
    if rows and rows[0][:2] == ["dictionary_year", "variable"]:
        found = [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]
        kept = [(int(r["dictionary_year"]), r["variable"], r["code_from"], r["code_to"], r["label"]) for r in found]
    elif any(row[:1] == ["VAL"] for row in rows):
        year = _year_of(rows, path.name)
        kept = [(year, row[1], row[4], row[5], row[6]) for row in rows if row[:1] == ["VAL"] and len(row) > 6]
    elif values := _text_values(text):
        year = _year_of_text(text, path.name)
        kept = [(year, variable, *ends, label) for variable, ends, label in values]
    else:
        raise PumsError(
            f"{path.name}: neither the shipped labels nor a PUMS data dictionary (CSV with NAME and VAL rows, or text)"
        )
    single = [(y, v, normal_code(a.strip()), label.strip()) for y, v, a, b, label in kept if a == b and set(a) != {"b"}]
    return pd.DataFrame(single, columns=COLUMNS).sort_values([*COLUMNS[:3]], kind="stable", ignore_index=True)


def _text_values(text: str) -> list[tuple[str, tuple[str, str], str]]:
    """Variable, ends of the code range and label of every value in a dictionary of the text layout.

    A variable starts at the left edge with its name and width ("SEX 1", since 2017 "SEX Character 1"); a
    value is indented, "code .label" or "from..to .label"; a label may go on in a line ".more of it".
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
    return found


def _year_of_text(text: str, name: str) -> int:
    """The year in the title, of a five-year dictionary the last, else that of the file's name."""
    title = re.search(r"^.*PUMS DATA DICTIONARY", text, re.IGNORECASE | re.MULTILINE)
    years = re.findall(r"20\d\d", title.group(0)) if title else []
    short = re.search(r"(\d\d)\.txt$", name)
    if years:
        return int(years[-1])
    if short:
        return 2000 + int(short.group(1))
    raise PumsError(f"{name}: a dictionary without its year: not in its title, nor in its name (PUMSDataDict15.txt)")


def _year_of(rows: list[list[str]], name: str) -> int:
    """The year of an official dictionary: that of its serial numbers."""
    for row in rows:
        if row[:2] == ["VAL", "SERIALNO"] and row[4][:4].isdigit():
            return int(row[4][:4])
    raise PumsError(f"{name}: a dictionary without its year: no VAL row of SERIALNO that starts with one")


def codes(dictionary: pd.DataFrame, *, year: int) -> dict[str, dict[str, str]]:
    """Normalised code -> plain label for every variable, by the dictionary year nearest to `year`.

    A variable that the nearest year does not have is taken from the nearest year that has it, but never
    across a change of its code list (`vintages.yaml`): then it has no labels. States and places lose their
    postal code; `PLAIN` goes before the dictionary's own words.
    """
    found: dict[str, dict[str, str]] = {}
    for variable, rows in dictionary.groupby("variable"):
        years = rows["dictionary_year"]
        alike = [y for y in years.unique() if vintages.same_codes(str(variable), int(y), year)]
        if not alike:
            continue
        nearest = min(alike, key=lambda y: (abs(y - year), -y))
        chosen = rows[years == nearest]
        labels = dict(zip(chosen["code"], chosen["label"], strict=True))
        if variable in ("ST", "STATE", "POBP"):
            labels = {code: re.sub(r"/[A-Z]{2}$", "", label) for code, label in labels.items()}
        plain = {code: label for code, label in PLAIN.get(variable, {}).items() if code in labels}
        found[str(variable)] = {**labels, **plain}
    return found


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
    """Title Case to sentence case; abbreviations, and names that begin with one, stay.

    Examples
    --------
    >>> sentence_case("Chief Executives And Legislators"), sentence_case("U.S. Air Force")
    ('Chief executives and legislators', 'U.S. Air Force')
    """
    if text.startswith("U.S. ") or text.startswith("U. S. "):
        return text
    words = re.sub(r"\s+", " ", text).strip().split(" ")
    lower = [w if re.match(r"^\W*([A-Z]\.|[A-Z]{2,}|N\.E\.C)", w) else w.lower() for w in words]
    joined = " ".join(lower)
    return joined[:1].upper() + joined[1:]
