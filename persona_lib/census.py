"""Census records to attributes: PUMS person rows become labelled persons with weights."""

from __future__ import annotations

import pandas as pd

from persona_lib import codebook
from persona_lib.households import GROUP_QUARTERS, RELATIONS, attach, derive
from persona_lib.pums import REPLICATES, PumsError
from persona_lib.schema import NOT_IN_UNIVERSE, UNKNOWN

MISSING = "\0"  # the column is not in this row's file


def describe(persons: pd.DataFrame, *, households: pd.DataFrame, dictionary: pd.DataFrame) -> pd.DataFrame:
    """PUMS person rows as the table `census`: labels in plain words, income in dollars, weights.

    Three kinds of nothing stay apart: a blank outside a question's universe is "not in universe"; a
    column that the file lacks, a suppressed or unreported value and a blank inside the universe are
    "unknown"; "No" is an answer. Income is PINCP x ADJINC / 1,000,000, may be negative, and is NaN where
    not asked (below 15 years) or where a column is lacking. Household type, presence of children and
    household language come from the household record where there is one; otherwise they are derived
    from the relationships in the person rows and marked `is_household_derived`.

    Parameters
    ----------
    persons, households : rows of `pums.read_files`; households may be empty
    dictionary : rows of `codebook.read_dictionary`; each file is read with the year nearest to its own

    Returns
    -------
    Rows of the table `census`, one per person row and in their order.

    Raises
    ------
    PumsError
        A code that the dictionary does not know, a weight, age or ADJINC that is no number, or a person
        that may live in group quarters or not: names file, line, column and code.
    """
    parts = []
    for _, rows in persons.groupby("file", sort=False):
        rows = rows.reset_index(drop=True)
        rows = rows.assign(survey_year=_survey_year(rows), AGEP=_whole(rows, "AGEP"), PWGTP=_whole(rows, "PWGTP"))
        known = codebook.codes(dictionary, year=int(rows["survey_year"].max()))
        parts.append(_describe_file(rows, households, known))
    return pd.concat(parts, ignore_index=True)


def _describe_file(rows: pd.DataFrame, households: pd.DataFrame, known: dict[str, dict[str, str]]) -> pd.DataFrame:
    age = rows["AGEP"]
    in_quarters = _group_quarters(rows)
    relation = "RELSHIPP" if _has(rows, "RELSHIPP") else "RELP"
    state = "STATE" if _has(rows, "STATE") else "ST"
    employed = _codes(rows, "ESR").isin(["1", "2", "4", "5"])

    def label(variable: str, universe: pd.Series | bool = True) -> pd.Series:
        return _labelled(rows, variable, known, universe=universe)

    read = attach(rows, households, lambda homes, v: _labelled(homes, v, known), in_quarters=in_quarters)
    derived = derive(rows.assign(relation=_codes(rows, relation).map(RELATIONS)), in_quarters=in_quarters)
    is_derived = read["household_type"].isna()
    home = {column: read[column].where(~is_derived, derived[column]) for column in derived}
    household_id = _household_id(rows)
    return pd.DataFrame(
        {
            "person_id": household_id + "-" + rows["SPORDER"].str.zfill(2),
            "household_id": household_id,
            "survey_year": rows["survey_year"],
            "state": label(state),
            "weight_persons": rows["PWGTP"],
            "is_group_quarters": in_quarters,
            "relationship": label(relation),
            "hispanic_origin": label("HISP"),
            "nativity": label("NATIVITY"),
            "age_years": age,
            "sex": label("SEX"),
            "race": label("RAC1P"),
            "ancestry": label("ANC1P"),
            "household_language": home["household_language"],
            "education": label("SCHL", age >= 3),
            "employment_status": label("ESR", age >= 16),
            "class_of_worker": label("COW", employed),
            **_work(rows, known, employed),
            "income_usd": _income(rows),
            "marital_status": label("MAR").where((age >= 15) | ~_has(rows, "MAR"), NOT_IN_UNIVERSE),
            "household_type": home["household_type"],
            "family_presence": home["family_presence"],
            "place_of_birth": label("POBP"),
            "citizenship": label("CIT"),
            "veteran_status": label("MIL", age >= 17),
            "disability": label("DIS"),
            "health_insurance": label("HICOV"),
            "cognitive_difficulty": label("DREM", age >= 5),
            "english_ability": label("ENG", (age >= 5) & (_codes(rows, "LANX") == "1")),
            "vision_difficulty": label("DEYE"),
            "fertility": label("FER", (_codes(rows, "SEX") == "2") & age.between(15, 50)),
            "hearing_difficulty": label("DEAR"),
            "is_household_derived": is_derived,
        }
    )


def replicate_weights(persons: pd.DataFrame) -> pd.DataFrame:
    """The 80 replicate weights of every person as the table `replicates`; no rows if the files have none.

    Replicate weights may be zero or negative. The variance of an estimate is 4/80 times the sum of the
    squared deviations of its 80 replicate estimates (see `population.replicate_error`).
    """
    present = persons[REPLICATES[0]].notna() if REPLICATES[0] in persons else pd.Series(False, index=persons.index)
    rows = persons[present].reset_index(drop=True)
    weights = {
        f"replicate_{number:02d}": _whole(rows, name) if len(rows) else pd.Series(dtype="int64")
        for number, name in enumerate(REPLICATES, start=1)
    }
    return pd.DataFrame({"person_id": _household_id(rows) + "-" + rows["SPORDER"].str.zfill(2), **weights})


