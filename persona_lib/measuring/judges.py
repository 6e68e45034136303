"""How far a judge of pairs can be trusted: does it repeat itself, favour a position, a length or its own words, and
does it know when it is unsure?

The definitions are those of the literature on models as judges [1]_, [2]_, [3]_ and of selective prediction [4]_.

References
----------
.. [1] L. Shi et al. (2024). Judging the Judges: A systematic study of position bias in LLM-as-a-judge.
   arXiv:2406.07791: repetition stability, position consistency, preference fairness.
.. [2] Y. Dubois et al. (2024). Length-controlled AlpacaEval: A simple way to debias automatic evaluators.
   arXiv:2404.04475: the win rate at equal lengths.
.. [3] A. Panickssery, S. R. Bowman, S. Feng (2024). LLM evaluators recognize and favor their own generations.
   arXiv:2404.13076: self-preference.
.. [4] Y. Geifman, G. Uziel, R. El-Yaniv (2019). Bias-reduced uncertainty estimation for deep neural classifiers.
   arXiv:1805.08206: the curve of risk over coverage and the area under it.
"""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pandas as pd
from scipy.special import digamma

from persona_lib.estimating import jackknife, logit, resample
from persona_lib.measuring.validation import CLUSTERS, SHOWN, held

STATED = (0.6, 0.75, 0.9)  # certainties below which a judge abstains


def repetition_stability(judged: pd.DataFrame) -> pd.DataFrame:
    """Whether the judge, asked the same again, chose the same: one row per pair asked twice, `is_same`, NaN unscored.

    With two tries the repetition stability of [1]_, the share of the commonest choice, is (1 + share of same) / 2.

    Parameters
    ----------
    judged : the result of `validation.held`, repetitions among it
    """
    asked = judged[(judged["shown"] == "own") & ~judged["swapped"]]
    wide = asked.pivot(index=["pair_id", *CLUSTERS], columns="repeat", values="holds").reindex(columns=[0, 1])
    same = (wide[0] == wide[1]).astype(float).where(wide.notna().all(axis=1))
    return same.rename("is_same").reset_index()


def preference_fairness(judged: pd.DataFrame) -> pd.DataFrame:
    """Which position the two orders of a pair favoured: -1 the first, 1 the second, 0 neither; NaN if one is missing.

    The mean over pairs is the preference fairness of [1]_: the share of pairs whose second position won in both orders,
    less the share whose first did; 0 is fair. (Its raw score, recency count x recency rate - primacy count x primacy
    rate, over the number of pairs is the same.)

    Parameters
    ----------
    judged : the result of `validation.held`, without repetitions

    Examples
    --------
    >>> pair = {"pair_id": "x", "persona_id": "p", "prompt_id": "q", "shown": "own"}
    >>> preference_fairness(pd.DataFrame([pair | {"swapped": s, "first": 1.0} for s in (False, True)])).fairness.item()
    -1.0
    """
    wide = judged.pivot(index=["pair_id", *CLUSTERS, "shown"], columns="swapped", values="first")
    wide = wide.reindex(columns=[False, True])
    return (1 - wide[False] - wide[True]).rename("fairness").reset_index()


def with_lengths(judged: pd.DataFrame, pairs: pd.DataFrame, answers: pd.DataFrame) -> pd.DataFrame:
    """The judgements with `length`: how much longer the revision is than the first answer, between -1 and 1.

    It is tanh of the difference in words over its standard deviation among the judged pairs, as in [2]_: 0 at equal
    lengths. NaN where an answer has no length.
    """
    n_words = answers[answers["status"] == "ok"].set_index("answer_id")["n_words"]
    new, old = (pairs[name].map(n_words).astype("float64") for name in ("chosen_answer_id", "rejected_answer_id"))
    of_pair = (new - old).set_axis(pairs["pair_id"]).reindex(judged["pair_id"].unique())
    scale = of_pair.std(ddof=0)
    longer = judged["pair_id"].map(of_pair).astype("float64")
    return judged.assign(length=np.tanh(longer / (scale if scale > 0 else np.nan)))


