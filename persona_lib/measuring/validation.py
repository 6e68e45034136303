"""Do the pairs say what their personas prefer: how often a judge keeps the order, and what else explains it.

Answer a of a pair is the baseline (rejected), answer b the revision (chosen). A judgement *holds*
if the judge prefers the revision.
"""

from __future__ import annotations

import pandas as pd

from persona_lib.estimating import resample
from persona_lib.tables import schema
from persona_lib.tables.revisions import RULES

CLUSTERS = ["persona_id", "prompt_id"]
SHOWN = ["own", "values", "swapped", "none"]
STATUSES = {"ok": "scored", "refused": "refused", "unparsed": "unparsed", "failed": "failed"}
RARE = {"cut_off": "cut_off", "not_taken": "not_taken"}  # a row of their own only where they occur


def held(judgements: pd.DataFrame, pairs: pd.DataFrame) -> pd.DataFrame:
    """Each judgement with the pair's persona and prompt, what was shown, and whether the pair's order held.

    Returns
    -------
    One row per judgement: pair_id, persona_id, prompt_id, shown (own; values: the own persona's stated
    values alone; swapped; none), swapped, holds (1.0, 0.0, NaN unless ok), first (1.0 if the answer in
    position A was preferred), repeat (1: asked again), status.

    Raises
    ------
    SchemaError
        If a judged pair is not among the pairs, or a chosen answer is neither of its pair's two.

    Examples
    --------
    >>> pairs = pd.DataFrame({"pair_id": ["p1.q1"], "persona_id": ["p1"], "prompt_id": ["q1"],
    ...                       "chosen_answer_id": ["new"], "rejected_answer_id": ["old"]})
    >>> judgements = pd.DataFrame({"item_id": ["p1.q1"], "persona_shown_id": ["p1"], "lines_shown": ["all"],
    ...                            "swapped": [False], "repeat": [0], "chosen_answer_id": ["new"],
    ...                            "chosen_position": ["B"], "status": ["ok"]})
    >>> held(judgements, pairs)[["shown", "holds", "first"]].values.tolist()
    [['own', 1.0, 0.0]]
    """
    answers = pairs[["pair_id", "persona_id", "prompt_id", "chosen_answer_id", "rejected_answer_id"]]
    answers = answers.rename(columns={"chosen_answer_id": "revision_id"})
    rows = judgements.merge(answers, left_on="item_id", right_on="pair_id", how="left", validate="m:1")
    if (lost := rows["pair_id"].isna()).any():
        raise schema.SchemaError(f"judgements: item {rows.loc[lost, 'item_id'].iloc[0]} is no pair; collect again")
    ok = rows["status"] == "ok"
    is_revision = rows["chosen_answer_id"] == rows["revision_id"]
    strange = ok & ~is_revision & (rows["chosen_answer_id"] != rows["rejected_answer_id"])
    if strange.any():
        row = rows[strange].iloc[0]
        raise schema.SchemaError(
            f"judgements: {row['item_id']} chose {row['chosen_answer_id']!r}, which is neither answer of the pair"
        )
    is_own = rows["persona_shown_id"] == rows["persona_id"]
    shown = is_own.map({True: "own", False: "swapped"}).mask(rows["persona_shown_id"] == "", "none")
    rows["shown"] = shown.mask(rows["lines_shown"] == "values", "values")
    rows["holds"] = is_revision.astype(float).where(ok)
    rows["first"] = (rows["chosen_position"] == "A").astype(float).where(ok)
    return rows[["pair_id", "persona_id", "prompt_id", "shown", "swapped", "repeat", "holds", "first", "status"]]


def persona_effect(judged: pd.DataFrame, *, other: str) -> pd.DataFrame:
    """Own persona minus another condition, on the same pair in the same order.

    Parameters
    ----------
    judged : the result of `held`
    other : 'values', 'swapped' or 'none'

    Returns
    -------
    One row per pair and order: difference is 1, 0 or -1, NaN where one of the two was not scored.
    """
    if other not in SHOWN[1:]:
        raise ValueError(f"persona_effect: other = {other!r} is not one of {SHOWN[1:]}")
    keys = ["pair_id", *CLUSTERS, "swapped"]
    own, blind = (judged[judged["shown"] == name].set_index(keys)["holds"] for name in ("own", other))
    return (own - blind).rename("difference").reset_index()


def order_consistency(judged: pd.DataFrame) -> pd.DataFrame:
    """Whether the two orders of a pair gave the same preference, per pair and condition; NaN if one is missing."""
    keys = ["pair_id", *CLUSTERS, "shown"]
    wide = judged.pivot(index=keys, columns="swapped", values="holds").reindex(columns=[False, True])
    same = (wide[False] == wide[True]).astype(float).where(wide.notna().all(axis=1))
    return same.rename("is_consistent").reset_index()