def _household_id(rows: pd.DataFrame) -> pd.Series:
    return _survey_year(rows).astype("str") + "-" + rows["SERIALNO"]


def _has(rows: pd.DataFrame, variable: str) -> bool:
    """Whether this file has the column at all."""
    return variable in rows and rows[variable].notna().any()


def _codes(rows: pd.DataFrame, variable: str) -> pd.Series:
    """Normalised codes; '' for blank, `MISSING` where the file lacks the column."""
    if not _has(rows, variable):
        return pd.Series(MISSING, index=rows.index, dtype="str")
    values = rows[variable].str.strip()
    return values.map({code: codebook.normal_code(code) for code in values.unique()})


def _labelled(rows: pd.DataFrame, variable: str, known: dict, *, universe: pd.Series | bool = True) -> pd.Series:
    """Labels of one variable; a blank is "unknown" inside the universe and "not in universe" outside."""
    found = _codes(rows, variable)
    labels = {**known.get(variable, {}), MISSING: UNKNOWN, "": NOT_IN_UNIVERSE}
    _refuse(rows, variable, ~found.isin(list(labels)), "a code that the dictionary does not know; give its year's")
    blank = found == ""
    return found.map(labels).where(~(blank & universe), UNKNOWN).astype("str")


def _refuse(rows: pd.DataFrame, variable: str, wrong: pd.Series, what: str) -> None:
    if wrong.any():
        row = rows[wrong].iloc[0]
        raise PumsError(f"{row['file']}: line {row['line']}: {variable} is {row[variable]!r}: {what}")


def _whole(rows: pd.DataFrame, variable: str) -> pd.Series:
    """A column of whole numbers, or the first cell that is none."""
    _refuse(rows, variable, ~rows[variable].str.fullmatch(r"\s*-?\d+\s*"), "not a whole number")
    return rows[variable].astype("int64")


def _survey_year(rows: pd.DataFrame) -> pd.Series:
    is_serial = rows["SERIALNO"].str.fullmatch(r"20\d\d(GQ|HU|\d\d)\d+")
    _refuse(rows, "SERIALNO", ~is_serial, "no serial number of 2017 or later")
    return rows["SERIALNO"].str[:4].astype("int64")


def _group_quarters(rows: pd.DataFrame) -> pd.Series:
    """Group quarters by the serial number (since 2018), else by the relationship."""
    kind = rows["SERIALNO"].str[4:6]
    relation = _codes(rows, "RELSHIPP" if _has(rows, "RELSHIPP") else "RELP")
    undecided = ~kind.isin(["GQ", "HU"]) & relation.isin([MISSING, ""])
    _refuse(rows, "SERIALNO", undecided, "neither HU nor GQ, and there is no RELP or RELSHIPP to tell group quarters")
    return (kind == "GQ") | relation.isin(GROUP_QUARTERS)


def _income(rows: pd.DataFrame) -> pd.Series:
    """PINCP x ADJINC / 1,000,000; ADJINC has six implied decimals and is never 1."""
    if not (_has(rows, "PINCP") and _has(rows, "ADJINC")):
        return pd.Series(float("nan"), index=rows.index)
    factor = _whole(rows, "ADJINC")
    _refuse(rows, "ADJINC", ~factor.between(500_000, 2_000_000), "not a factor with six implied decimals (1013097)")
    asked = rows["PINCP"].str.strip() != ""
    _refuse(rows, "PINCP", asked & ~rows["PINCP"].str.fullmatch(r"\s*-?\d+\s*"), "not a whole number of dollars")
    income = rows["PINCP"].where(asked).astype("float64") * factor / 1_000_000
    return income.where(rows["AGEP"] >= 15)


def _work(rows: pd.DataFrame, known: dict, employed: pd.Series) -> dict[str, pd.Series]:
    """Industry, occupation and job description; who has no job now describes the last one."""
    split = {v: codebook.split_prefix(known.get(v, {})) for v in ("INDP", "OCCP")}
    prefixes = {"INDP": codebook.INDUSTRIES, "OCCP": codebook.OCCUPATIONS}
    category, text = {}, {}
    for variable, parts in split.items():
        names = {code: prefixes[variable].get(prefix, words) for code, (prefix, words) in parts.items()}
        words = {code: codebook.sentence_case(words) for code, (_, words) in parts.items()}
        category[variable] = _labelled(rows, variable, {variable: names}, universe=employed)
        text[variable] = _labelled(rows, variable, {variable: words}, universe=employed)
    nothing = [NOT_IN_UNIVERSE, UNKNOWN, codebook.NEVER_WORKED]
    job, field = text["OCCP"], text["INDP"]
    described = job.where(job.isin(nothing) | field.isin(nothing), job + "; industry: " + field)
    is_last = ~employed & ~job.isin(nothing) & _codes(rows, "ESR").isin(["3", "6"])
    return {
        "industry": category["INDP"],
        "occupation": category["OCCP"],
        "job_description": described.where(~is_last, "Last job: " + described),
    }