def length_controlled(lengths: pd.DataFrame) -> resample.Estimate:
    """The share of orders that a judge would keep were both answers as long: a logit with a length term, at length 0.

    The length-controlled win rate of [2]_, without its terms for single questions. Where every revision is shorter than
    the first answer it is an extrapolation, and its interval says how far.

    Parameters
    ----------
    lengths : judgements with one persona shown, of `with_lengths`
    """
    return logit.clustered_share_at(lengths, value="holds", on="length", at=0.0, clusters=CLUSTERS)


def stated(certainties: pd.DataFrame, pairs: pd.DataFrame) -> pd.DataFrame:
    """Each choice with its certainty: is_wrong is 1.0 where it is not the pair's order, NaN unless ok."""
    known = pairs[["pair_id", *CLUSTERS, "chosen_answer_id"]].rename(columns={"chosen_answer_id": "revision_id"})
    rows = certainties.merge(known, left_on="item_id", right_on="pair_id", how="left", validate="m:1")
    ok = rows["status"] == "ok"
    rows["is_wrong"] = (rows["chosen_answer_id"] != rows["revision_id"]).astype(float).where(ok)
    rows["certainty"] = rows["certainty"].astype("float64").where(ok)
    return rows[["pair_id", *CLUSTERS, "certainty", "is_wrong", "status"]]


def risk_coverage(choices: pd.DataFrame) -> pd.DataFrame:
    """The curve of risk over coverage: choices are kept from the most certain down, all of one certainty together.

    Parameters
    ----------
    choices : certainty and is_wrong, the result of `stated`

    Returns
    -------
    One row per certainty that was stated, the highest first: certainty, n (kept so far), coverage (of all scored) and
    risk (share of these that are wrong).

    Examples
    --------
    >>> three = pd.DataFrame({"certainty": [0.9, 0.6, 0.9], "is_wrong": [0.0, 1.0, 1.0]})
    >>> risk_coverage(three).round(2).values.tolist()
    [[0.9, 2.0, 0.67, 0.5], [0.6, 3.0, 1.0, 0.67]]
    """
    scored = choices.dropna(subset=["certainty", "is_wrong"])
    levels = scored.groupby("certainty")["is_wrong"].agg(["size", "sum"]).sort_index(ascending=False).cumsum()
    found = pd.DataFrame({"n": levels["size"], "coverage": levels["size"] / max(len(scored), 1)})
    return found.assign(risk=levels["sum"] / levels["size"]).reset_index()


def area(counts: np.ndarray, wrong: np.ndarray) -> np.ndarray:
    """Area under the curve of risk over coverage [4]_: the mean risk of the n most certain, n = 1, 2, ... all.

    Choices of one certainty come in a random order, and the area is its expectation over these orders. An error among
    the most certain counts most; a judge whose certainty says nothing has the share of its errors.

    Parameters
    ----------
    counts, wrong : leading axes x certainties, the highest first: how many choices, and how many of these wrong

    Returns
    -------
    Leading axes; NaN without a choice.

    Examples
    --------
    Three choices, the most certain one right: risks 0, 1/2 and 2/3.

    >>> round(float(area(np.array([1.0, 1, 1]), np.array([0.0, 1, 1]))), 4)
    0.3889
    """
    before, wrong_before = (np.cumsum(part, axis=-1) - part for part in (counts, wrong))
    each = np.divide(wrong, counts, out=np.zeros_like(counts, dtype="float64"), where=counts > 0)
    sums = digamma(before + counts + 1) - digamma(before + 1)
    total = counts.sum(axis=-1)
    found = (wrong + (wrong_before - each * before) * sums).sum(axis=-1)
    return np.divide(found, total, out=np.full(np.shape(total), np.nan), where=total > 0)


def area_under_risk(choices: pd.DataFrame) -> resample.Estimate:
    """`area` of a judge's choices, with a two-way jackknife over personas and prompts."""
    scored = choices.dropna(subset=["certainty", "is_wrong"])
    levels = np.sort(scored["certainty"].unique())[::-1]
    at = (scored["certainty"].to_numpy()[:, None] == levels).astype("float64")
    features = np.concatenate([at, at * scored["is_wrong"].to_numpy()[:, None]], axis=1)
    n_levels = len(levels)
    return jackknife.of_sums(
        features,
        [pd.factorize(scored[name])[0] for name in CLUSTERS],
        lambda sums: area(sums[..., :n_levels], sums[..., n_levels:]),
        scale="logit",
        n=len(scored),
        n_excluded=len(choices) - len(scored),
        what="area under risk over coverage, mean over orders of equal certainties",
    )


