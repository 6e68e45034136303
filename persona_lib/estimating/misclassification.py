"""What a share is worth that was told by somebody who errs: corrected for known rates of error, with their own errors.

A verdict is right with chance `sensitivity` where it should be yes, and with chance `specificity` where it should be
no. Of a true share s the verdict then says yes in p = s x sensitivity + (1 - s) x (1 - specificity), and so

    s = (p + specificity - 1) / (sensitivity + specificity - 1)     [1]_.

References
----------
.. [1] W. J. Rogan, B. Gladen (1978). Estimating prevalence from the results of a screening test. American Journal of
   Epidemiology 107, 71-76.
.. [2] Z. Lang, J. Reiczigel (2014). Confidence limits for prevalence of disease adjusted for estimated sensitivity and
   specificity. Preventive Veterinary Medicine 113, 13-22.
"""

from __future__ import annotations

import numpy as np
from scipy import stats

from persona_lib.estimating.resample import LEVEL, Estimate

LEAST = 1.2  # sensitivity + specificity below which verdicts say too little to correct anything


def rogan_gladen(rate: float, sensitivity: float, specificity: float) -> float:
    """The true share behind a share of verdicts, kept within [0, 1]; NaN where the two sum to less than `LEAST`.

    Examples
    --------
    Of 150 cows 23 were positive in a test with sensitivity 0.96 and specificity 0.89: about 5 in 100 are diseased.

    >>> round(rogan_gladen(23 / 150, 0.96, 0.89), 3)
    0.051
    """
    if not sensitivity + specificity >= LEAST:
        return float("nan")
    return float(np.clip((rate + specificity - 1) / (sensitivity + specificity - 1), 0, 1))


def lang_reiczigel(
    rate: float,
    sensitivity: float,
    specificity: float,
    *,
    n: float,
    n_sensitivity: float,
    n_specificity: float,
    critical: float,
) -> tuple[float, float]:
    """Interval of the corrected share that carries the errors of all three shares [2]_; kept within [0, 1].

    The observed share is moved towards one half by `critical` squared trials, the other two by two trials each, and
    the interval is shifted as the authors do. Numbers of trials may be effective ones; the three shares are taken as
    independent.

    Parameters
    ----------
    n, n_sensitivity, n_specificity : trials behind each share, above 0
    critical : quantile of the interval, 1.96 for a level of 95 % and many trials
    """
    z = critical
    p, n_p = (rate * n + z * z / 2) / (n + z * z), n + z * z
    yes, n_yes = (sensitivity * n_sensitivity + 1) / (n_sensitivity + 2), n_sensitivity + 2
    no, n_no = (specificity * n_specificity + 1) / (n_specificity + 2), n_specificity + 2
    share = (p + no - 1) / (yes + no - 1)
    of_yes, of_no = yes * (1 - yes) / n_yes, no * (1 - no) / n_no
    error = np.sqrt(p * (1 - p) / n_p + share**2 * of_yes + (1 - share) ** 2 * of_no) / abs(yes + no - 1)
    middle = share + 2 * z * z * (share * of_yes - (1 - share) * of_no)
    low, high = np.clip([middle - z * error, middle + z * error], 0, 1)
    return float(low), float(high)


def corrected(rate: Estimate, sensitivity: Estimate, specificity: Estimate) -> Estimate:
    """A clustered share corrected for the two others, with the interval at their effective numbers of rows.

    The quantile is the t of the fewest clusters behind any of them. Undefined (NaN) where one of the three is, or where
    sensitivity and specificity sum to less than `LEAST`; the interval also where one of them has none.
    """
    method = "Rogan-Gladen; Lang-Reiczigel interval at the effective n of three clustered shares, t quantile"
    parts = (rate, sensitivity, specificity)
    value = rogan_gladen(*(part.estimate for part in parts))
    low = high = float("nan")
    df = min(part.df for part in parts)
    if np.isnan(value):
        total = sensitivity.estimate + specificity.estimate
        method += f"; undefined, sensitivity + specificity = {total:.2f} is below {LEAST}" if total < LEAST else ""
    elif all(part.n_effective > 0 for part in parts):
        ns = (part.n_effective for part in parts)
        n, n_yes, n_no = ns
        critical = float(stats.t.ppf(0.5 + LEVEL / 2, df))
        given = {"n": n, "n_sensitivity": n_yes, "n_specificity": n_no, "critical": critical}
        low, high = lang_reiczigel(*(part.estimate for part in parts), **given)
        low, high = min(low, value), max(high, value)
    return Estimate(value, low, high, rate.n, rate.n_excluded, method, df=df)
