"""The published ACS totals beside our attributes: which categories are the same, and among whom."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd

from persona_lib.census import codebook
from persona_lib.tables.schema import NOT_IN_UNIVERSE, UNKNOWN, SchemaError
from persona_lib.tables.values import AGE_BANDS, AGE_STARTS, INCOME_BANDS, OF_HOUSEHOLDS, age_band, income_band

COLUMNS = ("years", "geo_id", "area", "table", "variable", "label", "estimate", "moe")
NATION = "United States"
Z_90 = 1.645  # published margins of error are half-widths of 90 % intervals
PUERTO_RICO = "Puerto Rico"  # in no total of the United States
_N_STATES = 51  # the fifty states and the District of Columbia

_BELOW_9TH = ["No schooling completed", "Nursery school, preschool", "Kindergarten"]
_BELOW_9TH += [f"Grade {n}" for n in range(1, 9)]
_HIGH_SCHOOL = ["Regular high school diploma", "GED or alternative credential"]
_COLLEGE = ["Some college, but less than 1 year", "1 or more years of college credit, no degree"]
_EMPLOYED = ["Civilian employed, at work", "Civilian employed, with a job but not at work"]
_FORCES = ["Armed forces, at work", "Armed forces, with a job but not at work"]
_COW, _HHT, _IND, _OCC = codebook.PLAIN["COW"], codebook.PLAIN["HHT"], codebook.INDUSTRIES, codebook.OCCUPATIONS
_BORN = list(codebook.PLAIN["CIT"].values())
_SCIENCE = ["MGR", "BUS", "FIN", "CMM", "ENG", "SCI", "CMS", "LGL", "EDU", "ENT", "MED"]

# attribute -> category -> (labels that fall under it, published variables summed; '-' subtracts).
# No variables: the category is shown, but there is no published total for it.
GROUPS: dict[str, dict[str, tuple[list[str], list[str]]]] = {
    "age_years": {age: ([age], [f"DP05_{5 + k:04d}"]) for k, age in enumerate(AGE_BANDS)},
    "sex": {"Male": (["Male"], ["DP05_0002"]), "Female": (["Female"], ["DP05_0003"])},
    "race": {
        "White": (["White"], ["DP05_0037"]),
        "Black or African American": (["Black or African American"], ["DP05_0038"]),
        "American Indian or Alaska Native": ([codebook.PLAIN["RAC1P"][k] for k in "345"], ["DP05_0039"]),
        "Asian": (["Asian"], ["DP05_0044"]),
        "Native Hawaiian or other Pacific Islander": ([codebook.PLAIN["RAC1P"]["7"]], ["DP05_0052"]),
        "Some other race": (["Some other race"], ["DP05_0057"]),
        "Two or more races": (["Two or more races"], ["DP05_0058"]),
    },
    "education": {
        "Less than 9th grade": (_BELOW_9TH, ["DP02_0059"]),
        "9th to 12th grade, no diploma": (["Grade 9", "Grade 10", "Grade 11", "12th grade, no diploma"], ["DP02_0060"]),
        "High school graduate": (_HIGH_SCHOOL, ["DP02_0061"]),
        "Some college, no degree": (_COLLEGE, ["DP02_0062"]),
        "Associate's degree": (["Associate's degree"], ["DP02_0063"]),
        "Bachelor's degree": (["Bachelor's degree"], ["DP02_0064"]),
        "Graduate or professional degree": (
            ["Master's degree", "Professional degree beyond a bachelor's degree", "Doctorate degree"],
            ["DP02_0065"],
        ),
    },
    "employment_status": {
        "Employed": (_EMPLOYED, ["DP03_0004"]),
        "Unemployed": (["Unemployed"], ["DP03_0005"]),
        "Armed forces": (_FORCES, ["DP03_0006"]),
        "Not in labor force": (["Not in labor force"], ["DP03_0007"]),
    },
    "class_of_worker": {
        "Private wage and salary": ([_COW[k] for k in "127"], ["DP03_0047"]),
        "Government": ([_COW[k] for k in "345"], ["DP03_0048"]),
        "Self-employed, not incorporated": ([_COW["6"]], ["DP03_0049"]),
        "Unpaid family worker": ([_COW["8"]], ["DP03_0050"]),
        codebook.NEVER_WORKED: ([codebook.NEVER_WORKED], []),
    },
    "industry": {
        "Agriculture and mining": ([_IND["AGR"], _IND["EXT"]], ["DP03_0033"]),
        "Construction": ([_IND["CON"]], ["DP03_0034"]),
        "Manufacturing": ([_IND["MFG"]], ["DP03_0035"]),
        "Wholesale trade": ([_IND["WHL"]], ["DP03_0036"]),
        "Retail trade": ([_IND["RET"]], ["DP03_0037"]),
        "Transportation and utilities": ([_IND["TRN"], _IND["UTL"]], ["DP03_0038"]),
        "Information": ([_IND["INF"]], ["DP03_0039"]),
        "Finance and real estate": ([_IND["FIN"]], ["DP03_0040"]),
        "Professional services": ([_IND["PRF"]], ["DP03_0041"]),
        "Education, health and social assistance": ([_IND[k] for k in ("EDU", "MED", "SCA")], ["DP03_0042"]),
        "Arts, lodging and food": ([_IND["ENT"]], ["DP03_0043"]),
        "Other services": ([_IND["SRV"]], ["DP03_0044"]),
        "Public administration": ([_IND["ADM"]], ["DP03_0045"]),
        "Military": ([_IND["MIL"]], []),
        codebook.NEVER_WORKED: ([codebook.NEVER_WORKED], []),
    },
    "occupation": {
        "Management, business, science and arts": ([_OCC[k] for k in _SCIENCE], ["DP03_0027"]),
        "Service": ([_OCC[k] for k in ("HLS", "PRT", "EAT", "CLN", "PRS")], ["DP03_0028"]),
        "Sales and office": ([_OCC[k] for k in ("SAL", "OFF")], ["DP03_0029"]),
        "Farming, construction and repair": ([_OCC[k] for k in ("FFF", "CON", "EXT", "RPR")], ["DP03_0030"]),
        "Production and transportation": ([_OCC[k] for k in ("PRD", "TRN")], ["DP03_0031"]),
        "Military": ([_OCC["MIL"]], []),
        codebook.NEVER_WORKED: ([codebook.NEVER_WORKED], []),
    },
    "income_usd": {income: ([income], []) for income in INCOME_BANDS},
    "marital_status": {
        "Married": (["Married"], ["DP02_0026", "DP02_0032"]),
        "Widowed": (["Widowed"], ["DP02_0028", "DP02_0034"]),
        "Divorced": (["Divorced"], ["DP02_0029", "DP02_0035"]),
        "Separated": (["Separated"], ["DP02_0027", "DP02_0033"]),
        "Never married": (["Never married"], ["DP02_0025", "DP02_0031"]),
    },
    "household_type": {
        "Married couple": ([_HHT["1"]], ["DP02_0004"]),
        "Male householder with relatives": ([_HHT["2"]], ["DP02_0006"]),
        "Female householder with relatives": ([_HHT["3"]], ["DP02_0008"]),
        "Living alone": ([_HHT["4"], _HHT["6"]], ["DP02_0011"]),
        "With nonrelatives only": ([_HHT["5"], _HHT["7"]], ["DP02_0010", "-DP02_0011"]),
    },
    "family_presence": {
        "Own children under 18": ([codebook.PLAIN["HUPAOC"][k] for k in "123"], ["DP02_0003"]),
        "No own children under 18": ([codebook.PLAIN["HUPAOC"]["4"]], ["DP02_0001", "-DP02_0003"]),
    },
    "place_of_birth": {
        "State of residence": (["State of residence"], ["DP02_0089"]),
        "Another state": (["Another state"], ["DP02_0090"]),
        "Abroad, but native": (["Abroad, but native"], ["DP02_0091"]),
        "Foreign country": (["Foreign country"], ["DP02_0092"]),
    },
    "citizenship": {
        "Born in the United States": ([_BORN[0]], ["DP02_0088"]),
        "Born abroad, but native": (_BORN[1:3], ["DP02_0091"]),
        "Naturalized citizen": ([_BORN[3]], ["DP02_0094"]),
        "Not a citizen": ([_BORN[4]], ["DP02_0095"]),
    },
    "veteran_status": {
        "Veteran": (["On active duty in the past, but not now"], ["DP02_0069"]),
        "Not a veteran": (
            ["Never served in the military", "Only on active duty for training in Reserves/National Guard"],
            ["DP02_0068", "-DP02_0069"],
        ),
        "Now on active duty": (["Now on active duty"], []),
    },
    "disability": {
        "With a disability": (["With a disability"], ["DP02_0071"]),
        "Without a disability": (["Without a disability"], ["DP02_0070", "-DP02_0071"]),
    },
    "health_insurance": {
        "With health insurance": (["With health insurance coverage"], ["DP03_0096"]),
        "No health insurance": (["No health insurance coverage"], ["DP03_0099"]),
    },
    "english_ability": {
        "Very well": (["Very well"], ["DP02_0112", "-DP02_0113"]),
        "Less than very well": (["Well", "Not well", "Not at all"], ["DP02_0113"]),
    },
}
# What the tables say of adults: attribute -> (youngest age counted, category -> published variables summed).
# Other attributes are published only together with persons too young to be drawn.
ADULTS: dict[str, tuple[int, dict[str, list[str]]]] = {
    "age_years": (20, {age: [f"DP05_{5 + k:04d}"] for k, age in enumerate(AGE_BANDS) if AGE_STARTS[k] >= 20}),
    "sex": (18, {"Male": ["DP05_0026"], "Female": ["DP05_0027"]}),
    "education": (25, {level: terms for level, (_, terms) in GROUPS["education"].items()}),
    "veteran_status": (18, {status: terms for status, (_, terms) in GROUPS["veteran_status"].items() if terms}),
    "disability": (
        18,
        {
            "With a disability": ["DP02_0075", "DP02_0077"],
            "Without a disability": ["DP02_0074", "-DP02_0075", "DP02_0076", "-DP02_0077"],
        },
    ),
    "health_insurance": (
        19,
        {
            "With health insurance": ["DP03_0096", "-DP03_0100", "DP03_0101"],
            "No health insurance": ["DP03_0099", "-DP03_0101"],
        },
    ),
}
PLAIN_ATTRIBUTES = (
    *("ancestry", "household_language", "cognitive_difficulty", "vision_difficulty", "fertility", "hearing_difficulty"),
)


def read_published(*paths: str | os.PathLike) -> pd.DataFrame:
    """Published ACS totals: one row per (years, area, variable), estimate and margin of error as numbers.

    A blank means that none is published, a margin of 0 that the total is controlled.

    Raises
    ------
    SchemaError
        No such file, a missing column, a (years, area, variable) that stands twice.
    """
    return pd.concat([_read(path) for path in paths], ignore_index=True)


def _read(path: str | os.PathLike) -> pd.DataFrame:
    name = Path(path).name
    if not Path(path).is_file():
        raise SchemaError(f"{name}: no such file; it is committed in data/reference")
    found = pd.read_csv(path, dtype=dict.fromkeys(COLUMNS[:6], "str"))
    if missing := [column for column in COLUMNS if column not in found]:
        raise SchemaError(f"{name}: column {', '.join(missing)} is missing")
    repeated = found.duplicated(["years", "area", "variable"])
    if repeated.any():
        row = found[repeated].iloc[0]
        raise SchemaError(f"{name}: {row['years']} {row['area']} {row['variable']} stands in two rows")
    return found


def variables() -> list[str]:
    """Every published variable that a comparison uses, of all persons or of adults, sorted."""
    parts = [terms for groups in GROUPS.values() for _, terms in groups.values()]
    parts += [terms for _, groups in ADULTS.values() for terms in groups.values()]
    return sorted({variable.lstrip("-") for terms in parts for variable in terms})


def category(census: pd.DataFrame, attribute: str) -> pd.Series:
    """The category of every person in one attribute; missing where the question does not apply.

    "unknown" stays a category. Labels are grouped as the published tables group them; an attribute that
    no table has keeps its labels.

    Raises
    ------
    SchemaError
        A label that belongs to no category.
    """
    labels = _simple(census, attribute).astype("category").cat.remove_unused_categories()
    names = {label: label for label in labels.cat.categories if label != NOT_IN_UNIVERSE}
    if attribute in GROUPS:
        to_group = {label: group for group, (members, _) in GROUPS[attribute].items() for label in members}
        to_group[UNKNOWN] = UNKNOWN
        if stray := sorted(set(names) - set(to_group)):
            raise SchemaError(f"census.{attribute}: {stray[0]!r} belongs to no category of published.GROUPS")
        names = {label: to_group[label] for label in names}
    order = sorted(set(names.values()))
    place = {name: k for k, name in enumerate(order)}
    codes = np.array([*(place.get(names.get(label, ""), -1) for label in labels.cat.categories), -1])[labels.cat.codes]
    return pd.Series(pd.Categorical.from_codes(codes, order), index=census.index)


def _simple(census: pd.DataFrame, attribute: str) -> pd.Series:
    """Text labels: age and income cut into bands, place of birth reduced to near and far."""
    values = census[attribute]
    if attribute == "age_years":
        return age_band(values)
    if attribute == "income_usd":
        return income_band(values, census["age_years"])
    if attribute == "place_of_birth":
        status, state = census["citizenship"], census["state"].astype("category")
        is_here = values.astype("category").cat.set_categories(state.cat.categories) == state
        is_native, is_abroad = status == _BORN[0], status.isin(_BORN[1:3])
        near = [(values == UNKNOWN) | (status == UNKNOWN), is_native & is_here, is_native, is_abroad]
        names = [UNKNOWN, "State of residence", "Another state", "Abroad, but native", "Foreign country"]
        return pd.Series(pd.Categorical.from_codes(np.select(near, range(4), 4), names), index=census.index)
    return values


def universe(census: pd.DataFrame, attribute: str, *, adults: bool = False) -> pd.Series:
    """Whom the published table counts: who of all persons (households at their householder) is in it.

    With `adults`, whom its part on adults counts; nobody where it has no such part (see `ADULTS`).
    """
    if adults:
        youngest = ADULTS.get(attribute, (np.inf, {}))[0]
        return universe(census, attribute) & (census["age_years"] >= youngest)
    age, work = census["age_years"], census["employment_status"]
    free = (census["relationship"] != "Institutionalized group quarters population") & ~work.isin(_FORCES)
    among = {
        "education": age >= 25,
        "employment_status": age >= 16,
        "class_of_worker": work.isin(_EMPLOYED),
        "industry": work.isin(_EMPLOYED),
        "occupation": work.isin(_EMPLOYED),
        "marital_status": age >= 15,
        **dict.fromkeys(OF_HOUSEHOLDS, census["relationship"] == "Reference person"),
        "veteran_status": (age >= 18) & ~work.isin(_FORCES),
        "disability": free,
        "health_insurance": free,
    }
    return among.get(attribute, pd.Series(True, index=census.index))


def areas(census: pd.DataFrame, published: pd.DataFrame) -> list[str]:
    """The published areas that the file covers: its states, or the nation if it has all of them.

    Puerto Rico stands beside either: no total of the United States counts it. Empty where a person's state is
    unknown or the tables are of other years than the file.
    """
    states = sorted(census["state"].unique())
    if UNKNOWN in states or of_years(published, census).empty:
        return []
    main = [state for state in states if state != PUERTO_RICO]
    return ([NATION] if len(main) == _N_STATES else main) + [PUERTO_RICO] * (PUERTO_RICO in states)


def of_years(published: pd.DataFrame, census: pd.DataFrame) -> pd.DataFrame:
    """The tables of the census file's own release: of its year, or of its first to its last year."""
    first, last = census["survey_year"].min(), census["survey_year"].max()
    return published[published["years"] == (f"{first}" if first == last else f"{first}-{last}")]


