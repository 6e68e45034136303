"""The register of the paper's claims, set beside what a run found.

A live run is compared with the paper. A simulated run never is: its numbers describe a made-up world, so they
are compared with that world's known truth. Only what rests on the configuration and its files, and on no answer,
may be compared in both.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import pandas as pd

from persona_lib.estimating import resample
from persona_lib.estimating.association import cramers_v
from persona_lib.showing.findings import DIFFERENCES, DISTANCES, SHARES, in_words, number, percentage, points
from persona_lib.showing.verdicts import CONFIGURATION, decide, matching
from persona_lib.tables import schema

VERDICTS = {
    "holds": "live run, or a claim that rests on no answer: our whole interval agrees with the paper by the row's rule",
    "differs": "live run, or a claim that rests on no answer: our whole interval contradicts it",
    "undecided": "live run, or a claim that rests on no answer: our interval allows both",
    "no interval": "live run: computed, but without an interval, and so nothing is decided",
    "recovered": "simulated run: the known truth lies in our interval, which decides the claim as the truth does",
    "too wide": "simulated run: the known truth lies in our interval, but so does the contrary of the claim",
    "not recovered": "simulated run: the known truth lies outside our interval",
    "no truth": "simulated run: computed, but the simulated world states no truth or the statistic no interval",
    "not at this scale": "a configured size that this run sets smaller than the paper",
    "not computed": "no statistic of this run speaks to it, or it is undefined",
    "reconstructed": "ours is made anew: the paper does not print it, or its words are not ours to copy",
    "internally inconsistent": "the paper says two things; no side is adopted",
    "not testable offline": "needs named models or closed data, and these did not answer here",
    "not asked of people": "needs people, and no study of people was read back for this run",
}
FIXED = ("reconstructed", "internally inconsistent", "not testable offline")
KINDS = ("quantitative", "qualitative", *FIXED)
RULES = ("none", "exact", "within", "greater", "less", "ordering")
TEXTS = (
    "claim_id",
    "section",
    "claim",
    "paper",
    "statistic",
    "group",
    "table",
    "rule",
    "kind",
    "rests_on",
    "needs",
    "note",
)
ANSWERS = "answers"
PEOPLE = "people"
NUMBERS = ("paper_low", "paper_high")


class RegisterError(ValueError):
    """A row of the register that cannot be used; names the row and the column."""


def read_register(path: str | os.PathLike) -> pd.DataFrame:
    """Read and check `claims.csv`: one row per claim.

    `rule` says how ours is compared: exact (equals paper_low; a configured size), within (the interval lies in
    [paper_low, paper_high]), greater (than paper_low), less (than paper_high), ordering (`group` is
    "a, b > *": each before the sign above each after it), none. `group` may hold `*`; then the group that
    is worst for the claim decides (see `verdicts`). `needs` names who must have answered, `people` or models by their
    names, for a claim that is else not testable. `rests_on` says whether the statistic rests on answers of models, or
    on the configuration and its files alone.

    Raises
    ------
    RegisterError
        The file or a column is missing, a claim_id repeats, a value is not allowed, a rule lacks its bound.
    """
    if not Path(path).is_file():
        raise RegisterError(f"{path}: no such file; the register of claims ships with the compendium")
    raw = pd.read_csv(path, dtype=str, keep_default_na=False)
    if missing := [c for c in (*TEXTS, *NUMBERS) if c not in raw]:
        raise RegisterError(f"{path}: column {', '.join(missing)} is missing")
    try:
        register = raw.assign(**{c: pd.to_numeric(raw[c].replace("", None)).astype(float) for c in NUMBERS})
    except ValueError as error:
        raise RegisterError(f"{path}: paper_low or paper_high is no number: {error}") from error
    for row in register.itertuples():
        if problem := _problem(row):
            raise RegisterError(f"{path}: claim {row.claim_id or '?'} (line {row.Index + 2}): {problem}")
    if register["claim_id"].duplicated().any():
        twice = register.loc[register["claim_id"].duplicated(), "claim_id"].iloc[0]
        raise RegisterError(f"{path}: claim {twice} stands in two rows")
    return register


def _problem(row) -> str:
    needs = {"exact": ("paper_low",), "within": NUMBERS, "greater": ("paper_low",), "less": ("paper_high",)}
    if lacking := [name for name in ("claim_id", "section", "claim", "paper") if not getattr(row, name)]:
        return f"{lacking[0]} is empty"
    if row.kind not in KINDS:
        return f"kind {row.kind!r} is none of {', '.join(KINDS)}"
    if row.rule not in RULES:
        return f"rule {row.rule!r} is none of {', '.join(RULES)}"
    if row.rule == "ordering" and ">" not in row.group:
        return "rule ordering needs a group of the form 'a, b > *'"
    if bare := [name for name in needs.get(row.rule, ()) if np.isnan(getattr(row, name))]:
        return f"rule {row.rule} needs {bare[0]}"
    if bool(row.statistic) != (row.rests_on in (ANSWERS, CONFIGURATION)):
        return f"rests_on {row.rests_on!r} is neither {ANSWERS} nor {CONFIGURATION}, or there is no statistic"
    if row.kind not in FIXED and row.statistic and row.rule == "none":
        return f"kind {row.kind} needs a rule for its statistic"
    if bool(row.statistic) != bool(row.table):
        return "statistic and table go together"
    return ""


def counts(
    prompts: pd.DataFrame,
    pairs: pd.DataFrame,
    *,
    benchmark: pd.DataFrame,
    pass_at_k: pd.DataFrame,
    influences: pd.DataFrame,
    people: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Sizes of the run, read off its tables, as rows of shape `statistics`.

    They have no interval, but for the share of the critiques, which are a sample.

    Pairs per persona are NaN where personas differ. `share_by_rule` is the share of kept prompts that hold a
    question mark and at least five words, and of critiques that came with both their parts; `total_variation`
    of the topics is half the sum of absolute differences between the shares in the two splits: 0 alike, 1 nothing
    in common; `association` is Cramer's V of persona and topic over the pairs, corrected for chance: 0 none. `people`
    are the judgements of a study with people, None where there was none.
    """
    kept = prompts[prompts["is_kept"]]
    per_persona = pairs.groupby("persona_id").size()
    splits = pairs.groupby(["persona_id", "pair_split"]).size().unstack(fill_value=0)
    whole = {
        "attributes": len(schema.attributes()),
        "personas": pairs["persona_id"].nunique(),
        "personas_train": pairs.loc[pairs["persona_split"] == "train", "persona_id"].nunique(),
        "personas_heldout": pairs.loc[pairs["persona_split"] != "train", "persona_id"].nunique(),
        "prompts_bank": len(prompts),
        "prompts_kept": len(kept),
        "prompts_train": int((kept["prompt_split"] == "train").sum()),
        "prompts_heldout": int((kept["prompt_split"] == "heldout_prompt").sum()),
        "pairs": len(pairs),
        "pairs_train": int((pairs["pair_split"] == "train").sum()),
        "pairs_heldout": int((pairs["pair_split"] != "train").sum()),
        "pairs_per_persona": _only(per_persona),
        "benchmark_items": _largest(benchmark, "pass_rate", "*|*"),
        "ablation_cells": _largest(influences, "flip_rate", "*"),
        "attempts": _attempts(pass_at_k),
        "people": np.nan if people is None else len(people[["persona_shown_id", "rater_id"]].drop_duplicates()),
    }
    for split in ("train", "heldout_pair", "heldout_prompt"):
        whole[f"pairs_per_persona_{split}"] = _only(splits[split]) if split in splits else np.nan
    asks = kept["text"].str.contains("?", regex=False) & (kept["text"].str.split().str.len() >= 5)
    topics = pd.crosstab(kept["topic"], kept["prompt_split"], normalize="columns")
    apart = [float("nan")]
    if {"train", "heldout_prompt"} <= set(topics):
        apart = [float((topics["train"] - topics["heldout_prompt"]).abs().sum() / 2)]
    rows = [schema.statistic("count", name, float(n), n=len(pairs), method="counted") for name, n in whole.items()]
    rows.append(schema.statistic("share_by_rule", "prompts_kept", float(asks.mean()), n=len(kept), method="counted"))
    rows.append(schema.statistic("total_variation", "topics_train-heldout", *apart, n=len(kept), method="counted"))
    asked = pairs[pairs["rejected_answer_id"] != ""]
    came = resample.clustered_rate(
        asked.assign(came=asked["critique"] != ""), value="came", clusters=["persona_id", "prompt_id"]
    )
    rows.append(came.row("share_by_rule", "critiques"))
    topic = pairs["prompt_id"].map(kept.set_index("prompt_id")["topic"])
    v = cramers_v(pd.crosstab(pairs["persona_id"], topic))
    rows.append(schema.statistic("association", "persona-topic", v, n=len(pairs), method="Cramer's V, bias-corrected"))
    return pd.DataFrame(rows)


