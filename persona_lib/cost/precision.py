"""What a configuration can decide, before anything is asked: how wide its intervals will be, and what they would miss.

A planning rule, not a result. A choice varies by its persona, by its question, by both together, by who judges and
by run (`measuring/components.py` measures the shares). A mean over P personas, Q questions and n pairs of these, each
judged by J raters R times, then has the variance

    p (1 - p) x (persona / P + prompt / Q + persona_prompt / n + judge / (n J) + run / (n J R))     [1]_.

Shares of answers are taken near one half, where they are least certain. The measured intervals of a run replace these
once it is done.

References
----------
.. [1] R. L. Brennan (2001). Generalizability Theory. Springer, chapter 4: decision studies of crossed designs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri, stdtrit

from persona_lib.stages.feedback import pairs_each

# Of the variance of a choice, as planned with where no run has measured them; near those of the demo run.
SHARES: Mapping[str, float] = {"persona": 0.05, "prompt": 0.25, "persona_prompt": 0.35, "judge": 0.05, "run": 0.30}
SHARE = 0.5  # where a share is least certain
LEVEL, POWER = 0.95, 0.8
TURNED, RETEST = 0.05, 0.1  # of the choices: those that an attribute turns, those that change when asked again
MOST = 1_000_000  # personas, prompts, raters or attempts that are looked for


class Design(NamedTuple):
    """Numbers of personas, prompts, pairs of these, raters of each pair and attempts or repetitions of each."""

    n_personas: int
    n_prompts: int
    n_cells: int
    n_raters: int = 1
    n_attempts: int = 1


class Precision(NamedTuple):
    """Half the width of a share's 95 % interval, and the difference of two such shares found with 80 % power."""

    half_width: float
    detectable: float


def precision(design: Design, *, shares: Mapping[str, float] = SHARES) -> Precision:
    """What a design can decide about a share near one half.

    Parameters
    ----------
    design : with fewer than 2 personas or prompts both are 1
    shares : of each component in the variance of a choice, together 1

    Returns
    -------
    Both on the scale of the share, at most 1: at 1 nothing can be decided. The difference is of two shares measured on
    different units; on the same units, paired, smaller ones are found.

    Examples
    --------
    Choices that vary by run alone are independent: 100 of them.

    >>> alone = dict.fromkeys(SHARES, 0.0) | {"run": 1.0}
    >>> [round(value, 2) for value in precision(Design(100, 100, 100), shares=alone)]
    [0.1, 0.2]
    """
    df = min(design.n_personas, design.n_prompts) - 1
    if df < 1:
        return Precision(1.0, 1.0)
    n, n_judged = design.n_cells, design.n_cells * design.n_raters
    spread = shares["persona"] / design.n_personas + shares["prompt"] / design.n_prompts
    spread += shares["persona_prompt"] / n + shares["judge"] / n_judged
    spread += shares["run"] / (n_judged * design.n_attempts)
    error = math.sqrt(SHARE * (1 - SHARE) * spread)
    quantile = float(stdtrit(df, 0.5 + LEVEL / 2))
    found = (quantile + float(ndtri(POWER))) * error * math.sqrt(2)
    return Precision(min(1.0, quantile * error), min(1.0, found))


def needed(target: float, design: Design, *, shares: Mapping[str, float] = SHARES) -> dict[str, float]:
    """How many personas, prompts, raters or attempts give a half width of `target`, all else as in the design.

    A persona keeps its number of prompts, and a prompt its number of personas; `personas_and_prompts` multiplies both,
    and is told as the number of personas. NaN where no number suffices: then the variance is another's.

    Examples
    --------
    >>> found = needed(0.05, Design(40, 40, 40))
    >>> found["personas_and_prompts"], found["attempts"]
    (387.0, nan)
    """
    each, of_prompt = design.n_cells / design.n_personas, design.n_cells / design.n_prompts
    ways: dict[str, Callable[[int], Design]] = {
        "personas": lambda m: design._replace(n_personas=m, n_cells=round(m * each)),
        "prompts": lambda m: design._replace(n_prompts=m, n_cells=round(m * of_prompt)),
        "personas_and_prompts": lambda m: design._replace(
            n_personas=m, n_prompts=round(m * design.n_prompts / design.n_personas), n_cells=round(m * each)
        ),
        "raters": lambda m: design._replace(n_raters=m),
        "attempts": lambda m: design._replace(n_attempts=m),
    }
    return {name: _least(target, way, shares) for name, way in ways.items()}


