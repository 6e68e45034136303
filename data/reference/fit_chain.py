"""Fit religion -> ideology -> party to survey cross-tables, offline; what it writes is committed, its source is not.

    python data/reference/fit_chain.py FOLDER [--out data/reference]

FOLDER holds anes2022_{religion,ideology,party}.csv (weighted cross-tables of the ANES 2022 Pilot Study) and
national_margins_religion_politics.csv (dated national shares). Written:

chain_coefficients.csv  log-odds of three multinomial models, slopes centred so that 0 is the average respondent
chain_scores.csv        held-out log-loss of each model, of the bare margin, and without each predictor
chain_margins.csv       two-way margins of the survey with n >= 10, beside the fitted and the held-out ones
chain_calibration.csv   how far the answers of groups lie from held-out chances, in standard errors
national_margins.csv    the national shares as summed to the survey's categories

Each model is statsmodels' multinomial logit with survey weights and a ridge, chosen by cross-validation.
A level that fewer than 10 respondents share gets no slope of its own. Categories such as "Not sure" are kept.
"""

import argparse
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import logsumexp, softmax
from statsmodels.base.model import LikelihoodModel
from statsmodels.discrete.discrete_model import MNLogit

FIELDS = {
    "religion": ("age_group", "sex", "race_ethnicity", "education"),
    "ideology": ("religion", "age_group", "sex", "race_ethnicity"),
    "political_views": ("ideology", "religion", "age_group", "race_ethnicity"),
}
FILES = {"religion": "religion", "ideology": "ideology", "political_views": "party"}  # anes2022_*.csv
SOURCE = "ANES 2022 Pilot Study, weighted cross-tables"
TARGETS = "national_margins.csv"
PENALTIES = (0.3, 1.0, 3.0, 10.0, 30.0)
MIN_N = 10
N_FOLDS = 10
SEED = 2022

# Survey categories that one published share covers; "rest" is what the publication leaves to 100 %.
AGGREGATES = {
    "religion": {
        "Protestant": ["Protestant"],
        "Catholic": ["Catholic"],
        "Other Christian": ["Other Christian"],
        "Jewish": ["Jewish"],
        "Atheist or agnostic": ["Atheist or agnostic"],
        "Nothing in particular": ["Nothing in particular"],
        "Other faith or not stated": ["Other faith", "Not stated"],
    },
    "ideology": {
        "Conservative or very conservative": ["Conservative", "Very conservative"],
        "Moderate": ["Moderate"],
        "Liberal or very liberal": ["Liberal", "Very liberal"],
        "No opinion": ["Not sure"],
    },
    "political_views": {
        "Republican": ["Strong Republican", "Not very strong Republican"],
        "Leans Republican": ["Leans Republican"],
        "Democrat": ["Strong Democrat", "Not very strong Democrat"],
        "Leans Democrat": ["Leans Democrat"],
        "Neither": ["Independent", "Not sure"],
    },
}


def respondents(folder: Path, field: str) -> pd.DataFrame:
    """One row per respondent of a field's cross-table, weights scaled to a mean of 1."""
    path = folder / f"anes2022_{FILES[field]}.csv"
    cells = pd.read_csv(path, keep_default_na=False).rename(columns={"party": "political_views"})
    if missing := {*FIELDS[field], field, "n", "weight"} - set(cells.columns):
        raise SystemExit(f"{path}: column {', '.join(sorted(missing))} is missing")
    rows = cells.loc[cells.index.repeat(cells["n"])].reset_index(drop=True)
    weight = rows["weight"] / rows["n"]
    return rows[[*FIELDS[field], field]].assign(weight=weight / weight.mean())


def design(rows: pd.DataFrame, levels: list[tuple[str, str]]) -> np.ndarray:
    """One indicator column per (predictor, level)."""
    columns = [(rows[predictor] == level).to_numpy(float) for predictor, level in levels]
    return np.column_stack(columns) if columns else np.zeros((len(rows), 0))


def common_levels(rows: pd.DataFrame, predictors: tuple[str, ...]) -> list[tuple[str, str]]:
    """The levels of each predictor that at least MIN_N respondents share, in order."""
    counts = [(predictor, rows[predictor].value_counts()) for predictor in predictors]
    return [(predictor, level) for predictor, n in counts for level in sorted(n[n >= MIN_N].index)]


