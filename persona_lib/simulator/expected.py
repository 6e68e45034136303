"""From chances to truths: what the statistics of a study are on average where every choice has a known chance.

The chances are of cells drawn from a population (a person, a question, an order); a mean over cells integrates over
the population. No choice is drawn (but by `central`), so the noise of the choices is integrated exactly. A truth is
keyed by (statistic, group) as the statistics tables are. Kappa and its relatives are those of the expected counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from scipy.stats import binom

from persona_lib.simulator.world import Model

Truth = dict[tuple[str, str], float]
SHOWN = ("own", "values", "swapped", "none")
N_DRAWS = 50  # of the choices that say who is near the majority


def statuses(who: Model) -> Truth:
    """refused, unparsed and scored of calls to one model whose answers must have a form."""
    refused, unparsed = who.refusal_rate, (1 - who.refusal_rate) * who.malformed_rate
    return {("refused", "all"): refused, ("unparsed", "all"): unparsed, ("scored", "all"): 1 - refused - unparsed}


def held(ab: Mapping[str, np.ndarray], ba: Mapping[str, np.ndarray]) -> Truth:
    """holds, order_consistency, first_position, persona_effect and values_consistency of pairs judged in both orders.

    Parameters
    ----------
    ab, ba : chance that the revision is preferred, shown second (ab) and first (ba); one array of pairs for each
        persona shown: own, values (its stated values alone), swapped, none

    Examples
    --------
    The judge always takes what stands first, whoever is shown.

    >>> second, first = ({shown: np.array([chance]) for shown in SHOWN} for chance in (0.0, 1.0))
    >>> found = held(second, first)
    >>> [float(found[key]) for key in (("holds", "own"), ("first_position", "all"), ("order_consistency", "own"))]
    [0.5, 1.0, 0.0]
    """
    holds = {shown: (ab[shown].mean() + ba[shown].mean()) / 2 for shown in SHOWN}
    first = {shown: (1 - ab[shown].mean() + ba[shown].mean()) / 2 for shown in SHOWN}
    found: Truth = {("holds", shown): value for shown, value in holds.items()}
    found |= {("holds", "own_ab"): ab["own"].mean(), ("holds", "own_ba"): ba["own"].mean()}
    found |= {("persona_effect", f"own-{other}"): holds["own"] - holds[other] for other in SHOWN[1:]}
    found |= {("order_consistency", shown): same(ab[shown], ba[shown]) for shown in SHOWN}
    found |= {("first_position", shown): value for shown, value in first.items()}
    found["values_consistency", "own"] = (same(ab["own"], ab["values"]) + same(ba["own"], ba["values"])) / 2
    return found | {("first_position", "all"): np.mean(list(first.values()))}


def same(x: np.ndarray, y: np.ndarray) -> float:
    """Chance that two independent choices with these chances agree, averaged over cells."""
    return float(np.mean(x * y + (1 - x) * (1 - y)))


def flips(name: str, without: np.ndarray, with_it: np.ndarray) -> Truth:
    """flip_rate, retest_flip_rate and excess_flip of one attribute.

    The retest is the mean of both arms', so the excess is the mean square of the difference of the chances.

    Parameters
    ----------
    without, with_it : chance of answer b in the two arms, cell by cell; each arm is asked twice

    Examples
    --------
    A coin in one arm and certainty in the other.

    >>> flips("sex", np.array([0.5]), np.array([1.0]))["excess_flip", "sex"]
    0.25
    """
    flip, retest = 1 - same(without, with_it), 1 - (same(without, without) + same(with_it, with_it)) / 2
    return {("flip_rate", name): flip, ("retest_flip_rate", name): retest, ("excess_flip", name): flip - retest}


def arm_kappas(name: str, without: np.ndarray, with_it: np.ndarray) -> Truth:
    """kappa between the two arms of one attribute, and kappa_retest of the arm without, from chances as in `flips`."""
    return {("kappa", name): kappa(without, with_it), ("kappa_retest", name): kappa(without, without)}


def mean_arm_kappas(name: str, without: np.ndarray, with_it: np.ndarray, rng: np.random.Generator) -> Truth:
    """mean_kappa and mean_kappa_retest of one attribute: over persons, each with a kappa over so many questions.

    A kappa of few choices is no function of their chances, and has none where a side never varies. So the choices are
    drawn, fifty times, and the kappas that exist are averaged.

    Parameters
    ----------
    without, with_it : chance of answer b in the two arms, persons x questions

    Examples
    --------
    Certain choices, of one person the same in both arms, of the other the opposite; the retest repeats them.

    >>> arm = np.array([[1.0, 0.0], [1.0, 0.0]])
    >>> mean_arm_kappas("sex", arm, np.array([[1.0, 0.0], [0.0, 1.0]]), np.random.default_rng(1))
    {('mean_kappa', 'sex'): 0.0, ('mean_kappa_retest', 'sex'): 1.0}
    """
    sums, counts = np.zeros(2), np.zeros(2)
    for _ in range(N_DRAWS):
        first, *others = (rng.random(arm.shape) < arm for arm in (without, with_it, without))
        for k, second in enumerate(others):
            agree, x, y = (part.mean(axis=1) for part in (first == second, first, second))
            by_chance = x * y + (1 - x) * (1 - y)
            varied = (x > 0) & (x < 1) & (y > 0) & (y < 1)
            sums[k] += ((agree - by_chance)[varied] / (1 - by_chance)[varied]).sum()
            counts[k] += varied.sum()
    means = sums / np.where(counts > 0, counts, np.nan)
    return {("mean_kappa", name): float(means[0]), ("mean_kappa_retest", name): float(means[1])}


def with_whole(whole: np.ndarray, by_lines: Mapping[str, np.ndarray]) -> Truth:
    """agreement_with_whole and kappa_with_whole of some lines of a description, and lines_difference between them.

    Parameters
    ----------
    whole : chance of answer b, cell by cell, of a judge who is shown the whole description; asked again, the same
    by_lines : the same by the lines shown, demographic and idiosyncratic among them
    """
    found: Truth = {}
    for lines, chances in {**by_lines, "retest": whole}.items():
        found |= {
            ("agreement_with_whole", lines): same(chances, whole),
            ("kappa_with_whole", lines): kappa(chances, whole),
        }
    apart = found["agreement_with_whole", "idiosyncratic"] - found["agreement_with_whole", "demographic"]
    return found | {("lines_difference", "idiosyncratic-demographic"): apart}


def kappa(x: np.ndarray, y: np.ndarray) -> float:
    """Cohen's kappa of two who choose b independently with these chances, cell by cell.

    Examples
    --------
    >>> kappa(np.array([1.0, 0.0]), np.array([1.0, 0.0]))
    1.0
    """
    return _beyond(same(x, y), x.mean() * y.mean() + (1 - x.mean()) * (1 - y.mean()))


def _beyond(agree: float, by_chance: float) -> float:
    return float((agree - by_chance) / (1 - by_chance))


def majority(chances: Sequence[np.ndarray]) -> np.ndarray:
    """Chance that most of three independent raters choose answer b."""
    x, y, z = chances
    return x * y + x * z + y * z - 2 * x * y * z


def agreement(x: np.ndarray, y: np.ndarray, *, swapped: np.ndarray) -> dict[str, float]:
    """raw_agreement, kappa_content, kappa_position, pabak, ac1 and alpha of two sides.

    Parameters
    ----------
    x, y : chance of answer b, cell by cell
    swapped : where answer b is shown first, to both sides
    """
    agree, share = same(x, y), (x.mean() + y.mean()) / 2
    return {
        "raw_agreement": agree,
        "kappa_content": kappa(x, y),
        "kappa_position": kappa(np.where(swapped, 1 - x, x), np.where(swapped, 1 - y, y)),
        "pabak": 2 * agree - 1,
        "ac1": _beyond(agree, 2 * share * (1 - share)),
        "alpha": _beyond(agree, share**2 + (1 - share) ** 2),
    }


def fleiss(chances: Sequence[np.ndarray]) -> float:
    """Fleiss' kappa of several who choose b independently with these chances, cell by cell; NaN of fewer than two.

    Examples
    --------
    >>> fleiss([np.array([1.0, 0.0]), np.array([1.0, 0.0]), np.array([1.0, 0.0])])
    1.0
    """
    if len(chances) < 2:
        return float("nan")
    agree = float(np.mean([same(x, y) for x, y in combinations(chances, 2)]))
    share = float(np.mean([x.mean() for x in chances]))
    return _beyond(agree, share**2 + (1 - share) ** 2)


def with_majority(chances: np.ndarray, *, n_others: int) -> tuple[np.ndarray, np.ndarray]:
    """Chance that a choice is that of most of the others, and that it is not; both 0 where the others are split.

    Parameters
    ----------
    chances : of answer b, persons x items; the persons stand for all that the others may be
    n_others : how many others there are

    Examples
    --------
    One other, who chooses b with chance 0.75 whoever he is: a person sure of b meets b in three cases of four.

    >>> fits, departs = with_majority(np.array([[1.0], [0.5]]), n_others=1)
    >>> fits.tolist(), departs.tolist()
    ([[0.75], [0.5]], [[0.25], [0.5]])
    """
    share = chances.mean(axis=0)
    most_b, most_a = binom.sf(n_others // 2, n_others, share), binom.cdf((n_others - 1) // 2, n_others, share)
    return chances * most_b + (1 - chances) * most_a, chances * most_a + (1 - chances) * most_b


def item_majorities(chances: np.ndarray, item_ids: Sequence[str], *, n_others: int) -> Truth:
    """majority_share and minority_share of single items.

    Parameters
    ----------
    chances : of answer b, persons x items
    """
    fits, departs = (part.sum(axis=0) for part in with_majority(chances, n_others=n_others))
    found: Truth = {}
    for item_id, share, fit in zip(item_ids, chances.mean(axis=0), fits / (fits + departs), strict=True):
        found |= {("majority_share", item_id): fit, ("minority_share", item_id): min(share, 1 - share)}
    return found


def majorities(chances: np.ndarray, *, n_others: int, groups: Mapping[str, np.ndarray]) -> Truth:
    """majority_share and representative of a pool, fits_majority and group_difference of groups of persons.

    Also worst_group and group_gap of the sexes; which groups of other attributes count depends on who is in the run.

    Parameters
    ----------
    chances : of answer b, persons x items
    groups : which persons are of each group
    """
    fits, departs = (part.sum(axis=1) for part in with_majority(chances, n_others=n_others))

    def share(chosen: np.ndarray) -> float:
        known = (fits + departs)[chosen].sum()
        return float(fits[chosen].sum() / known) if known > 0 else float("nan")

    found = {("majority_share", "all"): share(fits >= 0), ("representative", "all"): 1 - chances.mean()}
    for name, inside in groups.items():
        found["fits_majority", name] = share(inside)
        found["group_difference", name] = share(inside) - share(~inside)
    sexes = [found["fits_majority", name] for name in groups if name.startswith("sex|")]
    if len(sexes) == 2:
        found |= {("worst_group", "sex"): min(sexes), ("group_gap", "sex"): max(sexes) - min(sexes)}
    return found


def central(chances: np.ndarray, passed: Mapping[str, np.ndarray], rng: np.random.Generator) -> Truth:
    """likeness, and pass_rate, central_claim and central_slope of answers that were written for nobody.

    Who counts as near the majority depends on choices that were really made, on few items. So here alone choices are
    drawn, fifty times, and the chances to pass are averaged on both sides of the median. Nothing where all are alike.

    Parameters
    ----------
    chances : of answer b of the pool's items, persons x items
    passed : by model the chance that the examiner, in each person's place, passes an answer
    """
    together = {"all": np.mean(list(passed.values()), axis=0), **passed}
    draws = []
    for _ in range(N_DRAWS):
        chose_b = rng.random(chances.shape) < chances
        likeness = (chose_b == (chose_b.mean(axis=0) > 0.5)).mean(axis=1)
        near = likeness >= np.median(likeness)
        if near.all():
            continue
        apart = {("central_claim", name): part[near].mean() - part[~near].mean() for name, part in together.items()}
        sides = {("pass_rate", side): together["all"][at].mean() for side, at in (("near", near), ("far", ~near))}
        tenths = 10 * (likeness - likeness.mean())
        slope = tenths @ together["all"] / (tenths @ tenths)
        draws.append(apart | sides | {("likeness", "all"): likeness.mean(), ("central_slope", "all"): slope})
    return {key: float(np.mean([drawn[key] for drawn in draws])) for key in (draws[0] if draws else ())}


def influences(parts: Mapping[str, np.ndarray]) -> Truth:
    """influence of every attribute: its share of the variance of what is a person's own.

    Parameters
    ----------
    parts : what each attribute adds to each person's position, persons x dimensions

    Examples
    --------
    >>> influences({"sex": np.array([[1.0], [-1.0]]), "race": np.array([[3.0], [-3.0]])})["influence", "race"]
    0.9
    """
    variance = {name: float(part.var(axis=0).sum()) for name, part in parts.items()}
    total = sum(variance.values())
    return {("influence", name): value / total for name, value in variance.items()}