def wins(contests: pd.DataFrame) -> pd.DataFrame:
    """Each contest from both sides: one row per judge, contest and writer; `wins` 1.0, 0.0, NaN unless ok.

    `is_neutral` says that the judge wrote neither answer.
    """
    sides = []
    for own, other in permutations(("writer_a", "writer_b"), 2):
        won = (contests["chosen_writer"] == contests[own]).astype(float).where(contests["status"] == "ok")
        neutral = (contests["judge"] != contests[own]) & (contests["judge"] != contests[other])
        columns = {"writer": contests[own], "opponent": contests[other], "wins": won, "is_neutral": neutral}
        sides.append(contests[["item_id", *CLUSTERS, "judge"]].assign(**columns))
    return pd.concat(sides, ignore_index=True)


def self_preference(won: pd.DataFrame) -> pd.DataFrame:
    """How much more often a model prefers its own answer than judges do who wrote neither answer, contest by contest.

    Parameters
    ----------
    won : the result of `wins`

    Returns
    -------
    One row per contest and writer that judged it: difference in [-1, 1]; NaN where it, or every neutral judge, gave no
    verdict. With two models nobody is neutral.
    """
    keys = ["item_id", *CLUSTERS, "writer", "opponent"]
    own = won[won["judge"] == won["writer"]].set_index(keys)["wins"]
    neutral = won[won["is_neutral"]].groupby(keys)["wins"].mean().reindex(own.index)
    return (own - neutral).rename("difference").reset_index()


def judge_statistics(
    judgements: pd.DataFrame,
    pairs: pd.DataFrame,
    answers: pd.DataFrame,
    certainties: pd.DataFrame,
    contests: pd.DataFrame,
) -> pd.DataFrame:
    """What says whether the judge can be trusted.

    Returns
    -------
    Rows of table `validation`: repetition_stability|own; preference_fairness and length_controlled by persona shown;
    overconfidence|own; coverage and risk by the certainty below which the judge abstains; aurc|own; writer_wins by
    judge|writer; self_preference_gap by model and of all.
    """
    judged = held(judgements, pairs)
    once = judged[judged["repeat"] == 0]
    rows = [_rate(repetition_stability(judged), "is_same").row("repetition_stability", "own")]
    fairness, lengths = preference_fairness(once), with_lengths(once, pairs, answers)
    for shown in SHOWN:
        part = fairness[fairness["shown"] == shown]
        rows.append(_mean(part, "fairness").row("preference_fairness", shown))
        rows.append(length_controlled(lengths[lengths["shown"] == shown]).row("length_controlled", shown))
    choices = stated(certainties, pairs)
    surplus = choices.assign(surplus=choices["certainty"] + choices["is_wrong"] - 1)
    rows.append(_mean(surplus, "surplus").row("overconfidence", "own"))
    rows.append(_rate(choices, "is_wrong").row("risk", "all"))
    for least in STATED:
        kept = (choices["certainty"] >= least - 1e-9).where(choices["certainty"].notna())
        rows.append(_rate(choices.assign(is_kept=kept.astype("float64")), "is_kept").row("coverage", f"{least:g}"))
        rows.append(_rate(choices[kept.eq(True)], "is_wrong").row("risk", f"{least:g}"))
    rows.append(area_under_risk(choices).row("aurc", "own"))
    won = wins(contests)
    for (judge, writer), part in won.groupby(["judge", "writer"]):
        rows.append(_rate(part, "wins").row("writer_wins", f"{judge}|{writer}"))
    own = self_preference(won)
    for writer, part in {**dict(iter(own.groupby("writer"))), "all": own}.items():
        rows.append(_mean(part, "difference").row("self_preference_gap", str(writer)))
    return pd.DataFrame(rows)


def _rate(table: pd.DataFrame, value: str) -> resample.Estimate:
    return resample.clustered_rate(table, value=value, clusters=CLUSTERS)


def _mean(table: pd.DataFrame, value: str) -> resample.Estimate:
    return resample.clustered_mean(table, value=value, clusters=CLUSTERS, within=(-1, 1))
