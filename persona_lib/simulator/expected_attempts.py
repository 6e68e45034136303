"""From chances to truths, as in `expected`: what the statistics of attempts and of summaries are on average."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np

from persona_lib.simulator.expected import Truth


def examined(own: Mapping[tuple[str, str], np.ndarray], other: Mapping[str, np.ndarray]) -> Truth:
    """pass_rate, difference and calibration of the benchmark, by model and of `all` models together.

    Parameters
    ----------
    own : chance to pass by (model, mode), in the order of the modes, for the persons that the answers are for
    other : chance to pass by model of the output_only answers, examined for other persons
    """
    models, modes = (list(dict.fromkeys(key[i] for key in own)) for i in (0, 1))
    rates = {key: chances.mean() for key, chances in own.items()}
    rates |= {("all", mode): np.mean([rates[name, mode] for name in models]) for mode in modes}
    found: Truth = {("pass_rate", f"{name}|{mode}"): rate for (name, mode), rate in rates.items()}
    for name in [*models, "all"]:
        for reference, mode in combinations(modes, 2):
            found["difference", f"{name}|{mode}-{reference}"] = rates[name, mode] - rates[name, reference]
    kinds = {"own": rates["all", "output_only"], "other": np.mean([chances.mean() for chances in other.values()])}
    kinds["generic"] = rates["all", "baseline"]
    found |= {("calibration", kind): rate for kind, rate in kinds.items()}
    return found | {("calibration", f"own-{kind}"): kinds["own"] - kinds[kind] for kind in ("other", "generic")}


def at_k(chances: np.ndarray, k: int) -> float:
    """Chance that at least one of k attempts at an item passes, averaged over items.

    Parameters
    ----------
    chances : items x n independent attempts, n >= k: the chance to pass of answers drawn anew for each. The mean over
        all choices of k of them estimates the chance without bias.

    Examples
    --------
    Of two answers one would pass for sure, the other never: any one passes in half the cases, two always.

    >>> at_k(np.array([[1.0, 0.0]]), 1), at_k(np.array([[1.0, 0.0]]), 2)
    (0.5, 1.0)
    """
    fails = np.zeros((k + 1, len(chances)))  # row j: mean product of j of the chances to fail seen so far
    fails[0] = 1
    for n_seen, miss in enumerate((1 - chances).T, start=1):
        for j in range(min(k, n_seen), 0, -1):
            fails[j] = (fails[j] * (n_seen - j) + fails[j - 1] * miss * j) / n_seen
    return float(1 - fails[k].mean())


def repeated(chances: Mapping[tuple[str, str], np.ndarray], *, again: Sequence[str]) -> Truth:
    """pass_at_k, gain, persona_gain, model_difference, reexamined and variety at powers of two and at all attempts.

    Parameters
    ----------
    chances : items x attempts by (model, mode), baseline among the modes
    again : the modes whose answers are also examined again and again; each answer has its own chance to pass
    """
    n = next(iter(chances.values())).shape[1]
    ks = sorted({2**power for power in range(n.bit_length())} | {n})
    rates = {(*key, k): at_k(values, k) for key, values in chances.items() for k in ks}
    found: Truth = {}
    for (name, mode, k), rate in rates.items():
        found["pass_at_k", f"{name}|{mode}|{k}"] = rate
        if k > 1:
            found["gain", f"{name}|{mode}|{k}"] = rate - rates[name, mode, 1]
        if mode != "baseline":
            found["persona_gain", f"{name}|{mode}|{k}"] = rate - rates[name, "baseline", k]
        if mode in again:
            noise = float(np.mean(1 - (1 - chances[name, mode]) ** k))
            found["reexamined", f"{name}|{mode}|{k}"] = noise
            found["variety", f"{name}|{mode}|{k}"] = rate - noise
        for other in {known for known, *_ in chances if known > name}:
            found["model_difference", f"{name}-{other}|{mode}|{k}"] = rate - rates[other, mode, k]
    return found


def dropped(chances: Mapping[str, Mapping[str, float]], *, extractor_error: float) -> Truth:
    """drop_rate of all, of attributes and by model; n_dropped of summaries, as the extractor sees them.

    Parameters
    ----------
    chances : by model and attribute, that a summary leaves the attribute out
    extractor_error : chance that the extractor says the contrary of what is so
    """
    e = extractor_error
    seen = {m: {a: c * (1 - e) + (1 - c) * e for a, c in own.items()} for m, own in chances.items()}
    found = {("drop_rate", f"{m}|{a}"): chance for m, own in seen.items() for a, chance in own.items()}
    for attribute in next(iter(seen.values())):
        found["drop_rate", attribute] = float(np.mean([own[attribute] for own in seen.values()]))
    for name, own in seen.items():
        found["n_dropped", name] = sum(own.values())
    found["n_dropped", "all"] = float(np.mean([found["n_dropped", name] for name in seen]))
    found["drop_rate", "all"] = float(np.mean([chance for own in seen.values() for chance in own.values()]))
    return found


def concordance(chances: np.ndarray, rng: np.random.Generator) -> Truth:
    """kendall_w_question: Kendall's W between models over the attributes dropped on one question, averaged.

    Dropped or not is drawn, once for each question: a ratio of what is drawn has no expectation in closed form.

    Parameters
    ----------
    chances : that the extractor says dropped, given what the question decides: questions x models x attributes
    """
    n_models, n = chances.shape[1:]
    if n_models < 2:
        return {}
    is_dropped = rng.random(chances.shape) < chances
    n_out = is_dropped.sum(axis=2, keepdims=True)
    # Ranks with ties: the dropped share the upper places, the others the lower ones.
    ranks = np.where(is_dropped, n - (n_out - 1) / 2, (n - n_out + 1) / 2)
    sums = ranks.sum(axis=1)
    square = ((sums - sums.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
    ties = (n_out**3 - n_out + (n - n_out) ** 3 - (n - n_out)).sum(axis=(1, 2))
    most = n_models**2 * (n**3 - n) - n_models * ties
    known = most > 0
    return {("kendall_w_question", "all"): float(np.mean(12 * square[known] / most[known]))} if known.any() else {}
