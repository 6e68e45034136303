"""Traits that no census asks: religion, ideology and party as a chain, drawn Big Five scores, listed traits."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import softmax

from persona_lib import streams
from persona_lib.schema import NOT_IN_UNIVERSE, UNKNOWN, SchemaError

CHAIN = ("religion", "ideology", "political_views")
ADULT_YEARS = 18
AGE_GROUPS = {"18-29": 18, "30-44": 30, "45-64": 45, "65+": 65}

BIG_FIVE = ("openness", "conscientiousness", "extraversion", "agreeableness", "neuroticism")
LOW, HIGH = -0.5, 0.5  # standard deviations: below LOW is "low", above HIGH is "high"

SEPARATOR = "; "

_SEX = {"Male": "Male", "Female": "Female", UNKNOWN: UNKNOWN}
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
    origin = _mapped(people["hispanic_origin"], _ORIGIN, "hispanic_origin")
    race = _mapped(people["race"], _RACE, "race")
    return pd.DataFrame(
        {
            "age_group": age_group(people["age_years"]),
            "sex": _mapped(people["sex"], _SEX, "sex"),
            "race_ethnicity": origin.where(origin == "Hispanic", race),
            "education": _mapped(people["education"], _EDUCATION, "education"),
        },
        index=people.index,
    )


def age_group(age_years: pd.Series) -> pd.Series:
    """The survey's age group of each age, "under 18" below it."""
    starts = [-np.inf, *AGE_GROUPS.values(), np.inf]
    return pd.cut(age_years, starts, right=False, labels=["under 18", *AGE_GROUPS]).astype("str")


