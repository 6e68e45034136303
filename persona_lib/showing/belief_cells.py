"""Cells of the chain of beliefs beside surveys that it was not fitted to, for notebook 03 and the data card."""

from __future__ import annotations

import pandas as pd

REASONS = {  # what a cell that fails is put down to, in the order in which they are tried
    "untold": "no fitted survey asked the two together",
    "surveys": "the fitted surveys themselves are further away",
    "national": "the dated national shares moved it out",
    "chain": "the chain itself",
}


def shares_held(cells: pd.DataFrame) -> pd.DataFrame:
    """How many cells of each held-out survey hold, of the chain before and now, and what the others are put down to.

    Parameters
    ----------
    cells : data/reference/chain_cells.csv; one row per survey, field, group and answer

    Returns
    -------
    One row per field and survey, in their order in `cells`, and "all": n_cells, share_before and share_now in [0, 1],
    and one count per entry of `REASONS` of cells that fail now.

    Examples
    --------
    >>> two = pd.DataFrame({"field": "ideology", "survey": "gss", "holds_before": [True, False],
    ...                     "holds": [True, True], "put_down_to": ""})
    >>> shares_held(two)[["field", "n_cells", "share_before", "share_now"]].values.tolist()
    [['ideology', 2, 0.5, 1.0], ['all', 2, 0.5, 1.0]]
    """
    both = pd.concat([cells, cells.assign(field="all", survey="all")])
    keys = ["field", "survey"]
    found = both.groupby(keys, sort=False).agg(
        n_cells=("holds", "size"), share_before=("holds_before", "mean"), share_now=("holds", "mean")
    )
    failed = both[both["put_down_to"].isin(REASONS)].groupby([*keys, "put_down_to"]).size().unstack(fill_value=0)
    counts = failed.reindex(index=found.index, columns=list(REASONS), fill_value=0)
    return found.join(counts).reset_index()


OUT_OF_REACH = ("untold", "surveys")  # reasons that no model fitted to these surveys could mend


def failures(cells: pd.DataFrame) -> pd.DataFrame:
    """Every cell that fails now, the furthest from what is allowed first.

    Parameters
    ----------
    cells : as for `shares_held`

    Returns
    -------
    One row per cell: field, survey, by, level, answer, n; survey_percent (NaN where fewer than ten respondents stand
    for it, which come last), now and allowed in percent; `beyond`, percentage points further than is allowed;
    put_down_to.

    Examples
    --------
    >>> one = {"field": ["ideology"], "survey": "gss", "by": "sex", "level": "Male", "answer": "Left", "n": 150}
    >>> one |= {"share": 0.30, "now": 0.20, "allowed": 0.06, "holds": False, "put_down_to": "national"}
    >>> failures(pd.DataFrame(one))[["survey_percent", "now", "beyond"]].values.tolist()
    [[30.0, 20.0, 4.0]]
    """
    failed = cells[~cells["holds"]]
    beyond = (failed["now"] - failed["share"]).abs() - failed["allowed"]
    percents = {"survey_percent": failed["share"], "now": failed["now"], "allowed": failed["allowed"], "beyond": beyond}
    found = failed[["field", "survey", "by", "level", "answer", "n"]].assign(
        **{name: (100 * share).round(1) for name, share in percents.items()}, put_down_to=failed["put_down_to"]
    )
    order = beyond.sort_values(ascending=False, kind="stable", na_position="last").index
    return found.loc[order].reset_index(drop=True)


def failed_groups(cells: pd.DataFrame) -> pd.DataFrame:
    """Where the cells fail: of every field and kind of group, how many, and by how much.

    Returns
    -------
    One row per field and `by`, in their order in `cells`: n_cells, n_fail, one count per entry of `REASONS`, and
    median_beyond, half of the failing cells being no further than so many points from what is allowed (NaN if none is).
    """
    keys, failed = ["field", "by"], failures(cells)
    sizes = cells.groupby(keys, sort=False)["holds"].agg(n_cells="size", n_fail=lambda holds: int((~holds).sum()))
    reasons = failed.groupby([*keys, "put_down_to"]).size().unstack(fill_value=0)
    counts = reasons.reindex(index=sizes.index, columns=list(REASONS), fill_value=0)
    return sizes.join(counts).join(failed.groupby(keys)["beyond"].median().rename("median_beyond")).reset_index()


