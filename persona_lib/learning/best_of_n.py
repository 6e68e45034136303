"""Do answers get better if a preference model picks them? Best of n, against the utility known to the simulated world.

Nobody else knows it; sections that read it are called recovery.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy import stats

from persona_lib.estimating import resample
from persona_lib.learning.reward_models import Scorer
from persona_lib.tables import schema
from persona_lib.tables.streams import generator

CLUSTERS = ["persona_id", "prompt_id"]
LEAST_CANDIDATES = 2


def plan_candidates(
    pairs: pd.DataFrame, answers: pd.DataFrame, *, n_prompts: int, n_candidates: int, seed: int
) -> pd.DataFrame:
    """Answers among which a held-out persona chooses: what others got for held-out prompts, and the plain answer.

    Parameters
    ----------
    pairs, answers : tables `pairs` and `answers`
    n_prompts : held-out prompts a persona, at most
    n_candidates : answers a prompt, at most, drawn at random; a persona's own revision is not among them

    Returns
    -------
    persona_id, prompt_id, answer_id; a prompt with fewer than two candidates is left out.
    """
    new = np.sort(pairs.loc[pairs["persona_split"] == "heldout_persona", "persona_id"].unique())
    prompts = set(pairs.loc[pairs["pair_split"] == "heldout_prompt", "prompt_id"])
    usable = (answers["status"] == "ok") & answers["kind"].isin(["baseline", "revision"])
    offered = answers[usable & answers["prompt_id"].isin(prompts)].sort_values("answer_id")
    by_prompt = dict(iter(offered.groupby("prompt_id")))
    rows = []
    for persona in new:
        rng = generator(seed, "learning.candidates", persona)
        for prompt in rng.permutation(sorted(by_prompt))[:n_prompts]:
            others = by_prompt[prompt]
            others = others.loc[others["persona_id"] != persona, "answer_id"].to_numpy()
            drawn = np.sort(rng.permutation(others)[:n_candidates])
            if len(drawn) >= LEAST_CANDIDATES:
                rows += [(persona, prompt, answer) for answer in drawn]
    return pd.DataFrame(rows, columns=["persona_id", "prompt_id", "answer_id"])


def picked(utilities: pd.DataFrame, fitted: Mapping[str, Scorer]) -> pd.DataFrame:
    """What each model's favourite is worth, for every persona and prompt.

    An answer's score is its log odds against the first candidate. The share of what could be gained is the utility of
    the favourite less the mean utility of the candidates, over that of the best: 0 as a random pick, 1 the best.

    Parameters
    ----------
    utilities : table `utilities`
    fitted : the result of `reward_models.fit`

    Returns
    -------
    One row per persona, prompt and model: share_gained (at most 1; NaN where all are worth the same), correlation
    (Spearman, of scores and utilities over the candidates; NaN where one of them does not vary), n candidates.
    """
    first = utilities.groupby(CLUSTERS)["answer_id"].transform("first")
    rows = utilities.assign(answer_a_id=first, answer_b_id=utilities["answer_id"])
    parts = []
    for model, score in fitted.items():
        scores = rows.assign(score=score(rows).round(12))
        by = scores.groupby(CLUSTERS)
        worth, best = by["utility"].transform("mean"), by["score"].transform("max")
        scores["gained"] = (scores["utility"] - worth).where(scores["score"] == best)
        scores["room"] = scores["utility"] - worth
        one, other = (by[key].rank() - (by[key].transform("size") + 1) / 2 for key in ("score", "utility"))
        scores = scores.assign(both=one * other, one=one**2, other=other**2)
        each = scores.groupby(CLUSTERS).agg(
            n=("score", "size"),
            gained=("gained", "mean"),
            room=("room", "max"),
            both=("both", "sum"),
            one=("one", "sum"),
            other=("other", "sum"),
        )
        share = (each["gained"] / each["room"]).where(each["room"] > 0)
        spread = np.sqrt(each["one"] * each["other"])
        correlation = (each["both"] / spread).where(spread > 0)
        parts.append(each[["n"]].assign(model=model, share_gained=share, correlation=correlation).reset_index())
    return pd.concat(parts, ignore_index=True)[[*CLUSTERS, "model", "n", "share_gained", "correlation"]]


def best_of_n_statistics(chosen: pd.DataFrame, accuracy: pd.Series) -> pd.DataFrame:
    """Best of n by model, and whether a model that predicts better also picks better.

    Parameters
    ----------
    chosen : the result of `picked`
    accuracy : held-out accuracy by model

    Returns
    -------
    Rows of table `learning`: best_of_n and score_correlation by model (means over personas and prompts), best_of_n_gain
    over the blind model, paired; accuracy_correlation of `all`: Pearson over the models, Fisher's interval.
    """
    rows = []
    for model, part in chosen.groupby("model"):
        gained = resample.clustered_mean(part, value="share_gained", clusters=CLUSTERS, within=(-np.inf, 1))
        rows.append(gained.row("best_of_n", str(model)))
        agrees = resample.clustered_mean(part, value="correlation", clusters=CLUSTERS, within=(-1, 1))
        rows.append(agrees.row("score_correlation", str(model)))
    wide = chosen.pivot(index=CLUSTERS, columns="model", values="share_gained")
    for model in wide.columns.drop("blind", errors="ignore"):
        paired = (wide[model] - wide["blind"]).rename("difference").reset_index()
        found = resample.clustered_mean(paired, value="difference", clusters=CLUSTERS)
        rows.append(found.row("best_of_n_gain", str(model)))
    both = pd.concat([accuracy.rename("a"), chosen.groupby("model")["share_gained"].mean()], axis=1).dropna()
    ends = (float("nan"),) * 3
    if len(both) > 3 and (both.nunique() > 1).all():
        pearson = stats.pearsonr(both["a"], both["share_gained"])
        ends = (pearson.statistic, *pearson.confidence_interval(resample.LEVEL))
    rest = {"low": ends[1], "high": ends[2], "n": len(both)}
    method = "Pearson correlation over models of held-out accuracy and best-of-n; Fisher's z interval"
    return pd.DataFrame([*rows, schema.statistic("accuracy_correlation", "all", ends[0], method=method, **rest)])
