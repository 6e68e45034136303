"""Fit religion -> ideology -> party to three surveys together, offline; what it writes is committed, its source is not.

    python data/reference/fit_chain.py REFERENCE PEOPLE [--out data/reference]

REFERENCE holds anes2022_{religion,ideology,party}.csv and gss_{religion,ideology,party}.csv (cross-tables of the ANES
2022 Pilot Study and of the GSS) and national_margins_religion_politics.csv (dated national shares); PEOPLE holds
cces2016.csv.gz. What is fitted, and raked to what, stands in beliefs_protocol.yaml. Written:

chain_coefficients.csv  log-odds of three multinomial models, slopes centred so that 0 is the average adult
chain_margins.csv       two-way shares with n >= 10 of each survey, and of the tables that the chain is raked to
national_margins.csv    the national shares as summed to the chain's answers

check_chain.py holds the same procedure against each survey in turn.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from chain_model import MIN_N, Model, fit, proportional, rake, spread  # noqa: E402
from chain_surveys import (  # noqa: E402
    DEMOGRAPHICS,
    FIELDS,
    Protocol,
    Survey,
    effective,
    groups,
    protocol,
    read_surveys,
    schooling_prior,
)

from persona_lib.synthesis.beliefs import CHAIN, predictors  # noqa: E402
from persona_lib.tables.schema import read  # noqa: E402
from persona_lib.tables.values import ADULT_YEARS  # noqa: E402

HERE = Path(__file__).resolve().parent
SOURCE = "ANES 2022 Pilot Study, GSS and CCES 2016, pooled and raked as beliefs_protocol.yaml says"
TARGETS = "national_margins.csv"
NEITHER = "Neither"

# Answers of the chain that one published share covers; "rest" is what the publication leaves to 100 %.
AGGREGATES = {
    "religion": {
        "Protestant": ["Protestant"],
        "Catholic": ["Catholic"],
        "Other Christian": ["Other Christian"],
        "Jewish": ["Jewish"],
        "Atheist or agnostic": ["Atheist or agnostic"],
        "Nothing in particular": ["Nothing in particular"],
        "Other faith": ["Other faith"],
    },
    "ideology": {
        "Conservative or very conservative": ["Conservative", "Very conservative"],
        "Moderate": ["Moderate"],
        "Liberal or very liberal": ["Liberal", "Very liberal"],
        "No opinion": ["Not sure"],
    },
    "political_views": {
        "Republican or leaning": ["Strong Republican", "Not very strong Republican", "Leans Republican"],
        "Democrat or leaning": ["Strong Democrat", "Not very strong Democrat", "Leans Democrat"],
        NEITHER: ["Independent", "Not sure"],
    },
}


def census_people() -> pd.DataFrame:
    """The adults of the shipped census sample: one row per cell of DEMOGRAPHICS, weight summing to 1."""
    census = read(HERE.parents[1] / "data/expected/demo/census.parquet", "census")
    adults = census[census["age_years"] >= ADULT_YEARS]
    known = predictors(adults).assign(weight=adults["weight_persons"].astype(float))
    known = known.groupby(list(DEMOGRAPHICS), as_index=False)["weight"].sum()
    return known.assign(weight=known["weight"] / known["weight"].sum())


def pooled(surveys: dict[str, Survey], names: list[str], field: str, by: str, declared: Protocol) -> pd.DataFrame:
    """P(shared answer | group) over the named surveys, the groups those of `by`.

    Weights are 1 / (0.25 / effective n + allowance^2): the sampling variance at its largest and the variance of a
    survey's house. Half a respondent is added to every answer, so that none is impossible. Surveys that never
    asked the two together are left out.

    Returns
    -------
    One row per group, one column per shared answer, rows summing to 1; and `variance`, times p (1 - p) the sampling
    variance of a share p.
    """
    shares, precision, variance = [], [], []
    answers = list(declared.values(field))
    for name in names:
        tables = [surveys[name].tables[field], *surveys[name].tables.values()]
        both = [cells for table in tables if {field, by} <= {*(cells := groups(table, declared))}]
        if not both:
            continue
        cells = both[0]
        weight = cells.pivot_table(index=by, columns=field, values="weight", aggfunc="sum", fill_value=0.0)
        weight = weight.reindex(columns=answers, fill_value=0.0)
        n = cells.groupby(by)["n"].sum()
        counted = weight.mul(n / weight.sum(axis=1), axis=0) + 0.5
        shares.append(counted.div(counted.sum(axis=1), axis=0))
        variance.append(1 / pd.Series({level: effective(part) for level, part in cells.groupby(by)}))
        precision.append(1 / (0.25 * variance[-1] + (declared["allowance_points"] / 100) ** 2))
    if not shares:
        return pd.DataFrame(columns=[*answers, "variance"], dtype=float)
    total = sum((p.reindex(shares[0].index, fill_value=0.0) for p in precision), 0.0)
    found = sum((share.mul(p / total, axis=0) for share, p in zip(shares, precision, strict=True)), 0.0)
    squared = sum(((p / total) ** 2 * v for p, v in zip(precision, variance, strict=True)), 0.0)
    return found.assign(variance=squared)


def models(surveys: dict[str, Survey], declared: Protocol, people: pd.DataFrame, *, without: str | None) -> dict:
    """The three fitted models, not raked; `without` names the survey that is held out of all."""
    fitted: dict[str, Model] = {}
    for field in CHAIN:
        parts = []
        for name in declared.fitted_without(field, without):
            rows = surveys[name].tables[field]
            n = rows["n"].sum()
            scale = min(n, declared["most_respondents"]) / rows["weight"].sum()
            parts.append(rows.assign(survey=name, weight=rows["weight"] * scale))
        known = people
        for before in CHAIN[: CHAIN.index(field)]:
            known = spread(known, fitted[before])
        prior = known.groupby([p for p in FIELDS[field] if p != "education"], as_index=False)["weight"].sum()
        prior = schooling_prior(declared) if field == "religion" else prior.rename(columns={"weight": "share"})
        rows = pd.concat(parts, ignore_index=True)
        fitted[field] = fit(rows, field, FIELDS[field], prior=prior, ridge=declared["ridge"])
    return fitted


def kinds_of(field: str, declared: Protocol, people: pd.DataFrame) -> dict[str, dict[str, str]]:
    """The group of each value of the field and of the predictors that it is raked by: shared answers, or the value."""
    found = {field: declared.shared(field)}
    for by in declared["raked"][field]:
        found[by] = declared.shared(by) if by in CHAIN else {level: level for level in people[by].unique()}
    return found


def raked(
    fitted: dict[str, Model],
    surveys: dict[str, Survey],
    declared: Protocol,
    people: pd.DataFrame,
    *,
    without: str | None,
    national: pd.DataFrame | None,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """The fitted models raked over `people`, to the national shares or (None) at the level of the surveys.

    Returns
    -------
    Coefficients, in the form of chain_coefficients.csv; the tables raked to, one row per field, by, level and answer;
    the national shares that were used.
    """
    coefficients, told, used = [], [], []
    for field in CHAIN:
        model = replace(fitted[field], slopes=fitted[field].slopes.copy())
        kinds, targets = kinds_of(field, declared, people), {}
        margin = pd.DataFrame({"category": [], "survey_values": [], "share": []})
        for by in declared["raked"][field]:
            level = people["weight"].groupby(people[by].map(kinds[by])).sum()
            table = pooled(surveys, declared.fitted_without(field, without), field, by, declared)
            table = table.drop(columns="variance").loc[level.index].mul(level, axis=0)
            kind, columns = pd.Series({answer: answer for answer in table}), table.sum()
            if targets:
                columns = next(iter(targets.values())).sum()
            elif national is not None:
                margin = with_neither(national[national["field"] == field], table.sum())
                kind, columns = national_kinds(margin, declared.values(field))
            targets[by] = proportional(table, level, columns, kind)
            long = targets[by].rename_axis(index="level", columns="answer").stack().rename("share").reset_index()
            told.append(long.assign(field=field, by=by))
        rake(model, people, targets, margin, kinds)
        coefficients.append(coefficient_rows(model))
        used.append(margin)
        people = spread(people, model)
    return pd.concat(coefficients), pd.concat(told), pd.concat(used)


def with_neither(margin: pd.DataFrame, pooled_share: pd.Series) -> pd.DataFrame:
    """National shares of party with "Neither" as the surveys have it, the published shares dividing the rest."""
    is_neither = margin["category"] == NEITHER
    if not is_neither.any():
        return margin
    left = margin["share"] * (1 - pooled_share[NEITHER]) / margin.loc[~is_neither, "share"].sum()
    how = margin["how"].mask(~is_neither, "published, divided by those who lean, times what Neither leaves")
    how = how.mask(is_neither, "pooled over the surveys: the publication presses for a leaning until 9 % are left")
    source = margin["source"].mask(is_neither, "chain_margins.csv")
    return margin.assign(share=left.mask(is_neither, pooled_share[NEITHER]), source=source, how=how)


def national_kinds(margin: pd.DataFrame, values: dict[str, list[str]]) -> tuple[pd.Series, pd.Series]:
    """The kind of each shared answer, as far as national shares tell answers apart, and the national share of each."""
    of_value = {value: row.category for row in margin.itertuples() for value in row.survey_values.split("|")}
    kind = pd.Series({answer: "+".join(sorted({of_value[v] for v in mine})) for answer, mine in values.items()})
    share = margin.set_index("category")["share"]
    return kind, pd.Series({name: share[name.split("+")].sum() for name in kind.unique()})


def national(folder: Path) -> pd.DataFrame:
    """The published shares, summed to the chain's answers; what they leave to 100 % is the last category."""
    path = folder / "national_margins_religion_politics.csv"
    published = pd.read_csv(path).set_index(["field", "category"])
    percent, source = published["percent"], published["source"]
    shares = {
        "religion": {name: percent["religion", name] for name in list(AGGREGATES["religion"])[:4]}
        | {"Atheist or agnostic": percent["religion", "Atheist"] + percent["religion", "Agnostic"]}
        | {"Nothing in particular": percent["religion", "Nothing in particular"]},
        "ideology": {name: percent["ideology", name] for name in list(AGGREGATES["ideology"])[:3]},
        "political_views": {
            "Republican or leaning": percent["party_lean", "Republican or lean"],
            "Democrat or leaning": percent["party_lean", "Democrat or lean"],
        },
    }
    cited = {
        "religion": source["religion", "Protestant"],
        "ideology": source["ideology", "Conservative or very conservative"],
        "political_views": source["party_lean", "Republican or lean"],
    }
    found = []
    for field, known in shares.items():
        for category, values in AGGREGATES[field].items():
            is_rest = category not in known
            value = 100 - sum(known.values()) if is_rest else known[category]
            how = "what the published shares leave to 100 %" if is_rest else "published, or a sum or difference"
            row = {"field": field, "category": category, "survey_values": "|".join(values), "share": value / 100}
            found.append({**row, "source": cited[field], "how": how})
    return pd.DataFrame(found)


