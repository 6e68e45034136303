"""One multinomial logit of the chain: fitted to surveys that tell some answers only in part, then raked.

The fit is scikit-learn's, with a ridge on the slopes. Where a survey tells a value only in part, every value that it
may be stands as a row of its own, weighed by how likely it is: by the model's own chances, found in turn with the
model (expectation-maximisation).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from chain_surveys import whole
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression

MIN_N = 10  # respondents that share a level, or it gets no slope
MOST_ROUNDS = 400
TOLERANCE = 1e-5  # of the mean log-likelihood of a respondent, between two rounds


def design(rows: pd.DataFrame, levels: list[tuple[str, str]]) -> np.ndarray:
    """One indicator column per (predictor, level)."""
    columns = [(rows[predictor] == level).to_numpy(float) for predictor, level in levels]
    return np.column_stack(columns) if columns else np.zeros((len(rows), 0))


def common_levels(rows: pd.DataFrame, predictors: tuple[str, ...]) -> list[tuple[str, str]]:
    """The levels of each predictor that at least MIN_N respondents share, or may share, in order."""
    counts = [(p, whole(rows[[p, "n"]], (p,)).groupby(p)["n"].sum()) for p in predictors]
    return [(p, level) for p, n in counts for level in sorted(n[n >= MIN_N].index)]


@dataclass
class Model:
    """The chances of a field's answers: a softmax of `base` + `shift` + the slopes of a row's levels.

    `base` and `shift` have one number per outcome, `slopes` one row per entry of `levels`.
    """

    field: str
    outcomes: list[str]
    levels: list[tuple[str, str]]
    base: np.ndarray
    shift: np.ndarray
    slopes: np.ndarray

    def probabilities(self, rows: pd.DataFrame) -> np.ndarray:
        """The chance of each outcome (columns) for each row."""
        return softmax(self.base + self.shift + design(rows, self.levels) @ self.slopes, axis=1)

    def centre(self, rows: pd.DataFrame, into: str, only: tuple[str, ...] | None = None) -> None:
        """Make the weighted mean slope of each predictor over `rows` 0, the mean moved into `base` or `shift`."""
        share = design(rows, self.levels).T @ rows["weight"].to_numpy()
        for predictor in only or dict(self.levels):
            mine = np.array([name == predictor for name, _ in self.levels], dtype=bool)
            mean = (share[mine] / share[mine].sum()) @ self.slopes[mine]
            self.slopes[mine] -= mean
            setattr(self, into, getattr(self, into) + mean)


def fit(rows: pd.DataFrame, field: str, predictors: tuple[str, ...], *, prior: pd.DataFrame, ridge: float) -> Model:
    """The model of greatest penalised likelihood over `rows`.

    Parameters
    ----------
    rows : predictors and the field, values told in part joined by "|"; survey, n, and weight of all n respondents
    prior : some of the columns of `rows`, and share: how likely a complete row is before the field is seen
    ridge : (ridge / 2) x the sum of squared slopes is taken from the log-likelihood

    Returns
    -------
    Slopes have a weighted mean of 0 over `rows`; the level is the equal mean of the surveys.
    """
    levels = common_levels(rows, predictors)
    houses = [("survey", name) for name in sorted(rows["survey"].unique())]
    cells = rows.groupby([*predictors, field, "survey"], as_index=False)["weight"].sum().reset_index(names="cell")
    full = whole(cells, (*predictors, field))
    likely = full.merge(prior, how="left")["share"].to_numpy()
    patterns = full.groupby([*predictors, field, "survey"], sort=False)
    pattern, distinct = patterns.ngroup().to_numpy(), patterns.head(1)
    x = design(distinct, levels + (houses if len(houses) > 1 else []))
    outcomes = sorted(distinct[field].unique())
    y = distinct[field].map(outcomes.index).to_numpy()
    logit = LogisticRegression(C=1 / ridge, solver="newton-cholesky", warm_start=True, tol=1e-7, max_iter=200)
    cell, weight = full["cell"].to_numpy(), cells["weight"].to_numpy()
    chance, last = np.ones(len(distinct)), -np.inf
    for _ in range(MOST_ROUNDS):
        given = likely * chance[pattern]
        of_cell = np.bincount(cell, given)
        share = weight[cell] * given / of_cell[cell]
        logit.fit(x, y, sample_weight=np.bincount(pattern, share))
        chance = logit.predict_proba(x)[np.arange(len(y)), y]
        now = weight @ np.log(np.bincount(cell, likely * chance[pattern])) / weight.sum()
        if now - last < TOLERANCE:
            break
        last = now
    else:
        raise SystemExit(f"{field}: the fit did not settle in {MOST_ROUNDS} rounds; is an answer nearly empty?")
    slopes = logit.coef_.T.copy()
    house = slopes[len(levels) :].mean(axis=0) if len(houses) > 1 else 0.0
    model = Model(field, outcomes, levels, logit.intercept_ + house, np.zeros(len(outcomes)), slopes[: len(levels)])
    model.centre(distinct.assign(weight=np.bincount(pattern, share)), "base")
    return model


def spread(people: pd.DataFrame, model: Model) -> pd.DataFrame:
    """The population with the model's field added: one row per row and outcome, weight times chance."""
    chance = pd.DataFrame(model.probabilities(people), columns=model.outcomes, index=people.index)
    parts = [people.assign(**{model.field: name}, weight=people["weight"] * chance[name]) for name in model.outcomes]
    return pd.concat(parts, ignore_index=True)


