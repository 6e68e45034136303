"""Religion, ideology and party, which no census asks: drawn as a chain, each given the census and the ones before."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import softmax

from persona_lib.tables import streams
from persona_lib.tables.schema import NOT_IN_UNIVERSE, UNKNOWN, SchemaError
from persona_lib.tables.values import ADULT_YEARS

CHAIN = ("religion", "ideology", "political_views")
AGE_GROUPS = {"18-29": 18, "30-44": 30, "45-64": 45, "65+": 65}

SEX = {"Male": "Male", "Female": "Female", UNKNOWN: UNKNOWN}
_HISPANIC = (
    *("Mexican", "Puerto Rican", "Cuban", "Dominican", "Costa Rican", "Guatemalan", "Honduran", "Nicaraguan"),
    *("Panamanian", "Salvadoran", "Other Central American", "Argentinean", "Bolivian", "Chilean", "Colombian"),
    *("Ecuadorian", "Paraguayan", "Peruvian", "Uruguayan", "Venezuelan", "Other South American", "Spaniard"),
    "Other Hispanic or Latino",
)
_ORIGIN = dict.fromkeys(_HISPANIC, "Hispanic") | {"Not Hispanic or Latino": "", UNKNOWN: ""}
_RACE = {
    "White": "White",
    "Black or African American": "Black",
    "American Indian": "Other",
    "Alaska Native": "Other",
    "American Indian or Alaska Native, tribe not specified": "Other",
    "Asian": "Asian",
    "Native Hawaiian or other Pacific Islander": "Other",
    "Some other race": "Other",
    "Two or more races": "Other",
    UNKNOWN: UNKNOWN,
}
_EDUCATION = {
    NOT_IN_UNIVERSE: "High school or less",
    "No schooling completed": "High school or less",
    "Nursery school, preschool": "High school or less",
    "Kindergarten": "High school or less",
    **{f"Grade {grade}": "High school or less" for grade in range(1, 12)},
    "12th grade, no diploma": "High school or less",
    "Regular high school diploma": "High school or less",
    "GED or alternative credential": "High school or less",
    "Some college, but less than 1 year": "Some college",
    "1 or more years of college credit, no degree": "Some college",
    "Associate's degree": "Some college",
    "Bachelor's degree": "Bachelor's or more",
    "Master's degree": "Bachelor's or more",
    "Professional degree beyond a bachelor's degree": "Bachelor's or more",
    "Doctorate degree": "Bachelor's or more",
    UNKNOWN: UNKNOWN,
}


def predictors(people: pd.DataFrame) -> pd.DataFrame:
    """The survey's categories of census people: age_group, sex, race_ethnicity, education.

    Hispanic origin comes before race, as in the survey; people below 18 are "under 18".

    Parameters
    ----------
    people : columns age_years, sex, race, hispanic_origin, education, with census labels

    Raises
    ------
    SchemaError
        A label that no category covers; names column, row and label.

    Examples
    --------
    >>> one = {"age_years": [43], "sex": "Male", "race": "White",
    ...        "hispanic_origin": "Cuban", "education": "Bachelor's degree"}
    >>> predictors(pd.DataFrame(one)).iloc[0].tolist()
    ['30-44', 'Male', 'Hispanic', "Bachelor's or more"]
    """
    origin = mapped(people["hispanic_origin"], _ORIGIN, "hispanic_origin")
    race = mapped(people["race"], _RACE, "race")
    return pd.DataFrame(
        {
            "age_group": age_group(people["age_years"]),
            "sex": mapped(people["sex"], SEX, "sex"),
            "race_ethnicity": origin.where(origin == "Hispanic", race),
            "education": mapped(people["education"], _EDUCATION, "education"),
        },
        index=people.index,
    )


def age_group(age_years: pd.Series) -> pd.Series:
    """The survey's age group of each age, "under 18" below it."""
    starts = [-np.inf, *AGE_GROUPS.values(), np.inf]
    return pd.cut(age_years, starts, right=False, labels=["under 18", *AGE_GROUPS]).astype("str")


def mapped(values: pd.Series, mapping: dict[str, str], column: str) -> pd.Series:
    """Census labels as survey categories; a label that `mapping` lacks is an error that names column and row."""
    unmapped = values[~values.isin(mapping)]
    if len(unmapped):
        raise SchemaError(
            f"people.{column}: row {unmapped.index[0]} is {unmapped.iloc[0]!r}, which no survey category covers; "
            "add the label to persona_lib/synthesis/beliefs.py"
        )
    return values.map(mapping).astype("str")


def chain_probabilities(people: pd.DataFrame, coefficients: pd.DataFrame, field: str) -> pd.DataFrame:
    """The chance of every value of one field for each person: a softmax of summed coefficients.

    A slope of 0 is the average respondent; so is a level without one ("unknown", or an answer
    that fewer than 10 respondents gave).

    Parameters
    ----------
    people : one row per person; the field's predictors, as `predictors` names them
    coefficients : data/reference/chain_coefficients.csv; field, value, predictor, level, coefficient
    field : religion, ideology or political_views

    Returns
    -------
    One row per person (same index), one column per value; rows sum to 1.

    Raises
    ------
    SchemaError
        The table lacks the field or a cell, or a person has a level that it does not know.
    """
    weights = _weights(coefficients, field)
    scores = np.tile(weights.loc[[("intercept", ""), ("calibration", "")]].sum().to_numpy(), (len(people), 1))
    for predictor in weights.index.unique("predictor").difference(["intercept", "calibration"]):
        slopes = weights.loc[predictor]
        is_answer = coefficients["field"] == predictor
        known = {*slopes.index, UNKNOWN, *coefficients.loc[is_answer, "value"]}
        if predictor not in people:
            raise SchemaError(f"people: column {predictor} is missing; {field} is drawn given it")
        strange = people.loc[~people[predictor].isin(known), predictor]
        if len(strange):
            raise SchemaError(
                f"people.{predictor}: row {strange.index[0]} is {strange.iloc[0]!r}; "
                f"the chain knows {', '.join(sorted(slopes.index))}"
            )
        scores += slopes.reindex(people[predictor]).fillna(0.0).to_numpy()
    return pd.DataFrame(softmax(scores, axis=1), index=people.index, columns=list(weights.columns))