def _least(target: float, way: Callable[[int], Design], shares: Mapping[str, float]) -> float:
    """The smallest whole number whose design reaches the half width, where all greater ones do; NaN if none does."""
    if precision(way(MOST), shares=shares).half_width > target:
        return float("nan")
    low, high = 0, MOST
    while high - low > 1:
        middle = (low + high) // 2
        is_enough = precision(way(middle), shares=shares).half_width <= target
        low, high = (low, middle) if is_enough else (middle, high)
    return float(high)


def shares_of(statistics: pd.DataFrame) -> dict[str, float] | None:
    """The shares of the components that a run measured (`variance_share` of table `pluralism`), together 1.

    A share below 0, which chance alone makes, counts as 0. None where one is missing or undefined.
    """
    rows = statistics[statistics["statistic"] == "variance_share"].set_index("group")["estimate"]
    found = rows.reindex(list(SHARES)).clip(lower=0)
    total = found.sum()
    return None if found.isna().any() or not total > 0 else {str(k): float(v) for k, v in (found / total).items()}


def ablation_power(
    n_cells: int, n_clusters: int, *, turned: float = TURNED, retest: float = RETEST
) -> dict[str, float]:
    """Chance that the leave-one-out finds an attribute that turns a share of the choices, by two estimators.

    A judge whose choice is as it should be but for noise changes a share `retest` of its choices when asked again. With
    one arm asked twice, `flips` is a choice's change between the arms less that within one of them. With both asked
    twice, `product` is (x1 - y1)(x2 - y2). Both estimate the same; their variances per cell are

        turned d + (1 - turned) r - mean^2      and      turned d^2 + (1 - turned) r^2 - mean^2

    with r = retest, d = 1 - r and mean = turned (1 - 2 r), for d is the chance that a turned choice differs. Cells are
    taken as independent, the t quantile has the smaller number of personas or questions less one.

    Parameters
    ----------
    n_cells : personas x questions; `flips` makes three calls of each, `product` four
    n_clusters : the smaller number of personas and questions

    Examples
    --------
    At 2,400 calls, 600 cells of the one and 800 of the other:

    >>> [round(ablation_power(n, 20, turned=0.04)[name], 2) for n, name in ((800, "flips"), (600, "product"))]
    [0.66, 0.96]
    """
    if n_clusters < 2:
        return {"flips": float("nan"), "product": float("nan")}
    mean, differs = turned * (1 - 2 * retest), 1 - retest
    quantile = float(stdtrit(n_clusters - 1, 0.5 + LEVEL / 2))
    found = {}
    for name, power_of in (("flips", 1), ("product", 2)):
        variance = turned * differs**power_of + (1 - turned) * retest**power_of - mean**2
        found[name] = float(ndtr(mean / math.sqrt(variance / n_cells) - quantile))
    return found


