"""How often do raters agree beyond chance: kappa and its relatives on the common pool.

A choice between two answers can be labelled by *content* (which answer was preferred) or by
*position* (where it stood). The coefficients differ with the label, so both are computed; the
headline is content. Choices are coded 0 and 1, NaN where the call gave no choice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations

import numpy as np
import pandas as pd

from persona_lib.estimating import jackknife, matrix, resample
from persona_lib.estimating.coefficients import alpha_of_sums, alpha_terms, coefficients, fleiss_of_sums, fleiss_terms
from persona_lib.tables import schema

N_MAJORITY = 3
AGAIN = " again"  # after the id of a model that was asked the same once more
NAMES = {
    "kappa": "kappa_content",
    "raw_agreement": "raw_agreement",
    "pabak": "pabak",
    "ac1": "ac1",
    "alpha": "alpha",
    "position kappa": "kappa_position",
}


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
    """Code the judgements of every persona and item by content and by position.

    What a rater said when asked again stands under its id and `AGAIN`, and belongs to no role.

    Raises
    ------
    SchemaError
        If a judged item is not among the items, or a chosen answer is neither of its item's two.
    """
    is_whole = (judgements["lines_shown"] == "all") & (judgements["repeat"] <= 1)
    first = judgements[is_whole & (judgements["persona_shown_id"] != "")]
    first = first.assign(rater_id=first["rater_id"].where(first["repeat"] == 0, first["rater_id"] + AGAIN))
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
    who = {role: ids_of(rows[rows["repeat"] == 0], role) for role in ("rater", "panel")}
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
        most = _side(coded, coded.content, coded.raters[:N_MAJORITY])
        wanted += [("model-rater", model, coded.content[model], most) for model in coded.models]
        held_out = coded.raters[N_MAJORITY : N_MAJORITY + 1]
        wanted += [("rater-majority", "", coded.content[rater], most) for rater in held_out]
    for one, other in combinations(coded.models, 2):
        wanted.append(("model-model", f"{one}|{other}", coded.content[one], coded.content[other]))
    found = pd.concat(
        [_matrix(coded.personas, *each, min_shared=min_shared) for each in wanted] or [_no_cells()], ignore_index=True
    )
    return found[list(schema.tables()["kappas"].columns)]


def _no_cells() -> pd.DataFrame:
    return _matrix([], "", "", np.empty((0, 0)), np.empty((0, 0)), min_shared=1)


def _matrix(
    personas: list[str], comparison: str, model: str, first: np.ndarray, second: np.ndarray, *, min_shared: int
) -> pd.DataFrame:
    panel = ~np.isnan(first).all(axis=1) & ~np.isnan(second).all(axis=1)
    found = matrix.kappa_matrix(first[panel], second[panel], min_shared=min_shared)
    a, b = (grid.ravel() for grid in np.meshgrid(*2 * [np.array(personas, dtype="str")[panel]], indexing="ij"))
    rows = pd.DataFrame({"comparison": comparison, "model": model, "rater_a": a.astype(str), "rater_b": b.astype(str)})
    rows = rows.assign(**{name: values.ravel() for name, values in found.items()})
    return rows[rows["n"] > 0]


def agreement_statistics(judgements: pd.DataFrame, items: pd.DataFrame, *, min_shared: int) -> pd.DataFrame:
    """Agreement of models with raters, raters with raters and models with models, with intervals.

    A model's choices as a persona are compared with the majority of the first three raters of that
    persona, and with every other choice of three. `held_out_rater` is the like-for-like baseline:
    one rater against the majority of three others. All cells (persona x item) of a comparison are
    pooled into one table of counts; intervals by the two-way jackknife, symmetric in Fisher's z for
    coefficients, in the log-odds for raw agreement, in itself for persona_gain. kappa_other compares each persona's
    choice on an item with every other's, so its z is that of an intraclass correlation. n counts pairs of
    choices, n_excluded those that were asked for and did not come. Without raters their rows are undefined.

    Returns
    -------
    Table `agreement`; the groups are models, `model|model`, `rater_rater` and `held_out_rater`; fleiss of `panel` and
    `raters`, kappa_retest of a model that was asked again: more agreement cannot be expected of it.
    """
    coded = choices(judgements, items)
    raters = coded.raters
    rows = _rater_rows(coded)
    for model in coded.models:
        rows += _rows(coded, model, [([model], raters[:N_MAJORITY])], NAMES)
        rows += _matrix_rows(coded, model, min_shared=min_shared)
        if model + AGAIN in coded.content:
            retest = {"kappa": "kappa_retest", "raw_agreement": "raw_agreement_retest"}
            rows += _rows(coded, model, [([model], [model + AGAIN])], retest)
        for numbers in combinations(range(len(raters)), min(N_MAJORITY, len(raters))):
            group = f"{model}|{','.join(str(i + 1) for i in numbers)}"
            rows += _rows(coded, group, [([model], [raters[i] for i in numbers])], {"kappa": "kappa_majority"})
    for one, other in combinations(coded.models, 2):
        rows += _rows(coded, f"{one}|{other}", [([one], [other])], NAMES)
    rows += [_fleiss_row(coded, group, ids) for group, ids in (("panel", coded.models), ("raters", raters))]
    return pd.DataFrame(rows + _share_rows(coded))


def _rows(
    coded: Choices, group: str, sides: Sequence[tuple[Sequence[str], Sequence[str]]], names: dict[str, str]
) -> list[dict]:
    """Coefficients averaged over the compared sides; a side is a rater, several by their majority, or nobody."""
    sides = sides or [((), ())]
    asked = [_asked(coded, (*one, *other)) for one, other in sides]
    n_asked = sum(int(each.sum()) for each in asked)
    average = ", mean over raters" if len(sides) > 1 else ""
    rows = []
    for coding, grids in (("content", coded.content), ("position", coded.position)):
        wanted = {key: name for key, name in names.items() if key.startswith("position") == (coding == "position")}
        hits = np.stack([_hits(*(_side(coded, grids, side) for side in both)) for both in sides], axis=-3)
        used = hits.any(axis=(-1, -2, -3))
        n = int(hits.sum())
        for key, statistic in wanted.items():
            coefficient = key.removeprefix("position ")
            found = jackknife.of_sums(
                hits[used].reshape(int(used.sum()), 4 * len(sides)),
                np.nonzero(used),
                partial(_mean_coefficient, name=coefficient, n_sides=len(sides)),
                scale="logit" if coefficient == "raw_agreement" else "fisher",
                n=n,
                n_excluded=n_asked - n,
                what=f"pooled over personas and items, coded by {coding}{average}",
            )
            rows.append(found.row(statistic, group))
    return rows


def _hits(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Which of the four pairs of choices a cell holds: personas x items x 2 x 2; all 0 where one side has none."""
    pairs = [[(first == x) & (second == y) for y in (0, 1)] for x in (0, 1)]
    return np.moveaxis(np.array(pairs, dtype="float64"), (0, 1), (-2, -1))