class WeightedLogit(MNLogit):
    """statsmodels' multinomial logit with survey weights and a ridge on the slopes; outcome 0 is the reference.

    The ridge is (penalty / 2) x the sum over slopes and outcomes of (b - mean b)^2, the same whichever outcome is
    the reference; with `is_flat` the reference has no slopes at all and each b counts from 0. Weights of 1 and
    penalty 0 give MNLogit itself.
    """

    def __init__(self, y: np.ndarray, x: np.ndarray, *, weight: np.ndarray, penalty: float, is_flat: bool):
        super().__init__(y, x, check_rank=False)
        self.row_weight = weight
        n_free = self.J - 1
        shrunk = np.eye(n_free) - (0 if is_flat else 1 / self.J)
        is_slope = np.diag(np.r_[0.0, np.ones(self.K - 1)])
        self.ridge = penalty * np.kron(shrunk, is_slope)

    def loglike(self, params):
        logits = np.column_stack([np.zeros(len(self.exog)), self.exog @ params.reshape(self.K, -1, order="F")])
        chosen = (self.wendog * (logits - logsumexp(logits, axis=1, keepdims=True))).sum(axis=1)
        return float(self.row_weight @ chosen - 0.5 * params @ self.ridge @ params)

    def score(self, params):
        chance = self.cdf(self.exog @ params.reshape(self.K, -1, order="F"))[:, 1:]
        missed = self.row_weight[:, None] * (self.wendog[:, 1:] - chance)
        return (missed.T @ self.exog).ravel() - self.ridge @ params

    def hessian(self, params):
        chance = self.cdf(self.exog @ params.reshape(self.K, -1, order="F"))[:, 1:]
        spread = -chance[:, :, None] * chance[:, None, :]
        spread[:, range(self.J - 1), range(self.J - 1)] += chance
        size = self.K * (self.J - 1)
        found = np.einsum("n,nij,nk,nl->ikjl", self.row_weight, spread, self.exog, self.exog, optimize=True)
        return -found.reshape(size, size) - self.ridge


def fit(x: np.ndarray, y: np.ndarray, weight: np.ndarray, n: np.ndarray, *, penalty: float) -> np.ndarray:
    """Maximum penalised likelihood; row 0 holds the intercepts, the others the slopes, one column per outcome.

    `y` holds outcome numbers 0, 1, ...; outcomes that `n` says fewer than MIN_N respondents gave have an intercept
    and no slopes: they are fitted as one reference and share it by weight.
    """
    rare = np.flatnonzero(n < MIN_N)
    free = np.setdiff1d(np.arange(len(n)), rare)
    order = [rare, *free[:, None]] if len(rare) else list(free[:, None])
    code_of = np.empty(len(n), dtype=int)
    for code, outcomes in enumerate(order):
        code_of[outcomes] = code
    model = WeightedLogit(
        code_of[y],
        np.column_stack([np.ones(len(x)), x]),
        weight=weight,
        penalty=penalty,
        is_flat=len(rare) > 0,
    )
    start = np.zeros((model.K, model.J - 1))
    start[0] = np.log(np.bincount(code_of[y], weights=weight)[1:] / weight[code_of[y] == 0].sum())
    found = LikelihoodModel.fit(model, start.ravel(order="F"), method="newton", maxiter=100, disp=0, skip_hessian=True)
    if not found.mle_retvals["converged"]:
        raise SystemExit("a fit did not converge; is a category nearly empty?")
    beta = np.column_stack([np.zeros(model.K), found.params.reshape(model.K, -1, order="F")])
    beta = beta[:, code_of] - (0 if len(rare) else beta.mean(axis=1, keepdims=True))
    if len(rare):
        of_rare = np.bincount(y, weights=weight, minlength=len(n))[rare]
        beta[0, rare] += np.log(of_rare / of_rare.sum())
        beta[0] -= beta[0].mean()
    return beta