def planned_precision(settings: Mapping, *, shares: Mapping[str, float] = SHARES) -> pd.DataFrame:
    """What each section of a run can decide at its sizes.

    Returns
    -------
    One row per section that asks anything: notebook, what (the share that it is about), n_personas, n_prompts, n_cells,
    n_raters, n_attempts, half_width, detectable.
    """
    feedback, pool, ablation = settings["feedback"], settings["pool"], settings["ablation"]
    n, n_judged = settings["personas"]["n"], settings["validation"]["n_pairs"]
    n_prompts, n_train = settings["prompts"]["n"], settings["prompts"]["n_train"]
    n_bench, n_tried = settings["benchmark"]["n_items"], settings["pass_at_k"]["n_items"]
    n_heldout, n_models = n_prompts - n_train, len(settings["roles"]["contestants"])
    n_met = settings["validation"]["n_contests"]
    tried = Design(min(n, n_tried), min(n_heldout, n_tried), n_tried, 1, settings["pass_at_k"]["n_attempts"])
    bench = Design(min(n, n_bench), min(n_heldout, n_bench), n_bench)
    rows = [
        ("05 feedback", "revisions that keep the rules", Design(n, n_prompts, n * pairs_each(feedback))),
        ("06 validation", "pairs whose order holds", Design(min(n, n_judged), min(n_prompts, n_judged), n_judged,
         1, 2)),
        ("06 validation", "contests that one model wins before one judge", Design(min(n, n_met), min(n_heldout, n_met),
         n_met, 1, max(n_models - 1, 1))),
        ("07 agreement", "same choice of a model and the raters", _crossed(pool["n_panel_personas"],
         pool["n_panel_items"], pool["n_raters"])),
        ("08 ablation", "choices that one attribute flips", _crossed(ablation["n_personas"], ablation["n_questions"])),
        ("08 ablation", "choices as of the whole persona", _crossed(pool["n_panel_personas"], pool["n_items"])),
        ("09 benchmark", "answers of one model that pass in one mode", bench),
        ("09 benchmark", "answers of all models that pass in one mode", bench._replace(n_attempts=n_models)),
        ("10 pass_at_k", "attempts of one model that pass", tried),
        ("11 pluralism", "choices with the majority, of a tenth of the personas", _crossed(n // 10, pool["n_items"])),
    ]  # fmt: skip
    asked = [(*names, *design, *precision(design, shares=shares)) for *names, design in rows if design.n_cells]
    found = pd.DataFrame(asked)
    return found.set_axis(["notebook", "what", *Design._fields, *Precision._fields], axis=1)


def _crossed(n_personas: int, n_prompts: int, n_raters: int = 1) -> Design:
    return Design(n_personas, n_prompts, n_personas * n_prompts, n_raters)


def needed_for(
    planned: pd.DataFrame, targets: tuple[float, ...] = (0.1, 0.05), *, shares: Mapping[str, float] = SHARES
) -> pd.DataFrame:
    """How many personas, prompts, raters or attempts each section would need: `needed` of the rows of a plan.

    Returns
    -------
    One row per section and target: notebook, what, half_width (the target) and the numbers; NaN where none suffices.
    """
    rows = []
    for row in planned.to_dict("records"):
        design = Design(**{name: row[name] for name in Design._fields})
        for target in targets:
            known = {"notebook": row["notebook"], "what": row["what"], "half_width": target}
            rows.append(known | needed(target, design, shares=shares))
    return pd.DataFrame(rows).replace({np.nan: None}).convert_dtypes()


def precision_sentences(settings: Mapping, *, shares: Mapping[str, float] = SHARES, measured: bool = False) -> str:
    """The planned precision as a table of text, and the power of the leave-one-out."""
    planned = planned_precision(settings, shares=shares)
    whence = "as this run measured them" if measured else "as assumed before any run"
    said = ", ".join(f"{name} {share:.2f}" for name, share in shares.items())
    lines = [f"what it can decide: half the width of a 95 % interval, and the difference found with {POWER:.0%} power"]
    lines += [f"(shares of the variance of a choice, {whence}: {said})", ""]
    lines.append(f"{'section':<15}{'share of':<55}{'personas':>9}{'prompts':>9}{'pairs':>8}{'half':>7}{'found':>7}")
    for row in planned.itertuples():
        sizes = f"{row.n_personas:>9,}{row.n_prompts:>9,}{row.n_cells:>8,}{row.half_width:>7.3f}{row.detectable:>7.3f}"
        lines.append(f"{row.notebook:<15}{row.what:<55}{sizes}")
    one = settings["ablation"]
    n_cells, fewest = one["n_personas"] * one["n_questions"], min(one["n_personas"], one["n_questions"])
    power = ablation_power(n_cells, fewest)
    lines.append("")
    lines.append(
        f"08 ablation: an attribute that turns {TURNED:.0%} of the choices of a judge who repeats {1 - RETEST:.0%} of"
        f" them is found with power {power['product']:.2f}; with one arm asked once it would be {power['flips']:.2f}"
    )
    return "\n".join(lines)