def proportional(table: pd.DataFrame, rows: pd.Series, columns: pd.Series, kind: pd.Series) -> pd.DataFrame:
    """Iterative proportional fitting of a two-way table.

    Parameters
    ----------
    table : levels x answers, positive
    rows : wanted sum of each level
    columns : wanted sum of each kind of answer, by the name of the kind
    kind : the kind of each answer, by the name of the answer

    Returns
    -------
    The table with these margins, the association of the given one kept.
    """
    for _ in range(2000):
        table = table.mul(rows / table.sum(axis=1), axis=0)
        factor = columns / table.sum().groupby(kind).sum()
        if np.abs(np.log(factor)).max() < 1e-10:
            return table
        table = table.mul(kind.map(factor), axis=1)
    raise SystemExit("iterative fitting did not converge; do the margins sum to the same?")


def rake(
    model: Model, people: pd.DataFrame, targets: dict[str, pd.DataFrame], margin: pd.DataFrame, kinds: dict
) -> None:
    """Move slopes and shift until the model has every target over a population.

    Parameters
    ----------
    people : the model's predictors and weight, summing to 1
    targets : predictor: shares of (group of levels) x (shared answer), summing to 1; the same answers in each
    margin : category and survey_values ("|" between) and share: shares of answers that the shift meets
    kinds : column: group of each of its values, for the predictors of `targets` and for the field
    """
    x, weight = design(people, model.levels), people["weight"].to_numpy()
    answer = pd.Series(model.outcomes).map(kinds[model.field]).to_numpy()
    category = {value: row.category for row in margin.itertuples() for value in row.survey_values.split("|")}
    named = np.array([category.get(outcome, "") for outcome in model.outcomes])
    wanted = margin.set_index("category")["share"]
    for _ in range(2000):
        largest = 0.0
        for by, target in targets.items():
            now = pd.DataFrame(softmax(model.base + model.shift + x @ model.slopes, axis=1) * weight[:, None])
            now = now.T.groupby(answer).sum().T.groupby(people[by].map(kinds[by]).to_numpy()).sum()
            step = np.log(target / now)
            largest = max(largest, float(np.abs(step).max(axis=None)))
            for place, (name, level) in enumerate(model.levels):
                if name == by:
                    model.slopes[place] += step.loc[kinds[by][level]].loc[answer].to_numpy()
        if len(wanted):
            now = pd.Series(weight @ softmax(model.base + model.shift + x @ model.slopes, axis=1)).groupby(named).sum()
            step = np.log(wanted / now.loc[wanted.index])
            largest = max(largest, float(step.abs().max()))
            model.shift = model.shift + pd.Series(named).map(step).fillna(0).to_numpy()
        if largest < 1e-7:
            model.centre(people, "shift", tuple(targets))
            return
    raise SystemExit(f"{model.field}: raking did not converge; is a target 0?")
