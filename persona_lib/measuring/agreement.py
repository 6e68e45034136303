"""How often do raters agree beyond chance: kappa and its relatives on the common pool.

A choice between two answers can be labelled by *content* (which answer was preferred) or by
*position* (where it stood). The coefficients differ with the label, so both are computed; the
headline is content. Choices are coded 0 and 1, NaN where the call gave no choice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from persona_lib.measuring import resample
from persona_lib.measuring.coefficients import alpha_of_sums, alpha_terms, coefficients, kappa_of_varied
from persona_lib.tables import schema, streams

N_MAJORITY = 3
NAMES = {
    "kappa": "kappa_content",
    "raw_agreement": "raw_agreement",
    "ac1": "ac1",
    "alpha": "alpha",
    "position kappa": "kappa_position",
}
BOOTSTRAP = "percentiles of a two-factor bootstrap over personas and items"


def ids_of(judgements: pd.DataFrame, role: str) -> list[str]:
    """Who judged in a role, sorted: 'rater' for the raters, 'panel' for the models."""
    return sorted(judgements.loc[judgements["role"] == role, "rater_id"].unique())


@dataclass(frozen=True)
class Choices:
    """Each rater's choices as persona x item arrays: `content` 1 for answer b, `position` 1 for B, NaN for none."""

    personas: list[str]
    items: list[str]
    content: dict[str, np.ndarray]
    position: dict[str, np.ndarray]
    asked: dict[str, np.ndarray]
    raters: list[str]
    models: list[str]


def choices(judgements: pd.DataFrame, items: pd.DataFrame) -> Choices:
    """Code the first judgement of every persona and item by content and by position.

    Raises
    ------
    SchemaError
        If a judged item is not among the items, or a chosen answer is neither of its item's two.
    """
    is_whole = (judgements["lines_shown"] == "all") & (judgements["repeat"] == 0)
    first = judgements[is_whole & (judgements["persona_shown_id"] != "")]
    rows = first.merge(items[["item_id", "answer_a_id", "answer_b_id"]], on="item_id", how="left", validate="m:1")
    ok = (rows["status"] == "ok").to_numpy()
    chosen = rows["chosen_answer_id"].to_numpy()
    known = (chosen == rows["answer_a_id"].to_numpy()) | (chosen == rows["answer_b_id"].to_numpy())
    if (ok & ~known).any():
        row = rows[ok & ~known].iloc[0]
        raise schema.SchemaError(
            f"pool_judgements: {row['rater_id']} chose {row['chosen_answer_id']!r} on {row['item_id']},"
            " which is neither of the item's two answers; collect the pool again"
        )
    rows["content"] = np.where(ok, chosen == rows["answer_b_id"].to_numpy(), np.nan)
    rows["position"] = np.where(ok, rows["chosen_position"].to_numpy() == "B", np.nan)
    personas, item_ids = sorted(rows["persona_shown_id"].unique()), sorted(rows["item_id"].unique())
    found: dict[str, dict[str, np.ndarray]] = {"content": {}, "position": {}, "asked": {}}
    for rater_id, own in rows.groupby("rater_id"):
        at = (pd.Index(personas).get_indexer(own["persona_shown_id"]), pd.Index(item_ids).get_indexer(own["item_id"]))
        for name, values in (("content", own["content"]), ("position", own["position"]), ("asked", 1.0)):
            grid = np.full((len(personas), len(item_ids)), np.nan)
            grid[at] = values
            found[name][rater_id] = grid
    who = {role: ids_of(rows, role) for role in ("rater", "panel")}
    return Choices(personas, item_ids, found["content"], found["position"], found["asked"], who["rater"], who["panel"])


def majority(grids: Sequence[np.ndarray]) -> np.ndarray:
    """What more than half of the given raters chose, cell by cell; NaN where no answer reached that.

    Examples
    --------
    >>> majority([np.array([1.0, 1.0, 1.0]), np.array([1.0, np.nan, 0.0]), np.array([0.0, 1.0, np.nan])]).tolist()
    [1.0, 1.0, nan]
    """
    stacked = np.stack(grids)
    for_b, for_a = (stacked == 1).sum(axis=0), (stacked == 0).sum(axis=0)
    return np.where(for_b > len(stacked) / 2, 1.0, np.where(for_a > len(stacked) / 2, 0.0, np.nan))


def _headline(grids: dict[str, np.ndarray], raters: Sequence[str]) -> np.ndarray:
    return majority([grids[rater] for rater in raters[:N_MAJORITY]])


