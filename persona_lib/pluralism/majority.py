"""Who is served worse than the majority: choices on the common pool, by persona, group and distance.

The pool's answer a is the one a model gives without a persona, the *representative* answer. A
persona's choice is compared with the majority of the *other* personas, so that nobody is part of
the majority that he or she is measured against.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from persona_lib.estimating import bootstrap, resample
from persona_lib.estimating.corrections import adjusted_p_values
from persona_lib.measuring import agreement, benchmark
from persona_lib.pluralism.components import component_statistics
from persona_lib.pluralism.departure import departure_statistics, departures
from persona_lib.pluralism.distributional import distributional_statistics
from persona_lib.pluralism.diversity import diversity_statistics
from persona_lib.pluralism.grids import Panel, panel
from persona_lib.pluralism.steering import gold_statistics, overton_statistics, steering_statistics
from persona_lib.pluralism.worst_group import intersection_statistics, worst_group_statistics
from persona_lib.tables import schema, streams
from persona_lib.tables.groups import MIN_GROUP, persona_groups
from persona_lib.tables.judgements import lead_model

CLUSTERS = ["persona_id", "item_id"]


def pool_choices(judgements: pd.DataFrame, items: pd.DataFrame, *, rater: str) -> pd.DataFrame:
    """One rater's choices as every persona: persona_id, item_id, choice (1.0 answer b, 0.0 answer a, NaN none).

    Raises
    ------
    SchemaError
        If the rater judged nothing, or chose an answer that is not the item's.
    """
    coded = agreement.choices(judgements[judgements["rater_id"] == rater], items)
    if rater not in coded.content:
        raise schema.SchemaError(f"pool_judgements: rater {rater!r} has no rows under a persona")
    grid = pd.DataFrame(coded.content[rater], index=coded.personas, columns=coded.items)
    asked = pd.DataFrame(coded.asked[rater] == 1, index=coded.personas, columns=coded.items)
    long = grid.rename_axis(index="persona_id", columns="item_id").stack(future_stack=True).rename("choice")
    return long[asked.stack(future_stack=True).to_numpy()].reset_index()


def with_majority(chosen: pd.DataFrame) -> pd.DataFrame:
    """Whether each choice is that of the majority of the other personas.

    Parameters
    ----------
    chosen : the result of `pool_choices`

    Returns
    -------
    The rows with share_b_others (share of the other personas that chose b) and is_majority (1.0,
    0.0; NaN where there is no choice, or the others are split evenly).

    Examples
    --------
    Three personas, two for b: the two see one b and one a beside them, a split; the third sees two b.

    >>> chosen = pd.DataFrame({"persona_id": list("xyz"), "item_id": "i", "choice": [1.0, 1.0, 0.0]})
    >>> with_majority(chosen)["is_majority"].tolist()
    [nan, nan, 0.0]
    """
    by_item = chosen.groupby("item_id")["choice"]
    others = by_item.transform("count") - chosen["choice"].notna()
    share = (by_item.transform("sum") - chosen["choice"].fillna(0)) / others.where(others > 0)
    known = chosen["choice"].notna() & share.notna() & (share != 0.5)
    return chosen.assign(
        share_b_others=share, is_majority=((share > 0.5) == (chosen["choice"] == 1)).astype(float).where(known)
    )


def likeness(judged: pd.DataFrame) -> pd.DataFrame:
    """Share of pool items on which a persona is with the majority of the others: one row per persona.

    Returns
    -------
    persona_id, likeness in [0, 1] (NaN without a scored item), n items.
    """
    found = judged.groupby("persona_id")["is_majority"].agg(likeness="mean", n="count")
    return found.reset_index()


def group_statistics(judged: pd.DataFrame, groups: pd.DataFrame) -> list[dict]:
    """How often each group is with the majority, and its distance from all others, Holm over all groups.

    Errors are clustered by persona and item. A group of fewer than five personas is shown with its
    count and no estimate.
    """
    rows, p_values = [], {}
    n_personas = groups["persona_id"].nunique()
    for (attribute, value), members in groups.groupby(["attribute", "value"]):
        group = f"{attribute}|{value}"
        inside = judged["persona_id"].isin(members["persona_id"])
        n_members = judged.loc[inside, "persona_id"].nunique()
        if n_members == 0:
            continue
        if n_members < MIN_GROUP:
            why = {"n": 0, "n_excluded": int(inside.sum()), "method": f"not shown: fewer than {MIN_GROUP} personas"}
            rows.append(schema.statistic("fits_majority", group, np.nan, **why))
            continue
        rows.append(_rate(judged[inside], "is_majority").row("fits_majority", group))
        if n_members == n_personas:
            continue
        table = judged.assign(inside=inside)
        found = resample.clustered_difference(table, value="is_majority", group="inside", clusters=CLUSTERS)
        rows.append(found.row("group_difference", group))
        counts = {"n": found.n, "n_excluded": found.n_excluded}
        rows.append(schema.statistic("p_value", group, found.p_value, **counts, method="two-sided t test, clustered"))
        p_values[group] = found.p_value
    adjusted = adjusted_p_values(pd.Series(p_values, dtype="float64"), method="holm")
    method = f"Holm over {len(adjusted)} groups"
    for group, p_value in adjusted.items():
        rows.append(schema.statistic("p_adjusted", group, p_value, n=len(adjusted), method=method))
    return rows


def total_variation(chosen: pd.DataFrame, *, first: str, second: str) -> float:
    """Mean over items of the distance between two sets of answer shares over the same personas.

    With two answers it is the difference of the shares of answer b. 0: the same shares on every
    item; 1: opposite answers everywhere. NaN without a cell in which both chose.

    Examples
    --------
    Shares of b: 0.5 against 1.0 on the only item.

    >>> cells = pd.DataFrame({"item_id": ["i", "i"], "model": [0.0, 1.0], "raters": [1.0, 1.0]})
    >>> total_variation(cells, first="model", second="raters")
    0.5
    """
    both = chosen.dropna(subset=[first, second]).groupby("item_id")[[first, second]].mean()
    return float((both[first] - both[second]).abs().mean())


def rater_cells(judgements: pd.DataFrame, items: pd.DataFrame) -> pd.DataFrame:
    """The panel's cells with everyone's choice: one row per persona and item that the simulated raters judged.

    Columns: persona_id, item_id, raters (majority of the first three), held_out_rater (the fourth),
    one column per model, one_answer (the raters' most frequent answer to the item, NaN if split),
    is_with_majority (1.0 where the raters' majority for the persona is also the item's). No rows
    without a rater beside the three that make a majority.
    """
    coded = agreement.choices(judgements, items)
    four = coded.raters[: agreement.N_MAJORITY + 1]
    enough = len(four) > agreement.N_MAJORITY
    shape = (len(coded.personas), len(coded.items))
    asked = np.logical_and.reduce(
        [coded.asked[rater] == 1 for rater in coded.raters] if enough else [np.zeros(shape, bool)]
    )
    most = agreement.majority([coded.content[rater] for rater in four[:-1]]) if enough else np.full(shape, np.nan)
    at = np.nonzero(asked)
    columns = {
        "persona_id": np.array(coded.personas, dtype="str")[at[0]],
        "item_id": np.array(coded.items, dtype="str")[at[1]],
        "raters": most[at],
        "held_out_rater": coded.content[four[-1]][at] if enough else most[at],
        **{model: coded.content[model][at] for model in coded.models},
    }
    cells = pd.DataFrame(columns)
    share = cells.groupby("item_id")["raters"].transform("mean")
    cells["one_answer"] = (share > 0.5).astype(float).where(share.notna() & (share != 0.5))
    known = cells["raters"].notna() & cells["one_answer"].notna()
    cells["is_with_majority"] = (cells["raters"] == cells["one_answer"]).astype(float).where(known)
    return cells


def panel_statistics(cells: pd.DataFrame, *, n_bootstrap: int, seed: int) -> list[dict]:
    """How models fit the raters with and against the majority, and how far their answer shares lie apart."""
    known = ["persona_id", "item_id", "raters", "one_answer", "is_with_majority"]
    others = [column for column in cells if column not in known]
    rows = []
    for name in others:
        fits = (cells[name] == cells["raters"]).astype(float).where(cells[name].notna() & cells["raters"].notna())
        for where, side in ((1.0, "with_majority"), (0.0, "against_majority")):
            part = cells.assign(fits=fits)[cells["is_with_majority"] == where]
            rows.append(_rate(part, "fits").row("fits_raters", f"{name}|{side}"))
    for name in [*others, "one_answer"]:
        rng = streams.generator(seed, "pluralism.distance", name)
        rows.append(_distance_row(cells, name, n_bootstrap=n_bootstrap, rng=rng))
    return rows


def _distance_row(cells: pd.DataFrame, name: str, *, n_bootstrap: int, rng: np.random.Generator) -> dict:
    both = cells.dropna(subset=[name, "raters"])
    counts = {"n": len(both), "n_excluded": len(cells) - len(both)}
    method = "mean over items of total variation from the raters; two-factor bootstrap, centred at the estimate"
    if both.empty:  # an even panel that is split on every item has no most frequent answer
        return schema.statistic("distance", name, np.nan, **counts, method=method)
    grids = [both.pivot(index="persona_id", columns="item_id", values=column) for column in (name, "raters")]
    shown = grids[0].notna().to_numpy().astype(float)
    gap = (grids[0] - grids[1]).fillna(0).to_numpy()
    personas = bootstrap.multiplicities(shown.shape[0], n_bootstrap=n_bootstrap, rng=rng)
    items = bootstrap.multiplicities(shown.shape[1], n_bootstrap=n_bootstrap, rng=rng)
    weight = personas @ shown
    distances = np.abs(personas @ gap) / np.where(weight > 0, weight, 1)
    items = np.where(weight > 0, items, 0)
    replicates = (distances * items).sum(axis=1) / items.sum(axis=1)
    value = total_variation(cells, first=name, second="raters")
    low, high = bootstrap.percentile_interval(np.clip(replicates - np.nanmean(replicates) + value, 0, 1))
    return schema.statistic("distance", name, value, low=low, high=high, **counts, method=method)


def central_attempts(attempts: pd.DataFrame, near: pd.DataFrame) -> pd.DataFrame:
    """Attempts without a persona, with the likeness of the persona that they are examined for.

    Parameters
    ----------
    attempts : table `attempts`
    near : the result of `likeness`

    Returns
    -------
    The baseline attempts with likeness (NaN if the persona judged no pool item) and is_near (1.0 at
    or above the median likeness of the personas in the attempts, else 0.0).
    """
    own = benchmark.own_attempts(attempts)
    own = own[own["mode"] == "baseline"].merge(near[["persona_id", "likeness"]], on="persona_id", how="left")
    median = own.drop_duplicates("persona_id")["likeness"].median()
    is_near = (own["likeness"] >= median).astype(float).where(own["likeness"].notna())
    return own.assign(is_near=is_near)


def central_statistics(central: pd.DataFrame) -> list[dict]:
    """The paper's central claim: do answers without a persona pass less often for departing personas?"""
    clusters = benchmark.CLUSTERS
    one_each = central.drop_duplicates("persona_id")
    rows = [
        resample.clustered_mean(one_each, value="likeness", clusters=["persona_id"], within=(0, 1)).row(
            "likeness", "all"
        )
    ]
    for where, group in ((1.0, "near"), (0.0, "far")):
        part = central[central["is_near"] == where]
        rows.append(resample.clustered_rate(part, value="passed", clusters=clusters).row("pass_rate", group))
    for group, part in {"all": central, **dict(iter(central.groupby("model")))}.items():
        found = resample.clustered_difference(part, value="passed", group="is_near", clusters=clusters)
        rows.append(found.row("central_claim", group))
    tenths = central.assign(tenths=central["likeness"] * 10)
    slope = resample.clustered_slope(tenths, value="passed", on="tenths", clusters=clusters, within=(-1, 1))
    return [*rows, slope.row("central_slope", "all")]


def pluralism_statistics(
    judgements: pd.DataFrame,
    items: pd.DataFrame,
    personas: pd.DataFrame,
    attempts: pd.DataFrame,
    *,
    shares: pd.DataFrame,
    weights: pd.DataFrame,
    n_bootstrap: int,
    seed: int,
) -> pd.DataFrame:
    """Everything notebook 11 says, as one table.

    Parameters
    ----------
    judgements, items, personas, attempts : tables `pool_judgements`, `pool_items`, `personas`, `attempts`
    shares, weights : tables `pool_shares` and `persona_weights`

    Returns
    -------
    Table `pluralism`: majority_share, minority_share and representative of the pool as the lead
    model judged it; fits_majority and group_difference by group, worst_group, group_gap, intersection and
    smallest_cell; accuracy and accuracy_by_distance of the representative answer, the models and another rater;
    fits_raters and distance of the panel, and what `of_panel` gives; likeness, pass_rate, central_claim and
    central_slope of the benchmark's baseline mode.
    """
    judged = with_majority(pool_choices(judgements, items, rater=lead_model(judgements)))
    rows = majority_statistics(judged)
    groups = persona_groups(personas)
    rows += group_statistics(judged, groups) + worst_group_statistics(judged, groups)
    rows += intersection_statistics(judged, groups)
    rows += of_panel(panel(judgements, items, personas, weights), shares)
    rows += departure_statistics(departures(judgements, items))
    rows += panel_statistics(rater_cells(judgements, items), n_bootstrap=n_bootstrap, seed=seed)
    rows += central_statistics(central_attempts(attempts, likeness(judged)))
    return pd.DataFrame(rows)


def of_panel(shared: Panel, shares: pd.DataFrame) -> list[dict]:
    """Distributional, Overton and steerable pluralism, gold comparison, flattening, caricature, components of variance.

    Parameters
    ----------
    shared : the result of `grids.panel`
    shares : table `pool_shares`
    """
    rows = distributional_statistics(shared, shares) + overton_statistics(shared) + steering_statistics(shared)
    return rows + gold_statistics(shared) + diversity_statistics(shared) + component_statistics(shared)


def majority_statistics(judged: pd.DataFrame) -> list[dict]:
    """How large the majority is, over all items and item by item, and how often it is the representative answer."""
    rows = [
        _rate(judged, "is_majority").row("majority_share", "all"),
        _rate(judged.assign(chose_a=1 - judged["choice"]), "chose_a").row("representative", "all"),
    ]
    for item_id, part in judged.groupby("item_id"):
        found = resample.clustered_rate(part, value="is_majority", clusters=["persona_id"])
        rows.append(found.row("majority_share", item_id))
        is_minority = part["choice"] if part["choice"].mean() <= 0.5 else 1 - part["choice"]
        found = resample.clustered_rate(part.assign(minority=is_minority), value="minority", clusters=["persona_id"])
        rows.append(found.row("minority_share", item_id))
    return rows


def _rate(table: pd.DataFrame, value: str) -> resample.Estimate:
    return resample.clustered_rate(table, value=value, clusters=CLUSTERS)