def _only(sizes: pd.Series) -> float:
    return float(sizes.iloc[0]) if sizes.nunique() == 1 else float("nan")


def _largest(statistics: pd.DataFrame, statistic: str, pattern: str) -> float:
    """Units asked for behind the largest row, scored or not, without the pooled ones."""
    rows = matching(statistics, statistic, pattern)
    rows = rows[~rows["group"].str.startswith("all")]
    return float((rows["n"] + rows["n_excluded"]).max()) if len(rows) else float("nan")


def _attempts(pass_at_k: pd.DataFrame) -> float:
    groups = matching(pass_at_k, "pass_at_k", "*|*|*")["group"]
    return float(groups.str.rsplit("|", n=1).str[-1].astype(int).max()) if len(groups) else float("nan")


def who_answered(models: Collection[str], people: pd.DataFrame | None) -> set[str]:
    """Who answered, as `needs` names them: the models of a run, and `people` where a study with people was read back.

    Parameters
    ----------
    models : the names in their replies
    people : table `pool_judgements` of people, or None; only choices that were made count

    Examples
    --------
    >>> judged = pd.DataFrame({"rater_kind": ["person"], "status": ["ok"]})
    >>> sorted(who_answered(["gpt-4.1"], judged)), who_answered([], judged.assign(status="cut_off"))
    (['gpt-4.1', 'people'], set())
    """
    kinds = set() if people is None else set(people.loc[people["status"] == "ok", "rater_kind"])
    return set(models) | ({PEOPLE} if kinds == {"person"} else set())