def _weights(coefficients: pd.DataFrame, field: str) -> pd.DataFrame:
    """One field's coefficients: rows (predictor, level), columns values; no cell may be missing."""
    mine = coefficients[coefficients["field"] == field]
    if mine.empty:
        raise SchemaError(f"chain_coefficients: no row of field {field}")
    key = ["predictor", "level", "value"]
    if mine.duplicated(key).any():
        raise SchemaError(f"chain_coefficients: {field}: {tuple(mine[mine.duplicated(key)][key].iloc[0])} stands twice")
    numbers = pd.to_numeric(mine["coefficient"], errors="coerce")
    wide = mine.assign(coefficient=numbers).pivot(index=key[:2], columns="value", values="coefficient")
    has_bases = {("intercept", ""), ("calibration", "")} <= set(wide.index)
    if not np.isfinite(wide.to_numpy()).all() or not has_bases:
        raise SchemaError(f"chain_coefficients: {field}: a coefficient is missing or not a finite number")
    return wide


def draw_chain(people: pd.DataFrame, coefficients: pd.DataFrame, *, seed: int) -> pd.DataFrame:
    """Draw religion, then ideology given religion, then party given both; drawn, not the likeliest value.

    Each field has its own stream and each person one number of it, so more people at the end
    move nobody before. The survey asked adults: below 18 the fields are "not in universe".

    Parameters
    ----------
    people : census labels, see `predictors`
    coefficients : see `chain_probabilities`
    seed : of the run

    Returns
    -------
    Same index; religion, ideology, political_views and, for each, `<field>_probability`,
    the chance that the model gave the drawn value (NaN below 18).
    """
    known = predictors(people)
    is_adult = (people["age_years"] >= ADULT_YEARS).to_numpy()
    known, found = known[is_adult], {}
    for field in CHAIN:
        chance = chain_probabilities(known, coefficients, field)
        uniform = streams.generator(seed, f"traits.{field}").random(len(people))[is_adult]
        drawn = (chance.to_numpy().cumsum(axis=1) < uniform[:, None]).sum(axis=1).clip(max=chance.shape[1] - 1)
        known = known.assign(**{field: chance.columns.to_numpy()[drawn]})
        found[field] = known[field].astype("str")
        found[f"{field}_probability"] = pd.Series(chance.to_numpy()[np.arange(len(known)), drawn], index=known.index)
    drawn_table = pd.DataFrame(found).reindex(people.index)
    return drawn_table.fillna(dict.fromkeys(CHAIN, NOT_IN_UNIVERSE))


def chain_joint(people: pd.DataFrame, coefficients: pd.DataFrame, *, weight: pd.Series) -> pd.DataFrame:
    """The chain's exact joint distribution over a population: no draw, no Monte-Carlo error.

    Parameters
    ----------
    people : adults, census labels
    weight : one weight per person, same index; scaled to sum to 1

    Returns
    -------
    One row per age_group, sex, race_ethnicity and education found, religion, ideology and political_views;
    `share`, summing to 1.
    """
    return joint_of(predictors(people).assign(weight=weight), coefficients)


def joint_of(known: pd.DataFrame, coefficients: pd.DataFrame) -> pd.DataFrame:
    """The joint of `chain_joint` for people given by `predictors` and a column `weight`."""
    names = [name for name in known if name != "weight"]
    cells = known.groupby(names, as_index=False)["weight"].sum()
    cells = cells.assign(share=cells["weight"] / cells["weight"].sum()).drop(columns="weight")
    for field in CHAIN:
        chance = chain_probabilities(cells, coefficients, field)
        parts = [cells.assign(**{field: value}, share=cells["share"] * chance[value]) for value in chance]
        cells = pd.concat(parts, ignore_index=True)
    return cells[[*names, *CHAIN, "share"]]


def mutual_information(joint: pd.DataFrame, *, between: tuple[str, str]) -> float:
    """Bits that one column tells about another: 0 if independent, at most the smaller entropy.

    Sum of p(a, b) log2 of p(a, b) / (p(a) p(b)) over the cells of `share`.

    Examples
    --------
    Two columns that always agree share one bit.

    >>> mutual_information(pd.DataFrame({"a": [0, 1], "b": [0, 1], "share": [0.5, 0.5]}), between=("a", "b"))
    1.0
    """
    table = joint.pivot_table(index=between[0], columns=between[1], values="share", aggfunc="sum")
    p = table.fillna(0).to_numpy(float) / joint["share"].sum()
    product = p.sum(axis=1, keepdims=True) * p.sum(axis=0, keepdims=True)
    return float((p[p > 0] * np.log2(p[p > 0] / product[p > 0])).sum())