def coefficient_rows(model: Model) -> pd.DataFrame:
    """One row per value, predictor and level; predictors 'intercept' and 'calibration' have level ''."""
    names = [("intercept", ""), ("calibration", ""), *model.levels]
    values = np.vstack([model.base - model.base.mean(), model.shift - model.shift.mean(), model.slopes])
    found = []
    for column, outcome in enumerate(model.outcomes):
        for (predictor, level), value in zip(names, values[:, column], strict=True):
            row = {"field": model.field, "value": outcome, "predictor": predictor, "level": level}
            source = TARGETS if predictor == "calibration" else SOURCE
            found.append({**row, "coefficient": round(float(value), 5), "source": source})
    return pd.DataFrame(found)


def margins(surveys: dict[str, Survey], declared: Protocol, targets: pd.DataFrame) -> pd.DataFrame:
    """P(shared answer | group) of every survey, from cells of MIN_N respondents or more, and of the tables raked to.

    One row per survey (or "raked"), field, by, level and answer: n of the cell, n_level of the group, share.
    """
    found = [targets.assign(survey="raked", share=targets["share"] / sums_of(targets))]
    for name, survey in surveys.items():
        for field, table in survey.tables.items():
            cells = groups(table, declared)
            for by in [column for column in cells if column not in (field, "n", "weight")]:
                cell = cells.groupby([by, field])[["n", "weight"]].sum().reset_index()
                of_level = cell.groupby(by)[["n", "weight"]].transform("sum")
                told = {"survey": name, "field": field, "by": by, "n_level": of_level["n"]}
                cell = cell.assign(**told, share=cell["weight"] / of_level["weight"])
                found.append(cell.rename(columns={by: "level", field: "answer"})[cell["n"] >= MIN_N])
    table = pd.concat(found)[["survey", "field", "by", "level", "answer", "n", "n_level", "share"]]
    return table.astype({"n": "Int64", "n_level": "Int64"}).round({"share": 5})


def sums_of(targets: pd.DataFrame) -> pd.Series:
    """The share of each row's group in its table."""
    return targets.groupby(["field", "by", "level"])["share"].transform("sum")


def main() -> None:
    """Fit, rake, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("reference", type=Path, help="folder of the cross-tables of ANES and GSS")
    parser.add_argument("people", type=Path, help="folder of cces2016.csv.gz")
    parser.add_argument("--out", type=Path, default=HERE, help="where the three tables are written")
    options = parser.parse_args()
    declared, people = protocol(), census_people()
    surveys = read_surveys(options.reference, options.people, declared)
    fitted = models(surveys, declared, people, without=None)
    known = national(options.reference)
    coefficients, targets, used = raked(fitted, surveys, declared, people, without=None, national=known)
    written = {
        "chain_coefficients": coefficients,
        "chain_margins": margins(surveys, declared, targets),
        "national_margins": used.round(4),
    }
    for name, table in written.items():
        table.to_csv(options.out / f"{name}.csv", index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