class Model:
    """One conditional model: the outcome's categories, the levels with a slope, and the coefficients."""

    def __init__(self, rows: pd.DataFrame, field: str, predictors: tuple[str, ...], *, penalty: float):
        counts = rows[field].value_counts().sort_index()
        self.field, self.outcomes = field, list(counts.index)
        self.levels = common_levels(rows, predictors)
        cells = rows.groupby([*predictors, field], as_index=False)["weight"].sum()
        y = cells[field].map(self.outcomes.index).to_numpy()
        self.beta = fit(design(cells, self.levels), y, cells["weight"].to_numpy(), counts.to_numpy(), penalty=penalty)
        self.shift = np.zeros(len(self.outcomes))
        share = design(rows, self.levels).T @ (rows["weight"] / rows["weight"].sum()).to_numpy()
        for predictor in predictors:  # centre: the weighted mean slope of each predictor is 0
            mine = np.array([name == predictor for name, _ in self.levels], dtype=bool)
            mean = (share[mine] / share[mine].sum()) @ self.beta[1:][mine]
            self.beta[1:][mine] -= mean
            self.beta[0] += mean

    def probabilities(self, rows: pd.DataFrame) -> np.ndarray:
        """The chance of each outcome (columns) for each row, calibration included."""
        return softmax(self.beta[0] + self.shift + design(rows, self.levels) @ self.beta[1:], axis=1)

    def calibrate(self, rows: pd.DataFrame, targets: pd.DataFrame) -> None:
        """Move the intercepts of each aggregate alike until the weighted margin over `rows` meets its target."""
        group_of = {value: row.category for row in targets.itertuples() for value in row.survey_values.split("|")}
        groups = [group_of[outcome] for outcome in self.outcomes]
        weight = (rows["weight"] / rows["weight"].sum()).to_numpy()
        wanted = targets.set_index("category")["share"]
        for _ in range(500):
            now = pd.Series(weight @ self.probabilities(rows)).groupby(groups).sum()
            step = np.log(wanted / now)
            self.shift += step.loc[groups].to_numpy()
            if step.abs().max() < 1e-10:
                return
        raise SystemExit(f"{self.field}: calibration did not converge; is a national share 0?")


def held_out(rows: pd.DataFrame, field: str, predictors: tuple[str, ...]) -> pd.DataFrame:
    """The chance of each outcome (columns) for each respondent, by a model that has not seen the respondent.

    Each fold chooses its penalty among those it has seen. A category never seen counts as half a respondent's share.
    """
    folds = np.random.default_rng(SEED).permutation(len(rows)) % N_FOLDS
    parts = []
    for fold in range(N_FOLDS):
        seen, unseen = rows[folds != fold].reset_index(drop=True), rows[folds == fold]
        model = Model(seen, field, predictors, penalty=best_penalty(seen, field, predictors))
        parts.append(_chances(model, seen, unseen, sorted(rows[field].unique())))
    return pd.concat(parts).loc[rows.index]


def _chances(model: Model, seen: pd.DataFrame, unseen: pd.DataFrame, outcomes: list[str]) -> pd.DataFrame:
    chance = pd.DataFrame(model.probabilities(unseen), columns=model.outcomes, index=unseen.index)
    return chance.reindex(columns=outcomes, fill_value=0.5 / len(seen))


def _bits(chance: pd.DataFrame, given: pd.Series) -> pd.Series:
    """Log-loss of each respondent's own answer."""
    column = chance.columns.get_indexer(given)
    return pd.Series(-np.log2(chance.to_numpy()[np.arange(len(given)), column]), index=given.index)


def best_penalty(rows: pd.DataFrame, field: str, predictors: tuple[str, ...], *, n_folds: int = 5) -> float:
    """The penalty with the smallest weighted held-out loss over `n_folds` folds."""
    folds = np.random.default_rng(SEED + 1).permutation(len(rows)) % n_folds
    total = dict.fromkeys(PENALTIES, 0.0)
    for fold in range(n_folds):
        seen, unseen = rows[folds != fold].reset_index(drop=True), rows[folds == fold]
        for penalty in PENALTIES:
            model = Model(seen, field, predictors, penalty=penalty)
            chance = _chances(model, seen, unseen, sorted(rows[field].unique()))
            total[penalty] += float((unseen["weight"] * _bits(chance, unseen[field])).sum())
    return min(total, key=total.get)


