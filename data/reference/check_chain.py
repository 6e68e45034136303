"""Does the chain hold, cell by cell, against a survey that it was not fitted to? Results are committed, sources not.

    git show edac23b:data/reference/chain_coefficients.csv > BEFORE
    python data/reference/check_chain.py REFERENCE PEOPLE BEFORE [--out data/reference]

REFERENCE and PEOPLE are the folders of fit_chain.py, BEFORE the coefficients of the chain as it was. What a cell is,
when it holds, and what a failure is put down to, was declared in beliefs_protocol.yaml before anything was fitted.
For each survey the whole procedure of fit_chain.py is run without it and tried on its respondents' mix of age, sex,
race and schooling; no intercept is moved to its level.

chain_cells.csv   every cell: the survey's share, that of the chain before and now, what is allowed, and the verdicts; a
                  share that fewer than 10 respondents stand for is left empty, but its verdict is given
chain_scores.csv  bits per respondent of the held-out survey: of its own margin, the chain before, and the chain now
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parent))

from chain_model import MIN_N  # noqa: E402
from chain_surveys import Protocol, Survey, effective, groups, protocol, read_surveys  # noqa: E402
from fit_chain import HERE, census_people, models, national, pooled, raked  # noqa: E402

from persona_lib.synthesis.beliefs import CHAIN, joint_of  # noqa: E402

BEFORE_VALUES = {"Not stated": "Other faith"}  # an answer that the chain no longer has
COLUMNS = ["survey", "field", "by", "level", "answer", "n", "share", "before", "now", "survey_level"]
COLUMNS += ["allowed_before", "allowed", "holds_before", "holds", "put_down_to"]


def shares(joint: pd.DataFrame, declared: Protocol) -> pd.DataFrame:
    """A chain's joint over a survey's mix of people, in shared answers; `share` sums to 1."""
    told = groups(joint.replace(dict.fromkeys(CHAIN, BEFORE_VALUES)), declared)
    return told.groupby([name for name in told if name != "share"], as_index=False)["share"].sum()


def given(cells: pd.DataFrame, by: str, field: str, weight: str, declared: Protocol) -> pd.DataFrame:
    """P(answer | group): one row per group, one column per shared answer and declared sum."""
    table = cells.pivot_table(index=by, columns=field, values=weight, aggfunc="sum", fill_value=0.0)
    table = table.reindex(columns=list(declared.values(field)), fill_value=0.0)
    table = table.div(table.sum(axis=1), axis=0)
    for name, answers in declared["sums"].get(field, {}).items():
        table[name] = table[answers].sum(axis=1)
    return table


def cells_of(
    name: str,
    survey: Survey,
    field: str,
    chains: dict[str, pd.DataFrame],
    fitted: dict[str, Survey],
    declared: Protocol,
) -> pd.DataFrame:
    """Every cell of a field in a held-out survey.

    Parameters
    ----------
    chains : before, now, survey_level: `shares` of each over the survey's people
    fitted : the surveys that the chain now was fitted to
    """
    table, found = groups(survey.tables[field], declared), []
    for by in [column for column in table if column not in (field, "n", "weight")]:
        n, size = table.groupby(by)["n"].sum(), {level: effective(part) for level, part in table.groupby(by)}
        whole = pooled(fitted, list(fitted), field, by, declared)
        variance, whole = whole["variance"], whole.drop(columns="variance")
        for sum_name, answers in declared["sums"].get(field, {}).items():
            whole[sum_name] = whole[answers].sum(axis=1)
        theirs = given(table, by, field, "weight", declared)
        counted = given(table, by, field, "n", declared).mul(n, axis=0)
        ours = {kind: given(joint, by, field, "share", declared) for kind, joint in chains.items()}
        for level in n.index[n >= declared["min_n"]]:
            for answer in theirs:
                row = {"survey": name, "field": field, "by": by, "level": level, "answer": answer, "n": int(n[level])}
                row |= {"share": theirs.at[level, answer], "pooled": np.nan}
                row |= {kind: of.at[level, answer] for kind, of in ours.items()}
                if level in whole.index:
                    row["pooled"] = whole.at[level, answer]
                for kind, suffix in (("before", "_before"), ("now", "")):
                    spread = row[kind] * (1 - row[kind])
                    error = np.sqrt(spread / size[level] + (spread * variance[level] if level in variance.index else 0))
                    row[f"allowed{suffix}"] = declared["interval_z"] * error + declared["allowance_points"] / 100
                    row[f"holds{suffix}"] = abs(row[kind] - row["share"]) <= row[f"allowed{suffix}"]
                row["put_down_to"] = put_down_to(row)
                row["share"] = row["share"] if counted.at[level, answer] > MIN_N - 0.5 else np.nan
                found.append(row)
    return pd.DataFrame(found)[COLUMNS]


def put_down_to(row: dict) -> str:
    """What a failure is put down to, as declared; "" where the cell holds."""
    if row["holds"]:
        return ""
    if np.isnan(row["pooled"]):
        return "untold"
    if abs(row["pooled"] - row["share"]) > row["allowed"]:
        return "surveys"
    return "national" if abs(row["survey_level"] - row["share"]) <= row["allowed"] else "chain"


def bits(table: pd.DataFrame, joint: pd.DataFrame, field: str) -> np.ndarray:
    """Minus log2 of the chain's chance of each row's answer, given all that the row tells."""
    known = [column for column in table if column in joint and column not in (field, "n", "weight")]
    chance = joint.groupby([*known, field])["share"].sum()
    chance = (chance / chance.groupby(known).transform("sum")).rename("chance").reset_index()
    return -np.log2(table.merge(chance, how="left", on=[*known, field])["chance"].to_numpy())


def score(name: str, survey: Survey, field: str, chains: dict[str, pd.DataFrame], declared: Protocol) -> dict:
    """Log-loss of a held-out survey's respondents: its own margin, the chain before, the chain now."""
    table = groups(survey.tables[field], declared)
    weight = (table["weight"] / table["weight"].sum()).to_numpy()
    margin = table.groupby(field)["weight"].sum() / table["weight"].sum()
    bare = -np.log2(table[field].map(margin).to_numpy())
    losses = {kind: bits(table, joint, field) for kind, joint in chains.items()}
    gain = losses["before"] - losses["now"]
    each = (table["weight"] / table["n"]).to_numpy() / table["weight"].sum()
    error = np.sqrt((table["n"].to_numpy() * (each * (gain - weight @ gain)) ** 2).sum())
    row = {"survey": name, "field": field, "n": int(table["n"].sum()), "margin_bits": weight @ bare}
    row |= {f"{kind}_bits": weight @ losses[kind] for kind in ("before", "now")}
    return row | {"better_by_bits": weight @ gain, "standard_error": error}


