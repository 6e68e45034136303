"""From chances to truths, as in `expected`: what says of a judge or an examiner how far it can be trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from persona_lib.simulator.expected import SHOWN, Truth, same

LEAST_STATED = (0.6, 0.75, 0.9)  # certainties below which the notebook lets a judge abstain


def reliability(ab: Mapping[str, np.ndarray], ba: Mapping[str, np.ndarray], longer: np.ndarray) -> Truth:
    """repetition_stability, and by persona shown preference_fairness and length_controlled.

    Parameters
    ----------
    ab, ba : chance that the revision is preferred, shown second (ab) and first (ba), as in `expected.held`
    longer : by how many words the revision of each pair is longer than the first answer

    Examples
    --------
    The judge always takes what stands first, whoever is shown.

    >>> second, first = ({shown: np.full(3, chance) for shown in SHOWN} for chance in (0.0, 1.0))
    >>> float(reliability(second, first, np.array([-1.0, 0.0, 1.0]))["preference_fairness", "own"])
    -1.0
    """
    found: Truth = {("repetition_stability", "own"): same(ab["own"], ab["own"])}
    length = np.tanh(longer / longer.std()) if longer.std() > 0 else None
    for shown in SHOWN:
        found["preference_fairness", shown] = float(np.mean(ab[shown] - ba[shown]))
        if length is not None:
            found["length_controlled", shown] = _at_equal_length((ab[shown] + ba[shown]) / 2, length)
    return found


def _at_equal_length(chances: np.ndarray, length: np.ndarray) -> float:
    """What a logit of these chances on the length says at length 0: the limit of what choices give."""
    import statsmodels.api as sm

    fit = sm.GLM(chances, sm.add_constant(length), family=sm.families.Binomial()).fit()
    return float(1 / (1 + np.exp(-fit.params[0])))


def certainty(right: np.ndarray, stated: np.ndarray) -> Truth:
    """overconfidence, risk, coverage and aurc of a judge who states how certain it is.

    Parameters
    ----------
    right : chance that the pair's order is chosen, choice by choice
    stated : the certainty stated with it
    """
    found: Truth = {("overconfidence", "own"): stated.mean() - right.mean(), ("risk", "all"): 1 - right.mean()}
    for least in LEAST_STATED:
        kept = stated >= least - 1e-9
        found["coverage", f"{least:g}"] = kept.mean()
        if kept.any():
            found["risk", f"{least:g}"] = 1 - right[kept].mean()
    before = wrong_before = area = 0.0
    for level in np.unique(np.round(stated, 6))[::-1]:
        at = np.abs(stated - level) < 1e-6
        share, wrong = at.mean(), (1 - right[at]).sum() / len(right)
        area += wrong
        if before > 0:  # of one certainty all come together, in any order
            area += (wrong_before - wrong / share * before) * np.log1p(share / before)
        before, wrong_before = before + share, wrong_before + wrong
    return found | {("aurc", "own"): area}


def contests(won: Mapping[tuple[str, str, str], np.ndarray], writers: Sequence[str]) -> Truth:
    """writer_wins by judge|writer, and self_preference_gap by model and of all, where three or more write.

    Parameters
    ----------
    won : by judge, writer and opponent the chance that the judge prefers the writer's answer, contest by contest
    """
    rates = {key: float(np.mean(chances)) for key, chances in won.items()}
    found: Truth = {}
    for judge in writers:
        for writer in writers:
            against = [rates[judge, writer, other] for other in writers if other != writer]
            if against:
                found["writer_wins", f"{judge}|{writer}"] = float(np.mean(against))
    if len(writers) < 3:
        return found
    own = {}
    for writer in writers:
        own[writer] = float(
            np.mean(
                [
                    rates[writer, writer, other]
                    - np.mean([rates[judge, writer, other] for judge in writers if judge not in (writer, other)])
                    for other in writers
                    if other != writer
                ]
            )
        )
    found |= {("self_preference_gap", writer): value for writer, value in own.items()}
    return found | {("self_preference_gap", "all"): float(np.mean(list(own.values())))}


def examiner(accepted: np.ndarray, own: np.ndarray, swapped: np.ndarray, generic: np.ndarray) -> Truth:
    """sensitivity and specificity of an examiner, on pairs that the judge accepts.

    Parameters
    ----------
    accepted : chance that the judge prefers each pair's revision in both orders
    own, swapped, generic : chance that the revision passes for its persona, for another one, and that the answer
        before it passes for its persona
    """
    passed = {
        name: float(np.average(chances, weights=accepted))
        for name, chances in (("own", own), ("swapped", swapped), ("generic", generic))
    }
    found: Truth = {("sensitivity", "accepted"): passed["own"]}
    found |= {("specificity", name): 1 - passed[name] for name in ("swapped", "generic")}
    return found | {("specificity", "all"): 1 - (passed["swapped"] + passed["generic"]) / 2}


def corrected(found: Truth) -> Truth:
    """What every pass rate by model and mode comes to with the examiner's errors taken out; may lie outside [0, 1]."""
    right, wrong = found["sensitivity", "accepted"], 1 - found["specificity", "all"]
    rates = {group: rate for (statistic, group), rate in found.items() if statistic == "pass_rate" and "|" in group}
    return {("corrected", group): (rate - wrong) / (right - wrong) for group, rate in rates.items()}