def _asked(coded: Choices, raters: Sequence[str]) -> np.ndarray:
    """The cells that all of these were asked about; none where there is nobody."""
    everyone = [coded.asked[rater] == 1 for rater in raters]
    return np.logical_and.reduce(everyone) if everyone else np.zeros((len(coded.personas), len(coded.items)), bool)


def _side(coded: Choices, grids: dict[str, np.ndarray], raters: Sequence[str]) -> np.ndarray:
    if not raters:
        return np.full((len(coded.personas), len(coded.items)), np.nan)
    return grids[raters[0]] if len(raters) == 1 else majority([grids[rater] for rater in raters])


def _mean_coefficient(sums: np.ndarray, *, name: str, n_sides: int) -> np.ndarray:
    """A coefficient of each side's counts, averaged over the sides where it is defined."""
    values = coefficients(sums.reshape(*sums.shape[:-1], n_sides, 2, 2))[name]
    defined = ~np.isnan(values)
    n = defined.sum(axis=-1)
    return np.where(n > 0, np.where(defined, values, 0).sum(axis=-1) / np.where(n > 0, n, 1), np.nan)


def _matrix_rows(coded: Choices, model: str, *, min_shared: int) -> list[dict]:
    """What the persona x persona matrix says: own cells against the others, pooled and cell by cell."""
    is_asked = coded.asked[model] == 1
    is_judged = _asked(coded, coded.raters[:N_MAJORITY])
    panel, used = is_judged.any(axis=1), is_judged.any(axis=0)
    is_asked, is_judged = is_asked[panel][:, used], is_judged[panel][:, used]
    most = _side(coded, coded.content, coded.raters[:N_MAJORITY])
    first, second = (grid[panel][:, used] for grid in (coded.content[model], most))
    cells = is_asked & is_judged
    n_own = int(cells.sum())
    n_other = int((is_asked.sum(axis=0) * is_judged.sum(axis=0)).sum()) - n_own
    own_hits = _hits(first, second)
    own = own_hits.sum(axis=(0, 1))
    own_left = [own - own_hits.sum(axis=1), own - own_hits.sum(axis=0), own - own_hits[cells]]
    other, other_left = matrix.other_counts(first, second, cells)
    kappa_own, *own_values = (coefficients(counts)["kappa"] for counts in (own, *own_left))
    kappa_other, *other_values = (coefficients(counts)["kappa"] for counts in (other, *other_left))
    n, what = (
        int(other.sum()),
        "model as one persona, raters of others, pooled; z of an intraclass correlation",
    )
    like, n_out = len(first), n_other - n
    found = jackknife.estimate(
        float(kappa_other), other_values, scale="fisher", n_like=like, n=n, n_excluded=n_out, what=what
    )
    rows = [found.row("kappa_other", model)]
    n, gains = int(own.sum()), [a - b for a, b in zip(own_values, other_values, strict=True)]
    gain, what = float(kappa_own - kappa_other), "kappa_content minus kappa_other"
    found = jackknife.estimate(gain, gains, scale="plain", n=n, n_excluded=n_own - n, what=what, within=(-2.0, 2.0))
    rows.append(found.row("persona_gain", model))
    means = matrix.mean_kappas(first, second, cells, min_shared=min_shared)
    size = {"own": len(first), "other": len(first) * (len(first) - 1)}
    for statistic, name in (("mean_kappa", "own"), ("mean_kappa_other", "other")):
        value, left, n = means[name]
        what = "mean of the matrix's defined cells"
        found = jackknife.estimate(value, left, scale="fisher", n=n, n_excluded=size[name] - n, what=what)
        rows.append(found.row(statistic, model))
    return rows