def score(rows: pd.DataFrame, field: str, full: pd.DataFrame, *, penalty: float) -> pd.DataFrame:
    """Held-out log-loss of all predictors (chances `full`), of none, of all but one, and the paired error.

    Every arm chooses its penalty in each fold, as `full` did; `penalty` is that of the model fitted to all.
    """
    predictors, weight = FIELDS[field], rows["weight"] / rows["weight"].sum()
    arms = {"all": predictors, "none": ()}
    arms |= {f"without {p}": tuple(q for q in predictors if q != p) for p in predictors}
    full, found = _bits(full, rows[field]), []
    for arm, used in arms.items():
        losses = full if arm == "all" else _bits(held_out(rows, field, used), rows[field])
        gain = losses - full
        error = np.sqrt((weight**2 * (gain - (weight * gain).sum()) ** 2).sum())
        row = {"field": field, "predictors": arm, "n": len(rows), "log_loss_bits": (weight * losses).sum()}
        found.append({**row, "worse_by_bits": (weight * gain).sum(), "standard_error": error, "penalty": penalty})
    return pd.DataFrame(found).assign(source=SOURCE)


def national(folder: Path) -> pd.DataFrame:
    """The published shares, summed to the survey's categories; what they leave to 100 % is the last category."""
    path = folder / "national_margins_religion_politics.csv"
    published = pd.read_csv(path).set_index(["field", "category"])
    percent, source = published["percent"], published["source"]
    rep, dem = percent["party", "Republican"], percent["party", "Democrat"]
    shares = {
        "religion": {name: percent["religion", name] for name in list(AGGREGATES["religion"])[:4]}
        | {"Atheist or agnostic": percent["religion", "Atheist"] + percent["religion", "Agnostic"]}
        | {"Nothing in particular": percent["religion", "Nothing in particular"]},
        "ideology": {name: percent["ideology", name] for name in list(AGGREGATES["ideology"])[:3]},
        "political_views": {
            "Republican": rep,
            "Leans Republican": percent["party_lean", "Republican or lean"] - rep,
            "Democrat": dem,
            "Leans Democrat": percent["party_lean", "Democrat or lean"] - dem,
        },
    }
    cited = {
        "religion": source["religion", "Protestant"],
        "ideology": source["ideology", "Conservative or very conservative"],
        "political_views": source["party", "Republican"],
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


def coefficients(models: dict[str, Model], scores: pd.DataFrame) -> pd.DataFrame:
    """One row per field, value, predictor and level; predictors 'intercept' and 'calibration' have level ''."""
    found = []
    for field, model in models.items():
        of = scores[scores["field"] == field].set_index("predictors")
        fixed = {"n": int(of.loc["all", "n"]), "held_out_bits": of.loc["all", "log_loss_bits"]}
        fixed |= {"held_out_bits_margin": of.loc["none", "log_loss_bits"]}
        names = [("intercept", ""), ("calibration", ""), *model.levels]
        values = np.vstack([model.beta[:1], model.shift[None, :] - model.shift.mean(), model.beta[1:]])
        for column, outcome in enumerate(model.outcomes):
            for (predictor, level), value in zip(names, values[:, column], strict=True):
                row = {"field": field, "value": outcome, "predictor": predictor, "level": level}
                origin = {"source": TARGETS if predictor == "calibration" else SOURCE}
                found.append({**row, "coefficient": round(float(value), 5), **fixed, **origin})
    return pd.DataFrame(found)


def margins(tables: dict[str, pd.DataFrame], models: dict[str, Model], unseen: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Two-way margins with n >= MIN_N: predictor x predictor, and outcome x predictor beside what the model says.

    Both model shares are before the calibration to national shares. `held_out_share` sums the chances that models
    gave respondents whom they had not seen; `held_out_error` is the standard error of share - held_out_share.
    """
    found = []
    for field, rows in tables.items():
        model, weight = models[field], rows["weight"] / rows["weight"].sum()
        shift, model.shift = model.shift, np.zeros_like(model.shift)
        fitted = pd.DataFrame(model.probabilities(rows), columns=model.outcomes).mul(weight, axis=0)
        model.shift = shift
        pairs = [*combinations(FIELDS[field], 2), *((field, predictor) for predictor in FIELDS[field])]
        for a, b in pairs:
            n = rows.groupby([a, b]).size()
            share = weight.groupby([rows[a], rows[b]]).sum()
            for (level_a, level_b), count in n[n >= MIN_N].items():
                in_b = rows[b] == level_b
                row = {"table": field, "row": a, "row_value": level_a, "column": b, "column_value": level_b, "n": count}
                row |= {"share": share[level_a, level_b], "column_share": weight[in_b].sum()}
                if a == field:
                    missed = weight[in_b] * ((rows.loc[in_b, field] == level_a) - unseen[field].loc[in_b, level_a])
                    row |= {"fitted_share": fitted.loc[in_b, level_a].sum()}
                    row |= {"held_out_share": share[level_a, level_b] - missed.sum()}
                    row |= {"held_out_error": np.sqrt((missed**2).sum())}
                found.append(row)
    return pd.DataFrame(found).assign(source=SOURCE)


def calibration(rows: pd.DataFrame, field: str, unseen: pd.DataFrame) -> pd.DataFrame:
    """Held-out calibration by group: the answers of each group beside the chances of respondents not seen.

    Groups are the levels of each predictor and of each pair of predictors, whose interaction the model lacks. Of
    every group and outcome expected MIN_N times or more, z is observed less expected over its standard error: were
    the model true, the root mean square would be near 1 and one in twenty beyond 1.96. The expected number chooses:
    the observed one would leave out just what the model expects too often.
    """
    found, weight = [], rows["weight"]
    for by in [*((name,) for name in FIELDS[field]), *combinations(FIELDS[field], 2)]:
        z = []
        for _, group in rows.groupby(list(by)):
            for outcome in unseen:
                chance = unseen.loc[group.index, outcome]
                missed = weight[group.index] * ((group[field] == outcome) - chance)
                if chance.sum() >= MIN_N:
                    z.append(missed.sum() / np.sqrt((missed**2).sum()))
        z = np.array(z)
        row = {"field": field, "groups": " x ".join(by), "n_cells": len(z), "n_beyond": int((np.abs(z) > 1.96).sum())}
        found.append(row | {"root_mean_square_z": np.sqrt((z**2).mean())})
    return pd.DataFrame(found).assign(source=SOURCE)


def spread(rows: pd.DataFrame, model: Model, keep: tuple[str, ...]) -> pd.DataFrame:
    """The population of `rows` with the model's field added, weight times chance, summed to the columns `keep`."""
    chance = pd.DataFrame(model.probabilities(rows), columns=model.outcomes).mul(rows["weight"].to_numpy(), axis=0)
    long = pd.concat([rows.assign(**{model.field: outcome}, weight=chance[outcome].to_numpy()) for outcome in chance])
    return long.groupby(list(keep), as_index=False)["weight"].sum()


def main() -> None:
    """Fit, score, calibrate, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="folder of the source cross-tables")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="where the five tables are written")
    options = parser.parse_args()
    tables = {field: respondents(options.folder, field) for field in FIELDS}
    targets = national(options.folder)
    models, unseen, scores = {}, {}, []
    for field, rows in tables.items():
        penalty = best_penalty(rows, field, FIELDS[field], n_folds=N_FOLDS)
        models[field] = Model(rows, field, FIELDS[field], penalty=penalty)
        unseen[field] = held_out(rows, field, FIELDS[field])
        scores.append(score(rows, field, unseen[field], penalty=penalty))
    people = tables["religion"]
    for field, following in (("religion", "ideology"), ("ideology", "political_views"), ("political_views", None)):
        models[field].calibrate(people, targets[targets["field"] == field])
        if following:
            people = spread(people, models[field], FIELDS[following])
    scores = pd.concat(scores, ignore_index=True)
    by_group = pd.concat([calibration(tables[field], field, unseen[field]) for field in FIELDS])
    written = {
        "chain_coefficients": coefficients(models, scores.round(4)),
        "chain_scores": scores.round(4),
        "chain_calibration": by_group.round(3),
        "chain_margins": margins(tables, models, unseen).round(5),
        "national_margins": targets.round(4),
    }
    for name, table in written.items():
        table.to_csv(options.out / f"{name}.csv", index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