def _mapped(values: pd.Series, mapping: dict[str, str], column: str) -> pd.Series:
    unmapped = values[~values.isin(mapping)]
    if len(unmapped):
        raise SchemaError(
            f"people.{column}: row {unmapped.index[0]} is {unmapped.iloc[0]!r}, which no survey category covers; "
            "add the label to persona_lib/traits.py"
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
    One row per religion, ideology and political_views; `share`, summing to 1.
    """
    known, share = predictors(people), (weight / weight.sum()).to_numpy()
    parts = []
    religions = chain_probabilities(known, coefficients, "religion")
    for religion in religions:
        believers = known.assign(religion=religion)
        ideologies = chain_probabilities(believers, coefficients, "ideology")
        for ideology in ideologies:
            both = share * religions[religion].to_numpy() * ideologies[ideology].to_numpy()
            party = chain_probabilities(believers.assign(ideology=ideology), coefficients, "political_views")
            cell = pd.DataFrame({"political_views": party.columns, "share": both @ party.to_numpy()})
            parts.append(cell.assign(religion=religion, ideology=ideology))
    return pd.concat(parts, ignore_index=True)[[*CHAIN, "share"]]


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


def correlations(norms: pd.DataFrame) -> pd.DataFrame:
    """The 5 x 5 correlation matrix of the norms' `correlation_r` rows.

    Raises
    ------
    SchemaError
        A pair is missing or doubled, or the matrix is not positive definite (no normal has it).
    """
    matrix = pd.DataFrame(np.eye(5), index=list(BIG_FIVE), columns=list(BIG_FIVE))
    rows = norms[norms["quantity"] == "correlation_r"]
    pairs = {tuple(sorted(pair.split("|"))): float(r) for pair, r in zip(rows["trait"], rows["value"], strict=True)}
    wanted = {tuple(sorted((a, b))) for a in BIG_FIVE for b in BIG_FIVE if a < b}
    if set(pairs) != wanted or len(rows) != len(wanted):
        raise SchemaError(f"big_five_norms: correlation_r must have each of the {len(wanted)} pairs of traits once")
    for (a, b), r in pairs.items():
        matrix.loc[a, b] = matrix.loc[b, a] = r
    smallest = np.linalg.eigvalsh(matrix.to_numpy()).min()
    if smallest <= 1e-8:
        raise SchemaError(f"big_five_norms: the correlations are not positive definite (eigenvalue {smallest:.3g})")
    return matrix


def big_five_means(people: pd.DataFrame, norms: pd.DataFrame) -> pd.DataFrame:
    """The expected score of each trait (standard deviations): age shift plus or minus half the sex difference.

    Ages below the youngest norm group take its shift. Sex "unknown" has no shift.
    """
    shifts = norms[norms["quantity"] == "age_shift_z"].pivot(index="age_group", columns="trait", values="value")
    if missing := set(BIG_FIVE) - set(shifts.columns):
        raise SchemaError(f"big_five_norms: age_shift_z of {', '.join(sorted(missing))} is missing")
    shifts = shifts[list(BIG_FIVE)].astype(float)
    starts = shifts.index.str.extract(r"^(\d+)", expand=False).astype(int).to_numpy()
    shifts = shifts.iloc[np.argsort(starts)]
    group = np.searchsorted(np.sort(starts), people["age_years"].to_numpy(), side="right") - 1
    differences = norms[norms["quantity"] == "sex_difference_d_women_minus_men"].set_index("trait")["value"]
    side = _mapped(people["sex"], _SEX, "sex").map({"Female": 0.5, "Male": -0.5, UNKNOWN: 0.0}).to_numpy(float)
    means = shifts.to_numpy()[group.clip(min=0)] + np.outer(side, differences[list(BIG_FIVE)].astype(float))
    return pd.DataFrame(means, index=people.index, columns=list(BIG_FIVE))


def draw_big_five(people: pd.DataFrame, norms: pd.DataFrame, *, seed: int) -> pd.DataFrame:
    """Drawn Big Five scores: a correlated normal around the person's age and sex means, cut into three words.

    These are draws from published correlations and shifts, not norms of any inventory.
    Below LOW a score is "low", above HIGH "high", else "average".

    Parameters
    ----------
    people : columns age_years, sex
    norms : data/reference/big_five_norms.csv

    Returns
    -------
    Same index; one score per trait (standard deviations) and `big_five`, the five words.
    """
    root = np.linalg.cholesky(correlations(norms).to_numpy())
    noise = streams.generator(seed, "traits.big_five").standard_normal((len(people), 5)) @ root.T
    scores = big_five_means(people, norms) + noise
    words = [level(scores[trait]) + f" {trait}" for trait in BIG_FIVE]
    return scores.assign(big_five=words[0].str.cat(words[1:], sep=", "))


def level(scores: pd.Series) -> pd.Series:
    """A score as a word.

    Examples
    --------
    >>> level(pd.Series([-0.51, -0.5, 0.5, 0.51])).tolist()
    ['low', 'average', 'average', 'high']
    """
    words = np.select([scores < LOW, scores > HIGH], ["low", "high"], "average")
    return pd.Series(words, index=scores.index, dtype="str")


def draw_listed(people: pd.DataFrame, entries: pd.DataFrame, name: str, *, n: int, seed: int) -> pd.DataFrame:
    """Draw `n` entries of different categories for each person, every entry alike, whoever the person is.

    Parameters
    ----------
    people : only its index is used
    entries : category, text, needs ('' or names of what the text presumes, joined by '+'; see `rules.NEEDS`)
    name : of the list; names the stream and the errors

    Returns
    -------
    Same index; `text` (joined by "; ") and `needs` (joined by '+', '' if none).
    """
    if missing := [c for c in ("category", "text", "needs") if c not in entries]:
        raise SchemaError(f"list {name}: column {', '.join(missing)} is missing")
    if entries["text"].duplicated().any() or (entries["text"].str.strip() == "").any():
        raise SchemaError(f"list {name}: a text is empty or stands twice")
    if entries["category"].nunique() < n:
        raise SchemaError(f"list {name}: {n} entries of different categories are drawn, but it has fewer categories")
    order = streams.generator(seed, f"traits.{name}").random((len(people), len(entries)))
    categories = entries["category"].to_numpy()
    picks = []
    for _ in range(n):
        best = order.argmax(axis=1)
        picks.append(entries.iloc[best].set_axis(people.index)[["text", "needs"]])
        order = np.where(categories[None, :] == categories[best][:, None], -1.0, order)
    joined = picks[0]
    for pick in picks[1:]:
        joined = joined.add({"text": SEPARATOR, "needs": "+"}) + pick
    return joined.assign(needs=joined["needs"].str.strip("+").str.replace(r"\++", "+", regex=True))
