"""The three surveys that the chain is fitted to and held against, brought to the chain's answers and predictors.

A respondent of whom a survey tells an answer or a predictor only in part has several values joined by "|": "No
religion" of the GSS is "Atheist or agnostic|Nothing in particular" of the chain, and religion in the CCES, which asks
none, is every religion. The files lie outside the repository and are never committed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from persona_lib.synthesis.beliefs import AGE_GROUPS, CHAIN

HERE = Path(__file__).parent
DEMOGRAPHICS = ("age_group", "sex", "race_ethnicity", "education")
FIELDS = {
    "religion": ("age_group", "sex", "race_ethnicity", "education"),
    "ideology": ("religion", "age_group", "sex", "race_ethnicity"),
    "political_views": ("ideology", "religion", "age_group", "race_ethnicity"),
}
FILES = {"religion": "religion", "ideology": "ideology", "political_views": "party"}  # {anes2022,gss}_*.csv
RACES = {name: name for name in ("White", "Black", "Hispanic", "Asian")}  # of the CCES; any other is Other
LOW, MIDDLE, HIGH = "High school or less", "Some college", "Bachelor's or more"
WITHOUT_BACHELOR = f"{LOW}|{MIDDLE}"
SCHOOLING = {LOW: "Less than bachelor's", MIDDLE: "Less than bachelor's", WITHOUT_BACHELOR: "Less than bachelor's"}


@dataclass(frozen=True)
class Protocol:
    """What beliefs_protocol.yaml declares; see there."""

    declared: dict

    def __getitem__(self, name: str):
        return self.declared[name]

    def values(self, field: str) -> dict[str, list[str]]:
        """Shared answer: the answers of the chain that it gathers."""
        return {answer: of["chain"] for answer, of in self.declared["answers"][field].items()}

    def shared(self, field: str) -> dict[str, str]:
        """The shared answer of every answer of the chain, and of those joined by "|"."""
        found = {value: answer for answer, values in self.values(field).items() for value in values}
        return found | {"|".join(values): answer for answer, values in self.values(field).items()}

    def joined(self, field: str, survey: str) -> dict[str, str]:
        """Answer of a survey: the answers of the chain that it may be, joined by "|"."""
        answers = self.declared["answers"][field].values()
        return {theirs: "|".join(of["chain"]) for of in answers for theirs in of[survey]}

    def fitted_without(self, field: str, survey: str | None) -> list[str]:
        """The surveys that a field is fitted to when one is held out (None: all that asked it)."""
        return [name for name in self.declared["held_out"][field] if name != survey]


def protocol() -> Protocol:
    """The declared protocol."""
    return Protocol(yaml.safe_load((HERE / "beliefs_protocol.yaml").read_text("utf-8")))


@dataclass(frozen=True)
class Survey:
    """One survey: `tables[field]` has one row per cell of respondents, with its predictors, answer, n and weight.

    `people` has one row per cell of DEMOGRAPHICS, `weight` summing to 1. A weight is that of all n respondents.
    """

    tables: dict[str, pd.DataFrame]
    people: pd.DataFrame


def read_surveys(reference: Path, people: Path, declared: Protocol) -> dict[str, Survey]:
    """ANES and GSS from the cross-tables of `reference`, the CCES from cces2016.csv.gz of `people`."""
    found = {
        "anes": {field: _cross_table(reference, "anes2022", field) for field in CHAIN},
        "gss": {field: _gss(_cross_table(reference, "gss", field), declared) for field in CHAIN},
    }
    cces = _cces(people / "cces2016.csv.gz", declared)
    found["cces"] = {"ideology": cces, "political_views": cces}
    return {name: Survey(tables, _people(name, tables, declared)) for name, tables in found.items()}


def _cross_table(folder: Path, survey: str, field: str) -> pd.DataFrame:
    path = folder / f"{survey}_{FILES[field]}.csv"
    cells = pd.read_csv(path, keep_default_na=False).rename(columns={"party": "political_views"})
    if missing := {*FIELDS[field], field, "n"} - set(cells.columns):
        raise SystemExit(f"{path}: column {', '.join(sorted(missing))} is missing")
    cells = cells[cells["religion"] != "Not stated"]  # one respondent, who can shape no answer
    return cells.assign(weight=cells["weight"] if "weight" in cells else cells["n"].astype(float))


def _gss(cells: pd.DataFrame, declared: Protocol) -> pd.DataFrame:
    """The GSS in the chain's words; its "High school or less" holds those with some college and no degree."""
    told = {field: cells[field].map(declared.joined(field, "gss")) for field in CHAIN if field in cells}
    if "education" in cells:
        told["education"] = cells["education"].replace({LOW: WITHOUT_BACHELOR})
    cells = cells.assign(**told)
    if cells.isna().any(axis=None):
        raise SystemExit(f"gss: an answer of {cells.columns[cells.isna().any()][0]} is not in beliefs_protocol.yaml")
    return cells