def values_consistency(judged: pd.DataFrame) -> pd.DataFrame:
    """Whether a pair's own persona and its stated values alone gave the same choice, per pair and order; NaN if one
    is missing."""
    difference = persona_effect(judged, other="values")
    same = (difference["difference"] == 0).astype(float).where(difference["difference"].notna())
    return difference.assign(is_same=same)


def rules_kept(pairs: pd.DataFrame, answers: pd.DataFrame) -> pd.DataFrame:
    """Whether the revisions of pairs keep the rules, the final ones and the first tries.

    Parameters
    ----------
    answers : table `answers`, withdrawn revisions among them

    Returns
    -------
    One row per pair that has a revision: pair_id, persona_id, prompt_id; and for each rule (`RULES`) and for `all`
    of them 1.0 or 0.0, of the final revision, and with ` | first try` in the name of the first one.
    """
    known = answers.set_index("answer_id")
    made = pairs[pairs["status"] == "ok"]
    first = "withdrawn." + made["pair_id"] + ".0"
    first = first.where(first.isin(known.index), made["chosen_answer_id"])
    found = made[["pair_id", *CLUSTERS]].reset_index(drop=True)
    for suffix, ids in (("", made["chosen_answer_id"]), ("|first try", first)):
        fault = known.loc[ids, "fault"].reset_index(drop=True)
        for sign, rule in RULES.items():
            found[f"{rule}{suffix}"] = (~fault.str.contains(sign, regex=False)).astype(float)
        found[f"all{suffix}"] = (fault == "").astype(float)
    return found


def shorter(pairs: pd.DataFrame, answers: pd.DataFrame) -> pd.DataFrame:
    """Whether the revision is the shorter answer: 1, 0, or one half for a tie; NaN where one answer failed.

    It is the share of orders that a judge would keep who reads nothing and prefers fewer words.
    """
    scored = answers[answers["status"] == "ok"].set_index("answer_id")["n_words"]
    revision = pairs["chosen_answer_id"].map(scored)
    baseline = pairs["rejected_answer_id"].map(scored)
    is_shorter = (revision < baseline).astype(float).mask(revision == baseline, 0.5)
    return pairs[["pair_id", *CLUSTERS]].assign(is_shorter=is_shorter.where(revision.notna() & baseline.notna()))


def validation_statistics(judgements: pd.DataFrame, pairs: pd.DataFrame, answers: pd.DataFrame) -> pd.DataFrame:
    """How often the order holds under each persona shown, beside what position and length explain.

    Returns
    -------
    Table `validation`: holds|own, own_ab, own_ba, values, swapped, none; order_consistency and
    first_position by condition; persona_effect|own-values, own-swapped and own-none;
    values_consistency|own; length_only|all over the judged pairs; rule_kept over all pairs that have
    a revision; scored, refused, unparsed and failed|all, and cut_off and not_taken|all where they
    occur. Repetitions are left to `judges.judge_statistics`.
    """
    judged = held(judgements[judgements["repeat"] == 0], pairs)
    by_shown = {shown: judged[judged["shown"] == shown] for shown in SHOWN}
    own = by_shown["own"]
    parts = {**by_shown, "own_ab": own[~own["swapped"]], "own_ba": own[own["swapped"]]}
    rows = [_rate(part, "holds").row("holds", group) for group, part in parts.items()]
    same = order_consistency(judged)
    for shown in SHOWN:
        rows.append(_rate(same[same["shown"] == shown], "is_consistent").row("order_consistency", shown))
    for other in SHOWN[1:]:
        difference = persona_effect(judged, other=other)
        effect = resample.clustered_mean(difference, value="difference", clusters=CLUSTERS, within=(-1, 1))
        rows.append(effect.row("persona_effect", f"own-{other}"))
    for group, part in {"all": judged, **by_shown}.items():
        rows.append(_rate(part, "first").row("first_position", group))
    judged_pairs = pairs[pairs["pair_id"].isin(judged["pair_id"])]
    rows.append(_rate(shorter(judged_pairs, answers), "is_shorter").row("length_only", "all"))
    rows.append(_rate(values_consistency(judged), "is_same").row("values_consistency", "own"))
    kept = rules_kept(pairs, answers)
    rows += [_rate(kept, group).row("rule_kept", group) for group in kept.columns.drop(["pair_id", *CLUSTERS])]
    rare = {status: name for status, name in RARE.items() if judged["status"].eq(status).any()}
    for status, name in (STATUSES | rare).items():
        rows.append(_rate(judged.assign(is_status=judged["status"] == status), "is_status").row(name, "all"))
    return pd.DataFrame(rows)


def _rate(table: pd.DataFrame, value: str) -> resample.Estimate:
    return resample.clustered_rate(table, value=value, clusters=CLUSTERS)