def main() -> None:
    """Hold every survey out in turn, write both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("reference", type=Path, help="folder of the cross-tables of ANES and GSS")
    parser.add_argument("people", type=Path, help="folder of cces2016.csv.gz")
    parser.add_argument("before", type=Path, help="coefficients of the chain that this one is compared with")
    parser.add_argument("--out", type=Path, default=HERE, help="where the two tables are written")
    options = parser.parse_args()
    declared, people, known = protocol(), census_people(), national(options.reference)
    surveys = read_surveys(options.reference, options.people, declared)
    before = pd.read_csv(options.before, keep_default_na=False)
    cells, scores = [], []
    for name, survey in surveys.items():
        fitted = models(surveys, declared, people, without=name)
        chains = {"before": before}
        for kind, shares_used in (("now", known), ("survey_level", None)):
            chains[kind], *_ = raked(fitted, surveys, declared, people, without=name, national=shares_used)
        joints = {kind: shares(joint_of(survey.people, chain), declared) for kind, chain in chains.items()}
        for field in CHAIN:
            if name in declared["held_out"][field]:
                used = {other: surveys[other] for other in declared.fitted_without(field, name)}
                cells.append(cells_of(name, survey, field, joints, used, declared))
                scores.append(score(name, survey, field, joints, declared))
    table = pd.concat(cells, ignore_index=True)
    numbers = ["share", "before", "now", "survey_level", "allowed_before", "allowed"]
    table = table.round(dict.fromkeys(numbers, 4))
    table.to_csv(options.out / "chain_cells.csv", index=False, lineterminator="\n")
    pd.DataFrame(scores).round(4).to_csv(options.out / "chain_scores.csv", index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