def _cces(path: Path, declared: Protocol) -> pd.DataFrame:
    raw = pd.read_csv(path, usecols=["age", "female", "collegeed", "racef", "ideo", "pid7na"])
    raw = raw.dropna(subset=["age", "female", "collegeed", "racef"])
    starts = [*AGE_GROUPS.values(), np.inf]
    codes = declared["cces_codes"]
    rows = pd.DataFrame(
        {
            "age_group": pd.cut(raw["age"], starts, right=False, labels=list(AGE_GROUPS)).astype("str"),
            "sex": raw["female"].map({1: "Female", 0: "Male"}),
            "race_ethnicity": raw["racef"].map(RACES).fillna("Other"),
            "education": raw["collegeed"].map({1: HIGH, 0: WITHOUT_BACHELOR}),
            "religion": "|".join(value for values in declared.values("religion").values() for value in values),
            "ideology": raw["ideo"].map(codes["ideology"]).fillna("Not sure"),
            "political_views": raw["pid7na"].map(codes["political_views"]).fillna("Not sure"),
        }
    )
    cells = rows.groupby(list(rows), as_index=False).size().rename(columns={"size": "n"})
    return cells.assign(weight=cells["n"].astype(float))


def _people(name: str, tables: dict[str, pd.DataFrame], declared: Protocol) -> pd.DataFrame:
    """The mix of a survey's respondents, schooling that is told in part divided as declared."""
    cells = tables.get("religion", tables["ideology"])
    cells = whole(cells[[*DEMOGRAPHICS, "weight"]].reset_index(names="cell"), DEMOGRAPHICS)
    prior = schooling_prior(declared)
    share = cells.assign(survey=name).merge(prior, how="left")["share"].to_numpy()
    weight = cells["weight"] * share / pd.Series(share).groupby(cells["cell"]).transform("sum")
    return _mix(cells.assign(weight=weight))


def _mix(cells: pd.DataFrame) -> pd.DataFrame:
    found = cells.groupby(list(DEMOGRAPHICS), as_index=False)["weight"].sum()
    return found.assign(weight=found["weight"] / found["weight"].sum())


def schooling_prior(declared: Protocol) -> pd.DataFrame:
    """How likely each level of schooling is before the answer is seen: survey, education, share."""
    rows = []
    for survey in declared["surveys"]:
        low = declared["high_school_or_less"].get(survey, 0.5)
        rows += [(survey, LOW, low), (survey, MIDDLE, 1 - low), (survey, HIGH, 1.0)]
    return pd.DataFrame(rows, columns=["survey", "education", "share"])


def whole(cells: pd.DataFrame, columns: tuple[str, ...]) -> pd.DataFrame:
    """Every complete row that a cell may be: values joined by "|" stand apart, one row each."""
    for column in columns:
        cells = cells.assign(**{column: cells[column].str.split("|", regex=False)}).explode(column)
    return cells.reset_index(drop=True)


def groups(cells: pd.DataFrame, declared: Protocol) -> pd.DataFrame:
    """The table with beliefs as shared answers, schooling in two groups, and no column that the survey never asked."""
    told = {field: cells[field].map(declared.shared(field)) for field in CHAIN if field in cells}
    if "education" in cells:
        told["education"] = cells["education"].replace(SCHOOLING)
    cells = cells.assign(**told)
    return cells.drop(columns=[name for name in told if cells[name].isna().any()])


def effective(cells: pd.DataFrame) -> float:
    """Kish's effective number of respondents, (sum w)^2 / sum w^2, each with the mean weight of its cell."""
    return float(cells["weight"].sum() ** 2 / (cells["weight"] ** 2 / cells["n"]).sum())