def _rater_rows(coded: Choices) -> list[dict]:
    raters = coded.raters
    without_alpha = {key: name for key, name in NAMES.items() if key != "alpha"}
    pairs = [([one], [other]) for one, other in combinations(raters, 2)]
    rows = _rows(coded, "rater_rater", pairs, without_alpha)
    shape = (len(raters), len(coded.personas), len(coded.items))
    stacked = np.array([coded.content[rater] for rater in raters]).reshape(shape)
    terms = alpha_terms(np.stack([(stacked == code).sum(axis=0) for code in (0, 1)], axis=-1))
    used = terms.any(axis=-1)
    n_asked, n = int(sum((coded.asked[rater] == 1).sum() for rater in raters)), int(terms[..., :-1].sum())
    what = {"scale": "fisher", "what": "all raters, coded by content"}
    alpha = jackknife.of_sums(terms[used], np.nonzero(used), alpha_of_sums, n=n, n_excluded=n_asked - n, **what)
    rows.append(alpha.row("alpha", "rater_rater"))
    held_out = [([one], [other for other in raters if other != one][:N_MAJORITY]) for one in raters]
    held_out = held_out if len(raters) > N_MAJORITY else []
    return rows + _rows(coded, "held_out_rater", held_out, {key: NAMES[key] for key in ("kappa", "raw_agreement")})


def _fleiss_row(coded: Choices, group: str, raters: Sequence[str]) -> dict:
    """Fleiss' kappa of all these raters on the cells that all were asked about."""
    asked = _asked(coded, raters)
    stacked = np.array([coded.content[rater] for rater in raters]).reshape(len(raters), *asked.shape)
    per_unit = np.stack([(stacked == code).sum(axis=0) for code in (0, 1)], axis=-1)
    used = asked & (per_unit.sum(axis=-1) >= 2)
    found = jackknife.of_sums(
        fleiss_terms(per_unit[used]),
        np.nonzero(used),
        fleiss_of_sums,
        scale="fisher",
        n=int(used.sum()),
        n_excluded=int(asked.sum() - used.sum()),
        what="all raters of a cell, coded by content",
    )
    return found.row("fleiss", group)


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