def lacking(published: pd.DataFrame, attribute: str, *, areas: list[str], adults: bool = False) -> str:
    """Why the tables say nothing of an attribute; '' where they have it for every area."""
    if not (parts := _terms(attribute, adults)):
        return "not published for adults" if adults else "not published"
    rows = _of(published, areas)
    have = set(zip(rows["area"], rows["variable"], strict=True))
    for area in areas:
        wanted = {term.lstrip("-") for terms in parts.values() for term in terms}
        if missing := sorted(wanted - {variable for of, variable in have if of == area}):
            return f"the tables of {area} lack {missing[0]}"
    return "" if areas else "no tables of this area and year are at hand"


def _terms(attribute: str, adults: bool) -> dict[str, list[str]]:
    """Published variables of each category that has some."""
    if adults:
        return ADULTS.get(attribute, (0, {}))[1]
    return {group: terms for group, (_, terms) in GROUPS.get(attribute, {}).items() if terms}


def _of(published: pd.DataFrame, areas: list[str]) -> pd.DataFrame:
    """The published numbers of areas; a blank estimate is none."""
    return published[published["area"].isin(areas) & published["estimate"].notna()]


def shares(published: pd.DataFrame, attribute: str, *, areas: list[str], adults: bool = False) -> pd.DataFrame:
    """Published shares of one attribute's categories, summed over areas: category, share, standard_error.

    `published` are the tables of one release (see `of_years`); with `adults`, the shares among adults (see `ADULTS`).

    The standard error of a share X/T is that of a proportion, sqrt(SE(X)^2 - share^2 SE(T)^2) / T (with a
    plus where the difference is negative), SE being the margin of error over 1.645; parts of a sum are
    taken as independent, which overstates it, so of two categories, whose shares add to one and have one
    error, it is the smaller of the two. NaN where a margin of error is not published. No rows where the attribute is
    not published for every one of the areas (see `lacking`): a sum over some of them would be of other people.
    """
    parts = _terms(attribute, adults)
    if lacking(published, attribute, areas=areas, adults=adults):
        return pd.DataFrame({"category": [], "share": [], "standard_error": []})
    rows = _of(published, areas)
    total = rows.groupby("variable")["estimate"].sum()
    variance = rows["moe"].div(Z_90).pow(2).groupby(rows["variable"]).sum(min_count=len(areas))
    signed = pd.concat([total, -total.rename(lambda variable: f"-{variable}")])
    count = pd.Series({group: signed[terms].sum() for group, terms in parts.items()})
    spread = pd.Series({g: sum(variance[t.lstrip("-")] for t in ts) for g, ts in parts.items()})
    share = count / count.sum()
    within = spread - share**2 * spread.sum(skipna=False)
    error = np.sqrt(within.where(within >= 0, spread + share**2 * spread.sum())) / count.sum()
    if len(error) == 2:
        error[:] = error.min()
    if spread.isna().any():
        error[:] = np.nan
    return pd.DataFrame({"category": share.index, "share": share.to_numpy(), "standard_error": error.to_numpy()})