def in_one_sentence(cells: pd.DataFrame) -> str:
    """How many cells hold, how many of the others any model would miss, and how close the rest is."""
    failed = failures(cells)
    n_out = int(failed["put_down_to"].isin(OUT_OF_REACH).sum())
    close = int((failed["beyond"] < 1).sum())
    return (
        f"{int(cells['holds'].sum())} of {len(cells)} cells hold and {len(failed)} do not. Of these, {n_out} are out "
        "of reach of any model of the fitted surveys, which are themselves further away than is allowed or never asked "
        f"the two things together. {close} of those that fail miss by less than one point."
    )


def beside_surveys(cells: pd.DataFrame, *, answer: str, by: str) -> pd.DataFrame:
    """One answer's share in every group beside each survey, in percent.

    Parameters
    ----------
    cells : as for `shares_held`
    answer, by : an answer and a column of groups, as `cells` names them

    Returns
    -------
    One row per group and survey: level, survey, n, and survey_percent (NaN where fewer than ten respondents stand for
    it), before, now and allowed in percent, holds.
    """
    mine = cells[(cells["answer"] == answer) & (cells["by"] == by)].sort_values("level", kind="stable")
    shares = {"survey_percent": "share", "before": "before", "now": "now", "allowed": "allowed"}
    percents = {name: (100 * mine[column]).round(1) for name, column in shares.items()}
    return mine[["level", "survey", "n"]].assign(**percents, holds=mine["holds"]).reset_index(drop=True)


def card_section(cells: pd.DataFrame) -> str:
    """The data card's section on beliefs, in Markdown."""
    held = shares_held(cells)
    lines = [
        f"| {row.field} | {row.survey} | {row.n_cells} | {row.share_before:.0%} | {row.share_now:.0%} |"
        for row in held.itertuples()
    ]
    places = [
        f"| {row.field} | {row.by} | {row.n_cells} | {row.n_fail} | "
        f"{' | '.join(str(getattr(row, name)) for name in REASONS)} | {_points(row.median_beyond)} |"
        for row in failed_groups(cells).itertuples()
    ]
    furthest = [
        f"| {row.field} | {row.survey} | {row.level}: {row.answer} | {row.survey_percent:.1f} | {row.now:.1f} "
        f"| {row.allowed:.1f} | {REASONS[row.put_down_to]} |"
        for row in failures(cells).dropna(subset="beyond").head(12).itertuples()
    ]
    reasons = "; ".join(f"{held[name].iloc[-1]}: {words}" for name, words in REASONS.items())
    named = []
    for answer in ("Republican or leaning", "Catholic"):
        for row in beside_surveys(cells, answer=answer, by="race_ethnicity").itertuples():
            survey = "under 10 people" if pd.isna(row.survey_percent) else f"{row.survey_percent:.1f}"
            verdict = "yes" if row.holds else "no"
            numbers = f"{row.before:.1f} | {row.now:.1f} | {row.allowed:.1f} | {verdict}"
            named.append(f"| {answer} | {row.level} | {row.survey} | {survey} | {numbers} |")
    return f"""## How far the beliefs hold

Religion, ideology and party are drawn from a model fitted to three surveys (ANES 2022 Pilot Study, GSS, CCES 2016) and
raked to their tables by race or ethnicity and to dated national shares. Each survey was left out in turn and the model
made without it held against it, in every group of 100 respondents or more: within sampling error and three points.

| field | survey left out | cells | hold, model before | hold, model now |
|---|---|---|---|---|
{chr(10).join(lines)}

{in_one_sentence(cells)} What they are put down to: {reasons}.

Where they fail, by the kind of group; the last column is by how many points half of them fail at most:

| field | groups by | cells | fail | {" | ".join(REASONS)} | points |
|---|---|---|---|{"---|" * len(REASONS)}---|
{chr(10).join(places)}

The twelve that are furthest off, in percent:

| field | survey left out | group: answer | survey | model | allowed | put down to |
|---|---|---|---|---|---|---|
{chr(10).join(furthest)}

Two answers by race or ethnicity, in percent:

| answer | group | survey left out | survey | model before | model now | allowed | holds now |
|---|---|---|---|---|---|---|---|
{chr(10).join(named)}
"""


def _points(value: float) -> str:
    return "" if pd.isna(value) else f"{value:.1f}"