def _cross_counts(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    hits = [[(first == x).astype("float64") @ (second == y).T for y in (0, 1)] for x in (0, 1)]
    return np.moveaxis(np.array(hits), (0, 1), (-2, -1))


def kappas(judgements: pd.DataFrame, items: pd.DataFrame, *, min_shared: int) -> pd.DataFrame:
    """Kappa of every pair of personas: the cells of the persona x persona matrices.

    A model shown persona a is compared with the raters' majority of persona b (`model-rater`, Figure 6) and with
    another model shown persona b (`model-model`, Figure 8). The yardstick of both is a rater of persona a, the
    first who is not part of the majority, against the majority of persona b (`rater-majority`; none where there are
    only as many raters as make a majority). Content coding. NaN where the two share fewer than `min_shared` items,
    or where one of them makes the same choice on all of these: kappa is then 0 whatever the other chooses, and says
    nothing of their agreement (see `kappa_of_varied`).

    Returns
    -------
    Table `kappas`, one row per pair of personas that share at least one item; only personas that both
    sides judged for.
    """
    if min_shared < 1:
        raise ValueError(f"kappas: min_shared = {min_shared}; give at least 1")
    coded = choices(judgements, items)
    wanted = []
    if coded.raters:
        most = _headline(coded.content, coded.raters)
        wanted += [("model-rater", model, coded.content[model], most) for model in coded.models]
        held_out = coded.raters[N_MAJORITY : N_MAJORITY + 1]
        wanted += [("rater-majority", "", coded.content[rater], most) for rater in held_out]
    for one, other in combinations(coded.models, 2):
        wanted.append(("model-model", f"{one}|{other}", coded.content[one], coded.content[other]))
    found = pd.concat([_matrix(coded.personas, *each) for each in wanted], ignore_index=True)
    return found.assign(kappa=found["kappa"].where(found["n"] >= min_shared))


def _matrix(personas: list[str], comparison: str, model: str, first: np.ndarray, second: np.ndarray) -> pd.DataFrame:
    panel = ~np.isnan(first).all(axis=1) & ~np.isnan(second).all(axis=1)
    counts = _cross_counts(first[panel], second[panel])
    a, b = (grid.ravel() for grid in np.meshgrid(*2 * [np.array(personas)[panel]], indexing="ij"))
    rows = pd.DataFrame(
        {
            "comparison": comparison,
            "model": model,
            "rater_a": a.astype(str),
            "rater_b": b.astype(str),
            "kappa": kappa_of_varied(counts).ravel(),
            "agreement": coefficients(counts)["raw_agreement"].ravel(),
            "n": counts.sum(axis=(-1, -2)).ravel().astype(int),
        }
    )
    return rows[rows["n"] > 0]


def agreement_statistics(
    judgements: pd.DataFrame, items: pd.DataFrame, *, min_shared: int, n_bootstrap: int, seed: int
) -> pd.DataFrame:
    """Agreement of models with raters, raters with raters and models with models, with intervals.

    A model's choices as a persona are compared with the majority of the first three raters of that
    persona, and with every other choice of three. `held_out_rater` is the like-for-like baseline:
    one rater against the majority of three others. All cells (persona x item) of a comparison are
    pooled into one table of counts; personas and items are resampled together. n counts pairs of
    choices, n_excluded those that were asked for and did not come.

    Returns
    -------
    Table `agreement`; the groups are models, `model|model`, `rater_rater` and `held_out_rater`.
    """
    coded = choices(judgements, items)
    raters, rows = coded.raters, []
    settings = {"n_bootstrap": n_bootstrap, "seed": seed}
    if raters:
        for model in coded.models:
            rows += _rows(coded, model, [([model], raters[:N_MAJORITY])], NAMES, **settings)
            rows += _matrix_rows(coded, model, min_shared=min_shared, **settings)
            for numbers in combinations(range(len(raters)), min(N_MAJORITY, len(raters))):
                group = f"{model}|{','.join(str(i + 1) for i in numbers)}"
                sides = [([model], [raters[i] for i in numbers])]
                rows += _rows(coded, group, sides, {"kappa": "kappa_majority"}, **settings)
        rows += _rater_rows(coded, **settings)
    for one, other in combinations(coded.models, 2):
        rows += _rows(coded, f"{one}|{other}", [([one], [other])], NAMES, **settings)
    return pd.DataFrame(rows + _share_rows(coded))


def _draws(cells: np.ndarray, *, n_bootstrap: int, seed: int) -> list[np.ndarray]:
    """Multiplicities of personas and of items that have a cell; the first row of each is the sample itself."""
    found = []
    for axis, name in ((1, "personas"), (0, "items")):
        used = np.any(cells, axis=axis)
        rng = streams.generator(seed, "agreement.bootstrap", name)
        weights = np.zeros((n_bootstrap + 1, len(used)))
        weights[0, used] = 1
        weights[1:, used] = resample.multiplicities(int(used.sum()), n_bootstrap=n_bootstrap, rng=rng)
        found.append(weights)
    return found


def _own_counts(first: np.ndarray, second: np.ndarray, personas: np.ndarray, items: np.ndarray) -> np.ndarray:
    hits = [[((personas @ ((first == x) & (second == y))) * items).sum(axis=1) for y in (0, 1)] for x in (0, 1)]
    return np.moveaxis(np.array(hits), -1, 0)


def _other_counts(first: np.ndarray, second: np.ndarray, personas: np.ndarray, items: np.ndarray) -> np.ndarray:
    both = [
        [
            (personas @ (first == x)) * (personas @ (second == y)) - personas**2 @ ((first == x) & (second == y))
            for y in (0, 1)
        ]
        for x in (0, 1)
    ]
    return np.moveaxis((np.array(both) * items).sum(axis=-1), -1, 0)


def _row(statistic: str, group: str, values: np.ndarray, n: int, n_excluded: int, what: str) -> dict:
    low, high = resample.percentile_interval(values[1:]) if n else (np.nan, np.nan)
    if np.isnan(values[0]):
        low = high = np.nan
    counts = {"n": int(n), "n_excluded": int(n_excluded)}
    method = f"{what}; {BOOTSTRAP}"
    return schema.statistic(statistic, group, float(values[0]), low=low, high=high, **counts, method=method)


def _rows(
    coded: Choices,
    group: str,
    sides: Sequence[tuple[Sequence[str], Sequence[str]]],
    names: dict[str, str],
    *,
    n_bootstrap: int,
    seed: int,
) -> list[dict]:
    """Coefficients averaged over the compared sides; a side is a rater, or several by their majority."""
    asked = [np.logical_and.reduce([coded.asked[rater] == 1 for rater in (*one, *other)]) for one, other in sides]
    panel = np.logical_or.reduce(asked).any(axis=1)
    personas, items = _draws(np.logical_or.reduce(asked)[panel], n_bootstrap=n_bootstrap, seed=seed)
    n_asked = sum(each.sum() for each in asked)
    average = ", mean over raters" if len(sides) > 1 else ""
    rows = []
    for coding, grids in (("content", coded.content), ("position", coded.position)):
        wanted = {key: name for key, name in names.items() if key.startswith("position") == (coding == "position")}
        both = [(_side(grids, one)[panel], _side(grids, other)[panel]) for one, other in sides]
        counts = [_own_counts(first, second, personas, items) for first, second in both]
        n = sum(each[0].sum() for each in counts)
        for key, statistic in wanted.items():
            values = _mean([coefficients(each)[key.removeprefix("position ")] for each in counts])
            what = f"pooled over personas and items, coded by {coding}{average}"
            rows.append(_row(statistic, group, values, n, n_asked - n, what))
    return rows


def _side(grids: dict[str, np.ndarray], raters: Sequence[str]) -> np.ndarray:
    return grids[raters[0]] if len(raters) == 1 else majority([grids[rater] for rater in raters])


def _mean(values: Sequence[np.ndarray]) -> np.ndarray:
    stacked = np.stack(values)
    defined = ~np.isnan(stacked)
    with np.errstate(invalid="ignore"):
        return np.where(defined, stacked, 0).sum(axis=0) / np.where(defined.any(axis=0), defined.sum(axis=0), np.nan)


def _matrix_rows(coded: Choices, model: str, *, min_shared: int, n_bootstrap: int, seed: int) -> list[dict]:
    """What the persona x persona matrix says: own cells against the others, pooled and cell by cell."""
    is_asked = coded.asked[model] == 1
    is_judged = np.logical_and.reduce([coded.asked[rater] == 1 for rater in coded.raters[:N_MAJORITY]])
    panel = is_judged.any(axis=1)
    is_asked, is_judged = is_asked[panel], is_judged[panel]
    first, second = coded.content[model][panel], _headline(coded.content, coded.raters)[panel]
    personas, items = _draws(is_asked & is_judged, n_bootstrap=n_bootstrap, seed=seed)
    n_own = int((is_asked & is_judged).sum())
    n_other = int((is_asked.sum(axis=0) * is_judged.sum(axis=0)).sum()) - n_own
    own = _own_counts(first, second, personas, items)
    other = _other_counts(first, second, personas, items)
    kappa_own, kappa_other = coefficients(own)["kappa"], coefficients(other)["kappa"]
    hits = [[np.einsum("bi,pi,qi->bpq", items, first == x, second == y, optimize=True) for y in (0, 1)] for x in (0, 1)]
    cells = kappa_of_varied(np.moveaxis(np.array(hits), (0, 1), (-2, -1)))
    cells[:, _cross_counts(first, second).sum(axis=(-1, -2)) < min_shared] = np.nan
    weights = personas[:, :, None] * personas[:, None, :]
    diagonal = np.eye(len(first), dtype=bool)
    n, what = other[0].sum(), "model as one persona, raters of others, pooled"
    rows = [_row("kappa_other", model, kappa_other, n, n_other - n, what)]
    n, what = own[0].sum(), "kappa_content minus kappa_other"
    rows.append(_row("persona_gain", model, kappa_own - kappa_other, n, n_own - n, what))
    for statistic, where in (("mean_kappa", diagonal), ("mean_kappa_other", ~diagonal)):
        use = np.where(where & ~np.isnan(cells), weights, 0)
        total = use.sum(axis=(1, 2))
        values = (use * np.nan_to_num(cells)).sum(axis=(1, 2)) / np.where(total > 0, total, np.nan)
        n = int((use[0] > 0).sum())
        rows.append(_row(statistic, model, values, n, int(where.sum()) - n, "mean of the matrix's defined cells"))
    return rows


def _rater_rows(coded: Choices, *, n_bootstrap: int, seed: int) -> list[dict]:
    raters, settings = coded.raters, {"n_bootstrap": n_bootstrap, "seed": seed}
    if len(raters) < 2:
        return []
    without_alpha = {key: name for key, name in NAMES.items() if key != "alpha"}
    pairs = [([one], [other]) for one, other in combinations(raters, 2)]
    rows = _rows(coded, "rater_rater", pairs, without_alpha, **settings)
    stacked = np.stack([coded.content[rater] for rater in raters])
    terms = alpha_terms(np.stack([(stacked == code).sum(axis=0) for code in (0, 1)], axis=-1))
    asked = np.stack([coded.asked[rater] == 1 for rater in raters])
    panel = np.any(asked, axis=(0, 2))
    personas, items = _draws(np.any(asked, axis=0)[panel], n_bootstrap=n_bootstrap, seed=seed)
    values = alpha_of_sums(np.einsum("bp,pif,bi->bf", personas, terms[panel], items, optimize=True))
    n = int(terms[..., :-1].sum())
    rows.append(_row("alpha", "rater_rater", values, n, int(asked.sum()) - n, "all raters, coded by content"))
    if len(raters) > N_MAJORITY:
        held_out = [([one], [other for other in raters if other != one][:N_MAJORITY]) for one in raters]
        two = {key: NAMES[key] for key in ("kappa", "raw_agreement")}
        rows += _rows(coded, "held_out_rater", held_out, two, **settings)
    return rows


def _share_rows(coded: Choices) -> list[dict]:
    """Share of choices that came, and share of those that prefer answer b."""
    rows = []
    for group, ids in [*((model, [model]) for model in coded.models), ("raters", coded.raters)]:
        long = pd.concat(
            [
                pd.DataFrame({"chose_b": coded.content[rater].ravel(), "is_asked": coded.asked[rater].ravel() == 1})
                .assign(persona_id=np.repeat(coded.personas, len(coded.items)))
                .assign(item_id=np.tile(coded.items, len(coded.personas)))
                for rater in ids
            ]
            or [pd.DataFrame(columns=["chose_b", "is_asked", "persona_id", "item_id"])]
        )
        long = long[long["is_asked"].astype(bool)]
        long["scored"] = long["chose_b"].notna()
        for statistic, value in (("prevalence", "chose_b"), ("scored", "scored")):
            found = resample.clustered_rate(long, value=value, clusters=["persona_id", "item_id"])
            rows.append(found.row(statistic, group))
    return rows