def compare(
    register: pd.DataFrame,
    statistics: dict[str, pd.DataFrame],
    truth: pd.DataFrame | None,
    *,
    simulated: bool,
    answered: Collection[str] = (),
) -> pd.DataFrame:
    """One verdict per claim: table `claims`.

    Parameters
    ----------
    register : as `read_register` returns it
    statistics : tables of shape `statistics` by name; `register.table` refers to these names
    truth : table `truth`, or None on live runs
    simulated : whether answers came from the simulator; then no number of ours is set beside the paper's,
        unless the claim rests on the configuration alone
    answered : the models that answered in a live run, by the names in their replies, and `people` where people judged
        (`who_answered`); a claim that needs them has a verdict then, in a simulated run `no truth`

    Raises
    ------
    RegisterError
        A claim refers to a table that is not among `statistics`.
    """
    known = {} if truth is None else truth.set_index(["statistic", "group"])["truth"].to_dict()
    rows = []
    for claim in register.to_dict("records"):
        if claim["table"] and claim["table"] not in statistics:
            raise RegisterError(f"claim {claim['claim_id']}: no table {claim['table']} among {', '.join(statistics)}")
        found = decide(claim, statistics[claim["table"]], known if simulated else {}) if claim["statistic"] else {}
        true = known.get((claim["statistic"], found.get("group")), np.nan) if simulated else np.nan
        verdict = _verdict(claim, found, true, simulated=simulated, answered=answered)
        is_open = verdict in ("undecided", "too wide")
        beside = simulated and claim["rests_on"] == ANSWERS and not np.isnan(found.get("estimate", np.nan))
        rows.append(
            {
                **{name: claim[name] for name in ("claim_id", "section", "claim", "kind", "statistic", "note")},
                "paper": "" if beside else claim["paper"],
                "group": found.get("group", claim["group"]),
                **{name: found.get(name, np.nan) for name in ("estimate", "low", "high")},
                "n": found.get("n"),
                "n_to_decide": found.get("n_to_decide", np.nan) if is_open else np.nan,
                "truth": true,
                "verdict": verdict,
            }
        )
    return schema.check(pd.DataFrame(rows), "claims")


def _verdict(claim: dict, found: dict, true: float, *, simulated: bool, answered: Collection[str]) -> str:
    needs = [name.strip() for name in claim["needs"].split(";") if name.strip()]
    if claim["kind"] in FIXED and PEOPLE in needs and PEOPLE not in answered:
        return "not asked of people"
    moves = bool(needs) and all(any(fnmatchcase(who, name) for who in answered) for name in needs)
    moves &= not simulated or needs == [PEOPLE]  # what people choose between simulated answers has no truth
    if claim["kind"] in FIXED and not moves:
        return claim["kind"]
    if np.isnan(found.get("estimate", np.nan)):
        return "not computed"
    estimate, low, high = found["estimate"], found["low"], found["high"]
    if claim["rule"] == "exact":
        if np.isclose(estimate, claim["paper_low"], rtol=1e-12):
            return "holds"
        return "not at this scale" if estimate < claim["paper_low"] / 2 else "differs"
    if simulated and claim["rests_on"] == ANSWERS:
        if np.isnan(true) or np.isnan(low) or np.isnan(high):
            return "no truth"
        if not low <= true <= high:
            return "not recovered"
        return "recovered" if found["holds_by"] > 0 or found["differs_by"] > 0 else "too wide"
    return found["word"]


def claims_in_words(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Table `claims` as a reader wants it: `ours` with its interval, and nothing where there is nothing to say.

    Returns
    -------
    One row per claim, in the table's order: section, claim, paper, ours, n, truth, verdict, decides at.
    """
    told = in_words(verdicts.assign(n_excluded=0, n=verdicts["n"].fillna(0).astype(int), method="")).to_numpy()
    is_bare = verdicts["low"].isna().to_numpy()
    bare = [_in_unit(row.statistic, row.estimate) for row in verdicts.itertuples()]
    shown = verdicts[["section", "claim", "paper"]].copy()
    shown["ours"] = np.where(verdicts["estimate"].isna(), "", np.where(is_bare, bare, told))
    shown["n"] = _whole(verdicts["n"])
    shown["truth"] = [_in_unit(row.statistic, row.truth) for row in verdicts.itertuples()]
    shown["verdict"] = verdicts["verdict"]
    shown["decides at"] = _whole(verdicts["n_to_decide"])
    return shown


def _whole(numbers: pd.Series) -> list[str]:
    """Whole numbers as text; "" where there is none."""
    return ["" if pd.isna(number) else f"{number:,.0f}" for number in numbers]


def _in_unit(statistic: str, value: float) -> str:
    """A single number in its statistic's unit; "" where there is none."""
    if np.isnan(value):
        return ""
    if statistic in SHARES:
        return percentage(value)
    return points(value, signed=statistic in DIFFERENCES) if statistic in DIFFERENCES | DISTANCES else number(value)
